"""Publii databases and backups with a few things changed: each is read, or refused in a sentence.

    python tests/campaigns/mutate_databases.py --seconds 300 --seed 1

Takes a small database, changes bytes, the schema, types, ids, statuses, JSON, the journal beside it, the settings or
the backup around it, and reads what comes of it as `penname prepare` does. Counts what ends otherwise than in
`PennameError` (a traceback), what takes over five seconds (a hang), what is left in the temporary folder, and the most
memory that the process took. A mutant is made anew from its seed and number: `--only NUMBER` shows one.
"""

import argparse
import collections
import json
import random
import resource
import shutil
import sqlite3
import sys
import tarfile
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "blog"))

from publii_site import ID, SCHEMA, leave_hot_journal, make_site, post

from penname.core.errors import PennameError
from penname.corpus.read import ReadOptions, read_blog

SLOWEST = 5.0
"""Seconds of the processor that one mutant may take."""
BLOCKS = [
    {"id": 1, "type": "publii-header", "content": "A heading", "config": {"headingLevel": 2}},
    {"id": "0b1c", "type": "publii-paragraph", "content": "Some <b>bold</b> words, and a few more.", "config": {}},
    {"id": 3, "type": "publii-quote", "content": {"text": "A quotation.", "author": "Somebody"}, "config": {}},
    {"id": 4, "type": "publii-code", "content": "x = 1", "config": {"language": "python"}},
]
VALUES: list[Any] = [
    *(None, 0, 1, -1, 2**53, 2**63 - 1, -(2**63), 1.5, -0.0, 1e300, float("inf"), "", " ", "1", "01", "-1", "1.0", "x"),
    *(
        "9" * 30,
        "null",
        "[]",
        "{}",
        "[" * 2_000,
        '{"editor":' * 500,
        "é",
        "e\u0301",
        "\u202e\x1b[31m",
        "a\0b",
        "x" * 5_000,
    ),
    *(
        b"",
        b"\0",
        b"\xff\xfe",
        b"1",
        b"\x80" * 40,
        b"SQLite format 3\0",
        "published",
        "published,is-page",
        "draft,trashed",
    ),
]
TEXTS = [
    "<p>Words &amp; <i>more</i> words.</p><ul><li>one</li><li>two</li></ul>",
    "# Heading\n\nA *paragraph* of Markdown with `code` and ![picture](#DOMAIN_NAME#x.jpg =9x9).\n\n---READMORE---\n",
    json.dumps(BLOCKS),
    "<table><tr><td>1</td><td>2</td></tr></table><pre><code>a\nb</code></pre>",
    '<p>Ask me at me@example.com or <a href="#INTERNAL_LINK#/post/1">here</a>.<script>var x = 1;</script></p>',
]
CORES = [None, '{"editor":"tinymce"}', '{"editor":"markdown"}', '{"editor":"blockeditor"}']
COLUMNS = [
    *(("posts", name) for name in ("id", "title", "slug", "text", "created_at", "modified_at", "status", "authors")),
    *(("posts_additional_data", name) for name in ("id", "post_id", "key", "value")),
    *(("posts_tags", name) for name in ("tag_id", "post_id")),
    *(("tags", name) for name in ("id", "name", "slug")),
]


@dataclass
class Found:
    """What came of a campaign."""

    tried: int = 0
    read: int = 0
    refused: collections.Counter[str] = field(default_factory=collections.Counter)
    tracebacks: list[tuple[int, str]] = field(default_factory=list)
    hangs: list[tuple[int, float]] = field(default_factory=list)
    left: list[int] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0

    @property
    def faults(self) -> int:
        return len(self.tracebacks) + len(self.hangs) + len(self.left)


def make_mutant(folder: Path, seed: int, number: int) -> tuple[Path, list[str]]:
    """The site of this number in `folder`, what is to be read of it, and the names of what was changed."""
    draw = random.Random(f"{seed}/{number}")
    site = make_site(folder / "site", _posts(draw))
    names = []
    for _ in range(draw.choice((1, 1, 2, 3))):
        mutate = draw.choice(MUTATIONS)
        names.append(mutate.__name__.strip("_"))
        # What another mutation has made impossible is no mutant.
        with suppress(sqlite3.Error, OSError, ValueError, OverflowError):
            mutate(site / "input" / "db.sqlite", draw)
    if draw.random() < 0.2:
        names.append("settings")
        _settings(site / "input" / "config" / "site.config.json", draw)
    if draw.random() < 0.25:
        names.append("backup")
        return _backup(site, folder / "backup.tar", draw), names
    return site, names


