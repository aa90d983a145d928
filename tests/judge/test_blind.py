"""The blind test: a fair mixture, answers that are counted, and where the share goes."""

import pytest
from judged_blog import Judged
from typer.testing import CliRunner

from penname.cli import app
from penname.core.errors import InputError
from penname.judge.blind import Blind, Item, blind_figures, blind_items, count_answers, read_blind, save_blind
from penname.judge.judging import judge_workspace, read_rows
from penname.judge.passages import kept_passages
from penname.judge.verdict import find_verdict


def items(count: int = 4) -> list[Item]:
    return [Item("An opening", "a text", number % 2 == 0) for number in range(count)]


def test_answers_are_counted() -> None:
    found = count_answers(items(), "R g r\nr")
    assert found == Blind(generated=2, taken=1, real=2, known=2) and found.share == 0.5
    assert "1 of 2 generated" in found.sentence and "2 of 2 of your own" in found.sentence
    assert blind_figures(found) == {"blind_shown": 2, "blind_taken_for_real": 0.5, "blind_real_known": 1.0}
    assert blind_figures(None) == {}


@pytest.mark.parametrize("answers", ["rgr", "rgrgr", "rgrx", ""])
def test_other_answers_are_refused(answers: str) -> None:
    with pytest.raises(InputError, match="each of the 4 passages"):
        count_answers(items(), answers)


def test_half_are_real_behind_other_openings_and_as_long(owl: Judged) -> None:
    found = blind_items(owl.workspace, 4)
    assert len({item.opening for item in found}) == len(found) == 4
    assert sum(item.real for item in found) == 2
    assert found == blind_items(owl.workspace, 4), "the answers to a page are those of its passages"
    assert all(20 <= len(item.text.split()) <= 100 for item in found)


def test_the_share_goes_into_the_ledger_and_the_report(owl: Judged) -> None:
    real = "".join("r" if item.real else "g" for item in blind_items(owl.workspace, 4))
    place = ["--workspace", str(owl.workspace.folder)]
    done = CliRunner().invoke(app, ["blind", *place, "--count", "4"], input="x\n" + "\n".join(real) + "\n")
    assert done.exit_code == 0 and "0 of 2 generated" in done.output, done.output
    row = read_rows(owl.workspace.results)[-1]
    assert row["label"] == "blind" and row["blind_taken_for_real"] == "0.0" and row["blind_real_known"] == "1.0"
    report = judge_workspace(owl.workspace, owl.options)
    assert report.new and report.figures["blind_taken_for_real"] == 0.0


def test_a_page_gives_nothing_away_until_it_is_asked(owl: Judged) -> None:
    page = owl.workspace.folder / "blind.html"
    place = ["--workspace", str(owl.workspace.folder), "--count", "4"]
    assert CliRunner().invoke(app, ["blind", *place, "--page", str(page)]).exit_code == 0
    shown, _, answers = page.read_text(encoding="utf-8").partition("<details>")
    assert "generated," not in shown and answers.count("generated") == 2 and "<script" not in page.read_text("utf-8")


def test_another_model_is_another_test(owl: Judged) -> None:
    save_blind(owl.workspace, Blind(10, 4, 10, 9))
    written = kept_passages(owl.workspace.folder / "judge")
    assert read_blind(owl.workspace.folder, written) == Blind(10, 4, 10, 9)
    assert read_blind(owl.workspace.folder, written[1:]) is None
    (owl.workspace.folder / "blind.json").write_text("[]", encoding="utf-8")
    assert read_blind(owl.workspace.folder, written) is None


def test_nothing_judged_is_told(owl: Judged) -> None:
    (owl.workspace.folder / "judge" / "passages.json").unlink()
    with pytest.raises(InputError, match="penname judge"):
        blind_items(owl.workspace)


@pytest.mark.parametrize(("shown", "taken", "kind"), [(10, 0.5, "good for"), (10, 0.2, "not for"), (9, 0.5, "")])
def test_the_verdict_says_what_the_eyes_said(shown: int, taken: float, kind: str) -> None:
    figures = {"side": "test", "training_words": 10, "blind_shown": shown, "blind_taken_for_real": taken}
    figures["blind_real_known"] = 0.9
    from penname.judge.subject import Training

    found = [each.kind for each in find_verdict(figures, Training(), [], 10**9) if "Your own eyes" in each.text]
    assert found == ([kind] if kind else [])
