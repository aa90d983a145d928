"""The figures behind a verdict of tuning: what a miss costs, how wide the noise is, which cause comes first."""

import math
from typing import Any

import pytest

from penname.judge.target import AT_MOST, Limit, check_figures
from penname.tune.proposers import AGAIN, DEFAULT, FAILED, JUDGED, PRUNED, SEARCH, Record
from penname.tune.standing import (
    DEFAULT_SEEDS,
    FRESH_SEEDS,
    LEAST_TRIED,
    Champion,
    Floor,
    Standing,
    find_standing,
    headline,
    likelier,
    margin_of_one,
    penalty,
)


def run(number: int, value: float | None = None, group: str = SEARCH, **more: Any) -> Record:
    state = more.pop("state", JUDGED if value is not None else PRUNED)
    return Record(number, group, more.pop("seed", 1), state, {}, value, **more)


def defaults(*values: float, **figures: Any) -> list[Record]:
    return [run(place, value, DEFAULT, figures=figures) for place, value in enumerate(values)]


def cost(limit: float, figure: float) -> float:
    return penalty(check_figures([Limit("rep_4", AT_MOST, limit)], {"rep_4": figure}))


def test_a_miss_costs_by_its_size_up_to_three_times() -> None:
    assert cost(0.02, 0.02) == 0
    assert cost(0.02, 0.03) == pytest.approx(0.05)
    assert cost(0.02, 0.08) == pytest.approx(0.3)
    assert cost(0.02, 0.50) == pytest.approx(0.3), "no more than three times"
    assert cost(0.0, 0.5) == pytest.approx(0.05), "a limit of nothing is measured in ones"
    assert cost(-0.5, 0.0) == pytest.approx(0.1), "a limit below nothing by its size"


def test_misses_add_up() -> None:
    limits = [Limit("rep_4", AT_MOST, 0.02), Limit("looping_rate", AT_MOST, 0.1)]
    assert penalty(check_figures(limits, {"rep_4": 0.04, "looping_rate": 0.3})) == pytest.approx(0.1 + 0.2)


@pytest.mark.parametrize(
    ("groups", "t"),
    [
        ([[0.0, 0.02]], 6.314),
        ([[0.0, 0.01, 0.02]], 2.920),
        ([[0.0, 0.01, 0.02], [1.0, 1.02]], 2.353),
        ([[0.0, 0.01] * 5 + [0.0]], 1.812),
        ([[0.0, 0.01] * 6], 1.645 + 1.7 / 11),
    ],
)
def test_the_margin_is_students_for_any_freedom(groups: list[list[float]], t: float) -> None:
    squares = sum(sum((value - sum(group) / len(group)) ** 2 for value in group) for group in groups)
    spread = math.sqrt(squares / sum(len(group) - 1 for group in groups))
    assert margin_of_one(groups, 3) == pytest.approx(t * spread * math.sqrt(1 / 3 + 1), rel=1e-3)
    assert margin_of_one(groups, 1) == pytest.approx(t * spread * math.sqrt(2), rel=1e-3)


def test_equal_runs_have_the_least_spread() -> None:
    standing = find_standing(defaults(1.0, 1.0, 1.0))
    assert standing.floor == Floor(1.0, 5e-4, margin_of_one([[1.0] * 3], 3), (1.0, 1.0, 1.0))
    assert standing.floor is not None and standing.floor.margin == pytest.approx(2.92 * 5e-4 * math.sqrt(4 / 3))


def again(of: int, *values: float) -> list[Record]:
    return [
        run(100 * of + place, value, AGAIN, seed=seed, of=of)
        for place, (value, seed) in enumerate(zip(values, FRESH_SEEDS, strict=False))
    ]


def test_to_win_the_fresh_mean_must_be_beyond_the_margin_of_means() -> None:
    noise = [1.0, 1.01, 1.02]
    fresh = [0.97, 0.98]
    spread = math.sqrt((2e-4 + 5e-5) / 3)
    margin = 2.353 * spread * math.sqrt(1 / 3 + 1 / 2)
    shift = 1.01 - margin - sum(fresh) / 2
    for little, won in ((-1e-6, True), (1e-6, False)):
        values = [value + shift + little for value in fresh]
        standing = find_standing([*defaults(*noise), run(3, 0.9), *again(3, *values)])
        assert standing.won == won
        assert (len(standing.wins), len(standing.rejected)) == ((1, 0) if won else (0, 1))


