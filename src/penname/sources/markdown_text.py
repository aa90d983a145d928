"""The text of a Markdown file without what site generators add to Markdown.

    plain_markdown("Hello {{< sparkle >}}world{{< /sparkle >}}.")         # "Hello world."

In: Markdown of Hugo, Jekyll, Zola, Eleventy, Astro (MDX) or Obsidian. Out: Markdown as the cleaner reads it.
Shortcodes, Liquid and components go and the text between their tags stays; code between them becomes code; comments go;
links between notes become their text; footnotes lose their marks. Code is left alone.
"""

import re
from collections.abc import Callable

_CODE = re.compile(
    r"^[ ]{0,3}(`{3,}(?!`)|~{3,}(?!~))[^\n]*\n(?:.*?^[ ]{0,3}\1[`~]*[ \t]*$|.*\Z)"
    r"|(?<!`)``(?!`)[^`\n]+(?:`[^`\n]+)*``(?!`)|(?<!`)`[^`\n]+`",
    re.MULTILINE | re.DOTALL,
)
_BEGIN_CODE = re.compile(r"\{\{[<%]\s*highlight\b[^}\n]{0,200}[%>]\}\}|\{%-?\s*highlight\b[^}\n]{0,200}%\}")
_END_CODE = re.compile(r"\{\{[<%]\s*/\s*highlight\s*[%>]\}\}|\{%-?\s*endhighlight\s*-?%\}")
_BEGIN_COMMENT = re.compile(r"\{%-?\s*comment\s*-?%\}|\{#")
_END_COMMENT = re.compile(r"\{%-?\s*endcomment\s*-?%\}|#\}")
_TAGS = re.compile(
    r"\{\{[<%](?:[^{}\n]|\{(?!\{)|\}(?!\})|\n(?!\n)){0,2000}?[%>]\}\}"
    r"|\{%(?:[^%{]|%(?!\})|\{(?!%)){0,2000}?%\}|\{\{[^{}]{0,500}\}\}"
)
_ATTRIBUTES = re.compile(r"[ \t]?\{[:#.][^{}\n]{0,200}\}")
_EMBED = re.compile(r"!\[\[[^\[\]\n]{1,300}\]\]")
_LINK = re.compile(r"\[\[([^\[\]|\n]{1,300})(?:\|([^\[\]\n]{1,300}))?\]\]")
_HIDDEN = re.compile(r"%%.*?%%", re.DOTALL)
_MARKED = re.compile(r"==(?=\S)([^=\n]{1,500})==")
_CALLOUT = re.compile(r"^((?:>[ \t]*)+)\[![A-Za-z-]{1,30}\][+-]?[ \t]*", re.MULTILINE)
_FENCE = re.compile(r"^:::[^\n]*$", re.MULTILINE)
_NOTE = re.compile(r"^\[\^[^\]\n]{1,60}\]:[ \t]*", re.MULTILINE)
_NOTE_MARK = re.compile(r"\[\^[^\]\n]{1,60}\]")
_BLOCK_ID = re.compile(r"[ \t]\^[A-Za-z0-9-]{1,40}$", re.MULTILINE)
_MODULE = re.compile(r"^(?:import|export)\b[^\n]*(?:\n(?![ \t]*\n)[^\n]*)*\n?", re.MULTILINE)
_BRACES = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"
_COMPONENT = re.compile(rf"""</?[A-Z][\w.]*(?:[^<>{{}}"']|"[^"]*"|'[^']*'|{_BRACES})*>|</?>""")
_EXPRESSION = re.compile(_BRACES)
_LONGEST = 4_000_000  # characters


def plain_markdown(text: str, mdx: bool = False) -> str:
    """The Markdown of a post without the additions of site generators."""
    if len(text) > _LONGEST:
        return text
    has_braces = "{" in text
    if has_braces:
        text = _between(text, _BEGIN_CODE, _END_CODE, lambda code: f"\n```\n{code.strip()}\n```\n")
        text = _between(text, _BEGIN_COMMENT, _END_COMMENT, lambda _: "")
    if mdx:
        text = _outside_code(text, _without_components)
    if has_braces or "[[" in text or "[^" in text or "[!" in text or "==" in text or _has_rarer_signs(text):
        text = _outside_code(text, _without_additions)
    return text


def _has_rarer_signs(text: str) -> bool:
    return "%%" in text or ":::" in text or " ^" in text


def _between(text: str, begin: re.Pattern[str], end: re.Pattern[str], work: Callable[[str], str]) -> str:
    """Replace what stands between two marks, and the marks, by what `work` makes of it."""
    parts: list[str] = []
    at = 0
    for closing in end.finditer(text):
        part = text[at : closing.start()]
        opening = next(iter(list(begin.finditer(part))[-1:]), None)
        parts.append(part if opening is None else part[: opening.start()] + work(part[opening.end() :]))
        at = closing.end()
    return "".join([*parts, text[at:]])


def _outside_code(text: str, work: Callable[[str], str]) -> str:
    """Apply `work` to what is no code."""
    parts: list[str] = []
    at = 0
    for found in _CODE.finditer(text):
        parts += [work(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, work(text[at:])])


def _without_additions(text: str) -> str:
    if "{" in text:
        text = _ATTRIBUTES.sub("", _TAGS.sub("", text))
    if "[" in text:
        text = _LINK.sub(_name_of, _EMBED.sub("", text))
        text = _NOTE_MARK.sub("", _NOTE.sub("", _CALLOUT.sub(r"\1", text)))
    if "%%" in text:
        text = _HIDDEN.sub("", text)
    return _BLOCK_ID.sub("", _MARKED.sub(r"\1", _FENCE.sub("", text)))


def _name_of(found: re.Match[str]) -> str:
    """What a link between notes shows: its own text, or the name of the note."""
    shown: str = found[2] or found[1].rpartition("/")[2].replace("#", " > ").strip(" >")
    return shown


def _without_components(text: str) -> str:
    text = _MODULE.sub("", text) if "import" in text or "export" in text else text
    text = _COMPONENT.sub("", text) if "<" in text else text
    return _EXPRESSION.sub("", text) if "{" in text else text
