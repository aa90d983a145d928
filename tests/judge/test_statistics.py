"""Intervals, noise between seeds, digits."""

import math

import numpy as np
import pytest

from penname.core.errors import InputError
from penname.judge.figures import bits_per_byte_interval, decimals, difference_interval, noise_floor, rounded, shown


def test_bits_per_byte_weighs_posts_by_their_bytes() -> None:
    assert bits_per_byte_interval([100.0, 3000.0], [100, 1000]).value == pytest.approx(3100 / 1100)
    one = bits_per_byte_interval([120.0], [100])
    assert (one.value, one.low, one.high) == (1.2, 1.2, 1.2)


def test_the_interval_holds_the_truth_about_19_times_out_of_20() -> None:
    choose = np.random.default_rng(0)
    hits = 0
    for trial in range(60):
        sizes = choose.integers(500, 5000, 60)
        bits = sizes * choose.normal(1.3, 0.1, 60)
        interval = bits_per_byte_interval(bits.tolist(), sizes.tolist(), seed=trial)
        hits += interval.low <= 1.3 <= interval.high
    assert 50 <= hits <= 60


def test_a_paired_difference_is_sharper_than_the_figures() -> None:
    choose = np.random.default_rng(0)
    sizes = choose.integers(500, 5000, 40)
    bits = sizes * choose.normal(1.3, 0.3, 40)
    other = bits + sizes * choose.normal(0.1, 0.01, 40)
    difference = difference_interval(other.tolist(), bits.tolist(), sizes.tolist())
    assert difference.low < 0.1 < difference.high
    assert difference.error < bits_per_byte_interval(bits.tolist(), sizes.tolist()).error / 5


def test_no_text_is_an_error_for_the_user() -> None:
    for bits, sizes in (([], []), ([0.0], [0])):
        with pytest.raises(InputError, match="held-out"):
            bits_per_byte_interval(bits, sizes)


def test_noise_floor_of_three_seeds() -> None:
    noise = noise_floor([1.24, 1.25, 1.26])
    assert noise.mean == pytest.approx(1.25)
    assert noise.spread == pytest.approx(0.01)
    assert noise.floor == pytest.approx(4.303 * 0.01 * math.sqrt(4 / 3))
    assert noise_floor([1.0]).floor == math.inf
    assert noise_floor([]).runs == 0


def test_the_noise_floor_holds_a_further_run_about_19_times_out_of_20() -> None:
    choose = np.random.default_rng(7)
    for runs in (3, 12):
        hits = 0
        for _ in range(400):
            values = choose.normal(0, 1, runs + 1)
            noise = noise_floor(values[:runs].tolist())
            hits += abs(values[runs] - noise.mean) < noise.floor
        assert 0.91 < hits / 400 < 0.985


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (1.23456, 0.0312, "1.23 ± 0.03"),
        (1.23456, 0.0096, "1.235 ± 0.010"),
        (87.3, 12.0, "87 ± 12"),
        (0.5, 0.0, "0.500000 ± 0.000000"),
        (3.0, math.inf, "3 ± inf"),
    ],
)
def test_digits(value: float, error: float, text: str) -> None:
    assert shown(value, error) == text
    assert rounded(value, error) == round(value, decimals(error))
