"""Where an export goes: what is there already is replaced only when it is asked for, and only what an export wrote.

    check_place(out, force=False, ours=is_ours)

In: the folder or file to be written, whether `--force` was given, and what tells an earlier export. Out: nothing, or an
`InputError` before a byte is written.
"""

from collections.abc import Callable
from pathlib import Path

from penname.core.errors import InputError
from penname.core.files import settle_folder


def check_place(out: Path, force: bool, ours: Callable[[Path], bool]) -> None:
    """Raise `InputError` where a folder that is not empty is in the way of a new one at `out`."""
    settle_folder(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give the path of a new folder.")
    if not out.is_dir() or not any(out.iterdir()):
        return
    if not ours(out):
        raise InputError(f"{out} is not empty and not an earlier export: give the path of a new folder.")
    if not force:
        raise InputError(f"{out} holds an earlier export: give another path, or --force to replace it.")


def check_file(path: Path, force: bool, ours: Callable[[Path], bool], what: str) -> None:
    """Raise `InputError` where something is in the way of a new file at `path`; `what` is what the file would be."""
    if not path.exists():
        return
    if not path.is_file() or not ours(path):
        raise InputError(f"{path} exists and is not {what}: give another path.")
    if not force:
        raise InputError(f"{path} exists already: give another path, or --force to replace it.")


def is_gguf(path: Path) -> bool:
    """Whether a path is a file that begins as GGUF files do."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"
