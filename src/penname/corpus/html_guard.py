"""A look at a post's HTML before the parser sees it: too deep or too tangled posts are read without their tags.

    if is_too_much(source):
        gather_plainly(source, gathered)

In: HTML as a string. Out: whether a parser that keeps to the rules of HTML would need memory or time out of all
proportion (elements within elements, formatting that is never closed and opened again in each paragraph, attributes
without end), and for such a post its text: tags off, blocks as paragraphs, scripts and the like dropped. Both take
one pass over the source. Posts of ordinary size are let through after a glance at their length.
"""

import html
import re
from collections import Counter

from penname.corpus.html_elements import BLOCKS, DROPPED, names
from penname.corpus.pieces import Gathered
from penname.corpus.prose import is_prose

DEEPEST = 256
"""Elements within one another; browsers stop at 512."""
MOST_TAGS = 300_000
MOST_ATTRIBUTES = 400
"""Attributes of one tag."""
MOST_COPIES = 60_000
"""Elements that unclosed formatting makes the parser open again."""
MOST_COPIED = 20_000_000
"""Characters of attributes that come along with them."""

MOST_WALKED = 700_000
"""Tags, or what looks like one, beyond which a post is not even read tag by tag."""

_SMALL = 64_000  # characters; a post of this size with few tags cannot do harm
_FEW_TAGS = 1000
_WHOLE_TAG = (
    r"<(/?)([a-zA-Z][^\s/>]*+)((?:[\s/]++|=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+)*+)>?"
)
_TAG = re.compile(_WHOLE_TAG)
_TOKEN = re.compile(rf"{_WHOLE_TAG}|<!--|<[!?/][^>]*+>?")
_ATTRIBUTE = re.compile(r"=?[^\s/>=]++(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?+)?+")
_ENDLESS_REFERENCE = re.compile(r"&#(?:\d{9}\d*|[xX][0-9a-fA-F]{9}[0-9a-fA-F]*);?")
_FORMATTING = names("a b big code em font i nobr s small strike strong tt u")
_VOID = names(
    "area base br col embed hr img input keygen link meta param source track wbr frame basefont bgsound image"
)
_RAW = names("script style textarea title xmp iframe noembed noframes plaintext")
_OPTIONAL = names("p li dt dd option optgroup rb rt rtc rp tr td th tbody thead tfoot colgroup caption body html head")
_CLOSING = names("p li dt dd td th")  # each closes the one before it, with the formatting in that
_HEADINGS = names("h1 h2 h3 h4 h5 h6")
_RARE = names("option optgroup body html frameset")
_MARKERS = names("td th caption object marquee applet template")
_FOREIGN = re.compile(r"<(?:svg|math|select)\b", re.IGNORECASE)
_MOST_RARE = 2000  # choices of forms, pages within the page: the parser looks at all of them for each
_MOST_SEARCHED = 2_000_000  # open elements looked at for the one that an end tag closes

# For posts that are not read tag by tag.
_PROGRAM = re.compile(r"<(script|style)\b", re.IGNORECASE)
_BLOCK_TAG = re.compile(
    r"<(?:/?(?:p|div|h[1-6]|li|ul|ol|tr|table|blockquote|pre|section|figure)\b[^<>]*+|[bh]r ?/?)>", re.IGNORECASE
)
_CELL_TAG = re.compile(r"<t[dh]\b[^<>]*+>", re.IGNORECASE)
_INLINE_TAG = re.compile(r"</?[a-zA-Z][^<>]*+>|<!--[^<>]*+>")
_MANY_REFERENCES = 200_000


def is_too_much(source: str) -> bool:
    """Whether a post is nested, tangled or attributed beyond what the parser can be asked to read."""
    tags = source.count("<")
    if tags <= _FEW_TAGS and len(source) <= _SMALL:
        return False
    return tags > MOST_TAGS or _Tally().exceeds(source)


def unescape(text: str) -> str:
    """As `html.unescape`, which raises an error on a number of thousands of figures; such a number becomes U+FFFD.

    Spaces and ampersands, by far the most frequent ones, are read without it.
    """
    if "&nbsp;" in text:
        text = text.replace("&nbsp;", "\xa0")
        if "&" not in text:
            return text
    if text.count("&") == text.count("&amp;"):
        return text.replace("&amp;", "&")
    return html.unescape(_ENDLESS_REFERENCE.sub("\ufffd", text) if "&#" in text else text)


