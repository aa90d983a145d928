"""Folders that are whole or absent: written beside their place, then swapped in.

    with replacing_folder(Path("model")) as new:
        (new / "config.json").write_text("{}")

A folder cannot be renamed over another one that holds files, so the old folder steps aside first. A kill between the
two renames leaves both whole; `settle_folder` then puts the new one in its place.

One run at a time in a folder: a lock that the system lets go when the program ends, however it ends.

    with locked(folder / "lock", "penname train"): ...

The lock is the system's own on an open file (`flock`, or `msvcrt.locking` on Windows), so a crash leaves nothing
behind. The file holds what the running program does, for the message to the second one.

Files that are whole or absent: everything is written to a temporary name and renamed.

write_json(path, {"posts": 943})

A folder for what must not outlive a run, readable by its owner only.

    with private_folder() as folder:
        ...

In: nothing. Out: an empty folder in the system's temporary folder, mode 0700, deleted at the end of the block. Its name
holds the number of the process, and a lock in it is held for as long as the process lives: when a run is killed, the
next one finds that lock free and deletes what the killed one left.
"""

import contextlib
import errno
import json
import os
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any, TextIO

from penname.core.errors import InputError, PennameError


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


@contextlib.contextmanager
def telling_full_disk(what: str) -> Iterator[None]:
    """Turn a full temporary folder into a `PennameError`; `what` is kept there for a while."""
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise PennameError(
            f"The disk that holds {tempfile.gettempdir()} is full: {what} of the blog are kept there for a while. Make "
            "room, or set TMPDIR to a folder on another disk, and run the same command again."
        ) from error


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


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; on success rename it over `path`, on failure remove it.

    A full disk becomes a `PennameError` that names the folder; the old file stays as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        # Readable for whom the folder is: a workspace is its owner's alone.
        temporary.chmod(0o666 & ~_umask() & path.parent.stat().st_mode)
        temporary.replace(path)
    except Exception as error:
        if is_disk_full(error):
            free = shutil.disk_usage(path.parent).free / 2**20
            raise PennameError(
                f"The disk that holds {path.parent} is full ({free:.0f} MiB free): {path.name} was not "
                "written, the file that was there before is unharmed. Make room and run the same command again."
            ) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files in `folder` that a killed process left; nobody else may be writing there."""
    for path in folder.glob(".*.tmp"):
        if path.is_file():
            path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 with `\\n` line ends, whole or not at all. Lone surrogates become `?`."""
    write_bytes(path, text.encode("utf-8", errors="replace"))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write `value` as UTF-8 JSON, whole or not at all."""
    write_text(path, json.dumps(value, ensure_ascii=False, indent=indent) + "\n")


def read_text(path: Path) -> str:
    """Read UTF-8 text that a user may have saved; a byte-order mark, which Windows writes, is no part of it."""
    return path.read_text(encoding="utf-8-sig")


def parse_json(text: str) -> Any:
    """Parse JSON. Whatever is wrong with it, nesting without end included, is a `ValueError`."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def write_json_lines(path: Path, head: dict[str, Any], name: str, items: Iterable[Any]) -> None:
    """Write the JSON object `head` with the list `items` as its last key `name`.

    Each item has a line of its own, so that memory holds one only, here and where it is read.
    """
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        file.write(json.dumps({**head, name: []}, ensure_ascii=False)[:-2])
        start = "\n"
        for item in items:
            file.write(start + json.dumps(item, ensure_ascii=False))
            start = ",\n"
        file.write("\n]}\n")


def iter_json_lines(path: Path, name: str, what: str) -> Iterator[Any]:
    """Yield the head of a file that `write_json_lines` wrote, then its items; any other layout is read whole.

    A bare list has an empty head. A missing or broken file is an `InputError` that calls it `what`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _items(file, name)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {what} is expected there.") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable as {what}: {error}.") from error


def _items(file: TextIO, name: str) -> Iterator[Any]:
    """Yield the head, then the items; where each has a line of its own, memory holds one of them."""
    first = file.readline()
    if not first.rstrip("\r\n").endswith(f'"{name}": ['):
        found = parse_json(first + file.read())
        if isinstance(found, list):
            found = {name: found}
        if not isinstance(found, dict) or not isinstance(found.get(name), list):
            raise ValueError("it is not a list")
        items = found.pop(name)
        yield found
        yield from items
        return
    yield from (head for head in [parse_json(first + "]}")] if head.pop(name) == [])
    for line in file:
        if line.startswith("]"):
            return
        yield parse_json(line.rstrip(",\r\n"))
    raise ValueError("it is cut short")


def read_json(path: Path, what: str) -> Any:
    """Read JSON; a missing or broken file is an `InputError` that calls it `what`. A byte-order mark is passed over."""
    try:
        return parse_json(read_text(path))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {what} is expected there.") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable as {what}: {error}.") from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
