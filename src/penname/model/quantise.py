"""Weights in few bits: rounding, packing, one safetensors file that any reader can open.

    write_packed(path, model.state_dict(), Rounding(row_step=0.3), metadata={"config": ...})
    weights, metadata = read_packed(path)

There are two formats, both with the shapes of the matrices in the metadata, and both are read:

- `penname-planes-1`, `Rounding(bits, group)`: a matrix is cut into groups of 32 or 64 weights along its rows; a group
  is `scale * integer`. The integers are stored as bit planes (plane b holds bit b of every weight), `name.planes` uint8
  (bits, ceil(n / 8)), with `name.scales` float16 (rows, groups).
- `penname-rows-1`, `Rounding(row_step=...)`: a row is `step * integer`, the step a share of the row's root mean square,
  and the integers (-127 to 127) go through the Huffman coder of zlib, which needs as many bits as they carry: 3.9 a
  weight at 0.3, which loses what groups lose at 4.4 (lab/0086). `name.codes` uint8 (bytes of the zlib stream), with
  `name.steps` float16 (rows).
"""

import json
import math
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from penname.core.errors import InputError
from penname.core.files import replacing
from penname.model.weights import write_weights

FORMAT = "penname-planes-1"
ROWS_FORMAT = "penname-rows-1"
REMEDY = "fetch it again, or make it again with penname pretrain"
_SHRINKS = (1.0, 0.94, 0.88, 0.82, 0.76, 0.7)
"""Tried for each group: a smaller scale clips the largest weight and rounds the others more finely."""
_REACH = 127
"""Largest integer of a row, either way."""

RoundedRows = tuple[Tensor, Tensor]
"""Integers int8 (rows, columns) and steps float16 (rows)."""


@dataclass(frozen=True)
class Rounding:
    """How matrices are rounded: `bits` bits in groups of `group` weights, or with one step a row."""

    bits: int = 5
    group: int = 64
    row_step: float = 0.0
    """Step of a row in root mean squares of its weights; 0: groups."""

    def width(self, matrix: Tensor) -> int:
        """Weights that share a scale."""
        return matrix.size(1) if self.row_step else self.group

    def as_stored(self, parts: Tensor) -> Tensor:
        """What parts (n, width) of a matrix become when they are stored; made to be compiled whole."""
        if self.row_step:
            integers, steps = _stepped_rows(parts, self.row_step)
            return integers * steps
        return as_stored(parts, self.bits)


def round_rows(weight: Tensor, row_step: float) -> RoundedRows:
    """Round (rows, columns) to the nearest integers of one step a row."""
    integers, steps = _stepped_rows(weight.float(), row_step)
    return integers.to(torch.int8), steps.half().view(-1)


def row_steps(weight: Tensor, row_step: float) -> Tensor:
    """The step of each row (rows, 1), in float32, that float16 holds exactly; 0 for a row that is too small for one."""
    return (weight.square().mean(dim=1, keepdim=True).sqrt() * row_step).half().float()


def nearest(values: Tensor, steps: Tensor) -> Tensor:
    """The integers, in float32, that are nearest to `values` in `steps`."""
    safe = torch.where(steps == 0, 1.0, steps)
    return torch.where(steps == 0, 0.0, (values / safe).round().clamp(-_REACH, _REACH))


def _stepped_rows(rows: Tensor, row_step: float) -> tuple[Tensor, Tensor]:
    steps = row_steps(rows, row_step)
    return nearest(rows, steps), steps


def restore_rows(integers: Tensor, steps: Tensor) -> Tensor:
    """The float32 weights that the integers and the steps of their rows stand for."""
    return integers.float() * steps.float()[:, None]


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