class _Tally:
    """What the parser would hold while it reads: open elements, and formatting that it must open again.

    The count errs on the side of more: an end tag that may be ignored closes nothing here.
    """

    def __init__(self) -> None:
        self.open: list[str] = []
        self.counts: Counter[str] = Counter()
        self.formatting: list[str] = []  # whole tags of the formatting not closed yet; "" for a marker
        self.cells: list[int] = []  # for each marker, how many tables a cell stands in
        self.same: Counter[str] = Counter()
        self.length = 0  # of all those tags together
        self.copies = self.copied = self.searched = self.attributes = self.rare = 0

    def exceeds(self, source: str) -> bool:
        """Read the tags of `source` until a limit is passed."""
        raw = None if _FOREIGN.search(source) else _RawText(source)  # within those, scripts are no raw text
        position = 0
        while (tag := _TAG.search(source, position)) is not None:
            closing, name, attributes = tag.groups()
            position, name = tag.end(), name.lower()
            if closing:
                self.end(name)
            else:
                if attributes and self.too_many_attributes(attributes):
                    return True
                self.start(name, tag[0])
                self.rare += name in _RARE
                if raw is not None and name in _RAW:
                    position = raw.end_of(name, position)
            if len(self.open) > DEEPEST or self.copies > MOST_COPIES or self.copied > MOST_COPIED:
                return True
            if self.searched > _MOST_SEARCHED or self.rare > _MOST_RARE:
                return True
        return False

    def too_many_attributes(self, text: str) -> bool:
        """Whether one tag, or all of them together, have more attributes than can be held."""
        count = text.count("=") + 1 if len(text) < 2 * MOST_ATTRIBUTES else len(_ATTRIBUTE.findall(text))
        self.attributes += count
        return count > MOST_ATTRIBUTES or self.attributes > 2 * MOST_TAGS

    def start(self, name: str, tag: str) -> None:
        """Open an element."""
        if name in _FORMATTING:
            if self.same[tag] < 3:  # the parser remembers three of a kind
                self.same[tag] += 1
                self.formatting.append(tag)
                self.length += len(tag)
        elif name not in _VOID:
            if name in _CLOSING and (name not in _MARKERS or self.counts["table"]):
                while self.open and self.open[-1] in _FORMATTING:
                    self.pop()
            elif name in _HEADINGS and self.open and self.open[-1] in _HEADINGS:
                self.pop()
            self.reopen()
            if name in _MARKERS:
                tables = self.counts["table"] if name in ("td", "th") else -1
                if tables > 0 and self.cells[-1:] == [tables]:  # the cell before ends here
                    self.forget_to_marker()
                self.formatting.append("")
                self.cells.append(tables)
        if name not in _VOID and name not in _OPTIONAL:
            self.open.append(name)
            self.counts[name] += 1

    def end(self, name: str) -> None:
        """Close an element, and what stands open within it where HTML says so."""
        if name in _FORMATTING:
            self.forget(name)
            if self.open and self.open[-1] == name:
                self.pop()
            elif self.counts[name]:
                self.reopen()
                self.take_out(name)
            return
        if name in _MARKERS:
            self.forget_to_marker()
        self.reopen()
        if self.counts[name] and name not in _OPTIONAL:
            self.close(name)

    def close(self, name: str) -> None:
        """Close the nearest element of a name; an inline element does not close the blocks within it."""
        blocks = name in BLOCKS
        place = len(self.open) - 1
        while self.open[place] != name:
            self.searched += 1
            inner = self.open[place]
            if (not blocks and inner in BLOCKS) or inner in _MARKERS or (inner == "table" and name != "table"):
                return
            place -= 1
        while len(self.open) > place:
            self.pop()

    def pop(self) -> None:
        self.counts[self.open.pop()] -= 1

    def take_out(self, name: str) -> None:
        """Take the nearest formatting element out from under what stands open in it."""
        for place in range(len(self.open) - 1, -1, -1):
            self.searched += 1
            if self.open[place] == name:
                del self.open[place]
                self.counts[name] -= 1
                return

    def forget(self, name: str) -> None:
        """Strike formatting that its end tag closed off the list."""
        for place in range(len(self.formatting) - 1, -1, -1):
            tag = self.formatting[place]
            self.searched += 1
            if not tag:
                return
            if tag[1 : 1 + len(name)].lower() == name and not tag[1 + len(name) : 2 + len(name)].isalnum():
                self.drop(place)
                return

    def forget_to_marker(self) -> None:
        """Strike what was opened within a cell off the list."""
        while self.formatting:
            if not self.drop(len(self.formatting) - 1):
                self.cells.pop()
                return

    def drop(self, place: int) -> bool:
        tag = self.formatting.pop(place)
        self.same[tag] -= bool(tag)
        self.length -= len(tag)
        return bool(tag)

    def reopen(self) -> None:
        """Count what the parser may open again in the block that begins or goes on here."""
        self.copies += max(0, len(self.formatting) - 1)
        self.copied += self.length


