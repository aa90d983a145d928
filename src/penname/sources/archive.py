"""The files of an export, whether it is one file, a folder or a `.zip`, one at a time, with the limits of backups.

    with files_of(Path("export.zip"), (".xml",)) as files:
        for file in files: file.name, file.size, file.head(); file.open().read(100)

In: a path, and how the names of wanted files end. Out: `Given`s in the order of their names. No name in an archive ever
becomes a path on this machine: members are read where they lie. Links out of a folder are not followed, names that
begin with a dot are passed over, and so are the extra files that macOS puts into a `.zip`.
"""

import contextlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from penname.core.errors import InputError

MAX_MEMBERS = 500_000
MAX_BYTES = 4 * 2**30
_MOST_PACKED = 200
"""How many times larger than its packed form a file may be: text is packed to a tenth, a bomb to a thousandth."""
_SMALL = 2**20
HEAD = 16_384
BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What reading a broken archive may raise."""


@dataclass(frozen=True)
class Given:
    """One file: its name with its folders (`posts/1.html`), its size, and how it is opened for reading bytes."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]

    def head(self) -> bytes:
        """Its first 16 KiB; nothing where they cannot be read."""
        with contextlib.suppress(*BROKEN), self.open() as file:
            return file.read(HEAD)
        return b""


def is_zip(path: Path) -> bool:
    """Whether a path is a file that begins as a `.zip` does."""
    with contextlib.suppress(OSError, ValueError):
        if path.is_file():
            with path.open("rb") as file:
                return file.read(4) == b"PK\x03\x04"
    return False


@contextlib.contextmanager
def files_of(path: Path, endings: Sequence[str]) -> Iterator[list[Given]]:
    """Open what lies at `path` for the length of the block and list its files whose names end so, in any case.

    A single file counts whatever it is called. Raises `InputError` for a broken archive, or one over the limits.
    """
    if path.is_dir():
        yield _in_folder(path, tuple(endings))
    elif is_zip(path):
        with contextlib.ExitStack() as stack:
            try:
                archive = stack.enter_context(zipfile.ZipFile(path))
                found = _in_zip(path, archive, tuple(endings))
            except BROKEN as error:
                raise InputError(f"{path} is not a whole .zip archive ({error}): export the blog again.") from error
            yield found
    else:
        yield [Given(path.name, path.stat().st_size, lambda: path.open("rb"))]


def _in_folder(path: Path, endings: tuple[str, ...]) -> list[Given]:
    found: list[Given] = []
    folders = [""]
    while folders:
        inside = folders.pop()
        for entry in _entries(path / inside):
            name = f"{inside}{entry.name}"
            if entry.is_dir(follow_symlinks=False):
                folders.append(f"{name}/")
            elif entry.name.lower().endswith(endings) and entry.is_file(follow_symlinks=False):
                found.append(_file(name, entry))
        if len(found) > MAX_MEMBERS:
            raise InputError(f"{path} holds more than {MAX_MEMBERS:,} such files: give a folder with the blog alone.")
    return sorted(found, key=lambda given: given.name)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """What lies in a folder and is not hidden; nothing of one that cannot be looked into."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        return [entry for entry in entries if not entry.name.startswith(".") and entry.name != "node_modules"]
    return []


def _file(name: str, entry: os.DirEntry[str]) -> Given:
    path = entry.path
    return Given(name, entry.stat(follow_symlinks=False).st_size, lambda: open(path, "rb"))  # noqa: PTH123


def _in_zip(path: Path, archive: zipfile.ZipFile, endings: tuple[str, ...]) -> list[Given]:
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise InputError(f"{path} holds more than {MAX_MEMBERS:,} files: that is no export of a blog.")
    wanted = {
        member.filename: member
        for member in members
        if member.filename.lower().endswith(endings) and _is_plain(member.filename) and not member.is_dir()
    }
    for member in wanted.values():
        most = max(_SMALL, _MOST_PACKED * member.compress_size)
        if member.file_size > min(most, MAX_BYTES):
            raise InputError(
                f"{path} says that its {member.filename} is {member.file_size / 2**20:,.0f} MiB, more than such a file "
                "can be: unpack it and give the folder."
            )
    return [_member(archive, wanted[name]) for name in sorted(wanted)]


def _member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Given:
    return Given(member.filename, member.file_size, lambda: archive.open(member))


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in parts)
    return bool(parts) and not hidden and "\0" not in name and "\\" not in name
