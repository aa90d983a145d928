"""Gutenberg's own words around a book: the header, the licence, the small print of the 1990s, the credits.

In: a book's blocks, top to bottom. Out: the book's blocks, and what the header says of title and author.
Every form used since 1971 is known by its start and end lines; what has neither is known by its sentences. A name is no
proof: a book may speak of Project Gutenberg. Paragraphs that only name it go where they stand among the licence's.

    header, body = cut_licence(read_plain(text))
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from penname.books.blocks import Block
from penname.books.credits import drop_credits, is_made

_START = re.compile(
    r"\*{1,4} ?start of (?:the |this |a )?(?:copyrighted )?project gutenberg|"
    r"start of (?:the |this |a )?(?:copyrighted )?project gutenberg(?:'s|\(tm\)|-tm|™)? "
    r"(?:e-?book|e-?text|edition|licen)|"
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
# Without asterisks it must say what has ended: a sentence or a heading may begin so too.
_END_ALONE = re.compile(
    r"gutenberg\S*,? ?(?:e-?book|e-?text|edition)|gutenberg's |(?:ende?|fin|einde) [dv]", re.IGNORECASE
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

# fmt: off
_NAMES = (
    "project gutenberg", "gutenberg.org", "gutenberg.net", "promo.net/", "pglaf", "pgdp.net", "distributed proofread",
    "gutindex", "michael s. hart", "literary archive foundation", "give away one trillion",
)
# What only the licence or the distributor's header says, and a book seldom without quotation marks.
_PHRASES = (
    "gutenberg-tm", "gutenberg™", "gutenberg(tm)", "free plain vanilla", "hart@pobox",
    "hart@vmd", "dircompg", "michael hart and the foundation",
    "501(c)(3) educational corporation", "501(c)(3) organization with ein",
    "64-6221541", "pmb 113", "is for the use of anyone anywhere", "almost no restrictions whatsoever",
    "small print!", "full license ***", "readable by both humans and", "prepared by hundreds of volunteers",
    "prepared by thousands of volunteers", "indicate that you understand, agree",
    "indicate that you have read, under", "you will indemnify and hold", "no remedies for negligence",
    "warranties of any kind, express or implied", "trademark license fee",
    "if you discover a defect in this e", "otherwise provided to you", "do not allow disclaimers of",
    "trademark owner, any agent or employee", "important information in this header",
    "laws are changing all over the world", "encourage you to keep this file",
    "words are carefully chosen to provide users",
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
# A title page's line of the distributor's own, a file's number, a line between its asterisks.
_FORMAL = re.compile(
    r"\W*(?:(?:this is )?(?:the )?end of )?(?:this |the |a )?(?:copyrighted )?project gutenberg(?:'s|-tm|™)?,? "
    r"(?:e-?book|e-?text|edition)s?\b.{0,140}|"
    r"\W*end of (?:the )?project gutenberg's .{1,140}|"
    r".{0,80}\[e-?(?:text|book) ?(?:no\.? ?)?#? ?\d{1,6}\].{0,40}|"
    r"\*{3,}.{0,160}project gutenberg.{0,160}",
    re.IGNORECASE,
)
_QUOTED = re.compile(r'"[^"]{0,1000}"')
_SENTENCE = re.compile(r"[a-z]{3}[.!?]['\")]*$")
_NOTHING, _NAMED, _PHRASED, _FORM, _CERTAIN = range(5)
_HEAD_BLOCKS = 40
_HEADER_WORDS = 1500
_REACH = 6
_REACH_WORDS = 120
_END_WORDS = 60
# Three paragraphs with a phrase each prove a licence where none is certain.
_PROOF = {_PHRASED: 1, _CERTAIN: 3}
_ENOUGH = 3


@dataclass(frozen=True)
class Header:
    """What the file says of itself, empty where silent; `number` is Gutenberg's, `year` of publication."""

    title: str = ""
    author: str = ""
    language: str = ""
    number: str = ""
    year: str = ""


def is_licence(text: str) -> bool:
    """Whether a paragraph is the distributor's, wherever it stands: two of its phrases, or a line of its form."""
    return _mark(text) >= _FORM


def _mark(text: str) -> int:
    """How surely a paragraph is the distributor's; what it quotes is not its own."""
    text = " ".join(text.lower().split())
    own = _QUOTED.sub(" ", text) if '"' in text else text
    phrases = sum(words in own for words in _PHRASES)
    formal = len(text) < 300 and _FORMAL.fullmatch(text) is not None and not _SENTENCE.search(text)
    if phrases > 1:
        return _CERTAIN
    if phrases or formal:
        return _FORM if formal else _PHRASED
    return _NAMED if any(words in text for words in _NAMES) or is_made(text) else _NOTHING


def without_licence(blocks: list[Block]) -> list[Block]:
    """Only the book's blocks: without what is certain, and without what is likely between and beside the certain.

    The whole text is looked through first, for most books need no second look.
    """
    whole = " ".join(block.text for block in blocks).lower()
    if not any(words in whole for words in (*_NAMES, *_PHRASES)) and not _NUMBER.search(whole):
        return blocks
    marks = [_mark(block.text) for block in blocks]
    drop = {i for i, mark in enumerate(marks) if mark >= _FORM}
    for first, last in _runs(blocks, marks):
        drop |= {i for i in range(max(first - 1, 0), min(last + 2, len(blocks))) if marks[i]}
    return [block for i, block in enumerate(blocks) if i not in drop]


