"""One spelling of Unicode: text as editors leave it in, text as the base model's shelf spells it out.

    normalise("Caf\\u0065\\u0301\\u00a0“au\\u00adlait”")  ->  'Café "aulait"'

What goes: control characters, soft hyphens, zero-width characters, bidirectional controls, byte-order marks,
private-use characters (icon fonts), lone surrogates. What is kept: U+200D and variation selectors inside
emoji sequences, U+200D and U+200C in the Arabic, Syriac, Mongolian and Brahmic scripts, where they change the
spelling.

What the walks over HTML, Markdown and blocks collect: pieces of text, links and pictures counted.

gathered = Gathered()
gathered.add("text", "Hello, world.")
"""

import functools
import re
import unicodedata
from dataclasses import dataclass, field
from typing import NamedTuple

# Code points that emoji sequences are made of (UTS #51), as ranges that also hold a few plain symbols.
_EMOJI = (
    "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2194-\u21aa\u231a-\u23ff\u24c2\u25aa-\u25fe\u2600-\u27bf"
    "\u2934\u2935\u2b05-\u2b55\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
# Scripts in which U+200C and U+200D join or part letters: Arabic to Sinhala, Tibetan to Mongolian.
_JOINING = "\u0600-\u0dff\u0f00-\u109f\u1780-\u18af\ua840-\ua8ff\ufb50-\ufdff\ufe70-\ufefc\U00011000-\U000114ff"
_HAN = "\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_TAGS = "\U000e0020-\U000e007e"

_PLAIN = bytes([10, *range(32, 127)])  # printable ASCII characters and the end of a line
_BETWEEN = "\x1f"  # stands between pieces; folding takes it for white space, so that it stands in none
_GAPS = bytes(32 if byte in b"\n\x1f " else 97 for byte in range(256))
_LONG = 100_000  # characters; of a longer text no list of all its odd ones is made
_MANY = 16  # different characters to replace from which on all are replaced in one go
_DROPPED = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ud800-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0\ufff0-\ufffc\ufffe\uffff"
    "\U000e0000-\U000e001f\U000e0080-\U000e00ff\U000e01f0-\U0010ffff]+"
)
# Characters that are right only after (and before) the right neighbours; these patterns find them elsewhere.
_CONTEXTUAL = re.compile("[\u200c\u200d\ufe0e\ufe0f\U000e0020-\U000e007f\U000e0100-\U000e01ef]")
_CONTEXTUAL_RUN = re.compile(f"{_CONTEXTUAL.pattern}+")
_NEIGHBOURS = re.compile(f"{_CONTEXTUAL.pattern}|[\r\ufdd0\ufdd1]")  # and the stand-ins below
_IN_EMOJI = re.compile(f"[{_EMOJI}]")
_AFTER_EMOJI = re.compile(f"[{_EMOJI}\ufe0f\U000e007f]")
_IN_JOINING = re.compile(f"[{_JOINING}]")
_BEFORE_SELECTOR = re.compile(f"[{_EMOJI}0-9#*]")
_IN_TAGS = re.compile(f"[\U0001f3f4{_TAGS}]")
_IN_HAN = re.compile(f"[{_HAN}]")
_MANY_MARKS = re.compile(r"[^\w\s\x00-\u02ff]{31,}")
_MOST_MARKS = 30  # in a row, as the Stream-Safe Text Format of Unicode (UAX #15) has it
_LONGEST_RUN = 200  # joiners and selectors in a row; no sequence has more than a flag's seven
_SPACES = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u2800\u3000]")
_LINE_ENDS = dict.fromkeys("\r\x0b\x0c\x85\u2028", "\n") | {"\u2029": "\n\n"}
_BLANK_LINES = re.compile("\n{3,}")
# A letter each for hyphens that only forbid a line break and for the ligatures that PDF files leave behind.
_SPELLINGS = {
    "\u2010": "-", "\u2011": "-", "\ufb00": "ff", "\ufb01": "fi", "\ufb02": "fl", "\ufb03": "ffi",
    "\ufb04": "ffl", "\ufb05": "st", "\ufb06": "st",
}  # fmt: skip
_STRAIGHT = {
    "\u2018": "'", "\u2019": "'", "\u201a": "'", "\u201b": "'",
    "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u201f": '"', "\u2026": "...",
}  # fmt: skip


