"""One run at a time in a folder: a lock that the system lets go when the program ends, however it ends.

    with locked(folder / "lock", "penname train"): ...

The lock is the system's own on an open file (`flock`, or `msvcrt.locking` on Windows), so a crash leaves nothing
behind. The file holds what the running program does, for the message to the second one.
"""

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from penname.core.errors import PennameError

_PLACE = 1 << 30
"""The byte that is locked on Windows, far behind the text, which others may then read."""


@contextlib.contextmanager
def locked(path: Path, who: str, *, shared: bool = False, wait: float = 0.0) -> Iterator[None]:
    """Hold the lock `path` for the length of the block, as `who`; wait for it for up to `wait` seconds.

    With `shared` others may hold it too, if they ask for it in the same way (not on Windows, where one run holds it).
    Raises `PennameError` when another run holds it; the sentence says which.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        until = time.monotonic() + wait
        while not _take(file, shared):
            if time.monotonic() >= until:
                raise PennameError(
                    f"Another run is at work in {path.parent}{_holder(path)}: wait for it, or stop it with Ctrl-C."
                )
            time.sleep(0.05)
        file.truncate(0)
        file.write(f"{who}, process {os.getpid()}\n")
        file.flush()
        try:
            yield
        finally:
            file.truncate(0)
            _let_go(file)


def _holder(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
    return f" ({text})" if text else ""


if sys.platform == "win32":
    import msvcrt

    def _take(file: IO[str], _shared: bool) -> bool:
        file.seek(_PLACE)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _let_go(file: IO[str]) -> None:
        file.seek(_PLACE)
        msvcrt.locking(file.fileno(), msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _take(file: IO[str], shared: bool) -> bool:
        try:
            fcntl.flock(file, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except OSError:
            return False
        return True

    def _let_go(file: IO[str]) -> None:
        fcntl.flock(file, fcntl.LOCK_UN)
