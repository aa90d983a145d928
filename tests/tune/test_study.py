import socket
import time
from pathlib import Path

import optuna
import pytest
from fake_loop import bowl, empty_workspace, fake_loop, study_in

from penname.tune.loop import FOLDER
from penname.tune.proposers import DEFAULT, JUDGED, PRUNED, RUNNING, SEARCH, WAITING
from penname.tune.study import JOURNAL, open_storage, seed_of, study_names

Settings = tuple[tuple[str, float], ...]


def test_optuna_itself_opens_the_journal(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        study.enqueue(study.defaults, group=DEFAULT, seed=2)
        trial, record = study.ask()
        assert (record.group, record.seed, record.state) == (DEFAULT, 2, RUNNING)
        study.finish(trial, 1.25, figures={"rep_4": 0.01}, verdict=["met"], missed=0, times={"training": 1.0})
        trial, record = study.ask()
        assert record.group == SEARCH and record.seed == 1
        study.prune(trial)
    backend = optuna.storages.journal.JournalFileBackend(str(workspace.folder / FOLDER / JOURNAL))
    loaded = optuna.load_study(study_name="owl.1", storage=optuna.storages.JournalStorage(backend))
    assert [trial.state.name for trial in loaded.trials] == ["COMPLETE", "PRUNED"]
    assert loaded.best_value == 1.25
    assert study_names(workspace.folder / FOLDER) == ["owl.1"]


def test_a_study_is_found_again_with_what_it_was_made_with(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        trial, _ = study.ask()
        study.finish(trial, 1.0, verdict=["a", "b"])
        study.remember("begun", True)
    with study_in(workspace) as study:
        (record,) = study.records()
        assert record.state == JUDGED and record.verdict == ("a", "b")
        assert set(record.values) == set(study.defaults)
        assert study.remembered("begun") is True and study.remembered("other") is None


def test_two_processes_share_the_trials_and_none_is_taken_twice(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as one, study_in(workspace) as other:
        for seed in (1, 2):
            one.enqueue(one.defaults, group=DEFAULT, seed=seed)
        first, second = one.ask()[1], other.ask()[1]
        assert {first.seed, second.seed} == {1, 2} and first.number != second.number
        one.revive()
        # The other one lives: its trial stays.
        assert [record.state for record in other.records()] == [RUNNING, RUNNING]


def searched(folder: Path, proposer: str, sittings: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> list[Settings]:
    """What the trials of a new study tried; it is opened anew for each sitting, to so many trials in all."""
    folder.mkdir()
    workspace = empty_workspace(folder)
    for trials in sittings:
        with study_in(workspace, proposer) as study:
            fake_loop(workspace, study, bowl, monkeypatch, trials=trials, proposer=proposer).run()
            records = study.records()
    return [tuple(sorted(record.values.items())) for record in records if record.group == SEARCH]


@pytest.mark.slow
@pytest.mark.parametrize("proposer", ["random", "tpe", "nudge"])
def test_a_study_of_three_sittings_draws_what_one_of_a_single_sitting_draws(
    proposer: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    three = searched(tmp_path / "three", proposer, (6, 10, 16), monkeypatch)
    assert len(set(three)) == len(three) >= 5
    assert three == searched(tmp_path / "one", proposer, (16,), monkeypatch)


@pytest.mark.parametrize("proposer", ["random", "tpe", "nudge"])
def test_two_processes_do_not_draw_alike(proposer: str, tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace, proposer) as one, study_in(workspace, proposer) as other:
        for number in range(8):
            with (one, other)[number % 2].deciding():
                (one, other)[number % 2].ask()
        drawn = [tuple(sorted(record.values.items())) for record in one.records()]
    assert len(set(drawn)) == 8


def test_another_seed_draws_other_settings(tmp_path: Path) -> None:
    assert len({seed_of(seed, number) for seed in range(50) for number in range(50)}) == 2500


def test_a_trial_whose_process_is_gone_is_run_again(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        _, record = study.ask()
    with study_in(workspace) as study:
        study.revive()
        states = [each.state for each in study.records()]
        assert states == ["stopped", WAITING]
        again = study.ask()[1]
        assert again.values == pytest.approx(record.values)


def test_the_lock_of_a_process_that_was_killed_is_swept_and_that_of_another_stays(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    folder = workspace.folder / FOLDER
    folder.mkdir()
    left = folder / f".{socket.gethostname()}-123-abcd"
    left.touch()
    journal = folder / f"{JOURNAL}.lock"
    journal.touch()
    started = time.monotonic()
    with study_in(workspace) as one, study_in(workspace) as other:
        assert time.monotonic() - started < 25, "Optuna itself would wait for 30 seconds"
        assert {path.name for path in folder.glob(".*-*")} == {f".{one.process}", f".{other.process}"}
    assert not list(folder.glob(".*-*"))


def test_a_trial_that_was_cut_off_does_not_change_what_is_drawn(tmp_path: Path) -> None:
    drawn = []
    for name, cut in (("whole", False), ("cut", True)):
        (tmp_path / name).mkdir()
        workspace = empty_workspace(tmp_path / name)
        with study_in(workspace, "random") as study:
            study.finish(study.ask()[0], 1.0)
            if cut:
                study.give_up(study.ask()[0])
            for _ in range(3):
                study.finish(study.ask()[0], 1.0)
            drawn.append([tuple(record.values.items()) for record in study.records() if record.judged])
    assert drawn[0] == drawn[1]


def test_a_last_line_that_was_cut_off_is_taken_away(tmp_path: Path) -> None:
    workspace = empty_workspace(tmp_path)
    with study_in(workspace) as study:
        trial, _ = study.ask()
        study.finish(trial, 1.0)
    path = workspace.folder / FOLDER / JOURNAL
    whole = path.read_bytes()
    for torn in (b'{"op_code": 4, "tri', b"x" * 70_000):
        path.write_bytes(whole + torn)
        open_storage(path)
        assert path.read_bytes() == whole
    with study_in(workspace) as study:
        trial, _ = study.ask()
        study.prune(trial)
        assert [record.state for record in study.records()] == [JUDGED, PRUNED]
