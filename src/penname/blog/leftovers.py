"""Leftovers in plain text: placeholders, shortcodes, template tags, data addresses, markup pasted as text.

    strip_leftovers('See [gallery ids="1,2"] the <video> tag')  ->  'See the video tag'

In: one paragraph after parsing (`html_text`), normalised. Out: the same without what no reader was meant to
read; it may be empty. `a < b`, `<3`, `[sic]` and `[1]` stay. Every pattern runs in linear time on any text.
"""

import html
import re

from penname.blog.unicode_text import normalise

# Publii's placeholders, with what they were part of: an address, a Markdown link that no parser took.
_PLACEHOLDER_LINK = re.compile(r"(!?)\[([^\[\]\n]{0,400})\]\(\s{0,9}#(?:DOMAIN_NAME|INTERNAL_LINK)#[^()\n]{0,800}\)?")
_PLACEHOLDER = re.compile(r"#(?:DOMAIN_NAME|INTERNAL_LINK)#[^\s\"'<>()\[\]]*", re.IGNORECASE)
_SIZE = re.compile(r"(?<!\S)=(?:\d{2,5}(?:px|%)?x(?:\d{2,5}(?:px|%)?)?|x\d{2,5}(?:px|%)?)(?:\)|(?!\S))")
_MARKDOWN_IMAGE = re.compile(r"!\[[^\[\]\n]{0,400}\]\([^()\n]{0,800}\)")
_MARKDOWN_LINK = re.compile(
    r"\[([^\[\]\n]{0,400})\]\((?:https?://|/|\.\.?/|mailto:)[^()\s]{0,800}(?:\s[^()\n]{0,99})?\)"
)
_FOOTNOTE = re.compile(r"\[\^[^\s\[\]]{1,40}\]:?")
_TASK_BOX = re.compile(r"^((?:-|\d{1,5}\.) )?\[[ xX]?\] ", re.MULTILINE)

# WordPress shortcodes: a name with attributes, a closing one, or one of the names that stand alone.
_CAPTION = re.compile(
    r"\[(caption|wp_caption|embed|video|audio|gallery|playlist)\b[^\[\]\n]{0,800}\][^\[\n]{0,800}\[/\1\]"
)
_SHORTCODE = re.compile(
    r"\[/?[a-zA-Z][\w-]{1,40}\s[^\[\]\n\"'=]{0,40}=[\"'][^\[\]\n]{0,800}\]"
    r"|\[/[a-zA-Z][\w-]{1,40}\]"
    r"|\[(?:gallery|caption|wp_caption|embed|audio|video|playlist|toc|more|nextpage|youtube|vimeo"
    r"|contact-form(?:-7)?|(?:vc|et_pb|fusion|su|av|mk|wpforms|elementor)[-_][\w-]{1,40})(?:\s[^\[\]\n]{0,800})?\]"
)
# Hugo, Jekyll, Handlebars and the like.
_TEMPLATE = re.compile(r"\{\{[^{}\n]{0,400}\}\}|\{%[^{}\n]{0,400}%\}")

_DATA_ADDRESS = re.compile(r"data:(?:image|(?:video|audio|font|text|application)/[\w.+-]{1,60}[;,])\S*", re.IGNORECASE)
_BLOB = re.compile(r"(?<!\S)(?=[A-Za-z+/]*[0-9])[A-Za-z0-9+/]{200,}={0,2}(?!\S)")
_BLOCK_JSON = re.compile(r'[\[{]\s*[\[{]?\s*"(?:id|type|content|config)"\s*:.*"publii-[a-z]+".*', re.DOTALL)

_ENTITY = re.compile(r"&(?:nbsp|amp|lt|gt|quot|apos|hellip|[mn]dash|[lr][sd]quo|#\d{2,6}|#[xX][0-9a-fA-F]{2,5});")

# Text that would be a tag, were it markup.
_TAG = re.compile(r"<(/?)([A-Za-z][^\s<>/]*)([^<>]*)>")
_OPENING = re.compile(r"<(?=/?[A-Za-z]|!--|![A-Za-z\[]|\?[A-Za-z])")
_BROKEN_TAG = re.compile(
    r"<[</]*(?=(?:script|style|iframe|object|embed|svg|div|span|img|table|tbody|thead|figure|video|audio|form|input"
    r"|button|section|article|template|noscript|textarea|html|head|body|meta|link)\b)",
    re.IGNORECASE,
)
_SWALLOWING = tuple(
    (re.compile(rf"<{name}\b", re.IGNORECASE), re.compile(rf"</{name}[^<>]*>", re.IGNORECASE))
    for name in ("script", "style", "iframe", "svg", "object", "noscript", "template", "textarea")
)
_NOT_SHOWN = (
    (re.compile("<!--"), re.compile("-->")),
    (re.compile(r"<\?php", re.IGNORECASE), re.compile(r"\?>")),
)
_LINE_TAGS = frozenset(["br", "hr", "img", "wbr"])

_TABLE_RULE = re.compile(r"\|?(?:\s{0,9}:?-{3,400}:?\s{0,9}\|){1,99}(?:\s{0,9}:?-{3,400}:?)?")

