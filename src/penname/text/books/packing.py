"""Clean documents into shards, and the tables that say what is in them.

In: the store. Out: NAME-0.txt.bz2, ... with documents in an order that the seed decides, `index.tsv`, `dropped.tsv`.
The same documents, seed and size give the same bytes; a shard that is already there is not written again.

    shards = pack(store, out, options)
"""

import bz2
import contextlib
import gzip
import hashlib
import lzma
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penname.core import events
from penname.core.files import parse_json, read_text, replacing, write_json, write_text
from penname.text.books.clean import SEPARATOR
from penname.text.books.options import COMPRESSIONS, BooksOptions
from penname.text.books.store import Record, Store

INDEX_COLUMNS = ("shard", "title", "author", "year", "bytes", "words", "source", "language", "sha256")
DROPPED_COLUMNS = ("source", "title", "author", "language", "words", "reason")


@dataclass(frozen=True)
class Shard:
    """One shard: its name without suffix, its file's name, and its documents in order."""

    name: str
    file: str
    records: tuple[Record, ...]


def pack(store: Store, out: Path, options: BooksOptions, others: Sequence[Record] = ()) -> list[Shard]:
    """Write the shards and both tables, `others` among the dropped; remove shards of an earlier, longer run."""
    shards = plan(store.records, options)
    state = out / ".work" / "shards.json"
    before = _read_state(state)
    now: dict[str, str] = {}
    with events.task("Writing shards", total=sum(len(shard.records) for shard in shards), unit="documents") as step:
        for shard in shards:
            digest = _digest(shard)
            if before.get(shard.file) == digest and (out / shard.file).exists():
                step(len(shard.records))
            else:
                _write_shard(store, shard, out / shard.file, step)
            now[shard.file] = digest
            write_json(state, before | now)
    for name in before.keys() - now.keys():
        (out / name).unlink(missing_ok=True)
    write_json(state, now)
    write_text(out / "index.tsv", "".join(_index_lines(shards)))
    write_text(out / "dropped.tsv", "".join(_dropped_lines([*store.records, *others])))
    return shards


def plan(records: list[Record], options: BooksOptions) -> list[Shard]:
    """Kept records, shuffled by the seed, cut where a shard is full."""
    kept = sorted((record for record in records if not record.reason), key=lambda record: (record.book, record.index))
    random.Random(options.seed).shuffle(kept)
    groups: list[list[Record]] = []
    size = 0
    for record in kept:
        if not groups or size + record.bytes > options.shard_mb * 1_000_000:
            groups.append([])
            size = 0
        groups[-1].append(record)
        size += record.bytes
    suffix = ".txt" + COMPRESSIONS[options.compression]
    names = [f"{options.name}-{i}" for i in range(len(groups))]
    return [Shard(name, name + suffix, tuple(group)) for name, group in zip(names, groups, strict=True)]


def _write_shard(store: Store, shard: Shard, path: Path, step: Any) -> None:
    with replacing(path) as temporary, open_packed(temporary, path.suffix) as file:
        for i, record in enumerate(shard.records):
            file.write((f"{SEPARATOR}\n" if i else "").encode() + store.text(record).encode() + b"\n")
            step(1)


@contextlib.contextmanager
def open_packed(path: Path, suffix: str) -> Iterator[Any]:
    """Open `path` for bytes to be packed as `suffix` says; the same bytes give the same file."""
    with contextlib.ExitStack() as stack:
        raw = stack.enter_context(path.open("wb"))
        if suffix == ".bz2":
            yield stack.enter_context(bz2.BZ2File(raw, "wb"))
        elif suffix == ".xz":
            yield stack.enter_context(lzma.LZMAFile(raw, "wb"))
        elif suffix == ".gz":
            yield stack.enter_context(gzip.GzipFile("", "wb", fileobj=raw, mtime=0))
        else:
            yield raw


def _index_lines(shards: list[Shard]) -> Iterator[str]:
    yield table_line(INDEX_COLUMNS)
    for shard in shards:
        for r in shard.records:
            yield table_line((shard.name, r.title, r.author, r.year, r.bytes, r.words, r.source, r.language, r.sha256))


def _dropped_lines(records: Sequence[Record]) -> Iterator[str]:
    yield table_line(DROPPED_COLUMNS)
    for r in records:
        if r.reason:
            yield table_line((r.source, r.title, r.author, r.language, r.words, r.reason))


def table_line(fields: tuple[object, ...]) -> str:
    """One line of a table; tabs and line breaks inside a field become spaces."""
    return "\t".join(" ".join(str(field).split()) for field in fields) + "\n"


def _digest(shard: Shard) -> str:
    return hashlib.sha256("\n".join([shard.file, *(record.sha256 for record in shard.records)]).encode()).hexdigest()


def _read_state(path: Path) -> dict[str, str]:
    try:
        state = parse_json(read_text(path))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}
