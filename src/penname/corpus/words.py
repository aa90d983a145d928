"""Words as every text measure here counts them, and passages of equal length.

In: plain text. Out: case-folded words, their places, windows of a given number of words.

    words("Don't stop—the “Self-Hosted” way!")   # ["don't", 'stop', 'the', 'self', 'hosted', 'way']
"""

import random
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

_SINGLE = "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Kana and Han are written without spaces: each character counts as a word."""
_INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060"


def _marks() -> str:
    """Ranges of combining marks, which Python's `\\w` leaves out though they are parts of words."""
    codes = [c for c in range(0x300, 0x10000) if unicodedata.category(chr(c)) in ("Mn", "Mc")]
    ranges: list[list[int]] = []
    for code in codes:
        if ranges and ranges[-1][1] == code - 1:
            ranges[-1][1] = code
        else:
            ranges.append([code, code])
    return "".join(f"\\u{first:04x}-\\u{last:04x}" for first, last in ranges)


_LETTER = rf"[^\W_{_SINGLE}]"
_PART = rf"{_LETTER}(?:{_LETTER}|[{_marks()}{_INVISIBLE}])*"
_WORD = re.compile(rf"{_PART}(?:['’]{_PART})*|[{_SINGLE}]")
_ASCII_WORD = re.compile(r"[a-z0-9]+(?:'[a-z0-9]+)*")
_PARTS = re.compile(rf"{_PART}|[{_SINGLE}]")
_ASCII_PARTS = re.compile(r"[a-z0-9]+")
_CLEAN = str.maketrans({"’": "'", **dict.fromkeys(_INVISIBLE)})
LAST = chr(sys.maxunicode)
"""Sorts behind every continuation of a word."""


def words(text: str) -> list[str]:
    """The words of `text`: case-folded runs of letters and digits, NFC, apostrophes inside a word kept.

    Punctuation, symbols, hyphens and underscores separate words and are otherwise ignored; so are case, the
    shape of apostrophes, soft hyphens and zero-width characters.
    """
    if text.isascii():
        return _ASCII_WORD.findall(text.lower())
    return [word.lower() if word.isascii() else _normal(word) for word in _WORD.findall(text)]


def parts(text: str) -> list[str]:
    """Like `words`, but contractions are taken apart: `don't` is `don`, `t`. Copying is counted in these.

    A run of equal words is at least as long in parts, however its words are told apart.
    """
    if text.isascii():
        return _ASCII_PARTS.findall(text.lower())
    return [part.lower() if part.isascii() else _normal(part) for part in _PARTS.findall(text)]


def part_spans(text: str) -> list[tuple[int, int]]:
    """Where each of `parts(text)` stands in `text`, in characters."""
    if text.isascii():
        return [match.span() for match in _ASCII_PARTS.finditer(text.lower())]
    return [match.span() for match in _PARTS.finditer(text)]


def _normal(word: str) -> str:
    return unicodedata.normalize("NFC", word.casefold().translate(_CLEAN))


def windows(text: str, size: int) -> Iterator[str]:
    """Cut `text` into pieces of `size` white-space separated words each; a shorter rest is dropped.

    Line breaks inside a piece stay as they are.
    """
    return iter(_windows(text, size))


@lru_cache(maxsize=4096)
def _windows(text: str, size: int) -> tuple[str, ...]:
    """Kept, since the posts are cut again for each split into halves."""
    spans = [match.span() for match in re.finditer(r"\S+", text)]
    firsts = range(0, len(spans) - size + 1, size)
    return tuple(text[spans[first][0] : spans[first + size - 1][1]] for first in firsts)


@dataclass(frozen=True)
class Passage:
    """A piece of text and the post it belongs to: the post it was cut from, or whose opening prompted it."""

    text: str
    post: str | int


def draw_evenly(passages: Sequence[Passage], count: int, seed: int = 0) -> list[Passage]:
    """At most `count` passages, drawn without replacement, as evenly over the posts as they allow.

    So no post dominates, however long it is.
    """
    choose = random.Random(seed)
    shuffled = choose.sample(passages, len(passages))
    turn: Counter[str | int] = Counter()
    ranked = []
    for place, passage in enumerate(shuffled):
        turn[passage.post] += 1
        ranked.append((turn[passage.post], place))
    return [shuffled[place] for _, place in sorted(ranked)[: max(0, count)]]


def draw_early(groups: Sequence[Sequence[Passage]], size: int, count: int, seed: int = 0) -> list[Passage]:
    """At most `count` windows of `size` words: first windows before second ones, those of earlier groups before others.

    A passage that goes on from an opening stands at the beginning of a post, and is to be compared with beginnings.
    """
    choose = random.Random(seed)
    ranked = [
        (number, place, choose.random(), Passage(window, passage.post))
        for place, group in enumerate(groups)
        for passage in group
        for number, window in enumerate(windows(passage.text, size))
    ]
    return [passage for *_, passage in sorted(ranked, key=lambda each: each[:3])[: max(0, count)]]


def post_windows(texts: Sequence[str], posts: Sequence[str | int], size: int) -> list[Passage]:
    """All windows of `size` words of all posts, in order."""
    return [Passage(w, post) for text, post in zip(texts, posts, strict=True) for w in windows(text, size)]