def test_rejected_runs_widen_what_is_known_of_the_noise() -> None:
    first = [*defaults(1.0, 1.01, 1.02), run(3, 0.9), *again(3, 1.0, 1.2)]
    assert find_standing([*first, run(4, 0.9)]).candidate is None, "two seeds of one setting were 0.2 apart"
    second = [*defaults(1.0, 1.01, 1.02), run(3, 0.9), *again(3, 1.0, 1.001)]
    candidate = find_standing([*second, run(4, 0.9)]).candidate
    assert candidate is not None and candidate.number == 4


def test_trials_count_by_their_number_and_only_judged_ones() -> None:
    late, early = run(7, 0.5), run(5, 0.6)
    standing = find_standing([late, run(4), early, *defaults(1.0, 1.01, 1.02)])
    assert standing.candidate == early and standing.missing == FRESH_SEEDS


def test_a_seed_that_failed_gives_the_candidate_up_but_a_pruned_one_is_asked_for_again() -> None:
    base = [*defaults(1.0, 1.01, 1.02), run(3, 0.5)]
    failed = run(4, None, AGAIN, seed=FRESH_SEEDS[0], of=3, state=FAILED)
    assert find_standing([*base, failed]).rejected == (base[-1],)
    stopped = run(4, None, AGAIN, seed=FRESH_SEEDS[0], of=3)
    assert find_standing([*base, stopped]).missing == FRESH_SEEDS


def test_a_failed_seed_beside_two_that_were_judged_harms_nothing() -> None:
    failed = run(9, None, AGAIN, seed=FRESH_SEEDS[0], of=3, state=FAILED)
    assert find_standing([*defaults(1.0, 1.01, 1.02), run(3, 0.5), failed, *again(3, 0.6, 0.61)]).won


def test_a_champion_is_the_mean_of_its_runs() -> None:
    assert Champion(run(1, 0.5), (run(2, 0.75), run(3, 1.25))).mean == 1.0
    assert not Standing(None, None).won


def test_the_headline_has_the_figures_there_are() -> None:
    records = [*defaults(1.0, 1.01, 1.02), run(3), run(4)]
    said = headline(records, find_standing(records))
    assert "2 settings" in said and "(2 stopped early)" in said and "1.0100" in said and "objective" not in said
    said = headline([*records, run(5, 1.5), run(6, 1.4)], find_standing(records))
    assert "4 settings" in said and "(2 stopped early)" in said and "1.4000" in said
    assert (LEAST_TRIED, DEFAULT_SEEDS, FRESH_SEEDS) == (3, (1, 2, 3), (101, 102))


ENOUGH: dict[str, Any] = {
    "training_words": 400_000,
    "base_validation_bits_per_byte": 1.2,
    "general_base_bits_per_byte": 1.2,
    "real_vs_generated_auc": 0.6,
}


def causes(weights: int = 300_000_000, passes: float = 2.0, curve: Any = None, **figures: Any) -> list[str]:
    records = [
        run(place, 1.0, DEFAULT, figures=ENOUGH | figures, curve=curve or {0: 1.2, 1: 1.1, 2: 1.1})
        for place in range(3)
    ]
    return [text.partition(":")[0] for text in likelier(records, weights, passes)]


def test_where_nothing_speaks_for_a_cause_the_base_comes_before_the_data() -> None:
    assert causes() == ["Base", "Data"]
    assert likelier([], 1, 1.0) == [] and likelier([run(3, 1.0)], 1, 1.0) == []


def test_few_words_come_first_the_fewer_the_surer() -> None:
    assert causes(training_words=99_999)[0] == "Data"
    assert causes(training_words=100_000)[0] == "Base"
    assert causes(training_words=20_000, passes=0.5)[0] == "Data", "the root of five is more than two"
    assert causes(training_words=30_000, passes=0.5)[0] == "Time"
    assert causes(training_words=0)[0] == "Data"


