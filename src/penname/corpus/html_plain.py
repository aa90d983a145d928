"""HTML as editors write it, without a parser: elements that are closed in order, in places where they may stand.

    done, asked = read_plain('<p class="a">Hello, <b>you</b>.</p><p>a<p>b', walk)   # 36, []: what is not closed is left

In: HTML, and the walk that gathers its text (`html_walk`). Out: how many characters of it were read; their text is in
`walk.into`, exactly as the walk over the parser's tree would put it there. A block that is in order but asks for more
than that (a table, a superscript, preformatted text, anything hidden) is handed back for the parser; at the first one
that is not in order reading stops, and the rest is the parser's. What was read leaves nothing open behind it, so that
the rest may be parsed by itself. Every tag is looked at once, or twice where a block is parsed; patterns are
possessive, so the time is linear.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from penname.corpus.html_elements import LINE, UNSEEN, is_fragment, look_of, names, names_code, names_verse
from penname.corpus.html_guard import MOST_TAGS, unescape
from penname.corpus.html_walk import BREAK, Figure, Walk
from penname.corpus.prose import is_prose

MARKS = re.compile(r"<(?:restore-line-break|(?:soft-|hard-)?line-?break|newline|lb|text:line-break|w:br)\s*/?>", re.I)
"""Marks that converters left behind for line breaks."""

_TAG = re.compile(r"<([^<>]*+)>")
_WHOLE = re.compile(
    r"(?P<close>/?)(?P<name>[a-zA-Z][a-zA-Z0-9:-]*+)(?P<attributes>(?:[ \t\n\r\f]++[a-zA-Z][a-zA-Z0-9:_.-]*+"
    r"(?:=(?:\"[^\"]*+\"|'[^']*+'|[^\s\"'=`]++))?+)*+)[ \t\n\r\f]*+(?P<empty>/?)"
)
_ATTRIBUTE = re.compile(r"[ \t\n\r\f]([a-zA-Z][a-zA-Z0-9:_.-]*+)(?:=(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'=`]++)))?+")
_COMMENT = re.compile(r"!--(?!-?>)(?:[^-]|-(?!-))*+--")
_INLINE = names(
    "strong em b i u span a s small mark del ins cite abbr acronym var dfn big font strike time bdi bdo picture "
    "code tt kbd samp sup sub q button"
)
_CODE_NAMES = names("code tt kbd samp")
_HEADINGS = names("h1 h2 h3 h4 h5 h6")
_LISTS = names("ul ol")
_BLOCKS = names(
    "p div section article header footer main nav aside address blockquote center figure hgroup details dl pre table"
)
_PARTS = {
    "li": _LISTS,
    "dt": names("dl"),
    "dd": names("dl"),
    "figcaption": names("figure"),
    "summary": names("details"),
    "caption": names("table"),
    "thead": names("table"),
    "tbody": names("table"),
    "tfoot": names("table"),
    "tr": names("table thead tbody tfoot"),
    "td": names("tr"),
    "th": names("tr"),
}
"""Elements that stand in no others than these."""
_HOLD_BLOCKS = (_BLOCKS - names("p dl pre table")) | names("li dd td th figcaption")
_HOLD_NO_TEXT = names("table thead tbody tfoot tr dl ul ol")
_NO_TWO = names("a button")  # never one within another
_ASKING = names("sup sub q table") | (names(" ".join(_PARTS)) - names("li dt dd figcaption summary"))
_KNOWN = _INLINE | _HEADINGS | _LISTS | _BLOCKS | frozenset(_PARTS)
_RAW_NAMES = names("script style iframe canvas audio video button")
_TELLING = names("class style hidden aria-hidden alt start value")

_LONGEST_TAG, _LONGEST_CACHED, _MOST_CACHED = 20_000, 200, 4096
_DEEPEST = 100
_WINDOW = 1 << 16
"""Characters that are split into tags and text at once."""

_SKIP, _OPEN, _CLOSE, _BLOCK, _CLOSE_BLOCK, _CODE, _CLOSE_CODE, _BREAK, _IMAGE, _RULE, _RAW, _PRE, _ASKS, _STRANGE = (
    range(14)
)


class _Tag(NamedTuple):
    """What is to be done at a tag, its element's name and what of its attributes matters."""

    what: int
    name: str
    attributes: dict[str, str | None]
    is_link: bool = False


