"""Markdown to pieces of text: rendered to HTML as Publii renders it, and walked as HTML.

    gathered = Gathered()
    gather_markdown("Hello, *world* -- and you.", gathered)   # Hello, world – and you.

The parser is CommonMark with GitHub's tables, task lists and strikethrough. What Publii does beyond it stands in
`markdown_source` and here: `--` and `---` are dashes, outside code and addresses. Quotes need nothing: they are
spelt straight afterwards.
"""

import functools
import re
from typing import TYPE_CHECKING

from penname.blog.html_text import gather_html
from penname.blog.markdown_source import prepare
from penname.blog.pieces import Gathered

if TYPE_CHECKING:
    from pyromark import Markdown

# What matters in rendered HTML: comments, code, other tags, bare addresses; between them dashes and footnote marks.
_TOKEN = re.compile(
    r"(?P<comment><!--)|<(?P<close>/?)(?P<code>code|pre|script|style|textarea)\b[^<>]*>|<[^<>]*>|https?://[^\s<]+"
    r"|(?P<dash>-{2,})|(?P<note> ?\[\^[^\s\[\]<>]{1,40}\])|(?<!~)~(?P<struck>[^\s~<][^~<]{0,400})(?<=\S)~(?!~)"
)

_TITLED = re.compile(r'<img src="[^"]*" alt="[^"]*" title="([^"]*)" />')


def gather_markdown(source: str, into: Gathered, *, code: bool = False) -> None:
    """Add the text of a Markdown post to `into`; raw HTML in it goes the way of HTML (`gather_html`)."""
    source, notes = prepare(source.encode("utf-8", "ignore").decode("utf-8"))
    page = _renderer().html(source)
    if ' title="' in page:  # Publii shows the title of a picture as its caption
        page = _TITLED.sub(r"<figure><img><figcaption>\1</figcaption></figure>", page)
    if notes or "--" in page or "~" in page:
        page = _typeset_around_html(page, source, notes)
    gather_html(page, into, code=code)


@functools.cache
def _renderer() -> "Markdown":
    from pyromark import Markdown, Options

    return Markdown(options=Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH | Options.ENABLE_TASKLISTS)


def _typeset_around_html(page: str, source: str, notes: frozenset[str]) -> str:
    """Typeset a page but for its blocks of raw HTML, which stand in it as they stand in the source."""
    parts: list[str] = []
    done, strikes = 0, "\\~" not in source
    for event in _renderer().events(source) if "<" in source else ():
        raw = event.get("Html") if isinstance(event, dict) else None
        if isinstance(raw, str) and (at := page.find(raw, done)) >= 0:
            parts += (typeset(page[done:at], notes, strikes=strikes), raw)
            done = at + len(raw)
    return "".join([*parts, typeset(page[done:], notes, strikes=strikes)])


def typeset(page: str, notes: frozenset[str], *, strikes: bool = False) -> str:
    """Set dashes and drop the marks of the footnotes `notes`, in rendered HTML where it is no code.

    With `strikes` the tildes of `H~2~O` go too: Publii strikes out within a word, the parser does not.
    """
    parts: list[str] = []
    done = at = depth = 0
    while token := _TOKEN.search(page, at):
        at = token.end()
        if token["comment"]:
            at = page.find("-->", at) + 3
            if at < 3:
                break
        elif token["code"]:
            depth = max(0, depth - 1) if token["close"] else depth + 1
        elif not depth and (sign := _typeset_sign(token, notes, strikes)) is not None:
            parts += (page[done : token.start()], sign)
            done = at
    return "".join([*parts, page[done:]])


def _typeset_sign(token: re.Match[str], notes: frozenset[str], strikes: bool) -> str | None:
    """Return what a token is replaced by; None where it stays."""
    if dash := token["dash"]:
        return dash.replace("---", "—").replace("--", "–")
    if note := token["note"]:
        return "" if note.strip(" [^]") in notes else None
    return token["struck"] if strikes else None
