"""A private copy of a site's database, recovered, checked and opened read-only.

In: a database file that may be open elsewhere. Out: an `sqlite3.Connection` on a copy; the original is
only read.

    notes = copy_database(Path("input/db.sqlite"), folder)
    connection = open_copy(folder / "db.sqlite", shown=Path("input/db.sqlite"))

A save that Publii did not finish leaves a hot journal (`db.sqlite-journal`); a read-only connection cannot
roll it back (https://www.sqlite.org/lockingv3.html, section 4), so the copy is opened once for writing, and
then read-only. The copy also gets two indexes that Publii's schema lacks: without them each look-up by post
walks a whole table.
"""

import contextlib
import errno
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from penname.blog.locate import SQLITE_MAGIC, WANTED, unreadable
from penname.core.errors import InputError, PennameError

MAX_DATABASE_BYTES = 4 * 2**30
NEEDED = {
    "posts": ("id", "title", "slug", "text", "created_at", "status"),
    "posts_additional_data": ("id", "post_id", "key", "value"),
    "posts_tags": ("tag_id", "post_id"),
    "tags": ("id", "name"),
}
_INDEXES = (
    "CREATE INDEX IF NOT EXISTS penname_additional ON posts_additional_data(post_id, key)",
    "CREATE INDEX IF NOT EXISTS penname_tags ON posts_tags(post_id)",
)
_TRIES, _PAUSE_S = 5, 0.1
_BESIDE = ("-journal", "-wal")
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


def open_copy(copy: Path, shown: Path) -> sqlite3.Connection:
    """Recover and check `copy`, a file that is ours, and open it read-only; errors name `shown`.

    Raises `InputError`: truncated, damaged, not Publii's tables, a column missing.
    """
    if not copy.stat().st_size:
        raise InputError(f"{shown} holds an empty database (0 bytes): restore a backup in Publii.")
    with database_errors(shown, copy):
        with contextlib.closing(_connect(copy, "rw")) as connection:
            # Reading rolls a hot journal back or replays the WAL; this folds the WAL into the file.
            connection.execute("PRAGMA journal_mode=DELETE").fetchall()
            _check_tables(connection, shown)
            _check_pages(connection, copy, shown)
            for index in _INDEXES:
                connection.execute(index)
            connection.commit()
        connection = _connect(copy, "ro")
        connection.execute("PRAGMA query_only=ON")
        return connection


@contextlib.contextmanager
def database_errors(shown: Path, copy: Path | None = None) -> Iterator[None]:
    """Turn SQLite's errors into an `InputError` about `shown`; the header of `copy` tells a cut file."""
    try:
        yield
    except (sqlite3.Error, UnicodeError) as error:  # a damaged schema may give a message that is no UTF-8
        text = str(error).lower()
        if copy is not None and (cut := _cut_short(copy)):
            raise InputError(f"{shown} is cut short: {cut}; copy it again, or restore a backup in Publii.") from error
        if "locked" in text or "busy" in text:
            raise InputError(f"{shown} is locked by another program: close Publii and try again.") from error
        if "not a database" in text:
            raise InputError(f"{shown} is not an SQLite database, or it is encrypted: {WANTED}.") from error
        if "full" in text:
            raise PennameError(f"No room is left for a copy of {shown}: make room and try again.") from error
        raise InputError(f"{shown} is damaged (SQLite says: {error}): {_DAMAGED_ADVICE}.") from error


def _connect(copy: Path, mode: str) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{copy.resolve().as_uri()}?mode={mode}", uri=True)
    # A column may hold bytes that are not UTF-8; they must not end the run.
    connection.text_factory = lambda data: data.decode("utf-8", errors="replace")
    connection.execute("PRAGMA trusted_schema=OFF")
    return connection


def _check_tables(connection: sqlite3.Connection, shown: Path) -> None:
    tables = {name.lower() for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    missing = [table for table in NEEDED if table not in tables]
    if missing:
        word = "table" if len(missing) == 1 else "tables"
        raise InputError(
            f"{shown} is an SQLite database but not a Publii site (it lacks the {word} {', '.join(missing)}): {WANTED}."
        )
    for table, needed in NEEDED.items():
        present = {row[1].lower() for row in connection.execute(f"PRAGMA table_info({table})")}
        lacking = [column for column in needed if column not in present]
        if lacking:
            word = "column" if len(lacking) == 1 else "columns"
            raise InputError(
                f"{shown} is not a Publii site as Publii writes it (its table {table} lacks the {word} "
                f"{', '.join(lacking)}): open the site once in Publii, or restore a backup."
            )


def _check_pages(connection: sqlite3.Connection, copy: Path, shown: Path) -> None:
    # SQLite fills a last page that is cut off with zeros and says nothing, so the size is looked at first.
    if cut := _cut_short(copy):
        raise InputError(f"{shown} is cut short: {cut}; copy it again, or restore a backup in Publii.")
    verdict = str(connection.execute("PRAGMA quick_check(1)").fetchone()[0])
    if verdict != "ok":
        reason = " ".join(verdict.split())
        raise InputError(f"{shown} is damaged (SQLite's check says: {reason}): {_DAMAGED_ADVICE}.")


def _cut_short(copy: Path) -> str:
    """Compare the header's page count (https://www.sqlite.org/fileformat.html, 1.3) with the file's size."""
    with copy.open("rb") as file:
        head = file.read(100)
    size = copy.stat().st_size
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
    return True


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
