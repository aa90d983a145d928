"""What the walks over HTML, Markdown and blocks collect: pieces of text, links and pictures counted.

gathered = Gathered()
gathered.add("text", "Hello, world.")
"""

from dataclasses import dataclass, field
from typing import NamedTuple

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
