"""Leftovers in plain text that no reader was meant to see: Publii's placeholders, data addresses, drawn rules.

    strip_leftovers("See #INTERNAL_LINK#/post/12 there")  ->  "See there"

In: one paragraph after parsing (`html_text`), normalised and without shortcodes (`shortcodes`). Out: the same
without what a generator left; it may be empty. What the parser gave as text is text: `a<b`, `Vec<u8>`, a quoted
`<script>`, `{{ title }}`, `&lt;`, `[sic]` and `[^a-z]` are the author's. Each pattern begins at a sign of its own
and ends before the next one, so that the time grows with the length of the text and no faster.
"""

import re

# Publii's placeholders, with what they were part of: a Markdown link that no parser took, the size of a picture.
_PLACEHOLDER_LINK = re.compile(r"(!?)\[([^\[\]\n]{0,400})\]\(\s{0,9}#(?:DOMAIN_NAME|INTERNAL_LINK)#[^()\n]{0,800}\)?")
_PLACEHOLDER = re.compile(
    r"#(?:DOMAIN_NAME|INTERNAL_LINK)#[^\s\"'<>()\[\]]*(?: =[\d%]{0,6}x[\d%]{0,6}(?!\S))?", re.IGNORECASE
)
_READ_MORE = "---READMORE---"
# An address that holds its data itself, longer than one that a writer shows as an example.
_DATA_ADDRESS = re.compile(r"data:(?:image|video|audio|font|text|application)/[\w.+-]{1,60}[;,]\S{60,}", re.IGNORECASE)
_BLOB = re.compile(r"(?<!\S)(?=[A-Za-z+/]*[0-9])[A-Za-z0-9+/]{200,}={0,2}(?!\S)")
# A paragraph that is cut off JSON of Publii's block editor; one of Hugo's shortcodes and nothing else.
_BLOCK_JSON = re.compile(r'\s*\[?\s*\{\s*"(?:id|type|content|config)"\s*:')
_HUGO = re.compile(r"(?:\{\{(?:<[^<>{}]*>|%[^%{}]*%)\}\}\s*)+")

_BLANK_LINES = re.compile("\n{3,}")
_SPACE_BEFORE_STOP = re.compile(r" ([.,])(?=\s|$)")
_RULER = re.compile(r"[-_=*~•·#]{5,}|(?=[|: -]*\|)(?=\||[^-]*---)[|: ]*-[|: -]*")
_TABLE_RULE = re.compile(r"\|(?: ?:?-{4,}:? ?\|){2,}")  # one of three signs a cell is an author's example
_CODE_SIGNS = frozenset("{}[]();,")  # a line of a program that stands alone
_DRAWN = frozenset("-–—―_=~·•*|#+<>/\\")  # what ornaments are drawn with, in any mixture
_ONE_BY_ONE = frozenset(".,:;^`'\"")  # filling where one of them stands alone or stands repeated
_FACES = re.compile(r"([-<>=~*^.'])_{1,2}(\1|[<>.])|=-?[/\\|*]")
_BRACKETS = frozenset(["()", '""', "''", "``", "<>"])
_ADDRESS_ONLY = re.compile(r"(?:[-–—•*] )?(?:https?://|www\.)\S+")


def strip_leftovers(text: str) -> str:
    """Return a paragraph without placeholders, data addresses, rules and JSON."""
    shorter = _strip(text)
    return text if shorter == text else tidy(shorter)


def _strip(text: str) -> str:
    if len(text) > 200 and has_long_word(text, 200):
        text = _BLOB.sub("", text)
    if "--" in text or "__" in text or "==" in text or "**" in text or "|" in text:
        text = _strip_rules(text)
    if "#" in text:
        text = _strip_placeholders(text)
    if "ata:" in text or "ATA:" in text:
        text = _DATA_ADDRESS.sub("", text)
    if '"publii-' in text and _BLOCK_JSON.match(text):
        return ""
    if text.startswith("{{") and _HUGO.fullmatch(text):
        return ""
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
    """Whether a paragraph is only an ornament (`* * *`, `~~~`, `.`) or one bare address, an embed's leftover.

    Signs that somebody says stay: `"..."`, `...`, `?!`, `:-)`, `^_^`.
    """
    if text[:1].isalnum() and not text.startswith(("http", "www.")):
        return False
    return _is_ornament(text) or _ADDRESS_ONLY.fullmatch(text) is not None


def _is_ornament(text: str) -> bool:
    signs = frozenset(text)
    signs -= {" ", "\n"}
    if signs <= _DRAWN:
        return _FACES.fullmatch(text) is None
    if len(signs) == 1 and signs <= _ONE_BY_ONE:
        return not text.startswith(("..", "^^"))
    if signs <= {"|", ":", "-"}:
        return text.startswith("|") or "--" in text
    if signs <= _CODE_SIGNS and not signs.isdisjoint("{}[]"):
        return True
    return text.replace(" ", "") in _BRACKETS


def _strip_rules(text: str) -> str:
    """Drop Publii's mark and lines that only draw a rule or the rule of a table that no parser took."""
    if _READ_MORE in text:
        text = text.replace(_READ_MORE, "\n\n")
    if "|" in text and "----" in text:
        text = _TABLE_RULE.sub(" ", text)
    if "\n" not in text:
        return "" if _RULER.fullmatch(text) else text
    return "\n".join(line for line in text.split("\n") if not _RULER.fullmatch(line))


def _strip_placeholders(text: str) -> str:
    if "#DOMAIN_NAME#" in text or "#INTERNAL_LINK#" in text:
        text = _PLACEHOLDER_LINK.sub(lambda match: "" if match[1] else match[2], text)
    return _PLACEHOLDER.sub("", text)


def tidy(text: str) -> str:
    """Fold the spaces that a cut left behind, and the one before a full stop or comma."""
    lines = [_SPACE_BEFORE_STOP.sub(r"\1", " ".join(line.split())) for line in text.split("\n")]
    return _BLANK_LINES.sub("\n\n", "\n".join(lines)).strip("\n")
