"""Open a Publii site, in any form in which a user may have it, without ever writing to it.

In: a path (db file, `input` folder, site folder, backup `.tar`). Out: `Site`, with a connection that only reads, to
a private copy that no end of the program leaves behind.

    with open_site(Path("Documents/Publii/sites/my-blog")) as site:
        rows = list(iter_rows(site))
"""

import contextlib
import json
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from penname.core import events
from penname.core.files import private_folder
from penname.core.terminal import printable
from penname.sources.ids import note_on_ids
from penname.sources.locate import Found, locate, unreadable
from penname.sources.publii_backup import MAX_CONFIG_BYTES, unpack
from penname.sources.publii_snapshot import copy_database, database_errors, open_copy

_LONGEST = 200
"""Characters of a setting; Publii's folder names are shorter."""


@dataclass(frozen=True)
class Site:
    """An open site.

    `name` is Publii's folder name, `language` what the settings say (often just the default `en`), `domain`
    the address with its protocol, or empty. `notes` tell what was met on the way; `connection` is read-only.
    """

    name: str
    display_name: str
    language: str
    domain: str
    connection: sqlite3.Connection
    path: Path
    notes: tuple[str, ...] = ()
    posts_prefix: str = ""
    clean_urls: bool = False
    add_index: bool = False
    nested: bool = False
    """Whether pages stand below other pages, whose names are then part of their addresses."""

    def post_url(self, slug: str, page: bool = False) -> str | None:
        """The public address of a post or page, as Publii builds it; None where it is not known."""
        if not self.domain or not slug or (page and self.nested):
            return None
        folder = f"/{self.posts_prefix}" if self.posts_prefix and not page else ""
        tail = f"/{'index.html' if self.add_index else ''}" if self.clean_urls else ".html"
        return f"{self.domain}{folder}/{quote(slug)}{tail}"


@contextlib.contextmanager
def open_site(path: Path) -> Iterator[Site]:
    """Open the site at `path` for the length of the block.

    Raises `InputError` when `path` is no usable site: see `locate`, `unpack`, `copy_database`, `open_copy`.
    """
    found = locate(path)
    with private_folder() as folder:
        notes = _fetch(found, folder, path)
        settings, complaint = _settings(folder / "site.config.json")
        with contextlib.closing(open_copy(folder, path)) as connection:
            with database_errors(path):
                about_ids = note_on_ids(connection)
            notes = tuple(filter(None, (*notes, *complaint, about_ids)))
            for note in notes:
                events.note(note)
            yield _site(found, settings, connection, path, notes)


def _fetch(found: Found, folder: Path, path: Path) -> tuple[str, ...]:
    """Bring the database and the settings into `folder`; after this nothing of the user's is touched."""
    try:
        if found.backup is not None:
            return unpack(found.backup, folder)
        if found.config is not None and found.config.stat().st_size <= MAX_CONFIG_BYTES:
            shutil.copyfile(found.config, folder / "site.config.json")
    except OSError as error:
        raise unreadable(path, error) from error
    return copy_database(found.database or path, folder)


def _settings(config: Path) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Publii's `site.config.json` as a dictionary; a broken one costs the site its name, not the run."""
    if not config.exists():
        return {}, ()
    try:
        settings = json.loads(config.read_text(encoding="utf-8-sig", errors="replace"))
        if isinstance(settings, dict):
            return settings, ()
    except (ValueError, RecursionError):
        pass
    return {}, ("The site's site.config.json is not readable as JSON; its name and language are unknown.",)


def _site(
    found: Found, settings: dict[str, Any], connection: sqlite3.Connection, path: Path, notes: tuple[str, ...]
) -> Site:
    advanced = settings.get("advanced")
    urls = advanced.get("urls") if isinstance(advanced, dict) else None
    urls = urls if isinstance(urls, dict) else {}
    name = _text(settings, "name") or _tidy(found.name) or "site"
    return Site(
        name=name,
        display_name=_text(settings, "displayName") or name,
        language=_text(settings, "language"),
        domain=_address(_text(settings, "domain")),
        connection=connection,
        path=path,
        notes=notes,
        posts_prefix=_text(urls, "postsPrefix").strip("/"),
        clean_urls=urls.get("cleanUrls") is True,
        add_index=urls.get("addIndex") is True,
        nested=_has_subpages(found),
    )


def _address(domain: str) -> str:
    """The domain with its protocol, without a slash at the end; empty where it is no address of the web."""
    domain = f"https:{domain}" if domain.startswith("//") else domain
    return domain.rstrip("/") if domain.lower().startswith(("https://", "http://")) else ""


def _has_subpages(found: Found) -> bool:
    """Whether Publii keeps a hierarchy of pages beside the settings, or may do so in a backup."""
    if found.config is None:
        return found.backup is not None
    return (found.config.parent / "pages.config.json").is_file()


def _text(settings: dict[str, Any], key: str) -> str:
    value = settings.get(key)
    return _tidy(value) if isinstance(value, str) else ""


def _tidy(text: str) -> str:
    """A setting on one line, fit for a file, a terminal and a page: no lone surrogates, no control characters."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return " ".join(printable(whole).split())[:_LONGEST]
