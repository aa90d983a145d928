"""What counts as a word, and windows of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.corpus.words import Passage, draw_early, draw_evenly, part_spans, parts, post_windows, windows, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Don't stop—the “Self-Hosted” way!", ["don't", "stop", "the", "self", "hosted", "way"]),
        ("'Tis the users' choice, isn’t it?", ["tis", "the", "users", "choice", "isn't", "it"]),
        ("snake_case = 3.14", ["snake", "case", "3", "14"]),
        ("Cafe\u0301 café CAFÉ", ["café", "café", "café"]),
        ("Straße STRASSE", ["strasse", "strasse"]),
        ("soft\u00adhyphen", ["softhyphen"]),
        ("हिन्दी", ["हिन्दी"]),
        ("日本の GPU", ["日", "本", "の", "gpu"]),
        ("— … 🙂\ufe0f", []),
        ("", []),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_parts_take_contractions_apart() -> None:
    assert parts("Don't — isn’t") == ["don", "t", "isn", "t"]
    assert parts("Don't!") == ["don", "t"]


@given(st.text())
def test_spans_and_parts_go_together(text: str) -> None:
    spans = part_spans(text)
    assert [word for start, end in spans for word in parts(text[start:end])] == parts(text)
    assert all(start < end for start, end in spans)
    assert len(words(text)) <= len(parts(text))


def test_windows_keep_line_breaks_and_drop_the_rest() -> None:
    assert list(windows("one two\n\nthree four five", 2)) == ["one two", "three four"]
    assert list(windows("one\n\ntwo three", 3)) == ["one\n\ntwo three"]
    assert list(windows("one", 2)) == []


def test_windows_know_their_post() -> None:
    assert post_windows(["a b c", "d e"], [7, 9], 2) == [Passage("a b", 7), Passage("d e", 9)]


def test_drawing_evenly_lets_no_post_dominate() -> None:
    passages = [Passage(f"long {n}", 1) for n in range(50)] + [Passage("short", 2), Passage("rare", 3)]
    drawn = draw_evenly(passages, 6, seed=1)
    assert sorted(passage.post for passage in drawn) == [1, 1, 1, 1, 2, 3]
    assert len(set(drawn)) == 6
    assert drawn == draw_evenly(passages, 6, seed=1)
    assert len(draw_evenly(passages, 100)) == 52
    assert draw_evenly(passages, -1) == draw_evenly([], 3) == []


def test_early_windows_come_first() -> None:
    """The first window of every post, earlier groups before others, then the second ones."""
    heldout = [Passage("a1 a2 b1 b2 c1", 1), Passage("d1 d2", 2)]
    training = [Passage("e1 e2 f1 f2", 3), Passage("g1", 4)]
    drawn = [passage.text for passage in draw_early([heldout, training], 2, 9)]
    assert sorted(drawn[:2]) == ["a1 a2", "d1 d2"] and drawn[2:] == ["e1 e2", "b1 b2", "f1 f2"]
    assert draw_early([heldout, training], 2, 3) == draw_early([heldout, training], 2, 9)[:3]
    assert draw_early([], 2, 3) == draw_early([heldout], 2, -1) == []
