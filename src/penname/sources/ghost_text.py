"""The text of a Ghost post as HTML, from whichever of its three forms is there.

    body_of(html="<p>One.</p>")                     # "<p>One.</p>"
    body_of("", lexical='{"root": {"children": [...]}}')

In: HTML, Lexical, mobiledoc and plain text as an export holds them, some of them empty. Out: HTML. Bookmarks, buttons,
players, forms and pictures go with their cards; text in toggles, callouts, HTML and Markdown cards stays.
"""

import html as escapes
import json
from typing import Any

from selectolax.lexbor import LexborHTMLParser

_CARDS = ", ".join(
    f".kg-{name}"
    for name in (
        "bookmark-card", "button-card", "embed-card", "file-card", "audio-card", "video-card", "signup-card",
        "cta-card", "nft-card", "gallery-card", "callout-emoji", "header-card-button", "product-card-button",
        "product-card-rating", "toggle-card-icon",
    )
)  # fmt: skip
_DEPTH = 60
_BLOCKS = {
    "paragraph": "p", "quote": "blockquote", "extended-quote": "blockquote", "aside": "blockquote", "listitem": "li",
}  # fmt: skip
_TEXTS = ("text", "extended-text", "code-highlight", "tk")
_KEPT = {
    "callout": ("calloutText",), "toggle": ("heading", "content"), "html": ("html",), "email": (), "product": (
        "productTitle", "productDescription"), "header": ("header", "subheader"),
}  # fmt: skip
"""Fields of cards that hold text of the author's, as HTML."""


def body_of(html: str, lexical: str = "", mobiledoc: str = "", plaintext: str = "") -> str:
    """The HTML of a post."""
    if html.strip():
        return _without_cards(html) if "kg-" in html else html
    for source, read in ((lexical, _from_lexical), (mobiledoc, _from_mobiledoc)):
        found = _parsed(source)
        if found and (made := read(found)):
            return made
    return "".join(f"<p>{escapes.escape(part)}</p>" for part in plaintext.split("\n\n") if part.strip())


def _parsed(source: str) -> dict[str, Any]:
    try:
        found = json.loads(source) if source.strip() else {}
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _without_cards(html: str) -> str:
    tree = LexborHTMLParser(html)
    for node in tree.css(_CARDS):
        node.decompose()
    body = tree.body
    return (body.inner_html or "") if body is not None else html


# -- Lexical -----------------------------------------------------------------------------------------------------------


def _from_lexical(found: dict[str, Any]) -> str:
    return _children(found.get("root"), 0)


def _children(node: Any, depth: int) -> str:
    children = node.get("children") if isinstance(node, dict) else None
    if not isinstance(children, list) or depth > _DEPTH:
        return ""
    return "".join(_node(child, depth + 1) for child in children if isinstance(child, dict))


def _node(node: dict[str, Any], depth: int) -> str:
    kind = str(node.get("type"))
    if kind in _TEXTS:
        return _styled(_text(node, "text"), node.get("format"))
    if kind == "linebreak":
        return "<br>"
    if kind in _BLOCKS:
        return f"<{_BLOCKS[kind]}>{_children(node, depth)}</{_BLOCKS[kind]}>"
    if kind in ("heading", "extended-heading"):
        tag = node.get("tag") if node.get("tag") in ("h1", "h2", "h3", "h4", "h5", "h6") else "h2"
        return f"<{tag}>{_children(node, depth)}</{tag}>"
    if kind == "list":
        tag = "ol" if node.get("listType") == "number" else "ul"
        return f"<{tag}>{_children(node, depth)}</{tag}>"
    if kind in ("link", "autolink"):
        return f'<a href="{escapes.escape(str(node.get("url") or ""))}">{_children(node, depth)}</a>'
    return _card(kind, node) or _children(node, depth)


def _styled(text: str, style: Any) -> str:
    return f"<code>{text}</code>" if isinstance(style, int) and style & 16 else text


def _card(kind: str, card: dict[str, Any]) -> str:
    """The text of a card; a picture stays a picture, so that it is counted."""
    if kind in ("codeblock", "code"):
        return f"<pre><code>{_text(card, 'code')}</code></pre>"
    if kind in ("markdown", "card-markdown"):
        from_source = card.get("markdown")
        return _paragraphs(from_source) if isinstance(from_source, str) else ""
    if kind in ("image", "gallery"):
        return "<p><img></p>"
    parts = [value for name in _KEPT.get(kind, ()) if isinstance(value := card.get(name), str)]
    return "".join(part if kind == "html" else f"<div>{part}</div>" for part in parts)


def _paragraphs(markdown: str) -> str:
    """Markdown inside HTML, as paragraphs."""
    parts = (part.strip() for part in markdown.split("\n\n"))
    return "".join(f"<p>{escapes.escape(part.lstrip('#>*- '))}</p>" for part in parts if part)


def _text(node: dict[str, Any], name: str) -> str:
    value = node.get(name)
    return escapes.escape(value, quote=False) if isinstance(value, str) else ""


# -- mobiledoc ---------------------------------------------------------------------------------------------------------


def _from_mobiledoc(found: dict[str, Any]) -> str:
    """Sections of mobiledoc 0.3 (https://github.com/bustle/mobiledoc-kit/blob/main/MOBILEDOC.md)."""
    sections = found.get("sections")
    if not isinstance(sections, list):
        return ""
    return "".join(_section(section, found) for section in sections if isinstance(section, list) and section)


def _section(section: list[Any], found: dict[str, Any]) -> str:
    kind, rest = section[0], section[1:]
    if kind == 1 and len(rest) > 1:
        tag = rest[0] if isinstance(rest[0], str) and rest[0].isalnum() else "p"
        return f"<{tag}>{_markers(rest[1], found)}</{tag}>"
    if kind == 2:
        return "<p><img></p>"
    if kind == 3 and len(rest) > 1 and isinstance(rest[1], list):
        tag = "ol" if rest[0] == "ol" else "ul"
        return f"<{tag}>{''.join(f'<li>{_markers(item, found)}</li>' for item in rest[1])}</{tag}>"
    if kind == 10 and rest:
        card = _at(found.get("cards"), rest[0])
        if isinstance(card, list) and len(card) > 1 and isinstance(card[1], dict):
            return _card(str(card[0]), card[1])
    return ""


def _markers(markers: Any, found: dict[str, Any]) -> str:
    parts = []
    for marker in markers if isinstance(markers, list) else ():
        if isinstance(marker, list) and len(marker) > 3:
            if marker[0] == 0 and isinstance(marker[3], str):
                parts.append(escapes.escape(marker[3], quote=False))
            elif marker[0] == 1:
                atom = _at(found.get("atoms"), marker[3])
                is_break = isinstance(atom, list) and atom[:1] == ["soft-return"]
                parts.append("<br>" if is_break else "")
    return "".join(parts)


def _at(values: Any, place: Any) -> Any:
    is_there = isinstance(values, list) and isinstance(place, int) and 0 <= place < len(values)
    return values[place] if is_there else None
