"""What Publii's Markdown has beyond CommonMark, brought into a form that a CommonMark parser reads.

    source, notes = prepare("One[^1] ![](a.jpg =640x480)\\n\\n[^1]: Ibid.")
    # 'One[^1] ![](a.jpg)\\n\\n\\nIbid.', frozenset({'1'})

In: the source of a post. Out: the source without front matter, sizes of pictures and Publii's read-more mark,
with footnotes as paragraphs of their own and no line that opens more than a few dozen quotes and lists; and the
names of its footnotes. Every step is linear in the length of the source.
"""

import re

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
    rf"^(?:[ \t]*(?:>|[-+*](?=[ \t])|\d{{1,9}}[.)](?=[ \t]))){{{_MOST_LEVELS},}}[ \t]*", re.MULTILINE
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
