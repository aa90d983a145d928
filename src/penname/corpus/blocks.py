"""The block editor's JSON to pieces of text.

    gathered = Gathered()
    if looks_like_blocks(source): gather_blocks(source, gathered)

In: a JSON array of `{id, type, content, config}`; `content` is an HTML fragment, raw text (`publii-code`) or
an object. Unknown types are skipped. Broken JSON gives the blocks that can still be read whole, and never
JSON itself.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from penname.corpus.html import gather_html
from penname.corpus.html_elements import row_line
from penname.corpus.html_guard import unescape
from penname.corpus.pieces import Gathered
from penname.corpus.prose import is_prose, is_sentence

# Tags that change no text. A link with attributes of other names, or to a place on its own page, asks for more.
_PLAIN_TAG = re.compile(
    r"</?(?:b|i|em|strong|u)>|</a>|<a href=\"(?:https?:|/|\.|mailto:|#INTERNAL_LINK#|#DOMAIN_NAME#)[^\"<>]*\""
    r"(?: (?:target|rel|title)=\"[^\"<>]*\")*>"
)
_MOST_REPAIRS = 1000  # places at which reading goes on after broken JSON


def looks_like_blocks(source: str) -> bool:
    """Whether a text is a block-editor post, whatever editor it is filed under.

    Publii deletes a post's editor and inserts it again, so a reader in between sees blocks with no editor.
    """
    start = source[:400].lstrip("\ufeff \t\r\n")
    return start[:1] == "[" and start[1:].lstrip()[:1] == "{" and ('"id"' in start or '"type"' in start)


def gather_blocks(source: str, into: Gathered, *, code: bool = False) -> None:
    """Add the text of a block-editor post to `into`. Raises nothing: what cannot be read is skipped."""
    for block in read_blocks(source):
        add = _BLOCKS.get(block.get("type") or "") if isinstance(block.get("type"), str) else None
        if add is not None:
            add(block, into, code)


def read_blocks(source: str) -> list[dict[str, Any]]:
    """Return the blocks of a post; of broken JSON those that are whole."""
    source = source.strip("\ufeff \t\r\n")
    try:
        value = json.loads(source) if source else []
    except (ValueError, RecursionError):
        value = _salvage(source)
    return [block for block in value if isinstance(block, dict)] if isinstance(value, list) else []


def _salvage(source: str) -> list[Any]:
    """Read object after object; after a fault in the JSON go on at the next one that starts with `id`."""
    decoder, found, pos, repairs = json.JSONDecoder(strict=False), [], source.find("{"), 0
    while 0 <= pos < len(source) and repairs < _MOST_REPAIRS:
        try:
            value, pos = decoder.raw_decode(source, pos)
            found.append(value)
            pos = source.find("{", pos)
        except (ValueError, RecursionError):
            repairs += 1
            pos = source.find('{"id"', pos + 1)
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _field(block: dict[str, Any], *names: str) -> Any:
    """Follow `names` into nested objects; None where one is missing."""
    value: Any = block
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _add_html(source: str, into: Gathered, code: bool = False, kind: str = "text") -> None:
    """Add a fragment; most paragraphs hold no element at all, or words in bold and links, and need no parser."""
    if "<" not in source and "\0" not in source:
        into.add(kind, " ".join(unescape(source).split()))
        return
    bare, tags = _PLAIN_TAG.subn("", source)
    if "<" in bare or "\0" in bare:
        gather_html(source, into, code=code, kind=kind)
    else:
        into.add(kind, " ".join(unescape(bare).split()))
        into.links += source.count("<a href") if tags else 0


def _add_paragraph(block: dict[str, Any], into: Gathered, code: bool) -> None:
    _add_html(_text(block.get("content")), into, code)


def _add_header(block: dict[str, Any], into: Gathered, code: bool) -> None:
    into.links += bool(_field(block, "config", "link", "url"))
    _add_html(_text(block.get("content")), into, kind="heading")


def _add_list(block: dict[str, Any], into: Gathered, code: bool) -> None:
    """`content` holds bare <li> elements; `listType` is `ul` or `ol`, older posts say `ordered`."""
    tag = "ol" if _field(block, "config", "listType") in ("ol", "ordered") else "ul"
    gather_html(f"<{tag}>{_text(block.get('content'))}</{tag}>", into, code=code)


def _add_code(block: dict[str, Any], into: Gathered, code: bool) -> None:
    """A program goes unless code is wanted; a poem or a letter that was put into a code block stays."""
    text = _text(block.get("content")).replace("\r\n", "\n").strip("\n")
    if not _field(block, "config", "language") and is_prose(text):
        into.add("text", "\n".join(" ".join(line.split()) for line in text.split("\n")))
    elif code:
        into.add("code", text)


def _add_quote(block: dict[str, Any], into: Gathered, code: bool) -> None:
    """The quoted text; then, on a line of its own, who said it."""
    _add_html(_text(_field(block, "content", "text")) or _text(block.get("content")), into)
    inner = Gathered()
    _add_html(_text(_field(block, "content", "author")), inner)
    into.links += inner.links
    if author := " ".join(piece.text for piece in inner.pieces):
        into.add("text", f"— {author.lstrip('—–- ')}")


def _add_image(block: dict[str, Any], into: Gathered, code: bool) -> None:
    into.images += 1
    _add_caption(_field(block, "content", "caption"), into)


def _add_gallery(block: dict[str, Any], into: Gathered, code: bool) -> None:
    images = _field(block, "content", "images")
    for image in images if isinstance(images, list) else ():
        into.images += 1
        _add_caption(image.get("caption") if isinstance(image, dict) else None, into)


def _add_caption(source: Any, into: Gathered) -> None:
    """A caption that is a sentence stays; the words of a label are counted."""
    if source and isinstance(source, str):
        start = len(into.pieces)
        _add_html(source, into)
        if not is_sentence(" ".join(piece.text for piece in into.pieces[start:])):
            into.drop_caption(start)


def _add_table(block: dict[str, Any], into: Gathered, code: bool) -> None:
    """`content` is `{hasHeader, headers, hasHeaderCol, rows}`; each cell is an HTML fragment."""
    lines = _field(block, "content", "rows")
    lines = [row for row in lines if isinstance(row, list)] if isinstance(lines, list) else []
    headers = _field(block, "content", "headers")
    if _field(block, "content", "hasHeader") and isinstance(headers, list):
        lines = [headers, *lines]
    run, named = into.new_run(), bool(_field(block, "content", "hasHeaderCol"))
    for number, row in enumerate(lines):
        cells = [_cell(_text(cell), into) for cell in row]
        into.add("row", row_line(cells, named and not (number == 0 and row is headers)), run)


def _cell(source: str, into: Gathered) -> str:
    inner = Gathered()
    _add_html(source, inner)
    into.links += inner.links
    into.images += inner.images
    return " ".join(" ".join(piece.text for piece in inner.pieces).split())


_BLOCKS: dict[str, Callable[[dict[str, Any], Gathered, bool], None]] = {
    "publii-paragraph": _add_paragraph,
    "publii-header": _add_header,
    "publii-list": _add_list,
    "publii-html": _add_paragraph,
    "publii-code": _add_code,
    "publii-quote": _add_quote,
    "publii-image": _add_image,
    "publii-gallery": _add_gallery,
    "publii-table": _add_table,
}
