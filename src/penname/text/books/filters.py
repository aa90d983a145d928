"""What does not belong on the shelf: other languages, tables and lists, and texts that are there already.

In: a clean document. Out: a language code, a reason to drop it, or the earlier document that it repeats.

    seen = NearDuplicates(threshold=0.7)
    twin = seen.twin_of(seen.signature(text))
"""

import re
import unicodedata
import zlib
from typing import Any

from penname.text.books.scripts import UNSPACED, count_words

_PERMUTATIONS = 128
_RUN = 5
_CHUNK = 8192
_SAMPLE = 2000
_LONGEST_MEAN = 16  # Malayalam and Tamil, with their vowel signs, come to 11
_WORD = re.compile(rf"{UNSPACED.pattern[:-1]}|[^\W_]+")
SIGNATURE_BYTES = 4 * _PERMUTATIONS


def language_of(text: str) -> str:
    """The language as two letters, by majority over three samples (py3langid); empty without letters."""
    import py3langid

    samples = [text[start : start + _SAMPLE] for start in _starts(text, _SAMPLE)]
    votes = [py3langid.classify(sample)[0] for sample in samples if any(char.isalpha() for char in sample)]
    return max(votes, key=votes.count) if votes else ""


def _starts(text: str, size: int) -> list[int]:
    """Where to take samples: all of a short text, else three places well inside a long one."""
    return [len(text) * part // 10 for part in (2, 5, 8)] if len(text) > 5 * size else [*range(0, len(text), size)]


def junk(text: str) -> str:
    """Why a text is not prose or verse: few letters, rows of numbers, odd words; empty if it is (by samples).

    Vowel signs count as letters. Scripts without spaces have no length of words, and more of them is punctuation.
    """
    text = " ".join(text[start : start + 10 * _SAMPLE] for start in _starts(text, 10 * _SAMPLE))
    words = text.split()
    if not words:
        return "empty"
    dense = sum(map(len, words))
    unspaced = 0 if text.isascii() else sum(map(len, UNSPACED.findall(text)))
    spaced = unspaced < 0.3 * dense
    letters = sum(char.isalpha() or unicodedata.category(char) in ("Mn", "Mc") for char in text) / dense
    numbers = _numbers(words) if spaced else sum(map(str.isdecimal, text)) / dense
    length = dense / len(words)
    if letters < (0.75 if spaced else 0.5):
        return f"only {letters:.0%} of its characters are letters"
    if numbers > 0.15:
        return f"{numbers:.0%} of its words are numbers"
    if spaced and not 2.5 <= length <= _LONGEST_MEAN:
        return f"its words are {length:.1f} characters long on average"
    return _repeats(text)


def _numbers(words: list[str]) -> float:
    return sum(any(map(str.isdigit, word)) for word in words) / len(words)


def _repeats(text: str) -> str:
    """A text that says the same few words again and again packs to next to nothing."""
    sample = " ".join(text.split()[:20_000]).encode()
    packed = len(zlib.compress(sample, 1)) / len(sample)
    return f"it repeats itself (packs to {packed:.0%})" if packed < 0.15 and count_words(text) > 100 else ""


class NearDuplicates:
    """Finds texts that share their five-word runs with an earlier one (MinHash, Broder 1997; LSH banding).

    The same texts in the same order give the same answers on every machine. Each text kept costs about 5 KB.
    """

    def __init__(self, threshold: float) -> None:
        from datasketch import MinHash, MinHashLSH

        self.threshold = threshold
        self._blank = MinHash(num_perm=_PERMUTATIONS, seed=1, hashfunc=int)
        self._index = MinHashLSH(threshold=threshold, num_perm=_PERMUTATIONS)
        self._signatures: dict[str, bytes] = {}

    def signature(self, text: str) -> bytes:
        """128 minima of 32 bits over the text's five-word runs, made in pieces so that memory stays flat."""
        minhash = self._blank.copy()
        runs = _hashed_runs(text)
        for start in range(0, len(runs), _CHUNK):
            minhash.update_batch(runs[start : start + _CHUNK].tolist())
        data: bytes = minhash.hashvalues.astype("<u4").tobytes()
        return data

    def twin_of(self, signature: bytes) -> str | None:
        """The key of an earlier text that this signature nearly equals, the most alike of them; or None."""
        import numpy as np

        mine = np.frombuffer(signature, dtype="<u4")
        alike = [
            (float((np.frombuffer(self._signatures[key], dtype="<u4") == mine).mean()), key)
            for key in self._index.query(self._minhash(signature))
        ]
        best = max(alike, key=lambda pair: (pair[0], pair[1]), default=(0.0, ""))
        return best[1] if best[0] >= self.threshold else None

    def add(self, key: str, signature: bytes) -> None:
        """Remember a text that is kept."""
        self._signatures[key] = signature
        self._index.insert(key, self._minhash(signature), check_duplication=False)

    def _minhash(self, signature: bytes) -> Any:
        import numpy as np

        minhash = self._blank.copy()
        minhash.hashvalues = np.frombuffer(signature, dtype="<u4").astype(minhash.hashvalues.dtype)
        return minhash


def _hashed_runs(text: str) -> Any:
    """A 32-bit hash of each run of five words in lower case, each once: uint64 of shape (runs,)."""
    import numpy as np

    known: dict[str, int] = {}
    words = _WORD.findall(text.lower())
    hashes = np.fromiter(
        (known[word] if word in known else known.setdefault(word, zlib.crc32(word.encode())) for word in words),
        dtype=np.uint64,
        count=len(words),
    )
    if not len(hashes):
        return hashes
    hashes = np.pad(hashes, (0, max(_RUN - len(hashes), 0)))
    runs = np.zeros(len(hashes) - _RUN + 1, dtype=np.uint64)
    for offset in range(_RUN):
        runs = runs * np.uint64(0x9E3779B97F4A7C15) + hashes[offset : offset + len(runs)]
    runs ^= runs >> np.uint64(29)
    runs = runs * np.uint64(0xBF58476D1CE4E5B9)
    return np.unique(runs >> np.uint64(32))