@torch.no_grad()
def put_as_stored(weights: Iterable[Tensor], rounding: Rounding, as_stored: Callable[[Tensor], Tensor]) -> None:
    """Replace matrices, in place, by what they become when they are stored; `as_stored` is `rounding`'s, compiled."""
    same: dict[int, list[Tensor]] = defaultdict(list)
    for weight in weights:
        if weight.ndim == 2:
            same[rounding.width(weight)].append(weight)
    for width, matrices in same.items():
        parts = as_stored(torch.cat([weight.view(-1, width) for weight in matrices]))
        pairs = zip(torch.split(parts, [weight.numel() // width for weight in matrices]), matrices, strict=True)
        torch._foreach_copy_(matrices, [part.view_as(weight) for part, weight in pairs])


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


def pack_codes(integers: npt.NDArray[np.int8]) -> npt.NDArray[np.uint8]:
    """The integers as a zlib stream that only Huffman codes were used for: at least one bit for each."""
    coder = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_HUFFMAN_ONLY)
    stream = coder.compress(np.ascontiguousarray(integers).tobytes()) + coder.flush()
    return np.frombuffer(stream, np.uint8)


def unpack_codes(codes: npt.NDArray[np.uint8], count: int) -> npt.NDArray[np.int8]:
    """The n integers behind the stream; `ValueError` where it holds more, fewer or something else."""
    decoder = zlib.decompressobj()
    try:
        # One more than there should be: nothing larger is ever held, and the end of the stream is reached.
        values = decoder.decompress(codes.tobytes(), count + 1)
    except zlib.error as error:
        raise ValueError(f"its codes are damaged: {error}") from error
    if len(values) != count or not decoder.eof or decoder.unused_data:
        raise ValueError(f"its codes do not hold {count:,} weights")
    return np.frombuffer(values, np.int8)


def write_packed(
    path: Path,
    weights: Mapping[str, Tensor],
    rounding: Rounding,
    *,
    rounded: Mapping[str, RoundedRows] | None = None,
    metadata: dict[str, Any] | None = None,
) -> int:
    """Write matrices rounded and vectors in float16 to a safetensors file; return its size in bytes.

    `rounded` holds matrices that were rounded to row steps before, by `compensate` for one.
    """
    stored: dict[str, Tensor] = {}
    shapes: dict[str, list[int]] = {}
    for name, weight in weights.items():
        weight = weight.detach().cpu()
        if weight.ndim != 2:
            stored[name] = weight.half()
            continue
        shapes[name] = list(weight.shape)
        stored |= _packed_matrix(name, weight, rounding, (rounded or {}).get(name))
    text = {
        "format": ROWS_FORMAT if rounding.row_step else FORMAT,
        "shapes": json.dumps(shapes),
        "about": json.dumps(metadata or {}),
    }
    with replacing(path) as temporary:
        write_weights(stored, temporary, text)
    return path.stat().st_size


def _packed_matrix(name: str, weight: Tensor, rounding: Rounding, rounded: RoundedRows | None) -> dict[str, Tensor]:
    if rounding.row_step:
        integers, steps = (part.cpu() for part in rounded or round_rows(weight, rounding.row_step))
        codes = torch.from_numpy(pack_codes(integers.numpy()).copy())
        return {f"{name}.codes": codes, f"{name}.steps": steps}
    integers, scales = round_groups(weight, rounding.bits, rounding.group)
    planes = torch.from_numpy(pack_planes(integers.numpy(), rounding.bits))
    return {f"{name}.planes": planes, f"{name}.scales": scales}


@dataclass(frozen=True)
class PackedHeader:
    """What a packed file says of itself, true to the bytes there are."""

    shapes: dict[str, tuple[int, ...]]
    """Every weight, the packed ones included."""
    matrices: frozenset[str]
    """The weights that are packed."""
    about: dict[str, Any]
    by_rows: bool = False
    """Whether they are packed with one step a row."""


def read_header(path: Path, remedy: str = REMEDY) -> PackedHeader:
    """Read the header of a packed file and compare it with what the file holds; no weight is read.

    Raises `InputError` for the first thing that cannot be, with `remedy` at its end.
    """

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

    header = header or read_header(path, remedy)
    weights: dict[str, Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name, shape in header.shapes.items():
                unpacked = _unpacked_rows if header.by_rows else _unpacked
                packed = name in header.matrices
                weights[name] = unpacked(file, name, shape) if packed else file.get_tensor(name).float()
                if not weights[name].isfinite().all():
                    raise ValueError(f"{name} holds values that are not numbers")
    except (SafetensorError, ValueError, OSError) as error:
        raise _unreadable(path, error, remedy) from error
    return weights, header.about


def _checked_header(said: dict[str, str], found: dict[str, tuple[tuple[int, ...], str]]) -> PackedHeader:
    """Raises `ValueError` where the header and the tensors there are do not agree."""
    by_rows = said.get("format") == ROWS_FORMAT
    if not by_rows and said.get("format") != FORMAT:
        raise ValueError("it is not in penname's own format")
    matrices, about = json.loads(said.get("shapes", "null")), json.loads(said.get("about", "{}"))
    if not isinstance(matrices, dict) or not isinstance(about, dict):
        raise ValueError("its header is not one that penname writes")
    shapes: dict[str, tuple[int, ...]] = {}
    parts: set[str] = set()
    for name, shape in matrices.items():
        shapes[name] = (_checked_rows if by_rows else _checked_matrix)(name, shape, found)
        parts |= {f"{name}.codes", f"{name}.steps"} if by_rows else {f"{name}.planes", f"{name}.scales"}
    for name in found.keys() - parts:
        shape, dtype = found[name]
        if name in shapes or len(shape) != 1 or dtype != "F16":
            raise ValueError(f"{name} has no place in it")
        shapes[name] = shape
    return PackedHeader(shapes, frozenset(matrices), about, by_rows)


def _checked_shape(name: str, shape: Any) -> tuple[int, int]:
    if not isinstance(shape, list) or len(shape) != 2 or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(f"the shape of {name} is not two whole numbers above 0")
    return shape[0], shape[1]


def _checked_rows(name: str, shape: Any, found: dict[str, tuple[tuple[int, ...], str]]) -> tuple[int, int]:
    rows, columns = _checked_shape(name, shape)
    codes, steps = found.get(f"{name}.codes"), found.get(f"{name}.steps")
    if codes is None or steps is None:
        raise ValueError(f"{name} is missing")
    # A Huffman code has at least one bit, so the file is an eighth of what it unpacks to, or more.
    if codes[1] != "U8" or len(codes[0]) != 1 or rows * columns > 8 * codes[0][0]:
        raise ValueError(f"{name}.codes has the shape {codes[0]}, which {rows} x {columns} weights have not")
    if steps[1] != "F16" or steps[0] != (rows,):
        raise ValueError(f"{name}.steps has the shape {steps[0]}, which {rows} x {columns} weights have not")
    return rows, columns


def _checked_matrix(name: str, shape: Any, found: dict[str, tuple[tuple[int, ...], str]]) -> tuple[int, int]:
    rows, columns = _checked_shape(name, shape)
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


def _unpacked_rows(file: Any, name: str, shape: tuple[int, ...]) -> Tensor:
    try:
        integers = unpack_codes(file.get_tensor(f"{name}.codes").numpy(), math.prod(shape))
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    values = torch.from_numpy(integers.astype(np.float32)).view(shape)
    return values.mul_(file.get_tensor(f"{name}.steps").float()[:, None])


def _unreadable(path: Path, error: Exception, remedy: str) -> InputError:
    what = "it is nested too deeply" if isinstance(error, RecursionError) else error
    return InputError(f"{path} is not a packed model that can be read ({what}): {remedy}.")
