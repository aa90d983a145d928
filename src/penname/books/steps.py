"""Blocks for a datatrove pipeline: a reader of books, our cleaner and filters, exact MinHash in pieces, a shard writer.

In: files below a folder, listed one a line. Out: shards of clean text and the lines of their index.
Needs `pip install penname[books]`; only `pipeline.py` imports this module.

    [BooksReader(folder, paths, table, 64), CleanBooks(300, dropped), ProseFilter(("en",), dropped), ...]
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from datatrove.data import Document, Media, MediaType
from datatrove.pipeline.base import PipelineStep
from datatrove.pipeline.dedup import MinhashDedupSignature
from datatrove.pipeline.filters.base_filter import BaseFilter
from datatrove.pipeline.readers.base import BaseDiskReader
from datatrove.pipeline.writers import JsonlWriter
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.word_tokenizers import WordTokenizer

from penname.books.catalogue import spoken_name
from penname.books.clean import SEPARATOR, clean_book, junk, language_of
from penname.books.packing import DROPPED_COLUMNS, INDEX_COLUMNS, table_line
from penname.books.sources import kind_of, split_documents, unpacked
from penname.core.errors import InputError
from penname.core.files import replacing

_PIECE = 4096


class BooksReader(BaseDiskReader):  # type: ignore[misc]
    """Reads each listed file's documents as bytes; `table` holds what the catalogue says of each, as JSON lines."""

    name = "📚 Books"

    def __init__(self, folder: str, paths_file: str, table: str, largest_mb: int) -> None:
        super().__init__(folder, paths_file=paths_file)
        self.table, self.largest = table, largest_mb << 20
        self._known: dict[str, dict[str, str]] | None = None

    def read_file(self, filepath: str) -> Iterator[Any]:
        """Documents of one file, never more than one in memory; one that cannot be read comes with the reason."""
        kind = kind_of(Path(filepath))
        try:
            with self.data_folder.open(filepath, "rb") as raw, unpacked(raw, Path(filepath)) as file:
                if kind == "txt":
                    for document in split_documents(file, raw, self.largest, 0):
                        data = document.formats[0][1]
                        yield self._document(filepath, document.index, kind, data, document.too_large)
                else:
                    data = file.read(self.largest + 1)
                    yield self._document(filepath, 0, kind, data, len(data) > self.largest)
        except (OSError, EOFError, ValueError) as error:
            yield self._document(filepath, 0, kind, b"", False, f"unreadable: {error}")

    def _document(self, path: str, index: int, kind: str, data: bytes, too_large: bool, reason: str = "") -> Document:
        source = f"{path}#{index}" if index else path
        reason = reason or (f"too large: more than {self.largest >> 20} MiB" if too_large else "")
        metadata = {"source": source, "kind": kind, "reason": reason} | self._entry(path)
        media = Media(source, MediaType.DOCUMENT, path, media_bytes=b"" if reason else data)
        return Document(text=source, id=source, media=[media], metadata=metadata)

    def _entry(self, path: str) -> dict[str, str]:
        if self._known is None:
            with Path(self.table).open(encoding="utf-8") as file:
                self._known = {row.pop("path"): row for row in map(json.loads, file)}
        return self._known.get(path, {"title": "", "author": "", "year": ""})


