"""Delta: the blog's own posts are near, another author's are far."""

import random

import numpy as np
import pytest

from penname.corpus.words import Passage
from penname.judge.style import WINDOW, measure_delta, profile_blog

WORDS = [f"word{number}" for number in range(400)]


def post(seed: int, author: int = 0, length: int = 400) -> str:
    """A post by an author whose words follow Zipf's law, each with habits and each post with a leaning."""
    choose = random.Random(seed * 1000 + author)
    habit = np.random.default_rng(author).permutation(60)
    weights = [1 / (rank + 2.0) for rank in range(len(WORDS))]
    for place, other in enumerate(habit):
        weights[place] = (1 / (other + 2.0) + 1 / (place + 2.0)) / 2
    weights = [weight * choose.uniform(0.7, 1.3) for weight in weights]
    return " ".join(choose.choices(WORDS, weights, k=length))


BLOG = [post(seed) for seed in range(100)]
PROFILE = profile_blog(BLOG, list(range(100)), background=[post(seed, 7) for seed in range(60)])


def passages(author: int) -> list[Passage]:
    return [Passage(post(5000 + number, author, 200), number % 12) for number in range(100)]


def test_the_same_author_is_near_and_another_is_far() -> None:
    near, far = measure_delta(PROFILE, passages(0)), measure_delta(PROFILE, passages(3))
    assert near is not None and far is not None
    assert near.cosine is not None and far.cosine is not None
    assert near.burrows.percentile < 90
    assert near.cosine.percentile < 95
    assert far.burrows.percentile == far.cosine.percentile == 100
    assert far.burrows.value > near.burrows.value
    assert near.burrows.own == far.burrows.own
    assert near.samples == 10
    assert near.own_samples > 50


def test_it_is_the_same_each_time() -> None:
    assert measure_delta(PROFILE, passages(0), seed=4) == measure_delta(PROFILE, passages(0), seed=4)


def test_windows_hold_every_word_once() -> None:
    profile = profile_blog(["a b " * 250, "", "a c"], [11, 12, 13], count=2)
    assert profile.vocabulary == ("a", "b")
    assert profile.counts.sum() == 502
    assert profile.posts.tolist() == [11, 11, 11, 13]
    assert profile.counts[0].tolist() == [WINDOW / 2, WINDOW / 2, 0]
    assert profile.counts[-1].tolist() == [1, 0, 1]


def test_a_post_that_is_half_the_blog_is_shortened() -> None:
    profile = profile_blog([*BLOG, post(1, 5, 40_000)], list(range(101)))
    assert np.bincount(profile.posts)[-2:].tolist() == [2, 10]


def test_the_size_of_samples_follows_the_blog() -> None:
    assert profile_blog([post(1)], [1]).size == 500
    assert PROFILE.size == 2000
    assert profile_blog(BLOG[:50], list(range(50))).size == 1000


def test_burrows_equals_its_definition() -> None:
    """One sample, one group: mean absolute difference of z-scores, computed by hand."""
    deltas = measure_delta(profile_blog(BLOG, list(range(100)), count=5), passages(3))
    assert deltas is not None
    assert deltas.cosine is None
    rates = np.array([[text.split().count(w) for w in PROFILE.vocabulary[:5]] for text in BLOG]) / 400
    made = [passage.text.split().count(w) / 200 for passage in passages(3) for w in PROFILE.vocabulary[:5]]
    mean_made = np.array(made).reshape(-1, 5).mean(axis=0)
    # Samples of five posts have a spread smaller by the root of five; Delta of the mean is a lower bound.
    lower = (np.abs(mean_made - rates.mean(axis=0)) / (rates.std(axis=0) / 5**0.5)).mean()
    assert 0.7 * lower < deltas.burrows.value < 2 * lower


@pytest.mark.parametrize("texts", [[], ["too short"], [post(1)]])
def test_too_little_text_gives_nothing(texts: list[str]) -> None:
    profile = profile_blog(texts, list(range(len(texts))))
    assert measure_delta(profile, passages(0)) is None
    assert measure_delta(PROFILE, []) is None
