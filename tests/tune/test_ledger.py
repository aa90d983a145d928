"""The rows of a tuning run: in the ledger when a trial has ended, on the screen while it runs."""

from pathlib import Path
from typing import Any

import pytest

from penname.core.workspace import Workspace, open_workspace
from penname.judge.judging import read_rows
from penname.tune.ledger import COLUMNS, make_row, make_rows, noise_in_words, row_in_words, table_row, write_missing
from penname.tune.proposers import AGAIN, DEFAULT, FAILED, JUDGED, PRUNED, RUNNING, SEARCH, STOPPED, Record
from penname.tune.standing import Champion, Floor, Standing

VALUES = {"rate": 1e-3, "share": 0.5}


def trial(number: int, state: str = JUDGED, group: str = SEARCH, objective: float | None = 1.5, **more: Any) -> Record:
    more = {"started": 100.0 + number, "ended": 200.0 - number} | more
    return Record(number, group, 1, state, VALUES | more.pop("values", {}), objective, **more)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    made = open_workspace(tmp_path / "w.penname", "w")
    made.text.write_text("{}", encoding="utf-8")
    return made


def test_every_trial_that_ended_has_one_row_in_the_order_of_their_ends(workspace: Workspace) -> None:
    records = [trial(0), trial(1, PRUNED), trial(2, FAILED), trial(3, RUNNING), trial(4, STOPPED)]
    assert write_missing(workspace, "study", records, VALUES) == 3
    assert [row["trial"] for row in read_rows(workspace.results)] == ["study/2", "study/1", "study/0"]
    assert write_missing(workspace, "study", records, VALUES) == 0
    assert write_missing(workspace, "other", records[:1], VALUES) == 1
    assert len({row["blog_hash"] for row in read_rows(workspace.results)}) == 1
    assert len(read_rows(workspace.results)[0]["blog_hash"]) == 12


def test_trials_that_ended_at_once_stand_by_their_numbers(workspace: Workspace) -> None:
    write_missing(workspace, "s", [trial(number, ended=7.0) for number in (2, 0, 1)], VALUES)
    assert [row["trial"] for row in read_rows(workspace.results)] == ["s/0", "s/1", "s/2"]


def test_a_row_holds_the_figures_the_settings_and_the_verdict() -> None:
    record = trial(
        3,
        objective=1.2345678,
        values={"rate": 2e-3},
        figures={"rep_4": 0.01, "verdict": ["x"]},
        verdict=("one", "two"),
        ended=0.5 + 86_400,
        curve={0: 1.5},
    )
    row = make_row("s", record, VALUES, "abc")
    assert row["objective"] == 1.23457 and row["rep_4"] == 0.01 and "verdict" not in row
    assert row["targets"] == "one; two" and row["changed"] == "rate 0.002" and row["label"] == "tune search"
    assert row["date"] == "1970-01-02T00:00:00Z" and row["blog_hash"] == "abc" and row["seed"] == 1
    assert "validation_bits_per_byte" not in row


def test_a_trial_that_was_stopped_early_has_its_last_figure() -> None:
    row = make_row("s", trial(1, PRUNED, objective=None, curve={2: 1.41, 10: 1.2345, 3: 1.3}), VALUES, "")
    assert row["validation_bits_per_byte"] == 1.234 or row["validation_bits_per_byte"] == 1.235
    assert row["objective"] is None
    assert "validation_bits_per_byte" not in make_row("s", trial(1, PRUNED, curve={}), VALUES, "")
    assert make_row("s", trial(1, FAILED, reason="no memory"), VALUES, "")["targets"] == "no memory"


FLOOR = Floor(1.5, 0.01, 0.0337, (1.5,))
DEFAULTS = tuple(trial(number, group=DEFAULT) for number in range(3))
STANDING = Standing(FLOOR, Champion(DEFAULTS[0], DEFAULTS))


