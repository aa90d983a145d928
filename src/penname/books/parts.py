"""The parts of a printed book that are not its text: contents, index, notes, page numbers, notices.

In: shaped blocks. Out: the blocks that a reader reads.

    blocks = drop_apparatus(blocks)
"""

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import replace

from penname.books.blocks import BREAK, CHAPTER_GAP, HEADING, PROSE, VERSE, Block
from penname.books.credits import drop_transcriber

_CONTENTS = re.compile(
    r"(?:the )?(?:table of )?contents(?: (?:of|to|for) .{1,60}| \(?continued\)?)?[.:—-]*|"
    r"(?:list of )?(?:the )?(?:full[- ]page )?(?:illustrations?|plates?|maps?|figures?|diagrams|"
    r"portraits)(?: (?:in|to|of) .{1,60})?[.:—]*|"
    r"list of (?:illustrations|plates|maps|figures|tables|engravings|abbreviations|works).{0,60}",
    re.IGNORECASE,
)
_INDEX = re.compile(r"(?:general |alphabetical |analytical )?index(?: (?:of|to) .{1,60})?[.:]*", re.IGNORECASE)
_FOOTNOTES = re.compile(r"(?:foot ?notes?|end ?notes?|notes)[.:]*", re.IGNORECASE)
_NUMBERED = re.compile(r"\W{0,2}[\[({]?(?:\d{1,4}|[A-Z]|[*†‡§]{1,3})[\])}.:]", re.IGNORECASE)
_BRACKET_NUMBER = re.compile(r"\[(?:\d{1,4}[a-z]?\] ?|[A-Z]\] |[*†‡§]{1,3}\] ?)\S")
_LEADER = re.compile(
    r"(?:[.·…_]{2,}|(?: \.){2,}|\s{2,}|(?<!\d),|\bpage)\s*(?:p\. ?)?(?:\d{1,4}|[ivxlc]{1,7})\.?$",
    re.IGNORECASE,
)
_PAGE_TAIL = re.compile(r"[\s.·…_—-]+(?:\d{1,4}|[ivxlc]{1,7})\.?$", re.IGNORECASE)
_ENTRY_HEAD = re.compile(
    r"(?:(?:chapter|chap\.?|book|part|section|letter|canto|act|scene|lecture|essay|volume|vol\.?|page|"
    r"no\.)\b|"
    r"[ivxlcdm]+[.:)—-]|[ivxlcdm]+ |\d{1,3}[.):—-]?\s)",
    re.IGNORECASE,
)
_INDEX_ENTRY = re.compile(
    r"[,;.] ?(?:[ivxl]+|\d{1,4})(?:[-–, ;]+(?:\d{1,4}|n\.?|ff?\.?|seq\.?))*[.;]?$|\bsee\b|^[A-Z]\.?$"
)
_PAGE_NUMBER = re.compile(
    r"(?P<sign>[\[({|<—–-]*)[ ]*(?P<word>p(?:g|age)?\.? ?)?(?P<number>\d{1,4}|[ivxlc]{1,7})[ ]*[\])}|>—–-]*"
)
_YEAR = r"(?:1[4-9]\d\d|20[0-2]\d|M[DCLXVI]{2,})"
_NOTICE = re.compile(
    rf"_?(?:(?:First |Re)?(?:[Pp]ublished|PUBLISHED|[Pp]rinted|PRINTED|[Ii]ssued|Reprinted)\b[^.;]{{0,90}}{_YEAR}[.,]?|"
    rf"(?:Copyright|COPYRIGHT)\b.{{0,200}}|[Aa]ll [Rr]ights [Rr]eserved.{{0,120}}|ALL RIGHTS RESERVED.{{0,120}}|"
    rf"(?:Entered|ENTERED),? [Aa]ccording to (?:the )?[Aa]ct of Congress.{{0,300}}|"
    rf"(?:First|Second|Third|Fourth|Fifth|New) (?:[Ee]dition|[Ii]mpression|[Pp]rinting),? .{{0,60}}{_YEAR}.?|"
    rf"(?:Printed (?:in|by|at)|PRINTED (?:IN|BY|AT)) [^.]{{0,80}}\.?|(?:Made|MADE) (?:in|IN) [^.]{{0,40}}\.?|"
    rf"(?:Electrotyped|Set up and (?:electrotyped|printed)|Manufactured in|Press of|"
    rf"Published by arrangement) .{{0,100}})_?",
    re.DOTALL,
)
_THE_END = re.compile(
    r"\W*(?:the end|finis|fin|end of (?:the )?(?:book|vol(?:ume)?\.? ?\w*|story|first volume))\W*",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(r"[.!?:;—]['\")\]]*$")
_FRONT = 60


def drop_apparatus(blocks: list[Block]) -> list[Block]:
    """Everything in this module, after the transcriber's notes, in the order in which it is safe."""
    for step in (
        drop_transcriber,
        _drop_contents,
        _drop_index,
        _drop_notes,
        _drop_page_numbers,
        _drop_notices,
    ):
        blocks = step(blocks)
    return tidy_breaks(blocks)


def _drop_contents(blocks: list[Block]) -> list[Block]:
    """Drop a heading `Contents` and its entries, and any block of lines that lead to page numbers."""
    kept: list[Block] = []
    i = 0
    while i < len(blocks):
        block = blocks[i]
        opens = len(block.lines) <= 3 and _CONTENTS.fullmatch(block.lines[0].strip())
        if opens:
            i = _contents_end(blocks, i)
        elif block.kind == VERSE and len(block.lines) >= 3 and _share(block.lines, _LEADER.search) >= 0.7:
            i += 1
        else:
            kept.append(block)
            i += 1
    return kept


def _contents_end(blocks: Sequence[Block], heading: int) -> int:
    """Entries go on until prose, a chapter's wide gap, or the first entry that comes a second time."""
    seen: set[str] = {_key(line) for line in blocks[heading].lines}
    i = heading + 1
    while i < len(blocks) and i - heading < 600:
        block = blocks[i]
        keys = {_key(line) for line in block.lines} - {""}
        leads = any(_LEADER.search(line) for line in block.lines)
        again = _CONTENTS.fullmatch(block.lines[0].strip())
        if again or block.gap >= CHAPTER_GAP or not _is_entries(block):
            break
        if not leads and (keys & seen or (i > heading + 1 and block.gap >= 4)):
            break
        seen |= keys
        i += 1
    return i


def _is_entries(block: Block) -> bool:
    if block.kind == BREAK:
        return True
    if block.kind == PROSE and len(block.lines[0]) > 90:
        return bool(_ENTRY_HEAD.match(block.lines[0]) and _PAGE_TAIL.search(block.lines[0]))

    def entry(line: str) -> bool:
        short = len(line) < 60 and not re.search(r"[.!?]['\"]?$", line)
        return bool(short or _LEADER.search(line) or (_ENTRY_HEAD.match(line) and len(line) < 120))

    return _share(block.lines, entry) >= 0.6


def _key(line: str) -> str:
    """An entry without its page number, so that it can be known again as a heading."""
    return re.sub(r"\W+", " ", _PAGE_TAIL.sub("", line.strip().lower())).strip()


def _share(lines: Sequence[str], test: Callable[[str], object]) -> float:
    return sum(bool(test(line.strip())) for line in lines) / len(lines)


def _drop_index(blocks: list[Block]) -> list[Block]:
    """An index stands in the last part of a book; what follows it is kept when it does not look like one."""
    kept: list[Block] = []
    i = 0
    while i < len(blocks):
        block = blocks[i]
        late = i > 0.4 * len(blocks)
        if not (late and len(block.text) < 80 and _INDEX.fullmatch(block.lines[0].strip())):
            kept.append(block)
            i += 1
            continue
        i += 1
        misses = 0
        while i < len(blocks) and misses < 4:
            misses = 0 if _is_index(blocks[i]) else misses + 1
            i += 1
        i -= misses if misses >= 4 else 0
    return kept


def _is_index(block: Block) -> bool:
    if block.kind in (BREAK, HEADING):
        return True
    if block.kind == PROSE and len(block.lines[0]) > 90:
        words = block.lines[0].split()
        return sum(word.strip(",;.").isdigit() for word in words) > 0.12 * len(words)
    return _share(block.lines, _INDEX_ENTRY.search) >= 0.3


def _drop_notes(blocks: list[Block]) -> list[Block]:
    """Footnotes: paragraphs that open with `[1]`, and numbered ones under a heading that says so."""
    kept: list[Block] = []
    under = False
    for block in blocks:
        first = block.lines[0].strip()
        if _FOOTNOTES.fullmatch(first) and len(block.lines) == 1:
            under = True
            continue
        numbered = _NUMBERED.match(first) if under else None
        if _BRACKET_NUMBER.match(first) or numbered:
            continue
        under = under and block.kind == BREAK
        kept.append(block)
    return kept


def _drop_page_numbers(blocks: list[Block]) -> list[Block]:
    """Numbers alone on a line are page numbers when dressed as such, or when they keep cutting sentences."""
    bare: list[int] = []
    drop: set[int] = set()
    for i, block in enumerate(blocks):
        match = _PAGE_NUMBER.fullmatch(block.lines[0].strip()) if len(block.lines) == 1 else None
        if match and (match["sign"] or match["word"]):
            drop.add(i)
        elif match and block.text.isdecimal():
            bare.append(i)
    cuts = sum(i > 0 and not _SENTENCE_END.search(blocks[i - 1].lines[-1]) for i in bare)
    often = len(bare) >= 20 and sum(len(block.text.split()) for block in blocks) < 450 * len(bare)
    values = [int(blocks[i].text) for i in bare]
    rising = sum(a < b for a, b in itertools.pairwise(values)) >= 0.8 * max(len(values) - 1, 1)
    if rising and len(bare) >= 4 and (cuts >= 0.3 * len(bare) or often):
        drop |= set(bare)
    elif any(block.kind == HEADING and block.gap > 1 for i, block in enumerate(blocks) if i not in bare):
        drop |= {i for i in bare if blocks[i].gap <= 1 and (i + 1 == len(blocks) or blocks[i + 1].gap <= 1)}
    return [block for i, block in enumerate(blocks) if i not in drop]


def _drop_notices(blocks: list[Block]) -> list[Block]:
    """Copyright and printer's notices in the front matter; `THE END` at the end."""
    kept = [
        block
        for i, block in enumerate(blocks)
        if i >= _FRONT or not _NOTICE.fullmatch(block.text) or len(block.text) > 320
    ]
    while kept and _THE_END.fullmatch(kept[-1].text):
        kept.pop()
    return kept


def tidy_breaks(blocks: Sequence[Block]) -> list[Block]:
    """One scene break where several stood; none at either end or beside a heading."""
    tidy: list[Block] = []
    for block in blocks:
        before = tidy[-1].kind if tidy else BREAK
        if block.kind == BREAK and before in (BREAK, HEADING):
            continue
        if block.kind == HEADING and before == BREAK and tidy:
            tidy.pop()
        tidy.append(block)
    while tidy and tidy[-1].kind == BREAK:
        tidy.pop()
    return [replace(block, lines=("* * *",)) if block.kind == BREAK else block for block in tidy]
