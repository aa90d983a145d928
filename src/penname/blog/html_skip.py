"""Which elements of a post's HTML are not its text: scripts and controls, hidden ones, tables of contents.

    look = look_of(node.attributes)
    if look & UNSEEN: ...
    if ContentsFinder().is_contents(node, node.tag, node.attributes): ...

All functions look at parsed nodes (selectolax's Lexbor tree), never at markup.
"""

import functools
import itertools
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode


def names(text: str, separator: str | None = None) -> frozenset[str]:
    """Return the set of the names written in `text`."""
    return frozenset(text.split(separator))


DROPPED = names(
    "script style template noscript iframe frame frameset noframes noembed object embed applet svg canvas "
    "audio video map head title meta link base input textarea select option optgroup datalist button "
    "output progress meter keygen annotation annotation-xml rt rp publii-amp"
)
"""Elements that go with all they hold. `publii-amp` is the part of a post that only the AMP edition shows."""

FORM_PARTS = frozenset(["label", "legend"])
"""Dropped inside a form; elsewhere themes use `label` for the headings of an accordion."""

_CONTENTS_NAMES = names(
    "toc post__toc table-of-contents tableofcontents table_of_contents contents-list page-toc "
    "ez-toc-container toc_container toc-container markdown-toc lwptoc"
)
_CONTENTS_TITLES = names(
    "contents|content|table of contents|on this page|in this article|in this post|jump to|índice|"
    "indice|contenido|índex|continguts|sumário|sommaire|table des matières|inhalt|inhaltsverzeichnis|"
    "inhoud|inhoudsopgave|spis treści|содержание|оглавление|目录|目次|目錄",
    "|",
)
_EMBEDS = names(
    "twitter-tweet twitter-video instagram-media tiktok-embed bluesky-embed mastodon-embed "
    "reddit-embed-bq reddit-card fb-post fb-video fb-root sharedaddy jp-relatedposts "
    "addtoany_share_save_container wp-embedded-content"
)
_HIDDEN_CLASSES = names(
    "sr-only screen-reader-text screen-reader-only screenreader-text screenreader-only screen-reader screenreader "
    "visually-hidden visuallyhidden visually-hidden-focusable sr-only-focusable is-visually-hidden u-visually-hidden "
    "u-sr-only hidden-visually show-for-sr element-invisible assistive-text a11y-hidden a11y-only only-sr sronly "
    "sr_only visually_hidden cdk-visually-hidden govuk-visually-hidden usa-sr-only offscreen off-screen "
    "accessibly-hidden accessibility-hidden clip-text skip-link skip-to-content aural-only"
)
_CAPTION_CLASSES = names(
    "wp-caption-text wp-caption-dd wp-element-caption gallery-caption blocks-gallery-caption figure-caption "
    "blocks-gallery-item__caption image-caption img-caption imgcaption photo-caption picture-caption tr-caption "
    "image__caption post__image-caption kg-image-caption graf--imagecaption imagecaption"
)
_CODE_CLASS = re.compile(
    r"(?:^|\s)(?:lang(?:uage)?-(?!(?:text|txt|plain|plaintext|none|nohighlight|no-highlight)\b)|brush:|hljs|highlight|"
    r"prettyprint|prism|source-?code|codehilite|crayon|enlighter|syntax|line-numbers|linenos|code(?:\s|$|[-_])|wp-block-code|"
    r"shiki|chroma|rouge|codemirror|cm-|ql-syntax|astro-code|gist|programlisting|src(?:\s|$|-)|snippet|terminal|console)",
    re.IGNORECASE,
)
_VERSE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:verse|poem|poems|poetry|poesia|poema|gedicht|lyrics?|stanza|haiku|song)(?:$|[\s_-])", re.IGNORECASE
)

UNSEEN, LINE, CAPTION, KEPT_LINES = 1, 2, 4, 8
"""What attributes say: not to be seen; stands on a line of its own; a picture's caption; line ends are shown."""

