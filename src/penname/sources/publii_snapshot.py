"""A private copy of a site's database, recovered, checked and opened; from then on it is only read.

In: a database file that may be open elsewhere. Out: an `sqlite3.Connection` on a copy; the original is
only read.

    notes = copy_database(Path("input/db.sqlite"), folder)
    connection = open_copy(folder, shown=Path("input/db.sqlite"))

A save that Publii did not finish leaves a hot journal (`db.sqlite-journal`); a read-only connection cannot
roll it back (https://www.sqlite.org/lockingv3.html, section 4), so the copy is opened for writing. Once that is
done the copy is unlinked where the system allows that for an open file, so that no kill can leave it behind; journals
and sorts stay in memory. The copy gets two indexes that Publii's schema lacks: without them each look-up by post
walks a whole table.

A database from a stranger decides nothing here. Its views, virtual tables and generated columns are not read, its
constraints are not evaluated; a value may be 32 MiB long, SQLite may take 256 MiB, checking and reading have budgets.
"""

import contextlib
import errno
import functools
import itertools
import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from penname.core.errors import InputError, PennameError
from penname.sources.locate import SQLITE_MAGIC, WANTED, unreadable

MAX_DATABASE_BYTES = 4 * 2**30
NEEDED = {
    "posts": ("id", "title", "slug", "text", "created_at", "status"),
    "posts_additional_data": ("id", "post_id", "key", "value"),
    "posts_tags": ("tag_id", "post_id"),
    "tags": ("id", "name"),
}
MAX_VALUE_BYTES = 32 * 2**20
"""A text, or a picture pasted into one, that is longer is not read."""
_MAX_MEMORY_BYTES = 256 * 2**20
_LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_VALUE_BYTES,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: 2**20,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 10,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 1,
}
_PRAGMAS = (
    "trusted_schema=OFF",
    "ignore_check_constraints=ON",
    "cell_size_check=ON",
    "temp_store=MEMORY",
    "synchronous=OFF",  # the copy is unlinked: nothing of it is to outlast a crash
    # For the process, and only ever lower; nothing else here needs more.
    f"hard_heap_limit={_MAX_MEMORY_BYTES}",
)
_CHECKING_S, _CHECKING_BYTES_PER_S = 20.0, 5_000_000
"""Budget of the check: a fixed part and one for the size."""
_OPS, _READING_OPS = 1_000, 5_000_000_000
"""SQLite's own steps between two looks at the budget, and all that reading may take: 20,000 posts take a thousandth."""
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS penname_additional ON posts_additional_data(post_id, key, id)",
    "CREATE INDEX IF NOT EXISTS penname_tags ON posts_tags(post_id)",
)
_TRIES, _PAUSE_S = 5, 0.1
_BESIDE = ("-journal", "-wal")
_NAMES_ANOTHER = bytes.fromhex("d9d505f920a163d7")
"""The end of a journal that names another file (https://www.sqlite.org/fileformat.html, 3)."""
_DAMAGED_ADVICE = "restore a backup in Publii, or repair it with sqlite3's .recover, and try again"


def copy_database(source: Path, folder: Path) -> tuple[str, ...]:
    """Copy `source`, with a `-journal` or `-wal` beside it, to `folder/db.sqlite`; return notes for the user.

    When Publii writes during the copy, the copy is made again. Raises `InputError` (unreadable, too large) or
    `PennameError` (no room for the copy).
    """
    try:
        _check_room(source, folder)
        for attempt in range(_TRIES):
            if attempt:
                time.sleep(_PAUSE_S)
            before = _state(source)
            if _copy_files(source, folder) and _state(source) == before:
                return _notes(source, folder, steady=True)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise _no_room(source, folder) from error
        raise unreadable(source, error) from error
    return _notes(source, folder, steady=False)


def open_copy(folder: Path, shown: Path) -> sqlite3.Connection:
    """Recover and check `folder/db.sqlite`, a file that is ours, and open it; errors name `shown`.

    Where the system allows it `folder` is deleted as soon as the file is open. Raises `InputError`: truncated,
    damaged, not Publii's tables, a column missing, more work to check than its size explains.
    """
    copy = folder / "db.sqlite"
    if not copy.stat().st_size:
        raise InputError(f"{shown} holds an empty database (0 bytes): restore a backup in Publii.")
    with copy.open("rb") as file, database_errors(shown, file):
        connection = _connect(copy)
        try:
            # Reading rolls a hot journal back or replays the WAL; this folds the WAL into the file.
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
            connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
            connection.execute("PRAGMA journal_mode=MEMORY").fetchall()
            # Windows keeps what is open; the folder goes at the end there.
            shutil.rmtree(folder, ignore_errors=True)
            _check(connection, file, shown)
        except BaseException:
            connection.close()
            raise
        return connection


