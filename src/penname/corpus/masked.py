"""The private data of a blog as digests: enough to find an item again in a text, not enough to read it.

    masked = Masked.of(["ann@example.org", "(0761) 123 45"], salt="5f0c...")
    masked.found_in("Write to Ann@example.org!")         # [(9, 24)]

In: the items that were masked, a salt (the digest of the source, so that the same blog gives the same digests). Out: a
`Masked`, which `text.json` holds, and places in texts. An item is found whatever its case and however it is spaced or
hyphenated; an e-mail address as it is written. Items of fewer than four letters and digits are left out: finding such
says nothing. A short number can be guessed from its digest by trying all, so the file stays its owner's alone.
"""

import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_RUN = re.compile(r"[^\W_]+")
_SHORTEST = 4
_WIDEST_GAP = 6
"""Characters that may part two runs of letters or digits of one item."""
_MOST = 100
"""Characters of a long item (a private key) that are hashed: its beginning."""
_BYTES = 8


@dataclass(frozen=True)
class Masked:
    """Digests of private items, each with the length of what was hashed: `11:9f3c...`, `@15:0b2a...`."""

    salt: str = ""
    digests: tuple[str, ...] = ()

    @classmethod
    def of(cls, items: Iterable[str], salt: str) -> "Masked":
        """The digests of `items`, in order."""
        keys = dict.fromkeys(key for item in items if (key := _key_of(item)))
        return cls(salt, tuple(sorted(_digest(key, salt) for key in keys)))

    @classmethod
    def from_json(cls, value: Any) -> "Masked":
        """What `to_json` gave. Raises `ValueError` for anything else."""
        if not isinstance(value, dict) or not isinstance(value.get("salt"), str):
            raise ValueError("its masked items are no object with a salt")
        digests = value.get("digests")
        if not isinstance(digests, list) or not all(isinstance(each, str) for each in digests):
            raise ValueError("its masked items are no list of digests")
        return cls(value["salt"], tuple(digests))

    def to_json(self) -> dict[str, Any]:
        """The digests as JSON values."""
        return {"salt": self.salt, "digests": list(self.digests)}

    @cached_property
    def _known(self) -> tuple[frozenset[str], frozenset[int]]:
        """The digests, and the lengths that they have."""
        sizes = (each.partition(":")[0].removeprefix("@") for each in self.digests)
        return frozenset(self.digests), frozenset(int(size) for size in sizes if size.isdecimal())

    def found_in(self, text: str) -> list[tuple[int, int]]:
        """Where the items stand in `text`, each once."""
        digests, lengths = self._known
        found: dict[str, tuple[int, int]] = {}
        for start, end, squeezed in _stretches(text, max(lengths, default=0)) if digests else ():
            # Of two thousand stretches one has a length that an item has; an address has its signs too.
            if len(squeezed) in lengths or "@" in text[start:end]:
                digest = _digest(_key(text[start:end], squeezed), self.salt)
                if digest in digests:
                    found.setdefault(digest, (start, end))
        return sorted(found.values())


def _stretches(text: str, longest: int) -> Iterator[tuple[int, int, str]]:
    """Yield start, end, and letters and digits of each stretch of runs that stand close together."""
    runs = [(match.start(), match.end(), match[0].casefold()) for match in _RUN.finditer(text)]
    for first, (start, _, _) in enumerate(runs):
        squeezed, before = "", start
        for here, end, run in itertools.islice(runs, first, None):
            if here - before > _WIDEST_GAP:
                break
            squeezed, before = squeezed + run, end
            yield start, end, squeezed[:_MOST]
            if len(squeezed) >= longest:
                break


def _key_of(item: str) -> tuple[str, str] | None:
    """What of an item is hashed; None where it is too short."""
    runs = list(_RUN.finditer(item))
    squeezed = "".join(match[0].casefold() for match in runs)
    if len(squeezed) < _SHORTEST:
        return None
    return _key(item[runs[0].start() : runs[-1].end()], squeezed)


def _key(written: str, squeezed: str) -> tuple[str, str]:
    """What a stretch is known by: an address as it is written, anything else by its letters and digits."""
    if "@" in written:
        folded = written.casefold()[:_MOST]
        return f"@{len(folded)}", folded
    return str(len(squeezed[:_MOST])), squeezed[:_MOST]


def _digest(key: tuple[str, str], salt: str) -> str:
    hashed = hashlib.blake2b(key[1].encode("utf-8", "surrogatepass"), key=salt.encode()[:64], digest_size=_BYTES)
    return f"{key[0]}:{hashed.hexdigest()}"
