"""Passages: where they end, what they repeat, what the index sees of them."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.ask.passages import count_words, cut_passages, question_words, searchable, sentences

PARAGRAPH = (
    "One two three four five six seven eight nine ten. Then eleven words more were written here by somebody else."
)


def test_passages_end_at_paragraphs_and_begin_with_the_sentence_before() -> None:
    text = "\n\n".join(f"{PARAGRAPH} Number {number}." for number in range(20))
    passages = cut_passages(text)
    assert len(passages) > 2
    for before, after in itertools.pairwise(passages):
        assert before.endswith(".") and after.startswith(before.rsplit(". ", 1)[1])
        assert 80 <= count_words(before) <= 150


def test_a_long_paragraph_is_cut_between_sentences_and_a_long_sentence_between_words() -> None:
    assert all(count_words(each) <= 150 and each.endswith(".") for each in cut_passages(" ".join([PARAGRAPH] * 30)))
    assert all(count_words(each) <= 150 for each in cut_passages("word " * 1000))
    assert all(count_words(each) <= 150 for each in cut_passages("東京都に住む人々" * 200))


def test_a_post_shorter_than_a_passage_is_one() -> None:
    assert cut_passages("Only this.") == ["Only this."]
    assert cut_passages(" \n ") == []


@given(st.text(alphabet=st.sampled_from('ab .\n。東?!"”'), max_size=400), st.integers(1, 20))
def test_every_word_is_in_a_passage(text: str, size: int) -> None:
    found = "".join("".join(cut_passages(text, size)).split())
    assert set("".join(text.split())) <= set(found)
    assert len("".join(text.split())) <= len(found)


def test_sentences_end_where_readers_end_them() -> None:
    assert sentences("He came. “Why?” She left! Mr. Smith paid 3.50 euros. e.g. this one") == [
        "He came.",
        "“Why?”",
        "She left!",
        "Mr. Smith paid 3.50 euros. e.g. this one",
    ]
    assert sentences("今日は雨。明日は晴れ。") == ["今日は雨。", "明日は晴れ。"]
    assert sentences("A line\nanother line") == ["A line", "another line"]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("C++", "cplusplus"),
        ("F#", "fsharp"),
        ("in .NET today", "dotnet"),
        ("東京都", "東京"),
        ("①", "1"),
    ],
)
def test_names_with_signs_and_scripts_without_spaces_can_be_found(text: str, wanted: str) -> None:
    assert wanted in searchable(text).split()


def test_a_question_is_words_and_nothing_else() -> None:
    assert question_words('NEAR("a" OR b*) ^c: -d "') == ["NEAR", "a", "OR", "b", "c", "d"]
    assert question_words("Is C++ faster than .NET?") == ["Is", "cplusplus", "faster", "than", "dotnet"]
    assert question_words("東京都") == ["東京", "京都"]
    assert question_words("हिन्दी में") == ["हिन्दी", "में"]
    assert question_words("?! ...") == []
