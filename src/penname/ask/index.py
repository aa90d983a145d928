"""The index: `passages.sqlite` in the workspace, made from `text.json`, with SQLite's FTS5 for words.

    with open_index(workspace) as index:
        index.count, index.passage(17).text

In: a workspace with clean text. Out: `Index`, open for reading. Posts that have not changed are not done again; an
index of another version, or a damaged one, is made anew and that is said. The file is whole or absent: what is new is
written to a copy that takes its place. Where the workspace cannot be written to, the index is made in memory.
"""

import contextlib
import hashlib
import json
import shutil
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from penname.ask.meaning import MODEL, is_installed, load_meaning
from penname.ask.passages import cut_passages, searchable
from penname.ask.question_words import by_language
from penname.ask.vectors import add_vectors
from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.files import is_disk_full, iter_json_lines, replacing
from penname.core.workspace import Workspace, is_writable, private_files

VERSION = 2
"""Of the tables and of how text is cut; another one is made anew."""
_TOKENIZER = "porter unicode61 remove_diacritics 2"
_TABLES = f"""
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE posts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, title TEXT NOT NULL, date TEXT NOT NULL, url TEXT,
    digest TEXT NOT NULL
);
CREATE TABLE passages (number INTEGER PRIMARY KEY, post INTEGER NOT NULL, text TEXT NOT NULL, sum INTEGER NOT NULL);
CREATE INDEX passages_of_post ON passages (post);
CREATE TABLE vectors (post INTEGER PRIMARY KEY, first INTEGER NOT NULL, length REAL NOT NULL, data BLOB NOT NULL);
CREATE VIRTUAL TABLE words USING fts5 (title, text, content='', tokenize='{_TOKENIZER}');
CREATE VIRTUAL TABLE vocabulary USING fts5vocab (words, row);
"""
ENGLISH = ("en",)
"""The first language of a blog whose passages have vectors."""
T = TypeVar("T")


class DamagedIndexError(PennameError):
    """The file is no index, or a part of it cannot be read; it is made anew."""


@dataclass(frozen=True)
class Cited:
    """What an answer says of a post: the source of a passage."""

    post_id: str
    title: str
    date: str
    url: str | None


@dataclass(frozen=True)
class Passage:
    """One passage: its number in the index, its text, and the post that it stands in."""

    number: int
    post: int
    text: str
    source: Cited


class Index:
    """An index that is open for reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    @property
    def count(self) -> int:
        """Passages."""
        return int(self.connection.execute("SELECT count(*) FROM passages").fetchone()[0])

    @property
    def posts(self) -> int:
        """Posts."""
        return int(self.connection.execute("SELECT count(*) FROM posts").fetchone()[0])

    def meta(self, name: str) -> Any:
        """A value that was kept with the index; None where there is none."""
        row = self.connection.execute("SELECT value FROM meta WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else None

    def passage(self, number: int) -> Passage:
        """The passage `number`. Raises `DamagedIndexError` where its text is not what was written."""
        row = self.connection.execute(
            "SELECT p.post, p.text, p.sum, q.id, q.title, q.date, q.url "
            "FROM passages p JOIN posts q ON q.number = p.post WHERE p.number = ?",
            (number,),
        ).fetchone()
        if row is None or zlib.crc32(row[1].encode()) != row[2]:
            raise DamagedIndexError(f"passage {number} is not as it was written")
        return Passage(number, row[0], row[1], Cited(*row[3:]))

    def spread(self, stems: Iterable[str]) -> dict[str, int]:
        """In how many passages each stem stands; those that stand in none are left out."""
        wanted = list(dict.fromkeys(stems))
        found: dict[str, int] = {}
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ",".join("?" * len(some))
            found |= dict(self.connection.execute(f"SELECT term, doc FROM vocabulary WHERE term IN ({marks})", some))
        return found

    def passages_of(self, post: int) -> list[Passage]:
        """The passages of a post, in order."""
        rows = self.connection.execute("SELECT number FROM passages WHERE post = ? ORDER BY number", (post,))
        return [self.passage(number) for (number,) in rows.fetchall()]


def languages_of(index: Index) -> list[str]:
    """The languages whose commonest words fill the blog: the first one and those that reach half."""
    shares = {}
    for name, words in by_language().items():
        spread = index.spread(stems_of(words).values())
        shares[name] = sum(spread.values()) / (len(words) * index.count or 1)
    found = [name for name, share in shares.items() if share and share >= max(shares.values()) / 2]
    return sorted(found, key=lambda name: -shares[name])


def stems_of(words: Iterable[str]) -> dict[str, str]:
    """The stem of each word, by FTS5's own tokenizer; of one that it takes as several, the first."""
    listed = list(dict.fromkeys(words))
    connection = sqlite3.connect(":memory:")
    try:
        connection.executescript(
            "CREATE VIRTUAL TABLE t USING fts5 (x, tokenize='porter unicode61 remove_diacritics 2');"
            "CREATE VIRTUAL TABLE v USING fts5vocab (t, instance);"
        )
        connection.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", enumerate(listed))
        rows = connection.execute("SELECT doc, term FROM v ORDER BY doc, offset DESC").fetchall()
    finally:
        connection.close()
    return {listed[place]: term for place, term in rows}