_NONE: dict[str, str | None] = {}
_STRANGER = _Tag(_STRANGE, "", _NONE)
_known: dict[str, _Tag] = {}


def read_plain(source: str, walk: Walk) -> tuple[int, list[tuple[int, str]]]:
    """Read the blocks with which `source` begins; return where the first one begins that is not in order.

    With it come the blocks before it that are to be parsed, each an element closed in order, and the number of pieces
    that stand before each.
    """
    if "\0" in source:
        return 0, []
    reader = _Reader(source, walk)
    return reader.run(), reader.asked


class _Reader:
    """The elements that stand open, and the last place where none did: reading can go back to it.

    The source is split at each `<`: a chunk is a tag and the text behind it.
    """

    def __init__(self, source: str, walk: Walk) -> None:
        self.source, self.walk = source, walk
        self.asked: list[tuple[int, str]] = []
        self.open: list[str] = []
        self.code = (-1, 0)  # how many elements stood open around inline code, and the parts of the line before it
        self.chunks: list[str] = []  # those of the window; the first is the text before its first tag
        self.begun = 0  # where the window begins
        self.counted = (0, 0)  # the number of a chunk, and where it begins in the source
        self.safe = 0  # the last place where nothing stood open,
        self.safe_chunk, self.safe_offset = -1, 0  # and the number of its chunk, if it is in the window
        self.kept = (0, 0, 0, 0, 0)  # what was gathered up to there
        self.resume = 0  # where to go on behind a block that reaches beyond the window

    def run(self) -> int:
        """Read window after window; return how far."""
        position, length = 0, len(self.source)
        while position < length:
            end = length if length - position <= _WINDOW else self.source.rfind("<", position + 1, position + _WINDOW)
            if end < 0 or not self.read_window(position, end):
                return self.back()
            position, self.resume = max(end, self.resume), 0
        if self.open:
            return self.back()
        self.walk.flush()
        return length

    def read_window(self, position: int, end: int) -> bool:
        """Read the source from one place to another; False where something is not in order."""
        whole = position == 0 and end == len(self.source)
        self.chunks = chunks = (self.source if whole else self.source[position:end]).split("<")
        self.begun, self.counted, self.safe_chunk = position, (0, position), -1
        walk, line, open_, known = self.walk, self.walk.text, self.open, _known.get
        if not open_ and not line:
            self.keep(0, 0)
        text, number, last = chunks[0], 0, len(chunks) - 1
        while True:
            if text:
                if "&" in text:
                    text = unescape(text)
                if line or not text.isspace():
                    if open_ and open_[-1] in _HOLD_NO_TEXT:
                        return False
                    line.append(text)
            number += 1
            if number > last:
                break
            tag, end_of_tag, text = chunks[number].partition(">")
            if not end_of_tag:
                return False
            what, name, attributes, is_link = known(tag) or _read_tag(tag)
            if what == _OPEN:
                if (open_ and open_[-1] in _HOLD_NO_TEXT) or (name == "a" and "a" in open_) or len(open_) > _DEEPEST:
                    return False
                open_.append(name)
                if is_link:
                    walk.into.links += 1
            elif what == _CLOSE:
                if not open_ or open_.pop() != name:
                    return False
            elif what == _CLOSE_BLOCK:
                if not open_ or open_.pop() != name:
                    return False
                if name in _LEAVING:
                    _LEAVING[name](walk)
                else:
                    if line:
                        walk.flush()
                    walk.kind = walk.default_kind
                if not open_:
                    self.keep(number, len(tag) + 2)
            elif what == _BLOCK:
                if not self.open_block(number, name, attributes):
                    return False
            else:
                found = self.do_rarer(number, what, name, attributes)
                if found < 0:
                    return False
                if found != number:
                    number = found
                    text = chunks[number].partition(">")[2] if number <= last else ""
        if self.safe_chunk >= 0:
            self.safe = self.place_of(self.safe_chunk) + self.safe_offset
        return True

    def open_block(self, number: int, name: str, attributes: "_Attributes") -> bool:
        """Begin a block, where one may stand."""
        walk, open_ = self.walk, self.open
        if not _may_stand(name, open_):
            return False
        if walk.text:
            walk.flush()
            if not open_:
                self.keep(number, 0)
        open_.append(name)
        if name in _HEADINGS:
            walk.kind = "heading"
        elif name == "li":
            walk.open_item(attributes)
        elif name in _LISTS:
            walk.open_list(name, attributes)
        elif name == "figure":
            walk.figures.append(Figure(len(walk.into.pieces)))
        elif name == "figcaption":
            walk.captions.append(len(walk.into.pieces))
        elif name in ("blockquote", "details"):
            walk.tell_figure()
        return True

    def do_rarer(self, number: int, what: int, name: str, attributes: "_Attributes") -> int:
        """Do what a rarer tag asks for; return the number of the chunk read last, -1 where it may not stand."""
        walk, open_ = self.walk, self.open
        if what == _ASKS:
            return self.ask_for_block(number, name)
        if what == _PRE:
            return self.take_program(number, attributes) or self.ask_for_block(number, name)
        if what == _CLOSE_CODE:
            if not open_ or open_.pop() != name:
                return -1
            if len(open_) == self.code[0]:
                walk.leave_code(self.code[1])
        elif what == _RULE:
            if open_ and open_[-1] not in _HOLD_BLOCKS:
                return -1
            walk.leave_block()
            if not open_:
                self.keep(number, self.chunks[number].index(">") + 2)
        elif what == _RAW:
            if self.closes(number + 1, name):
                if not open_ and not walk.text:
                    self.keep(number + 1, len(f"</{name}>"))
                return number + 1
            return self.ask_for_block(number, name) if name in _KNOWN else -1
        elif what == _SKIP:
            if not open_ and not walk.text:
                self.keep(number, self.chunks[number].index(">") + 2)
        else:
            if what == _STRANGE or (open_ and open_[-1] in _HOLD_NO_TEXT) or len(open_) > _DEEPEST:
                return -1
            if what == _BREAK:
                walk.text.append(BREAK)
                walk.broken = True
            elif what == _IMAGE:
                walk.add_image(attributes)
            else:
                if not walk.in_code:
                    walk.in_code, self.code = True, (len(open_), len(walk.text))
                open_.append(name)
        return number

    def closes(self, number: int, name: str) -> bool:
        """Whether a chunk begins with the end tag of an element."""
        return number < len(self.chunks) and self.chunks[number].startswith(f"/{name}>")

    def take_program(self, number: int, attributes: "_Attributes") -> int:
        """Take a program that stands on its own; return the number of its last chunk, 0 where it is anything else."""
        text = self.chunks[number].partition(">")[2]
        end, within = number + 1, attributes
        if not text and end < len(self.chunks):
            tag, _, text = self.chunks[end].partition(">")
            what, name, within, _ = _known.get(tag) or _read_tag(tag)
            if what != _CODE or not self.closes(end + 1, name) or self.chunks[end + 1] != f"/{name}>":
                return 0
            end += 2
        if self.open or not self.closes(end, "pre"):
            return 0
        text = unescape(text.replace("\r\n", "\n").replace("\r", "\n")).strip("\n")
        if not names_code(attributes) and not names_code(within) and (names_verse(attributes) or is_prose(text)):
            return 0
        self.walk.flush()
        if self.walk.code:
            self.walk.into.add("code", text)
        self.keep(end, len("</pre>"))
        return end

    def ask_for_block(self, number: int, name: str) -> int:
        """Leave the outermost block around a tag to the parser; return the number of its last tag, or -1."""
        begins = not self.open
        if begins and name in _INLINE:
            return -1
        start = self.place_of(number) if begins else self.back()
        end, tags = _end_of_block(self.source, start)
        if not end:  # text that waits before a table may have to be joined with text out of it
            return -1
        if begins:
            self.walk.flush()
            self.keep(number, 0)
        last = self.safe_chunk + tags - (self.safe_offset == 0 and self.safe_chunk > 0)
        self.asked.append((len(self.walk.into.pieces), self.source[start:end]))
        if self.safe_chunk >= 0 and last < len(self.chunks):
            self.keep(last, self.chunks[last].index(">") + 2)
            return last
        self.safe, self.safe_chunk, self.resume = end, -1, end
        self.kept = self.amounts()
        return len(self.chunks)

    def keep(self, number: int, offset: int) -> None:
        """Note that nothing stands open at an offset into a chunk, which counts its `<`."""
        into = self.walk.into
        self.safe_chunk, self.safe_offset = number, offset
        self.kept = (len(into.pieces), into.links, into.images, into.runs, into.caption_words)

    def amounts(self) -> tuple[int, int, int, int, int]:
        """How much has been gathered."""
        into = self.walk.into
        return len(into.pieces), into.links, into.images, into.runs, into.caption_words

    def back(self) -> int:
        """Take back what was gathered since the last place where nothing stood open, and return where that is."""
        into = self.walk.into
        pieces, into.links, into.images, into.runs, into.caption_words = self.kept
        del into.pieces[pieces:]
        self.walk.forget()
        self.open.clear()
        return self.place_of(self.safe_chunk) + self.safe_offset if self.safe_chunk >= 0 else self.safe

    def place_of(self, number: int) -> int:
        """Where a chunk of the window begins in the source, with its `<`. The chunks are counted once, going on."""
        before, place = self.counted if self.counted[0] <= number else (0, self.begun)
        if number > before:
            place += sum(map(len, self.chunks[before:number])) + number - before - (before == 0)
            self.counted = number, place
        return place


