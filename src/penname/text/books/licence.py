"""Gutenberg's own words around a book: the header, the licence, the small print of the 1990s, the credits.

In: a book's blocks, top to bottom. Out: the book's blocks, and what the header says of title and author.
Every form used since 1971 is known by its start and end lines; what has neither is known by its sentences.

    header, body = cut_licence(read_plain(text))
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from penname.text.books.blocks import Block

_START = re.compile(
    r"\*{0,4} ?start of (?:the |this |a )?(?:copyrighted )?project gutenberg|"
    r"\*? ?end ?\*{0,2} ?the small print|"
    r"\*{2,3} ?beginning of (?:the |this )?project gutenberg",
    re.IGNORECASE,
)
_SMALL_PRINT = re.compile(r"\*{2,4} ?start ?\*{0,3} ?the small print", re.IGNORECASE)
_END = re.compile(
    r"\*{0,4} ?(?:this is )?(?:the )?end of (?:the |this |a )?(?:copyrighted )?project gutenberg|"
    r"\*{0,4} ?start: full licen[sc]e|"
    r"(?:\*{2,4} ?)?(?:ende? (?:dieses|des|van|der) .{0,20}|fin (?:du|de|del|di) .{0,25}|"
    r"einde van .{0,20})project gutenberg",
    re.IGNORECASE,
)
_FIELD = re.compile(
    r"(title|author|editor|translator|illustrator|language|release date|posting date|original publication|"
    r"credits|"
    r"edition|character set encoding|most recently updated|last updated|subtitle|contributor|"
    r"commentator):\s*(.*)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\[(?:e-?text|e-?book) ?(?:no\.? ?)?#? ?(\d{1,6})\]", re.IGNORECASE)
_FIRST_LINE = re.compile(
    r"\W*(?:the )?project gutenberg(?:'s| e-?book of| e-?text of| etext:|"
    r" edition of)?,? (.+?)(?:,? by (.+?))?\W*",
    re.IGNORECASE,
)

# What only the licence or the distributor's header says: a paragraph with one of these is never the book's.
# fmt: off
_OURS = (
    "project gutenberg", "gutenberg-tm", "gutenberg™", "gutenberg.org", "gutenberg.net", "promo.net/",
    "pglaf", "pgdp.net", "distributed proofread", "gutindex", "free plain vanilla", "hart@pobox",
    "hart@vmd", "dircompg", "michael s. hart", "michael hart and the foundation",
    "literary archive foundation", "501(c)(3) educational corporation", "501(c)(3) organization with ein",
    "64-6221541", "pmb 113", "is for the use of anyone anywhere", "almost no restrictions whatsoever",
    "small print!", "full license ***", "readable by both humans and", "prepared by hundreds of volunteers",
    "prepared by thousands of volunteers", "indicate that you understand, agree",
    "indicate that you have read, under", "you will indemnify and hold", "no remedies for negligence",
    "warranties of any kind, express or implied", "trademark license fee",
    "if you discover a defect in this e", "otherwise provided to you", "do not allow disclaimers of",
    "trademark owner, any agent or employee", "important information in this header",
    "laws are changing all over the world", "encourage you to keep this file",
    "words are carefully chosen to provide users", "give away one trillion",
    "preliminary version may often be posted", "neither this list nor its contents",
    "neither this listing nor its", "the actual date this file first posted", "we are about one year ahead",
    "we are more than one year ahead", "this file should be named",
    "contributions are only being solicited", "redistribution is subject to the trademark",
    "updated editions will replace the previous", "print editions not protected by",
    "from public domain print editions", "license when you share it without charge",
    "only give exact copies of it", "text refund and replacement", "book refund and replacement",
    "may be readily converted by the reader", "is clearly readable, and", "also provide on request at no",
    "these donations should be made to", "electronic version by world library",
    "this electronic version of the complete works", "all liability to you for damages",
)
# fmt: on
_MADE = re.compile(
    r"e-?(?:text|book)s? (?:was |were |is |are )?(?:prepared|produced|created|scanned|typed|entered|"
    r"transcribed|converted|provided|digiti[sz]ed|proofed|made available)\b|"
    r"(?:text|html|epub|e-?book) (?:file |version )?produced by"
)
# Lines that surround those sentences; they count only next to them.
_NEARBY = re.compile(
    r"\**welcome to the world of free|indemnity$|limited warranty|\*before!\*|distribution under|"
    r"information about|"
    r"what if you \*want\*|\(?three pages\)?|the legal small print|most people start at our|(?:https?|"
    r"ftp)://|www\.|"
    r"section \d\.|1\.[a-f]\.?\d?\.|colorado, connecticut|we need your donations|start of |\*END|mail to:|"
    r"corrected editions of our|versions based on separate|example command-line|"
    r"just search by the first five|"
    r"at our revised rates|if you can't reach|as the requirements for other|we (?:produce|are now trying)|"
    r"or /etext|"
    r"please (?:do not remove|be encouraged|note|read this|feel free)|the goal of|all donations|release date|"
    r"(?:title|author|language|edition|posting date|character set|last updated|original publication|"
    r"credits):|\W+$",
    re.IGNORECASE,
)
_CREDIT = re.compile(
    r"\W*(?:produced|prepared|transcribed|scanned|proofed|proofread|digiti[sz]ed|typed|entered|converted|"
    r"keyed|ocr(?:'?ed)?|"
    r"submitted|contributed|html(?: version)?|revised|updated|corrected|formatted|"
    r"edited and)\b[^.]{0,60}\bby\b",
    re.IGNORECASE,
)
_CREDIT_SIGN = re.compile(
    r"@|https?:|www\.|internet archive|proofread|e-?text|ebook|ocr|scann|volunteer|html|hathitrust|google|"
    r"made available|"
    r"from images|[12]\d{3} .{0,60}edition by",
    re.IGNORECASE,
)
_HEAD_BLOCKS = 40
_HEADER_WORDS = 1500
_REACH = 6
_REACH_WORDS = 120


@dataclass(frozen=True)
class Header:
    """What the file says of itself, empty where silent; `number` is Gutenberg's, `year` of publication."""

    title: str = ""
    author: str = ""
    language: str = ""
    number: str = ""
    year: str = ""


