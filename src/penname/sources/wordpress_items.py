"""The items of one WXR file, one at a time, whether or not the file is well-formed.

    for item in iter_items(file, authors): item.fields["title"], item.tags

In: a file of bytes, and a dictionary that is filled with the authors' names. Out: `Item`s; None for one that is cut off
or too large. The text is cut at `<item>` and `</item>` outside of CDATA, and each piece is given to expat on its own.
What expat refuses is read tag by tag, as WordPress' own importer does without an XML library.
"""

import codecs
import contextlib
import functools
import html
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO
from xml.parsers import expat

_ENCODING = re.compile(rb"""<\?xml[^>]{0,80}encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_ROOT = re.compile(r"<rss\b[^>]{0,4000}>")
_DECLARED = re.compile(r"""\sxmlns:([A-Za-z0-9_.-]+)\s*=\s*["']([^"'<&]*)["']""")
_NAMESPACES = {
    "wp": "http://wordpress.org/export/1.2/",
    "excerpt": "http://wordpress.org/export/1.2/excerpt/",
    "content": "http://purl.org/rss/1.0/modules/content/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "wfw": "http://wellformedweb.org/CommentAPI/",
}
_PREFIXES = {_NAMESPACES[name].partition("://")[2]: name for name in ("content", "dc")}
_CHUNK = 2**20
MOST = 32 * 2**20
"""Characters of one item, comments and all."""
_ITEM = re.compile(r"<item(?:\s[^>]*)?>")
_END = re.compile(r"</item\s*>|<!\[CDATA\[")
_CONTENT = "content:encoded"
_WP = ("post_id", "post_date", "post_date_gmt", "status", "post_type", "post_password")
_FIELDS = ("title", "link", "pubDate", "guid", "dc:creator", _CONTENT, *(f"wp:{name}" for name in _WP))
_WANTED = frozenset(_FIELDS)
_CATEGORY = re.compile(r"<category\b([^>]*)(?<!/)>(.*?)</category\s*>", re.DOTALL)
_ATTRIBUTE = re.compile(r"""\b(domain|nicename)\s*=\s*["']([^"']*)["']""")
_AUTHOR = re.compile(r"<wp:author\b[^>]*>(.*?)</wp:author\s*>", re.DOTALL)
_TAXONOMIES = ("category", "post_tag", "tag")
_TYPE = "<wp:post_type>"
_BEFORE_TAIL = ("<category", "<wp:status", "<wp:post_", "<title", "<dc:creator")
_CDATA, _CDATA_END, _CDATA_JOINT = "<![CDATA[", "]]>", "]]]]><![CDATA[>"

Fields = dict[str, str]
Categories = list[tuple[dict[str, str], str]]


@dataclass(frozen=True)
class Item:
    """One item: its fields by their usual names (`wp:post_id`), its tags, and whether it was well-formed XML."""

    fields: Fields
    tags: tuple[str, ...]
    whole: bool


def iter_items(file: IO[bytes], authors: dict[str, str]) -> Iterator[Item | None]:
    """Yield the items of a file; `authors` gets the display name of each login."""
    text = _decoded(file)
    pieces = _pieces(text)
    head = next(pieces) or ""
    authors |= _authors_of(head)
    opening = _opening(head)
    for piece in pieces:
        if piece is None:
            yield None
        elif _may_be_post(piece):
            yield _item(opening, _without_tail(piece))


def value_of(text: str, name: str) -> str:
    """What stands in the first element `name` of `text`, which need not be well-formed."""
    found = re.search(rf"<{name}(?:\s[^>]*)?(?<!/)>", text)
    if found is None:
        return ""
    end = text.rfind(f"</{name}", found.end()) if name == _CONTENT else text.find(f"</{name}", found.end())
    return _plain(text[found.end() : end if end >= 0 else len(text)])


def _decoded(file: IO[bytes]) -> io.TextIOWrapper:
    """The text of a file in the encoding that it declares; what cannot be decoded is replaced."""
    buffered = io.BufferedReader(_Raw(file), _CHUNK)
    head = buffered.peek(400)[:400]
    found = _ENCODING.match(head.removeprefix(codecs.BOM_UTF8).lstrip())
    name = "utf-8-sig"
    if head[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        name = "utf-16"
    elif found:
        with contextlib.suppress(LookupError):
            declared = codecs.lookup(found[1].decode("ascii"))
            is_text = getattr(declared, "_is_text_encoding", True) and not declared.name.startswith("utf")
            name = declared.name if is_text else name
    return io.TextIOWrapper(buffered, encoding=name, errors="replace", newline="\n")


class _Raw(io.RawIOBase):
    """A file, or a member of an archive, as a raw stream."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as many bytes as there is room for."""
        data = self._file.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Window:
    """A part of a long text: characters are added at its end and dropped at its beginning."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self.held, self.ended = text, "", False

    def grow(self) -> bool:
        """Read on; False at the end of the text, and where the window would be too large."""
        if self.ended or len(self.held) > MOST:
            return False
        more = self._text.read(_CHUNK)
        self.held += more
        self.ended = not more
        return bool(more)

    def drop(self, count: int) -> None:
        """Forget the first characters."""
        self.held = self.held[count:]


def _pieces(text: io.TextIOWrapper) -> Iterator[str | None]:
    """Yield what stands before the first item, then each item from tag to tag; None for one without an end."""
    window = _Window(text)
    at, is_first = 0, True
    while True:
        found = _ITEM.search(window.held, at)
        if found is None:
            at = max(at, len(window.held) - 200)
            if not is_first:
                window.drop(at)
                at = 0
            if window.grow():
                continue
            if is_first:
                yield window.held
            return
        if is_first:
            yield window.held[: found.start()]
            is_first = False
        end = _end_of_item(window, found)
        yield window.held[found.start() : end] if end else None
        if not end and window.ended:
            return
        at = end or found.end()
        if at > _CHUNK // 4:
            window.drop(at)
            at = 0


def _end_of_item(window: _Window, start: re.Match[str]) -> int:
    """Where the item ends that begins at `start`; 0 where it has no end."""
    at = start.end()
    while True:
        found = _END.search(window.held, at)
        if found is None:
            at = max(at, len(window.held) - len(_CDATA) - 2)
            if not window.grow():
                break
        elif found[0] != _CDATA:
            return found.end()
        else:
            at, here = found.end(), found.end()
            while (end := window.held.find(_CDATA_END, here)) < 0:
                here = max(at, len(window.held) - 2)
                if not window.grow():
                    break
            if end < 0:
                break
            at = end + len(_CDATA_END)
    # Without CDATA: the end of an item that opens one and never closes it.
    plain = window.held.find("</item>", start.end())
    return plain + len("</item>") if plain >= 0 else 0


def _may_be_post(piece: str) -> bool:
    """Whether a look at an item does not show that it is an attachment, a menu or the like: a half of most files is."""
    start = piece.rfind(_TYPE)
    value = piece[start + len(_TYPE) : start + len(_TYPE) + 40] if start >= 0 else ""
    return value.lstrip().removeprefix(_CDATA).lstrip().startswith(("post", "page", "<", "&")) or not value


def _without_tail(piece: str) -> str:
    """An item without the comments and the notes of plugins that follow on the post, where nothing else does."""
    start = piece.rfind("</content:encoded>")
    cuts = [cut for name in ("<wp:postmeta>", "<wp:comment>") if (cut := piece.find(name, start)) >= 0]
    cut = min(cuts, default=0)
    if start < 0 or piece.rfind(_TYPE, 0, cut) < 0 or any(piece.find(name, cut) >= 0 for name in _BEFORE_TAIL):
        return piece
    return piece[:cut] + "</item>"


def _item(opening: str, piece: str) -> Item:
    try:
        fields, categories = _Parse().run(f"{opening}{piece}</rss>")
        whole = True
    except (expat.ExpatError, ValueError):
        fields, categories = _by_tags(piece)
        whole = False
    names = (name.strip() for about, name in categories if _is_tag(about))
    return Item(fields, tuple(dict.fromkeys(name for name in names if name)), whole)


def _is_tag(about: dict[str, str]) -> bool:
    return about.get("domain", "category") in _TAXONOMIES and about.get("nicename", "").lower() != "uncategorized"


def _opening(head: str) -> str:
    """The root of an item that stands alone: the names that the file declares, and the usual ones."""
    found = _ROOT.search(head)
    declared = _NAMESPACES | (dict(_DECLARED.findall(found[0])) if found else {})
    names = "".join(f' xmlns:{name}="{uri}"' for name, uri in declared.items() if uri)
    return f"<rss{names}>"


class _Parse:
    """One item through expat. Only its own fields are kept: comments and the like stand deeper."""

    def __init__(self) -> None:
        self.fields: Fields = {}
        self.categories: Categories = []
        self._depth = 0
        self._open, self._about = "", dict[str, str]()
        self._parts: list[str] = []

    def run(self, text: str) -> tuple[Fields, Categories]:
        """The fields and categories of the item that `text` holds. Raises `ExpatError`."""
        self._parser = parser = expat.ParserCreate("utf-8", " ")
        parser.buffer_text, parser.buffer_size = True, 65_536
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.Parse(text.encode("utf-8", "replace"), True)
        return self.fields, self.categories

    def _begin(self, name: str, about: dict[str, str]) -> None:
        self._depth += 1
        if self._depth == 3:
            short = _short(name)
            if short in _WANTED or short == "category":
                self._open, self._about, self._parts = short, about, []
                self._parser.CharacterDataHandler = self._parts.append

    def _end(self, name: str) -> None:
        self._depth -= 1
        if self._depth == 2 and self._open:
            value = "".join(self._parts)
            self._parser.CharacterDataHandler = None
            if self._open == "category":
                self.categories.append((self._about, value))
            else:
                self.fields.setdefault(self._open, value)
            self._open = ""


@functools.lru_cache(maxsize=512)
def _short(name: str) -> str:
    """The usual name of an element, `wp:post_id` say, for its namespace and name."""
    uri, _, local = name.rpartition(" ")
    if not uri:
        return local
    uri = uri.partition("://")[2]  # some say https
    if uri.startswith("wordpress.org/export/"):
        return f"wp:{local}" if "excerpt" not in uri else ""
    return f"{_PREFIXES[uri]}:{local}" if uri in _PREFIXES else ""


def _by_tags(piece: str) -> tuple[Fields, Categories]:
    """The fields of an item that is not well-formed, tag by tag; none is looked for inside the text of the post."""
    found = re.search(rf"<{_CONTENT}(?:\s[^>]*)?(?<!/)>", piece)
    end = piece.rfind(f"</{_CONTENT}") if found else -1
    rest = piece
    fields: Fields = {}
    if found and end > found.start():
        fields[_CONTENT] = _plain(piece[found.end() : end])
        rest = piece[: found.start()] + piece[end:]
    for name in _FIELDS:
        if name != _CONTENT:
            fields[name] = value_of(rest, name)
    categories = [(dict(_ATTRIBUTE.findall(about)), _plain(value)) for about, value in _CATEGORY.findall(rest)]
    return fields, categories


def _plain(value: str) -> str:
    value = value.strip()
    if not value.startswith(_CDATA):
        return html.unescape(value)
    value = value.removeprefix(_CDATA)
    end = value.rfind(_CDATA_END)
    return (value[:end] if end >= 0 else value).replace(_CDATA_JOINT, _CDATA_END)


def _authors_of(head: str) -> dict[str, str]:
    found = {}
    for about in _AUTHOR.findall(head):
        login, name = value_of(about, "wp:author_login"), value_of(about, "wp:author_display_name")
        if login and name:
            found[login.strip()] = name.strip()
    return found
