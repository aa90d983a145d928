"""Take the database and the settings out of a Publii backup `.tar`, and nothing else.

In: the `.tar` (Publii writes `backup-date.log` and `input/**`) and an empty private folder.
Out: `db.sqlite`, its `-journal` or `-wal`, and `site.config.json` in that folder, under those names.

    notes = unpack(Path("backup.tar"), folder)

No name in the archive ever becomes a path on this machine: the wanted files are copied out by hand under
fixed names. Links, devices, absolute names and names with `..` are passed over. Media is never read.

Publii puts one site into a backup, as `input/db.sqlite`. Where other databases lie beside that one (files of posts may
be anything), it is the one that counts, and a note names the others; several without it are several sites, and one has
to be chosen. Of one name that comes twice the last counts, as `tar` itself has it.

What a header announces is never believed: names and extended headers are read up to 1 MiB a member.
"""

import io
import shutil
import struct
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from penname.core.errors import InputError, PennameError
from penname.sources.publii_snapshot import drop_foreign_journal

MAX_MEMBERS = 500_000
MAX_DATABASE_BYTES = 4 * 2**30
MAX_CONFIG_BYTES = 16 * 2**20
_BLOCK = 2**20
_MAX_HEADER_BYTES = 2**20
_MAX_SITES = 1_000
_PUBLII = PurePosixPath("input")
_DATABASE_FILES = ("db.sqlite", "db.sqlite-journal", "db.sqlite-wal")
_CONFIG = "site.config.json"
_BROKEN = (
    tarfile.TarError,
    ValueError,
    OverflowError,
    EOFError,
    IndexError,
    struct.error,
    RecursionError,
    MemoryError,
)

Members = dict[str, tarfile.TarInfo]


class _Bounded(io.BufferedReader):
    """A file whose reader gets `left` bytes in all, until that is set anew."""

    left = _MAX_HEADER_BYTES

    def read(self, size: int | None = -1, /) -> bytes:
        """Read `size` bytes, or refuse before anything is read."""
        if size is None or not 0 <= size <= self.left:
            raise tarfile.ReadError(f"a header is over the limit of {_MAX_HEADER_BYTES // 2**20} MiB")
        self.left -= size
        return super().read(size)


@dataclass(frozen=True)
class _Contents:
    sites: dict[PurePosixPath, Members]
    unsafe: int
    whole: bool


def unpack(archive: Path, folder: Path) -> tuple[str, ...]:
    """Copy the one site's database files and settings from `archive` into `folder`; return notes to show.

    Raises `InputError` for no tar, a broken one, none or several sites in it, a member larger than the
    archive itself (a sparse bomb) or than 4 GiB.
    """
    try:
        with _Bounded(archive.open("rb", buffering=0)) as file, tarfile.open(fileobj=file, mode="r:") as tar:
            contents = _look(archive, file, tar)
            members, passed_over = _one_site(archive, contents)
            for name, member in members.items():
                _check_size(archive, member, MAX_CONFIG_BYTES if name == _CONFIG else MAX_DATABASE_BYTES)
                _check_room(archive, member, folder)
                _copy(file, tar, member, folder / name)
        drop_foreign_journal(folder)
    except _BROKEN as error:
        raise InputError(
            f"{archive} is not a whole .tar archive ({error or type(error).__name__}): make the backup again in Publii."
        ) from error
    return _notes(contents, passed_over)


def _look(archive: Path, file: _Bounded, tar: tarfile.TarFile) -> _Contents:
    sites: dict[PurePosixPath, Members] = {}
    unsafe, whole = 0, True
    members = _members(archive, file, tar)
    while True:
        try:
            member = next(members, None)
        except _BROKEN:
            # Media after the database may be cut off; the database is read in full or refused later.
            whole = False
            break
        if member is None:
            break
        name = _safe_name(member.name)
        if name is None:
            unsafe += 1
        elif member.isreg() and len(sites) < _MAX_SITES:
            _note_wanted(sites, name, member)
    return _Contents(sites, unsafe, whole)