def _posts(draw: random.Random) -> Iterator[dict[str, Any]]:
    statuses = ["published", "published", "published,hidden", "draft", "published,trashed", "published,is-page"]
    for number in range(1, draw.randint(2, 6)):
        yield post(
            number,
            text=draw.choice(TEXTS) * draw.choice((1, 1, 30)),
            core=draw.choice(CORES),
            status=draw.choice(statuses),
            tags=tuple(draw.sample(["a", "b", "c"], draw.randint(0, 2))),
        )


def _bytes(database: Path, draw: random.Random) -> None:
    """A few bytes anywhere, the header more often."""
    data = bytearray(database.read_bytes())
    for _ in range(draw.choice((1, 3, 10, 60))):
        place = draw.randrange(100 if draw.random() < 0.2 else len(data))
        data[place] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, draw.randrange(256)))
    database.write_bytes(data)


def _size(database: Path, draw: random.Random) -> None:
    """Cut off, longer, or with a page in another one's place."""
    data = database.read_bytes()
    pages = [data[place : place + 4096] for place in range(0, len(data), 4096)]
    kind = draw.randrange(3)
    if kind == 0:
        data = data[: draw.randrange(len(data))]
    elif kind == 1:
        data += bytes(draw.choice((1, 511, 4096)))
    else:
        one, other = draw.randrange(len(pages)), draw.randrange(len(pages))
        pages[one] = pages[other]
        data = b"".join(pages)
    database.write_bytes(data)


def _value(database: Path, draw: random.Random) -> None:
    """A value of another kind in a column, where the schema lets it in."""
    for _ in range(draw.randint(1, 4)):
        table, column = draw.choice(COLUMNS)
        row = "(SELECT min(rowid) FROM {0})" if draw.random() < 0.5 else "rowid"
        _change(database, (f"UPDATE {table} SET {column} = ? WHERE rowid = {row.format(table)}", draw.choice(VALUES)))


def _table(database: Path, draw: random.Random) -> None:
    """A table made anew with other types, without keys or with columns that are computed, lacking or new."""
    table = draw.choice(("posts", "posts", "posts_additional_data", "posts_tags", "tags"))
    columns = SCHEMA[table].replace(
        ID, f"id {draw.choice(('', 'TEXT', 'INTEGER', 'BLOB', 'REAL', 'INTEGER PRIMARY KEY'))}"
    )
    if draw.random() < 0.3:
        columns = columns.replace(
            " TEXT", draw.choice((" BLOB", "", " INTEGER", " TEXT COLLATE NOCASE", " TEXT NOT NULL"))
        )
    end = draw.choice(("", "", "", " WITHOUT ROWID", " STRICT"))
    extra = draw.choice(("", "", ", y AS (1 + 1)", ", y CHECK (y > length('x'))", ", rowid", ", y DEFAULT (abs(-1))"))
    place = columns.find(", PRIMARY KEY")
    columns = columns + extra if place < 0 else columns[:place] + extra + columns[place:]
    names = ", ".join(name for owner, name in COLUMNS if owner == table)
    _change(
        database,
        f"ALTER TABLE {table} RENAME TO old_{table}",
        f"CREATE TABLE {table} ({columns}){end}",
        f"INSERT INTO {table} ({names}) SELECT {names} FROM old_{table}",
    )
    if draw.random() < 0.5:
        _value(database, draw)


def _schema(database: Path, draw: random.Random) -> None:
    """Views, triggers, indexes and columns that Publii does not make; tables and columns that are gone."""
    table, column = draw.choice(COLUMNS)
    _change(
        database,
        *draw.choice(
            (
                (f"DROP TABLE {table}",),
                (f"ALTER TABLE {table} RENAME TO other", f"CREATE VIEW {table} AS SELECT * FROM other"),
                (f"ALTER TABLE {table} DROP COLUMN {column}",),
                (f"ALTER TABLE {table} RENAME COLUMN {column} TO other",),
                (f"CREATE TRIGGER t AFTER UPDATE ON {table} BEGIN DELETE FROM posts; END",),
                (f"CREATE UNIQUE INDEX i ON {table}(lower({column}))",),
                (f"CREATE INDEX penname_tags ON {table}({column})",),
                ("CREATE TABLE penname_additional (x)",),
                (f"CREATE INDEX i ON {table}({column}) WHERE {column} > 1",),
                (f"DROP TABLE {table}", f"CREATE VIRTUAL TABLE {table} USING fts4(id, {column})"),
            )
        ),
    )


