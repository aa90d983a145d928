import contextlib
import csv
import itertools
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from fake_loop import Formula, bowl, empty_workspace, fake_loop, flat, study_in

from penname.core import events
from penname.core.errors import Interrupted, PennameError
from penname.judge.judging import read_rows
from penname.tune.loop import Budget
from penname.tune.proposers import AGAIN, DEFAULT, PRUNED, SEARCH
from penname.tune.standing import DEFAULT_SEEDS, FRESH_SEEDS


def test_the_noise_floor_comes_first_with_three_seeds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=5).run()
        records = study.records()
    assert [record.group for record in records[:3]] == [DEFAULT] * 3
    assert tuple(record.seed for record in records[:3]) == DEFAULT_SEEDS
    assert len(records) == 5


@pytest.mark.slow
@pytest.mark.parametrize("proposer", ["tpe", "nudge", "random"])
def test_a_winner_is_found_run_on_fresh_seeds_and_kept(
    proposer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, kept = empty_workspace(tmp_path), []
    with study_in(workspace, proposer) as study:
        loop = fake_loop(workspace, study, bowl, monkeypatch, trials=30, proposer=proposer, kept=kept)
        standing = loop.run()
        records = study.records()
    assert standing.won and standing.floor and standing.champion
    assert standing.champion.mean < standing.floor.mean - standing.floor.margin
    for win in standing.wins:
        seeds = [record.seed for record in records if record.group == AGAIN and record.of == win.record.number]
        assert seeds == list(FRESH_SEEDS)
    # Of the default its first seed is kept, of a winner a run on a fresh seed: none was chosen by its luck.
    assert kept[0] == (DEFAULT_SEEDS[0], "the model of the default")
    assert len(kept) == 1 + len(standing.wins) and all(seed == FRESH_SEEDS[-1] for seed, _ in kept[1:])
    if proposer == "tpe":
        assert any(record.state == PRUNED for record in records)


def test_what_is_as_good_as_the_default_is_not_stopped_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The first proposals are far better than the default, those after them as good: at the same place they are last.
    calls = 0

    def formula(values: dict[str, float], seed: int) -> float:
        nonlocal calls
        calls += 1
        return flat(values, seed) - (0.1 if 4 <= calls <= 9 else 0.0) - 1e-5 * calls

    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, formula, monkeypatch, trials=20).run()
        assert not any(record.state == PRUNED for record in study.records())


def test_luck_is_not_called_a_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def lucky(values: dict[str, float], seed: int) -> float:
        return flat(values, seed) - (0.3 if seed == 1 and abs(values["dropout"] - 0.1) > 1e-6 else 0.0)

    workspace, kept = empty_workspace(tmp_path), []
    with study_in(workspace) as study:
        standing = fake_loop(workspace, study, lucky, monkeypatch, trials=9, kept=kept).run()
    assert not standing.won and len(standing.rejected) >= 2
    assert [why for _, why in kept] == ["the model of the default"]
    summary = (workspace.folder / "tuning.html").read_text(encoding="utf-8")
    assert "The default stands" in summary and "also on fresh seeds" in summary


def test_where_nothing_helps_it_says_so_once_and_what_is_likelier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace, said = empty_workspace(tmp_path), []
    with (
        events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None),
        study_in(workspace, "nudge") as study,
    ):
        fake_loop(workspace, study, flat, monkeypatch, trials=12, proposer="nudge").run()
    assert len(said) == 1
    assert "Tuning is not the problem" in said[0] and "9,000 words" in said[0]
    assert "Tuning is not the problem" in (workspace.folder / "tuning.html").read_text(encoding="utf-8")


def test_a_run_that_wins_early_says_nothing_of_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace, said = empty_workspace(tmp_path), []
    with (
        events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None),
        study_in(workspace, "nudge") as study,
    ):
        fake_loop(workspace, study, bowl, monkeypatch, trials=40, proposer="nudge").run()
    assert not said


def test_the_ledger_has_a_row_for_each_trial_and_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    for trials in (5, 9):
        with study_in(workspace) as study:
            fake_loop(workspace, study, bowl, monkeypatch, trials=trials).run()
    rows = read_rows(workspace.results)
    assert [row["trial"] for row in rows] == [f"owl.1/{number}" for number in range(9)]
    assert rows[0]["label"] == "tune default" and rows[0]["targets"] == "rep_4: 1%, met (at most 2%)"
    assert float(rows[0]["objective"]) == pytest.approx(bowl({"rate": 4e-4, "dropout": 0.1}, 1), abs=1e-4)
    for row in rows:
        assert (row["objective"] == "") == (row["state"] == PRUNED)


