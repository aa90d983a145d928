"""Credits: who scanned, typed and proofread a file. They stand near either end of a book and are not its text.

In: a book's blocks without licence. Out: the blocks without credits.

    blocks = drop_credits(blocks)

"Produced by ..." of every age, "Transcribed from the 1902 edition", "Scanned and proofed: ...", "Credits: ...". A line
that could be the book's own ("Thanks to ...") goes only with a sign that it speaks of a file.
"""

import re

from penname.text.books.blocks import Block

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
_HEAD, _TAIL, _TOP = 40, 10, 3
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
        if not ((i < _HEAD or i >= last) and is_credit(block.text, i, len(blocks)))
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
