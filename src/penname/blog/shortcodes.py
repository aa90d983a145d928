"""WordPress shortcodes and forum codes that an import left in the text: `[quote]so[/quote]`, `[gallery ids="1"]`.

    strip_shortcodes(["[dropcap]O[/dropcap]nce [sic]", "My talk [video]"])  ->  ["Once [sic]", "My talk [video]"]

In: the paragraphs of one post, normalised. Out: the same without shortcodes. An opening one whose closing one
follows, in the same paragraph or a later one, is a shortcode whatever its attributes; what stands between stays,
unless it is an address or a picture. One that stands alone is a shortcode when it is a page builder's, or has
attributes as a shortcode has them; any other word in brackets is the author's. Linear in the length of the text.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from penname.blog.html_skip import names
from penname.blog.leftovers import tidy
from penname.blog.prose import is_sentence

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
