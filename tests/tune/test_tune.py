"""The loop with networks that do train: what it leaves behind, and that it never looks at a test post."""

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from judged_blog import make_workspace
from test_page import ALLOWED, Page

from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError, Interrupted
from penname.core.workspace import Workspace
from penname.corpus.prepare import PreparedPost, load_text
from penname.judge import judging
from penname.judge.judging import judge_workspace, read_rows
from penname.judge.subject import JudgeOptions
from penname.model.folder import load_model
from penname.model.gpt import GPT
from penname.train.adapt import adapt
from penname.train.measure import largest_micro_batch
from penname.train.plan import Plan
from penname.tune import ground as grounds
from penname.tune import trial
from penname.tune import tune as tuning
from penname.tune.ground import Ground
from penname.tune.report import tuned_sections
from penname.tune.study import open_storage
from penname.tune.tune import TuneOptions, TuneReport, tune_site, tune_workspace

pytestmark = pytest.mark.slow

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)


@pytest.fixture(autouse=True)
def small_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """A known device and speed, and little text to judge: the same trials on every machine, a second each."""
    monkeypatch.setattr(tuning, "pick_device", lambda *_: CPU)
    monkeypatch.setattr(grounds, "measure_speed", lambda *_: 5_000.0)
    usual = tuning.judge_options

    def few(device: Device, options: TuneOptions) -> JudgeOptions:
        return replace(usual(device, options), passages=6, words=30)

    monkeypatch.setattr(tuning, "judge_options", few)


@pytest.fixture
def blog(tmp_path: Path) -> tuple[Workspace, Path]:
    return make_workspace(tmp_path)


def tuned(blog: tuple[Workspace, Path], **changes: Any) -> TuneReport:
    options: dict[str, Any] = {"base": blog[1], "trials": 4, "trial_seconds": 0.3, "device": "cpu"} | changes
    return tune_workspace(blog[0], "corpus", TuneOptions(**options))


def test_a_run_leaves_a_ledger_a_study_a_model_and_a_page(blog: tuple[Workspace, Path]) -> None:
    workspace = blog[0]
    (workspace.model / "config.json").unlink()
    report = tuned(blog, trials=5)
    rows = read_rows(workspace.results)
    assert [row["label"] for row in rows[:4]] == ["tune default"] * 3 + ["tune search"]
    assert len(rows) == 5
    for row in rows[:3]:
        assert row["side"] == "validation" and not row["test_bits_per_byte"]
        assert float(row["objective"]) >= float(row["exact_bits_per_byte"]) - 1e-4
        assert float(row["forgetting_bits_per_byte"]) is not None and row["extraction_rate"] and row["rep_4"]
        assert "longest_copied_run" in row["targets"]
    record = json.loads((workspace.folder / "training.json").read_text(encoding="utf-8"))
    assert record["seed"] in (1, 102) and "share" in record["tuned"]
    loaded = load_model(workspace.model)
    assert loaded.generation["temperature"] == pytest.approx(record["tuned"]["temperature"], abs=1e-3)
    assert {tag for tag, _ in Page(report.page.read_text(encoding="utf-8")).elements} <= ALLOWED
    assert len(open_storage(workspace.folder / "tune" / "study.journal").get_all_studies()) == 1
    assert (workspace.folder / "good.toml").is_file()
    assert report.judged >= 3 and len(report.rows) == 5 and report.verdict
    options = JudgeOptions(passages=6, words=30, device="cpu", base=blog[1])
    shown = judge_workspace(workspace, options, tuned_sections(workspace))
    assert '<section id="tuning">' in shown.page.read_text(encoding="utf-8")
    assert shown.figures["side"] == "test"


def test_a_trial_trains_as_many_windows_at_once_as_train_does(
    blog: tuple[Workspace, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Plan] = []

    def watched(model: GPT, *given: Any, **named: Any) -> Any:
        taken.extend(each for each in given if isinstance(each, Plan))
        return adapt(model, *given, **named)

    monkeypatch.setattr(trial, "adapt", watched)
    tuned(blog, trials=1, again=True)
    assert taken and taken[0].micro_rows == min(taken[0].settings.rows, largest_micro_batch(CPU)) > 1


class Poisoned:
    """A test post that must not be looked at: only its side may be asked for."""

    split = "test"

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"the loop has read {name!r} of a test post")


