"""Read Publii's rows as they are: which posts count, in what order, by which editor they were written.

In: an open `Site`. Out: `Row`s with the raw text, one at a time, oldest first.

    for row in iter_rows(site): print(row.date, row.title)

Publii's `status` is a set of words joined by commas in any order. A live post is `published` and none of
`trashed`, `draft`, `is-page`; `hidden`, `featured` and `excluded_homepage` posts are live.
"""

import contextlib
import functools
import json
import math
import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

from penname.core import events
from penname.sources.ids import Numbers
from penname.sources.post import DRAFT, PAGE, TRASHED, Counts, Platform, Post, Wanted, kind_of
from penname.sources.publii_site import Site, open_site
from penname.sources.publii_snapshot import MAX_VALUE_BYTES, database_errors

EDITORS = ("tinymce", "blockeditor", "markdown")
T = TypeVar("T")
_SHORT = 200  # characters
_MARKS = {"trashed": TRASHED, "draft": DRAFT, "is-page": PAGE}
_NO_MARKS: frozenset[str] = frozenset()
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
_TOO_LARGE = object()
# Dates sort as numbers even where they are stored as text; only ids are sorted, texts are fetched one by one.
# A row is found again by its rowid: what stands in `id` may be anything, see `sources/ids.py`.
_ORDER = "SELECT rowid, id, status FROM posts ORDER BY CAST(created_at AS INTEGER), id, rowid"
_COLUMNS = ("title", "slug", "created_at", "text")
_POST = f"SELECT {', '.join(_COLUMNS)} FROM posts WHERE rowid = ?"
# What belongs to a post names its id as it stands there, or the whole number that it spells.
_PLAIN, _ODD = "= ?", "IN ((SELECT id FROM posts WHERE rowid = ?), ?)"
_CORE = "SELECT value FROM posts_additional_data WHERE post_id {} AND key = '_core' ORDER BY id DESC LIMIT 1"
_TAGS = (
    "SELECT name FROM tags WHERE id IN (SELECT tag_id FROM posts_tags WHERE post_id {}) ORDER BY name, id LIMIT 1000"
)


@dataclass(frozen=True)
class Row:
    """One row of `posts` as Publii stores it.

    `id` is a whole number that no other row has (see `sources/ids.py`); `date` is the ISO day (UTC) of `created_at`, or
    empty when that is no date; `source` is HTML, block JSON or Markdown, according to `editor`: `tinymce`,
    `blockeditor` or `markdown`.
    """

    id: int
    title: str
    slug: str
    date: str
    source: str
    editor: str
    status: frozenset[str]
    tags: tuple[str, ...]


def iter_rows(site: Site, *, pages: bool = False, drafts: bool = False, trashed: bool = False) -> Iterator[Row]:
    """Yield the live posts, and what else is asked for, by `created_at` and then `id`; memory stays flat.

    Rows without a date come first. A draft of a page comes only with both `pages` and `drafts`, and so on.
    Raises `InputError` when the database turns out to be damaged on the way.
    """
    left_out = {word for word, wanted in (("is-page", pages), ("draft", drafts), ("trashed", trashed)) if not wanted}
    return (row for row in _rows(site, left_out) if isinstance(row, Row))


def _rows(site: Site, left_out: Collection[str]) -> "Iterator[Row | frozenset[str]]":
    """Yield the rows; of one with a word of `left_out` in its status only the status."""
    with database_errors(site.path):
        numbers = Numbers()
        for place, value, text in site.connection.execute(_ORDER):
            # Each row gets its number, read or not: it is then the same whatever is read.
            number, status = numbers.of(value), _marks(text)
            if status.isdisjoint(left_out):
                yield _row(site, place, (value,) if isinstance(value, int) else (place, number), number, status)
            else:
                yield status


class PubliiReader:
    """A site's rows as posts; reads the database from its beginning each time."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name, self.title, self.language, self.notes = site.name, site.display_name, site.language, site.notes

    def total(self, wanted: Wanted) -> int:
        """How many rows are wanted, drafts of pages and the like not counted exactly."""
        counts = count_rows(self.site)
        extra = ((wanted.pages, counts.pages), (wanted.drafts, counts.drafts), (wanted.trashed, counts.trashed))
        return counts.live + sum(count for asked, count in extra if asked)

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield every row as a post; one that is not wanted has its marks only."""
        asked = (("is-page", wanted.pages), ("draft", wanted.drafts), ("trashed", wanted.trashed))
        for row in _rows(self.site, {word for word, wish in asked if not wish}):
            yield self._post(row) if isinstance(row, Row) else Post("", None, "", "", "", (), "", "", "", marks_of(row))

    def _post(self, row: Row) -> Post:
        url = self.site.post_url(row.slug, page="is-page" in row.status)
        marks = marks_of(row.status)
        return Post(str(row.id), url, row.title, row.date, self.language, row.tags, row.source, row.editor, marks=marks)


def _knows(path: Path) -> bool:
    """Publii is asked last: what it cannot read is named in an error."""
    return True


@contextmanager
def _open(path: Path) -> Iterator[PubliiReader]:
    with open_site(path) as site:
        yield PubliiReader(site)


PLATFORM = Platform("Publii", _knows, _open)