class CleanBooks(BaseFilter):  # type: ignore[misc]
    """Our cleaner: bytes become clean text; what cannot be read or is too short goes to `dropped`."""

    name = "🧹 Clean books"

    def __init__(self, min_words: int, dropped: "DroppedWriter | None" = None) -> None:
        super().__init__(dropped)
        self.min_words = min_words

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Put the clean text into `doc`, and what its header says where the catalogue is silent."""
        data, doc.media = doc.media[0].media_bytes, []
        known = doc.metadata
        if known["reason"]:
            return False, known["reason"]
        try:
            book = clean_book(data, known["kind"])
        except InputError as error:
            return False, f"unreadable: {error}"
        author = spoken_name(book.header.author) if "," in book.header.author else book.header.author
        known["title"] = known["title"] or book.header.title
        known["author"] = known["author"] or author
        known["year"] = book.header.year or known["year"]
        known["words"] = book.words
        doc.text = book.text
        if book.words < max(self.min_words, 1):
            return False, f"too short: {book.words} words"
        return True


class ProseFilter(BaseFilter):  # type: ignore[misc]
    """Keeps prose and verse in the wanted languages."""

    name = "🔤 Language and prose"

    def __init__(self, languages: tuple[str, ...], dropped: "DroppedWriter | None" = None) -> None:
        super().__init__(dropped)
        self.languages = languages

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        """Note the language in `doc`, and say why it goes."""
        language = doc.metadata["language"] = language_of(doc.text)
        if self.languages and language not in self.languages:
            return False, f"language: {language or 'unknown'}"
        fault = junk(doc.text)
        return (False, f"not prose: {fault}") if fault else True


class SpaceTokenizer(WordTokenizer):  # type: ignore[misc]
    """Words are what stands between spaces: enough for runs of words, and no model to fetch."""

    def word_tokenize(self, text: str) -> list[str]:
        """The words."""
        return text.split()

    def sent_tokenize(self, text: str) -> list[str]:
        """One sentence."""
        return [text]

    def span_tokenize(self, text: str) -> list[tuple[int, int]]:
        """One span."""
        return [(0, len(text))]


class BookSignature(MinhashDedupSignature):  # type: ignore[misc]
    """datatrove's signature, taken in pieces: the same minima, in the same memory for books of any length."""

    def get_signature(self, shingles: Any) -> list[list[int]]:
        """The least of the pieces' signatures, bucket by bucket."""
        least = None
        for start in range(0, len(shingles), _PIECE):
            signature = np.array(super().get_signature(shingles[start : start + _PIECE]), dtype=np.uint64)
            least = signature if least is None else np.minimum(least, signature)
        result: list[list[int]] = [] if least is None else least.tolist()
        return result


def _without_text(self: JsonlWriter, document: Document) -> dict[str, Any]:
    known = document.metadata
    return {"id": document.id, "text": known.get("filter_reason", "near-duplicate"), "metadata": known}


class DroppedWriter(JsonlWriter):  # type: ignore[misc]
    """Writes down what was dropped and why, without its text."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, compression=None, adapter=_without_text)


class ShardWriter(DiskWriter):  # type: ignore[misc]
    """One shard a task: documents between separator lines, and beside it a line of the index for each."""

    name = "📦 Shards"

    def __init__(self, folder: str, index: str, name: str, suffix: str) -> None:
        super().__init__(folder, f"{name}-${{rank}}.txt{suffix}", compression="infer", mode="wb", adapter=_with_row)
        self.index, self.shard = index, name

    def write(self, document: Document, rank: int = 0, **more: Any) -> None:
        """Write one document to the rank's shard."""
        document.metadata["shard"] = f"{self.shard}-{rank:05d}"
        super().write(document, rank, **more)

    def _write(self, document: dict[str, Any], file_handler: Any, filename: str) -> None:
        begun = file_handler.tell() > 0
        file_handler.write((f"{SEPARATOR}\n" if begun else "").encode() + document["data"] + b"\n")
        with Path(self.index, f"{document['shard']}.tsv").open("a" if begun else "w", encoding="utf-8") as file:
            file.write(document["row"])


def _with_row(self: ShardWriter, document: Document) -> dict[str, Any]:
    known, data = document.metadata, document.text.encode("utf-8", "replace")
    row = known | {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return {
        "data": data,
        "shard": known["shard"],
        "row": table_line(tuple(row[name] for name in INDEX_COLUMNS)),
    }


class Tables(PipelineStep):  # type: ignore[misc]
    """The last task: one index and one table of what was dropped, from those of all tasks."""

    type = "📋 - TABLES"
    name = "index.tsv and dropped.tsv"

    def __init__(self, out: str, index: str, dropped: str) -> None:
        super().__init__()
        self.out, self.index, self.dropped = out, index, dropped

    def run(self, data: Any = None, rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        """Join the parts, line by line."""
        with replacing(Path(self.out, "index.tsv")) as path, path.open("w", encoding="utf-8") as file:
            file.write(table_line(INDEX_COLUMNS))
            for part in sorted(Path(self.index).glob("*.tsv")):
                with part.open(encoding="utf-8") as lines:
                    file.writelines(lines)
        with replacing(Path(self.out, "dropped.tsv")) as path, path.open("w", encoding="utf-8") as file:
            file.write(table_line(DROPPED_COLUMNS))
            for part in sorted(Path(self.dropped).rglob("*.jsonl")):
                with part.open(encoding="utf-8") as lines:
                    file.writelines(_dropped_line(line) for line in lines)
        yield from data or ()


def _dropped_line(line: str) -> str:
    document = json.loads(line)
    known = document["metadata"] | {"reason": document["text"]}
    return table_line(tuple(known.get(name, "") for name in DROPPED_COLUMNS))
