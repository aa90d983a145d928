"""What the user may choose when books become a shelf, checked all at once.

BooksOptions(languages=("en",), limit=100).check()

Gutenberg's catalogue, `pg_catalog.csv`: read as a stream, and what the user wants of it.

In: the file (plain or .gz). Out: entries, and a reason for each that is not wanted.

    for entry in read_catalogue(path): ...
"""

import csv
import gzip
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penname.core.errors import InputError

COMPRESSIONS = {"bz2": ".bz2", "xz": ".xz", "gz": ".gz", "none": ""}
FORMATS = ("txt", "html", "epub")


@dataclass(frozen=True)
class BooksOptions:
    """Settings of `build_shelf`; the first group chooses books, the second cleans, the third writes."""

    languages: tuple[str, ...] = ("en",)
    """Languages to keep, as two letters; empty keeps all."""
    subjects: tuple[str, ...] = ()
    """Keep a book when one of these stands in its subjects or bookshelves (any case); empty keeps all."""
    authors: tuple[str, ...] = ()
    """Keep a book when one of these stands in its authors (any case); empty keeps all."""
    years: tuple[int | None, int | None] = (None, None)
    """Keep a book when its author was alive and at least 15 years old at some time between these years."""
    limit: int | None = None
    """The most books to take; None takes all."""
    catalogue: Path | None = None
    """A `pg_catalog.csv` (or `.gz`) for a folder that has none of its own."""

    formats: tuple[str, ...] = FORMATS
    """Formats in the order in which they are preferred: `txt`, `html`, `epub`."""
    every_format: bool = False
    """Fetch and read each format that there is, and keep the one that comes out cleanest."""
    min_words: int = 300
    """Shorter documents are dropped."""
    duplicates: float = 0.5
    """Drop a document that shares this part of its five-word runs with an earlier one; 0 keeps all."""
    largest_mb: int = 64
    """A single document larger than this many MiB is dropped unread."""

    shard_mb: int = 100
    """Uncompressed size of a shard, in MB (10^6 bytes); the last may be smaller."""
    compression: str = "bz2"
    """`bz2`, `xz`, `gz` or `none`."""
    name: str = "books"
    """Shards are called NAME-0.txt.bz2, NAME-1.txt.bz2, ..."""
    seed: int = 0
    """Order of the documents over the shards."""

    def check(self) -> None:
        """Raise one `InputError` that names every setting that cannot be used."""
        wrong = [text for text in _complaints(self) if text]
        if wrong:
            raise InputError("; ".join(wrong) + ".")


def _complaints(options: BooksOptions) -> list[str]:
    unknown = [name for name in options.formats if name not in FORMATS]
    first, last = options.years
    ordered = first is None or last is None or first <= last
    plain = options.name and options.name.replace("-", "").replace("_", "").isalnum()
    return [
        f"formats: {', '.join(unknown)} unknown, use {', '.join(FORMATS)}" if unknown else "",
        "" if options.formats else "formats: name at least one",
        "" if options.compression in COMPRESSIONS else f"compression: use one of {', '.join(COMPRESSIONS)}",
        "" if 0 <= options.duplicates <= 1 else "duplicates: a share between 0 and 1 is needed",
        "" if options.min_words >= 0 else "min_words: 0 or more is needed",
        "" if options.limit is None or options.limit > 0 else "limit: 1 or more is needed",
        "" if options.shard_mb > 0 else "shard_mb: 1 or more is needed",
        "" if options.largest_mb > 0 else "largest_mb: 1 or more is needed",
        "" if ordered else "years: the first is after the last",
        "" if plain else "name: only letters, digits, - and _ can be used",
        "" if all(len(code) == 2 and code.isalpha() for code in options.languages) else "languages: two letters each",
    ]


_COLUMNS = ("Text#", "Type", "Title", "Language", "Authors", "Subjects", "Bookshelves")
_DATES = re.compile(r"(\d{1,4})\??( BCE)?-(?:(\d{1,4})\??( BCE)?)?$|(?<=-)(\d{1,4})$")
_ROLE = re.compile(r"\s*\[[^\]]*\]$")
_ADULT, _LIFE = 15, 90
_LONGEST_FIELD = 2**24