def _sql(database: Path, draw: random.Random) -> None:
    """What SQLite keeps of the schema, changed as text."""
    old, new = draw.choice(
        (("TEXT", "TXET"), ("(", ""), ("posts", "posts2"), ("CREATE", "create"), ("'", "`"), (",", ";"))
    )
    _change(
        database,
        "PRAGMA writable_schema = ON",
        f"UPDATE sqlite_schema SET sql = replace(sql, '{old.replace(chr(39), chr(39) * 2)}', '{new}') "
        f"WHERE name = '{draw.choice(('posts', 'tags', 'posts_tags', 'authors'))}'",
    )
    if draw.random() < 0.4:
        column, value = draw.choice(
            (("rootpage", "0"), ("rootpage", "2"), ("type", "'view'"), ("name", "NULL"), ("sql", "NULL"))
        )
        _change(
            database,
            "PRAGMA writable_schema = ON",
            f"UPDATE sqlite_schema SET {column} = {value} WHERE rowid = {draw.randint(1, 9)}",
        )


def _json(database: Path, draw: random.Random) -> None:
    """JSON of blocks and of `_core` with parts of another kind, cut off, or nested deeper than Python follows."""
    blocks: Any = json.loads(json.dumps(BLOCKS))
    for _ in range(draw.randint(1, 4)):
        block = draw.choice(blocks)
        block[draw.choice(("id", "type", "content", "config"))] = draw.choice(
            (
                None,
                1,
                1.5,
                True,
                "",
                "x",
                [],
                {},
                [[]],
                {"text": 5},
                {"images": [1, {}]},
                {"text": ["x"]},
                "publii-image",
            )
        )
    text = json.dumps(blocks)
    text = draw.choice((text, text[: draw.randrange(len(text))], "[" * 3_000 + text, f'[{{"id":1,"type":{text}}}]'))
    core = draw.choice(
        ('{"editor":"blockeditor"}', '{"editor":{"a":1}}', "[" * 3_000, "[1]", "nul", '"blockeditor"', "1e999")
    )
    _change(
        database,
        ("UPDATE posts SET text = ?", text),
        ("UPDATE posts_additional_data SET value = ?", core),
    )


def _many(database: Path, draw: random.Random) -> None:
    """The same rows many times, by hundreds."""
    table = draw.choice(("posts_additional_data", "tags"))
    names = ", ".join(name for owner, name in COLUMNS if owner == table and name != "id")
    _change(database, *(f"INSERT INTO {table} ({names}) SELECT {names} FROM {table} LIMIT 100" for _ in range(5)))


def _encoding(database: Path, draw: random.Random) -> None:
    """Another encoding or journal, written anew by SQLite."""
    mode = draw.choice(("wal", "delete"))
    with closing(sqlite3.connect(database)) as old:
        statements = list(old.iterdump())
    database.unlink()
    _change(database, f"PRAGMA encoding = '{draw.choice(('UTF-16le', 'UTF-16be', 'UTF-8'))}'", *statements)
    _change(database, f"PRAGMA journal_mode = {mode}")


def _beside(database: Path, draw: random.Random) -> None:
    """A journal or a log beside the database: left by a save, cut off, of other bytes."""
    journal = database.with_name("db.sqlite-journal")
    if draw.random() < 0.4:
        leave_hot_journal(database, "unfinished")
    path = draw.choice((journal, database.with_name("db.sqlite-wal")))
    data = bytearray(journal.read_bytes() if journal.exists() else draw.randbytes(draw.choice((0, 1, 32, 600, 5_000))))
    for _ in range(draw.choice((0, 1, 20)) if data else 0):
        data[draw.randrange(len(data))] = draw.randrange(256)
    path.write_bytes(data[: draw.randrange(len(data))] if data and draw.random() < 0.3 else data)


MUTATIONS: tuple[Callable[[Path, random.Random], None], ...] = (
    *(_bytes, _bytes, _size, _value, _value, _table, _table, _schema, _sql, _json, _many, _encoding, _beside),
)


def _change(database: Path, *statements: str | tuple[str, Any]) -> None:
    """Run what the database takes; what it refuses, because of another mutation or a key, is no mutant."""
    try:
        with closing(sqlite3.connect(database)) as connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("PRAGMA synchronous = OFF")
            for statement in statements:
                text, *values = (statement,) if isinstance(statement, str) else statement
                connection.execute(text, values)
            connection.commit()
    except (sqlite3.Error, UnicodeError, OverflowError):
        pass


def _settings(path: Path, draw: random.Random) -> None:
    value = draw.choice((None, 1, [], {}, "", "x" * 400, "é" * 400, "\ud800", "a/../b", "\x1b]0;x\x07", "[" * 2_000))
    key = draw.choice(("name", "displayName", "language", "domain", "advanced"))
    text = json.dumps({"name": "site", "advanced": {"urls": value}} | {key: value})
    path.write_text(
        draw.choice((text, text, text[:-3], "[" * 3_000, "null")), encoding=draw.choice(("utf-8", "utf-8-sig"))
    )


