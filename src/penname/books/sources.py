"""Books on this machine: a mirror in Gutenberg's old or new layout, or any folder of text, HTML and EPUB.

In: a folder or a file. Out: a `BookFiles` for each book, then its documents as bytes, one at a time.
A text file may hold many documents between lines of `<|endoftext|>`, and may be packed (.gz, .bz2, .xz).

    for book in find_books(folder, ("epub", "txt")):
        for document in read_documents(book, largest=64 << 20): ...
"""

import bz2
import gzip
import html
import lzma
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from penname.books.blocks import letters_beyond_ascii
from penname.books.charset import decode
from penname.books.clean import SEPARATOR
from penname.core.errors import InputError

_KINDS = {".txt": "txt", ".text": "txt", ".htm": "html", ".html": "html", ".xhtml": "html", ".epub": "epub"}
_PACKED = (".gz", ".bz2", ".xz")
_STEM = re.compile(r"(?:pg)?(\d{1,6})((?:-[a-z0-9]+)*)")
_RANKS = {"-images-3": 0, "-images": 1, "-0": 1, "": 2, "-h": 3, "-8": 4}
# Names of the 1990s: `8lamp11.txt` is edition 11 of `lamp`, in 8 bits; editions and bits share the book's number.
_OLD_STEM = re.compile(r"([78]?)([a-z0-9]{1,6}?)(1\d)")
_OLD_NUMBER = re.compile(rb"\[e-?(?:text|book) ?#? ?(\d{1,5})\]", re.IGNORECASE)
_HEAD = 20_000
_LOOKED_AT = 4 * 2**20
_ALIKE, _WHOLE = 0.98, 0.5
_SKIPPED = re.compile(r"(?:readme|license|licence|gutindex|robots|index of|donate|changelog)\b.*", re.IGNORECASE)
_SKIPPED_FOLDERS = frozenset({"old", "images", "feeds", "__pycache__"})


@dataclass(frozen=True)
class BookFiles:
    """One book: `key` is unique, `number` is Gutenberg's or 0, `files` pairs formats with paths."""

    key: str
    number: int
    files: tuple[tuple[str, Path], ...]

    @property
    def size(self) -> int:
        """Bytes on disk of all its files."""
        return sum(path.stat().st_size for _, path in self.files)

    def fingerprint(self) -> str:
        """Changes when one of its files does."""
        states = [path.stat() for _, path in self.files]
        return " ".join(f"{state.st_size}:{state.st_mtime_ns}" for state in states)


@dataclass(frozen=True)
class Document:
    """One document as it stands in its file: formats with their bytes, and how far the file is read."""

    index: int
    formats: tuple[tuple[str, bytes], ...]
    position: int
    too_large: bool = False


def find_books(source: Path, formats: tuple[str, ...], every_format: bool = False) -> list[BookFiles]:
    """All books below `source`, by number and then by path. Raises `InputError` when there is none."""
    if source.is_file():
        kind = kind_of(source)
        found = {source.name: {kind: [(0, source)]}} if kind in formats else {}
    elif source.is_dir():
        found = _collect(source, formats)
    else:
        raise InputError(f"{source} does not exist: name a folder of books or a file.")
    if not found:
        raise InputError(f"{source} holds no book in the formats {', '.join(formats)}.")
    books = []
    for key, kinds in found.items():
        files = [(kind, _richest(kind, kinds[kind])) for kind in formats if kind in kinds]
        books.append(BookFiles(key, int(key) if key.isdecimal() else 0, _chosen(files, every_format)))
    return sorted(books, key=lambda book: (book.number == 0, book.number, book.key))


def kind_of(path: Path) -> str:
    """`txt`, `html` or `epub` by the file's name; empty for anything else."""
    return _KINDS.get(Path(_plain_name(path)).suffix.lower(), "")


def _collect(folder: Path, formats: tuple[str, ...]) -> dict[str, dict[str, list[tuple[int, Path]]]]:
    """For each book and format its files, each with the rank that its name gives it."""
    found: dict[str, dict[str, list[tuple[int, Path]]]] = {}
    for parent, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED_FOLDERS and name[0] != ".")
        for name in sorted(names):
            path = Path(parent, name)
            kind = kind_of(path)
            if kind not in formats or name.startswith(".") or _SKIPPED.match(name):
                continue
            key, rank = _key(path, folder)
            found.setdefault(key, {}).setdefault(kind, []).append((rank, path))
    return found


def _richest(kind: str, files: Sequence[tuple[int, Path]]) -> Path:
    """Of one book's files in one format the one with the most accents; UTF-8, then the name, on a draw.

    Names do not say it: many files called -0 are ASCII. A file that is not half as long as another is torn.
    """
    ranked = sorted(files, key=lambda file: file[0])
    if len(files) == 1 or kind == "epub":
        return ranked[0][1]
    looked = [(*_richness(path, kind), path) for _, path in ranked]
    longest = max(length for length, _, _, _ in looked)
    whole = [look for look in looked if look[0] >= _WHOLE * longest]
    most = max(letters for _, letters, _, _ in whole)
    return min((look for look in whole if look[1] >= _ALIKE * most), key=lambda look: not look[2])[3]


