import pytest

from penname.judge.target import AT_LEAST, AT_MOST, Limit, check_figures
from penname.judge.tuning.objective import CONSTRAINTS, missed, objective, short_verdict

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
