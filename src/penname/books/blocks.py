"""Scripts that write no spaces between words: Chinese, Japanese, Thai and their kind.

In: a text. Out: how many words it holds, and whether two lines of it join without a space.

    count_words("天下大勢，分久必合")    8

Plain text into blocks, and blocks into paragraphs.

In: the text of a book with hard line breaks. Out: `Block`s, first as they stand between blank lines, then
shaped: prose joined to one line, verse and addresses kept as lines, headings and scene breaks told apart.

    blocks = shape(read_plain(text), vocabulary(text))
"""

import itertools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

# Bopomofo is left out: it glosses single characters. Hangul has spaces.
_CLASS = (
    "\u0e01-\u0e4e\u0e80-\u0ede\u0f40-\u0fbc\u1000-\u109f\u1780-\u17d3\u1950-\u19df\u1a20-\u1aad"
    "\u1b00-\u1b4b\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua000-\ua48c\ua980-\ua9c0\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_CLASS}]+")
"""A run of characters of such scripts."""
_SIGNS_PER_WORD = 4  # of the alphabets among them; each character of Chinese counts as a word
_ALPHABETS = re.compile(r"[\u0e00-\u1cff]+")
_JOINS = re.compile(f"[{_CLASS}\u3001-\u3003\u3008-\u301f\u30fb\uff01-\uff65]")
_BEYOND_ASCII = re.compile(r"[^\W\d_\x00-\x7f]")