@contextlib.contextmanager
def database_errors(shown: Path, copy: IO[bytes] | None = None) -> Iterator[None]:
    """Turn SQLite's errors into an `InputError` about `shown`; the header of `copy` tells a cut file."""
    try:
        yield
    except MemoryError as error:
        raise InputError(
            f"{shown} asks for more memory than a blog needs ({_MAX_MEMORY_BYTES // 2**20} MiB): {_DAMAGED_ADVICE}."
        ) from error
    except (sqlite3.Error, UnicodeError) as error:  # a damaged schema may give a message that is no UTF-8
        if copy is not None and (cut := _cut_short(copy)):
            raise InputError(f"{shown} is cut short: {cut}; copy it again, or restore a backup in Publii.") from error
        raise _explained(shown, error) from error


def _explained(shown: Path, error: Exception) -> PennameError:
    text = str(error).lower()
    if "locked" in text or "busy" in text:
        return InputError(f"{shown} is locked by another program: close Publii and try again.")
    if "not a database" in text:
        return InputError(f"{shown} is not an SQLite database, or it is encrypted: {WANTED}.")
    if "full" in text:
        return PennameError(f"No room is left for a copy of {shown}: make room and try again.")
    if "interrupted" in text:
        return InputError(f"{shown} takes far longer to read than a blog of its size: {_DAMAGED_ADVICE}.")
    if "too big" in text:
        return InputError(
            f"{shown} holds a value of more than {MAX_VALUE_BYTES // 2**20} MiB outside the texts of posts: "
            f"{_DAMAGED_ADVICE}."
        )
    return InputError(f"{shown} is damaged (SQLite says: {error}): {_DAMAGED_ADVICE}.")


def _connect(copy: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{copy.resolve().as_uri()}?mode=rw", uri=True)
    # A column may hold bytes that are not UTF-8; they must not end the run.
    connection.text_factory = functools.partial(str, encoding="utf-8", errors="replace")
    for limit, most in _LIMITS.items():
        connection.setlimit(limit, most)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}").fetchall()
    return connection


