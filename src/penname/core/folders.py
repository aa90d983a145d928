"""Folders that are whole or absent: written beside their place, then swapped in.

    with replacing_folder(Path("model")) as new:
        (new / "config.json").write_text("{}")

A folder cannot be renamed over another one that holds files, so the old folder steps aside first. A kill between the
two renames leaves both whole; `settle_folder` then puts the new one in its place.
"""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from penname.core.errors import PennameError


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Give an empty folder beside `path`; on success it takes the place of `path`, on failure it is removed.

    The old folder stays as it is until the new one is whole. A full disk becomes a `PennameError`.
    """
    path = path.resolve()
    settle_folder(path)
    new, old, _ = _beside(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        # A workspace is its owner's alone, and so is what is in it.
        new.chmod(new.stat().st_mode & path.parent.stat().st_mode)
        yield new
        _flush(new)
        if path.exists():
            path.replace(old)
            settle_folder(path)
        else:
            new.replace(path)
    except Exception as error:
        if is_disk_full(error):
            raise PennameError(
                f"The disk that holds {path.parent} is full: {path.name} was not written, what was there before is "
                "unharmed. Make room and run the same command again."
            ) from error
        raise
    finally:
        settle_folder(path)
        shutil.rmtree(new, ignore_errors=True)


def settle_folder(path: Path) -> None:
    """Finish a swap that was killed half-way: call it before reading a folder that `replacing_folder` writes."""
    path = path.resolve()
    new, old, gone = _beside(path)
    # The old folder steps aside only when the new one is whole.
    with contextlib.suppress(FileNotFoundError):
        if old.exists():
            if not path.exists():
                (new if new.is_dir() else old).replace(path)
            if old.exists():
                shutil.rmtree(gone, ignore_errors=True)
                old.replace(gone)
    shutil.rmtree(gone, ignore_errors=True)


def is_disk_full(error: BaseException) -> bool:
    """Whether `error` says that a disk, or a quota, is full."""
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "No space left" in str(error) or "os error 28" in str(error)


def _beside(path: Path) -> tuple[Path, Path, Path]:
    """Where the new folder is written, where the old one steps aside, and where it is removed."""
    new, old, gone = (path.with_name(f".{path.name}.{word}") for word in ("new", "old", "gone"))
    return new, old, gone


def _flush(folder: Path) -> None:
    """Make sure that the files are on the disk before anything is renamed, and readable for whom the folder is."""
    readable = folder.stat().st_mode & 0o666
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            # safetensors writes files that only their owner may read.
            path.chmod(readable)
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    # Windows cannot open a folder, and needs not.
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