_Attributes = dict[str, str | None]
_LEAVING: dict[str, Callable[[Walk], None]] = {
    "ul": Walk.leave_list,
    "ol": Walk.leave_list,
    "li": Walk.leave_item,
    "figure": Walk.leave_figure,
    "figcaption": Walk.leave_caption,
}


def _may_stand(name: str, open_: list[str]) -> bool:
    """Whether an element may begin within those that stand open without ending one of them."""
    parents = _PARTS.get(name)
    if parents is not None:
        return bool(open_) and open_[-1] in parents and len(open_) <= _DEEPEST
    if name in _INLINE:
        return bool(open_) and open_[-1] not in _HOLD_NO_TEXT and not (name in _NO_TWO and name in open_)
    return not open_ or (open_[-1] in _HOLD_BLOCKS and len(open_) <= _DEEPEST)


def _end_of_block(source: str, start: int) -> tuple[int, int]:
    """Return where the block that begins at `start` ends, and its number of tags; noughts where it is not in order."""
    open_: list[str] = []
    position, tags, raw = start, 0, ""
    for found in _TAG.finditer(source, start):
        if source.find("<", position, found.start()) >= 0:
            return 0, 0
        if (not open_ or open_[-1] in _HOLD_NO_TEXT) and not raw and source[position : found.start()].strip():
            return 0, 0
        what, name, _, _ = _known.get(found[1]) or _read_tag(found[1])
        position, tags = found.end(), tags + 1
        if tags > MOST_TAGS or (raw and found[1] != raw):
            return 0, 0
        if raw:
            raw = ""
        elif what in (_CLOSE, _CLOSE_BLOCK, _CLOSE_CODE):
            if not open_ or open_.pop() != name:
                return 0, 0
            if not open_:
                return position, tags
        elif what == _RAW and name not in _KNOWN and open_:
            raw = f"/{name}"
        elif what in (_OPEN, _BLOCK, _CODE, _PRE, _RAW, _ASKS):
            if not _may_stand(name, open_) or len(open_) > _DEEPEST:
                return 0, 0
            open_.append(name)
        elif what == _STRANGE or not open_ or (what == _RULE and open_[-1] not in _HOLD_BLOCKS):
            return 0, 0
    return 0, 0