_MOST_PASSES = 5
_BLANK_LINES = re.compile("\n{3,}")
_SPACE_BEFORE_STOP = re.compile(r" ([.,])(?=\s|$)")
_RULER = re.compile(r"[-_=*~•·#]{5,}|(?=.*\|)(?=.*-)[|: -]+")
_SEPARATORS = frozenset("-–—―_=~.·•*|#+<>/\\:;,^`'\"()[]{} \n")
_ADDRESS_ONLY = re.compile(r"(?:[-–—•*] )?(?:https?://|www\.)\S+")


def strip_leftovers(text: str) -> str:
    """Return a paragraph without placeholders, shortcodes, template tags and pasted markup."""
    for _ in range(_MOST_PASSES):  # what one pass takes out may join the halves of another leftover
        shorter = _strip_once(text)
        if shorter == text:
            break
        text = _tidy(shorter)
    return text


def _strip_once(text: str) -> str:
    if "&" in text and _ENTITY.search(text):  # escaped twice
        text = normalise(_ENTITY.sub(lambda match: html.unescape(match[0]), text))
    if len(text) > 200 and has_long_word(text, 200):
        text = _BLOB.sub("", text)
    if "--" in text or "__" in text or "==" in text or "**" in text or "|" in text:
        text = _strip_rules(text)
    if "#" in text:
        text = _strip_placeholders(text)
    if "ata:" in text or "ATA:" in text:
        text = _DATA_ADDRESS.sub("", text)
    if '"publii-' in text:
        text = _BLOCK_JSON.sub("", text)
    if "[" in text:
        text = _strip_brackets(text)
    if "{" in text:
        text = _TEMPLATE.sub("", text)
    if "=" in text:
        text = _SIZE.sub("", text)
    if "<" in text and _OPENING.search(text):
        text = strip_tags(text)
    return text


def has_long_word(text: str, length: int) -> bool:
    """Whether `length` characters in a row hold no space, found by looking back from every so many characters."""
    start = 0
    while start + length <= len(text):
        space = text.rfind(" ", start, start + length)
        if space < 0:
            return True
        start = space + 1
    return False


def is_lonely(text: str) -> bool:
    """Whether a paragraph is only separators (`* * *`, `--`) or one bare address, an embed's leftover."""
    if text[:1].isalnum() and not text.startswith(("http", "www.")):
        return False
    return all(sign in _SEPARATORS for sign in text) or _ADDRESS_ONLY.fullmatch(text) is not None


def strip_tags(text: str) -> str:
    """Take tags out of plain text: pairs go and keep what they hold, a lone `<video>` becomes the word video.

    Scripts, styles and frames go with what they hold; `<https://x.org>` keeps its address; a tag that is
    never closed loses its bracket. Afterwards no `<` stands before a letter any more.
    """
    for start, end in _NOT_SHOWN:
        text = _cut(text, start, end)
    for start, end in _SWALLOWING if "</" in text else ():
        text = _cut(text, start, end)
    closed = {match[2].lower() for match in _TAG.finditer(text) if match[1]}
    text = _TAG.sub(lambda match: _untagged(match, closed), text)
    return _OPENING.sub("< ", _BROKEN_TAG.sub("", text))


def _untagged(match: re.Match[str], closed: set[str]) -> str:
    """What a tag in plain text is replaced by."""
    closing, name, rest = match[1], match[2], match[3].rstrip("/ ")
    if ":" in name or "@" in name:  # <https://example.org/x>, <someone@example.org>
        return f"{name}{match[3]}"
    if name.lower() in _LINE_TAGS:
        return " "
    if name.lower() in closed or "=" in rest:
        return "" if name.lower() != "p" and name.lower() != "li" else " "
    before = match.string[match.start() - 1 : match.start()] if match.start() else ""
    if before.isalnum() and not closing and not rest:  # List<String>
        return f"[{name}]"
    after = match.string[match.end() : match.end() + 1]
    return f"{' ' * before.isalnum()}{name}{rest}{' ' * (after.isalnum() or after == '<')}"


def _strip_rules(text: str) -> str:
    """Drop lines that only draw a rule, the rule of a Markdown table that no parser took, Publii's mark."""
    text = text.replace("---READMORE---", "\n\n")
    lines = [line for line in text.split("\n") if not _RULER.fullmatch(line)]
    text = "\n".join(lines)
    return _TABLE_RULE.sub(" ", text) if "|" in text else text


def _strip_placeholders(text: str) -> str:
    if "#DOMAIN_NAME#" in text or "#INTERNAL_LINK#" in text:
        text = _PLACEHOLDER_LINK.sub(lambda match: "" if match[1] else match[2], text)
    return _PLACEHOLDER.sub("", text)


def _strip_brackets(text: str) -> str:
    text = _MARKDOWN_LINK.sub(r"\1", _MARKDOWN_IMAGE.sub("", text))
    text = _SHORTCODE.sub("", _CAPTION.sub("", text))
    return _TASK_BOX.sub(lambda match: match[1] or "", _FOOTNOTE.sub("", text))


def _cut(text: str, start: re.Pattern[str], end: re.Pattern[str]) -> str:
    """Cut from each `start` to the `end` after it; a `start` without an `end` stays."""
    parts: list[str] = []
    done = 0
    while (first := start.search(text, done)) and (last := end.search(text, first.end())):
        parts.append(text[done : first.start()])
        done = last.end()
    return "".join([*parts, text[done:]]) if done else text


def _tidy(text: str) -> str:
    """Fold the spaces that a cut left behind, and the one before a full stop or comma."""
    lines = [_SPACE_BEFORE_STOP.sub(r"\1", " ".join(line.split())) for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
