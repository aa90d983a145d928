"""The head and the entries of an RSS or Atom file, one at a time, by expat.

    head, *entries = iter_entries(file)

In: a file of bytes. Out: texts by the names that `feeds.py` knows, the head first. A file that defines an
entity is refused; one that is cut off or not well-formed raises `BrokenFeedError` after what is whole.
"""

import html
from collections.abc import Iterator
from typing import IO
from xml.parsers import expat

Entry = dict[str, str]
_CHUNK = 65_536
_LONGEST = 32 << 20
_XHTML = "http://www.w3.org/1999/xhtml"
_CONTENT = "http://purl.org/rss/1.0/modules/content/"
_BLOGGER = "http://schemas.google.com/blogger/2018"
_USUAL = {"content": _CONTENT, "blogger": _BLOGGER}
"""What prefixes mean that a file uses and does not declare: Blogger's old backups do so."""
_KIND = "http://schemas.google.com/g/2005#kind"
_MEDIA = ("http://search.yahoo.com/mrss/", "http://www.itunes.com/dtds/podcast-1.0.dtd")
_NAMES = {
    "guid": "id", "id": "id", "link": "link", "title": "title", "description": "description", "summary": "description",
    "content": "content", "encoded": "content", "pubDate": "date", "date": "date", "published": "date",
    "issued": "date", "updated": "updated", "modified": "updated", "language": "language", "creator": "author",
}  # fmt: skip
_OF_BLOGGER = {"type": "kind", "status": "status", "filename": "filename"}


class BrokenFeedError(Exception):
    """The file ends in the middle, is not well-formed, or defines entities."""


def iter_entries(file: IO[bytes]) -> Iterator[Entry]:
    """Yield the head of a feed and then each of its entries."""
    parse = _Parse()
    is_told = False
    error: BrokenFeedError | None = None
    while error is None:
        data = file.read(_CHUNK)
        try:
            parse.feed(data)
        except expat.ExpatError as broken:
            error = BrokenFeedError(expat.ErrorString(broken.code) or "not well-formed")
        except (BrokenFeedError, ValueError, LookupError) as broken:
            error = BrokenFeedError(str(broken))
        if not is_told and (parse.found or not data or error):
            yield parse.head
            is_told = True
        yield from parse.found
        parse.found.clear()
        if not data:
            break
    if error is not None:
        raise error


class _Parse:
    """Keeps what one entry holds; `found` are those that have ended."""

    def __init__(self) -> None:
        self.head: Entry = {}
        self.found: list[Entry] = []
        self._entry: Entry | None = None
        self._path: list[str] = []
        self._spaces = [_USUAL]
        self._base = 0
        self._open, self._level, self._is_markup = "", 0, False
        self._parts: list[str] = []
        self._size = 0
        parser = self._parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler, parser.EndElementHandler = self._begin, self._end
        parser.CharacterDataHandler = self._text
        parser.EntityDeclHandler = self._refuse

    def feed(self, data: bytes) -> None:
        """Parse on; nothing more is the end."""
        self._parser.Parse(data, not data)

    def _refuse(self, *_: object) -> None:
        raise BrokenFeedError("it defines entities, which no feed needs")

    def _begin(self, name: str, about: dict[str, str]) -> None:
        declared = {key[5:].lstrip(":"): value for key, value in about.items() if key[:5] == "xmlns"}
        self._spaces.append(self._spaces[-1] | declared if declared else self._spaces[-1])
        prefix, _, local = name.rpartition(":")
        uri = self._spaces[-1].get(prefix, "")
        self._path.append(local)
        if self._open:
            if self._is_markup and uri in ("", _XHTML):
                self._keep(f"<{local}{''.join(_attribute(*each) for each in about.items() if ':' not in each[0])}>")
            return
        if self._entry is None and local in ("item", "entry"):
            self._entry, self._base = {}, len(self._path)
            return
        depth = len(self._path) - self._base
        if self._entry is None:
            if len(self._path) <= 3 and self._path[-2:-1] in (["channel"], ["feed"]):
                self._start(uri, local, about, self.head)
        elif depth == 1 or (depth == 2 and self._path[-2:] in (["author", "name"], ["control", "draft"])):
            self._start(uri, local, about, self._entry)

    def _start(self, uri: str, local: str, about: dict[str, str], into: Entry) -> None:
        """Begin to keep a field, or take it from its attributes."""
        field = _OF_BLOGGER.get(local, "") if uri == _BLOGGER else _NAMES.get(local, "")
        if (local == "encoded" and uri != _CONTENT) or uri in _MEDIA:
            field = ""
        if self._path[-2:] == ["author", "name"]:
            field = "author"
        elif self._path[-2:] == ["control", "draft"]:
            field = "draft"
        elif local == "category":
            _category(about, into)
            field = "" if "term" in about else "tags"
        elif local == "link" and "href" in about:
            field = ""
            if about.get("rel", "alternate") == "alternate" and "html" in about.get("type", "html"):
                into.setdefault("link", about["href"])
        elif local == "link" and "Atom" in uri:
            field = ""
        elif local == "title":
            into.setdefault("title_type", about.get("type", "text") if "Atom" in uri else "html")
        elif local == "guid":
            into["guid"] = "" if about.get("isPermaLink", "true").lower() == "false" else "permalink"
        if field:
            self._open, self._level, self._parts, self._size = field, len(self._path), [], 0
            self._is_markup = about.get("type", "") in ("xhtml", "application/xhtml+xml")
            self._is_plain = "Atom" in uri and local in ("content", "summary") and about.get("type", "text") == "text"

    def _text(self, text: str) -> None:
        if self._open:
            self._keep(html.escape(text, quote=False) if self._is_markup else text)

    def _keep(self, text: str) -> None:
        self._size += len(text)
        if self._size > _LONGEST:
            raise BrokenFeedError("one of its posts is larger than 32 MiB")
        self._parts.append(text)

    def _end(self, name: str) -> None:
        prefix, _, local = name.rpartition(":")
        uri = self._spaces.pop().get(prefix, "")
        depth = len(self._path)
        self._path.pop()
        if self._open and depth == self._level:
            self._close()
        elif self._open:
            if self._is_markup and uri in ("", _XHTML):
                self._keep(f"</{local}>")
        elif self._entry is not None and depth == self._base:
            self.found.append(self._entry)
            self._entry, self._base = None, 0

    def _close(self) -> None:
        into = self.head if self._entry is None else self._entry
        value = "".join(self._parts)
        if self._is_plain and "<" not in value:
            value = html.escape(value, quote=False).replace("\n\n", "<p></p>")
        if self._open == "tags":
            into["tags"] = f"{into.get('tags', '')}\n{' '.join(value.split())}"
        elif self._open == "content":
            into["content"] = max(into.get("content", ""), value, key=len)
        elif value.strip():
            into.setdefault(self._open, value)
        self._open = ""


def _category(about: dict[str, str], into: Entry) -> None:
    """A tag of Atom, or what Blogger's old backup says an entry is."""
    term = about.get("term", "")
    if about.get("scheme") == _KIND:
        into["kind"] = term.rpartition("#")[2]
    elif term:
        into["tags"] = f"{into.get('tags', '')}\n{' '.join((about.get('label') or term).split())}"


def _attribute(name: str, value: str) -> str:
    return f' {name}="{html.escape(value)}"'