def interrupting(formula: Formula, at: int) -> Formula:
    calls = 0

    def wrapped(values: dict[str, float], seed: int) -> float:
        nonlocal calls
        calls += 1
        if calls == at:
            raise Interrupted("Stopped after step 3.")
        return formula(values, seed)

    return wrapped


@pytest.mark.parametrize("at", [1, 3, 5])
def test_a_trial_that_is_stopped_leaves_no_row_and_is_run_again(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        loop = fake_loop(workspace, study, interrupting(bowl, at), monkeypatch, trials=7)
        with pytest.raises(Interrupted, match=r"\d judged trials.*The same command goes on"):
            loop.run()
        stopped = study.records()[at - 1]
    if at > 1:
        assert len(read_rows(workspace.results)) == at - 1
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=7).run()
        records = study.records()
    again = [record for record in records if record.number != stopped.number and record.values == stopped.values]
    assert any(record.seed == stopped.seed for record in again)
    rows = read_rows(workspace.results)
    assert len(rows) == 7 and len({row["trial"] for row in rows}) == 7
    with workspace.results.open(encoding="utf-8", newline="") as file:
        assert len({len(cells) for cells in csv.reader(file)}) == 1


def test_ctrl_c_while_judging_ends_after_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def formula(values: dict[str, float], seed: int) -> float:
        if seed == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return bowl(values, seed)

    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study, pytest.raises(Interrupted, match="2 judged trials"):
        fake_loop(workspace, study, formula, monkeypatch).run()
    assert len(read_rows(workspace.results)) == 2


def test_a_kill_between_study_and_ledger_loses_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=4).run()
    text = workspace.results.read_text(encoding="utf-8")
    workspace.results.write_text("".join(text.splitlines(keepends=True)[:-1]), encoding="utf-8")
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=4).run()
    assert workspace.results.read_text(encoding="utf-8") == text


def test_settings_that_cannot_be_trained_fail_and_the_loop_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def formula(values: dict[str, float], seed: int) -> float:
        if values["rate"] != 4e-4:
            raise PennameError("The loss turned into NaN.")
        return flat(values, seed)

    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, formula, monkeypatch, trials=6).run()
        records = study.records()
    failed = [record for record in records if record.group == SEARCH]
    assert failed and all(record.reason == "The loss turned into NaN." for record in failed)
    assert len(read_rows(workspace.results)) == 6


def test_time_of_earlier_sittings_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        fake_loop(workspace, study, bowl, monkeypatch, trials=4).run()
    with study_in(workspace) as study:
        loop = fake_loop(workspace, study, bowl, monkeypatch, trials=None, seconds=1e-6)
        loop.run()
        assert len(study.records()) == 4
        assert loop.before > 0


def test_two_loops_share_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as one, study_in(workspace) as other:
        first = fake_loop(workspace, one, bowl, monkeypatch, trials=8)
        second = fake_loop(workspace, other, bowl, monkeypatch, trials=8)
        first.begin()
        second.begin()
        while not first.is_over():
            first.one_trial()
            if not second.is_over():
                second.one_trial()
        assert [record.group for record in one.records()[:3]] == [DEFAULT] * 3
        assert len(one.records()) == 8
    assert len(read_rows(workspace.results)) == 8


def test_until_good_stops_as_soon_as_every_target_is_met(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        loop = fake_loop(workspace, study, bowl, monkeypatch, trials=9)
        loop.budget = Budget(trials=9, until_good=True)
        loop.run()
        assert len(study.records()) == 3


@pytest.mark.parametrize(("place", "moment"), [("finish", 1), ("finish", 7), ("remember", 1), ("remember", 3)])
def test_a_loop_that_is_killed_between_two_writes_ends_as_one_that_is_not(
    place: str, moment: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed just before it tells the study something: the same trials and the same last model, in any order."""
    ends = []
    for name in ("whole", "cut"):
        (tmp_path / name).mkdir()
        workspace, kept = empty_workspace(tmp_path / name), []
        if name == "cut":
            with study_in(workspace) as study:
                said, count = getattr(study, place), itertools.count(1)

                def killed(*given: Any, said: Any = said, count: Any = count, **named: Any) -> None:
                    if next(count) == moment:
                        raise SystemExit
                    said(*given, **named)

                monkeypatch.setattr(study, place, killed)
                with contextlib.suppress(SystemExit):
                    fake_loop(workspace, study, bowl, monkeypatch, trials=9, kept=kept).run()
        with study_in(workspace) as study:
            fake_loop(workspace, study, bowl, monkeypatch, trials=9, kept=kept).run()
            judged = (each for each in study.records() if each.judged)
            trials = sorted((each.group, each.seed, str(dict(each.values)), each.objective) for each in judged)
            ends.append((trials, kept[-1][0], study.remembered("kept")["objective"]))
    assert ends[0] == ends[1]