def with_index(workspace: Workspace, use: Callable[[Index], T]) -> T:
    """Call `use` with the index of `workspace`, brought up to date first; a damaged one is made anew, once.

    Raises `InputError` when there is no clean text.
    """
    try:
        with open_index(workspace) as index:
            return use(index)
    except (sqlite3.DatabaseError, DamagedIndexError) as error:
        events.warn(f"{workspace.passages} is damaged ({error}): it is made anew from {workspace.text.name}.")
        workspace.passages.unlink(missing_ok=True)
        with open_index(workspace) as index:
            return use(index)


@contextlib.contextmanager
def open_index(workspace: Workspace) -> Iterator[Index]:
    """The index of `workspace`, up to date with its `text.json`."""
    connection = _current(workspace)
    try:
        yield Index(connection)
    finally:
        connection.close()


def remember(workspace: Workspace, name: str, value: Any) -> None:
    """Keep a value with the index; where it cannot be written to, it is worked out again each time."""
    with (
        contextlib.suppress(sqlite3.OperationalError),
        contextlib.closing(sqlite3.connect(f"{workspace.passages.resolve().as_uri()}?mode=rw", uri=True)) as connection,
        connection,
    ):
        connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))


def corpus_digest(workspace: Workspace) -> str:
    """SHA-256 of `text.json`. Raises `InputError` where there is none."""
    try:
        return hashlib.sha256(workspace.text.read_bytes()).hexdigest()
    except FileNotFoundError as error:
        raise InputError(
            f"{workspace.folder} holds no clean text yet: run `penname prepare SITE --workspace {workspace.folder}`."
        ) from error


def _current(workspace: Workspace) -> sqlite3.Connection:
    """A connection to an index of this version and this text."""
    digest = corpus_digest(workspace)
    path = workspace.passages
    old = _version_of(path)
    if old is not None and (old.version, old.corpus) == (VERSION, digest) and not old.lacks_meaning:
        return _reading(path)
    if old is not None and old.version != VERSION:
        events.note(f"{path} was made by another version of penname: it is made anew.")
    if not is_writable(workspace.folder):
        events.note(f"{workspace.folder} cannot be written to: the index is made in memory, and anew each time.")
        connection = sqlite3.connect(":memory:")
        connection.executescript(_TABLES)
        _update(connection, workspace, digest)
        return connection
    _write(workspace, digest, keep=old is not None and old.version == VERSION)
    return _reading(path)


def _write(workspace: Workspace, digest: str, keep: bool) -> None:
    """Write the index beside its place and rename it; with `keep` it begins as a copy of the one that is there."""
    path = workspace.passages
    try:
        with private_files(), replacing(path) as temporary:
            if keep:
                shutil.copyfile(path, temporary)
            with contextlib.closing(sqlite3.connect(temporary)) as connection:
                # Nothing is lost that is not made again: the file takes its place only when it is whole.
                connection.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;")
                if not keep:
                    connection.executescript(_TABLES)
                _update(connection, workspace, digest)
    except (sqlite3.OperationalError, OSError) as error:
        if isinstance(error, sqlite3.OperationalError) and "full" not in str(error) and not is_disk_full(error):
            raise
        raise PennameError(f"{path} cannot be written ({error}): make room and run the same command again.") from error


def _reading(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)


@dataclass(frozen=True)
class _Known:
    """What an index was made by and of."""

    version: int
    corpus: str
    languages: tuple[str, ...]
    meaning: str

    @property
    def lacks_meaning(self) -> bool:
        """Whether vectors could be made that are not there."""
        return self.languages[:1] == ENGLISH and self.meaning != MODEL and is_installed()


def _version_of(path: Path) -> _Known | None:
    """What the index at `path` was made by and of; None where there is none, or none that can be read."""
    if not path.is_file():
        return None
    try:
        with contextlib.closing(_reading(path)) as connection:
            found = {name: json.loads(value) for name, value in connection.execute("SELECT name, value FROM meta")}
            broken = (
                connection.execute("PRAGMA quick_check(1)").fetchone()[0] if path.stat().st_size < 64 << 20 else "ok"
            )
    except (sqlite3.DatabaseError, ValueError):
        found, broken = {}, "no index"
    if broken != "ok":
        events.warn(f"{path} is damaged ({broken.splitlines()[-1]}): it is made anew.")
        path.unlink()
        return None
    languages = tuple(map(str, found.get("languages", ())))
    return _Known(int(found.get("version", 0)), str(found.get("corpus", "")), languages, str(found.get("meaning", "")))