class _RawText:
    """Finds the end of elements whose content is no markup, looking for each end that is missing only once."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.missing: set[str] = set()

    def end_of(self, name: str, position: int) -> int:
        """Return where the content of an element that begins at `position` ends; the end of all when it does not."""
        if name in self.missing or name == "plaintext":
            return len(self.source)
        found = _end_tag(name).search(self.source, position)
        if found is None:
            self.missing.add(name)
            return len(self.source)
        return found.start()

    def after(self, name: str, position: int) -> int:
        """Return where reading goes on behind an element that is dropped; `position` when it is never closed."""
        if name in self.missing:
            return position
        found = _end_tag(name).search(self.source, position)
        if found is None:
            self.missing.add(name)
            return len(self.source) if name in _RAW else position
        return found.end()


def _end_tag(name: str) -> re.Pattern[str]:
    return re.compile(rf"</{re.escape(name)}\b[^>]*+>?", re.IGNORECASE)


def gather_plainly(source: str, into: Gathered, *, code: bool = False, kind: str = "text") -> None:
    """Add the text of a post without a parser: paragraphs where blocks begin and end, everything else one line."""
    raw, position, for_item = _RawText(source), 0, False
    line: list[str] = []

    def flush() -> None:
        text = "".join(line)
        if "\0" in text:
            text = "\n".join(" ".join(part.split()) for part in text.split("\0")).strip("\n")
        else:
            text = " ".join(text.split())
        line.clear()
        if text:
            into.add("item" if for_item else kind, f"- {text}" if for_item else text)

    while (token := _TOKEN.search(source, position)) is not None:
        if position < token.start():
            text = source[position : token.start()]
            line.append(unescape(text) if "&" in text else text)
        position = token.end()
        name = (token[2] or "").lower()
        if not name:
            if token[0] == "<!--":
                position = _after_comment(source, position)
        elif name == "br":
            line.append("\0")
        elif name == "pre" and not token[1]:
            flush()
            for_item = False
            end = raw.end_of("pre", position)
            _add_preformatted(source[position:end], into, code)
            position = end
        elif name in DROPPED and name not in _VOID and not token[1]:
            position = raw.after(name, position)
        elif name in BLOCKS:
            if line:
                flush()
            for_item = name == "li" and not token[1]
        elif name == "img":
            into.images += 1
        elif name == "a":
            into.links += "href" in (token[3] or "").lower()
    line.append(unescape(source[position:]))
    flush()


def _add_preformatted(source: str, into: Gathered, code: bool) -> None:
    """Add preformatted text that is prose, or that is wanted as code."""
    text = unescape(_TAG.sub("", re.sub(r"<br\b[^>]*+>?", "\n", source))).strip("\n")
    if is_prose(text):
        into.add("text", "\n".join(" ".join(part.split()) for part in text.split("\n")))
    elif code:
        into.add("code", text)


def _after_comment(source: str, position: int) -> int:
    """Return where a comment ends; one that is never closed takes the rest, as in a browser."""
    if source.startswith((">", "->"), position):
        return source.index(">", position) + 1
    end = source.find("-->", position)
    return end + 3 if end >= 0 else len(source)


def without_tags(source: str) -> str:
    """Return the text of any source by a few passes of simple patterns: tags off, blank lines where blocks end."""
    text = _BLOCK_TAG.sub("\n\n", _CELL_TAG.sub(" ", _without_programs(source)))
    text = _INLINE_TAG.sub("", text)
    return unescape(text) if text.count("&") < _MANY_REFERENCES else text


def _without_programs(source: str) -> str:
    """Take scripts and styles out, each looked for no further than to the next one."""
    first, *others = _PROGRAM.split(source)
    parts = [first]
    for name, rest in zip(others[::2], others[1::2], strict=True):
        end = rest.lower().find(f"</{name.lower()}")
        parts.append(rest[end:] if end >= 0 else f"<{name}{rest}")
    return "".join(parts)
