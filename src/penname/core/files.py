"""Files that are whole or absent: everything is written to a temporary name and renamed.

write_json(path, {"posts": 943})
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from penname.core.errors import InputError, PennameError
from penname.core.folders import is_disk_full


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


def write_json_list(path: Path, items: Iterable[Any]) -> None:
    """Write what `write_json` writes for a list of `items`, one item at a time, so that memory holds one only."""
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8", errors="replace", newline="\n") as file:
        start = "[\n "
        for item in items:
            file.write(start + json.dumps(item, ensure_ascii=False, indent=1).replace("\n", "\n "))
            start = ",\n "
        file.write("[]\n" if start.startswith("[") else "\n]\n")


def iter_json_list(path: Path, what: str) -> Iterator[Any]:
    """Yield the items of a file that `write_json_list` wrote, one at a time; any other JSON list is read whole.

    A missing or broken file is an `InputError` that calls it `what`; so is JSON that is no list.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from _items(file)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: {what} is expected there.") from error
    except (ValueError, OSError) as error:
        raise InputError(f"{path} is not readable as {what}: {error}.") from error


def _items(file: TextIO) -> Iterator[Any]:
    """Yield the items of a JSON list; where each begins and ends on a line of its own, memory holds one of them."""
    first = file.readline()
    if first != "[\n":
        found = parse_json(first + file.read())
        if not isinstance(found, list):
            raise ValueError("it is not a list")
        yield from found
        return
    lines: list[str] = []
    for line in file:
        lines.append(line)
        if line in (" },\n", " }\n"):
            yield parse_json("".join(lines).rstrip(",\n"))
            lines = []
    yield from parse_json("".join(["[", *lines]))


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