def _update(connection: sqlite3.Connection, workspace: Workspace, digest: str) -> None:
    """Bring the tables up to date with `text.json`: posts that are gone or changed leave, new ones come."""
    known = {row[0]: (row[1], row[2]) for row in connection.execute("SELECT id, digest, number FROM posts")}
    changed = 0
    with connection, events.task("Indexing posts", unit="posts") as tell:
        for post in read_posts(workspace):
            before = known.pop(post["id"], None)
            mark = _digest(post)
            if before is None or before[0] != mark:
                changed += 1
                if before is not None:
                    _remove(connection, before[1])
                _add(connection, post, mark)
            tell(1)
        for _, number in known.values():
            _remove(connection, number)
        connection.execute("DELETE FROM meta WHERE name = 'refusal'")
        languages = languages_of(Index(connection))
        made = {"version": VERSION, "corpus": digest, "languages": languages, "meaning": ""}
        for name, value in made.items():
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(value)))
    _update_meaning(connection)
    passages = Index(connection).count
    events.note(
        f"Indexed {changed:,} new or changed posts, took {len(known):,} out: {passages:,} passages.",
        changed=changed,
        removed=len(known),
        passages=passages,
    )


def _update_meaning(connection: sqlite3.Connection) -> None:
    """Bring the vectors up to date where the blog is English and the extra installed; others are ranked by words."""
    index = Index(connection)
    meaning = load_meaning() if tuple(index.meta("languages")[:1]) == ENGLISH else None
    if meaning is None:
        return
    if index.meta("vectors") != MODEL:
        connection.execute("DELETE FROM vectors")
    with connection:
        add_vectors(connection, meaning)
        for name in ("meaning", "vectors"):
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (name, json.dumps(MODEL)))


def read_posts(workspace: Workspace) -> Iterator[dict[str, Any]]:
    """The posts of `text.json`: id, title, date, url and text of each."""
    what = "a blog's clean text (written by `penname prepare SITE`)"
    items = iter_json_lines(workspace.text, "posts", what)
    next(items)
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("text"), str) or "id" not in item:
            raise InputError(f"{workspace.text} is not {what}: run `penname prepare SITE --again`.")
        named = {name: str(item.get(name) or "") for name in ("title", "date")}
        yield {
            **named,
            "id": str(item["id"]),
            "text": item["text"],
            "url": str(item["url"]) if item.get("url") else None,
        }


def _digest(post: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(post, sort_keys=True).encode("utf-8", "replace")).hexdigest()


def _add(connection: sqlite3.Connection, post: dict[str, Any], digest: str) -> None:
    values = tuple(_writable(post[name]) for name in ("id", "title", "date", "url"))
    added = connection.execute(
        "INSERT INTO posts (id, title, date, url, digest) VALUES (?, ?, ?, ?, ?)", (*values, digest)
    )
    number, title = added.lastrowid, searchable(values[1] or "")
    for text in map(_writable, cut_passages(post["text"])):
        row = connection.execute(
            "INSERT INTO passages (post, text, sum) VALUES (?, ?, ?)", (number, text, zlib.crc32((text or "").encode()))
        ).lastrowid
        connection.execute(
            "INSERT INTO words (rowid, title, text) VALUES (?, ?, ?)", (row, title, searchable(text or ""))
        )


def _remove(connection: sqlite3.Connection, post: int) -> None:
    """Take a post out. The table of words keeps no text: FTS5 is told what stood there."""
    title = searchable(connection.execute("SELECT title FROM posts WHERE number = ?", (post,)).fetchone()[0])
    rows = connection.execute("SELECT number, text FROM passages WHERE post = ?", (post,)).fetchall()
    for number, text in rows:
        connection.execute(
            "INSERT INTO words (words, rowid, title, text) VALUES ('delete', ?, ?, ?)",
            (number, title, searchable(text)),
        )
    connection.execute("DELETE FROM vectors WHERE post = ?", (post,))
    connection.execute("DELETE FROM passages WHERE post = ?", (post,))
    connection.execute("DELETE FROM posts WHERE number = ?", (post,))


def _writable(text: str | None) -> str | None:
    """Text that SQLite takes: lone surrogates become `?`."""
    return text if text is None else text.encode("utf-8", "replace").decode()