def _runs(blocks: Sequence[Block], marks: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last phrase of each stretch of licence: its phrases stand close together, and prove it together."""
    phrased = [i for i, mark in enumerate(marks) if mark in _PROOF]
    while phrased:
        run = [phrased.pop(0)]
        while phrased and _is_near(blocks[run[-1] + 1 : phrased[0]]):
            run.append(phrased.pop(0))
        if _prove(marks[i] for i in run):
            yield run[0], run[-1]


def _is_near(between: Sequence[Block]) -> bool:
    return len(between) <= _REACH and sum(len(block.text.split()) for block in between) <= _REACH_WORDS


def _prove(marks: Iterable[int]) -> bool:
    return sum(_PROOF.get(mark, 0) for mark in marks) >= _ENOUGH


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
    return header, drop_credits(without_licence(body))


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
        if found >= 0 and any(_is_end(block, j) for j in range(len(lines))):
            break
        inside = inside or any(_SMALL_PRINT.match(line) for line in lines)
        if any(_is_start(line, j) for j, line in enumerate(lines)):
            found, words, inside = i, 0, False
        elif not inside and not _mark(block.text):
            words += len(block.text.split())
        if words > _HEADER_WORDS:
            break
    return max(found, 0), found >= 0


def _after_marker(blocks: Sequence[Block], at: int) -> list[Block]:
    """The blocks after a start line, which may run over two lines and share a block with what follows."""
    lines = list(blocks[at].lines)
    last = max(i for i, line in enumerate(lines) if _is_start(line.strip(), i))
    if lines[last].strip().startswith("*") and not lines[last].rstrip().endswith("*"):
        closing = next((i for i in range(last + 1, min(last + 4, len(lines))) if lines[i].rstrip().endswith("*")), last)
        last = closing
    rest = tuple(lines[last + 1 :])
    return ([replace(blocks[at], lines=rest)] if rest else []) + list(blocks[at + 1 :])


def _before_end(blocks: list[Block]) -> tuple[list[Block], bool]:
    """Everything above the last end line, so that a file of several etexts keeps them all.

    End lines stand in a row, with licence between them: the first of the last row counts.
    """
    place, words = None, 0
    for i in range(len(blocks) - 1, -1, -1):
        block = blocks[i]
        line = next((j for j in range(len(block.lines)) if _is_end(block, j)), None)
        if line is not None and (place or _ends_here(blocks, i)):
            place, words = (i, line), 0
        elif place and not _mark(block.text) and not _NEARBY.match(block.text):
            words += len(block.text.split())
            if words > _END_WORDS:
                break
    if place is None:
        return blocks, False
    i, line = place
    rest = blocks[i].lines[:line]
    return blocks[:i] + ([replace(blocks[i], lines=rest)] if rest else []), True


def _drop_small_print(blocks: list[Block]) -> list[Block]:
    """The small print stood at the end of some etexts, between its own start and end lines."""
    kept: list[Block] = []
    inside = False
    for block in blocks:
        starts = any(_SMALL_PRINT.match(line.strip()) for line in block.lines)
        ends = any(_is_start(line.strip(), j) for j, line in enumerate(block.lines))
        inside = (inside or starts) and not ends
        if not inside and not starts and not ends:
            kept.append(block)
    return kept


def _is_start(line: str, place: int) -> bool:
    """A start line has its asterisks or begins its block: else it is a sentence that was broken there."""
    return _START.match(line) is not None and (place == 0 or line.startswith("*") or line.isupper())


def _is_end(block: Block, place: int) -> bool:
    line = block.lines[place].strip()
    if not _END.match(line):
        return False
    alone = place == 0 and line[0].isupper() and len(block.text.split()) < 40
    return line.startswith("*") or (alone and _END_ALONE.search(line) is not None)


def _ends_here(blocks: Sequence[Block], place: int) -> bool:
    """Whether an end line is one: licence follows it, or nearly nothing; a chapter may be called so."""
    words = 0
    for i in range(place + 1, len(blocks)):
        if i <= place + 2 * _REACH and is_licence(blocks[i].text):
            return True
        words += len(blocks[i].text.split())
        if words > _END_WORDS and i >= place + 2 * _REACH:
            return False
    return words <= _END_WORDS


def _reach(blocks: Sequence[Block]) -> int:
    """How many blocks from this end are licence: from one of its phrases to the next, over short gaps."""
    last = gap = gap_words = 0
    seen: list[int] = []
    for i, block in enumerate(blocks):
        text = block.text
        mark = _mark(text)
        if mark >= _PHRASED:
            last, gap, gap_words = i + 1, 0, 0
            seen.append(mark)
        elif not mark and not _NEARBY.match(text):
            gap, gap_words = gap + 1, gap_words + len(text.split())
            if gap > _REACH or gap_words > _REACH_WORDS:
                break
    return last if _prove(seen) else 0