_CONTENTS_CANDIDATES = frozenset(["ul", "ol", "nav", "p", "dl"])
_PATIENCE = 200_000
_MOST_OTHER_WORDS = 12  # the title of a labelled table of contents
_TELLING = frozenset(["hidden", "aria-hidden", "class", "style"])
_STYLES = {
    "display": {"none": UNSEEN} | dict.fromkeys(
        ["block", "flex", "grid", "list-item", "table", "table-row", "table-caption", "flow-root", "block-flow"], LINE
    ),
    "visibility": {"hidden": UNSEEN, "collapse": UNSEEN},
    "white-space": dict.fromkeys(["pre", "pre-wrap", "pre-line", "break-spaces"], KEPT_LINES),
    "opacity": dict.fromkeys(["0", "0.0", "0%"], UNSEEN),
    "font-size": dict.fromkeys(["0", "0px", "0pt", "0em", "0rem", "0%"], UNSEEN),
    "clip": dict.fromkeys(["rect(0000)", "rect(1px1px1px1px)", "rect(0px0px0px0px)"], UNSEEN),
    "clip-path": dict.fromkeys(["inset(50%)", "inset(100%)"], UNSEEN),
}  # fmt: skip
_FAR_AWAY = re.compile(r"(?:left|top|right|text-indent|margin-left)\s*:\s*-\d{4,}(?:\.\d+)?(?:px|em|rem)")
_LONGEST_CACHED = 200  # characters of an attribute
_WORD = re.compile(r"[^\W\d_]+")
_MARKER = re.compile(r"[\s\[(]*(?:\d{1,3}|[*†‡§¶#^↩↑⏎⤴←\ufe0e\ufe0f]{1,3}|[a-z])?[\s\])]*")


def look_of(attributes: dict[str, str | None]) -> int:
    """Return what the attributes of an element say about how it looks: UNSEEN, LINE, CAPTION, KEPT_LINES, or 0.

    Unseen: `hidden`, `aria-hidden=true` (an icon, an anchor sign, the second copy of a formula), `display: none`
    and other styles that hide, the classes that themes keep for screen readers. So are embedded tweets and rows
    of share buttons, known by their class, as they stand without script.
    """
    if _TELLING.isdisjoint(attributes):
        return 0
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return UNSEEN
    look = 0
    if classes := attributes.get("class"):
        look = _look_of_classes(classes) if len(classes) < _LONGEST_CACHED else _look_of_classes.__wrapped__(classes)
    if style := attributes.get("style"):
        look |= _look_of_style(style) if len(style) < _LONGEST_CACHED else _look_of_style.__wrapped__(style)
    return look


@functools.lru_cache(1024)
def _look_of_classes(classes: str) -> int:
    words = classes.lower().split()
    if not _EMBEDS.isdisjoint(words) or not _HIDDEN_CLASSES.isdisjoint(words):
        return UNSEEN
    return 0 if _CAPTION_CLASSES.isdisjoint(words) else CAPTION


@functools.lru_cache(1024)
def _look_of_style(style: str) -> int:
    look, style = 0, style.lower()
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        if values := _STYLES.get(name.strip()):
            value = "".join(value.replace("!important", "").replace(",", " ").split())
            look |= values.get(value, 0)
    return look | UNSEEN if _FAR_AWAY.search(style) else look


def names_code(attributes: dict[str, str | None]) -> bool:
    """Whether the classes of an element say that it holds a program: `language-css`, `hljs`, `highlight`."""
    return _CODE_CLASS.search((attributes.get("class") or "")[:400]) is not None


def holds_code(node: "LexborNode", attributes: dict[str, str | None]) -> bool:
    """Whether a preformatted element, the element in it or one of the three around it names a program by its class."""
    if names_code(attributes):
        return True
    inner = next(iter(node.iter()), None)
    if inner is not None and names_code(inner.attributes):
        return True
    around = node.parent
    for _ in range(3):
        if around is None or around.tag in ("body", "-document"):
            break
        if names_code(around.attributes):
            return True
        around = around.parent
    return False


def marks_note(node: "LexborNode", attributes: dict[str, str | None]) -> bool:
    """Whether a superscript is the mark of a note: a link within the page, or a class or id that says so."""
    name = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower()
    if "footnote" in name or "fnref" in name or "reference" in name:
        return True
    return node.css_first("a[href^='#']") is not None


def names_verse(attributes: dict[str, str | None]) -> bool:
    """Whether the classes of an element say that it holds verse: `wp-block-verse`, `poem`."""
    return _VERSE_CLASS.search((attributes.get("class") or "")[:400]) is not None


def short_text(top: "LexborNode", most: int) -> str | None:
    """Return the text below `top`; None when it is longer than `most` characters or in many pieces."""
    parts: list[str] = []
    length, patience = 0, 60
    todo = [top.child]
    while todo:
        node = todo.pop()
        if node is None:
            continue
        patience -= 1
        todo.append(node.next)
        if node.tag == "-text":
            text = node.text_content or ""
            length += len(text)
            parts.append(text)
        else:
            todo.append(node.child)
        if length > most or patience < 0:
            return None
    return "".join(parts)


