"""Read Publii's rows as they are: which posts count, in what order, by which editor they were written.

In: an open `Site`. Out: `Row`s with the raw text, one at a time, oldest first.

    for row in iter_rows(site): print(row.date, row.title)

Publii's `status` is a set of words joined by commas in any order. A live post is `published` and none of
`trashed`, `draft`, `is-page`; `hidden`, `featured` and `excluded_homepage` posts are live.
"""

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from penname.blog.site import Site
from penname.blog.snapshot import database_errors

EDITORS = ("tinymce", "blockeditor", "markdown")
_DAY_MS = 86_400_000
_EPOCH = date(1970, 1, 1)
# Dates sort as numbers even where they are stored as text; only ids are sorted, texts are fetched one by one.
_ORDER = "SELECT id, status FROM posts ORDER BY CAST(created_at AS INTEGER), id"
_POST = "SELECT title, slug, created_at, text FROM posts WHERE id = ?"
_CORE = "SELECT value FROM posts_additional_data WHERE post_id = ? AND key = '_core' ORDER BY id DESC LIMIT 1"
_TAGS = (
    "SELECT tags.name FROM posts_tags JOIN tags ON tags.id = posts_tags.tag_id "
    "WHERE posts_tags.post_id = ? ORDER BY tags.name, tags.id"
)


@dataclass(frozen=True)
class Row:
    """One row of `posts` as Publii stores it.

    `date` is the ISO day (UTC) of `created_at`, or empty when that is no date; `source` is HTML, block JSON
    or Markdown, according to `editor`: `tinymce`, `blockeditor` or `markdown`.
    """

    id: int
    title: str
    slug: str
    date: str
    source: str
    editor: str
    status: frozenset[str]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class Counts:
    """How many rows there are of each kind; each row counts once: trashed before draft before page."""

    live: int = 0
    pages: int = 0
    drafts: int = 0
    trashed: int = 0


def iter_rows(site: Site, *, pages: bool = False, drafts: bool = False, trashed: bool = False) -> Iterator[Row]:
    """Yield the live posts, and what else is asked for, by `created_at` and then `id`; memory stays flat.

    Rows without a date come first. A draft of a page comes only with both `pages` and `drafts`, and so on.
    Raises `InputError` when the database turns out to be damaged on the way.
    """
    left_out = {word for word, wanted in (("is-page", pages), ("draft", drafts), ("trashed", trashed)) if not wanted}
    with database_errors(site.path):
        for id_, text in site.connection.execute(_ORDER):
            status = _marks(text)
            if id_ is not None and not status & left_out:
                row = _row(site, id_, status)
                if row is not None:
                    yield row


def count_rows(site: Site) -> Counts:
    """Count every row of `posts` by kind."""
    counts = {"live": 0, "pages": 0, "drafts": 0, "trashed": 0}
    with database_errors(site.path):
        for (text,) in site.connection.execute("SELECT status FROM posts WHERE id IS NOT NULL"):
            counts[kind_of(_marks(text))] += 1
    return Counts(**counts)


def kind_of(status: frozenset[str]) -> str:
    """`live`, `pages`, `drafts` or `trashed`, for the words of a status."""
    for word, kind in (("trashed", "trashed"), ("draft", "drafts"), ("is-page", "pages")):
        if word in status:
            return kind
    return "live"


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
    named = _named_editor(_plain(core))
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


def _row(site: Site, id_: int, status: frozenset[str]) -> Row | None:
    found = site.connection.execute(_POST, (id_,)).fetchone()
    if found is None:
        return None
    title, slug, created_at, source = found
    core = site.connection.execute(_CORE, (id_,)).fetchone()
    source = _plain(source)
    return Row(
        id=id_,
        title=_plain(title).strip(),
        slug=_plain(slug).strip(),
        date=iso_day(created_at),
        source=source,
        editor=editor_of(core[0] if core else None, source),
        status=status,
        tags=_tags(site, id_),
    )


def _tags(site: Site, id_: int) -> tuple[str, ...]:
    names = (_plain(name).strip() for (name,) in site.connection.execute(_TAGS, (id_,)))
    return tuple(dict.fromkeys(name for name in names if name))


def _marks(status: object) -> frozenset[str]:
    """The words of a status; a row that is neither published nor a draft counts as a draft."""
    words = {word.strip().lower() for word in _plain(status).split(",")} - {""}
    return frozenset(words if "published" in words else words | {"draft"})


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
