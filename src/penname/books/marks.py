"""The marks inside a text: typographic characters, italics, page numbers, footnote marks, dashes.

In: text as transcribers typed it. Out: the same text with straight quotes, em dashes and no mark-up.

    plain_characters("“Yes,” he said")            '"Yes," he said'
    strip_marks("the _very_ man[3]--he[Pg 12] ")  'the very man—he'
"""

import re
import unicodedata

from penname.corpus.html_math import raised
from penname.corpus.pieces import compose

_CHARACTERS: dict[str, str] = {
    **dict.fromkeys("“”„‟«»″＂〝〞", '"'),
    **dict.fromkeys("‘’‚‛′＇ʼ`´", "'"),
    **dict.fromkeys(map(chr, (0xA0, 0x1680, *range(0x2000, 0x200B), 0x202F, 0x205F, 0x3000)), " "),
    **dict.fromkeys(map(chr, (0xAD, 0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF, 0xFFFD)), ""),
    **dict.fromkeys("‐‑‒", "-"),
    **dict.fromkeys("\v\f\x1a\x1c\x1d\x1e\x85\u2028\u2029", "\n"),
    "―": "—",
    "…": "...",
    "ﬀ": "ff",
    "ﬁ": "fi",
    "ﬂ": "fl",
    "ﬃ": "ffi",
    "ﬄ": "ffl",
    "ſ": "s",
}
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f\x80-\x9f\ud800-\udfff\ufffe\uffff]")
_ACCENTS = {
    "=": "\u0304", ")": "\u0306", "'": "\u0301", ":": "\u0308", "^": "\u0302", "~": "\u0303", ",": "\u0327",
}  # fmt: skip
_ACCENTED = re.compile(r"\[([=)':^~,])([A-Za-z])\]")
_LIGATURES = {
    "[oe]": "œ",
    "[OE]": "Œ",
    "[Oe]": "Œ",
    "[ae]": "æ",
    "[AE]": "Æ",
    "[Ae]": "Æ",
    "[sic]": "",
    "[Sic]": "",
}

# Notes of the transcriber and the printer that stand in square brackets and may run over many lines.
_BRACKETED = re.compile(
    r"\[(?P<name>illustrations?|illus|frontispiece|footnotes?|sidenotes?|(?:margin|side)al? ?notes?|"
    r"(?:the )?transcri(?:ber|ption)(?:'?s'?)?(?: ?note)?s?|t\.?n\.?:|tr\. ?note|picture|image|photograph|"
    r"plate|figure|map|"
    r"diagram|decoration|ornament|vignette|headpiece|tailpiece|facsimile|blank page|"
    r"music(?:al)?(?: notation| score)?|"
    r"publisher's (?:mark|device|logo|colophon)|e-?text|proofreader's note|redactor's note|"
    r"pdf editor's note|note: (?:this e-?text|images of)|this e-?text|cover|book cover|title page|colophon|logo|seal|"
    r"signature)"
    r"(?=[\s:.,;\]\d—-]|$)",
    re.IGNORECASE | re.MULTILINE,
)
_MARKS = frozenset("[]{}|<>_=~+†‡⁰¹²³⁴⁵⁶⁷⁸⁹")
_SPACED = re.compile(" [;:!?]")
_LONGEST_NOTE = 20_000
_PAGE_MARK = re.compile(
    r"[ ]?(?:\[(?:p|pp|pg|page|pag|seite|fol)\.?[ ]*(?:\d{1,4}|[ivxlcdm]{1,8})[a-z]?\]|\{(?:p(?:g|"
    r"age)?\.? ?)?(?:\d{1,4}|[ivxlcdm]{1,8})\}"
    r"|<pb[^>\n]{0,40}>|\|(?:p(?:g|age)?\.? ?)?\d{1,4}\|)",
    re.IGNORECASE,
)
_NOTE_MARK = re.compile(
    r"[ ]?[\[{](?:\d{1,4}[a-z]?|[A-Z]{1,2}|[a-z]|[*†‡§¶#]{1,3}|(?:foot)?note:? ?\d{1,4}|fn\.? ?\d{1,4})[\]}](?![a-z])"
    r"|(?<=[\w.,;!?'\")])[†‡]+"
)
_RAISED = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼]+")
_FIGURES = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼", "0123456789+-=")
# In a book a figure raised after a year or after "I" marks a note, though both could be raised to a power.
_NO_BASE = re.compile(r"(?<![\d.,])(?:1[4-9]|20)\d\d$|(?<!\w)I$")
_TAG = re.compile(
    r"</?(?:i|b|em|u|sc|sub|sup|small|strong|tt|center|font|p|br|hr)(?: [^<>\n]{0,80})?/?>", re.IGNORECASE
)


