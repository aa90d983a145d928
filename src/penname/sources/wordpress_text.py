"""The text of a WordPress post as HTML in which every paragraph has its tags.

    body_of("One.\\n\\nTwo.")              # "One.<p></p>Two."

In: what stands in `content:encoded`. Out: HTML. Classic text has no tags for paragraphs: a blank line ends one, a line
break is a line break. Text in Gutenberg's blocks has its tags, and both stand in one file, or in one post. Captions
become captions of figures, galleries, players and embeds go, shortcodes of code become code; other shortcodes are the
cleaner's business.
"""

import re
from collections.abc import Callable, Iterator

_BLOCK = re.compile(r"<!--\s{0,20}(/?)wp:([a-z][a-z0-9/-]{0,60})")
_CLASSIC = ("freeform", "core/freeform")
_KEPT = re.compile(
    r"<(pre|script|style|textarea|svg|iframe|object)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE
)
_TAG = re.compile(r"(</?[A-Za-z!][^<>]*>)")
_BREAKING = re.compile(
    r"</?(?:address|article|aside|blockquote|br|caption|center|col|colgroup|dd|details|div|dl|dt|fieldset|figcaption"
    r"|figure|footer|form|h[1-6]|header|hr|li|main|menu|nav|ol|p|pre|section|summary|table|tbody|td|tfoot|th|thead|tr"
    r"|ul)\b",
    re.IGNORECASE,
)
_BREAK = re.compile(r"(?:\r\n?|\n)(?:[ \t]*(?:\r\n?|\n))*[ \t]*")
_ONE_BREAK = ("\n", "\r\n", "\r")
_CAPTION_TEXT = re.compile(r"""caption\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PICTURE = re.compile(r"\s*((?:<a\b[^>]*>\s*)?<img\b[^>]*>(?:\s*</a>)?)", re.IGNORECASE)
_MEDIA = re.compile(r"\[(?:embed|audio|video|playlist|gallery)\b[^\[\]]{0,2000}\]")
_ADDRESS = re.compile(r"(?m)^[ \t]*https?://[^\s<>\"']+[ \t]*\r?$")
"""An address alone on a line, which WordPress makes a player of."""


def body_of(content: str) -> str:
    """The HTML of a post for what an export holds of it."""
    if "[/" in content:
        for name in ("sourcecode", "source", "code"):
            content = _replaced(content, name, lambda _, inner: f"<pre><code>{inner}</code></pre>")
        for name in ("caption", "wp_caption"):
            content = _replaced(content, name, _figure)
        for name in ("embed", "audio", "video", "playlist"):
            content = _replaced(content, name, lambda _, inner: "")
    content = _MEDIA.sub("", content) if "[" in content else content
    if "<!--" not in content:
        return _with_paragraphs(content)
    return "".join(_with_paragraphs(part) if classic else part for classic, part in _parts(content))


def _replaced(text: str, name: str, work: Callable[[str, str], str]) -> str:
    """Replace each `[name about]inner[/name]` by what `work` makes of `about` and `inner`."""
    *parts, last = text.split(f"[/{name}]")
    done = []
    for part in parts:
        start = part.rfind(f"[{name}")
        end = part.find("]", start) if start >= 0 else -1
        done.append(part if end < 0 else part[:start] + work(part[start + len(name) + 1 : end], part[end + 1 :]))
    return "".join([*done, last])


def _parts(content: str) -> Iterator[tuple[bool, str]]:
    """The text cut at its blocks; what stands outside of all, or in a block of classic text, is classic."""
    at, open_blocks = 0, list[str]()
    for found in _BLOCK.finditer(content):
        end = content.find("-->", found.end())
        if end < 0:
            break
        if found.start() < at:
            continue
        yield not open_blocks or open_blocks[-1] in _CLASSIC, content[at : found.start()]
        at = end + len("-->")
        if found[1] and found[2] in open_blocks:
            del open_blocks[len(open_blocks) - 1 - open_blocks[::-1].index(found[2]) :]
        elif not found[1] and content[end - 1] != "/":
            open_blocks.append(found[2])
    yield not open_blocks, content[at:]


def _with_paragraphs(text: str) -> str:
    """Classic text with its breaks as tags; code, scripts and comments stay as they are."""
    if not text or text.isspace():
        return text
    text = _ADDRESS.sub("", text) if "http" in text else text
    parts: list[str] = []
    at = 0
    for found in _KEPT.finditer(text):
        parts += [_breaks(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, _breaks(text[at:])])


def _breaks(text: str) -> str:
    """Line breaks as `<br>`, blank lines as the end of a paragraph, where no tag breaks the line anyway."""
    if "\n" not in text and "\r" not in text:
        return text
    parts = _TAG.split(text)  # text, tag, text, tag ... text
    for place in range(0, len(parts), 2):
        if "\n" in parts[place] or "\r" in parts[place]:
            before = place > 0 and _BREAKING.match(parts[place - 1]) is not None
            behind = place + 1 < len(parts) and _BREAKING.match(parts[place + 1]) is not None
            parts[place] = _broken(parts[place], before, behind)
    return "".join(parts)


def _broken(text: str, before: bool, behind: bool) -> str:
    """A text between two tags, with its breaks; `before` and `behind` say whether these break the line."""
    first, last = len(text) - len(text.lstrip()), len(text.rstrip())

    def as_tag(found: re.Match[str]) -> str:
        if (before and found.start() < first) or (behind and found.end() > last):
            return "\n"
        return "<br>\n" if found[0].rstrip(" \t") in _ONE_BREAK else "<p></p>"

    return _BREAK.sub(as_tag, text)


def _figure(about: str, inner: str) -> str:
    """A captioned picture: the caption stands behind the picture, or among the attributes in old exports."""
    attribute = _CAPTION_TEXT.search(about)
    picture = _PICTURE.match(inner)
    behind = inner[picture.end() :] if picture else ("" if attribute else inner)
    caption = behind.strip() or (next(filter(None, attribute.groups()), "") if attribute else "")
    return f"<figure>{picture[1] if picture else ''}<figcaption>{caption}</figcaption></figure>"