def _members(archive: Path, file: _Bounded, tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    for _ in range(MAX_MEMBERS):
        file.left = _MAX_HEADER_BYTES
        member = tar.next()
        if member is None:
            return
        if member.size < 0:
            raise tarfile.ReadError("a member has a negative size")
        # tarfile keeps every member it has seen; only the wanted ones are needed.
        tar.members = []  # type: ignore[attr-defined]
        yield member
    raise InputError(f"{archive} holds more than {MAX_MEMBERS} files: that is no Publii backup.")


def _safe_name(name: str) -> PurePosixPath | None:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in path.parts[:1] or "\0" in name:
        return None
    return path


def _note_wanted(sites: dict[PurePosixPath, Members], name: PurePosixPath, member: tarfile.TarInfo) -> None:
    if name.name in _DATABASE_FILES and (name.parent.name == "input" or len(name.parts) == 1):
        sites.setdefault(name.parent, {})[name.name] = member
    elif name.name == _CONFIG and name.parent.name == "config":
        sites.setdefault(name.parent.parent, {})[_CONFIG] = member


def _one_site(archive: Path, contents: _Contents) -> tuple[Members, list[str]]:
    """The files of the site that counts, and the databases beside it."""
    sites = {folder: members for folder, members in contents.sites.items() if "db.sqlite" in members}
    if len(sites) == 1:
        return next(iter(sites.values())), []
    if _PUBLII in sites:
        return sites[_PUBLII], sorted(str(folder / "db.sqlite") for folder in sites if folder != _PUBLII)
    if sites:
        names = ", ".join(sorted(str(folder) for folder in sites)[:12])
        raise InputError(f"{archive} holds {len(sites)} sites ({names}): unpack it and name the folder of one of them.")
    cut = "" if contents.whole else " and is cut short"
    raise InputError(
        f"{archive} is a .tar archive without a Publii database (no input/db.sqlite in it){cut}: "
        "give a backup that Publii made."
    )


def _check_size(archive: Path, member: tarfile.TarInfo, limit: int) -> None:
    if member.size > limit:
        raise InputError(
            f"{archive} says that its {member.name} is {member.size / 2**20:.0f} MiB, over the limit of "
            f"{limit // 2**20} MiB: give the site's own folder instead."
        )
    if member.size > archive.stat().st_size:
        raise InputError(
            f"{archive} says that its {member.name} is larger than the archive itself, so it is cut short or "
            "made up: make the backup again in Publii."
        )


def _check_room(archive: Path, member: tarfile.TarInfo, folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < 1.1 * member.size:
        raise PennameError(
            f"{archive} is read from a private copy, and {folder.parent} has no room for one ({free / 2**20:.0f} MiB "
            "free): make room, or set TMPDIR elsewhere."
        )


def _copy(file: _Bounded, tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    source = tar.extractfile(member)
    if source is None:
        raise tarfile.ReadError(f"{member.name} has no contents")
    left = member.size
    with source, target.open("xb") as copy:
        while left:
            file.left = 2 * _BLOCK
            block = source.read(min(_BLOCK, left))
            if not block:
                raise tarfile.ReadError(f"{member.name} is cut short")
            copy.write(block)
            left -= len(block)


def _notes(contents: _Contents, passed_over: list[str]) -> tuple[str, ...]:
    notes = []
    if passed_over:
        more = f" and {len(passed_over) - 3} more" if len(passed_over) > 3 else ""
        notes.append(f"input/db.sqlite of the backup is read; passed over: {', '.join(passed_over[:3])}{more}.")
    if contents.unsafe:
        entries = "1 entry" if contents.unsafe == 1 else f"{contents.unsafe} entries"
        notes.append(f"Passed over {entries} of the backup with a name that leads out of it.")
    if not contents.whole:
        notes.append("The backup is cut short after its database; the database in it is whole and is used.")
    return tuple(notes)
