"""The parts of Delta and of the rates of style, each against what it says, on texts that fit on a page."""

import numpy as np
import pytest

from penname.corpus.words import Passage
from penname.judge.style import (
    Profile,
    _burrows,
    _cosine,
    _distance,
    _own_samples,
    _rates,
    _samples,
    _scale,
    _shorten,
    find_function_words,
    measure_delta,
    measure_style,
    profile_blog,
    sentence_lengths,
)


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_the_spread_of_sentences_is_their_standard_deviation() -> None:
    found = measure_style(["One two. One two three four."], [])
    assert found["sentence length, words"] == 3 and found["sentence length, spread"] == 1
    none = measure_style(["", "--"], ["a"])
    assert set(none.values()) == {0.0}


def test_marks_that_look_alike_are_told_apart() -> None:
    found = measure_style(["a. b.. c... d.e 3.14 f. (g) h:i j://k – l-m it's 'n' «o» p;q"], [])
    scale = 1000 / 21
    for name, count in (("full stops", 3), ("colons", 1), ("dashes", 1), ("hyphens", 1), ("apostrophes", 1)):
        assert round(found[f"{name} per 1,000 words"] / scale) in (count, count - 1, count + 1), name
    assert sentence_lengths("a\n\n\n\nb") == [1, 1]


def test_function_words_are_sorted_by_spread_then_by_name() -> None:
    assert find_function_words(["b a", "a b c", "c"], 3) == ["a", "b", "c"]
    assert len(find_function_words([" ".join(f"w{n}" for n in range(80))])) == 50


@pytest.mark.parametrize(
    ("tokens", "size"), [(500, 500), (10_000, 500), (10_020, 501), (30_000, 1500), (40_000, 2000), (90_000, 2000)]
)
def test_a_sample_is_a_twentieth_of_the_blog_within_bounds(tokens: int, size: int) -> None:
    assert profile_blog(["a " * tokens], [7]).size == size


def test_only_the_first_windows_of_a_long_post_count() -> None:
    def kept(*sizes: int) -> list[int]:
        places = np.repeat(np.arange(len(sizes)), sizes)
        numbers = np.concatenate([np.arange(size) for size in sizes])
        counts, left = _shorten(numbers[:, None].astype(float), places)
        assert all(counts[left == place, 0].tolist() == list(range(sum(left == place))) for place in range(len(sizes)))
        return np.bincount(left, minlength=len(sizes)).tolist()

    assert kept(3, 3) == [3, 3]
    assert kept(12, 1, 1) == [10, 1, 1], "at least ten windows"
    assert kept(30, 1, 1, 1, 1, 1, 1) == [10, 1, 1, 1, 1, 1, 1]
    assert kept(12, 6, 0, 0) == [12, 6, 0, 0], "twice the mean of nine is eighteen"
    assert _shorten(np.zeros((0, 2)), np.zeros(0, np.int64))[0].shape == (0, 2)


def test_samples_hold_every_window_once_and_at_least_so_many_words() -> None:
    counts = np.array([[number, 200.0 - number] for number in range(23)])
    found = _samples(counts, 500, rng())
    assert found.shape == (9, 1), "4,600 words are nine samples"
    # The windows of all samples together: each window once, as rates weighed by the words of their sample.
    order = rng().permutation(23)
    ends, start, sizes = [], 0, []
    words = 0.0
    for window in order:
        words += counts[window].sum()
        sizes.append(words)
    for number in range(9):
        last = number == 8
        end = next(place for place, total in enumerate(sizes, 1) if total > (number + 1) * 500) - 1 if not last else 23
        block = counts[order[start:end]]
        ends.append(block[:, 0].sum() / block.sum())
        start = end
    assert found[:, 0].tolist() == pytest.approx(ends)


def test_too_few_words_are_no_sample() -> None:
    counts = np.array([[100.0, 99.0], [100.0, 200.0]])
    assert len(_samples(counts, 500, rng())) == 0 and len(_samples(counts, 499, rng())) == 1
    assert len(_samples(counts[:0], 1, rng())) == 0


def test_rates_are_shares_of_all_words() -> None:
    assert _rates(np.array([[1.0, 1.0, 2.0], [0.0, 0.0, 0.0]])).tolist() == [[0.25, 0.25], [0.0, 0.0]]


