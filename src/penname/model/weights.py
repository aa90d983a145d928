"""Copies of a network's weights by name, the ways back, and a file of them that is always the same.

kept = copied(model)
put_back(model, kept)
write_weights(kept, path, {"format": "pt"})
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn


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
    from safetensors.torch import save_file

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