def test_the_loop_never_reads_a_test_post(blog: tuple[Workspace, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    hidden = 0

    def poisoned(workspace: Workspace) -> list[PreparedPost | Poisoned]:
        nonlocal hidden
        posts = [post if post.split != "test" else Poisoned() for post in load_text(workspace)]
        hidden += sum(isinstance(post, Poisoned) for post in posts)
        return posts

    monkeypatch.setattr(judging, "load_text", poisoned)
    report = tuned(blog)
    assert hidden == 3 and report.judged >= 3
    # The poison works: a judgement on the test posts meets it.
    with pytest.raises(AssertionError, match="of a test post"):
        judge_workspace(blog[0], JudgeOptions(passages=6, words=30, device="cpu", base=blog[1]))


def test_other_test_posts_change_nothing(tmp_path: Path) -> None:
    ledgers = []
    for name in ("as-they-are", "others"):
        workspace, base = make_workspace(tmp_path / name)
        posts = json.loads(workspace.text.read_text(encoding="utf-8"))
        for post in posts:
            if name == "others" and post["split"] == "test":
                post["text"] = "Colourless green ideas sleep furiously. " * 40
        workspace.text.write_text(json.dumps(posts), encoding="utf-8")
        tuned((workspace, base), trials=4)
        dropped = {"date", "judging_seconds", "seconds", "blog_hash", "trial"}
        ledgers.append([{k: v for k, v in row.items() if k not in dropped} for row in read_rows(workspace.results)])
    for one, other in zip(*ledgers, strict=True):
        assert one == other


def test_the_same_settings_and_seed_give_the_same_trial(blog: tuple[Workspace, Path]) -> None:
    tuned(blog, trials=1)
    tuned(blog, trials=1, again=True)
    first, second = (row["exact_bits_per_byte"] for row in read_rows(blog[0].results))
    assert first == second


def test_a_run_that_was_stopped_goes_on_and_its_ledger_is_clean(blog: tuple[Workspace, Path]) -> None:
    def stop(event: events.Event) -> None:
        if event.kind == "train" and event.data["step"] == 2 and len(read_rows(blog[0].results)) == 2:
            os.kill(os.getpid(), signal.SIGINT)

    with events.listening(stop), pytest.raises(Interrupted, match=r"2 judged trials.*goes on"):
        tuned(blog)
    assert len(read_rows(blog[0].results)) == 2
    report = tuned(blog)
    rows = read_rows(blog[0].results)
    assert len(rows) == 4 and [row["seed"] for row in rows[:3]] == ["1", "2", "3"]
    assert report.judged >= 3


def test_a_model_that_is_better_stays(blog: tuple[Workspace, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    # The model that the workspace was made with has learned for longer than a trial lasts.
    before = (blog[0].model / "model.safetensors").read_bytes()
    tuned(blog, trials=3, trial_seconds=0.1)
    assert (blog[0].model / "model.safetensors").read_bytes() == before


def test_all_wrong_options_are_told_at_once_and_seeds_cannot_be_tuned() -> None:
    wrong = TuneOptions(minutes=-1, trials=0, trial_seconds=0, settings=("seed", "share"))
    with pytest.raises(InputError, match=r"--minutes.*--trials.*--trial-seconds.*no setting seed.*seeds are not tuned"):
        tune_site(Path("nowhere"), wrong)
    with pytest.raises(InputError, match="tpe, nudge, random"):
        tune_site(Path("nowhere"), TuneOptions(proposer="luck"))


def test_a_site_is_prepared_and_two_runs_may_share_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blog: tuple[Workspace, Path]
) -> None:
    from test_train import blog as small_site

    monkeypatch.chdir(tmp_path)
    site = small_site(tmp_path / "other", posts=40, words=150)
    options = TuneOptions(base=blog[1], trials=3, trial_seconds=0.1, device="cpu", anyway=True)
    other = Workspace(tmp_path / "other.penname")
    first = tune_site(site, options)
    with other.lock("penname tune", shared=True):
        report = tune_site(site, replace(options, trials=4))
    assert first.judged == 3 and len(read_rows(other.results)) == 4 and report.workspace.folder.name == "other.penname"


def test_only_what_is_asked_for_is_tuned(blog: tuple[Workspace, Path]) -> None:
    tuned(blog, settings=("lora_rank", "strength"))
    rows = read_rows(blog[0].results)
    assert rows[-1]["state"] == "judged"
    assert {part.split()[0] for part in rows[-1]["changed"].split(", ")} == {"lora_rank", "strength"}


def test_a_good_toml_of_the_users_begins_a_study_of_its_own(blog: tuple[Workspace, Path]) -> None:
    tuned(blog, trials=1)
    (blog[0].folder / "good.toml").write_text("[at_most]\nvalidation_bits_per_byte = 0.5\n", encoding="utf-8")
    tuned(blog, trials=1)
    rows = read_rows(blog[0].results)
    assert len({row["trial"].split("/")[0] for row in rows}) == 2
    assert "validation_bits_per_byte" in rows[1]["targets"] and "over by" in rows[1]["targets"]


def test_a_trial_starts_from_the_base_again(blog: tuple[Workspace, Path]) -> None:
    from penname.model.base import load_base

    loaded = load_base(blog[1])
    subject = judging.make_subject(blog[0], JudgeOptions(side="validation", base=blog[1]))
    ground = Ground(subject, loaded, CPU, JudgeOptions(side="validation"))
    before = {name: weight.clone() for name, weight in ground.model.named_parameters()}
    for weight in ground.model.parameters():
        weight.data.add_(1.0)
    for name, weight in ground.refresh().named_parameters():
        assert (weight == before[name]).all()
