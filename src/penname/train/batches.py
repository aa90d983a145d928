"""Batches of tokens: which window of which document is row r of step s is a pure function of the seed.

In: arrays of token ids with document ends. Out: `(rows, context + 1)` int64 arrays. Nothing is kept between steps, so a
run resumes at any step, on any number of devices, with the batches it would have seen.

    blog = Stream(ids, ends, context=512, seed=1, cap=0.2)
    base = Stream(replay_ids, replay_ends, context=512, seed=2)
    mix = Mixture([(blog, 0.25), (base, 0.75)], rows=16)
    batch = mix.batch(step=0)

Token shards: the ids of a shelf of text on disk, memory-mapped, with the ends of its documents.

    shelf = write_shards([Path("gutenberg-0.txt.bz2")], tokenizer, folder)
    shelf = open_shards(folder)        # shelf.ids (n,) uint16 or uint32, shelf.ends (documents,) int64

Each source becomes `NAME.ids.npy`, `NAME.ends.npy` and `NAME.json` with its sizes and a hash of source and tokenizer,
so that only new or changed sources are encoded again.

The next step's windows, prepared in a thread while the device works on this one's.

with Feeder(mixture, pinned=device.pins) as feeder:
    windows = feeder.take(step)
"""

import hashlib
import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import read_json, replacing, write_json
from penname.corpus.tokenizer import end_id, iter_encoded, read_documents
from penname.train import parallel

Ids = npt.NDArray[Any]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pass:
    """One pass over a stream: segments of documents in shuffled order, cut into windows in shuffled order."""

    starts: Longs
    """First token of each segment in the ids."""
    edges: Longs
    """Cumulative segment lengths: segment i covers the positions edges[i] to edges[i + 1] of the pass."""
    windows: Longs
    """First position of each window."""


class Stream:
    """Windows over documents, reshuffled at every pass.

    `cap` is the largest share of a pass that one document may take; a larger one gives another part of itself at each
    pass. `capped` names the documents that this touches.
    """

    def __init__(self, ids: Ids, ends: Longs, context: int, seed: int, cap: float = 1.0) -> None:
        if not ids.size:
            raise ValueError("a stream needs at least one token")
        self.ids, self.context, self.seed = ids, context, seed
        self.starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        self.lengths = ends - self.starts
        self.limits = _limits(self.lengths, cap)
        self.capped = np.flatnonzero(self.limits < self.lengths)
        self.tokens_per_pass = int(self.limits.sum())
        self.windows_per_pass = max(1, self.tokens_per_pass // context)

    def windows(self, first: int, count: int) -> Longs:
        """Windows `first` to `first + count` of the endless stream, as (count, context + 1) ids."""
        rows = np.empty((count, self.context + 1), np.int64)
        for row in range(count):
            number, window = divmod(first + row, self.windows_per_pass)
            self._fill(rows[row], number, window)
        return rows

    def _fill(self, row: Longs, number: int, window: int) -> None:
        order = _cached_pass(self, number)
        position = int(order.windows[window])
        total = int(order.edges[-1])
        filled = 0
        while filled < row.size:
            position %= total
            segment = int(np.searchsorted(order.edges, position, side="right")) - 1
            take = min(row.size - filled, int(order.edges[segment + 1]) - position)
            start = int(order.starts[segment]) + position - int(order.edges[segment])
            row[filled : filled + take] = self.ids[start : start + take]
            filled += take
            position += take

    def make_pass(self, number: int) -> Pass:
        """Lay out pass `number`: 0, 1, 2..."""
        generator = np.random.default_rng([self.seed, number])
        order = generator.permutation(self.lengths.size)
        lengths = self.limits[order]
        room = self.lengths[order] - lengths
        turn = np.where(room > 0, (number * lengths) % (room + 1), 0)
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        slack = self.tokens_per_pass - self.windows_per_pass * self.context
        offset = int(generator.integers(0, max(1, slack + 1)))
        windows = offset + self.context * generator.permutation(self.windows_per_pass).astype(np.int64)
        return Pass(self.starts[order] + turn, edges, windows)


@lru_cache(maxsize=8)
def _cached_pass(stream: Stream, number: int) -> Pass:
    return stream.make_pass(number)


def _limits(lengths: Longs, cap: float) -> Longs:
    """The most tokens each document gives to a pass, so that none exceeds `cap` of what the pass then holds."""
    if cap >= 1.0 or lengths.size * cap <= 1.0:
        return lengths
    ordered = np.sort(lengths)[::-1]
    rest = int(lengths.sum())
    for longer, length in enumerate(ordered):
        # With `longer` documents cut to x and the rest whole: x = cap * (longer * x + rest).
        cut = cap * rest / (1.0 - cap * longer) if cap * longer < 1.0 else float(length)
        if length <= cut:
            return np.minimum(lengths, max(1, int(cut)) if longer else lengths.max())
        rest -= int(length)
    return lengths


class Mixture:
    """Rows drawn from several streams in fixed shares; which row comes from where is fixed by arithmetic."""

    def __init__(self, parts: Sequence[tuple[Stream, float]], rows: int) -> None:
        wanted = [(stream, share) for stream, share in parts if share > 0]
        self.rows = rows
        self.context = wanted[0][0].context
        left = sum(share for _, share in wanted)
        self.parts: list[tuple[Stream, float]] = []
        for stream, share in wanted:
            self.parts.append((stream, share / left))
            left -= share

    def batch(self, step: int, first: int = 0, count: int | None = None) -> Longs:
        """Rows `first` to `first + count` of the `rows` of a step, as (count, context + 1) ids."""
        count = self.rows - first if count is None else count
        batch = np.empty((count, self.context + 1), np.int64)
        for row in range(count):
            stream, number = self.source(step * self.rows + first + row)
            batch[row] = stream.windows(number, 1)[0]
        return batch

    def source(self, row: int) -> tuple[Stream, int]:
        """Which stream gives row `row` of the run, and which of its windows: each takes its share, evenly spread."""
        for stream, share in self.parts[:-1]:
            before, after = (math.floor(number * share + 1e-9) for number in (row, row + 1))
            if after > before:
                return stream, before
            row -= before
        return self.parts[-1][0], row

    def from_part(self, part: int, step: int, first: int, count: int) -> tuple[bool, ...]:
        """Which of the rows `first` to `first + count` of a step come from stream number `part`."""
        rows = range(step * self.rows + first, step * self.rows + first + count)
        return tuple(self.source(row)[0] is self.parts[part][0] for row in rows)


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


class Feeder:
    """Windows of each step for this process, one step ahead."""

    def __init__(self, mixture: Mixture, pinned: bool) -> None:
        self.mixture, self.pinned = mixture, pinned
        self.thread: threading.Thread | None = None
        self.ready: tuple[int, Tensor] | None = None

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *_: object) -> None:
        if self.thread is not None:
            self.thread.join()

    def take(self, step: int) -> Tensor:
        """The windows of `step` for this process: (rows of this process, context + 1)."""
        if self.thread is not None:
            self.thread.join()
        if self.ready is None or self.ready[0] != step:
            self._prepare(step)
        assert self.ready is not None
        windows = self.ready[1]
        self.thread = threading.Thread(target=self._prepare, args=(step + 1,), daemon=True)
        self.thread.start()
        return windows

    def _prepare(self, step: int) -> None:
        first, last = parallel.share_of(self.mixture.rows)
        windows = torch.from_numpy(self.mixture.batch(step, first, last - first).astype(np.int64, copy=False))
        self.ready = (step, windows.pin_memory() if self.pinned else windows)
