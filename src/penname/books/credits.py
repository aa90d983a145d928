"""Transcriber's notes: what the person who typed the book says of it, told from what the book says.

In: shaped blocks. Out: the blocks without such notes.

    blocks = drop_transcriber(blocks)

A note that says something in its own paragraph ends with it; a heading alone opens a note of several. Either goes on
only over paragraphs that speak of a transcription (spelling, italics, "page 7: x changed to y"), never over the book's.

Credits: who scanned, typed and proofread a file. They stand near either end of a book and are not its text.

In: a book's blocks without licence. Out: the blocks without credits.

    blocks = drop_credits(blocks)

"Produced by ..." of every age, "Transcribed from the 1902 edition", "Scanned and proofed: ...", "Credits: ...". A line
that could be the book's own ("Thanks to ...") goes only with a sign that it speaks of a file.
"""

import itertools
import re
from collections.abc import Sequence

from penname.books.blocks import BREAK, HEADING, Block

_HEAD = re.compile(
    r"[\[*=_\s]*(?:(?:(?:the|a) )?(?:(?:digital|html|e-?text|e-?book) )?(?:transcriber|transcriptionist|"
    r"transcription|e-?text|e-?book|proofreader|redactor)'?s?'?[ -]?"
    r"(?:end ?)?(?P<word>notes?|comments?|errata|corrections?)|"
    r"(?P<foreign>notes? (?:de |sur )?(?:du|de la|au lecteur|la) transcri(?:pteur|ption)|"
    r"anmerkung(?:en)? (?:zur|der|des) (?:transkription|transkriptors|bearbeiter)|opmerkingen? van de bewerker|"
    r"not[ae]s? (?:del|do|de la|da|di) (?:transcriptor|transcritore?|trascrittore|trascrizione|transcripci[oó]n)))\b",
    re.IGNORECASE,
)
_AFTER_HEAD = re.compile(r"[\s*=_\]]*(?:$|[:.;,\[(*=_—-])|(?: (?:on|for|to|about|regarding|from) .{0,70}[:.]?$)")
_TERMS = re.compile(
    r"\b(?:spel(?:t|led|lings?)|hyphen(?:s|ation|ated)?|punctuation|typograph\w*|typos?|misprints?|"
    r"print(?:er|ing|ers)?'?s?'? errors?|italics?|italici[sz]ed|bold(?:face)?|small[- ]cap(?:ital)?s?|underscores?|"
    r"superscripts?|accents?|accented|diacritic\w*|ligatures?|footnotes?|illustrations?|captions?|quotation marks|"
    r"transcri(?:ber|bed|ption)\w*|e-?text|e-?book|html|utf-?8|latin-1|ascii|public domain|"
    r"(?:original|printed) (?:text|book|edition|copy|publication|page|work|spelling|printing)|"
    r"inconsisten\w+|obvious errors?|apparent errors?|table of contents|cover image)\b",
    re.IGNORECASE,
)
_DEEDS = re.compile(
    r"\b(?:(?:has|have|was|were|been) (?:been )?(?:silently |left |not )?(?:corrected|retained|changed|preserved|moved|"
    r"regulari[sz]ed|standardi[sz]ed|normali[sz]ed|kept|added|omitted|amended|left as|replaced|unchanged)|"
    r"(?:corrected|changed|amended|standardi[sz]ed) to|changed from|enclosed (?:in|by|within)|retained|variants?)\b",
    re.IGNORECASE,
)
_SELF = re.compile(
    r"\b(?:transcribers?|(?:this|the) (?:e-?book|e-?text|transcription|(?:html|electronic) \w+))\b", re.I
)
_CHANGE = re.compile(
    r"\W*(?:page|pp?\.?|pg\.?|line|plate|fig\.|footnote|stanza) ?(?:\d{1,4}|[ivxlc]+)\b.{0,60}?"
    r"(?:changed|corrected|replaced|amended|added|removed|\bread\b|\bfor\b|\bto\b|\bwas\b|>|→|[\"'])|"
    r".{1,60}(?:-+>|=>|→)",
    re.IGNORECASE,
)
_LATE = 0.6
_EARLY_GAP, _LATE_GAP = (1, 15), (3, 60)  # blocks and words between two paragraphs of one note
_SHORT_SECTION = (2, 120)


