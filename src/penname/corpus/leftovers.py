"""WordPress shortcodes and forum codes that an import left in the text: `[quote]so[/quote]`, `[gallery ids="1"]`.

    strip_shortcodes(["[dropcap]O[/dropcap]nce [sic]", "My talk [video]"])  ->  ["Once [sic]", "My talk [video]"]

In: the paragraphs of one post, normalised. Out: the same without shortcodes. An opening one whose closing one
follows, in the same paragraph or a later one, is a shortcode whatever its attributes; what stands between stays,
unless it is an address or a picture. One that stands alone is a shortcode when it is a page builder's, or has
attributes as a shortcode has them; any other word in brackets is the author's. Linear in the length of the text.

Leftovers in plain text that no reader was meant to see: Publii's placeholders, data addresses, drawn rules.

    strip_leftovers("See #INTERNAL_LINK#/post/12 there")  ->  "See there"

In: one paragraph after parsing (`html_text`), normalised and without shortcodes (`shortcodes`). Out: the same
without what a generator left; it may be empty. What the parser gave as text is text: `a<b`, `Vec<u8>`, a quoted
`<script>`, `{{ title }}`, `&lt;`, `[sic]` and `[^a-z]` are the author's. Each pattern begins at a sign of its own
and ends before the next one, so that the time grows with the length of the text and no faster.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from penname.corpus.html_elements import names
from penname.corpus.prose import is_sentence

_CODE = re.compile(r"(?<!\[)\[(?P<closing>/?)(?P<name>[A-Za-z][\w-]{0,40})(?P<rest>(?:[\s=/][^\[\]]{0,800})?)\](?!\])")
_CLOSING = re.compile(r"\[/([A-Za-z][\w-]{0,40})")
_ATTRIBUTES = re.compile(r"(?:\s+[\w-]{1,40}=(?:\"[^\"]*\"|'[^']*'|[^\s\"'=]+))+\s*")
_LOOSE_ATTRIBUTE = re.compile(r"(?:^=|\s[\w-]{1,40}=)\S|^\s*https?://")
_VIDEO = re.compile(r"\s+(?=\S*\d)[\w-]{5,20}")  # a video's number on its site
# WordPress's own, Jetpack's and those of widespread plugins that need no closing one.
_STANDALONE = names(
    "gallery caption wp_caption embed audio video playlist youtube vimeo dailymotion ted contact-form contact-form-7 "
    "contact-field googlemaps google-maps slideshare soundcloud bandcamp spotify mixcloud twitter tweet instagram "
    "facebook pinterest flickr gist github_gist polldaddy crowdsignal scribd slideshow portfolio recipe "
    "jetpack_subscription_form jetpack-related-posts rss archives sitemap iframe googleapps image img latex toc "
    "more nextpage"
)
_WITH_NUMBER = names("youtube vimeo dailymotion ted tweet twitter instagram gist")
# Between these stands an address, a list of files or the code of a form, nothing that is read.
_VOID = names("gallery audio video playlist embed youtube vimeo googlemaps img soundcloud gist iframe")
_CAPTIONS = names("caption wp_caption")
# Page builders wrap every row and column; what an export cut in half is theirs all the same.
_BUILDER = re.compile(
    r"(?:vc|et_pb|fusion|su|av|mk|tatsu|cs|themify|fl|nectar|porto|wpforms|elementor|ux|thrive|gravityform|tve)_[\w-]+"
    r"|(?:elementor|wpforms|fusion|su|vc)-[\w-]+|wpforms|gravityform|ninja_form|mc4wp_form|rev_slider|layerslider"
)
_LONGEST_CAPTION = 2000  # characters


class _Code(NamedTuple):
    """One bracket that may be a shortcode: the paragraph that it stands in, where, and what it says."""

    paragraph: int
    start: int
    end: int
    name: str
    rest: str
    closing: str  # "/" or nothing

    @property
    def opens(self) -> bool:
        """Whether it may have a closing one: neither `[/name]` nor `[name /]`."""
        return not self.closing and not self.rest.endswith("/")


def strip_shortcodes(texts: Sequence[str]) -> list[str]:
    """Return the paragraphs without shortcodes; a paragraph that held nothing else is empty."""
    codes = list(_find(texts))
    if not codes:
        return list(texts)
    cuts: list[tuple[int, int, int]] = []
    partners = _pair(codes)
    for number, code in enumerate(codes):
        partner = partners.get(number)
        if partner is None:
            if _goes_alone(code):
                cuts.append((code.paragraph, code.start, code.end))
        elif code.opens and _takes_all(code, codes[partner], texts):
            cuts.append((code.paragraph, code.start, codes[partner].end))
        else:
            cuts.append((code.paragraph, code.start, code.end))
    return _cut(texts, cuts)


def _find(texts: Sequence[str]) -> Iterator[_Code]:
    """Yield what is a shortcode by itself or may be one of a pair."""
    closed = {name.lower() for text in texts if "[/" in text for name in _CLOSING.findall(text)}
    for paragraph, text in enumerate(texts):
        for found in _CODE.finditer(text) if "]" in text else ():
            code = _Code(paragraph, found.start(), found.end(), found["name"].lower(), found["rest"], found["closing"])
            if code.closing or code.name in closed or _goes_alone(code):
                yield code


def _pair(codes: Sequence[_Code]) -> dict[int, int]:
    """Return the partner of each opening and closing shortcode that has one: the nearest free one of its name."""
    partners: dict[int, int] = {}
    waiting: dict[str, list[int]] = {}
    for number, code in enumerate(codes):
        if code.opens:
            waiting.setdefault(code.name, []).append(number)
        elif code.closing and waiting.get(code.name):
            opening = waiting[code.name].pop()
            partners[opening], partners[number] = number, opening
    return partners


def _goes_alone(code: _Code) -> bool:
    """Whether a bracket without a partner is a shortcode and not the author's."""
    if _BUILDER.fullmatch(code.name):
        return True
    if not code.opens or not code.rest:
        return not code.closing and bool(code.rest)
    if ('="' in code.rest or "='" in code.rest) and _ATTRIBUTES.fullmatch(code.rest):
        return True
    if code.name not in _STANDALONE:
        return False
    numbered = code.name in _WITH_NUMBER and _VIDEO.fullmatch(code.rest)
    return bool(numbered or _LOOSE_ATTRIBUTE.search(code.rest))