def test_little_time_is_a_cause_with_under_a_pass_or_a_curve_that_falls() -> None:
    assert "Time" not in causes(passes=1.0)
    assert causes(passes=0.99)[0] == "Time"
    assert "Time" not in causes(curve={0: 1.3, 1: 1.105, 2: 1.1})
    assert causes(curve={0: 1.3, 1: 1.106, 2: 1.1})[0] == "Time"
    assert "Time" not in causes(curve={0: 1.3}) and "Time" not in causes(curve={1: 1.0, 2: 1.2})
    assert causes(curve={2: 1.1, 0: 1.3, 1: 1.15})[0] == "Time", "by place, not as it was written"


def test_how_much_is_missing_decides_the_order() -> None:
    assert causes(passes=0.5, training_words=24_000)[:2] == ["Data", "Time"], "2.04 before 2.0"
    assert causes(passes=0.5, training_words=26_000)[:2] == ["Time", "Data"], "1.96 behind 2.0"
    falling = {0: 1.2, 1: 1.15, 2: 1.1}
    assert causes(curve=falling, training_words=15_000)[:2] == ["Data", "Time"], "2.58 before 2.5"
    assert causes(curve=falling, training_words=17_000)[:2] == ["Time", "Data"], "2.43 behind 2.5"


def test_a_base_that_is_far_from_the_blog_is_a_cause() -> None:
    assert causes(base_validation_bits_per_byte=1.2 * 1.16, training_words=99_000)[0] == "Base"
    assert causes(base_validation_bits_per_byte=1.2 * 1.15 - 1e-9, training_words=99_000)[0] == "Data"
    assert causes(base_validation_bits_per_byte=1.2 * 1.35, training_words=32_000)[0] == "Base", "1.8 before 1.77"
    assert "Base" not in causes(base_validation_bits_per_byte=None)
    assert "Base" not in causes(general_base_bits_per_byte=None)


def test_a_small_network_is_a_cause_when_its_text_is_told_apart() -> None:
    assert "Size" not in causes(weights=200_000_000, real_vs_generated_auc=0.99)
    assert causes(weights=199_999_999, real_vs_generated_auc=0.99)[0] == "Size"
    assert causes(weights=1_000, real_vs_generated_auc=0.5, training_words=99_000)[:2] == ["Data", "Size"]
    assert causes(weights=1_000, real_vs_generated_auc=0.95, training_words=92_000)[:2] == ["Size", "Data"]
    assert "Size" not in causes(weights=1_000, real_vs_generated_auc=None)


def test_figures_are_means_over_the_default() -> None:
    records = [
        run(place, 1.0, DEFAULT, figures=ENOUGH | {"training_words": words}, curve={})
        for place, words in enumerate((90_000, None, 130_000))
    ]
    assert any("110,000" in text for text in likelier(records, 300_000_000, 2.0))


FORGOT = "forgetting_bits_per_byte: 0.078, over by 0.048 (at most 0.03)"


def constraints(best: float, objective: float, *verdict: str, **more: Any) -> list[str]:
    records = [
        run(place, 1.29, DEFAULT, figures=ENOUGH | {"exact_bits_per_byte": bits}, curve={})
        for place, bits in enumerate((1.28, 1.29, 1.30))
    ]
    trial = run(3, objective, figures={"exact_bits_per_byte": best}, verdict=verdict, **more)
    return [text for text in likelier([*records, trial], 300_000_000, 2.0) if text.startswith("Constraints")]


def test_constraints_are_the_likeliest_cause_when_they_take_a_gain_back() -> None:
    assert "0.040" in constraints(1.25, 1.35, FORGOT)[0] and "0.100" in constraints(1.25, 1.35, FORGOT)[0]
    assert constraints(1.25, 1.29, FORGOT), "as good as the default is no win"
    assert not constraints(1.25, 1.2899, FORGOT)
    assert not constraints(1.28, 1.35, FORGOT), "one seed of the default is as good"
    assert not constraints(1.25, 1.35, "delta_percentile: 99, over by 9 (at most 90)"), "no constraint"
    assert not constraints(1.25, 1.35, FORGOT, of=1), "a run of another trial again"
    assert not constraints(float("inf"), 1.35, FORGOT)
