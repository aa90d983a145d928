"""The classifier against scikit-learn, and on texts that are alike or not."""

import random
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.corpus.words import Passage
from penname.judge.classifier import area_under_curve, fit_logistic, gram, hashed_ngrams, real_vs_generated


def write(seed: int, words: Sequence[str], length: int = 60) -> str:
    return " ".join(random.Random(seed).choices(words, k=length))


PLAIN = ["the", "kettle", "was", "cold", "and", "nobody", "came", "to", "see", "it", "again"]
ORNATE = ["moreover", "resplendent", "visages", "beheld", "therein", "sublime", "wherefore", "doth"]


@pytest.mark.slow
@pytest.mark.parametrize("penalty", [0.1, 10.0, 1000.0])
def test_logistic_regression_equals_scikit_learn(penalty: float) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    choose = np.random.default_rng(3)
    features = choose.normal(size=(60, 200)) / 10
    target = features[:, 0] + 0.1 * choose.normal(size=60) > 0.02
    weights, intercept = fit_logistic(features @ features.T, target, penalty)
    theirs = linear.LogisticRegression(C=penalty, tol=1e-10, max_iter=20_000).fit(features, target)
    mine = features @ features.T @ weights + intercept
    assert mine == pytest.approx(theirs.decision_function(features), abs=2e-3, rel=1e-3)


def test_area_equals_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    choose = np.random.default_rng(1)
    real, made = choose.integers(0, 9, 40).astype(float), choose.integers(2, 12, 30).astype(float)
    theirs = metrics.roc_auc_score([0] * 40 + [1] * 30, np.concatenate([real, made]))
    assert area_under_curve(real, made) == pytest.approx(theirs)


def test_similarities_equal_a_dense_computation() -> None:
    texts = [write(seed, PLAIN + ORNATE, 300 + seed) for seed in range(6)] + ["ab", ""]
    counts = np.zeros((len(texts), 1 << 15))
    for row, text in enumerate(texts):
        np.add.at(counts[row], hashed_ngrams(text), 1)
    value = np.log1p(counts) * (np.log((1 + len(texts)) / (1 + (counts > 0).sum(axis=0))) + 1)
    value /= np.maximum(np.linalg.norm(value, axis=1, keepdims=True), 1e-12)
    assert gram(texts) == pytest.approx(value @ value.T, abs=1e-5)


@given(st.text(max_size=40))
def test_every_ngram_gets_one_bucket(text: str) -> None:
    found = hashed_ngrams(text)
    size = len(" ".join(text.split(" ")))
    assert len(found) == sum(max(0, size - n + 1) for n in (3, 4, 5))
    assert all(0 <= bucket < 1 << 15 for bucket in found)


def test_equal_ngrams_share_a_bucket_and_others_hardly_ever() -> None:
    assert len(set(hashed_ngrams("abcabc").tolist())) == 3 + 3 + 2
    text = " ".join(str(number) for number in range(2000))
    grams = {text[i : i + n] for n in (3, 4, 5) for i in range(len(text) - n + 1)}
    assert len(set(hashed_ngrams(text).tolist())) > 0.75 * len(grams)


def test_another_style_is_told_apart_and_the_same_is_not() -> None:
    real = [Passage(write(seed, PLAIN), seed % 12) for seed in range(48)]
    same = [Passage(write(1000 + seed, PLAIN), seed % 12) for seed in range(48)]
    other = [Passage(write(1000 + seed, PLAIN + ORNATE), seed % 12) for seed in range(48)]
    apart, alike = real_vs_generated(real, other), real_vs_generated(real, same)
    assert apart is not None and alike is not None
    assert apart.value > 0.99
    assert 0.3 < alike.value < 0.7
    assert alike.low < alike.value < alike.high
    assert (apart.passages, apart.posts) == (48, 12)
    assert real_vs_generated(real, other) == apart


def test_what_marks_a_post_does_not_help_because_posts_are_kept_together() -> None:
    """Every post has words of its own; were a post in training and test at once, they would give it away."""
    own = {post: [f"topic{post}x{n}" for n in range(30)] for post in range(20)}
    real = [Passage(write(s, own[s % 10] + PLAIN), s % 10) for s in range(60)]
    made = [Passage(write(s + 99, own[10 + s % 10] + PLAIN), 10 + s % 10) for s in range(60)]
    auc = real_vs_generated(real, made)
    assert auc is not None
    assert auc.value < 0.6


def test_one_post_cannot_be_cross_validated() -> None:
    one = [Passage(write(seed, PLAIN), 1) for seed in range(5)]
    two = [Passage(write(seed, PLAIN), seed) for seed in range(5)]
    assert real_vs_generated(one, two) is None
    assert real_vs_generated(two, []) is None
    assert real_vs_generated([], []) is None


def test_two_posts_are_enough() -> None:
    real = [Passage(write(seed, PLAIN), seed % 2) for seed in range(10)]
    made = [Passage(write(seed, ORNATE), seed % 2) for seed in range(10)]
    auc = real_vs_generated(real, made)
    assert auc is not None
    assert auc.value == 1.0