def count_rows(site: Site) -> Counts:
    """Count every row of `posts` by kind."""
    counts = {"live": 0, "pages": 0, "drafts": 0, "trashed": 0}
    with database_errors(site.path):
        for (text,) in site.connection.execute("SELECT status FROM posts"):
            counts[kind_of(marks_of(_marks(text)))] += 1
    return Counts(**counts)


def marks_of(status: frozenset[str]) -> frozenset[str]:
    """What a row is besides a live post, for the words of its status."""
    return frozenset(mark for word, mark in _MARKS.items() if word in status) if status & _MARKS.keys() else _NO_MARKS


def iso_day(created_at: object) -> str:
    """The ISO day (UTC) of integer milliseconds since 1970, negative ones too; empty when it is no date.

    Takes what SQLite may hold: an integer, a float, a string of either, an ISO date, None, bytes.
    """
    text = _plain(created_at).strip()
    try:
        number = float(text)
        if not math.isfinite(number):
            return ""
        # Integers above 2**53 are beyond the year 9999 anyway, so the float loses nothing.
        return (_EPOCH + timedelta(days=int(number // _DAY_MS))).isoformat()
    except OverflowError:
        return ""
    except ValueError:
        return _iso_text(text)


def editor_of(core: object, source: str) -> str:
    """The editor that `_core` names; where it names none, or tinymce, block JSON is known by its look.

    Publii deletes `_core` and inserts it again when it saves, so a reader may meet a block post without one.
    """
    named = _few(_named_editor, _plain(core))
    if named in ("blockeditor", "markdown"):
        return named
    return "blockeditor" if is_block_json(source) else "tinymce"


def is_block_json(source: str) -> bool:
    """Whether `source` is a JSON list of blocks, each with a `type`."""
    if not source.lstrip().startswith("["):
        return False
    try:
        blocks = json.loads(source)
    except (ValueError, RecursionError):
        return False
    return (
        isinstance(blocks, list)
        and bool(blocks)
        and all(isinstance(block, dict) and isinstance(block.get("type"), str) for block in blocks)
    )


def _row(site: Site, place: int, ids: tuple[int, ...], number: int, status: frozenset[str]) -> Row:
    title, slug, created_at, source = _columns(site, place)
    source = _plain(source)
    return Row(
        id=number,
        title=_plain(title).strip(),
        slug=_plain(slug).strip(),
        date=iso_day(created_at),
        source=source,
        editor=editor_of(_core(site, ids), source),
        status=status,
        tags=_tags(site, ids),
    )


def _columns(site: Site, place: int) -> tuple[object, ...]:
    """The columns of one post; one that is over the limit is empty, and that is said."""
    try:
        found: tuple[object, ...] = site.connection.execute(_POST, (place,)).fetchone()
        return found
    except sqlite3.DataError:
        values = {name: _column(site, name, place) for name in _COLUMNS}
    lacking = ", ".join(name for name, value in values.items() if value is _TOO_LARGE)
    name = _plain(values["title"]).strip()[:60] if values["title"] is not _TOO_LARGE else ""
    events.warn(
        f"The post “{name or place}” holds more than {MAX_VALUE_BYTES // 2**20} MiB in one piece ({lacking}), "
        "which is not read: split it in Publii, or take pasted pictures out of it."
    )
    return tuple("" if value is _TOO_LARGE else value for value in values.values())


def _column(site: Site, name: str, place: int) -> object:
    try:
        return site.connection.execute(f"SELECT {name} FROM posts WHERE rowid = ?", (place,)).fetchone()[0]
    except sqlite3.DataError:
        return _TOO_LARGE


def _core(site: Site, ids: tuple[int, ...]) -> object:
    with contextlib.suppress(sqlite3.DataError):
        found = site.connection.execute(_CORE.format(_PLAIN if len(ids) == 1 else _ODD), ids).fetchone()
        return found[0] if found else None
    return None


def _tags(site: Site, ids: tuple[int, ...]) -> tuple[str, ...]:
    with contextlib.suppress(sqlite3.DataError):
        names = [
            _plain(name).strip()
            for (name,) in site.connection.execute(_TAGS.format(_PLAIN if len(ids) == 1 else _ODD), ids)
        ]
        return tuple(dict.fromkeys(name for name in names if name))
    return ()


def _marks(status: object) -> frozenset[str]:
    """The words of a status; a row that is neither published nor a draft counts as a draft."""
    return _few(_words_of, _plain(status))


def _few(read: "functools._lru_cache_wrapper[T]", text: str) -> T:
    """Read a short text that many rows have once."""
    return read(text) if len(text) < _SHORT else read.__wrapped__(text)  # a cache of long ones would cost memory


@functools.lru_cache(maxsize=256)
def _words_of(status: str) -> frozenset[str]:
    words = {word.strip().lower() for word in status.split(",")} - {""}
    return frozenset(words if "published" in words else words | {"draft"})


@functools.lru_cache(maxsize=256)
def _named_editor(core: str) -> str:
    try:
        value: Any = json.loads(core)
    except (ValueError, RecursionError):
        return ""
    editor = value.get("editor") if isinstance(value, dict) else None
    return editor.strip().lower() if isinstance(editor, str) else ""


def _iso_text(text: str) -> str:
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""


def _plain(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return value if isinstance(value, str) else str(value)