def _takes_all(opening: _Code, closing: _Code, texts: Sequence[str]) -> bool:
    """Whether a pair goes with what it holds: an address, or the caption of a picture unless it is a sentence."""
    if opening.paragraph != closing.paragraph:
        return False
    if opening.name not in _CAPTIONS:
        return opening.name in _VOID
    if closing.start - opening.end > _LONGEST_CAPTION:
        return False
    return not is_sentence(texts[opening.paragraph][opening.end : closing.start].strip())


def _cut(texts: Sequence[str], cuts: Sequence[tuple[int, int, int]]) -> list[str]:
    """Take the cuts, which are in order of their starts, out of the paragraphs; some lie within others."""
    parts: dict[int, list[str]] = {}
    done: dict[int, int] = {}
    for paragraph, start, end in cuts:
        if start >= done.get(paragraph, 0):
            parts.setdefault(paragraph, []).append(texts[paragraph][done.get(paragraph, 0) : start])
        done[paragraph] = max(end, done.get(paragraph, 0))
    shorter = list(texts)
    for paragraph, kept in parts.items():
        shorter[paragraph] = tidy("".join([*kept, texts[paragraph][done[paragraph] :]]))
    return shorter


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

# What each pattern needs: `#`, `|`, `{`; two signs that draw a rule in a row; a word of sixty signs.
_SIGNS = bytes(35 if byte in b"#|{" else 45 if byte in b"-_=*" else 32 if byte <= 32 else 97 for byte in range(256))
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


def may_hold_leftovers(text: str) -> bool:
    """Whether `strip_leftovers` could take anything out of any paragraph of a text."""
    shape = text.encode("latin-1", "replace").translate(_SIGNS)
    return b"#" in shape or b"--" in shape or b"a" * 60 in shape.replace(b"-", b"a")


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
