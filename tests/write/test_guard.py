"""The copy guard: whatever the pieces, no run grows longer than allowed."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core.errors import InputError
from penname.write.copying import CopyIndex
from penname.write.guard import CopyGuard, GuardedText

POST = (
    "I don't think we're done — not by a long shot — but it's a start. The first rule of self-hosting: "
    "don't. The second rule of self-hosting: see the first rule, then do it anyway because you're stubborn."
)


def test_a_run_up_to_the_limit_is_allowed_and_one_word_more_is_not() -> None:
    guard = CopyGuard(CopyIndex(["one two three four five six"]), max_copy=3)
    assert not guard.blocked("one two", " three")
    assert guard.blocked("one two three", " four")
    assert guard.blocked("one two three", " fo")
    assert not guard.blocked("one two three", " f\ufffd"[:1])
    assert not guard.blocked("one two three", ".\n\n")
    assert not guard.blocked("one two three", " for")
    assert not guard.blocked("one two three", " fours ")
    assert guard.blocked("one two three.\n\n", "FOUR!")
    assert guard.blocked("one two three", " four five")
    assert guard.blocked("one", " two three four, and")
    assert not guard.blocked("three one two", " four")


def test_the_length_of_the_run_so_far() -> None:
    guard = CopyGuard(CopyIndex(["one two three four five six"]), max_copy=3)
    assert guard.run_length("") == 0
    assert guard.run_length("zero one two") == 2
    assert guard.run_length("one two three four five") == 4
    assert guard.run_length("one zero") == 0


def test_other_ways_to_count_words_find_no_longer_run() -> None:
    guard = CopyGuard(CopyIndex([POST]), max_copy=6)
    # Contractions count as two.
    assert not guard.blocked("I don't think we'", "re")
    assert guard.blocked("I don't think we're", " done")
    # Five words and a dash, which is a white-space separated piece of its own; then one word more.
    assert not guard.blocked("Well, done — not by a", " long")
    assert guard.blocked("Well, done — not by a long", " shot")
    assert guard.blocked("Well, done — not by a long", " —")
    assert not guard.blocked("Well, done — not by a long", "\n\n")


def test_a_token_that_ends_inside_a_character() -> None:
    guard = CopyGuard(CopyIndex(["un deux trois café noir"]), max_copy=3)
    assert guard.blocked("un deux trois", " caf\ufffd")
    assert guard.blocked("un deux trois caf\ufffd", "é")
    assert not guard.blocked("un deux trois", " \ufffd")


def test_a_contraction_is_blocked_from_its_first_letters() -> None:
    guard = CopyGuard(CopyIndex(["this is what we don't do"]), max_copy=4)
    assert guard.blocked("this is what we", " don")
    assert guard.blocked("this is what we", " don’t")
    assert guard.blocked("this is what we d", "on")
    assert not guard.blocked("this is what we", " did")


def test_a_limit_below_one_is_refused() -> None:
    with pytest.raises(InputError, match="at least 1"):
        CopyGuard(CopyIndex([]), max_copy=0)


def longest_by(split: str, generated: str, post: str) -> int:
    """The longest run shared by two texts, with words found by the pattern `split`; brute force."""
    one, two = re.findall(split, generated.lower()), re.findall(split, post.lower())
    joined = " ".join(two) + " "
    best = 0
    for start in range(len(one)):
        while start + best < len(one) and f" {' '.join(one[start : start + best + 1])} " in f" {joined}":
            best += 1
    return best


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**9), st.integers(2, 9))
def test_no_run_is_longer_than_allowed_whatever_the_pieces(seed: int, max_copy: int) -> None:
    choose = random.Random(seed)
    index = CopyIndex([POST, POST.replace("rule", "law")])
    guard = CopyGuard(index, max_copy)
    text, place = "", choose.randrange(len(POST))
    while len(text) < 400:
        piece = POST[place : place + choose.choice([1, 1, 2, 3, 5, 9, 14])]
        if not piece or guard.blocked(text, piece):
            place = choose.randrange(len(POST))
            # Not the post's own dash: added without the guard, it may be the piece that was refused.
            text += choose.choice(["", " ", "–", " – "])
            continue
        text += piece
        place += len(piece)
    assert index.longest_run(text).words <= max_copy
    assert longest_by(r"\w+", text, POST) <= max_copy
    assert max_copy < 5 or longest_by(r"\S+", text, POST) <= max_copy


class CountingIndex(CopyIndex):
    """An index that counts its look-ups."""

    looks = 0

    def contains(self, sequence, prefix=None):
        self.looks += 1
        return super().contains(sequence, prefix)


SPOILT = ["", " ", "—", " – ", "\n\n- ", " _ ", "\u200b", "\ufffd", "é", " café", "'", "3. ", "\u00a0"]


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10**9), st.integers(1, 9))
def test_along_a_text_the_answers_are_those_of_the_guard(seed: int, max_copy: int) -> None:
    choose = random.Random(seed)
    guard = CopyGuard(CopyIndex([POST, POST.replace("rule", "law — café")]), max_copy)
    watched = GuardedText(guard)
    text, place = "", choose.randrange(len(POST))
    for _ in range(120):
        piece = POST[place : place + choose.choice([1, 2, 3, 5, 9, 14, 40])]
        if choose.random() < 0.2:
            piece = choose.choice(SPOILT) + piece[:3]
        assert watched.blocked(text, piece) == guard.blocked(text, piece), (text, piece)
        # A refused piece is written now and then, and the next text may be another one.
        if choose.random() < 0.8:
            text += piece
            place += len(piece)
        if choose.random() < 0.1:
            place = choose.randrange(len(POST))
        if choose.random() < 0.02:
            text = text[: choose.randrange(len(text) + 1)]


def test_along_a_text_of_its_own_little_is_looked_up() -> None:
    index = CountingIndex([POST])
    watched = GuardedText(CopyGuard(index, 12))
    text = ""
    for number in range(400):
        piece = f" {('rule', 'it', 'first', 'done')[number * number % 7 % 4]}"
        assert not watched.blocked(text, piece)
        text += piece
    assert index.looks < 200
