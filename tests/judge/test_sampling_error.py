import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.judge.judgement import error_at, ratio_error, standard_errors
from penname.judge.target import AT_MOST, Limit
from penname.write.copying import CopyIndex, copy_report

GOOD = "one two three four five six seven eight nine ten eleven twelve"
LOOP = "and so on and so on and so on and so on"
NAMES = (
    "rep_4",
    "looping_rate",
    "copy_ratio_8gram",
    "extraction_rate",
    "longest_copied_run",
    "forgetting_bits_per_byte",
)
LIMITS = [Limit(name, AT_MOST, 0.01) for name in NAMES]


def judgement(texts: list[str], posts: list[str], tried: int = 60) -> Any:
    report = copy_report(
        texts, ["nothing of it stands in any other post at all as far as one can see"], CopyIndex(posts)
    )
    copying = SimpleNamespace(free=report, guarded=report, recited=SimpleNamespace(found=SimpleNamespace(tried=tried)))
    passages = SimpleNamespace(guarded=[SimpleNamespace(text=text) for text in texts])
    return SimpleNamespace(passages=passages, copying=copying)


def test_only_what_is_drawn_from_passages_or_posts_has_an_error() -> None:
    errors = standard_errors(judgement([GOOD] * 9 + [LOOP], [GOOD]), LIMITS)
    assert set(errors) == {"rep_4", "looping_rate", "copy_ratio_8gram", "extraction_rate"}


def test_passages_that_are_alike_have_none_and_one_bad_passage_no_more_than_the_limit_allows() -> None:
    assert standard_errors(judgement([LOOP] * 10, [GOOD]), LIMITS)["rep_4"] == pytest.approx(0)
    errors = standard_errors(judgement([GOOD] * 9 + [LOOP], [GOOD]), LIMITS)
    # Its own error is 0.067, as large as its figure: with that no amount of repetition would ever count.
    assert errors["rep_4"] == pytest.approx(math.sqrt(0.01 * 0.99 / 10))
    wide = standard_errors(judgement([GOOD] * 9 + [LOOP], [GOOD]), [Limit("rep_4", AT_MOST, 0.4)])
    assert wide["rep_4"] == pytest.approx(2 / 3 / 10)


def test_posts_that_come_out_or_not_have_the_binomial_error_at_the_limit() -> None:
    error = standard_errors(judgement([GOOD] * 10, [GOOD]), LIMITS)["extraction_rate"]
    assert error == pytest.approx(math.sqrt(0.01 * 0.99 / 60))
    # Two posts of sixty may be luck where one in a hundred is allowed; three are not, and where none is, nor is one.
    assert 2 / 60 - 0.01 < 2 * error < 3 / 60 - 0.01
    none = standard_errors(judgement([GOOD] * 10, [GOOD]), [Limit("extraction_rate", AT_MOST, 0.0)])
    assert none["extraction_rate"] == 0


def test_the_error_of_the_copying_ratio_is_that_of_its_share_in_its_own_unit() -> None:
    made = judgement([GOOD] * 2 + [LOOP] * 8, [GOOD])
    report = made.copying.guarded
    assert report.counts == ((5, 5),) * 2 + ((0, 5),) * 8 and report.share == 0.2
    limits = [Limit("copy_ratio_8gram", AT_MOST, 10.0), Limit("copied_8gram_share", AT_MOST, 0.5)]
    errors = standard_errors(made, limits)
    assert errors["copied_8gram_share"] == pytest.approx(0.4 / 3)
    assert errors["copy_ratio_8gram"] / errors["copied_8gram_share"] == pytest.approx(report.ratio / (10.5 / 51))


def test_nothing_drawn_nothing_known() -> None:
    assert ratio_error([], []) == ratio_error([1.0], [1.0]) == ratio_error([0.0, 0.0], [0.0, 0.0]) == math.inf
    errors = standard_errors(judgement([], [GOOD], tried=0), LIMITS)
    assert errors["rep_4"] == errors["extraction_rate"] == 0


@given(st.lists(st.floats(0, 1), min_size=2, max_size=30))
def test_the_error_of_a_mean_is_the_usual_one_and_never_above_the_bound_at_its_mean(values: list[float]) -> None:
    found = ratio_error(values, [1.0] * len(values))
    assert found == pytest.approx(np.std(values, ddof=1) / math.sqrt(len(values)), abs=1e-9)
    assert found <= error_at(float(np.mean(values)), len(values) - 1) + 1e-7


def test_it_is_what_many_drawings_show() -> None:
    random = np.random.default_rng(1)
    drawn = random.beta(0.1, 5, (4000, 40))
    means = drawn.mean(axis=1)
    errors = [ratio_error(list(row), [1.0] * 40) for row in drawn[:500]]
    assert np.mean(np.square(errors)) == pytest.approx(means.var(), rel=0.15)
