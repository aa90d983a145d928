"""Known words, repetition, variety, endings."""

import pytest

from penname.judge.fluency import collect_vocabulary, distinct_n, known_word_rate, measure_fluency, rep_n

VOCABULARY = {"the", "cat", "sat", "on", "it's"}


def test_known_words() -> None:
    assert known_word_rate("The CAT sat, on 42 zarks", VOCABULARY) == pytest.approx(5 / 6)
    assert known_word_rate("the cat’s it's", VOCABULARY) == 1.0
    assert known_word_rate("", VOCABULARY) == 1.0
    assert collect_vocabulary(["A b", "b c"], least=2) == {"b"}


def test_repetition() -> None:
    assert rep_n("a b c d e", 2) == 0.0
    assert rep_n("a b a b a b", 2) == pytest.approx(1 - 2 / 5)
    assert rep_n("A b, a B. a b!", 4) == pytest.approx(1 - 2 / 3)
    assert rep_n("a", 2) == 0.0


def test_distinct_across_passages() -> None:
    assert distinct_n(["a b", "a b", "a c"], 2) == pytest.approx(2 / 3)
    assert distinct_n(["a b"], 3) == 1.0


def test_generated_beside_held_out() -> None:
    loop = "the cat sat on " * 5
    generated, heldout = measure_fluency(
        [loop, "zark the cat on"], ["The cat sat on the cat. " * 4], VOCABULARY, ended=[True, False]
    )
    assert generated.looping == 0.5
    assert generated.ended == 0.5
    assert generated.known_word_rate == pytest.approx(23 / 24)
    assert generated.rep[4] == pytest.approx((1 - 4 / 17) / 2)
    assert heldout.known_word_rate == 1.0
    assert heldout.ended is None
    assert [name for name, _ in generated.rows()] == [name for name, _ in heldout.rows()]


def test_held_out_posts_shorter_than_passages_still_count() -> None:
    _, heldout = measure_fluency(["a b c d e f"], ["a a a a"], VOCABULARY)
    assert heldout.rep[2] > 0.5
    generated, heldout = measure_fluency([], [], VOCABULARY)
    assert generated.rep[2] == heldout.rep[2] == 0.0


def test_the_words_of_many_texts_are_those_of_each() -> None:
    """Pieces between white space are looked at once; what words are does not change by that."""
    from penname.corpus.words import words
    from penname.judge.judgement import _words_of

    texts = ["Don't stop—the “Self-Hosted” way!\n\nA\tb  c_d", "don't STOP 1,000 naïve cafe\u0301", "", "the the 東京"]
    assert _words_of(texts) == {word for text in texts for word in words(text)}
