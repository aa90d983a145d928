"""Books from a mirror of Gutenberg that the user names: the catalogue first, then one file after the other.

In: an address. Out: a folder laid out as the mirror is, with a manifest of checksums; what is there stays.

    missing = fetch_books(Mirror("http://127.0.0.1:8000/"), Path("downloads"), BooksOptions(limit=10))
"""

import json
import time
import urllib.robotparser
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from penname.books.catalogue import BooksOptions, Entry, read_catalogue, unwanted
from penname.books.download import USER_AGENT, Downloader, Fetched, file_hash
from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.files import parse_json

CATALOGUES = ("cache/epub/feeds/pg_catalog.csv.gz", "cache/epub/feeds/pg_catalog.csv")
# `{n}` is a book's number, `{d}` the folder of the older layout: 1/2/3/1234.
LAYOUTS: dict[str, tuple[str, ...]] = {
    "txt": (
        "cache/epub/{n}/pg{n}.txt",
        "cache/epub/{n}/pg{n}.txt.utf8",
        "{d}/{n}-0.txt",
        "{d}/{n}-8.txt",
        "{d}/{n}.txt",
    ),
    "html": (
        "cache/epub/{n}/pg{n}-images.html.utf8",
        "cache/epub/{n}/pg{n}-images.html",
        "cache/epub/{n}/pg{n}.html.utf8",
        "{d}/{n}-h/{n}-h.htm",
    ),
    "epub": ("cache/epub/{n}/pg{n}.epub", "cache/epub/{n}/pg{n}-images.epub"),
}
_FAILURES_IN_A_ROW = 5


@dataclass(frozen=True)
class Mirror:
    """A mirror and how gently to use it: `pause` between requests in seconds, `largest_mb` for one file."""

    url: str
    pause: float = 2.0
    retries: int = 5
    largest_mb: int = 64
    timeout: float = 60.0
    verify: bool = True
    sleep: Callable[[float], None] = field(default=time.sleep, compare=False, repr=False)


@dataclass(frozen=True)
class Missing:
    """A book that was wanted and could not be had, and why."""

    entry: Entry
    reason: str


class Manifest:
    """Checksums of what has been fetched: one line a file, only ever added to; the last line of a path counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.files: dict[str, Fetched] = {}
        for line in path.read_bytes().splitlines() if path.exists() else ():
            try:
                row = parse_json(line.decode())
                name = row.pop("path")
                self.files[name] = Fetched(**row)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue

    def add(self, name: str, fetched: Fetched) -> None:
        """Write a line down at once."""
        self.files[name] = fetched
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({"path": name} | asdict(fetched)) + "\n")


class _Fetcher:
    """Knows which branch of a mirror has books once one was found there, and asks there first, richer files first."""

    def __init__(self, mirror: Mirror, folder: Path, downloader: Downloader) -> None:
        self.mirror, self.folder, self.downloader = mirror, folder, downloader
        self.manifest = Manifest(folder / "manifest.jsonl")
        self.worked: Counter[str] = Counter()
        self.has_md5 = True

    def book(self, number: int, options: BooksOptions) -> str:
        """Fetch one book's file(s); empty, or why it could not be had."""
        got, reasons = 0, []
        if not options.every_format and any(self._here(number, kind) for kind in options.formats):
            return ""
        for kind in options.formats:
            reason = self._format(number, kind)
            if not reason:
                got += 1
                if not options.every_format:
                    return ""
            elif reason not in reasons:
                reasons.append(reason)
        return "" if got else "; ".join(reasons)

    def _format(self, number: int, kind: str) -> str:
        if self._here(number, kind):
            return ""
        for layout in sorted(LAYOUTS[kind], key=lambda layout: -self.worked[_branch(layout)]):
            fetched = self._one(_path(layout, number))
            if fetched.ok:
                self.worked[_branch(layout)] += 1
                return ""
            if fetched.status == 413:
                return f"too large: more than {self.mirror.largest_mb} MiB"
            if fetched.status not in (403, 404, 410):
                return f"refused: status {fetched.status}"
        return "not on the mirror"

    def _here(self, number: int, kind: str) -> bool:
        """Whether a file of this book and format is here and whole; its layout then counts as one that works."""
        for layout in LAYOUTS[kind]:
            if self._is_here(_path(layout, number)):
                self.worked[_branch(layout)] += 1
                return True
        return False

    def known(self, name: str) -> Fetched | None:
        """What is known of a file that is here and whole."""
        return self.manifest.files[name] if self._is_here(name) else None

    def _is_here(self, name: str) -> bool:
        known, path = self.manifest.files.get(name), self.folder / name
        if known is None or not path.exists() or path.stat().st_size != known.bytes:
            return False
        if self.mirror.verify and file_hash(path) != known.sha256:
            events.warn(f"{name} is not what was fetched (its checksum differs): fetching it again.")
            return False
        return True

    def _one(self, name: str) -> Fetched:
        path = self.folder / name
        fetched = self.downloader.fetch(name, path)
        if fetched.status == 200:
            md5 = self._md5(name)
            if md5 and file_hash(path, "md5") != md5:
                fetched = self.downloader.fetch(name, path, md5=md5)
            self.manifest.add(name, fetched)
        return fetched

    def _md5(self, name: str) -> str:
        """The checksum that stands beside the file, if the mirror keeps such files: found out by the first."""
        if not self.has_md5:
            return ""
        path = self.folder / (name + ".md5")
        fetched = self.downloader.fetch(name + ".md5", path)
        self.has_md5 = fetched.ok
        if not fetched.ok:
            return ""
        words = path.read_text(encoding="utf-8", errors="replace").split()
        path.unlink()
        return next((word.lower() for word in words if len(word) == 32), "")


