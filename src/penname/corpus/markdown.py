"""What Publii's Markdown has beyond CommonMark, brought into a form that a CommonMark parser reads.

    source, notes = prepare("One[^1] ![](a.jpg =640x480)\\n\\n[^1]: Ibid.")
    # 'One[^1] ![](a.jpg)\\n\\n\\nIbid.', frozenset({'1'})

In: the source of a post. Out: the source without front matter, sizes of pictures and Publii's read-more mark,
with footnotes as paragraphs of their own and no line that opens more than a few dozen quotes and lists; and the
names of its footnotes. Every step is linear in the length of the source.

Markdown to pieces of text: rendered to HTML as Publii renders it, and walked as HTML.

    gathered = Gathered()
    gather_markdown("Hello, *world* -- and you.", gathered)   # Hello, world – and you.

The parser is CommonMark with GitHub's tables, task lists and strikethrough. What Publii does beyond it stands in
`markdown_source` and here: `--` and `---` are dashes, outside code and addresses. Quotes need nothing: they are
spelt straight afterwards.
"""

import functools
import re

from pyromark import Markdown, Options

from penname.corpus.html import gather_html
from penname.corpus.pieces import Gathered

_READ_MORE = re.compile("---READMORE---", re.IGNORECASE)
# The size in `![alt](address =WxH "title")`: Publii has taught its parser to read it, others stumble over it.
_SIZED = re.compile(
    r"(\]\([ \t]*(?:<[^<>\n]*>|[^\s()<>]*(?:\([^\s()]*\)[^\s()<>]*){0,3}))[ \t]+=[\w%]*x[\w%]*"
    r"(?=[ \t]*\)|[ \t]+[\"'(])"
)
# A line may open this many quotes and lists within one another; one with more is no one's prose, and each level
# that it opens costs dozens of bytes of HTML.
_MOST_LEVELS = 60
_TOO_DEEP = re.compile(
    rf"^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{{1,9}}[.)](?=[ \t]))){{{_MOST_LEVELS},}}+[ \t]*", re.MULTILINE
)
_NOTE = re.compile(r"^ {0,3}\[\^([^\s\[\]]{1,40})\]:[ \t]*", re.MULTILINE)
_FENCE = re.compile(r" {0,3}(`{3,}(?!.*`)|~{3,})")
_INDENT = re.compile(r" {0,3}\t| {4}")
_LONGEST_FRONT_MATTER = 60  # lines


def prepare(source: str) -> tuple[str, frozenset[str]]:
    """Return the source as CommonMark, and the names of the footnotes that it defines."""
    source = _without_front_matter(source)
    if "---" in source:
        source = _READ_MORE.sub("\n\n", source)
    if " =" in source or "\t=" in source:
        source = _SIZED.sub(r"\1", source)
    source = _TOO_DEEP.sub("", source)
    return _open_notes(source) if "[^" in source and _NOTE.search(source) else (source, frozenset())


def _open_notes(source: str) -> tuple[str, frozenset[str]]:
    """Make `[^1]: text` a paragraph, and the indented lines that go on with it paragraphs and not code."""
    lines: list[str] = []
    names: set[str] = set()
    fence = ""
    inside = after_blank = False
    for line in source.splitlines():
        if inside and (indent := _INDENT.match(line)):
            line = line[indent.end() :]
        elif inside and after_blank and line.strip():
            inside = False
        opening = _FENCE.match(line)
        if not fence and (note := _NOTE.match(line)):
            names.add(note[1])
            lines.append("")
            line, inside = line[note.end() :], True
        elif opening and (not fence or (opening[1].startswith(fence) and not line.strip(" `~"))):
            fence = "" if fence else opening[1]
        after_blank = not line.strip()
        lines.append(line)
    return "\n".join(lines), frozenset(names)


def _without_front_matter(source: str) -> str:
    """Drop a block of `key: value` lines between two `---` lines at the very start."""
    if not source[:9].lstrip("\ufeff").startswith("---"):
        return source
    head = source.lstrip("\ufeff").split("\n", _LONGEST_FRONT_MATTER)
    for number, line in enumerate(head[1:_LONGEST_FRONT_MATTER], start=1):
        if line.strip() in ("---", "..."):
            return "\n".join(head[number + 1 :]) if number > 1 else source
        key, colon, _ = line.partition(":")
        is_field = bool(colon) and key.replace("_", "").replace("-", "").strip().isalnum()
        if line.strip() and not is_field and line[:1] not in (" ", "\t", "-", "#"):
            return source
    return source


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