def normalise(text: str, *, quotes: bool = True) -> str:
    """Return `text` in NFC, with plain spaces, `\\n` line ends and at most one blank line in a row.

    Lines are stripped, runs of spaces become one. With `quotes` (the default) curly quotes become `"` and `'`
    and the ellipsis character becomes `...`, because the books that the base model learned from are spelt so;
    guillemets, primes and dashes stay. `quotes=False` leaves the writer's quotes. Idempotent; raises nothing.
    """
    text = _respell(text, quotes)
    if "  " in text or " \n" in text or "\n " in text or text[:1] == " " or text[-1:] == " ":
        text = "\n".join([" ".join(line.split()) for line in text.split("\n")])
    if "\n" in text:
        text = _BLANK_LINES.sub("\n\n", text).strip("\n")
    return text


def normalise_line(text: str, *, quotes: bool = True) -> str:
    """As `normalise`, quicker for text whose white space is in order (single spaces, no blank lines)."""
    if text.isascii() and text.isprintable():
        return text
    return normalise(text, quotes=quotes)


def normalise_code(text: str) -> str:
    """Return source code in NFC without invisible characters; indentation, blank lines and quotes stay."""
    parts = [_respell(part, quotes=False) for part in text.split("\t")]  # tabs indent: keep them from the spaces
    return "\n".join(line.rstrip() for line in "\t".join(parts).split("\n")).strip("\n")


def normalise_pieces(texts: list[str]) -> list[str]:
    """As `normalise` for each text, all in one go where none holds a character whose neighbours matter."""
    if not texts:
        return []
    whole = _BETWEEN.join(texts)
    odd = _odd_signs(whole) - {_BETWEEN}
    if not odd or (not _NEIGHBOURS.search("".join(odd)) and not any(map(unicodedata.combining, odd))):
        plain = _spellings(odd, True)
        whole = _replace(whole, plain)
        shape = whole.encode("latin-1", "replace").translate(_GAPS)
        in_order = b"  " not in shape and b" " not in (shape[:1], shape[-1:])
        if in_order and (not odd or unicodedata.is_normalized("NFC", whole)):
            return whole.split(_BETWEEN) if plain else texts
    return [text if is_quoted(text) else normalise_line(text) for text in texts]


def _respell(text: str, quotes: bool) -> str:
    """All that is done to single characters; white space is not folded here."""
    odd = _odd_signs(text)
    if not odd:
        return text
    if "\r" in odd:
        text = text.replace("\r\n", "\n")
    plain = _spellings(odd, quotes)
    text = _replace(text, plain)
    rest = "".join([sign for sign in odd if sign not in plain and not _is_inert(sign)])
    if not rest:
        return text
    text = compose(text) if _MANY_MARKS.search(rest * (_MOST_MARKS + 1)) else unicodedata.normalize("NFC", text)
    return _drop_strays(text) if _CONTEXTUAL.search(rest) else text


def _odd_signs(text: str) -> set[str]:
    """Return the characters of a text that are neither printable ASCII nor the end of a line."""
    if len(text) > _LONG:
        return {sign for sign in set(text) if not " " <= sign <= "~"} - {"\n"}
    return set(text.encode("utf-8", "surrogatepass").translate(None, _PLAIN).decode("utf-8", "surrogatepass"))


def _spellings(odd: set[str], quotes: bool) -> dict[str, str]:
    """Return what stands for each odd character that does not stay."""
    return {sign: other for sign in odd if (other := _plain(sign, quotes)) != sign}


def _replace(text: str, plain: dict[str, str]) -> str:
    if len(plain) < _MANY:
        for sign, other in plain.items():
            text = text.replace(sign, other)
        return text
    return text.translate({ord(sign): other for sign, other in plain.items()})


def compose(text: str) -> str:
    """Return `text` in NFC, with at most thirty combining marks in a row."""
    return unicodedata.normalize("NFC", _MANY_MARKS.sub(_fewer_marks, text))


def _is_inert(sign: str) -> bool:
    """Whether a character never combines with its neighbours: Latin letters, dashes, bullets."""
    return sign < "\u0300" or "\u2010" <= sign <= "\u2027"


@functools.lru_cache(maxsize=4096)
def _plain(sign: str, quotes: bool) -> str:
    """Return what stands for a character wherever it is."""
    if sign in _LINE_ENDS:
        return _LINE_ENDS[sign]
    if _DROPPED.match(sign):
        return ""
    if _SPACES.match(sign):
        return " "
    return _SPELLINGS.get(sign) or (quotes and _STRAIGHT.get(sign)) or sign


def _fewer_marks(match: re.Match[str]) -> str:
    """Return a run of signs with at most thirty combining marks in a row; sorting more takes time by their square."""
    text, kept, marks, start = match[0], [], 0, 0
    for place, sign in enumerate(text):
        if unicodedata.combining(sign):
            marks += 1
            if marks > _MOST_MARKS:
                kept.append(text[start:place])
                start = place + 1
        else:
            marks = 0
    return "".join([*kept, text[start:]])