def fetch_books(mirror: Mirror, folder: Path, options: BooksOptions) -> list[Missing]:
    """Fetch the catalogue and every book of it that the options want; return those that could not be had.

    Raises `InputError` for an address that is no mirror, `PennameError` when the mirror keeps failing.
    """
    with Downloader(
        mirror.url, mirror.pause, mirror.retries, mirror.largest_mb << 20, mirror.timeout, mirror.sleep
    ) as downloader:
        _obey_robots(downloader, folder)
        fetcher = _Fetcher(mirror, folder, downloader)
        wanted = choose(_fetch_catalogue(fetcher), options)
        missing: list[Missing] = []
        failures = 0
        with events.task(f"Fetching books from {mirror.url}", total=len(wanted), unit="books") as step:
            for entry in wanted:
                try:
                    reason, failures = fetcher.book(entry.number, options), 0
                except PennameError as error:
                    reason, failures = f"failed: {error}", failures + 1
                    if isinstance(error, InputError) or failures >= _FAILURES_IN_A_ROW:
                        raise
                if reason:
                    missing.append(Missing(entry, reason))
                step(1)
    return missing


def choose(catalogue: Path, options: BooksOptions) -> list[Entry]:
    """The catalogue's books that the options want, in its order, and a note of how many they leave out and why."""
    wanted: list[Entry] = []
    left: Counter[str] = Counter()
    for entry in read_catalogue(catalogue):
        reason = unwanted(entry, options)
        if reason:
            left[reason.split()[0]] += 1
        elif options.limit is None or len(wanted) < options.limit:
            wanted.append(entry)
        else:
            left["limit"] += 1
    if left:
        reasons = ", ".join(f"{count} by {reason}" for reason, count in left.most_common())
        events.note(f"Of the catalogue {len(wanted)} books are wanted; left out: {reasons}.")
    if not wanted:
        raise InputError("The catalogue holds no book that fits; choose wider languages, subjects, authors or years.")
    return wanted


def catalogue_in(folder: Path) -> Path | None:
    """The catalogue in a folder laid out as a mirror is, or on its own there."""
    names = (*CATALOGUES, "pg_catalog.csv.gz", "pg_catalog.csv")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _fetch_catalogue(fetcher: _Fetcher) -> Path:
    """The packed catalogue or the plain one; an older copy is kept when the mirror says that it is current."""
    events.note(f"Fetching the catalogue from {fetcher.downloader.base}.")
    limit, fetcher.downloader.largest = fetcher.downloader.largest, 1 << 30
    try:
        for name in CATALOGUES:
            path = fetcher.folder / name
            known = fetcher.known(name)
            fetched = fetcher.downloader.fetch(name, path, known)
            if fetched.status == 200:
                fetcher.manifest.add(name, fetched)
            if fetched.ok:
                return path
    finally:
        fetcher.downloader.largest = limit
    raise InputError(
        f"{fetcher.downloader.base} is no mirror of Gutenberg: it has no catalogue at {CATALOGUES[1]}. "
        "Name the address under which `cache` lies."
    )


def _obey_robots(downloader: Downloader, folder: Path) -> None:
    """Read the mirror's robots.txt: what it forbids is not fetched, the delay it asks for is kept."""
    path = folder / "robots.txt"
    fetched = downloader.fetch("/robots.txt", path)
    if not fetched.ok:
        return
    rules = urllib.robotparser.RobotFileParser()
    rules.parse(path.read_text(encoding="utf-8", errors="replace").splitlines())
    path.unlink()
    if not rules.can_fetch(USER_AGENT, f"{downloader.base}cache/epub/1/pg1.txt"):
        raise InputError(f"{downloader.base} asks programs not to fetch its books (robots.txt): name another mirror.")
    delay = rules.crawl_delay(USER_AGENT)
    if delay and float(delay) > downloader.pause:
        events.note(f"The mirror asks for {delay} s between requests.")
        downloader.pause = float(delay)


def _branch(layout: str) -> str:
    """The newer or the older part of a mirror; within one the order stays, lest ASCII come before the accents."""
    return layout.partition("/")[0]


def _path(layout: str, number: int) -> str:
    digits = str(number)
    folder = "/".join(digits[:-1]) or "0"
    return layout.format(n=number, d=f"{folder}/{number}")
