"""Texts as sets of numbers: a hash for each run of five words, and the MinHash signature of such a set.

    one, other = shingles_of("The boat left at six."), shingles_of("the boat left, at six")   # equal arrays

Words are found and hashed in arrays of characters, so a text costs no Python call for each word. Memory is bounded
however long the text is: characters are looked at 65,536 at a time.
"""

import functools
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

SHINGLE = 5  # words
# A word; in scripts without spaces (Thai, Lao, kana, Han) a character.
_NO_SPACES = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_KINDS = re.compile(rf"(?P<single>[{_NO_SPACES}]+)|[^\W{_NO_SPACES}]+")
_WORD, _SINGLE = 1, 2
_AT_ONCE = 65_536  # characters
_BLOCK = 512  # shingles whose values under the random functions are held at once: they stay in the cache
_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
_MIX = np.uint64(0xD6E8FEB86659FD93)


def shingles_of(text: str) -> "Hashes":
    """Return a 64-bit hash of each run of five words, or of all words when there are fewer; case is folded."""
    parts = [_word_hashes(part) for part in _parts(text.casefold())]
    words = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not len(words):
        return np.empty(0, dtype=np.uint64)
    width = min(SHINGLE, len(words))
    hashes = np.full(len(words) - width + 1, width, dtype=np.uint64)
    for offset in range(width):
        hashes ^= words[offset : offset + len(hashes)]
        hashes *= np.uint64(_BASE)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def signature_of(shingles: "Hashes", functions: int, seed: int) -> "NDArray[np.uint32]":
    """Return the MinHash signature of shingles: the least of their values under each of some random functions.

    The functions multiply by an odd number and add, modulo 2**32, so each is a permutation (Broder et al. 1998,
    "Min-wise independent permutations").
    """
    factors, offsets = random_functions(functions, seed)
    values = (shingles >> np.uint64(32)).astype(np.uint32)
    least = np.full(functions, 2**32 - 1, dtype=np.uint32)
    for start in range(0, len(values), _BLOCK):
        images = values[None, start : start + _BLOCK] * factors
        images += offsets
        np.minimum(least, images.min(axis=1), out=least)
    return least


@functools.cache
def random_functions(count: int, seed: int) -> "tuple[NDArray[np.uint32], NDArray[np.uint32]]":
    """Return the factors and the offsets of the random functions, each a column."""
    drawn = np.random.default_rng(seed).integers(2**32, size=(2, count, 1), dtype=np.uint32)
    return drawn[0] | np.uint32(1), drawn[1]


def _parts(text: str) -> Iterator[str]:
    """Cut a long text at spaces; a stretch without any is cut where it is."""
    start = 0
    while len(text) - start > _AT_ONCE:
        cut = text.rfind(" ", start + 1, start + _AT_ONCE)
        cut = cut if cut > start else start + _AT_ONCE
        yield text[start:cut]
        start = cut
    yield text[start:]


def _word_hashes(text: str) -> "Hashes":
    """Return a hash of each word: a polynomial in its characters, taken from sums over the whole text."""
    codes = _codes(text)
    padded = np.zeros(len(codes) + 2, dtype=np.uint8)
    padded[1:-1] = _kinds(len(_ASCII) if text.isascii() else 0x110000)[codes]
    kinds, inside = padded[1:-1], padded == _WORD
    single = kinds == _SINGLE
    starts = np.flatnonzero((inside[1:-1] & ~inside[:-2]) | single)
    ends = np.flatnonzero((inside[1:-1] & ~inside[2:]) | single) + 1
    powers, inverses = _powers()
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((codes + np.uint64(1)) * powers[: len(codes)], out=sums[1:])
    hashes: Hashes = (sums[ends] - sums[starts]) * inverses[starts]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    return hashes


def _codes(text: str) -> "NDArray[np.integer]":
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.dtype("<u4"))


_ASCII = "".join(map(chr, range(128)))


@functools.cache
def _kinds(size: int) -> "NDArray[np.uint8]":
    """Return for each character below `size` whether it belongs to a word, is a word of its own, or neither."""
    table = np.zeros(size, dtype=np.uint8)
    for match in _KINDS.finditer("".join(map(chr, range(size)))):
        table[match.start() : match.end()] = _SINGLE if match["single"] else _WORD
    return table


@functools.cache
def _powers() -> "tuple[Hashes, Hashes]":
    """Return the powers of the base and of its inverse, modulo 2**64, for as many characters as are looked at once."""
    tables = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        table = np.full(_AT_ONCE, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.cumprod(table))
    return tables[0], tables[1]