@dataclass(frozen=True)
class Entry:
    """One row. `authors` and `subjects` are as the catalogue writes them, parted by `;`."""

    number: int
    kind: str
    title: str
    languages: tuple[str, ...]
    authors: str
    subjects: str

    @property
    def author(self) -> str:
        """The first author, first name first: `Henry James`; empty when there is none."""
        return spoken_name(self.authors.split(";")[0])

    @property
    def dates(self) -> str:
        """The first author's dates, as in `1843-1916`; empty when they are not known."""
        match = _DATES.search(_ROLE.sub("", self.authors.split(";")[0].strip()))
        return match.group() if match else ""


def read_catalogue(path: Path) -> Iterator[Entry]:
    """Each row of the catalogue in turn. Raises `InputError` when the file is no such catalogue."""
    csv.field_size_limit(_LONGEST_FIELD)
    try:
        with path.open("rb") as raw, _unpacked(raw) as data:
            rows = csv.DictReader(io.TextIOWrapper(data, encoding="utf-8-sig", errors="replace", newline=""))
            missing = [name for name in _COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise InputError(f"{path} is no catalogue of books: it has no column {', '.join(missing)}.")
            for row in rows:
                if (row["Text#"] or "").isdecimal():
                    yield _entry(row)
    except (csv.Error, EOFError, OSError, zlib.error) as error:
        raise InputError(f"The catalogue {path} cannot be read: {error}.") from error


def unwanted(entry: Entry, options: BooksOptions) -> str:
    """Why the options leave this book out; empty when they do not."""
    if entry.kind and entry.kind.lower() != "text":
        return f"is no text but {entry.kind.lower()}"
    if options.languages and not set(entry.languages) <= set(options.languages):
        return f"language {' '.join(entry.languages) or 'unknown'}"
    if options.subjects and not _mentions(entry.subjects, options.subjects):
        return "subject"
    if options.authors and not _mentions(entry.authors, options.authors):
        return "author"
    return "" if _in_years(entry.dates, options.years) else f"author's years {entry.dates or 'unknown'}"


def spoken_name(name: str) -> str:
    """`Wells, H. G. (Herbert George), 1866-1946 [Editor]` as `H. G. Wells`."""
    name = _ROLE.sub("", name.strip())
    parts = [part.strip() for part in re.sub(r"\([^)]*\)", "", name).split(",")]
    parts = [part for part in parts if part and not re.fullmatch(r"[\d?\-– ]+(?:BCE)?(?:-.*)?", part)]
    if len(parts) > 1 and parts[1].endswith(parts[0]):
        parts = ["", *parts[1:]]
    return " ".join([*parts[1:2], *filter(None, parts[:1]), *(f", {part}" for part in parts[2:])]).replace(" ,", ",")


def _entry(row: dict[str, str]) -> Entry:
    text = {key: " ".join((value or "").split()) for key, value in row.items() if isinstance(value, str)}
    languages = tuple(re.findall(r"[a-z]{2,3}", text["Language"].lower()))
    subjects = f"{text['Subjects']}; {text['Bookshelves']}"
    return Entry(int(text["Text#"]), text["Type"], text["Title"], languages, text["Authors"], subjects)


def _mentions(text: str, words: tuple[str, ...]) -> bool:
    return any(word.lower() in text.lower() for word in words)


def _in_years(dates: str, years: tuple[int | None, int | None]) -> bool:
    """Whether an author could have written between the years; of unknown dates nobody can say so."""
    if years == (None, None):
        return True
    match = _DATES.search(dates)
    if not match:
        return False
    born = int(match[1]) * (-1 if match[2] else 1) if match[1] else None
    last = match[3] or match[5]
    died = int(last) * (-1 if match[4] else 1) if last else None
    begin = born + _ADULT if born is not None else (died or 0) - _LIFE
    end = died if died is not None else begin + _LIFE
    return (years[0] is None or end >= years[0]) and (years[1] is None or begin <= years[1])


def _unpacked(raw: io.BufferedReader) -> Any:
    """Packed or not by its first bytes: servers unpack a `.gz` on the way, or do not."""
    return gzip.GzipFile(fileobj=raw) if raw.peek(2)[:2] == b"\x1f\x8b" else raw