def test_the_last_trials_are_shown_and_the_best_one_always() -> None:
    records = [*DEFAULTS, *(trial(number, objective=2.0) for number in range(3, 20))]
    title, columns, rows = make_rows(records, VALUES, STANDING, "9m left", shown=5)
    assert columns == COLUMNS and [row[0] for row in rows] == ["0", "16", "17", "18", "19"]
    assert "20 trials judged, 20 begun, 9m left" in title and "0.0337" in title and "1.5000" in title
    assert [row[0] for row in make_rows(records[:5], VALUES, STANDING, "", shown=5)[2]] == ["0", "1", "2", "3", "4"]
    assert len(make_rows(records, VALUES, STANDING, "")[2]) == 14


def test_what_was_stopped_or_waits_is_not_shown() -> None:
    records = [trial(3, STOPPED), trial(4, started=0.0), trial(5, PRUNED, objective=None)]
    title, _, rows = make_rows(records, VALUES, Standing(None, None), "now")
    assert [row[0] for row in rows] == ["5"] and "0 trials judged, 1 begun, now" in title


def test_a_row_of_the_table() -> None:
    figures = {
        "exact_bits_per_byte": 1.23456,
        "copy_ratio_8gram": 0.5,
        "rep_4": 0.0123,
        "forgetting_bits_per_byte": 0.02,
    }
    row = table_row(trial(3, objective=1.34567, figures=figures, missed=2), VALUES, STANDING)
    assert row == ["3", "default", "1.2346", "1.3457", "+0.020", "×0.5", "0.012", "2 targets missed"]
    assert table_row(trial(3, PRUNED, objective=None, curve={5: 1.1, 1: 1.9}), VALUES, STANDING)[2:] == (
        ["1.1000", "", "", "", "", "stopped early"]
    )
    assert table_row(trial(3, RUNNING, objective=None), VALUES, STANDING)[2] == ""


@pytest.mark.parametrize(
    ("record", "said"),
    [
        (trial(3, RUNNING), "running"),
        (trial(3, FAILED, reason="no room"), "no room"),
        (trial(3, FAILED), "failed"),
        (trial(3), "all targets met"),
        (trial(4, missed=1), "won, 1 targets missed"),
        (trial(5), "to be run again"),
        (trial(6), "did not win again"),
    ],
)
def test_the_verdict_of_a_trial(record: Record, said: str) -> None:
    standing = Standing(FLOOR, None, trial(5), (101,), (Champion(trial(4), ()),), (trial(6),))
    assert table_row(record, VALUES, standing)[-1] == said


def test_settings_are_those_that_differ() -> None:
    assert table_row(DEFAULTS[0], VALUES, STANDING)[1] == "default, seed 1"
    assert table_row(trial(9, group=AGAIN, of=4), VALUES, STANDING)[1] == "trial 4 again, seed 1"
    assert table_row(trial(9, values={"rate": 3e-3}), VALUES, STANDING)[1] == "rate 0.003"


def test_a_line_for_a_log_names_only_what_is_known() -> None:
    line = row_in_words(trial(3, PRUNED, objective=None, curve={1: 1.25}), VALUES, STANDING, "1m left")
    assert line == "Trial 3 (default): 1.2500 bits per byte, stopped early; 1m left."
    figures = {"exact_bits_per_byte": 1.2, "rep_4": 0.01, "forgetting_bits_per_byte": -0.001}
    line = row_in_words(trial(3, figures=figures), VALUES, STANDING, "1m left")
    assert all(part in line for part in ("1.2000 bits", "objective 1.5000", "forgot -0.001", "repeats 0.010"))


def test_the_best_so_far_in_words() -> None:
    unknown = noise_in_words(Standing(None, None))
    assert unknown == noise_in_words(Standing(FLOOR, None)) and "0.0337" not in unknown
    assert "the default, 1.5000" in noise_in_words(STANDING)
    won = Champion(trial(7), (trial(8, objective=1.25), trial(9, objective=1.35)))
    assert "trial 7, 1.3000" in noise_in_words(Standing(FLOOR, won))