def is_licence(text: str) -> bool:
    """Whether a paragraph is the distributor's and not the book's."""
    text = " ".join(text.lower().split())
    return any(words in text for words in _OURS) or (
        ("produced by" in text or "text" in text or "book" in text) and (_MADE.search(text) is not None)
    )


def without_licence(blocks: list[Block]) -> list[Block]:
    """Only the book's blocks; the whole text is looked through first, for most books need no second look."""
    if not is_licence(" ".join(block.text for block in blocks)):
        return blocks
    return [block for block in blocks if not is_licence(block.text)]


def cut_licence(blocks: Sequence[Block]) -> tuple[Header, list[Block]]:
    """Split the header off, read it, and drop every licence paragraph, wherever it stands."""
    begin, start_found = _find_start(blocks)
    header = read_header([line for block in blocks[: begin or _HEAD_BLOCKS] for line in block.lines])
    body = _after_marker(blocks, begin) if start_found else list(blocks)
    body, end_found = _before_end(body)
    body = _drop_small_print(body)
    if not start_found:
        body = body[_reach(body) :]
    if not end_found:
        body = body[: len(body) - _reach(body[::-1])]
    return header, _drop_credits(without_licence(body))


def read_header(lines: Sequence[str]) -> Header:
    """`Title:`, `Author:` and their kind with their continuation lines; else the first line's `X, by Y`."""
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        match = _FIELD.match(line.strip())
        if match and not line.startswith("    "):
            last = match[1].lower()
            fields.setdefault(last, match[2].strip())
        elif last and line.startswith("  ") and line.strip() and not match:
            fields[last] = f"{fields[last]} {line.strip()}".strip()
        else:
            last = ""
    number = _NUMBER.search(" ".join(lines[:400]))
    title, author = fields.get("title", ""), fields.get("author", "")
    if not title:
        title, author = _first_line(lines, author)
    year = re.search(r"\b(1[4-9]\d\d|20[0-2]\d)\b", fields.get("original publication", ""))
    return Header(
        " ".join(title.split()),
        " ".join(author.split()),
        fields.get("language", ""),
        number[1] if number else "",
        year[1] if year else "",
    )