def plain_characters(text: str) -> str:
    """Straight quotes, plain spaces and hyphens, three dots, `\\n` line ends; no control characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("``", '"')
    for char in sorted(_CHARACTERS.keys() & set(text)):
        text = text.replace(char, _CHARACTERS[char])
    text = _CONTROL.sub("", text)
    if "''" in text:
        text = re.sub(r"(?<!')''(?!')", '"', text)
    return compose(text)


def drop_bracketed(text: str) -> str:
    """Remove `[Illustration: ...]`, `[Footnote 1: ...]`, `[Transcriber's Note: ...]` and their kind."""
    pieces: list[str] = []
    position = 0
    closings = _closings(text)
    for match in _BRACKETED.finditer(text):
        if match.start() < position:
            continue
        end = _note_end(text, match.start(), closings)
        pieces.append(text[position : match.start()])
        position = end
        alone = (not pieces[-1] or pieces[-1].endswith("\n")) and text[end : end + 1] == "\n"
        position += alone
    pieces.append(text[position:])
    return "".join(pieces)


def _closings(text: str) -> dict[int, int]:
    """Where each opening bracket's own closing one stands."""
    closings: dict[int, int] = {}
    open_: list[int] = []
    for match in re.finditer(r"[\[\]]", text):
        if match[0] == "[":
            open_.append(match.start())
        elif open_:
            closings[open_.pop()] = match.start()
    return closings


def _note_end(text: str, start: int, closings: dict[int, int]) -> int:
    """The position after the bracket that closes the one at `start`; without one, the paragraph's end."""
    closing = closings.get(start, len(text))
    if closing - start < _LONGEST_NOTE and closing < len(text):
        return closing + 1
    blank = text.find("\n\n", start)
    return blank if blank >= 0 else len(text)


def drop_boxes(text: str) -> str:
    """Remove the frames of `+---+` and `|` that transcribers drew around their notes."""
    if "+--" not in text and "+==" not in text:
        return text
    lines = (line for line in text.split("\n") if not re.fullmatch(r"\s*\+[-=+]{4,}\+\s*", line))
    return "\n".join(re.sub(r"^(\s*)\|(.*)\|\s*$", r"\1 \2", line) for line in lines)


def drop_page_marks(text: str) -> str:
    """Remove `[Pg 12]`, `{12}` and their kind; a line that held nothing else goes with them."""
    if not _PAGE_MARK.search(text):
        return text
    kept = []
    for line in text.split("\n"):
        cleaned = _PAGE_MARK.sub("", line)
        if cleaned.strip() or not line.strip():
            kept.append(cleaned)
    return "\n".join(kept)


def strip_marks(text: str) -> str:
    """Remove italics and bold marks, note marks and tags from a paragraph or stanza; make dashes one kind."""
    if any(mark in text for mark in _MARKS):
        text = _strip_brackets(text)
    text = _one_dash(text)
    if " ." in text:
        text = re.sub(r"\.(?: \.){2,}", lambda match: "." * (len(match.group()) // 2 + 1), text)
    if _SPACED.search(text):
        text = re.sub(r"(?<=[\w'\")]) +([;:!?])(?=[\s'\")]|$)", r"\1", text)
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def is_power(figures: str, before: str, after: str) -> bool:
    """Whether raised figures are a power (10⁶, x², cm³) and not the mark of a note (`said he.²`)."""
    return raised(figures, before, after) != "" and not _NO_BASE.search(before)


def _without_raised_notes(text: str) -> str:
    def keep(match: re.Match[str]) -> str:
        start, end = match.span()
        before, after = text[max(start - (40 if text[start - 1] in ")]" else 12), 0) : start], text[end : end + 2]
        return match[0] if is_power(match[0].translate(_FIGURES), before, after) else ""

    return _RAISED.sub(keep, text)


def _strip_brackets(text: str) -> str:
    text = _without_raised_notes(_expand_letters(text))
    text = _NOTE_MARK.sub("", _PAGE_MARK.sub("", text))
    text = re.sub(r"\[(?:Greek|Hebrew|Arabic|Cyrillic|Latin|Gr\.|Hindi)[^:\]\n]{0,30}: ?([^\]]*)\]", r"\1", text)
    text = _TAG.sub("", text)
    return _drop_emphasis(text)


def _expand_letters(text: str) -> str:
    if "[" not in text:
        return text
    for mark, letter in _LIGATURES.items():
        text = text.replace(" " + mark if not letter else mark, letter)
    text = re.sub(r"\[([A-Za-z])\](?=[a-z])", r"\1", text)
    return _ACCENTED.sub(lambda match: unicodedata.normalize("NFC", match[2] + _ACCENTS[match[1]]), text)


def _drop_emphasis(text: str) -> str:
    text = re.sub(r"_{2,}", "——", text)
    text = text.replace("_", "")
    text = re.sub(r"(?<![\w=])=([^\s=](?:[^=\n]{0,200}[^\s=])?)=(?![\w=])", r"\1", text)
    text = re.sub(r"(?<![\w~])~([^\s~](?:[^~\n]{0,200}[^\s~])?)~(?![\w~])", r"\1", text)
    return re.sub(r"(?<![\w+])\+([^\s+\d](?:[^+\n]{0,200}[^\s+])?)\+(?![\w+])", r"\1", text)


def _one_dash(text: str) -> str:
    if "-" in text:
        text = re.sub(r"-{3,}", "——", text).replace("--", "—")
    if "–" in text:
        text = re.sub(r"(?<=\d)–(?=\d)", "-", text).replace("–", "—")
    if "— " in text or " —" in text:
        text = re.sub(r"(?<=[^\s—]) *—(?!—) *(?=\S)", "—", text)
    return text