def _chosen(files: list[tuple[str, Path]], every_format: bool) -> tuple[tuple[str, Path], ...]:
    """All formats, or the first; but whole HTML with accents before a text that had to do without any."""
    page = next((file for file in files if file[0] == "html"), None)
    if every_format or files[0][0] != "txt" or page is None:
        return tuple(files if every_format else files[:1])
    text = _look(files[0][1])
    if not text.isascii():
        return (files[0],)
    length, letters, _ = _richness(page[1], "html")
    return (page if letters and length >= _WHOLE * len(text) else files[0],)


def _richness(path: Path, kind: str) -> tuple[int, int, bool]:
    """A file's length, how many of its letters ASCII has not, and whether it is UTF-8 that needs to be."""
    data = _look(path)
    text = decode(data)
    if kind == "html":
        text = re.sub(r"<[^<>]*>", "", html.unescape(text))
    try:
        utf8 = not data.isascii() and bool(data.decode("utf-8"))
    except UnicodeDecodeError as error:
        utf8 = error.start >= _LOOKED_AT - 4  # cut within a character
    return len(text), letters_beyond_ascii(text), utf8


def _look(path: Path) -> bytes:
    """The first 4 MiB of a file; nothing of one that cannot be read, which is told when it is the book's turn."""
    try:
        with path.open("rb") as raw, unpacked(raw, path) as file:
            data: bytes = file.read(_LOOKED_AT)
            return data
    except (OSError, EOFError, zlib.error, lzma.LZMAError):
        return b""


def _key(path: Path, folder: Path) -> tuple[str, int]:
    """What tells books apart, and how good this file of a book is: Gutenberg's number where the name gives it.

    `1.txt` is book 1 in a folder called 1; in any other it is just a file.
    """
    stem = Path(_plain_name(path)).stem.lower()
    match = _STEM.fullmatch(stem)
    if not match:
        return _old_key(path, folder, stem)
    number, variant = match[1], match[2]
    ours = path.name.lower().startswith("pg") or path.parent.name in (number, f"{number}-h")
    rank = _RANKS.get(variant, 5)
    if ours or (variant in _RANKS and variant):
        return str(int(number)), rank
    return path.relative_to(folder).as_posix(), rank


def _old_key(path: Path, folder: Path, stem: str) -> tuple[str, int]:
    """One key for the editions of an etext of the 1990s, which share a name and a number; the last ranks first."""
    match = _OLD_STEM.fullmatch(stem)
    number = _OLD_NUMBER.search(_look(path)[:_HEAD]) if match else None
    if not match or not number:
        return path.relative_to(folder).as_posix(), 0
    place = path.parent.relative_to(folder).as_posix()
    return f"{place}/{match[2]}#{int(number[1])}", -int(match[3])


def _plain_name(path: Path) -> str:
    name = path.name
    for suffix in (*_PACKED, ".utf8", ".utf-8"):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
    return name


def read_documents(book: BookFiles, largest: int, skip: int = 0) -> Iterator[Document]:
    """The book's documents from number `skip` on; one larger than `largest` bytes comes empty and marked.

    Raises `InputError` when a file cannot be read or unpacked.
    """
    if len(book.files) > 1 or book.files[0][0] != "txt":
        yield from _whole(book, largest) if skip == 0 else ()
        return
    path = book.files[0][1]
    try:
        with path.open("rb") as raw, unpacked(raw, path) as file:
            yield from split_documents(file, raw, largest, skip)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _whole(book: BookFiles, largest: int) -> Iterator[Document]:
    formats = []
    for kind, path in book.files:
        try:
            with path.open("rb") as raw, unpacked(raw, path) as file:
                data = file.read(largest + 1)
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            raise InputError(f"{path} cannot be read: {error}.") from error
        if len(data) <= largest:
            formats.append((kind, data))
    yield Document(0, tuple(formats), book.size, too_large=not formats)


def split_documents(file: IO[bytes], raw: IO[bytes], largest: int, skip: int) -> Iterator[Document]:
    """Documents between separator lines; never more than one in memory, whatever the file's size."""
    lines: list[bytes] = []
    size, index = 0, 0
    separator = SEPARATOR.encode()

    def close() -> Iterator[Document]:
        nonlocal size, index
        if size > largest or b"".join(lines).strip():
            if index >= skip:
                too_large = size > largest
                text = b"" if too_large else b"".join(lines)
                yield Document(index, (("txt", text),), raw.tell(), too_large)
            index += 1
        lines.clear()
        size = 0

    while line := file.readline(largest + 1):
        if line.strip() == separator:
            yield from close()
            continue
        size += len(line)
        if size <= largest:
            lines.append(line)
        else:
            lines.clear()
    yield from close()


def unpacked(raw: IO[bytes], path: Path) -> Any:
    """The stream to read from an open file, unpacked as its name says."""
    suffix = path.suffix.lower()
    if suffix == ".bz2":
        return bz2.BZ2File(raw)
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw)
    if suffix == ".xz":
        return lzma.LZMAFile(raw)
    return raw
