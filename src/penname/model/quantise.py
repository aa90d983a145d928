"""Weights in few bits: rounding in groups, packing bit planes, one safetensors file that any reader can open.

    write_packed(path, model.state_dict(), bits=5, metadata={"config": ...})
    weights, metadata = read_packed(path)

A matrix is cut into groups of 32 or 64 weights along its rows; a group is `scale * integer`. The integers are stored as
bit planes (plane b holds bit b of every weight), `name.planes` uint8 (bits, ceil(n / 8)), with `name.scales` float16
(rows, groups) and the shape in the metadata.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penname.core.errors import InputError
from penname.core.files import replacing
from penname.model.weights import write_weights

_SHRINKS = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7)
"""Tried for each group: a smaller scale clips the largest weight and rounds the others more finely."""


def round_groups(weight: Tensor, bits: int, group: int) -> tuple[Tensor, Tensor]:
    """Round (rows, columns) to integers and scales: int8 (rows, columns), float16 (rows, columns / group).

    The scale of each group is the one of a few candidates with the least squared error.
    """
    rows, columns = weight.shape
    if columns % group:
        raise ValueError(f"{columns} columns cannot be cut into groups of {group}")
    integers, scales = _rounded_parts(weight.float().view(-1, group), bits)
    return integers.to(torch.int8).view(rows, columns), scales.half().view(rows, columns // group)


def _rounded_parts(parts: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Groups (n, group) as integers of the same shape, in float32, and scales (n, 1) that float16 holds exactly."""
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1
    # The end of the longer reach: the value of largest size may be negative, where there is one more step.
    index = parts.abs().argmax(dim=-1, keepdim=True)
    peak = parts.gather(-1, index)
    best_error = torch.full_like(peak, torch.inf)
    best_scale = torch.zeros_like(peak)
    for shrink in _SHRINKS:
        scale = (peak / low * shrink).half().float()
        safe = torch.where(scale == 0, 1.0, scale)
        rounded = (parts / safe).round().clamp(low, high)
        error = (rounded * scale - parts).square().sum(dim=-1, keepdim=True)
        better = error < best_error
        best_error = torch.where(better, error, best_error)
        best_scale = torch.where(better, scale, best_scale)
    safe = torch.where(best_scale == 0, 1.0, best_scale)
    return (parts / safe).round().clamp(low, high), best_scale


def as_stored(parts: Tensor, bits: int) -> Tensor:
    """What groups of weights (n, group) become when they are stored in `bits` bits; made to be compiled whole."""
    integers, scales = _rounded_parts(parts, bits)
    return integers * scales


def restore_groups(integers: Tensor, scales: Tensor) -> Tensor:
    """The float32 weights that the integers and scales stand for."""
    rows, columns = integers.shape
    parts = integers.float().view(rows, scales.size(1), -1) * scales.float()[..., None]
    return parts.view(rows, columns)


def pack_planes(integers: npt.NDArray[np.int8], bits: int) -> npt.NDArray[np.uint8]:
    """Bit planes (bits, ceil(n / 8)) of n signed integers, offset to be non-negative."""
    raised = (integers.reshape(-1).astype(np.int16) + 2 ** (bits - 1)).astype(np.uint8)
    return np.stack([np.packbits((raised >> bit) & 1) for bit in range(bits)])


def unpack_planes(planes: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int8]:
    """The n signed integers behind the bit planes."""
    raised = np.zeros(count, np.uint8)
    for bit, plane in enumerate(planes):
        raised |= np.unpackbits(plane, count=count) << np.uint8(bit)
    integers: npt.NDArray[np.int8] = (raised.astype(np.int16) - 2 ** (planes.shape[0] - 1)).astype(np.int8)
    return integers


def write_packed(
    path: Path,
    weights: dict[str, Tensor],
    *,
    bits: int,
    group: int = 64,
    metadata: dict[str, Any] | None = None,
) -> int:
    """Write matrices in `bits` bits and vectors in float16 to a safetensors file; return its size in bytes."""
    stored: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, weight in weights.items():
        weight = weight.detach().cpu()
        if weight.ndim != 2:
            stored[name] = weight.half()
            continue
        integers, scales = round_groups(weight, bits, group)
        stored[f"{name}.planes"] = torch.from_numpy(pack_planes(integers.numpy(), bits))
        stored[f"{name}.scales"] = scales
        shapes[name] = list(weight.shape)
    text = {"format": "penname-planes-1", "shapes": json.dumps(shapes), "about": json.dumps(metadata or {})}
    with replacing(path) as temporary:
        write_weights(stored, temporary, text)
    return path.stat().st_size


def read_packed(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_packed` wrote: float32 weights and the metadata. A broken file is an `InputError`."""
    from safetensors import SafetensorError, safe_open

    weights: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            shapes = json.loads(header["shapes"])
            about: dict[str, Any] = json.loads(header.get("about", "{}"))
            for name in file.keys():  # noqa: SIM118
                if not name.endswith((".planes", ".scales")):
                    weights[name] = file.get_tensor(name).float()
            for name, (rows, columns) in shapes.items():
                planes = file.get_tensor(f"{name}.planes").numpy()
                integers = torch.from_numpy(unpack_planes(planes, rows * columns)).view(rows, columns)
                weights[name] = restore_groups(integers, file.get_tensor(f"{name}.scales"))
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError, OSError) as error:
        raise InputError(f"{path} is not a packed model that can be read ({error}): install penname again.") from error
    return weights, about