def drop_transcriber(blocks: list[Block]) -> list[Block]:
    """The blocks without transcriber's notes, wherever these stand."""
    kept: list[Block] = []
    begin = _late_from(blocks)
    i = 0
    while i < len(blocks):
        alone = _opens_note(blocks[i].text)
        if alone is None:
            kept.append(blocks[i])
            i += 1
        else:
            i = _note_end(blocks, i + 1, alone, late=i >= begin)
    return kept


def _late_from(blocks: Sequence[Block]) -> int:
    """The first block of a book's last part, by its letters: lists at the end are of many short lines."""
    sizes = [sum(map(len, block.lines)) for block in blocks]
    reached = list(itertools.accumulate(sizes))
    return next((i for i, size in enumerate(reached) if size > _LATE * reached[-1]), 0)


def _opens_note(text: str) -> bool | None:
    """None for a paragraph of the book; else whether the note's heading stands alone."""
    head = _HEAD.match(text)
    if not head:
        return None
    rest = text[head.end() :]
    # "The transcriber's notes lay open before him" is a sentence of the book, "Transcriber's Notes Italic ..." is not.
    named = head["foreign"] or head["word"][0].isupper()
    if not _AFTER_HEAD.match(rest) and not (named and _TERMS.search(rest)):
        return None
    return not re.search(r"\w", rest) or bool(re.fullmatch(r" (?:on|for|to|about|regarding|from) .{0,70}", rest))


def _note_end(blocks: Sequence[Block], first: int, alone: bool, late: bool) -> int:
    """Where the book goes on: after the last paragraph that speaks as a transcriber does, over short gaps."""
    most, most_words = _LATE_GAP if late and alone else _EARLY_GAP if alone else (0, 0)
    end = gap = words = 0
    for i in range(first, len(blocks)):
        text = blocks[i].text
        if not late and _is_edge(blocks, i, first):
            break
        if _speaks(text, first_of_many=alone and i == first):
            end, gap, words = i + 1, 0, 0
            continue
        gap, words = gap + 1, words + len(text.split())
        if gap > most or words > most_words:
            break
    return end or (_short_section(blocks, first) if alone else first)


def _is_edge(blocks: Sequence[Block], i: int, first: int) -> bool:
    return blocks[i].kind in (HEADING, BREAK) or (i > first and blocks[i].gap >= 3)


def _short_section(blocks: Sequence[Block], first: int) -> int:
    """A note in words of its own under its heading, where the book's next heading or break shows its end."""
    most, most_words = _SHORT_SECTION
    for i in range(first, min(first + most + 1, len(blocks))):
        if sum(len(block.text.split()) for block in blocks[first:i]) > most_words:
            break
        if _is_edge(blocks, i, first):
            return i
    return first


def _speaks(text: str, first_of_many: bool) -> bool:
    """Whether a paragraph is a transcriber's: it lists a change, or has a term of the trade and another sign.

    A term will do in a short one that speaks of its own file or stands right under the heading; long ones need more.
    """
    words = len(text.split())
    if _CHANGE.match(text) and len(text) < 400:
        return True
    if text.startswith('"') or not _TERMS.search(text):
        return False
    signs = {sign.lower() for sign in _TERMS.findall(text) + _DEEDS.findall(text)}
    enough = 1 if words < 15 and (first_of_many or _SELF.search(text)) else 2
    return len(signs) >= enough + words // 60


