"""Sentences, marks and function words."""

import pytest

from penname.corpus.words import words
from penname.judge.style import find_function_words, measure_style, sentence_lengths

TEXT = (
    'He said: "Wait!" Was it -- or not -- e.g. this one?\n\nNo; version 3.14... It\'s a well-known thing '
    "(see https://example.org/a.b) — so there…"
)


def test_sentence_lengths() -> None:
    assert sentence_lengths("One two. Three four five! Six?") == [2, 3, 1]
    assert sentence_lengths("A heading\n\nThen a sentence. And a rest") == [2, 3, 3]
    assert sentence_lengths("Version 3.14 of a.b is out.") == [8]
    assert sentence_lengths("... --- !") == []
    assert sentence_lengths('"Is it so?" she said. (It is.) Yes') == [3, 2, 2, 1]


def test_rates_of_marks() -> None:
    figures = measure_style([TEXT], [])
    per = {name.removesuffix(" per 1,000 words"): figures[name] for name in figures}
    count = 1000 / len(words(TEXT))
    assert per["colons"] == pytest.approx(1 * count)
    assert per["semicolons"] == pytest.approx(1 * count)
    assert per["dashes"] == pytest.approx(3 * count)
    assert per["hyphens"] == pytest.approx(1 * count)
    assert per["quotation marks"] == pytest.approx(2 * count)
    assert per["apostrophes"] == pytest.approx(1 * count)
    assert per["ellipses"] == pytest.approx(2 * count)
    assert per["parentheses"] == pytest.approx(1 * count)
    assert per["exclamation marks"] == per["question marks"] == pytest.approx(count)
    assert per["paragraph breaks"] == pytest.approx(count)
    assert per["commas"] == 0


def test_shapes_of_quotes_and_apostrophes_do_not_matter() -> None:
    straight = measure_style(['"It\'s," he said.'], ["it's"])
    assert straight == measure_style(["“It’s,” he said."], ["it's"])
    assert straight["“it's” per 1,000 words"] == pytest.approx(1000 / 3)


def test_rates_are_over_all_texts_together() -> None:
    one, both = measure_style(["a, b c d"], ["a"]), measure_style(["a, b", "c d"], ["a"])
    assert one["commas per 1,000 words"] == both["commas per 1,000 words"] == 250
    assert one["“a” per 1,000 words"] == 250
    assert measure_style([], ["a"])["“a” per 1,000 words"] == 0


def test_function_words_are_those_that_are_everywhere() -> None:
    passages = ["the cat and the dog", "the server server server and", "a cat of the"]
    assert find_function_words(passages, 2) == ["the", "and"]
    assert "server" not in find_function_words(passages, 3)
