"""Which elements of a post's HTML are not its text: scripts and controls, hidden ones, tables of contents.

    if is_unseen(node.attributes): ...
    if ContentsFinder().is_contents(node, node.tag, node.attributes): ...

All functions look at parsed nodes (selectolax's Lexbor tree), never at markup.
"""

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
_CONTENTS_CANDIDATES = frozenset(["ul", "ol", "nav", "p", "dl"])
_PATIENCE = 200_000
_MOST_OTHER_WORDS = 12  # the title of a labelled table of contents
_TELLING = frozenset(["hidden", "aria-hidden", "class", "style"])
_HIDING = {("display", "none"), ("visibility", "hidden"), ("visibility", "collapse")}
_WORD = re.compile(r"[^\W\d_]+")
_MARKER = re.compile(r"[\s\[(]*(?:\d{1,3}|[*†‡§¶#^↩↑⏎⤴←\ufe0e\ufe0f]{1,3}|[a-z])?[\s\])]*")


def is_unseen(attributes: dict[str, str | None]) -> bool:
    """Whether a browser would hide the element, or it is an embedded tweet or a row of share buttons.

    Hidden: `hidden`, `aria-hidden=true` (an icon, an anchor sign, the second copy of a formula), `display:
    none`, `visibility: hidden`; a class alone hides nothing. Embeds are known by their class, as they stand
    without script.
    """
    if not attributes or _TELLING.isdisjoint(attributes):
        return False
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return True
    if (classes := attributes.get("class")) and not _EMBEDS.isdisjoint(classes.lower().split()):
        return True
    style = (attributes.get("style") or "").lower()
    return ("none" in style or "hidden" in style or "collapse" in style) and _is_hiding(style)


def _is_hiding(style: str) -> bool:
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        if (name.strip(), value.replace("!important", "").strip()) in _HIDING:
            return True
    return False


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
        if not labelled and tag not in _CONTENTS_CANDIDATES:
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
                words += _count_words(node.text_content or "", words_allowed + 1)
                if words > words_allowed:
                    return 0
            elif node.tag == "a" and (href := node.attributes.get("href")):
                if not is_fragment(href):
                    return 0
                links += not is_marker(node.text())
            elif node.child is not None:
                todo.append(node.child)
        return links


def _count_words(text: str, most: int) -> int:
    """Count words, but not further than `most`."""
    return sum(1 for _ in itertools.islice(_WORD.finditer(text), most))


def _is_labelled(attributes: dict[str, str | None]) -> bool:
    for name in ("class", "id"):
        value = attributes.get(name)
        if value and not _CONTENTS_NAMES.isdisjoint(value.lower().split()):
            return True
    return attributes.get("role") == "doc-toc"
