"""Token shards: the ids of a shelf of text on disk, memory-mapped, with the ends of its documents.

    shelf = write_shards([Path("gutenberg-0.txt.bz2")], tokenizer, folder)
    shelf = open_shards(folder)        # shelf.ids (n,) uint16 or uint32, shelf.ends (documents,) int64

Each source becomes `NAME.ids.npy`, `NAME.ends.npy` and `NAME.json` with its sizes and a hash of source and tokenizer,
so that only new or changed sources are encoded again.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import read_json, replacing, write_json
from penname.text.tokenizer import end_id, iter_encoded, read_documents

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True)
class Shard:
    """Tokens of one source: ids (n,), ends (documents,) exclusive, and the bytes of its text."""

    name: str
    ids: npt.NDArray[Any]
    ends: npt.NDArray[np.int64]
    text_bytes: int


def write_shards(sources: Sequence[Path], tokenizer: "Tokenizer", folder: Path) -> list[Shard]:
    """Encode text files into `folder`, one shard each; what is there already and unchanged is kept."""
    folder.mkdir(parents=True, exist_ok=True)
    key = hashlib.sha256(tokenizer.to_str().encode()).hexdigest()[:16]
    for source in sources:
        about = folder / f"{_name(source)}.json"
        mark = f"{key}-{source.stat().st_size}-{source.stat().st_mtime_ns}"
        if not (about.is_file() and read_json(about, "a shard's description").get("mark") == mark):
            _encode(source, tokenizer, folder, mark)
    return [open_shard(folder, _name(source)) for source in sources]


def open_shards(folder: Path) -> list[Shard]:
    """All shards of a folder, by name. No shard there is an `InputError`."""
    names = sorted(path.name.removesuffix(".ids.npy") for path in folder.glob("*.ids.npy"))
    if not names:
        raise InputError(f"{folder} holds no token shards: run `penname pretrain BOOKS` on a folder of text first.")
    return [open_shard(folder, name) for name in names]


def open_shard(folder: Path, name: str) -> Shard:
    """Map one shard into memory."""
    about = read_json(folder / f"{name}.json", "a shard's description")
    ids = np.load(folder / f"{name}.ids.npy", mmap_mode="r", allow_pickle=False)
    ends = np.load(folder / f"{name}.ends.npy", allow_pickle=False)
    return Shard(name, ids, ends, int(about["bytes"]))


def joined(shards: Sequence[Shard]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """The ids and document ends of several shards as one."""
    if len(shards) == 1:
        return shards[0].ids, shards[0].ends
    offsets = np.cumsum([0, *(shard.ids.size for shard in shards[:-1])])
    ends = np.concatenate([shard.ends + offset for shard, offset in zip(shards, offsets, strict=True)])
    return np.concatenate([shard.ids for shard in shards]), ends


def _encode(source: Path, tokenizer: "Tokenizer", folder: Path, mark: str) -> None:
    small = tokenizer.get_vocab_size() <= 2**16
    dtype = np.uint16 if small else np.uint32
    name = _name(source)
    ends: list[int] = []
    total = size = 0
    with replacing(folder / f"{name}.ids.npy") as temporary, temporary.open("wb+") as file:
        header = np.lib.format.header_data_from_array_1_0(np.zeros(0, dtype))
        _write_header(file, header, 0)
        start = file.tell()
        with events.task(f"Encoding {source.name}", unit="documents") as advance:
            for ids, text_bytes in _measured(read_documents(source), tokenizer):
                file.write(ids.astype(dtype).tobytes())
                total += ids.size
                size += text_bytes
                ends.append(total)
                advance(1)
        file.seek(0)
        _write_header(file, header, total)
        if file.tell() != start:
            raise InputError(f"{source} is too large for one shard: split it.")
    with replacing(folder / f"{name}.ends.npy") as temporary, temporary.open("wb") as file:
        np.save(file, np.array(ends, np.int64), allow_pickle=False)
    write_json(folder / f"{name}.json", {"mark": mark, "tokens": total, "documents": len(ends), "bytes": size})


def _measured(
    documents: Iterable[str], tokenizer: "Tokenizer", batch: int = 64
) -> Iterable[tuple[npt.NDArray[np.uint32], int]]:
    """Encoded documents with the bytes of their text."""
    last = end_id(tokenizer)
    group: list[str] = []
    for document in documents:
        group.append(document)
        if len(group) == batch:
            yield from _pairs(group, tokenizer, last)
            group = []
    yield from _pairs(group, tokenizer, last)


def _pairs(group: list[str], tokenizer: "Tokenizer", last: int) -> Iterable[tuple[npt.NDArray[np.uint32], int]]:
    sizes = [len(text.encode("utf-8")) for text in group]
    return zip(iter_encoded(tokenizer, group, last), sizes, strict=True)


def _write_header(file: Any, header: dict[str, Any], count: int) -> None:
    """A .npy header of fixed length, so that the count can be put in at the end."""
    text = f"{{'descr': {header['descr']!r}, 'fortran_order': False, 'shape': ({count:>20},), }}"
    padded = text.ljust(117) + "\n"
    file.write(b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded.encode("latin-1"))


def _name(source: Path) -> str:
    return source.name.split(".")[0]
