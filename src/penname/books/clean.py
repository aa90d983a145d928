"""A book's file into a clean document.

In: bytes of a text, HTML or EPUB file of any age. Out: paragraphs separated by a blank line, verse as lines,
straight quotes, em dashes, `* * *` between scenes; no licence, contents, index, notes or page numbers.

    book = clean_book(Path("pg1342.txt").read_bytes(), "txt")

What does not belong on the shelf: other languages, tables and lists, and texts that are there already.

In: a clean document. Out: a language code, a reason to drop it, or the earlier document that it repeats.

    seen = NearDuplicates(threshold=0.7)
    twin = seen.twin_of(seen.signature(text))
"""

import re
import unicodedata
import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import py3langid
from datasketch import MinHash, MinHashLSH

from penname.books.blocks import (
    BREAK,
    HEADING,
    PROSE,
    UNSPACED,
    VERSE,
    Block,
    Words,
    count_words,
    letters_beyond_ascii,
    merge_broken,
    shape,
    vocabulary,
)
from penname.books.blocks import read_plain as read_plain_blocks
from penname.books.charset import decode
from penname.books.licence import Header, cut_licence, without_licence
from penname.books.marks import drop_boxes, drop_bracketed, drop_page_marks, plain_characters, strip_marks
from penname.books.markup import read_epub, read_markup
from penname.books.parts import drop_apparatus, tidy_breaks
from penname.core.errors import InputError

KINDS = ("txt", "html", "epub")
SEPARATOR = "<|endoftext|>"
_LEFTOVER = re.compile(r"[_|{}\[\]^~<>\\]|\s[-=]{2,}\s|\s{3,}|\d{1,4}$", re.MULTILINE)


@dataclass(frozen=True)
class CleanBook:
    """One document; the header's fields may be empty."""

    text: str
    header: Header

    @property
    def words(self) -> int:
        """Words between spaces; of scripts without spaces see `count_words`."""
        return count_words(self.text)


def clean_book(data: bytes, kind: str) -> CleanBook:
    """Clean a file of kind `txt`, `html` or `epub`. Raises `InputError` for an EPUB that cannot be read."""
    if kind == "epub":
        header, pages = read_epub(data)
        parts = [read_markup(page) for page in pages]
        found, body = cut_licence([block for _, blocks in parts for block in blocks])
        for extra in (found, *(part for part, _ in parts)):
            header = _fill(header, extra)
        return CleanBook(_finish(body), header)
    if kind == "html":
        return clean_html(decode(data))
    if kind == "txt":
        return clean_text(decode(data))
    raise InputError(f"{kind!r} is no kind of book that can be read here; use one of {', '.join(KINDS)}.")


def clean_text(text: str) -> CleanBook:
    """Clean a plain text file with or without Gutenberg's header. Never raises."""
    text = drop_page_marks(drop_bracketed(drop_boxes(plain_characters(text))))
    header, body = cut_licence(read_plain_blocks(text))
    return CleanBook(_finish(body), header)


def clean_html(markup: str) -> CleanBook:
    """Clean an HTML page with or without Gutenberg's header. Never raises."""
    page, blocks = read_markup(markup)
    header, body = cut_licence(blocks)
    return CleanBook(_finish(body), _fill(page, header))


def roughness(text: str) -> float:
    """Marks that a cleaner should have removed, for each 1,000 characters: the lower the cleaner."""
    return 1000 * len(_LEFTOVER.findall(text)) / max(len(text), 1)


def cleanest(books: list[CleanBook]) -> CleanBook:
    """Of one book's formats within a tenth of the longest, those that kept their accents, and of these the cleanest.

    The first on a draw.
    """
    if len(books) == 1:
        return books[0]
    longest = max(book.words for book in books)
    whole = [book for book in books if book.words >= 0.9 * longest]
    whole = [book for book in whole if letters_beyond_ascii(book.text)] or whole
    chosen = min(whole, key=lambda book: round(roughness(book.text), 2))
    header = chosen.header
    for book in books:
        header = _fill(header, book.header)
    return replace(chosen, header=header)


def _fill(header: Header, other: Header) -> Header:
    """`header` with its empty fields taken from `other`."""
    return Header(
        header.title or other.title,
        header.author or other.author,
        header.language or other.language,
        header.number or other.number,
        header.year or other.year,
    )


def _finish(blocks: list[Block]) -> str:
    words = vocabulary("\n".join(line for block in blocks for line in block.lines))
    blocks = drop_apparatus(_html_notes(shape(blocks, words)))
    blocks = merge_broken(blocks, words)
    finished = [replace(block, lines=tuple(_inline(block, words))) for block in blocks]
    kept = tidy_breaks(without_licence([block for block in finished if any(block.lines)]))
    texts = ("\n".join(line for line in block.lines if line) for block in kept)
    return "\n\n".join(text for text in texts if text and text != SEPARATOR)


def _html_notes(blocks: list[Block]) -> list[Block]:
    """Bracketed notes that mark-up had split into paragraphs of their own."""
    kept = []
    for block in blocks:
        text = "\n".join(block.lines)
        without = drop_bracketed(text) if "[" in text else text
        if without.strip() or not text.strip():
            kept.append(block if without == text else replace(block, lines=tuple(without.strip().split("\n"))))
    return kept


def _inline(block: Block, words: Words) -> list[str]:
    if block.kind == BREAK:
        return list(block.lines)
    lines = strip_marks("\n".join(block.lines)).split("\n")
    if block.kind in (PROSE, VERSE, HEADING):
        lines = [_mend_hyphens(line, words) for line in lines]
    return [line.replace(SEPARATOR, "") for line in lines]


def _mend_hyphens(line: str, words: Words) -> str:
    """`be- neath`, left by an earlier joining of lines, becomes a word that the book knows."""
    if "- " not in line:
        return line

    def mend(match: re.Match[str]) -> str:
        whole = match[1] + match[2]
        return whole if whole.lower() in words.known else match[0]

    return re.sub(r"\b([^\W\d_]+)- ([^\W\d_]+)\b", mend, line)


_PERMUTATIONS = 128
_RUN = 5
_CHUNK = 8192
_SAMPLE = 2000
_LONGEST_MEAN = 16  # Malayalam and Tamil, with their vowel signs, come to 11
_WORD = re.compile(rf"{UNSPACED.pattern[:-1]}|[^\W_]+")
SIGNATURE_BYTES = 4 * _PERMUTATIONS


def language_of(text: str) -> str:
    """The language as two letters, by majority over three samples (py3langid); empty without letters."""

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

        minhash = self._blank.copy()
        minhash.hashvalues = np.frombuffer(signature, dtype="<u4").astype(minhash.hashvalues.dtype)
        return minhash


def _hashed_runs(text: str) -> Any:
    """A 32-bit hash of each run of five words in lower case, each once: uint64 of shape (runs,)."""

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
