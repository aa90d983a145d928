"""Trials as plain values, the time that they took, and what the original nudge makes of them."""

from typing import Any

import pytest

from penname.tune.proposers import (
    AGAIN,
    DEFAULT,
    FAILED,
    JUDGED,
    PRUNED,
    RUNNING,
    SEARCH,
    WAITING,
    Record,
    find_proposer,
    nudge,
    time_at_work,
)
from penname.tune.tunables import Tunable

RATE = Tunable("rate", 1e-4, 1e-2, True, "")
DROPOUT = Tunable("dropout", 0.0, 0.4, False, "")
START = {"rate": 1e-3, "dropout": 0.0}


def trial(number: int, objective: float | None, group: str = SEARCH, state: str = JUDGED, **values: float) -> Record:
    return Record(number, group, 1, state, START | values, objective)


def test_judged_is_a_state_and_an_objective() -> None:
    assert trial(0, 1.0).judged and trial(0, 1.0).value == 1.0
    assert not trial(0, None).judged and not trial(0, 1.0, state=PRUNED).judged
    assert trial(0, 1.0).missed == 0 and trial(0, 1.0).started == trial(0, 1.0).ended == 0
    assert trial(3, 1.0).to_json()["verdict"] == [] and trial(3, 1.0).to_json()["number"] == 3


def at_work(*spans: tuple[float, float], now: float | None = None, **more: Any) -> float:
    records = [Record(0, SEARCH, 1, more.get("state", JUDGED), {}, started=a, ended=b) for a, b in spans]
    return time_at_work(records, now)


def test_time_is_counted_once() -> None:
    assert at_work((10, 20), (12, 15)) == 10
    assert at_work((12, 15), (10, 20)) == 10
    assert at_work((10, 20), (20, 25)) == 15
    assert at_work((10, 20), (15, 25), (30, 31)) == 16
    assert at_work((10, 0), now=14) == 4 and at_work((10, 0)) == 0
    assert at_work((10, 20), state=WAITING) == 0 and at_work((0, 20)) == 0


def tried(*values: dict[str, float]) -> list[Record]:
    return [trial(0, 1.0, DEFAULT), *(trial(place, 2.0, **each) for place, each in enumerate(values, 1))]


def test_a_setting_at_nothing_is_nudged_from_a_tenth_of_its_range() -> None:
    assert nudge(tried(), START, [DROPOUT]) == START | {"dropout": pytest.approx(0.044)}
    assert nudge(tried({"dropout": 0.044}), START, [DROPOUT]) == START | {"dropout": pytest.approx(0.036)}


def test_the_step_doubles_when_all_was_tried() -> None:
    values: list[dict[str, float]] = []
    for _ in range(6):
        values.append({"rate": nudge(tried(*values), START, [RATE])["rate"]})
    assert [each["rate"] for each in values] == pytest.approx([1.1e-3, 0.9e-3, 1.2e-3, 0.8e-3, 1.4e-3, 0.6e-3])


def test_steps_end_and_then_the_best_comes_again() -> None:
    narrow = Tunable("rate", 1e-3, 1.05e-3, True, "")
    assert nudge(tried({"rate": 1.05e-3}), START, [narrow]) == START


def test_the_best_is_what_was_searched_and_judged() -> None:
    better = trial(1, 0.9, rate=2e-3)
    assert nudge([trial(0, 1.0, DEFAULT), better], START, [RATE])["rate"] == pytest.approx(2.2e-3)
    for other in (trial(2, 0.5, AGAIN, rate=4e-3), trial(2, None, state=RUNNING, rate=4e-3)):
        assert nudge([trial(0, 1.0, DEFAULT), better, other], START, [RATE])["rate"] == pytest.approx(2.2e-3)
    assert nudge([trial(0, 0.8, DEFAULT), better], START, [RATE])["rate"] == pytest.approx(1.1e-3)
    assert nudge([], START, [RATE])["rate"] == pytest.approx(1.1e-3), "nothing was judged yet"
    assert nudge([trial(0, 0.5, DEFAULT, rate=5e-3)], START, [RATE])["rate"] == pytest.approx(1.1e-3)


def test_what_failed_may_be_tried_again_and_what_runs_elsewhere_not() -> None:
    assert nudge([trial(1, None, state=FAILED, rate=1.1e-3)], START, [RATE])["rate"] == pytest.approx(1.1e-3)
    assert nudge([trial(1, None, state=RUNNING, rate=1.1e-3)], START, [RATE])["rate"] == pytest.approx(0.9e-3)
    assert nudge([trial(1, 2.0, AGAIN, rate=1.1e-3)], START, [RATE])["rate"] == pytest.approx(1.1e-3)


def test_settings_that_differ_by_rounding_are_the_same() -> None:
    assert nudge(tried({"rate": 1.1e-3 * (1 + 0.9e-6)}), START, [RATE])["rate"] == pytest.approx(0.9e-3)
    assert nudge(tried({"rate": 1.1e-3 * (1 + 1.1e-6)}), START, [RATE])["rate"] == pytest.approx(1.1e-3)


def test_samplers_and_pruners_are_set_as_their_texts_say() -> None:
    tpe = find_proposer("tpe")
    pruner: Any = tpe.pruner()
    assert (pruner._percentile, pruner._n_startup_trials, pruner._n_warmup_steps) == (33.3, 3, 1)
    assert pruner._n_min_trials == 3
    sampler: Any = tpe.sampler(1)
    assert sampler._n_startup_trials == 7 and sampler._multivariate and sampler._constant_liar
    assert type(find_proposer("nudge").pruner()).__name__ == "NopPruner"
    assert find_proposer("random").propose([], {}, [], 1) is None