def _read_tag(tag: str) -> _Tag:
    """Tell a tag, which is given without its brackets."""
    if len(tag) > _LONGEST_CACHED:
        return _tell(tag) if len(tag) <= _LONGEST_TAG else _STRANGER
    if len(_known) >= _MOST_CACHED:
        _known.clear()
    found = _known[tag] = _tell(tag)
    return found


def _tell(tag: str) -> _Tag:
    if tag[:1] == "!":
        return _Tag(_SKIP, "", _NONE) if _COMMENT.fullmatch(tag) else _STRANGER
    match = _WHOLE.fullmatch(tag)
    if match is None:
        return _Tag(_BREAK, "br", _NONE) if MARKS.fullmatch(f"<{tag}>") else _STRANGER
    name = match["name"].lower()
    if match["close"]:
        if name not in _KNOWN or match["attributes"] or match["empty"]:
            return _STRANGER
        what = _CLOSE_CODE if name in _CODE_NAMES else _CLOSE if name in _INLINE else _CLOSE_BLOCK
        return _Tag(what, name, _NONE)
    found = _ATTRIBUTE.findall(match["attributes"])
    attributes: _Attributes = {one.lower(): a or b or c for one, a, b, c in reversed(found)}
    if name not in _KNOWN:
        return _tell_void(tag, name, attributes)
    if match["empty"]:
        return _STRANGER
    return _tell_opening(name, attributes)


