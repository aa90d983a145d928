"""Private data in text: found, counted by kind, and replaced by a fixed word.

    text, counts = mask_private("Write to ann@example.org")   # "Write to [e-mail]", Counter({"e-mail": 1})

Kinds: `e-mail`, `phone`, `key` (passwords, tokens, private keys, long random strings), `iban`, `card`. What
cannot be told from an ordinary number (a year, a date, a price, an ISBN, a version, an IP address) stays; so
masking lowers the risk that a model repeats private data, it does not remove it. Time grows with the length of
the text, whatever stands in it.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from penname.corpus.private_accounts import find_accounts
from penname.corpus.private_keys import find_keys
from penname.corpus.private_phones import digit_runs, find_phones, flatten

REPLACEMENTS = {
    "e-mail": "[e-mail]",
    "phone": "[phone]",
    "key": "[key]",
    "iban": "[account]",
    "card": "[card]",
}
"""What each kind is replaced by; none of these words is itself found as private."""

_MOST_PASSES = 20
_REACH = 100
"""Characters on both sides of a replaced item that are looked at again: halves may meet that stood apart."""

_HINT = re.compile(r"[@\[({<]| dot |-----BEGIN|\S{16}")
_SHORT = 200
"""A text of fewer characters is searched for what every private item has, before anything else is done."""

_STRETCH = 1 << 16
_MOST_ITEMS = 20_000
"""Characters that are searched at once, and items after which a post is a list and no prose: it is masked plainly."""
_PLAINLY = re.compile(
    r"(?P<mail>(?<!\S)[^\s@]{1,64}@[^\s@]{1,64})"
    r"|(?P<iban>(?<!\w)[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){3,8}(?: ?[A-Z0-9]{1,4})?(?!\w))"
    r"|(?P<phone>[(+]{0,2}\d(?:[ ()./-]{0,3}\d){6,24}+)|(?P<key>(?<!\S)(?=[^\s\d]{0,100}\d)[^\s/:]{20,200}(?!\S))"
)

_NAME_SIGNS = frozenset("_.+%-")
_LONGEST_NAME = 64
_DOMAIN = re.compile(r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}(?!(?:png|jpe?g|gif|svg|webp|css|js)\b)[^\W\d_]{2,24}")
# name [at] example [dot] org, name(at)example.org, name at example dot com
_VEIL = re.compile(r"[\[({<]\s?(?:at|arroba|ät|chez|@)\s?[\])}>]\s?", re.IGNORECASE)
_VEILED_HOST = re.compile(
    r"[\w-]{1,63}(?:\s?(?:\.|[\[({<]\s?(?:dot|punto|punkt|point|ponto|\.)\s?[\])}>])\s?[\w-]{2,63}){1,4}", re.IGNORECASE
)
_SPOKEN_HOST = re.compile(
    r" at [\w-]{1,63} dot (?:com|org|net|edu|info|io|dev|me|eu|uk|de|fr|es|it|nl|pl|br)\b", re.IGNORECASE
)
_NO_NAMES = {
    "look", "find", "is", "are", "live", "lives", "hosted", "available", "me", "us", "it", "more", "blog",
    "site", "page", "here", "them",
}  # fmt: skip
"""What stands before "at example dot com" without being somebody's name."""


@dataclass(frozen=True)
class Private:
    """A stretch of text, `text[start:end]`, that holds private data of a `kind`."""

    kind: str
    text: str
    start: int
    end: int


def find_private(text: str) -> list[Private]:
    """Return the private items of `text` in reading order; they do not overlap."""
    taken = bytearray(len(text))
    found: list[tuple[int, int, str]] = []
    for kind, start, end in _candidates(text):
        if taken.find(1, start, end) < 0:
            taken[start:end] = bytes([1]) * (end - start)
            found.append((start, end, kind))
    return [Private(kind, text[start:end], start, end) for start, end, kind in sorted(found)]


def mask_private(text: str) -> tuple[str, Counter[str]]:
    """Return `text` with each private item replaced by its word (`REPLACEMENTS`), and the count of each kind.

    `find_private` finds nothing in the returned text, but for text made to defeat it.
    """
    text, items = mask_items(text)
    return text, Counter(item.kind for item in items)


def mask_items(text: str) -> tuple[str, list[Private]]:
    """Return what `mask_private` returns, with the items themselves; their places are those of the pass they were
    found in."""
    if len(text) <= _STRETCH:
        return _mask(text)
    parts: list[str] = []
    masked: list[Private] = []
    for part in _stretches(text):
        part, found = _mask(part) if len(masked) < _MOST_ITEMS else mask_plainly(part)
        parts.append(part)
        masked += found
    return "".join(parts), masked


