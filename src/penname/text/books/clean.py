"""A book's file into a clean document.

In: bytes of a text, HTML or EPUB file of any age. Out: paragraphs separated by a blank line, verse as lines,
straight quotes, em dashes, `* * *` between scenes; no licence, contents, index, notes or page numbers.

    book = clean_book(Path("pg1342.txt").read_bytes(), "txt")
"""

import re
from dataclasses import dataclass, replace

from penname.core.errors import InputError
from penname.text.books.blocks import (
    BREAK,
    HEADING,
    PROSE,
    VERSE,
    Block,
    Words,
    merge_broken,
    shape,
    vocabulary,
)
from penname.text.books.blocks import read_plain as read_plain_blocks
from penname.text.books.charset import decode
from penname.text.books.epub import read_epub
from penname.text.books.licence import Header, cut_licence, without_licence
from penname.text.books.marks import (
    drop_boxes,
    drop_bracketed,
    drop_page_marks,
    plain_characters,
    strip_marks,
)
from penname.text.books.markup import read_markup
from penname.text.books.parts import drop_apparatus, tidy_breaks
from penname.text.books.scripts import count_words, letters_beyond_ascii

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
