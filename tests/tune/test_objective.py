import pytest

from penname.judge.target import AT_LEAST, AT_MOST, Limit, check_figures
from penname.tune.proposers import DEFAULT, JUDGED, Record
from penname.tune.standing import CONSTRAINTS, find_standing, missed, objective, short_verdict

LIMITS = [
    Limit("forgetting_bits_per_byte", AT_MOST, 0.03),
    Limit("rep_4", AT_MOST, 0.02),
    Limit("real_vs_generated_auc", AT_MOST, 0.8),
    Limit("known_word_rate", AT_LEAST, 0.98),
]
GOOD = {"forgetting_bits_per_byte": 0.01, "rep_4": 0.0, "real_vs_generated_auc": 0.7, "known_word_rate": 0.99}


def test_where_all_is_met_it_is_the_bits_per_byte() -> None:
    checks = check_figures(LIMITS, GOOD)
    assert objective(1.25, checks) == 1.25
    assert missed(checks) == 0 and short_verdict(checks) == "all targets met"


def test_a_constraint_missed_by_its_own_size_costs_a_tenth() -> None:
    checks = check_figures(LIMITS, GOOD | {"forgetting_bits_per_byte": 0.06})
    assert objective(1.25, checks) == pytest.approx(1.35)
    assert short_verdict(checks) == "short: forgetting_bits_per_byte by 0.03"


def test_a_target_that_is_no_constraint_costs_nothing_but_is_told() -> None:
    checks = check_figures(LIMITS, GOOD | {"real_vs_generated_auc": 1.0})
    assert objective(1.25, checks) == 1.25 and missed(checks) == 1
    assert "real_vs_generated_auc" not in CONSTRAINTS


def test_what_was_not_measured_is_not_missed() -> None:
    assert objective(1.0, check_figures(LIMITS, {})) == 1.0
    assert missed(check_figures(LIMITS, {})) == 0


def test_one_passage_that_goes_round_in_circles_is_not_the_noise_between_seeds() -> None:
    # The default of a run on the sample blog: 10 passages, 0.009 is wanted; only the third seed drew a bad passage.
    limits = [Limit("rep_4", AT_MOST, 0.009), Limit("forgetting_bits_per_byte", AT_MOST, 0.03)]
    runs = [(1.2845, 0.003, 0.003), (1.2866, 0.0, 0.0), (1.2973, 0.02, 0.015)]
    values = []
    for bits, rep, error in runs:
        checks = check_figures(limits, {"rep_4": rep, "forgetting_bits_per_byte": 0.03}, {"rep_4": error})
        values.append(objective(bits, checks))
    floor = find_standing([Record(n, DEFAULT, n + 1, JUDGED, {}, value) for n, value in enumerate(values)]).floor
    assert floor is not None and floor.margin == pytest.approx(0.0233, abs=2e-4)
    # It is listed as missed, with the figure as it is.
    assert missed(checks) == 1 and short_verdict(checks) == "short: rep_4 by 0.011"
    assert checks[0].sentence == "rep_4: 2%, over by 1.1% (at most 0.9%), which is within the error of 3%"


def test_what_is_missed_beyond_two_standard_errors_costs() -> None:
    (check,) = check_figures([Limit("rep_4", AT_MOST, 0.02)], {"rep_4": 0.08}, {"rep_4": 0.01})
    assert check.short == pytest.approx(0.06) and check.beyond == pytest.approx(0.04)
    assert objective(1.0, [check]) == pytest.approx(1.2) and "within" not in check.sentence


def test_forgetting_is_exact_and_costs_from_the_start() -> None:
    (check,) = check_figures(LIMITS[:1], {"forgetting_bits_per_byte": 0.036}, {"rep_4": 9.0})
    assert check.error == 0 and objective(1.0, [check]) == pytest.approx(1.02)
