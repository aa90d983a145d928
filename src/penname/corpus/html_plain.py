"""The plain beginning of a post's HTML, without a parser: paragraphs, headings and lists as editors write them.

    done = gather_plain_blocks('<p class="a">Hello, <b>you</b>.</p><table>...', gathered)   # 36: the table is left

In: HTML. Out: how many characters of it were read; their text is in `into`, exactly as the walk over the parser's tree
(`html_text`) would put it there. It stops at the first thing that is not plain: an element within an element within a
paragraph, an attribute that may change how something looks, a line break, a table. What is read is closed, so that the
rest may be parsed by itself. Every pattern is possessive, so the time is linear.
"""

import functools
import re

from penname.corpus.html_elements import look_of
from penname.corpus.html_guard import unescape
from penname.corpus.pieces import Gathered, fold

_ATTRIBUTES = r'(?: [a-z-]++="[^"<>&]*+")*+'
_LINE = rf"[^<\0]*+(?:<(?P<inline>strong|em|b|i|u|span|a){_ATTRIBUTES}>[^<\0]*+</(?P=inline)>[^<\0]*+)*+"
_PARAGRAPH = re.compile(rf"\s*+<(?P<tag>p|h[1-6])(?P<attributes>{_ATTRIBUTES})>(?P<line>{_LINE})</(?P=tag)>")
_ITEM = re.compile(rf"\s*+<li>(?P<line>{_LINE})</li>")
_LIST = re.compile(r"\s*+<(?P<tag>ul|ol)>")
_PICTURE = re.compile(r'\s*+<p>\s*+<img(?: (?:src|alt|width|height|title)="[^"<>&]*+")*+ ?/?>\s*+</p>')
_RULE = re.compile(r'\s*+<hr(?: (?:id|class)="[^"<>&]*+")?+ ?/?>')
_INLINE = re.compile(rf"<(strong|em|b|i|u|span|a)({_ATTRIBUTES})>")
_TAG = re.compile(r"<[^<>]*+>")
_ATTRIBUTE = re.compile(r' ([a-z-]++)="([^"]*+)"')
_HARMLESS = frozenset(["class", "style", "id", "href", "title", "target", "rel", "lang", "dir", "name", "align"])
_BULLETS = "•●▪◦‣·∙-–—*"
_LONGEST_CACHED = 200  # characters of attributes


def gather_plain_blocks(source: str, into: Gathered) -> int:
    """Add the plain blocks with which `source` begins; return where the first one begins that is not plain."""
    done = 0
    while True:
        if match := _PARAGRAPH.match(source, done):
            if not _is_harmless(match["attributes"]) or not _add(
                "text" if match["tag"] == "p" else "heading", match, into
            ):
                return done
            done = match.end()
        elif match := _PICTURE.match(source, done):
            into.images += 1
            done = match.end()
        elif match := _RULE.match(source, done):
            done = match.end()
        elif (match := _LIST.match(source, done)) and (end := _add_list(source, match, into)):
            done = end
        else:
            return done


def _add(kind: str, match: re.Match[str], into: Gathered) -> bool:
    """Add a line that holds words in bold and links at most; False when an attribute in it may mean something."""
    found = _text_of(match["line"])
    if found is None:
        return False
    into.links += found[1]
    into.add(kind, found[0])
    return True


def _add_list(source: str, start: re.Match[str], into: Gathered) -> int:
    """Add a list of plain items; return where it ends, or 0 when it is not plain."""
    done, items, links = start.end(), [], 0
    while match := _ITEM.match(source, done):
        found = _text_of(match["line"])
        if found is None or found[0][:1] in _BULLETS:  # a bullet that was typed, or no text
            return 0
        items.append(found[0])
        links += found[1]
        done = match.end()
    end = source.find("<", done)
    if end < 0 or not source.startswith(f"</{start['tag']}>", end) or source[done:end].strip():
        return 0
    into.links += links
    run = into.new_run()
    for number, text in enumerate(items, 1):
        into.add("item", f"{number}. {text}" if start["tag"] == "ol" else f"- {text}", run)
    return end + 5


def _text_of(line: str) -> tuple[str, int] | None:
    """Return the text of a line and the number of its links; None when an attribute in it may mean something."""
    links = 0
    if "<" in line:
        for name, attributes in _INLINE.findall(line):
            if attributes and not _is_harmless(attributes):
                return None
            links += name == "a" and _is_link(attributes)
        line = _TAG.sub("", line)
    if "&" in line:
        line = unescape(line)
    return fold(line), links


def _is_link(attributes: str) -> bool:
    href = dict(_ATTRIBUTE.findall(attributes)).get("href", "").strip()
    return bool(href) and not href[:11].lower().startswith("javascript:")


def _is_harmless(attributes: str) -> bool:
    if not attributes:
        return True
    return _looks_plain(attributes) if len(attributes) < _LONGEST_CACHED else _looks_plain.__wrapped__(attributes)


@functools.lru_cache(maxsize=512)
def _looks_plain(attributes: str) -> bool:
    """Whether attributes, each of them known and given once, change nothing of what is read."""
    found = _ATTRIBUTE.findall(attributes)
    named = dict(found)
    return len(named) == len(found) and _HARMLESS.issuperset(named) and look_of(named) == 0
