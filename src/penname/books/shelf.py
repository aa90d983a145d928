"""Why a shelf keeps nothing, in one sentence with the remedy.

In: the dropped documents. Out: an `InputError` for the user.

    raise empty_shelf(Path("books"), [Dropped("too short: 12 words", "", 12)], BooksOptions())

Books into a shelf of clean shards: fetch, clean, filter, pack; stop anywhere and go on.

In: a folder, a file or a mirror that the user names. Out: shards, `index.tsv`, `dropped.tsv` and a report.

    report = build_shelf(Path("gutenberg"), Path("shelf"), BooksOptions(limit=100))
"""

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urljoin

from penname.books.catalogue import BooksOptions, Entry, read_catalogue, spoken_name, unwanted
from penname.books.clean import CleanBook, NearDuplicates, clean_book, cleanest, junk, language_of
from penname.books.mirror import Mirror, Missing, catalogue_in, fetch_books
from penname.books.packing import Record, Store, pack
from penname.books.sources import BookFiles, Document, find_books, read_documents
from penname.core import events
from penname.core.errors import InputError, Interrupted

_REMEDIES = {
    "language": "name the language with --language",
    "too short": "lower --min-words",
    "too large": "split files of more than {largest_mb} MiB",
    "not prose": "give files of prose or verse",
    "unreadable": "replace what is damaged",
    "near-duplicate": "try --duplicates 0",
}
_MIRROR = "try another mirror"


class Dropped(NamedTuple):
    """One document: its reason as the tables give it, its language as two letters, its words."""

    reason: str
    language: str
    words: int


def empty_shelf(out: Path, dropped: Sequence[Dropped], options: BooksOptions) -> InputError:
    """The sentence for a shelf on which nothing was left, each reason with its count, the commonest first."""
    groups = dict(Counter(document.reason.partition(":")[0] for document in dropped).most_common())
    reasons = ", ".join(
        f"{count:,} {_in_words(reason, [one for one in dropped if one.reason.partition(':')[0] == reason], options)}"
        for reason, count in groups.items()
    )
    remedies = "; ".join(
        dict.fromkeys(_REMEDIES.get(reason, _MIRROR).format(largest_mb=options.largest_mb) for reason in groups)
    )
    if not dropped:
        return InputError(f"No document was kept for {out}: the files hold none; give files with text in them.")
    noun = "document was" if len(dropped) == 1 else "documents were"
    return InputError(
        f"None of {len(dropped):,} {noun} kept: {reasons}. {out / 'dropped.tsv'} names each; "
        f"{remedies[0].lower()}{remedies[1:]}."
    )


def _in_words(reason: str, documents: Sequence[Dropped], options: BooksOptions) -> str:
    if reason == "language":
        found = ", ".join(
            f"{code or 'unknown'} {n:,}" for code, n in Counter(d.language for d in documents).most_common(5)
        )
        return f"in another language than {', '.join(options.languages)} ({found})"
    if reason == "too short":
        longest = max(document.words for document in documents)
        return f"too short (under {max(options.min_words, 1):,} words; the longest has {longest:,})"
    if reason in ("not prose", "unreadable"):
        return f"{reason} (the first:{documents[0].reason.partition(':')[2].rstrip('.')})"
    return reason


# Raise this when the cleaner's output changes: shelves made with another one are then cleaned again.
_CLEANER = 2
_PACKING = ("shard_mb", "compression", "name", "seed")


@dataclass(frozen=True)
class ShelfReport:
    """What stands on the shelf. `dropped` counts documents by reason; `bytes` are those of the clean text."""

    shards: tuple[Path, ...]
    documents: int
    words: int
    bytes: int
    dropped: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


def build_shelf(source: Path | Mirror, out: Path, options: BooksOptions | None = None) -> ShelfReport:
    """Fetch (from a mirror), clean, filter and pack; what an earlier run has done is not done again.

    Raises `InputError` for settings, folders or mirrors that cannot be used and when nothing is kept, with the reasons;
    `Interrupted` on Ctrl-C: everything finished by then is kept, and the same call goes on from there.
    """
    options = options or BooksOptions()
    options.check()
    started = time.monotonic()
    try:
        missing: list[Missing] = []
        folder, base = (source, "") if isinstance(source, Path) else (out / "downloads", source.url)
        if isinstance(source, Mirror):
            missing = fetch_books(source, folder, options)
        with Store(out / ".work", _settings(options)) as store:
            _read_books(store, folder, base, options)
            others = [_missing(book) for book in missing]
            shards = pack(store, out, options, others)
            dropped = [record for record in [*store.records, *others] if record.reason]
    except KeyboardInterrupt:
        raise Interrupted("Stopped; everything done so far is kept. Run the same command again to go on.") from None
    records = [record for shard in shards for record in shard.records]
    if not records:
        raise empty_shelf(out, [Dropped(one.reason, one.language, one.words) for one in dropped], options)
    return ShelfReport(
        tuple(out / shard.file for shard in shards),
        len(records),
        sum(record.words for record in records),
        sum(record.bytes for record in records),
        dict(Counter(record.reason.partition(":")[0] for record in dropped).most_common()),
        time.monotonic() - started,
    )


