"""Markdown to pieces of text: CommonMark with tables and strikethrough, rendered to HTML and walked as HTML.

    gathered = Gathered()
    gather_markdown("Hello, *world*.", gathered)

Three things go beyond CommonMark, as Publii's own editor does: an image or link may carry a size
(`![alt](photo.jpg =994x960)`), `[^1]` is a footnote marker, and `---READMORE---` cuts the excerpt.
"""

import functools
import re
from typing import TYPE_CHECKING

from penname.blog.html_text import gather_html
from penname.blog.pieces import Gathered

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.rules_core import StateCore
    from markdown_it.rules_inline import StateInline

_SPECIAL = re.compile(r"[\\`~*_\[<&]|  \n")  # whatever begins an inline rule of CommonMark with strikethrough
_READ_MORE = "---READMORE---"
_DEEPEST = 60  # quotes and lists within one another; each level costs the parser a few frames of the stack
_LONGEST_FRONT_MATTER = 60  # lines


def gather_markdown(source: str, into: Gathered, *, code: bool = False) -> None:
    """Add the text of a Markdown post to `into`; raw HTML in it goes the way of HTML (`gather_html`)."""
    source = _without_front_matter(source).replace(_READ_MORE, "\n\n")
    gather_html(_renderer().render(source), into, code=code)


@functools.cache
def _renderer() -> "MarkdownIt":
    """Return the parser; building it takes milliseconds, so it is built once."""
    from markdown_it import MarkdownIt

    markdown = MarkdownIt("commonmark", {"html": True, "maxNesting": _DEEPEST})
    markdown.enable(["table", "strikethrough"])
    markdown.validateLink = _any_link  # type: ignore[method-assign]
    markdown.normalizeLink = _same_link  # type: ignore[method-assign]
    markdown.core.ruler.at("inline", _inline)
    markdown.block.ruler.at("reference", _reference)
    markdown.inline.ruler.before("link", "sized_link", _sized_link)
    markdown.inline.ruler.before("link", "footnote_marker", _footnote_marker)
    return markdown


def _inline(state: "StateCore") -> None:
    """Read the text of each block; a block without a special character is one token, which saves time."""
    from markdown_it.token import Token

    for token in state.tokens:
        if token.type == "inline":
            if _SPECIAL.search(token.content) is None:
                token.children = [Token("text", "", 0, content=token.content)]
            else:
                token.children = []
                state.md.inline.parse(token.content, state.md, state.env, token.children)


def _reference(state: "StateBlock", start: int, end: int, silent: bool) -> bool:
    """Read `[name]: address`, but leave `[^1]: Ibid.` to be a paragraph: it is a footnote and not an address."""
    from markdown_it.rules_block import reference

    first = state.bMarks[start] + state.tShift[start]
    return not state.src.startswith("[^", first) and reference(state, start, end, silent)


def _any_link(url: str) -> bool:
    """Accept every address: links are only counted, and a refused one would be left as markup."""
    return True


def _same_link(url: str) -> str:
    """Leave an address as it is: no one will follow it."""
    return url


def _sized_link(state: "StateInline", silent: bool) -> bool:
    """Read `![alt](address =WIDTHxHEIGHT "title")` and the same without `!`; the size is thrown away."""
    is_image = state.src.startswith("![", state.pos)
    if not is_image and not state.src.startswith("[", state.pos):
        return False
    if " =" not in state.src:
        return False
    label = state.pos + (2 if is_image else 1)
    label_end = state.md.helpers.parseLinkLabel(state, label - 1, not is_image)
    end = _end_of_sized_address(state, label_end + 1) if label_end >= 0 else -1
    if end < 0:
        return False
    if not silent:
        if is_image:
            state.push("image", "img", 0).children = []
        else:
            _push_link(state, label, label_end)
    state.pos = end
    return True


def _push_link(state: "StateInline", start: int, end: int) -> None:
    """Emit a link around the tokens of its label."""
    longest = state.posMax
    state.push("link_open", "a", 1).attrs = {"href": "sized"}
    state.pos, state.posMax = start, end
    state.md.inline.tokenize(state)
    state.posMax = longest
    state.push("link_close", "a", -1)


def _end_of_sized_address(state: "StateInline", pos: int) -> int:
    """Return the position after `(address =WxH "title")` that starts at `pos`, or -1."""
    text, stop = state.src, state.posMax
    if text[pos : pos + 1] != "(":
        return -1
    address = state.md.helpers.parseLinkDestination(text, _skip_spaces(text, pos + 1, stop), stop)
    if not address.ok:
        return -1
    pos = _skip_spaces(text, address.pos, stop)
    size_end = pos
    while size_end < stop and text[size_end] not in " \n)":
        size_end += 1
    if not _is_size(text[pos:size_end]):
        return -1
    pos = _skip_spaces(text, size_end, stop)
    if text[pos : pos + 1] in ('"', "'"):
        title = state.md.helpers.parseLinkTitle(text, pos, stop)
        if title.ok:
            pos = _skip_spaces(text, title.pos, stop)
    return pos + 1 if text[pos : pos + 1] == ")" and pos < stop else -1


def _is_size(text: str) -> bool:
    """Whether `text` is `=994x960`, `=50%x`, `=x300`."""
    width, times, height = text[1:].partition("x")
    return text[:1] == "=" and bool(times) and (width + height).replace("%", "").isalnum()


def _skip_spaces(text: str, pos: int, stop: int) -> int:
    while pos < stop and text[pos] in " \t\n":
        pos += 1
    return pos


def _footnote_marker(state: "StateInline", silent: bool) -> bool:
    """Swallow `[^name]`, and the colon after it where it starts a note."""
    text, start = state.src, state.pos
    if not text.startswith("[^", start):
        return False
    end = text.find("]", start + 2, min(state.posMax, start + 40))
    if end <= start + 2 or any(sign.isspace() or sign == "[" for sign in text[start + 2 : end]):
        return False
    state.pos = end + 1
    if start == 0 and text[end + 1 : end + 2] == ":":
        state.pos += 1
    return True


def _without_front_matter(source: str) -> str:
    """Drop a block of `key: value` lines between two `---` lines at the very start."""
    if not source.lstrip("\ufeff").startswith("---"):
        return source
    lines = source.lstrip("\ufeff").splitlines()
    for number, line in enumerate(lines[1:_LONGEST_FRONT_MATTER], start=1):
        if line.strip() in ("---", "..."):
            return "\n".join(lines[number + 1 :]) if number > 1 else source
        key, colon, _ = line.partition(":")
        is_field = bool(colon) and key.replace("_", "").replace("-", "").strip().isalnum()
        if line.strip() and not is_field and line[:1] not in (" ", "\t", "-", "#"):
            return source
    return source
