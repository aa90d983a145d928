"""The n-gram model is a proper distribution and learns; xz counts the growth only."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.judge.fit import KneserNey, xz_bits_per_byte

VOCABULARY = 40
CHOOSE = np.random.default_rng(0)
STEPS = CHOOSE.dirichlet(np.full(VOCABULARY, 0.05), size=VOCABULARY)


def document(length: int) -> list[int]:
    """Tokens 1 to 39 from a Markov chain."""
    ids = [1]
    while len(ids) < length:
        ids.append(max(1, int(CHOOSE.choice(VOCABULARY, p=STEPS[ids[-1]]))))
    return ids


TRAINING = [document(400) for _ in range(30)]
TEST = [document(300) for _ in range(5)]
MODEL = KneserNey(TRAINING, VOCABULARY)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, VOCABULARY - 1), max_size=7))
def test_probabilities_sum_to_one_after_any_context(context: list[int]) -> None:
    chance = MODEL.distribution(context)
    assert chance.sum() == pytest.approx(1)
    assert chance.min() > 0


def test_probabilities_sum_to_one_after_contexts_that_occurred() -> None:
    for start in range(0, 100, 7):
        assert MODEL.distribution(TRAINING[0][start : start + 4]).sum() == pytest.approx(1)


def test_scoring_a_text_agrees_with_the_distributions() -> None:
    ids = np.array([0, *TEST[0][:30]])
    found = MODEL.probabilities(ids)
    for place in range(1, len(ids)):
        expected = MODEL.distribution(ids[max(0, place - 4) : place].tolist())[ids[place]]
        assert found[place - 1] == pytest.approx(expected)
    assert MODEL.bits(TEST[0][:30]) == pytest.approx(-np.log2(found).sum())
    assert MODEL.bits(TEST[0][:30], end=True) > MODEL.bits(TEST[0][:30])


def test_it_beats_a_unigram_and_comes_near_the_truth() -> None:
    def rate(order: int) -> float:
        model = KneserNey(TRAINING, VOCABULARY, order=order)
        return sum(map(model.bits, TEST)) / sum(map(len, TEST))

    truth = -(STEPS * np.log2(np.maximum(STEPS, 1e-300))).sum(axis=1).mean()
    assert rate(5) < rate(1) - 1
    assert rate(2) < truth * 1.35


def test_the_highest_order_equals_a_computation_by_hand() -> None:
    """Bigrams of "1 2 1 3 1 2": too few counts for estimates, so the discounts are 0.5, 1 and 1.5."""
    model = KneserNey([[1, 2, 1, 3, 1, 2]], vocab_size=4, order=2)
    # Stream 0 1 2 1 3 1 2 0. Continuation counts: 1 after {0, 2, 3}, 2 after {1}, 3 after {1}, 0 after {2}.
    uniform = 1 / 4
    kept = np.array([0.5, 1.5, 0.5, 0.5]) / 6
    lower = kept + (1 - kept.sum()) * uniform
    # After 1: 2 twice, 3 once.
    expected = np.array([0, 0, 2 - 1, 1 - 0.5]) / 3 + (1.5 / 3) * lower
    assert model.distribution([1]) == pytest.approx(expected)


def test_an_empty_blog_is_uniform() -> None:
    model = KneserNey([], 8)
    assert model.distribution([3, 4]).sum() == pytest.approx(1)
    assert model.bits([]) == 0


def test_large_vocabularies_do_not_overflow() -> None:
    model = KneserNey([[199_999] * 50, [5, 199_998] * 50], 200_000)
    assert model.distribution([199_999]).sum() == pytest.approx(1)
    assert model.bits([5, 199_998]) < model.bits([7, 199_998])


def test_xz_counts_only_what_is_new() -> None:
    text = "".join(chr(97 + n) for n in np.random.default_rng(0).integers(0, 26, 40_000))
    assert xz_bits_per_byte("", text) == pytest.approx(np.log2(26), rel=0.1)
    assert xz_bits_per_byte(text, text[:20_000]) < 0.2
    assert xz_bits_per_byte(text, "") == 0.0
