import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from fake_loop import bowl, empty_workspace, fake_loop, flat, study_in
from test_page import ALLOWED, Page

from penname.core.workspace import Workspace
from penname.tune.report import parallel, read_summary, render_tuning, tuned_sections, tuning_section
from penname.tune.tunables import Tunable


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    made = empty_workspace(tmp_path)
    with study_in(made, "random") as study:
        fake_loop(made, study, bowl, monkeypatch, trials=24, proposer="random").run()
    return made


def test_the_page_stands_alone_and_all_its_drawings_are_valid(workspace: Workspace) -> None:
    text = (workspace.folder / "tuning.html").read_text(encoding="utf-8")
    page = Page(text)
    assert {tag for tag, _ in page.elements} <= ALLOWED
    assert "http://" not in text and "https://" not in text and "<script" not in text
    drawings = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(drawings) == 3, "history, parallel coordinates, importance"
    for drawing in drawings:
        root = ET.fromstring(drawing)
        assert root.get("aria-label")
        for element in root.iter():
            for name in ("x", "y", "cx", "cy", "width", "height"):
                if (value := element.get(name)) is not None:
                    assert -60 <= float(value) <= 520, (name, value)
    assert "Best against default" in text and "a device" in text
    assert "<owl>" not in text and "&lt;owl&gt;" in text


def test_every_trial_is_in_the_page(workspace: Workspace) -> None:
    summary = read_summary(workspace)
    assert summary is not None
    judged = [trial for trial in summary["trials"] if trial["objective"] is not None]
    history = re.findall(r"<svg.*?</svg>", tuning_section(summary).content, re.S)[0]
    assert history.count("<circle") == len(judged)
    assert set(summary["importance"]) == {"rate", "dropout"}
    assert summary["importance"]["rate"] > summary["importance"]["dropout"]


def test_a_page_of_few_trials_says_that_the_noise_is_not_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=1).run()
    summary = read_summary(workspace)
    assert summary is not None
    assert "The noise is not yet measured" in render_tuning(summary)


def test_a_broken_summary_is_as_good_as_none(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    assert read_summary(workspace) is None and tuned_sections(workspace) == []
    (workspace.folder / "tune").mkdir()
    (workspace.folder / "tune" / "tuning.json").write_text("[", encoding="utf-8")
    assert read_summary(workspace) is None


def test_where_the_default_stands_the_best_other_trial_stands_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace, "nudge") as study:
        fake_loop(workspace, study, flat, monkeypatch, trials=12, proposer="nudge").run()
    text = (workspace.folder / "tuning.html").read_text(encoding="utf-8")
    assert re.search(r"<th[^>]*>trial \d+</th><th[^>]*>default</th>", text)
    # What was said in the middle is told without the figures of that moment, and names of files and options as code.
    assert "Tuning is not the problem. What is likelier" in text and "of 9 other settings" in text
    assert "a quarter of the budget" not in text and "`" not in text
    assert "winner on fresh seeds" not in text, "there is none"


def test_small_numbers_fit_beside_their_neighbours() -> None:
    tunables = [Tunable(name, 1e-4, 3e-3, True, "") for name in ("rate", "table_rate")]
    values = {"rate": 2e-4, "table_rate": 3e-4}
    trials = [{"group": "search", "objective": 1.0 + n, "values": values} for n in range(2)]
    drawing = parallel(tunables, trials)
    assert drawing.count(">1e-4<") == 2 and drawing.count(">0.003<") == 2
