"""What the user may choose when books become a shelf, checked all at once.

BooksOptions(languages=("en",), limit=100).check()
"""

from dataclasses import dataclass
from pathlib import Path

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
