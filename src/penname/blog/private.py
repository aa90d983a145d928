"""Private data in text: found, counted by kind, and replaced by a fixed word.

    text, counts = mask_private("Write to ann@example.org")   # "Write to [e-mail]", Counter({"e-mail": 1})

Kinds: `e-mail`, `phone`, `key` (passwords, tokens, private keys, long random strings), `iban`, `card`. What
cannot be told from an ordinary number (a year, a date, a price, an ISBN, a version, an IP address) stays; so
masking lowers the risk that a model repeats private data, it does not remove it. All patterns run in linear
time.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from penname.blog.private_keys import find_accounts, find_keys
from penname.blog.private_phones import digit_runs, find_phones

REPLACEMENTS = {
    "e-mail": "[e-mail]",
    "phone": "[phone]",
    "key": "[key]",
    "iban": "[account]",
    "card": "[card]",
}
"""What each kind is replaced by; none of these words is itself found as private."""

_MOST_PASSES = 100
"""Numbers that are written without a space between them come out one after another, each in its own pass."""

_EMAIL = re.compile(
    r"(?<![\w.+%-])(?:[\w.+%-]{1,64}')?[\w.+%-]{1,64}@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}"
    r"(?!(?:png|jpe?g|gif|svg|webp|css|js)\b)[^\W\d_]{2,24}"
)
# name [at] example [dot] org, name(at)example.org, name at example dot com
_VEIL = re.compile(r"[\[({<]\s?(?:at|arroba|ät|chez|@)\s?[\])}>]", re.IGNORECASE)
_VEILED_EMAIL = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[({<]\s?(?:at|arroba|ät|chez|@)\s?[\])}>]\s?[\w-]{1,63}"
    r"(?:\s?(?:\.|[\[({<]\s?(?:dot|punto|punkt|point|ponto|\.)\s?[\])}>])\s?[\w-]{2,63}){1,4}"
    r"|(?<![\w.+-])(?!(?:look|find|is|are|live|lives|hosted|available|me|us|it|more|blog|site|page|here|them)\b)"
    r"[\w.+-]{1,64} at [\w-]{1,63} dot (?:com|org|net|edu|info|io|dev|me|eu|uk|de|fr|es|it|nl|pl|br)\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Private:
    """A stretch of text, `text[start:end]`, that holds private data of a `kind`."""

    kind: str
    text: str
    start: int
    end: int


def find_private(text: str) -> list[Private]:
    """Return the private items of `text` in reading order; they do not overlap."""
    found: list[tuple[int, int, str]] = []
    for kind, start, end in _candidates(text):
        if all(end <= other_start or start >= other_end for other_start, other_end, _ in found):
            found.append((start, end, kind))
    return [Private(kind, text[start:end], start, end) for start, end, kind in sorted(found)]


def mask_private(text: str) -> tuple[str, Counter[str]]:
    """Return `text` with each private item replaced by its word (`REPLACEMENTS`), and the count of each kind.

    `find_private` finds nothing in the returned text, but for text made to defeat it.
    """
    counts: Counter[str] = Counter()
    for _ in range(_MOST_PASSES):  # two halves may meet when what stood between them is replaced
        items = find_private(text)
        if not items:
            break
        counts.update(item.kind for item in items)
        parts, done = [], 0
        for item in items:
            parts += [text[done : item.start], REPLACEMENTS[item.kind]]
            done = item.end
        text = "".join([*parts, text[done:]])
    return text, counts


def _candidates(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield `(kind, start, end)`, the surest kinds first: what comes first wins an overlap."""
    for start, end in find_keys(text):
        yield "key", start, end
    if "@" in text:
        for match in _EMAIL.finditer(text):
            if not match[0].startswith("git@"):
                yield "e-mail", match.start(), match.end()
    if " dot " in text or (any(sign in text for sign in "[({<") and _VEIL.search(text)):
        for match in _VEILED_EMAIL.finditer(text):
            yield "e-mail", match.start(), match.end()
    runs = digit_runs(text)
    yield from find_accounts(text, runs)
    for start, end in find_phones(text, runs):
        yield "phone", start, end
