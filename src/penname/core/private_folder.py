"""A folder for what must not outlive a run, readable by its owner only.

    with private_folder() as folder:
        ...

In: nothing. Out: an empty folder in the system's temporary folder, mode 0700, deleted at the end of the block. Its name
holds the number of the process, and a lock in it is held for as long as the process lives: when a run is killed, the
next one finds that lock free and deletes what the killed one left.
"""

import contextlib
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from penname.core.errors import PennameError
from penname.core.lock import locked

_NAME = re.compile(r"penname-copy-([0-9]+)-[a-z0-9_]+")
_LOCK = "lock"
_STARTING = 60.0
"""Seconds in which a process that lives may still be about to take its lock."""


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give an empty folder that only its owner can look into; sweep up after runs that were killed."""
    sweep()
    folder = Path(tempfile.mkdtemp(prefix=f"penname-copy-{os.getpid()}-"))
    try:
        with locked(folder / _LOCK, "penname"):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep() -> None:
    """Delete the private folders of processes that are no more; those of others, and of other users, stay."""
    for folder in Path(tempfile.gettempdir()).glob("penname-copy-*"):
        with contextlib.suppress(OSError):
            if _is_stale(folder):
                shutil.rmtree(folder, ignore_errors=True)


def _is_stale(folder: Path) -> bool:
    name, about = _NAME.fullmatch(folder.name), folder.lstat()
    if name is None or folder.is_symlink() or not folder.is_dir():
        return False
    if hasattr(os, "getuid") and about.st_uid != os.getuid():
        return False
    if _lives(int(name[1])) and time.time() - about.st_mtime < _STARTING:
        return False
    try:
        with locked(folder / _LOCK, "penname"):
            return True
    except PennameError:
        return False


def _lives(process: int) -> bool:
    if sys.platform == "win32":
        return True  # There is no harmless question; the lock tells.
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
