"""Ranges: how a value is moved, mixed and placed in them, and which settings are tuned."""

import math

import pytest

from penname.tune.tunables import DEFAULTS as USUAL
from penname.tune.tunables import OPTIONAL, TUNABLES, Tunable, differing, in_words, tunables_for

LOG = Tunable("rate", 1e-4, 1e-2, True, "")
LINEAR = Tunable("share", 0.2, 1.2, False, "")
DEFAULTS = {each.name: math.sqrt(each.low * each.high) if each.log else each.high / 2 for each in TUNABLES} | {
    "lora_rank": 0.0
}


def test_what_is_usual_is_what_it_was() -> None:
    assert USUAL == {"temperature": 1.0, "min_p": 0.05, "strength": 0.9}
    ends = {each.name: (each.low, each.high, each.log) for each in TUNABLES}
    assert ends == {
        "share": (0.1, 0.9, True),
        "passes": (0.5, 12.0, True),
        "rate": (3e-5, 3e-3, True),
        "table_rate": (1e-4, 3e-3, True),
        "dropout": (0.0, 0.4, False),
        "weight_decay": (0.005, 0.5, True),
        "strength": (0.5, 1.0, False),
        "temperature": (0.5, 1.3, False),
        "min_p": (0.01, 0.2, True),
    }


def test_a_value_is_clipped_to_the_nearer_end() -> None:
    assert [LOG.clipped(value) for value in (1e-5, 1e-3, 1.0)] == [1e-4, 1e-3, 1e-2]


@pytest.mark.parametrize(("way", "value"), [(1, 3e-3), (-1, 1e-3 / 3), (0.5, 1e-3 * 3**0.5), (2, 9e-3), (3, 1e-2)])
def test_ratios_move_by_a_power(way: float, value: float) -> None:
    assert LOG.moved(1e-3, way, 3.0, 0.3) == pytest.approx(value)


@pytest.mark.parametrize(("way", "value"), [(1, 0.8), (-1, 0.2), (0.5, 0.65), (3, 1.2)])
def test_steps_move_by_a_part_of_the_range(way: float, value: float) -> None:
    assert LINEAR.moved(0.5, way, 3.0, 0.3) == pytest.approx(value)


def test_between_is_a_part_of_the_way() -> None:
    assert LOG.between(1e-3, 4e-3, 0.5) == pytest.approx(2e-3)
    assert LOG.between(1e-3, 4e-3, 0.25) == pytest.approx(1e-3 * 4**0.25)
    assert LINEAR.between(0.4, 0.8, 0.25) == pytest.approx(0.5)
    assert LINEAR.between(0.0, 0.8, 0.0) == 0.2 and LOG.between(1e-3, 1.0, 1.0) == 1e-2


def test_the_spot_is_where_it_lies_in_the_range() -> None:
    assert [LOG.spot(value) for value in (1e-4, 1e-3, 1e-2)] == pytest.approx([0, 0.5, 1])
    assert [LINEAR.spot(value) for value in (0.2, 0.7, 1.2)] == pytest.approx([0, 0.5, 1])


def test_passes_and_share_are_tuned_only_where_they_matter() -> None:
    def names(**changes: float) -> set[str]:
        return {each.name for each in tunables_for(DEFAULTS | changes)}

    assert names() == {each.name for each in TUNABLES}
    assert "passes" in names(passes=1.0) and "passes" not in names(passes=0.99)
    assert "share" in names(share=0.99) and "share" not in names(share=1.0)


def test_what_is_wanted_is_tuned_and_nothing_else() -> None:
    assert [each.name for each in tunables_for(DEFAULTS, ("rate", "lora_rank"))] == ["rate", "lora_rank"]
    assert OPTIONAL[0].name not in {each.name for each in tunables_for(DEFAULTS)}
    rank = tunables_for(DEFAULTS, ("lora_rank",))[0]
    assert (rank.low, rank.high) == pytest.approx((-19.2, 19.2))


def test_a_study_looks_at_a_third_to_three_times_the_default() -> None:
    rate = next(each for each in tunables_for(DEFAULTS | {"rate": 4e-4}) if each.name == "rate")
    assert (rate.low, rate.high) == pytest.approx((4e-4 / 3, 12e-4))


def test_what_differs_differs_by_more_than_rounding() -> None:
    assert differing({"a": 1.0, "b": 0.0, "c": -2.0}, {"a": 1.0 + 1e-12, "b": 0.0, "c": 2.0}) == {"c": -2.0}
    assert differing({"a": 1.0}, {"a": 1.0 + 1e-8}) == {"a": 1.0}
    assert in_words({"a": 0.12345, "b": 2.0}, {"a": 1.0, "b": 1.0}) == "a 0.123, b 2"
