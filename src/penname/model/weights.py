"""Copies of a network's weights by name, the ways back, and a file of them that is always the same.

kept = copied(model)
put_back(model, kept)
write_weights(kept, path, {"format": "pt"})

Whether the weights of a model folder are still those that were written: their SHA-256, beside them.

    write_sums(folder)
    check_sums(folder)      # raises InputError when a bit has flipped since

In: a folder. Out: `SHA256SUMS` in it, as `sha256sum -c SHA256SUMS` reads it. It is swapped in with the folder, so it is
never older than the weights. The other files are text: what is broken in them shows when they are read, and people edit
them. Weights that another program wrote in their place, and folders without the file, are taken as they are.
"""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from penname.core.errors import InputError


def copied(model: nn.Module) -> dict[str, Tensor]:
    """A copy of each weight."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def put_back(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give `model` the weights of that name, in place."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weights[name])


def blend(average: Mapping[str, Tensor], model: nn.Module, share: float) -> None:
    """Move `average` towards the weights of `model` by `share`, in place."""
    current = dict(model.named_parameters())
    names = list(average)
    torch._foreach_lerp_([average[n] for n in names], [current[n].detach() for n in names], share)


def write_weights(weights: Mapping[str, Tensor], path: Path, metadata: Mapping[str, str] | None = None) -> None:
    """Write a safetensors file; the same weights and `metadata` give the same bytes."""

    save_file(dict(weights), path, metadata=dict(metadata) if metadata else None)
    if metadata and len(metadata) > 1:
        _sort_metadata(path)


def _sort_metadata(path: Path) -> None:
    """Put the metadata in the order of its keys: the library keeps it in a hash map, whose order changes each time."""
    with path.open("rb+") as file:
        size = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(size))
        header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
        # Written as the library writes it, the header stays as long as it was: spaces fill it up to a multiple of 8.
        text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
        if len(text) <= size:
            file.seek(8)
            file.write(text.ljust(size))


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

    try:
        with safe_open(weights, framework="pt") as file:
            return str((file.metadata() or {}).get("producer", "")).startswith("penname")
    except (SafetensorError, OSError):
        return False


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
