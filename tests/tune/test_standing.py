import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.tune.proposers import AGAIN, DEFAULT, FAILED, JUDGED, RUNNING, SEARCH, Record, time_at_work
from penname.tune.standing import DEFAULT_SEEDS, FRESH_SEEDS, find_standing


def judged(number: int, group: str, objective: float, seed: int = 1, of: int | None = None) -> Record:
    return Record(number, group, seed, JUDGED, {"rate": 1e-3}, objective, of)


def defaults(*values: float) -> list[Record]:
    return [judged(number, DEFAULT, value, number + 1) for number, value in enumerate(values)]


def test_no_seed_of_the_search_is_a_fresh_one() -> None:
    assert not set(DEFAULT_SEEDS) & set(FRESH_SEEDS)
    assert len(DEFAULT_SEEDS) == 3


def test_nothing_is_said_before_the_noise_is_known() -> None:
    assert find_standing(defaults(1.0, 1.1)).floor is None
    assert find_standing([]).champion is None


def test_the_margin_is_that_of_students_t() -> None:
    floor = find_standing(defaults(1.0, 1.01, 1.02)).floor
    assert floor is not None
    assert floor.mean == pytest.approx(1.01)
    assert floor.spread == pytest.approx(0.01)
    assert floor.margin == pytest.approx(2.92 * 0.01 * math.sqrt(1 + 1 / 3))


def test_three_equal_runs_are_no_proof_of_silence() -> None:
    floor = find_standing(defaults(1.0, 1.0, 1.0)).floor
    assert floor is not None and floor.margin > 0.001


def test_a_win_within_noise_is_none() -> None:
    standing = find_standing([*defaults(1.0, 1.01, 1.02), judged(3, SEARCH, 0.98)])
    assert standing.candidate is None and not standing.won


def test_a_candidate_waits_for_both_fresh_seeds_then_wins() -> None:
    records = [*defaults(1.0, 1.01, 1.02), judged(3, SEARCH, 0.9)]
    assert find_standing(records).missing == FRESH_SEEDS
    records.append(judged(4, AGAIN, 0.91, FRESH_SEEDS[0], 3))
    assert find_standing(records).missing == FRESH_SEEDS[1:]
    records.append(judged(5, AGAIN, 0.93, FRESH_SEEDS[1], 3))
    standing = find_standing(records)
    assert standing.won and standing.candidate is None and standing.champion is not None
    # The run that it was chosen by does not count.
    assert standing.champion.mean == pytest.approx(0.92)


def test_luck_does_not_come_twice() -> None:
    lucky = judged(3, SEARCH, 0.9)
    again = [judged(4 + place, AGAIN, 1.01, seed, 3) for place, seed in enumerate(FRESH_SEEDS)]
    standing = find_standing([*defaults(1.0, 1.01, 1.02), lucky, *again])
    assert not standing.won and standing.rejected == (lucky,)
    assert standing.champion is not None and standing.champion.record.group == DEFAULT


def test_the_next_candidate_must_beat_the_winner() -> None:
    records = [*defaults(1.0, 1.01, 1.02), judged(3, SEARCH, 0.9)]
    records += [judged(4 + place, AGAIN, 0.9, seed, 3) for place, seed in enumerate(FRESH_SEEDS)]
    assert find_standing([*records, judged(6, SEARCH, 0.895)]).candidate is None
    candidate = find_standing([*records, judged(6, SEARCH, 0.7)]).candidate
    assert candidate is not None and candidate.number == 6


def test_a_candidate_that_cannot_be_run_again_is_given_up() -> None:
    failed = Record(4, AGAIN, FRESH_SEEDS[0], FAILED, {}, of=3)
    standing = find_standing([*defaults(1.0, 1.01, 1.02), judged(3, SEARCH, 0.5), failed])
    assert standing.candidate is None and not standing.won


@given(st.lists(st.floats(0.5, 2.0), min_size=3, max_size=3), st.floats(0.5, 2.0))
def test_only_what_is_beyond_the_margin_is_looked_at_again(noise: list[float], value: float) -> None:
    standing = find_standing([*defaults(*noise), judged(3, SEARCH, value)])
    assert standing.floor is not None
    assert (standing.candidate is not None) == (value < standing.floor.mean - standing.floor.margin)


def test_time_at_work_counts_no_second_twice_and_no_pause() -> None:
    spans = [(100.0, 110.0), (105.0, 115.0), (200.0, 201.0)]
    records = [
        Record(number, SEARCH, 1, JUDGED, {}, 1.0, started=start, ended=end)
        for number, (start, end) in enumerate(spans)
    ]
    assert time_at_work(records) == pytest.approx(16.0)
    running = Record(9, SEARCH, 1, RUNNING, {}, started=300.0)
    assert time_at_work([*records, running], now=304.0) == pytest.approx(20.0)
    assert time_at_work([]) == 0.0