def choose_books(folder: Path, options: BooksOptions) -> list[tuple[BookFiles, Entry | None]]:
    """The books in a folder that the options want, each with its entry in the catalogue where there is one."""
    found = find_books(folder, options.formats, options.every_format)
    path = options.catalogue or (catalogue_in(folder) if folder.is_dir() else None)
    asks = bool(options.subjects or options.authors or options.years != (None, None))
    if asks and path is None:
        raise InputError(
            "Subjects, authors and years are looked up in Gutenberg's catalogue, and the folder has none: "
            "give the file pg_catalog.csv as the catalogue."
        )
    numbers = {book.number for book in found if book.number}
    entries = {entry.number: entry for entry in read_catalogue(path) if entry.number in numbers} if path else {}
    wanted = []
    for book in found:
        entry = entries.get(book.number)
        if (entry is None and asks) or (entry is not None and unwanted(entry, options)):
            continue
        wanted.append((book, entry))
    if len(wanted) < len(found):
        events.note(f"{len(wanted)} of {len(found)} books in {folder} are wanted by the catalogue.")
    if not wanted:
        raise InputError(f"{folder} holds no book that fits; choose wider languages, subjects, authors or years.")
    return wanted[: options.limit]


def _settings(options: BooksOptions) -> dict[str, Any]:
    """What the cleaned texts depend on; how they are packed can change without cleaning again."""
    settings = {key: value for key, value in asdict(options).items() if key not in _PACKING}
    return {**settings, "catalogue": str(options.catalogue or ""), "cleaner": _CLEANER}


def _read_books(store: Store, folder: Path, base: str, options: BooksOptions) -> None:
    books = choose_books(folder, options)
    fingerprints = {book.key: book.fingerprint() for book, _ in books}
    if any(fingerprints.get(key) != before for key, before in store.begun.items()):
        events.note("Files have changed or gone since the last run: every book is cleaned again.")
        store.restart()
    seen = _known(store, options)
    total = sum(book.size for book, _ in books) >> 10
    with events.task("Cleaning books", total=total, unit="kB") as step:
        for book, entry in books:
            if book.key in store.finished:
                step(book.size >> 10)
                continue
            store.begin(book.key, fingerprints[book.key])
            source = _source(book, folder, base)
            _read_book(store, seen, book, entry, source, options, step)
            store.finish(book.key)


def _known(store: Store, options: BooksOptions) -> NearDuplicates | None:
    """What earlier runs have kept, so that twins of it are known."""
    if not options.duplicates:
        return None
    seen = NearDuplicates(options.duplicates)
    for record, signature in store.signatures():
        seen.add(record.source, signature)
    return seen


def _read_book(
    store: Store,
    seen: NearDuplicates | None,
    book: BookFiles,
    entry: Entry | None,
    source: str,
    options: BooksOptions,
    step: Callable[[int], None],
) -> None:
    """Every document of one book that is not in the store yet."""
    skip = store.documents_of(book.key)
    place = 0
    try:
        for document in read_documents(book, options.largest_mb << 20, skip):
            name = f"{source}#{document.index}" if document.index or skip else source
            record, text = _clean(document, name, book, entry, options)
            _shelve(store, seen, record, text)
            step((document.position >> 10) - place)
            place = document.position >> 10
    except InputError as error:
        store.add(Record(book.key, store.documents_of(book.key), source, reason=f"unreadable: {error}"))
    step((book.size >> 10) - place)


def _clean(
    document: Document, source: str, book: BookFiles, entry: Entry | None, options: BooksOptions
) -> tuple[Record, str]:
    """The document's record, with the reason if it is to be dropped, and its text."""
    blank = Record(book.key, document.index, source, entry.title if entry else "", entry.author if entry else "")
    if document.too_large:
        return replace(blank, reason=f"too large: more than {options.largest_mb} MiB"), ""
    cleaned, errors = _clean_formats(document)
    if not cleaned:
        return replace(blank, reason=f"unreadable: {' '.join(errors)}"), ""
    chosen = cleanest(cleaned)
    header, text = chosen.header, chosen.text
    record = replace(
        blank,
        title=blank.title or header.title,
        author=blank.author or spoken_name(header.author) if "," in header.author else blank.author or header.author,
        year=header.year or (entry.dates if entry else ""),
        language=language_of(text),
        bytes=len(text.encode("utf-8", "replace")),
        words=chosen.words,
        sha256=hashlib.sha256(text.encode("utf-8", "replace")).hexdigest(),
    )
    return replace(record, reason=_fault(record, text, options)), text


def _clean_formats(document: Document) -> tuple[list[CleanBook], list[str]]:
    cleaned, errors = [], []
    for kind, data in document.formats:
        try:
            cleaned.append(clean_book(data, kind))
        except InputError as error:
            errors.append(str(error))
    return cleaned, errors


def _fault(record: Record, text: str, options: BooksOptions) -> str:
    if record.words < max(options.min_words, 1):
        return f"too short: {record.words} words"
    if options.languages and record.language not in options.languages:
        return f"language: {record.language or 'unknown'}"
    fault = junk(text)
    return f"not prose: {fault}" if fault else ""


def _shelve(store: Store, seen: NearDuplicates | None, record: Record, text: str) -> None:
    """Put a document into the store, unless an earlier one says the same."""
    if record.reason or seen is None:
        store.add(record, text)
        return
    signature = seen.signature(text)
    twin = seen.twin_of(signature)
    if twin is not None:
        store.add(replace(record, reason=f"near-duplicate: of {twin}"))
        return
    store.add(record, text, signature)
    seen.add(record.source, signature)


def _source(book: BookFiles, folder: Path, base: str) -> str:
    path = book.files[0][1]
    name = path.relative_to(folder).as_posix() if folder.is_dir() else path.name
    return urljoin(base if base.endswith("/") else base + "/", name) if base else name


def _missing(book: Missing) -> Record:
    entry = book.entry
    languages = " ".join(entry.languages)
    return Record(str(entry.number), 0, str(entry.number), entry.title, entry.author, "", languages, reason=book.reason)
