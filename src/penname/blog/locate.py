"""Find a site's database from whatever the user names.

In: a path to a db file, an `input` folder, a site folder, a backup `.tar`, or Publii's own folders.
Out: `Found`, or an `InputError` that says what the path is instead.

    found = locate(Path("Documents/Publii/sites/my-blog"))
"""

from dataclasses import dataclass
from pathlib import Path

from penname.core.errors import InputError

WANTED = "give a Publii site's folder, its input folder, its db.sqlite or a backup .tar"
SQLITE_MAGIC = b"SQLite format 3\0"
_PACKED = {
    b"\x1f\x8b": "gzip",
    b"BZh": "bzip2",
    b"\xfd7zXZ": "xz",
    b"PK\x03\x04": "zip",
    b"\x28\xb5\x2f\xfd": "zstd",
}
_SHOWN = 12


@dataclass(frozen=True)
class Found:
    """Where a site lies: its database file or its backup, its settings file if any, and its name so far."""

    database: Path | None
    backup: Path | None
    config: Path | None
    name: str


def locate(path: Path) -> Found:
    """Say what lies at `path`.

    Raises `InputError` when nothing usable does: missing, unreadable, a folder without a site,
    a folder of several sites (they are listed), a file that is neither SQLite nor tar, an empty file.
    """
    try:
        if path.is_dir():
            return _in_folder(path)
        if path.is_file():
            return _from_file(path)
        if path.exists() or path.is_symlink():
            raise InputError(f"{path} is neither a file nor a folder that can be read: {WANTED}.")
    except OSError as error:
        raise unreadable(path, error) from error
    raise InputError(f"{path} does not exist: {WANTED}.")


def unreadable(path: Path, error: OSError) -> InputError:
    """An `InputError` for a file or folder that the system refuses to open."""
    reason = error.strerror or str(error)
    if isinstance(error, PermissionError):
        advice = "close Publii if it is open, or make the file readable for you, and try again"
    else:
        advice = WANTED
    return InputError(f"{path} cannot be read ({reason}): {advice}.")


def _from_file(path: Path) -> Found:
    with path.open("rb") as file:
        head = file.read(512)
    if not head:
        raise InputError(f"{path} is empty (0 bytes), so it holds no posts: restore it from a backup, or {WANTED}.")
    if head.startswith(SQLITE_MAGIC):
        return _database(path.resolve(), path)
    for magic, kind in _PACKED.items():
        if head.startswith(magic):
            raise InputError(f"{path} is packed with {kind}: unpack it first, then name what was in it.")
    if path.suffix.lower() == ".tar" or head[257:262] == b"ustar":
        return Found(None, path, None, path.stem)
    raise InputError(f"{path} is not an SQLite database (its first bytes say so) and not a backup .tar: {WANTED}.")


def _database(database: Path, shown: Path) -> Found:
    config = database.parent / "config" / "site.config.json"
    name = shown.stem
    if database.name == "db.sqlite":
        folder = database.parent
        name = folder.parent.name if folder.name == "input" else folder.name
    return Found(database, None, config if config.is_file() else None, name or "site")


def _in_folder(path: Path) -> Found:
    for database in (path / "db.sqlite", path / "input" / "db.sqlite"):
        if database.is_file():
            found = _from_file(database)
            if found.database is None:
                raise InputError(f"{database} is not an SQLite database but a .tar: {WANTED}.")
            return found
    for folder in (path, path / "sites"):
        sites = _sites(folder)
        if sites:
            raise InputError(_choose(folder, sites))
    raise InputError(f"{path} is a folder without a Publii database (no db.sqlite in it){_instead(path)}: {WANTED}.")


def _sites(folder: Path) -> list[str]:
    if not folder.is_dir():
        return []
    return sorted(child.name for child in folder.iterdir() if (child / "input" / "db.sqlite").is_file())


def _choose(folder: Path, sites: list[str]) -> str:
    count = "1 Publii site" if len(sites) == 1 else f"{len(sites)} Publii sites"
    return f"{folder} holds {count}: {_some(sites)}; name one of them, for example {folder / sites[0]}."


def _instead(path: Path) -> str:
    names = sorted(
        child.name
        for child in path.iterdir()
        if child.suffix.lower() in (".tar", ".sqlite", ".sqlite3", ".db") and child.is_file()
    )
    return f", though it holds {_some(names)}" if names else ""


def _some(names: list[str]) -> str:
    listed = ", ".join(names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{listed} and {more} more" if more > 0 else listed