def mask_plainly(text: str) -> tuple[str, list[Private]]:
    """Mask without a closer look: whatever has an `@`, seven figures in a row, or is long and mixed."""
    masked: list[Private] = []

    def replace(match: re.Match[str]) -> str:
        kind = match.lastgroup or "key"
        masked.append(Private({"mail": "e-mail"}.get(kind, kind), match[0], *match.span()))
        return REPLACEMENTS[masked[-1].kind]

    return _PLAINLY.sub(replace, text), masked


def _stretches(text: str) -> Iterator[str]:
    """Yield a long text in parts that end with a paragraph, or a line, or at least a word, where there is one."""
    start = 0
    while len(text) - start > _STRETCH:
        ends = (text.rfind(end, start + _STRETCH // 2, start + _STRETCH) + len(end) for end in ("\n\n", "\n", " "))
        end = next((end for end in ends if end > start), start + _STRETCH)
        yield text[start:end]
        start = end
    yield text[start:]


def _mask(text: str) -> tuple[str, list[Private]]:
    masked: list[Private] = []
    if len(text) < _SHORT and not _may_hold_any(text):
        return text, masked
    items = find_private(text)
    for _ in range(_MOST_PASSES):
        if not items:
            break
        masked += items
        text, places = _replace(text, items)
        items = _find_around(text, places)
    return text, masked


def _may_hold_any(text: str) -> bool:
    """Whether a short text has seven figures, a figure in a long word, or what stands in every address and token."""
    if _HINT.search(text):
        return True
    figures = sum(map(str.isdigit, text))
    return figures >= 7 or (figures > 0 and any(len(word) >= 8 and not word.isalpha() for word in text.split()))


def _replace(text: str, items: list[Private]) -> tuple[str, list[tuple[int, int]]]:
    """Return `text` with its items replaced, and where their words now stand."""
    parts: list[str] = []
    places = []
    done = length = 0
    for item in items:
        word = REPLACEMENTS[item.kind]
        parts += [text[done : item.start], word]
        length += item.start - done + len(word)
        places.append((length - len(word), length))
        done = item.end
    return "".join([*parts, text[done:]]), places


def _find_around(text: str, places: list[tuple[int, int]]) -> list[Private]:
    """Find what has become private around replaced items: whole words, `_REACH` characters to both sides."""
    windows: list[tuple[int, int]] = []
    first = last = 0
    for start, end in places:  # each stretch is searched for a space once, however many places lie in it
        if start - _REACH > last:
            windows.append((first, last))
            first = text.rfind(" ", last, start - _REACH) + 1 or last
        if end + _REACH > last:
            space = text.find(" ", end + _REACH)
            last = space if space >= 0 else len(text)
    windows.append((first, last))
    return [
        Private(item.kind, item.text, first + item.start, first + item.end)
        for first, last in windows
        for item in find_private(text[first:last])
    ]


def _candidates(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield `(kind, start, end)`, the surest kinds first: what comes first wins an overlap."""
    for start, end in find_keys(text):
        yield "key", start, end
    for start, end in _find_emails(text):
        yield "e-mail", start, end
    flat = flatten(text)
    runs = digit_runs(flat)
    yield from find_accounts(flat, runs)
    for start, end in find_phones(flat, runs):
        yield "phone", start, end


def _find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each e-mail address, found from the sign or the word in its middle."""
    at = text.find("@")
    done = 0
    while at >= 0:
        if domain := _DOMAIN.match(text, at):
            start = _start_of_name(text, at, done)
            if start < at and text[start:at] != "git":
                done = domain.end()
                yield start, done
        at = text.find("@", at + 1)
    yield from _find_veiled(text)
    if " dot " in text:
        for match in _SPOKEN_HOST.finditer(text):
            start = _start_of_name(text, match.start(), 0)
            if start < match.start() and text[start : match.start()].lower() not in _NO_NAMES:
                yield start, match.end()


def _find_veiled(text: str) -> Iterator[tuple[int, int]]:
    for bracket in "[({<":
        at = text.find(bracket)
        while at >= 0:
            veil = _VEIL.match(text, at)
            host = _VEILED_HOST.match(text, veil.end()) if veil else None
            if host:
                end = at - text[at - 1 : at].isspace()
                start = _start_of_name(text, end, 0)
                if start < end:
                    yield start, host.end()
            at = text.find(bracket, at + 1)


def _start_of_name(text: str, end: int, least: int) -> int:
    """Where the name of an address begins that ends at `end`: `ann`, `ann.b+blog`, `o'neil`."""
    start = _back(text, end, least)
    if start < end and text[start - 1 : start] == "'":
        first = _back(text, start - 1, least)
        return first if first < start - 1 else start
    return start


def _back(text: str, end: int, least: int) -> int:
    start = end
    least = max(least, end - _LONGEST_NAME)
    while start > least and (text[start - 1].isalnum() or text[start - 1] in _NAME_SIGNS):
        start -= 1
    return start