def verbatim(top: "LexborNode") -> str:
    """Return the text below `top` as it stands; a <br> is a line end."""
    parts: list[str] = []
    todo = [top.child]
    while todo:
        node = todo.pop()
        if node is None:
            continue
        todo.append(node.next)
        if node.tag == "-text":
            parts.append(node.text_content or "")
        elif node.tag == "br":
            parts.append("\n")
        elif node.tag not in DROPPED:
            todo.append(node.child)
    return "".join(parts)


def number_of(value: str | None, otherwise: int) -> int:
    """Read an attribute such as `start`; anything but a small number is `otherwise`."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else otherwise


def is_fragment(href: str) -> bool:
    """Whether a link stays on its own page; Publii's placeholders start with `#` too and do not."""
    href = href.strip()
    return href.startswith("#") and not href.startswith(("#INTERNAL_LINK#", "#DOMAIN_NAME#"))


def is_marker(text: str) -> bool:
    """Whether a link within the page reads only as a footnote's number, an arrow back or an anchor sign."""
    return len(text) <= 12 and _MARKER.fullmatch(text) is not None


def is_contents_title(text: str) -> bool:
    """Whether a heading says no more than "table of contents", in any of a dozen languages."""
    return text.strip(" :*\n").casefold() in _CONTENTS_TITLES


def may_hold_contents(source: str) -> bool:
    """Whether a post's source has a `#` that could begin a link within the page; most have none."""
    placeholders = source.count("#INTERNAL_LINK#") + source.count("#DOMAIN_NAME#")
    return source.count("#") > 2 * placeholders + source.count("&#")


class ContentsFinder:
    """Tells tables of contents from other elements; its `patience`, in nodes looked at, bounds the work a post."""

    def __init__(self) -> None:
        self.patience = _PATIENCE

    def is_contents(self, node: "LexborNode", tag: str, attributes: dict[str, str | None]) -> bool:
        """Whether the element is a table of contents: its links stay on the page, little else stands in it.

        An element that is named so (class or id) may have one link and a title; a bare list, paragraph or
        `nav` needs two links or more and no other text.
        """
        labelled = bool(attributes) and _is_labelled(attributes)
        if not labelled and (tag not in _CONTENTS_CANDIDATES or _begins_with_a_word(node)):
            return False
        links = self._count_links(node, _MOST_OTHER_WORDS if labelled else 0)
        return links >= (1 if labelled else 2)

    def _count_links(self, top: "LexborNode", words_allowed: int) -> int:
        """Count the links below `top`; 0 when one leaves the page, or when too much text is outside links."""
        links = words = 0
        todo = [child for child in [top.child] if child is not None]
        while todo:
            node = todo.pop()
            self.patience -= 1
            if self.patience < 0:
                return 0
            if (follower := node.next) is not None:
                todo.append(follower)
            if node.tag == "-text":
                text = node.text_content or ""
                self.patience -= len(text) // 100
                words += _count_words(text, words_allowed + 1)
                if words > words_allowed:
                    return 0
            elif node.tag == "a" and (href := node.attributes.get("href")):
                if not is_fragment(href):
                    return 0
                label = short_text(node, 12)
                links += label is None or not is_marker(label)
            elif node.child is not None:
                todo.append(node.child)
        return links


def _begins_with_a_word(node: "LexborNode") -> bool:
    """Whether an element begins with text of its own, as nearly all paragraphs do."""
    child = node.child
    return child is not None and child.tag == "-text" and _WORD.search((child.text_content or "")[:40]) is not None


def _count_words(text: str, most: int) -> int:
    """Count words, but not further than `most`."""
    return sum(1 for _ in itertools.islice(_WORD.finditer(text), most))


def _is_labelled(attributes: dict[str, str | None]) -> bool:
    for name in ("class", "id"):
        value = attributes.get(name)
        if value and not _CONTENTS_NAMES.isdisjoint(value.lower().split()):
            return True
    return attributes.get("role") == "doc-toc"


def without_bullet(text: str) -> str:
    """Drop a bullet that the writer typed into a list item."""
    if text[0] in "•●▪◦‣·∙" or text[:2] in ("- ", "– ", "— ", "* "):
        return text[1:].lstrip() or text
    return text
