"""Ghost's JSON export: its posts and their tags, and nothing else of it.

    with open_source(Path("my-blog.ghost.2026-01-01.json")) as source: ...

In: the file, or a `.zip` with it. Out: posts as HTML, from `html` where that is there, else from Lexical or mobiledoc
(`ghost_text.py`). The file also holds members, users, API keys and settings. It is read as a stream of events (ijson),
of which only the lists `posts`, `tags` and `posts_tags` become values, and of those only the fields named here: the
rest is never held, printed or kept. Two passes: tags stand behind the posts. A file that is cut off gives what is
whole.
"""

import contextlib
import re
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import ijson

from penname.core import events
from penname.core.errors import InputError
from penname.sources.archive import BROKEN, Given, files_of
from penname.sources.front_matter import day_of
from penname.sources.ghost_text import body_of
from penname.sources.post import DRAFT, PAGE, PRIVATE, Platform, Post, Wanted

_FIELDS = frozenset(
    {
        "id", "uuid", "title", "slug", "html", "lexical", "mobiledoc", "plaintext", "type", "page", "status",
        "visibility", "published_at", "created_at", "canonical_url", "locale",
    }
)  # fmt: skip
_TAG_FIELDS = frozenset({"id", "name", "visibility"})
_LINK_FIELDS = frozenset({"post_id", "tag_id", "sort_order"})
_ROOTS = ("db.item.data", "data", "")
"""Where the lists stand, by the age of the export."""
_SIGN = re.compile(rb'"(?:lexical|mobiledoc|posts_tags|posts_authors|exported_on)"\s*:')
_ENDS = (ijson.JSONError, UnicodeDecodeError, ValueError, RecursionError)
_STATUS = {"published": "", "sent": PRIVATE}

Row = dict[str, Any]


class GhostReader:
    """The posts of an export, in its order."""

    def __init__(self, path: Path, file: Given) -> None:
        self._path, self._file = path, file
        self.name = path.name.removesuffix(".zip").removesuffix(".json") or "ghost"
        self.title, self.language = "", ""
        self.notes: tuple[str, ...] = ()

    def total(self, wanted: Wanted) -> None:
        """Not known before the end."""

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield every post; one that is not wanted has no text."""
        tags = self._tags()
        seen: set[str] = set()
        for row in self._rows({"posts": _FIELDS}, tell=True):
            post = _post(row[1], tags, wanted)
            if post.id and post.id not in seen:
                seen.add(post.id)
                yield post

    def _tags(self) -> dict[str, list[str]]:
        """The public tags of each post, in their order."""
        names: dict[str, str] = {}
        links: list[tuple[float, str, str]] = []
        for kind, row in self._rows({"tags": _TAG_FIELDS, "posts_tags": _LINK_FIELDS}):
            if kind == "tags":
                names[str(row.get("id"))] = _line(row.get("name"))
            else:
                order = row.get("sort_order")
                place = float(order) if isinstance(order, int | Decimal) else 0.0
                links.append((place, str(row.get("post_id")), str(row.get("tag_id"))))
        found: defaultdict[str, list[str]] = defaultdict(list)
        for _, post, tag in sorted(links):
            # Names that begin with # are for the theme.
            if (name := names.get(tag, "")) and not name.startswith("#") and name not in found[post]:
                found[post].append(name)
        return found

    def _rows(self, wanted: dict[str, frozenset[str]], tell: bool = False) -> Iterator[tuple[str, Row]]:
        """Yield the whole rows of some lists, with some of their fields."""
        try:
            with self._file.open() as file:
                yield from _stream(file, wanted)
        except _ENDS:
            if tell:
                events.warn(
                    f"{self._path.name} is cut off in the middle or broken: what is whole before that is read. "
                    "Export the blog again for the rest."
                )
        except BROKEN as error:
            raise InputError(f"{self._path} cannot be read ({error}): export the blog again.") from error


def _stream(file: Any, wanted: dict[str, frozenset[str]]) -> Iterator[tuple[str, Row]]:
    """The rows of the lists that are `wanted`, from the events of the parser; no other value is made."""
    rows = {f"{root}.{name}.item".lstrip("."): name for root in _ROOTS for name in wanted}
    row: Row | None = None
    here, name = "", ""
    for prefix, event, value in ijson.parse(file):
        if row is None:
            if event == "start_map" and prefix in rows:
                row, here, name = {}, prefix, rows[prefix]
        elif prefix == here and event == "end_map":
            yield name, row
            row = None
        elif event in ("string", "number", "boolean", "null"):
            field = prefix[len(here) + 1 :]
            if field in wanted[name]:
                row.setdefault(field, value)


def _post(row: Row, tags: dict[str, list[str]], wanted: Wanted) -> Post:
    key = _line(row.get("id")) or _line(row.get("uuid")) or _line(row.get("slug"))
    url = _line(row.get("canonical_url"))
    status, visibility = _line(row.get("status")).lower(), _line(row.get("visibility")).lower()
    marks = {
        _STATUS.get(status, DRAFT) if status else "",
        PAGE if _line(row.get("type")) == "page" or row.get("page") in (True, 1) else "",
        PRIVATE if visibility not in ("", "public") else "",
    } - {""}
    post = Post(key, None, "", "", "", (), "", "html", marks=frozenset(marks))
    if not wanted.takes(post):
        return post
    return Post(
        id=key,
        url=url if url.lower().startswith(("https://", "http://")) else None,
        title=_line(row.get("title")),
        date=_day(row.get("published_at")) or _day(row.get("created_at")),
        language=_line(row.get("locale")),
        tags=tuple(tags.get(key, ())),
        body=body_of(*(_text(row.get(name)) for name in ("html", "lexical", "mobiledoc", "plaintext"))),
        format="html",
        marks=frozenset(marks),
    )


def _day(value: Any) -> str:
    """The ISO day of a time as Ghost writes it: ISO, or milliseconds since 1970."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        with contextlib.suppress(ValueError, OverflowError, OSError):
            return datetime.fromtimestamp(float(value) / 1000, UTC).date().isoformat()
        return ""
    return day_of(value) if isinstance(value, str) else ""


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _line(value: Any) -> str:
    return " ".join(str(value).split()) if isinstance(value, str | int) and not isinstance(value, bool) else ""


# -- the platform ------------------------------------------------------------------------------------------------------


def _is_export(file: Given) -> bool:
    """Whether a file begins as an export does, with the list of posts in it."""
    head = file.head()
    if not head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{") or not _SIGN.search(head):
        return False
    return bool(re.search(rb'"(?:db|data|posts)"\s*:', head))


@contextmanager
def _exports(path: Path) -> Iterator[list[Given]]:
    if path.is_dir() or not path.exists():
        yield []
        return
    with files_of(path, (".json",)) as files:
        yield [file for file in files[:100] if _is_export(file)]


def _knows(path: Path) -> bool:
    with contextlib.suppress(OSError, InputError, ValueError), _exports(path) as files:
        return bool(files)
    return False


@contextmanager
def _open(path: Path) -> Iterator[GhostReader]:
    with _exports(path) as files:
        yield GhostReader(path, files[0])


PLATFORM = Platform("Ghost", _knows, _open)
