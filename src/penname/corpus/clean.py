"""The body of one post, as Publii stores it, to clean text.

    clean_body("<p>Hello, <b>you</b>.</p>", "tinymce")  ->  CleanBody(text="Hello, you.", links=0, images=0)

Paragraphs are separated by one blank line. A list item keeps its own line and starts with `- ` or its number
(`3. `); items of one list are separated by single newlines. A row of a data table is one line, `cell; cell`,
or `name: cell; cell` where the row has a heading cell; a layout table gives its cells as paragraphs. Captions
of pictures go with the pictures, code blocks go unless asked for, quotations keep their text.
"""

import re
from dataclasses import dataclass, field

from penname.corpus.blocks import gather_blocks, looks_like_blocks
from penname.corpus.html import gather_html
from penname.corpus.html_guard import unescape, without_tags
from penname.corpus.leftovers import is_lonely, may_hold_leftovers, strip_leftovers, strip_shortcodes
from penname.corpus.markdown import gather_markdown
from penname.corpus.pieces import (
    Gathered,
    Piece,
    is_quoted,
    join_pieces,
    normalise,
    normalise_code,
    normalise_pieces,
    unquote,
)

_CONTENT = re.compile(r'"(?:content|text|caption)"\s*:\s*"((?:[^"\\]|\\.)*+)"')


@dataclass(frozen=True)
class CleanBody:
    """Clean text; `links` counts links to other pages, `images` the pictures left out; `headings` are its headings."""

    text: str
    links: int
    images: int
    headings: frozenset[str] = field(default=frozenset(), compare=False)
    caption_words: int = field(default=0, compare=False)
    """Words of the labels under pictures that went with them."""


def clean_body(source: str, editor: str, *, code: bool = False) -> CleanBody:
    """Return the text of a post written in `editor`: `tinymce` (HTML), `blockeditor` (JSON) or `markdown`.

    Any other editor counts as `tinymce`, and text that looks like blocks is read as blocks whatever the
    editor: Publii loses the editor's name for a moment while it saves. With `code` code blocks stay, white
    space and all. Raises nothing: broken markup is read as a browser reads it, broken JSON as far as it is
    whole.
    """
    gathered = Gathered()
    if looks_like_blocks(source) or (editor == "blockeditor" and source.lstrip()[:1] in ("", "[", "{")):
        gather_blocks(source, gathered, code=code)
    elif editor == "markdown":
        gather_markdown(source, gathered, code=code)
    else:
        gather_html(source, gathered, code=code)
    pieces = [piece for piece in _clean(gathered.pieces) if piece.text]
    headings = frozenset(piece.text for piece in pieces if piece.kind == "heading")
    return CleanBody(join_pieces(pieces), gathered.links, gathered.images, headings, gathered.caption_words)


def clean_plainly(source: str) -> CleanBody:
    """Return the words of a post that takes too long to be read as it is written: without tags, a paragraph a block.

    A few passes of simple patterns: nothing that grows faster than the post. Signs of Markdown and JSON stay.
    """
    text = without_tags(source)
    if text[:400].lstrip().startswith("[{"):  # the block editor's JSON: its strings
        text = "\n\n".join(value for value in _CONTENT.findall(text)).replace("\\n", " ").replace('\\"', '"')
    text = normalise(text)
    return CleanBody(text, source.count("<a "), source.count("<img "))


def clean_title(title: str) -> str:
    """Return a post's title on one line: entities read once, normalised, without leftovers."""
    title = normalise(unescape(title))
    if "[" in title:
        (title,) = strip_shortcodes([title])
    return " ".join(strip_leftovers(title).split())


def _clean(pieces: list[Piece]) -> list[Piece]:
    """Normalise the pieces of a post and take the leftovers out; some are empty afterwards."""
    texts = normalise_pieces(["" if piece.kind == "code" else piece.text for piece in pieces])
    bracketed = any("[" in text for text in texts)
    if bracketed:
        texts = strip_shortcodes(texts)
    if bracketed or may_hold_leftovers("\n".join(texts)):
        texts = [strip_leftovers(text) for text in texts]
    return [
        piece if text is piece.text and _begins_with_a_word(piece) else _finished(piece, text)
        for piece, text in zip(pieces, texts, strict=True)
    ]


def _begins_with_a_word(piece: Piece) -> bool:
    """Whether a piece is neither an ornament nor a bare address, nor one with quoted code, which most are not."""
    text = piece.text if piece.kind != "item" else piece.text.partition(" ")[2]
    return text[:1].isalnum() and text[:1] not in "hw" and piece.kind != "code" and not is_quoted(text)


def _finished(piece: Piece, text: str) -> Piece:
    """Return a piece with its text, which is empty when nothing worth reading is left."""
    if piece.kind == "code":
        return Piece("code", normalise_code(piece.text))
    if is_quoted(text):
        text = normalise(unquote(text))
    if is_lonely(text if piece.kind != "item" else "".join(text.split(maxsplit=1)[1:])):
        text = ""
    return piece if text is piece.text else Piece(piece.kind, text, piece.run)