def _first_line(lines: Sequence[str], author: str) -> tuple[str, str]:
    for line in lines[:5]:
        match = _FIRST_LINE.fullmatch(line.strip())
        if match:
            return match[1], author or match[2] or ""
    return "", author


def _find_start(blocks: Sequence[Block]) -> tuple[int, bool]:
    """The last start line before the book is under way: headers of several ages can stand in a row."""
    found, words, inside = -1, 0, False
    for i, block in enumerate(blocks[:400]):
        lines = [line.strip() for line in block.lines]
        if found >= 0 and any(_END.match(line) for line in lines):
            break
        inside = inside or any(_SMALL_PRINT.match(line) for line in lines)
        if any(_START.match(line) for line in lines):
            found, words, inside = i, 0, False
        elif not inside and not is_licence(block.text):
            words += len(block.text.split())
        if words > _HEADER_WORDS:
            break
    return max(found, 0), found >= 0


def _after_marker(blocks: Sequence[Block], at: int) -> list[Block]:
    """The blocks after a start line, which may run over two lines and share a block with what follows."""
    lines = list(blocks[at].lines)
    last = max(i for i, line in enumerate(lines) if _START.match(line.strip()))
    if lines[last].strip().startswith("*") and not lines[last].rstrip().endswith("*"):
        closing = next((i for i in range(last + 1, min(last + 4, len(lines))) if lines[i].rstrip().endswith("*")), last)
        last = closing
    rest = tuple(lines[last + 1 :])
    return ([replace(blocks[at], lines=rest)] if rest else []) + list(blocks[at + 1 :])


def _before_end(blocks: list[Block]) -> tuple[list[Block], bool]:
    """Everything above the last end line, so that a file of several etexts keeps them all."""
    for i in range(len(blocks) - 1, -1, -1):
        for j, line in enumerate(blocks[i].lines):
            if _END.match(line.strip()):
                rest = blocks[i].lines[:j]
                earlier = blocks[:i] + ([replace(blocks[i], lines=rest)] if rest else [])
                return earlier, True
    return blocks, False


def _drop_small_print(blocks: list[Block]) -> list[Block]:
    """The small print stood at the end of some etexts, between its own start and end lines."""
    kept: list[Block] = []
    inside = False
    for block in blocks:
        starts = any(_SMALL_PRINT.match(line.strip()) for line in block.lines)
        ends = any(_START.match(line.strip()) for line in block.lines)
        inside = (inside or starts) and not ends
        if not inside and not starts and not ends:
            kept.append(block)
    return kept


def _reach(blocks: Sequence[Block]) -> int:
    """How many blocks from this end are licence: from one of its paragraphs to the next, over short gaps."""
    last = gap = gap_words = 0
    for i, block in enumerate(blocks):
        text = block.text
        if is_licence(text):
            last, gap, gap_words = i + 1, 0, 0
        elif not _NEARBY.match(text):
            gap, gap_words = gap + 1, gap_words + len(text.split())
            if gap > _REACH or gap_words > _REACH_WORDS:
                break
    return last


def _drop_credits(blocks: list[Block]) -> list[Block]:
    """`Produced by ...` near either end, when the paragraph shows that it speaks of the file."""

    def is_credit(i: int, block: Block) -> bool:
        near = i < _HEAD_BLOCKS or i >= len(blocks) - 10
        text = block.text
        if not near or len(text) > 800 or not _CREDIT.match(text):
            return False
        return i < 3 or _CREDIT_SIGN.search(text) is not None

    return [block for i, block in enumerate(blocks) if not is_credit(i, block)]