def test_scores_of_a_word_that_never_varies_are_nothing() -> None:
    mean, spread = _scale(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert mean.tolist() == [2.0, 5.0] and spread.tolist() == [1.0, np.inf]
    assert _burrows(np.array([[4.0, 9.0]]), mean, spread).tolist() == [1.0]


def test_cosine_is_one_minus_the_cosine() -> None:
    mean, spread = np.zeros(2), np.ones(2)
    found = _cosine(np.array([[1.0, 0.0], [1.0, 1.0], [-2.0, 0.0], [0.0, 0.0]]), np.array([3.0, 0.0]), mean, spread)
    assert found.tolist() == pytest.approx([0.0, 1 - 0.5**0.5, 2.0, 1.0])
    shifted = _cosine(np.array([[3.0, 4.0]]), np.array([1.0, 2.0]), np.array([1.0, 4.0]), np.array([2.0, 1.0]))
    assert shifted.tolist() == pytest.approx([1.0])


def test_the_percentile_is_the_share_of_own_distances_below() -> None:
    found = _distance([np.array([1.0, 2.0]), np.array([3.0, 4.0])], np.array([2.0, 4.0]))
    assert (found.value, found.own, found.percentile) == (3.0, 2.5, 50.0), "an equal one is not below"
    assert found.own_spread == pytest.approx(1.25**0.5)
    assert found.samples == (2.0, 4.0) and found.own_samples == (1.0, 2.0, 3.0, 4.0)


def profile(posts: int, windows: int = 3, size: int = 500) -> Profile:
    counts = np.tile([50.0, 150.0], (posts * windows, 1)) + np.arange(posts * windows)[:, None]
    return Profile(("a",), counts, np.repeat(np.arange(posts), windows), np.zeros((0, 2)), size)


@pytest.mark.parametrize(
    ("posts", "group", "groups"),
    [(10, 3, 4 * 3), (10, 5, 4 * 2), (10, 50, 4 * 2), (9, 50, 4 * 2), (1, 1, 0), (2, 1, 8)],
)
def test_own_samples_are_groups_of_posts_against_the_rest(posts: int, group: int, groups: int) -> None:
    found = _own_samples(profile(posts), group, rng())
    assert len(found) == groups
    for rates, rest in found:
        assert len(rates) >= 1 and rest.shape == (1,)


def test_of_one_group_at_most_twenty_samples_are_taken() -> None:
    found = _own_samples(profile(4, windows=100, size=500), 2, rng())
    assert [len(rates) for rates, _ in found] == [20] * 8


def test_no_group_reaches_a_sample_where_posts_are_short() -> None:
    assert _own_samples(profile(4, windows=1, size=5000), 2, rng()) == []


def test_prompts_from_more_posts_make_larger_groups() -> None:
    blog = profile(12, windows=6)
    text = "a b b b " * 50
    few = measure_delta(blog, [Passage(text, 1) for _ in range(9)])
    many = measure_delta(blog, [Passage(text, number) for number in range(9)])
    assert few is not None and many is not None
    assert few.samples == many.samples == 3 and few.size == 500
    assert few.own_samples == 4 * (4 * 2 + 7 * 3 + 4), "two to four samples a post"
    assert 4 * 36 <= many.own_samples <= 4 * 39, "nearly all words of both halves"
    assert few.cosine is None and few.burrows.value > 0


def test_cosine_takes_as_many_samples_of_others_as_of_the_blog() -> None:
    rates = np.arange(60.0)[:, None] % 7
    own = Profile(
        ("a", "b"), np.hstack([20 + rates, 30 - rates, 150 + rates]), np.arange(60) // 5, np.zeros((0, 3)), 500
    )
    others = np.hstack([60 + rates, 40 - rates, 100 + rates])
    text = "a b c c c c c c " * 25
    passages = [Passage(text, 1) for _ in range(9)]
    some = measure_delta(Profile(own.vocabulary, own.counts, own.posts, others, 500), passages)
    more = measure_delta(Profile(own.vocabulary, own.counts, own.posts, np.vstack([others, others]), 500), passages)
    assert some is not None and more is not None and some.cosine is not None and more.cosine is not None
    assert abs(some.cosine.value - more.cosine.value) < 0.05 and some.burrows == more.burrows


@pytest.mark.parametrize(("tokens", "sizes"), [(200, [200]), (201, [200, 1]), (400, [200, 200]), (1, [1])])
def test_the_last_window_holds_what_is_left(tokens: int, sizes: list[int]) -> None:
    assert profile_blog(["a " * tokens], [5]).counts.sum(axis=1).tolist() == sizes