def count_words(text: str) -> int:
    """Words between white space; in scripts without spaces a word for each character, or for four of an alphabet."""
    if text.isascii() or not (runs := UNSPACED.findall(text)):
        return len(text.split())
    signs = sum(len(part) for run in runs for part in _ALPHABETS.findall(run))
    characters = sum(map(len, runs)) - signs
    spaced = sum(any(map(str.isalnum, word)) for word in UNSPACED.sub(" ", text).split())
    return spaced + characters + -(-signs // _SIGNS_PER_WORD)


def letters_beyond_ascii(text: str) -> int:
    """How many letters are accented or of another script: a file that was cut down to ASCII has none."""
    return 0 if text.isascii() else len(_BEYOND_ASCII.findall(text))


def joins_without_space(before: str, after: str) -> bool:
    """Whether a line that ends so and one that begins so were broken inside a text without spaces."""
    return bool(_JOINS.match(before[-1:]) and _JOINS.match(after[:1]))


# A heading that mark-up declares stands as far from the text above as any number of blank lines.
CHAPTER_GAP = 9
PROSE, VERSE, HEADING, BREAK = "prose", "verse", "heading", "break"

_WORD = re.compile(r"[^\W\d_]+(?:['-][^\W\d_]+)*")
_NO_LETTER = re.compile(r"[\W_]+")
_ORNAMENT = re.compile(r"[*\-_=~#§•·+—–.<>o0 ]+", re.IGNORECASE)
_NUMERAL = re.compile(r"[\[(]?(?:[ivxlcdm]+|\d{1,3})[\])]?\.?", re.IGNORECASE)
_PART = re.compile(
    r"(?:(?:the )?(?:chapter|chap\.|book|part|volume|vol\.|canto|act|scene|letter|section|stave|lecture|"
    r"epilogue|"
    r"prologue|preface|foreword|introduction|conclusion|appendix|contents|index|dedication|footnotes?|notes|"
    r"list of|table of|transcriber's notes?|the end|finis)\b|[ivxlc]+\. )",
    re.IGNORECASE,
)
_ENDS_SENTENCE = re.compile(r"[.!?:;。！？：；…।]['\")\]*_」』）]*$")
# First halves that English joins with a hyphen more often than without.
# fmt: off
_COMPOUNDING = frozenset({
    "all", "broad", "cold", "cross", "dark", "deep", "double", "ever", "evil", "fair", "far", "fast",
    "fellow", "fine", "first", "five", "four", "free", "full", "good", "great", "half", "hard", "high",
    "hot", "ill", "kind", "large", "light", "little", "long", "loud", "low", "many", "mid", "narrow",
    "new", "non", "old", "one", "open", "pale", "quick", "red", "self", "semi", "sharp", "short",
    "slow", "small", "soft", "stout", "strong", "sweet", "tall", "ten", "thick", "thin", "three", "two",
    "vice", "warm", "well", "white", "wide", "wild",
})
# Second and first parts that are no words of their own: what a printer tore apart.
_ENDINGS = frozenset({
    "ing", "ings", "ed", "tion", "tions", "sion", "ment", "ments", "ness", "ly", "er", "ers", "est", "ous",
    "able", "ible", "ence", "ance", "ity", "ties", "ful", "less", "ism", "ist", "ial", "ical", "ally",
    "ate", "ated", "ating", "ure", "ive", "ary", "ery", "en", "es", "al", "cence",
})
_BEGINNINGS = frozenset({
    "in", "im", "un", "re", "de", "dis", "con", "com", "pre", "pro", "per", "sub", "ac", "ad", "ap", "en",
    "em", "be", "mis", "ob", "op", "trans", "inter", "cor", "col",
})
# fmt: on
_WRAPPED_ABOVE = 110
_DEFAULT_WIDTH = 72


@dataclass(frozen=True)
class Block:
    """Lines that stand together; `gap` counts the blank lines above, `kind` is empty until it is shaped."""

    lines: tuple[str, ...]
    gap: int = 1
    kind: str = ""

    @property
    def text(self) -> str:
        """The lines as one, for looking at."""
        return " ".join(line.strip() for line in self.lines)


@dataclass(frozen=True)
class Words:
    """What decides a hyphen at a line's end: the book's words in lower case, and whether it splits words."""

    known: frozenset[str]
    splits: bool = False


def read_plain(text: str) -> list[Block]:
    """Split at blank lines; indentation is kept, tabs become spaces."""
    blocks: list[Block] = []
    lines: list[str] = []
    gap = 0
    for line in text.split("\n"):
        line = line.expandtabs(8).rstrip()
        if line:
            lines.append(line)
            continue
        if lines:
            blocks.append(Block(tuple(lines), gap))
            lines, gap = [], 0
        gap += 1
    if lines:
        blocks.append(Block(tuple(lines), gap))
    return blocks


def vocabulary(text: str) -> Words:
    """The words of a text; a book that ends a long line in thirty with a hyphen splits its words."""
    ends = len(re.findall(r"[^\W\d_]-\n", text))
    splits = ends > 2 and ends > sum(len(line) > 45 for line in text.split("\n")) / 30
    found = set(_WORD.findall(re.sub(r"[^\W\d_]+-\n\s*[^\W\d_]+", "", text.lower()) if ends else text.lower()))
    known = found | {part for word in found if "-" in word for part in word.split("-")}
    return Words(frozenset(known), splits)


def line_width(blocks: Iterable[Block]) -> int:
    """The column at which a text wraps: the 90th percentile of its longer lines, 72 if there are too few."""
    lengths = sorted(len(line) for block in blocks if not block.kind for line in block.lines if len(line) > 20)
    return lengths[int(0.9 * len(lengths))] if len(lengths) >= 10 else _DEFAULT_WIDTH


def shape(blocks: list[Block], words: Words) -> list[Block]:
    """Give each block its kind; prose becomes one line, tables go. Blocks with a kind keep their lines."""
    width = line_width(blocks)
    shaped: list[Block] = []
    for block in blocks:
        if block.kind:
            shaped.append(block)
        elif _is_table(block.lines):
            continue
        elif width > _WRAPPED_ABOVE:
            shaped += _unwrapped(block)
        else:
            shaped += [_shape_one(piece, width, words) for piece in _at_indents(block)]
    return shaped


def merge_broken(blocks: list[Block], words: Words) -> list[Block]:
    """Rejoin paragraphs that a page break, a picture or a note had cut in two."""
    merged: list[Block] = []
    for block in blocks:
        before = merged[-1] if merged else None
        if before and before.kind == block.kind == PROSE and _runs_on(before.lines[0], block.lines[0]):
            merged[-1] = replace(before, lines=(join_lines((before.lines[0], block.lines[0]), words),))
        else:
            merged.append(block)
    return merged


def join_lines(lines: Iterable[str], words: Words) -> str:
    """Join hard-broken lines; a hyphen at a line's end stays only where the book's own words want it."""
    joined = ""
    for line in lines:
        line = line.strip()
        if not joined or not line:
            joined = joined or line
        elif joined.endswith(("--", "—")) or line.startswith(("--", "—")) or joins_without_space(joined, line):
            joined += line
        elif joined.endswith("-") and joined[-2:-1].isalpha() and line[0].isalpha():
            joined = _join_hyphen(joined, line, words)
        else:
            joined += " " + line
    return joined


def _join_hyphen(left: str, right: str, words: Words) -> str:
    first = re.search(r"[^\W\d_]+(?:-[^\W\d_]+)*(?=-$)", left)
    second = re.match(r"[^\W\d_]+", right)
    if not first or not second:
        return left + right
    head, tail = first.group().lower(), second.group().lower()
    if f"{head}-{tail}" in words.known or second.group()[0].isupper():
        return left + right
    if head + tail in words.known:
        return left[:-1] + right
    last = head.rpartition("-")[2]
    known = (last in words.known) + (tail in words.known)
    if last in _COMPOUNDING or known == 2:
        return left + right
    torn = tail in _ENDINGS or (last in _BEGINNINGS and tail not in words.known)
    return left[:-1] + right if torn or (words.splits and not known) else left + right


def _runs_on(before: str, after: str) -> bool:
    unfinished = before[-1:].isalpha() or before.endswith((",", "-"))
    return unfinished and after[:1].islower() and len(before[:400].split()) >= 8


def _unwrapped(block: Block) -> list[Block]:
    """A text without hard line breaks: each long line is a paragraph, short ones stay together."""
    if all(len(line) <= _WRAPPED_ABOVE for line in block.lines):
        return [_lines_block(block)]
    return [Block((line.strip(),), block.gap if i == 0 else 0, PROSE) for i, line in enumerate(block.lines)]


def _lines_block(block: Block) -> Block:
    lines = tuple(line.strip() for line in block.lines)
    if _is_break(lines):
        return replace(block, lines=("* * *",), kind=BREAK)
    if is_heading(lines):
        return replace(block, lines=lines, kind=HEADING)
    return replace(block, lines=lines, kind=PROSE if len(lines) == 1 else VERSE)


def _at_indents(block: Block) -> list[Block]:
    """Split where only an indent marks a new paragraph, as files without blank lines do."""
    if len(block.lines) < 4:
        return [block]
    indents = [len(line) - len(line.lstrip()) for line in block.lines]
    base = min(indents)
    starts = [
        i
        for i in range(1, len(indents))
        if base + 1 < indents[i] <= base + 10
        and indents[i - 1] <= base + 10
        and _ENDS_SENTENCE.search(block.lines[i - 1])
    ]
    deep = sum(indent > base + 1 for indent in indents)
    if not starts or deep > 0.4 * len(indents):
        return [block]
    edges = [0, *starts, len(indents)]
    return [Block(block.lines[a:b], block.gap if a == 0 else 1) for a, b in itertools.pairwise(edges)]


def _shape_one(block: Block, width: int, words: Words) -> Block:
    if len(block.lines) == 1 or is_heading(block.lines) or _is_break(block.lines):
        return _lines_block(block)
    if _is_verse(block.lines, width):
        return replace(block, lines=tuple(line.strip() for line in block.lines), kind=VERSE)
    return replace(block, lines=(join_lines(block.lines, words),), kind=PROSE)


def _is_break(lines: tuple[str, ...]) -> bool:
    text = "".join(lines).strip()
    return bool(_ORNAMENT.fullmatch(text)) and (bool(_NO_LETTER.fullmatch(text)) or text.lower().count("o0o") > 0)


def is_heading(lines: tuple[str, ...]) -> bool:
    """Whether a block of one to four short lines heads something: capitals, a numeral, `Chapter ...`."""
    text = " ".join(line.strip() for line in lines)
    if len(lines) > 4 or len(text) > 120 or text.endswith((",", ";", "--", "—")):
        return False
    if _NUMERAL.fullmatch(text):
        return True
    if _PART.match(text) and len(text) < 70 and not re.search(r"[a-z] .*[.!?]$", text):
        return True
    letters = [char for char in text if char.isalpha()]
    return len(letters) > 2 and sum(char.isupper() for char in letters) > 0.9 * len(letters)


def _is_table(lines: tuple[str, ...]) -> bool:
    """Three lines or more, most of them in columns: parted by bars, or by wide gaps with figures among them."""
    if len(lines) < 3:
        return False
    bars = sum(line.count("|") > 1 for line in lines)
    gaps = sum(re.search(r"\S {3,}\S", line) is not None for line in lines)
    figures = sum(re.search(r"\d", line) is not None for line in lines)
    return bars > 0.6 * len(lines) or (gaps > 0.6 * len(lines) and figures > 0.3 * len(lines))


def _is_verse(lines: tuple[str, ...], width: int) -> bool:
    """Lines that wrapping would not have broken there, or that all start with a capital and end early."""
    stripped = [line.strip() for line in lines]
    longest = max(map(len, stripped))
    right = max(map(len, lines))
    pairs = list(itertools.pairwise(stripped))
    tight = sum(len(a) + 1 + _first_word(b) > longest - 2 for a, b in pairs) / len(pairs)
    capitals = sum(re.match(r"['\"(_*]*[A-Z]", line) is not None for line in stripped[1:]) / len(pairs)
    if capitals >= 0.8 and (tight < 0.8 or right < 0.8 * width) and (len(lines) > 2 or right < 0.75 * width):
        return True
    if right < 0.62 * width:
        return True
    return len(lines) > 2 and tight < 0.4 and longest < 0.9 * width


def _first_word(line: str) -> int:
    """How much of a line could have stood on the line before."""
    return 1 if joins_without_space(line, line) else len(line.split()[0])
