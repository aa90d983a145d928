"""The work on a shelf as it stands on disk: cleaned documents and a ledger, so that any run can go on.

In: one record after the other, with its text if it is kept. Out: the same records and texts after any interruption.
`texts.bin` holds signature and packed text of each kept document, `ledger.jsonl` one line for each that was read; both
only grow, and what the ledger does not know is cut off when the store is opened again.

    with Store(folder, settings) as store:
        store.add(record, text, signature)

Clean documents into shards, and the tables that say what is in them.

In: the store. Out: NAME-0.txt.bz2, ... with documents in an order that the seed decides, `index.tsv`, `dropped.tsv`.
The same documents, seed and size give the same bytes; a shard that is already there is not written again.

    shards = pack(store, out, options)
"""

import bz2
import contextlib
import gzip
import hashlib
import json
import lzma
import random
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penname.books.catalogue import COMPRESSIONS, BooksOptions
from penname.books.clean import SEPARATOR, SIGNATURE_BYTES
from penname.core import events
from penname.core.files import parse_json, read_text, replacing, write_json, write_text


@dataclass(frozen=True, slots=True)
class Record:
    """One document that was read: kept when `reason` is empty. `bytes` and `words` are those of the clean text."""

    book: str
    index: int
    source: str
    title: str = ""
    author: str = ""
    year: str = ""
    language: str = ""
    bytes: int = 0
    words: int = 0
    sha256: str = ""
    reason: str = ""
    offset: int = 0
    length: int = 0


class Store:
    """Open for one run at a time. `settings` are what the texts depend on: others start the store afresh."""

    def __init__(self, folder: Path, settings: dict[str, Any]) -> None:
        self.folder = folder
        self.records: list[Record] = []
        self.begun: dict[str, str] = {}
        self.finished: set[str] = set()
        self._counts: Counter[str] = Counter()
        folder.mkdir(parents=True, exist_ok=True)
        self._check_settings(settings)
        self._load()
        self._open()

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, *_: object) -> None:
        self._texts.close()
        self._ledger.close()

    def _open(self) -> None:
        path = self.folder / "texts.bin"
        self._texts = path.open("r+b" if path.exists() else "w+b")
        self._end = max((record.offset + record.length for record in self.records), default=0)
        self._texts.truncate(self._end)
        self._ledger = (self.folder / "ledger.jsonl").open("a", encoding="utf-8")

    def restart(self) -> None:
        """Forget every record and text."""
        self.__exit__()
        for name in ("ledger.jsonl", "texts.bin"):
            (self.folder / name).unlink(missing_ok=True)
        self.records, self.begun, self.finished, self._counts = [], {}, set(), Counter()
        self._open()

    def _check_settings(self, settings: dict[str, Any]) -> None:
        path = self.folder / "settings.json"
        try:
            before = parse_json(read_text(path))
        except (OSError, ValueError):
            before = None
        if before == json.loads(json.dumps(settings)):
            return
        if before is not None:
            events.note("The settings have changed since the last run: every book is cleaned again.")
        for name in ("ledger.jsonl", "texts.bin"):
            (self.folder / name).unlink(missing_ok=True)
        write_json(path, settings)

    def _load(self) -> None:
        """Read the ledger as far as it is whole and its texts are there; cut off the rest."""
        path = self.folder / "ledger.jsonl"
        texts = self.folder / "texts.bin"
        size = texts.stat().st_size if texts.exists() else 0
        good = 0
        if not path.exists():
            return
        with path.open("rb") as file:
            for line in file:
                entry = _entry(line)
                if entry is None or entry.get("offset", 0) + entry.get("length", 0) > size:
                    break
                good += len(line)
                self._remember(entry)
        with path.open("r+b") as file:
            file.truncate(good)

    def _remember(self, entry: dict[str, Any]) -> None:
        if "finished" in entry:
            self.finished.add(entry["finished"])
        elif "begun" in entry:
            self.begun[entry["begun"]] = entry["fingerprint"]
        else:
            record = Record(**entry)
            self.records.append(record)
            self._counts[record.book] += 1

    def documents_of(self, book: str) -> int:
        """How many documents of a book have been read."""
        return self._counts[book]

    def add(self, record: Record, text: str = "", signature: bytes = b"") -> None:
        """Keep a record; a kept one brings its text and the signature that twins are known by."""
        entry = asdict(record)
        if not record.reason:
            blob = signature.ljust(SIGNATURE_BYTES, b"\0") + zlib.compress(text.encode("utf-8", "replace"), 1)
            self._texts.seek(self._end)
            self._texts.write(blob)
            self._texts.flush()
            entry |= {"offset": self._end, "length": len(blob)}
            self._end += len(blob)
        self._write(entry)

    def begin(self, book: str, fingerprint: str) -> None:
        """Note that a book is being read, and the state of its files."""
        self._write({"begun": book, "fingerprint": fingerprint})

    def finish(self, book: str) -> None:
        """Note that every document of a book has been read."""
        self._write({"finished": book})

    def text(self, record: Record) -> str:
        """The clean text of a kept record."""
        return zlib.decompress(self._blob(record)[SIGNATURE_BYTES:]).decode("utf-8")

    def signatures(self) -> Iterator[tuple[Record, bytes]]:
        """Every kept record with its signature, in the order in which they were added."""
        for record in self.records:
            if not record.reason:
                self._texts.seek(record.offset)
                yield record, self._texts.read(SIGNATURE_BYTES)

    def _blob(self, record: Record) -> bytes:
        self._texts.seek(record.offset)
        return self._texts.read(record.length)

    def _write(self, entry: dict[str, Any]) -> None:
        self._ledger.write(json.dumps(entry, ensure_ascii=False) + "\n")
        self._ledger.flush()
        self._remember(entry)


def _entry(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


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