def _backup(site: Path, archive: Path, draw: random.Random) -> Path:
    """A backup of the site, whole or with bytes, members and headers that are not Publii's."""
    kinds = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT)
    with tarfile.open(archive, "w", format=draw.choice(kinds)) as tar:
        for _ in range(draw.choice((0, 0, 1, 3))):
            name = draw.choice(
                ("../x", "/x", "a" * 300, "é" * 90, "input/db.sqlite", "db.sqlite", "x/input/db.sqlite", "\x1b[2J")
            )
            member = tarfile.TarInfo(name)
            member.type = draw.choice(
                (tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE)
            )
            member.linkname = draw.choice(("", "/etc/passwd", "input/db.sqlite"))
            with suppress(ValueError):  # a name that the format has no room for
                tar.addfile(member)
        tar.add(site / "input", draw.choice(("input", "input", "site/input", "./input")))
    data = bytearray(archive.read_bytes())
    for _ in range(draw.choice((0, 0, 1, 4))):
        place = draw.randrange(len(data) // 512) * 512 + draw.randrange(512)
        data[place] = draw.choice((0, 0x20, 0x31, 0x37, 0x67, 0x78, 0x4C, 0x53, 0xFF))
        if draw.random() < 0.7:
            start = place // 512 * 512
            total = sum(data[start : start + 148]) + 8 * 0x20 + sum(data[start + 156 : start + 512])
            data[start + 148 : start + 156] = b"%06o\0 " % total
    archive.write_bytes(data[: draw.randrange(len(data))] if draw.random() < 0.1 else data)
    return archive


@contextmanager
def _workplace() -> Iterator[tuple[Path, Path]]:
    """A folder for mutants and one for the private copies, in memory where there is such a place."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        temporary, before = Path(name) / "tmp", tempfile.tempdir
        temporary.mkdir()
        tempfile.tempdir = str(temporary)
        try:
            yield Path(name), temporary
        finally:
            tempfile.tempdir = before


def try_one(folder: Path, seed: int, number: int, found: Found, show: bool = False) -> None:
    """Make a mutant, read it and count what came of it."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    path, names = make_mutant(folder, seed, number)
    if show:
        print(f"{number}: {', '.join(names)}")
    started = time.process_time()
    try:
        reading = read_blog(path, ReadOptions(pages=True, drafts=True, trashed=True, code=number % 2 == 0))
        json.dumps([reading.name, [(post.id, post.title, post.text) for post in reading.posts]])
        found.read += 1
    except PennameError as error:
        said = str(error)
        assert said.endswith(".") and "\n" not in said, said
        found.refused[names[-1]] += 1
        if show:
            print(said)
    except BaseException as error:
        if isinstance(error, KeyboardInterrupt):
            raise
        found.tracebacks.append((number, "".join(traceback.format_exception(error)[-3:])))
    seconds = time.process_time() - started
    found.tried += 1
    found.slowest = max(found.slowest, seconds)
    if seconds > SLOWEST:
        found.hangs.append((number, seconds))


def campaign(seconds: float, seed: int, first: int = 0, most: int | None = None, progress: bool = False) -> Found:
    """Try mutants until the time is over."""
    found, until, told = Found(), time.monotonic() + seconds, time.monotonic()
    with _workplace() as (place, temporary):
        number = first
        while time.monotonic() < until and (most is None or number < first + most):
            try_one(place / "mutant", seed, number, found)
            if any(temporary.iterdir()):
                found.left.append(number)
                shutil.rmtree(temporary)
                temporary.mkdir()
            number += 1
            if progress and time.monotonic() - told > 30:
                told = time.monotonic()
                print(f"{found.tried:,} tried, {found.faults} faults", flush=True)
    found.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Read mutated Publii databases.")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="Number of the first mutant.")
    parser.add_argument("--count", type=int, help="The most mutants to try.")
    parser.add_argument("--only", type=int, help="Show one mutant.")
    given = parser.parse_args()
    if given.only is not None:
        found = Found()
        with _workplace() as (place, _):
            try_one(place / "mutant", given.seed, given.only, found, show=True)
    else:
        found = campaign(given.seconds, given.seed, given.first, given.count, progress=True)
    for number, text in found.tracebacks[:20]:
        print(f"-- traceback: --seed {given.seed} --only {number}\n{text}")
    for number, seconds in found.hangs[:20]:
        print(f"-- hang: --seed {given.seed} --only {number}: {seconds:.1f} s")
    print(
        f"seed {given.seed}, from {given.first}: {found.tried:,} mutants, {found.read:,} read, "
        f"{found.refused.total():,} refused; {len(found.tracebacks)} tracebacks, {len(found.hangs)} hangs (slowest "
        f"{found.slowest:.2f} s), {len(found.left)} left copies, peak memory {found.memory / 2**20:.0f} MiB."
    )
    sys.exit(bool(found.faults))


if __name__ == "__main__":
    main()