def _drop_strays(text: str) -> str:
    """Drop joiners and selectors without their neighbours; what goes may let signs combine, hence the loop."""
    while (shorter := unicodedata.normalize("NFC", _CONTEXTUAL_RUN.sub(_without_strays, text))) != text:
        text = shorter
    return text


def _without_strays(match: re.Match[str]) -> str:
    """Return what stays of a run of joiners and selectors, each judged by the sign that stays before it."""
    text, kept = match.string, []
    last = text[match.start() - 1] if match.start() else ""
    for place in range(match.start(), min(match.end(), match.start() + _LONGEST_RUN)):
        sign = text[place]
        if not _is_stray(sign, last, text[place + 1 : place + 2]):
            kept.append(sign)
            last = sign
    return "".join(kept)


def _is_stray(sign: str, last: str, following: str) -> bool:
    if sign == "\u200d":
        if _AFTER_EMOJI.match(last):
            return not _IN_EMOJI.match(following)
        return not _IN_JOINING.match(last)
    if sign == "\u200c":
        return not _IN_JOINING.match(last)
    if sign in "\ufe0e\ufe0f":
        return not _BEFORE_SELECTOR.match(last) or (last in "0123456789#*" and following != "\u20e3")
    if sign >= "\U000e0100":
        return not _IN_HAN.match(last)
    return not _IN_TAGS.match(last)


_STAND_INS = {"[": "\ufdd0", "{": "\ufdd1"}  # no characters: Unicode leaves them to a program's inner use
_QUOTE = str.maketrans(_STAND_INS)
_UNQUOTE = str.maketrans({stand_in: sign for sign, stand_in in _STAND_INS.items()})


def quote(text: str) -> str:
    """Return inline code with stand-ins for the brackets that could be taken for a shortcode's."""
    return text.translate(_QUOTE) if "[" in text or "{" in text else text


def unquote(text: str) -> str:
    """Return the text with the brackets that `quote` put aside."""
    return text.translate(_UNQUOTE)


def is_quoted(text: str) -> bool:
    """Whether a text holds stand-ins."""
    return "\ufdd0" in text or "\ufdd1" in text


def fold(text: str) -> str:
    """Fold white space as a browser does; most lines have none to fold, which is soon seen."""
    if text.isprintable() and "  " not in text and text[:1] != " " != text[-1:]:
        return text
    line = text.replace("\xa0", " ")
    if line.isprintable() and "  " not in line and line[:1] != " " != line[-1:]:
        return line
    return " ".join(text.split())


class Piece(NamedTuple):
    """A run of text that stands on its own.

    `kind` is `text` (a paragraph), `heading`, `item` (a list item), `row` (a line of a data table) or `code`.
    `run` numbers the list or table that the piece belongs to: pieces of one run are joined by single
    newlines.
    """

    kind: str
    text: str
    run: int = 0


@dataclass
class Gathered:
    """Pieces in reading order; `links` counts links to other pages, `images` counts pictures left out.

    `caption_words` counts the words of the labels under pictures that were left out with them.
    """

    pieces: list[Piece] = field(default_factory=list)
    links: int = 0
    images: int = 0
    runs: int = 0
    caption_words: int = 0

    def add(self, kind: str, text: str, run: int = 0) -> None:
        """Append a piece unless it is empty."""
        if text:
            self.pieces.append(Piece(kind, text, run))

    def drop_caption(self, start: int) -> None:
        """Take back the pieces from `start` on, which are the label of a picture, and count their words."""
        self.caption_words += sum(len(piece.text.split()) for piece in self.pieces[start:])
        del self.pieces[start:]

    def settle_captions(self, start: int, stay: bool) -> None:
        """Make the captions among the pieces from `start` on text, or take them out and count their words."""
        settled = []
        for piece in self.pieces[start:]:
            if piece.kind != "caption":
                settled.append(piece)
            elif stay:
                settled.append(Piece("text", piece.text))
            else:
                self.caption_words += len(piece.text.split())
        self.pieces[start:] = settled

    def new_run(self) -> int:
        """Return a number that no list or table had before."""
        self.runs += 1
        return self.runs


def join_pieces(pieces: list[Piece]) -> str:
    """Join with a blank line; items of one list and rows of one table with a newline."""
    parts: list[str] = []
    last = Piece("", "")
    for piece in pieces:
        if parts:
            together = piece.run and piece.run == last.run and piece.kind == last.kind
            parts.append("\n" if together else "\n\n")
        parts.append(piece.text)
        last = piece
    return "".join(parts)
