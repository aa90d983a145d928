"""Whether the weights of a model folder are still those that were written: their SHA-256, beside them.

    write_sums(folder)
    check_sums(folder)      # raises InputError when a bit has flipped since

In: a folder. Out: `SHA256SUMS` in it, as `sha256sum -c SHA256SUMS` reads it. It is swapped in with the folder, so it is
never older than the weights. The other files are text: what is broken in them shows when they are read, and people edit
them. Weights that another program wrote in their place, and folders without the file, are taken as they are.
"""

import hashlib
from pathlib import Path

from penname.core.errors import InputError

SUMS, _WEIGHTS = "SHA256SUMS", "model.safetensors"
_LONGEST = 4096


def write_sums(folder: Path) -> None:
    """Write the file for the weights in `folder`."""
    (folder / SUMS).write_text(f"{_sum(folder / _WEIGHTS)}  {_WEIGHTS}\n", encoding="utf-8", newline="\n")


def check_sums(folder: Path) -> None:
    """Compare the weights with what was written. Raises `InputError` when they differ."""
    path, weights = folder / SUMS, folder / _WEIGHTS
    if not path.is_file() or path.stat().st_size > _LONGEST or not is_from_penname(weights):
        return
    known = path.read_text(encoding="utf-8-sig", errors="replace").split()
    if known[1:] == [_WEIGHTS] and known[0].lower() != _sum(weights):
        raise InputError(
            f"{weights} is not what was written there (its SHA-256 is not that of {SUMS}): a bit has flipped, or it "
            f"was edited. Train or export the model again; if you meant the edit, delete {path}."
        )


def is_from_penname(weights: Path) -> bool:
    """Whether a file says that `save_model` wrote it."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(weights, framework="pt") as file:
            return str((file.metadata() or {}).get("producer", "")).startswith("penname")
    except (SafetensorError, OSError):
        return False


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