def _tell_void(tag: str, name: str, attributes: _Attributes) -> _Tag:
    """Tell an element that holds nothing, or nothing that is read."""
    if name == "br" or MARKS.fullmatch(f"<{tag}>"):
        return _Tag(_BREAK, "br", _NONE)
    if name in ("wbr", "source"):
        return _Tag(_SKIP, name, _NONE)
    if name in _RAW_NAMES:
        return _STRANGER if tag.endswith("/") or "math" in (attributes.get("type") or "") else _Tag(_RAW, name, _NONE)
    if name not in ("img", "hr") or _hides_something(attributes):
        return _STRANGER
    look = look_of(attributes)
    if look & UNSEEN:
        return _Tag(_SKIP, name, _NONE)
    if name == "hr":
        return _STRANGER if look else _Tag(_RULE, name, _NONE)
    return _Tag(_IMAGE, name, attributes)


def _tell_opening(name: str, attributes: _Attributes) -> _Tag:
    """Tell the opening tag of an element that is known."""
    if name == "button":
        return _Tag(_RAW, name, _NONE)
    if name in _ASKING or _hides_something(attributes):
        return _Tag(_ASKS, name, _NONE)
    look = look_of(attributes) if attributes else 0
    if look & (~LINE if name not in _INLINE else -1):
        return _Tag(_ASKS, name, _NONE)
    if name == "a":
        href = (attributes.get("href") or "").strip()
        if is_fragment(href) or "&" in href[:16]:
            return _Tag(_ASKS, name, _NONE)
        return _Tag(_OPEN, name, _NONE, bool(href) and not href[:11].lower().startswith("javascript:"))
    if name in _INLINE:
        return _Tag(_CODE, name, attributes) if name in _CODE_NAMES else _Tag(_OPEN, name, _NONE)
    if name == "pre":
        return _Tag(_PRE, name, attributes)
    return _Tag(_BLOCK, name, attributes if name in ("ol", "li") else _NONE)


def _hides_something(attributes: _Attributes) -> bool:
    """Whether an attribute that matters is spelt with entities, which only the parser reads."""
    return any("&" in value for name, value in attributes.items() if value and name in _TELLING)
