"""A GGUF file, opened: what it says of itself, and where its weights lie; nothing is believed before it is checked.

In: a path. Out: the metadata and a table of tensors; a tensor becomes float32 when it is asked for.

    with open_gguf(Path("model.gguf")) as file:
        file.metadata["general.architecture"]
        table = file.read("token_embd.weight")      # float32, (rows, columns)

The format (ggml's docs/gguf.md, versions 2 and 3): a header of key-value pairs, a list of tensors, then their data.
Each count, length, offset and shape is compared with the bytes that there are before anything is made of it.
"""

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

from penname.core.errors import InputError
from penname.model.hf_config import shown

MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""The numbers that the format has for types of values, and what `struct` calls them."""
_STRING, _ARRAY = 8, 9
_LONGEST_KEY = 65_535
_MOST_DIMENSIONS = 4
_LARGEST_ALIGNMENT = 2**16
_READ = "F32 F16 BF16 Q4_0 Q4_1 Q5_0 Q5_1 Q8_0 Q2_K Q3_K Q4_K Q5_K Q6_K IQ4_NL IQ4_XS"
READABLE = tuple(GGMLQuantizationType[name] for name in _READ.split())
"""The number formats that are read, all by the dequantiser of the package `gguf`."""


class _Damaged(ValueError):
    """What the file says is not what it holds."""


@dataclass(frozen=True)
class TensorEntry:
    """Where a tensor lies and how it is stored."""

    name: str
    shape: tuple[int, ...]
    """Rows first, as NumPy and PyTorch have it; the file has it the other way round."""
    kind: GGMLQuantizationType
    start: int
    """Bytes from the beginning of the file."""
    size: int
    """Bytes."""


@dataclass(frozen=True)
class GGUFFile:
    """An open file; `read` works until the block of `open_gguf` ends."""

    path: Path
    metadata: dict[str, Any]
    """Scalars and texts as Python has them, lists of texts as lists, lists of numbers as arrays."""
    tensors: dict[str, TensorEntry]
    data: memoryview

    def read(self, name: str) -> npt.NDArray[np.float32]:
        """The weights of a tensor as float32, a copy."""
        entry = self.tensors[name]
        raw = np.frombuffer(self.data, np.uint8, entry.size, entry.start)
        block, bytes_of_block = GGML_QUANT_SIZES[entry.kind]
        rows = raw.reshape(*entry.shape[:-1], entry.shape[-1] // block * bytes_of_block)
        return np.array(dequantize(rows, entry.kind), np.float32).reshape(entry.shape)


@contextmanager
def open_gguf(path: Path) -> Iterator[GGUFFile]:
    """Open a GGUF file and check its header. Raises `InputError` for what is no whole GGUF file, with the reason."""
    check_file(path)
    with path.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        data = memoryview(mapped)
        try:
            yield _parsed(path, data)
        finally:
            data.release()


def check_file(path: Path) -> None:
    """Raise `InputError` unless `path` is a file that begins as a GGUF file does."""
    if not path.exists():
        raise InputError(f"{path} does not exist: give the path of a GGUF file here (nothing is downloaded).")
    if not path.is_file():
        raise InputError(f"{path} is a folder: give the GGUF file in it.")
    with path.open("rb") as file:
        start = file.read(40)
    if start.startswith(b"version https://git-lfs"):
        raise InputError(f"{path} is a pointer of Git LFS, not the model: run git lfs pull in its folder.")
    if not start.startswith(MAGIC):
        raise InputError(f"{path} is not a GGUF file (it does not begin with GGUF): fetch the file again.")


def _parsed(path: Path, data: memoryview) -> GGUFFile:
    try:
        metadata, tensors = _header(_Reader(data))
    except _Damaged as error:
        raise InputError(f"{path} is cut off or damaged ({error}): fetch the file again.") from error
    if int(_scalar(metadata.get("split.count"), 1)) > 1:
        raise InputError(
            f"{path} is one of {metadata['split.count']} parts of a model: put them together first, with llama.cpp's "
            "llama-gguf-split --merge."
        )
    unreadable = next((entry for entry in tensors.values() if entry.kind not in READABLE), None)
    if unreadable is not None:
        raise InputError(
            f"{path} stores weights as {unreadable.kind.name} ({shown(unreadable.name)}), which is not read here: "
            f"fetch a file of the same model in one of {', '.join(kind.name for kind in READABLE)}."
        )
    return GGUFFile(path, metadata, tensors, data)


def _header(reader: "_Reader") -> tuple[dict[str, Any], dict[str, TensorEntry]]:
    reader.take(len(MAGIC))
    version = reader.number("I")
    if version not in _VERSIONS:
        swapped = " of a machine with another order of bytes" if version >> 16 else ""
        raise _Damaged(f"it has version {version}{swapped}, and versions 2 and 3 are read")
    tensor_count, pair_count = reader.number("Q"), reader.number("Q")
    # A pair has at least 13 bytes, a tensor 24.
    reader.expect(pair_count * 13 + tensor_count * 24, f"{pair_count:,} values and {tensor_count:,} tensors")
    metadata: dict[str, Any] = {}
    for _ in range(pair_count):
        key = reader.key()
        if key in metadata:
            raise _Damaged(f"it says {shown(key)} twice")
        metadata[key] = reader.value(reader.number("I"))
    listed = [_listed(reader) for _ in range(tensor_count)]
    alignment = _alignment(metadata)
    start = -(-reader.place // alignment) * alignment
    return metadata, _placed(listed, start, alignment, len(reader.data))


def _alignment(metadata: dict[str, Any]) -> int:
    alignment = int(_scalar(metadata.get("general.alignment"), 32))
    if not 1 <= alignment <= _LARGEST_ALIGNMENT or alignment & (alignment - 1):
        raise _Damaged(f"its data are aligned to {alignment} bytes, which is no power of two")
    return alignment


def _listed(reader: "_Reader") -> tuple[str, tuple[int, ...], GGMLQuantizationType, int]:
    name = reader.key()
    dimensions = reader.number("I")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        raise _Damaged(f"{shown(name)} has {dimensions} dimensions")
    shape = tuple(reader.number("Q") for _ in range(dimensions))[::-1]
    number, offset = reader.number("I"), reader.number("Q")
    try:
        return name, shape, GGMLQuantizationType(number), offset
    except ValueError as error:
        raise _Damaged(f"{shown(name)} has the number format {number}, which does not exist") from error


def _placed(
    listed: list[tuple[str, tuple[int, ...], GGMLQuantizationType, int]], start: int, alignment: int, room: int
) -> dict[str, TensorEntry]:
    """The tensors, each within the file and none upon another."""
    found: dict[str, TensorEntry] = {}
    for name, shape, kind, offset in listed:
        block, bytes_of_block = GGML_QUANT_SIZES[kind]
        if not all(shape) or shape[-1] % block:
            raise _Damaged(f"{shown(name)} has the shape {shape}, which {kind.name} cannot have")
        size = bytes_of_block
        for dimension in (*shape[:-1], shape[-1] // block):
            size *= dimension
        if offset % alignment or start + offset + size > room:
            raise _Damaged(f"{shown(name)} would end at byte {start + offset + size:,} of {room:,}")
        if name in found:
            raise _Damaged(f"it holds {shown(name)} twice")
        found[name] = TensorEntry(name, shape, kind, start + offset, size)
    end = start
    for entry in sorted(found.values(), key=lambda entry: entry.start):
        if entry.start < end:
            raise _Damaged(f"{shown(entry.name)} lies upon another tensor")
        end = entry.start + entry.size
    return found


def _scalar(value: Any, default: int) -> int:
    return value if isinstance(value, int) else default


class _Reader:
    """Reads the header from front to back, and never past the end of the file."""

    def __init__(self, data: memoryview) -> None:
        self.data, self.place = data, 0

    def expect(self, size: int, what: str) -> None:
        """Raise unless there are `size` bytes more."""
        if size > len(self.data) - self.place:
            raise _Damaged(f"it announces {what} and ends after {len(self.data):,} bytes")

    def take(self, size: int) -> memoryview:
        self.expect(size, f"{size:,} bytes more")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self, form: str) -> Any:
        return struct.unpack("<" + form, self.take(struct.calcsize("<" + form)))[0]

    def text(self) -> str:
        # Signs that are no UTF-8 stand in names and descriptions, where they do no harm.
        return str(self.take(self.number("Q")), "utf-8", "replace")

    def key(self) -> str:
        size = self.number("Q")
        if not 0 < size <= _LONGEST_KEY:
            raise _Damaged(f"a name has {size:,} bytes")
        return str(self.take(size), "utf-8", "replace")

    def value(self, kind: int) -> Any:
        if kind == _STRING:
            return self.text()
        if kind == _ARRAY:
            return self.values(self.number("I"), self.number("Q"))
        if kind not in _SCALARS:
            raise _Damaged(f"a value is of the type {kind}, which does not exist")
        found = self.number(_SCALARS[kind])
        # The number that was meant: 1e-05, where doubling the precision gives 9.999999747378752e-06.
        return float(str(np.float32(found))) if _SCALARS[kind] == "f" else found

    def values(self, kind: int, count: int) -> Any:
        if kind == _STRING:
            self.expect(8 * count, f"{count:,} texts")
            return self.texts(count)
        if kind not in _SCALARS:
            raise _Damaged(f"a list is of the type {kind}, which lists do not have")
        form = np.dtype(_SCALARS[kind]).newbyteorder("<")
        return np.frombuffer(self.take(form.itemsize * count), form).copy()

    def texts(self, count: int) -> list[str]:
        """Many texts, without a call for each: a vocabulary has a hundred thousand."""
        data, place, room, found = self.data, self.place, len(self.data), []
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if place + 8 > room:
                raise _Damaged(f"it announces {count:,} texts and ends after {room:,} bytes")
            start = place + 8
            place = start + unpack(data, place)[0]
            if place > room:
                raise _Damaged(f"a text ends at byte {place:,} of {room:,}")
            found.append(str(data[start:place], "utf-8", "replace"))
        self.place = place
        return found