def _check(connection: sqlite3.Connection, file: IO[bytes], shown: Path) -> None:
    """Check the tables and the pages, add the indexes; afterwards nothing can be written."""
    until = time.monotonic() + _CHECKING_S + os.fstat(file.fileno()).st_size / _CHECKING_BYTES_PER_S
    connection.set_progress_handler(lambda: time.monotonic() > until, _OPS)
    _check_tables(connection, shown)
    _check_pages(connection, file, shown)
    for index in _INDEXES:
        connection.execute(index)
    connection.commit()
    connection.execute("PRAGMA query_only=ON")
    looks = itertools.count()
    connection.set_progress_handler(lambda: next(looks) > _READING_OPS // (100 * _OPS), 100 * _OPS)


def _check_tables(connection: sqlite3.Connection, shown: Path) -> None:
    # A view or a virtual table has no page of its own.
    real = "SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0"
    tables = {str(name).lower() for (name,) in connection.execute(real)}
    missing = [table for table in NEEDED if table not in tables]
    if missing:
        word = "table" if len(missing) == 1 else "tables"
        raise InputError(
            f"{shown} is an SQLite database but not a Publii site (it lacks the {word} {', '.join(missing)}): {WANTED}."
        )
    for table, needed in NEEDED.items():
        # Columns that are computed are not listed here, so they count as lacking.
        present = {str(row[1]).lower() for row in connection.execute(f"PRAGMA table_info({table})")}
        lacking = [column for column in needed if column not in present]
        if lacking:
            word = "column" if len(lacking) == 1 else "columns"
            raise _not_publii(shown, f"its table {table} lacks the {word} {', '.join(lacking)}")
        if table == "posts" and ("rowid" in present or not _has_rowid(connection)):
            raise _not_publii(shown, "its table posts has no row numbers of SQLite's")


def _has_rowid(connection: sqlite3.Connection) -> bool:
    try:
        connection.execute("SELECT rowid FROM posts LIMIT 0").fetchall()
    except sqlite3.OperationalError:
        return False
    return True


def _not_publii(shown: Path, why: str) -> InputError:
    return InputError(
        f"{shown} is not a Publii site as Publii writes it ({why}): open the site once in Publii, or restore a backup."
    )


def _check_pages(connection: sqlite3.Connection, file: IO[bytes], shown: Path) -> None:
    # SQLite fills a last page that is cut off with zeros and says nothing, so the size is looked at first.
    if cut := _cut_short(file):
        raise InputError(f"{shown} is cut short: {cut}; copy it again, or restore a backup in Publii.")
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        reason = " ".join(verdict.split())
        raise InputError(f"{shown} is damaged (SQLite's check says: {reason}): {_DAMAGED_ADVICE}.")


def _cut_short(copy: IO[bytes]) -> str:
    """Compare the header's page count (https://www.sqlite.org/fileformat.html, 1.3) with the file's size."""
    copy.seek(0)
    head = copy.read(100)
    size = os.fstat(copy.fileno()).st_size
    if head and not head.startswith(SQLITE_MAGIC):
        return ""
    if len(head) < 100:
        return f"it has {size} bytes, less than a header"
    page = int.from_bytes(head[16:18], "big")
    page = 65536 if page == 1 else max(page, 512)
    trusted = head[24:28] == head[92:96]
    pages = int.from_bytes(head[28:32], "big") if trusted else -(-size // page)
    return f"it has {size} bytes of the {pages * page} that its header tells" if size < pages * page else ""


def _state(source: Path) -> list[tuple[int, int] | None]:
    return [_stat(path) for path in (source, *_beside(source))]


def _stat(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return stat.st_mtime_ns, stat.st_size


def _beside(source: Path) -> list[Path]:
    return [source.with_name(source.name + suffix) for suffix in _BESIDE]


def _copy_files(source: Path, folder: Path) -> bool:
    """Copy the database and what lies beside it; False when one of them vanished on the way."""
    shutil.copyfile(source, folder / "db.sqlite")
    for path, suffix in zip(_beside(source), _BESIDE, strict=True):
        target = folder / f"db.sqlite{suffix}"
        target.unlink(missing_ok=True)
        if path.is_file():
            try:
                shutil.copyfile(path, target)
            except FileNotFoundError:
                return False
    drop_foreign_journal(folder)
    return True


def drop_foreign_journal(folder: Path) -> None:
    """Delete the copy of a journal that names a second file, which SQLite would look for and clear away.

    Such a journal comes from a save over several databases at once (https://www.sqlite.org/atomiccommit.html, 5),
    which Publii never makes; nothing outside the folder is touched on its word.
    """
    journal = folder / "db.sqlite-journal"
    if not journal.is_file() or journal.stat().st_size < len(_NAMES_ANOTHER):
        return
    with journal.open("rb") as file:
        file.seek(-len(_NAMES_ANOTHER), os.SEEK_END)
        foreign = file.read() == _NAMES_ANOTHER
    if foreign:
        journal.unlink()


def _check_room(source: Path, folder: Path) -> None:
    size = source.stat().st_size
    if size > MAX_DATABASE_BYTES:
        raise InputError(
            f"{source} is {size / 2**30:.1f} GiB, over the limit of {MAX_DATABASE_BYTES // 2**30} GiB "
            f"for a blog: {WANTED}."
        )
    if shutil.disk_usage(folder).free < 1.1 * size:
        raise _no_room(source, folder)


def _no_room(source: Path, folder: Path) -> PennameError:
    return PennameError(
        f"{source} is read from a private copy, and {tempfile.gettempdir()} has no room for one "
        f"({shutil.disk_usage(folder).free / 2**20:.0f} MiB free): make room, or set TMPDIR elsewhere."
    )


def _notes(source: Path, folder: Path, *, steady: bool) -> tuple[str, ...]:
    notes = []
    if source.with_name(source.name + ".lock").is_dir():
        notes.append(
            f"{source.name}.lock lies beside the database: Publii is open, or it ended without tidying up; "
            "what it saved last is read."
        )
    if (folder / "db.sqlite-journal").exists():
        notes.append(
            f"{source.name}-journal lies beside the database: a save that was not finished is undone in the "
            "private copy, your files stay as they are."
        )
    if (folder / "db.sqlite-wal").exists():
        notes.append(f"{source.name}-wal lies beside the database: the changes in it are read too.")
    if not steady:
        notes.append("The database was being written to all the while; run this again when Publii has saved.")
    return tuple(notes)