_DEED = (
    r"(?:produced|prepared|transcribed|scanned|proofed|proof-?read|digiti[sz]ed|typed|entered|converted|keyed|"
    r"ocr(?:'?ed)?|submitted|contributed|html(?: version)?|revised|updated|corrected|formatted|edited and|"
    r"post-?processed|encoded|"
    r"marked up|e-?text(?: version)?|e-?book(?: version)?)"
)
_BY = re.compile(rf"\W*{_DEED}\b[^.]{{0,60}}\bby\b", re.IGNORECASE)
_LABEL = re.compile(
    r"\W*(?:credits?|transcri(?:ber|ption)|scann(?:er|ing)|scans?|"
    r"proof(?:-?readers?|-?reading|ers?|ing)|typist|digiti[sz]er|"
    rf"digiti[sz]ation|formatting|post-?process(?:or|ing)|"
    r"(?:e-?text|e-?book|digital|html) (?:producer|preparation|edition)|"
    rf"{_DEED}(?:,? (?:and |& )?\w+(?:ed|ing))?)(?: by)?\s*:\s?\S",
    re.IGNORECASE,
)
_FROM = re.compile(
    r"\W*(?:this (?:e-?text|e-?book|text|file|edition|transcription|version) (?:was |is |has been )?)?"
    rf"(?:{_DEED}|made|created|reproduced|generated|taken)\b(?: and \w+)?(?: directly)? "
    r"(?:from|for|at|in|with|using|through|out of)\b",
    re.IGNORECASE,
)
_EDITION = re.compile(r"\b(?:from|using) (?:the |an? )?.{0,80}\b(?:edition|printing|reprint)\b", re.IGNORECASE)
_ABOUT = re.compile(
    r"\W*(?:note:|(?:\w+ ){0,3}thanks (?:\w+ )?to\b|courtesy of|(?:page )?(?:images|scans)\b|"
    r"this (?:file|text|e-?text|e-?book)\b|"
    r"html version|an? (?:html|illustrated|alternative) (?:version|edition)|\[project gutenberg|for the html)",
    re.IGNORECASE,
)
_SIGN = re.compile(
    r"@|https?:|www\.|internet archive|archive\.org|proof-?read|e-?text|ebook|\bocr|\bscann|\bscans\b|volunteer|html|"
    r"hathitrust|google|gutenberg|made available|from images|images of|page images|image files|"
    r"[12]\d{3} .{0,60}edition by",
    re.IGNORECASE,
)
_FILE_SIGN = re.compile(
    r"@|https?:|www\.|internet archive|archive\.org|proof-?reading team|e-?text|ebook|\bocr|html|hathitrust|"
    r"google books|from images|images of the original|page images|image files|scann",
    re.IGNORECASE,
)
_MADE = re.compile(
    r"\W*(?:this |the )?(?:project gutenberg )?e-?(?:text|book)s? (?:was |were |is |are |has been )?(?:originally )?"
    r"(?:prepared|produced|created|scanned|typed|entered|transcribed|converted|provided|digiti[sz]ed|proofed|"
    r"made available)\b|"
    r"\W*(?:this )?(?:text|html|epub|e-?book) (?:file |version )?produced by",
    re.IGNORECASE,
)
_FIRST_BLOCKS, _TAIL, _TOP = 40, 10, 3
_LABELLED = 12
_LONGEST, _LONGEST_MADE = 800, 60  # characters, words


def is_made(text: str) -> bool:
    """Whether a paragraph opens as those do that say how a file was made: "This etext was prepared by ..."."""
    if not _MADE.match(text) or len(text.split()) > _LONGEST_MADE:
        return False
    # "The e-text was made by one man, ..." may open a sentence of the book; a credit names somebody.
    return not text.lstrip("[(* ").lower().startswith("the ") or re.search(r"\bby [A-Z]", text) is not None


def drop_credits(blocks: list[Block]) -> list[Block]:
    """The blocks without the credits near either end."""
    last = len(blocks) - _TAIL
    return [
        block
        for i, block in enumerate(blocks)
        if not ((i < _FIRST_BLOCKS or i >= last) and is_credit(block.text, i, len(blocks)))
    ]


def is_credit(text: str, place: int, of: int) -> bool:
    """Whether a paragraph near an end of the book is a credit; `place` counts from its beginning."""
    if len(text) > _LONGEST:
        return False
    top, head = place < _TOP, place < _LABELLED
    signed = _SIGN.search(text) is not None
    return bool(
        (_BY.match(text) and (top or signed))
        or (_LABEL.match(text) and (head or signed))
        or (_FROM.match(text) and (signed or (head and _EDITION.search(text))))
        or (_ABOUT.match(text) and _FILE_SIGN.search(text))
        or is_made(text)
    )
