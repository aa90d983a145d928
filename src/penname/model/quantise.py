"""Weights in few bits: rounding in groups, packing bit planes, one safetensors file that any reader can open.

    write_packed(path, model.state_dict(), bits=5, metadata={"config": ...})
    weights, metadata = read_packed(path)

A matrix is cut into groups of 32 or 64 weights along its rows; a group is `scale * integer`. The integers are stored as
bit planes (plane b holds bit b of every weight), `name.planes` uint8 (bits, ceil(n / 8)), with `name.scales` float16
(rows, groups) and the shape in the metadata.
"""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penname.core.errors import InputError
from penname.core.files import replacing
from penname.model.weights import write_weights

FORMAT = "penname-planes-1"
REMEDY = "fetch it again, or make it again with penname pretrain"
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
    text = {"format": FORMAT, "shapes": json.dumps(shapes), "about": json.dumps(metadata or {})}
    with replacing(path) as temporary:
        write_weights(stored, temporary, text)
    return path.stat().st_size


@dataclass(frozen=True)
class PackedHeader:
    """What a packed file says of itself, true to the bytes there are."""

    shapes: dict[str, tuple[int, ...]]
    """Every weight, the packed ones included."""
    matrices: frozenset[str]
    """The weights that are packed."""
    about: dict[str, Any]


def read_header(path: Path, remedy: str = REMEDY) -> PackedHeader:
    """Read the header of a packed file and compare it with what the file holds; no weight is read.

    Raises `InputError` for the first thing that cannot be, with `remedy` at its end.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            parts = {name: file.get_slice(name) for name in file.keys()}  # noqa: SIM118
            found = {name: (tuple(part.get_shape()), part.get_dtype()) for name, part in parts.items()}
        return _checked_header(said, found)
    except (SafetensorError, ValueError, RecursionError, OSError) as error:
        raise _unreadable(path, error, remedy) from error


def read_packed(
    path: Path, header: PackedHeader | None = None, remedy: str = REMEDY
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_packed` wrote: float32 weights and the metadata. A broken file is an `InputError`.

    Shapes are compared with the bytes there are before anything is allocated; `header` is what `read_header` found.
    """
    from safetensors import SafetensorError, safe_open

    header = header or read_header(path, remedy)
    weights: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name, shape in header.shapes.items():
                packed = name in header.matrices
                weights[name] = _unpacked(file, name, shape) if packed else file.get_tensor(name).float()
                if not weights[name].isfinite().all():
                    raise ValueError(f"{name} holds values that are not numbers")
    except (SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, error, remedy) from error
    return weights, header.about


def _checked_header(said: dict[str, str], found: dict[str, tuple[tuple[int, ...], str]]) -> PackedHeader:
    """Raises `ValueError` where the header and the tensors there are do not agree."""
    if said.get("format") != FORMAT:
        raise ValueError("it is not in penname's own format")
    matrices, about = json.loads(said.get("shapes", "null")), json.loads(said.get("about", "{}"))
    if not isinstance(matrices, dict) or not isinstance(about, dict):
        raise ValueError("its header is not one that penname writes")
    shapes: dict[str, tuple[int, ...]] = {}
    parts: set[str] = set()
    for name, shape in matrices.items():
        shapes[name] = _checked_matrix(name, shape, found)
        parts |= {f"{name}.planes", f"{name}.scales"}
    for name in found.keys() - parts:
        shape, dtype = found[name]
        if name in shapes or len(shape) != 1 or dtype != "F16":
            raise ValueError(f"{name} has no place in it")
        shapes[name] = shape
    return PackedHeader(shapes, frozenset(matrices), about)


def _checked_matrix(name: str, shape: Any, found: dict[str, tuple[tuple[int, ...], str]]) -> tuple[int, int]:
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(f"the shape of {name} is not two whole numbers above 0")
    rows, columns = shape
    planes, scales = found.get(f"{name}.planes"), found.get(f"{name}.scales")
    if planes is None or scales is None:
        raise ValueError(f"{name} is missing")
    bits = planes[0][0] if planes[0] else 0
    if planes[1] != "U8" or not 1 <= bits <= 8 or planes[0] != (bits, -(-rows * columns // 8)):
        raise ValueError(f"{name}.planes has the shape {planes[0]}, which {rows} x {columns} weights have not")
    groups = scales[0][1] if len(scales[0]) == 2 else 0
    if scales[1] != "F16" or groups < 1 or scales[0] != (rows, groups) or columns % groups:
        raise ValueError(f"{name}.scales has the shape {scales[0]}, which {rows} x {columns} weights have not")
    return rows, columns


def _unpacked(file: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    planes = file.get_tensor(f"{name}.planes").numpy()
    integers = torch.from_numpy(unpack_planes(planes, math.prod(shape))).view(shape)
    return restore_groups(integers, file.get_tensor(f"{name}.scales"))


def _unreadable(path: Path, error: Exception, remedy: str) -> InputError:
    what = "it is nested too deeply" if isinstance(error, RecursionError) else error
    return InputError(f"{path} is not a packed model that can be read ({what}): {remedy}.")
