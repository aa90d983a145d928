"""Downloads against a local server that behaves as mirrors do, and as they should not."""

import base64
import gzip
import hashlib
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penname.books.catalogue import BooksOptions
from penname.books.download import Downloader
from penname.books.mirror import Manifest, Mirror, fetch_books
from penname.core import events
from penname.core.errors import InputError, PennameError

CATALOGUE = """Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1234,Text,1994-03-01,The Lamp at Gull Point,en,"Marlowe, A., 1850-1910",Lighthouses -- Fiction,PR,Fiction
2345,Text,2004-12-06,"An Orchard in the Hills
Being the Record of a Year",en,"Hale, Margaret, 1870-1941; Ames, Rick [Editor]",Orchards,SB,Gardening
3456,Text,2023-09-19,The Clockmaker's Niece,en,"Prowse, Ellen, 1880-1950",Clocks -- Fiction,PR,Fiction
4567,Text,2005-01-01,Le Phare,fr,"Martin, Jean, 1840-1900",Lighthouses,PQ,FR Fiction
5678,Sound,2005-01-01,The Sea,en,,Sounds,M,Music
"""
FEED = "cache/epub/feeds/pg_catalog.csv"
ENGLISH = BooksOptions(formats=("txt",))


PACKED = {FEED + ".gz": gzip.compress(CATALOGUE.encode(), mtime=0)}
Site = Any  # tests/books/conftest.py


FILES = Path(__file__).parent / "files"


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def site(serve: Callable[..., Site]) -> Site:
    files = {
        "cache/epub/1234/pg1234.txt": (FILES / "old.txt").read_bytes(),
        "2/3/4/2345/2345-8.txt": (FILES / "middle.txt").read_bytes(),
        "cache/epub/3456/pg3456-images.html.utf8": (FILES / "page.html").read_bytes(),
    }
    return serve(PACKED | files)


def mirror(site: Site, waits: list[float], **more: Any) -> Mirror:
    return Mirror(site.url, sleep=waits.append, **more)


def test_the_catalogue_comes_first_then_each_wanted_book(site: Site, tmp_path: Path, waits: list[float]) -> None:
    missing = fetch_books(mirror(site, waits), tmp_path, BooksOptions())
    assert missing == []
    assert site.paths()[:2] == ["robots.txt", FEED + ".gz"]
    assert not any("4567" in path or "5678" in path for path in site.paths())
    for name, data in site.files.items():
        assert (tmp_path / name).read_bytes() == data
    manifest = Manifest(tmp_path / "manifest.jsonl").files
    name = "cache/epub/1234/pg1234.txt"
    assert manifest[name].sha256 == hashlib.sha256(site.files[name]).hexdigest()


def test_one_connection_a_pause_before_each_request_and_an_honest_name(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    fetch_books(mirror(site, waits, pause=1.5), tmp_path, BooksOptions())
    assert len(site.connections) == 1
    assert len(site.asked) > 5
    assert waits == [1.5] * (len(site.asked) - 1)
    assert all(agent.startswith("penname/") for agent in site.agents)


def test_a_second_run_fetches_nothing_but_asks_whether_the_catalogue_has_changed(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    fetch_books(mirror(site, waits), tmp_path, BooksOptions())
    site.asked.clear()
    assert fetch_books(mirror(site, waits), tmp_path, BooksOptions()) == []
    assert site.paths() == ["robots.txt", FEED + ".gz"]


def test_older_layouts_are_tried_and_the_one_that_works_is_asked_first(
    serve: Callable[..., Site], tmp_path: Path, waits: list[float]
) -> None:
    files = {
        "1/2/3/1234/1234-0.txt": b"one",
        "2/3/4/2345/2345-0.txt": b"two",
        "3/4/5/3456/3456-0.txt": b"three",
    }
    site = serve(PACKED | files)
    assert fetch_books(mirror(site, waits), tmp_path, ENGLISH) == []
    paths = [path for path in site.paths() if not path.endswith(".md5")]
    assert paths[2:] == [
        "cache/epub/1234/pg1234.txt",
        "cache/epub/1234/pg1234.txt.utf8",
        "1/2/3/1234/1234-0.txt",
        "2/3/4/2345/2345-0.txt",
        "3/4/5/3456/3456-0.txt",
    ]


def test_of_two_files_on_the_mirror_the_one_with_accents_is_fetched(
    serve: Callable[..., Site], tmp_path: Path, waits: list[float]
) -> None:
    files = {
        "1/2/3/1234/1234.txt": b"one",
        "2/3/4/2345/2345.txt": b"two",
        "3/4/5/3456/3456.txt": b"cafe",
        "3/4/5/3456/3456-8.txt": b"caf\xe9",
    }
    site = serve(PACKED | files)
    assert fetch_books(mirror(site, waits), tmp_path, ENGLISH) == []
    assert sorted(path for path in site.paths() if path in files) == [*sorted(files)[:2], "3/4/5/3456/3456-8.txt"]


def test_what_the_mirror_does_not_have_is_reported(site: Site, tmp_path: Path, waits: list[float]) -> None:
    missing = fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert [(book.entry.number, book.reason) for book in missing] == [(3456, "not on the mirror")]


def test_a_cut_connection_is_resumed_where_it_ended(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.cut[path] = 1000
    fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert [span for asked, span in site.asked if asked == path] == ["", "bytes=1000-"]
    assert (tmp_path / path).read_bytes() == site.files[path]
    assert not list(tmp_path.rglob("*.part*"))


def test_a_part_left_by_an_earlier_run_is_resumed(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.cut[path] = 1000
    with (
        Downloader(site.url, retries=0, sleep=waits.append) as downloader,
        pytest.raises(PennameError, match="1000 of"),
    ):
        downloader.fetch(path, tmp_path / "book.txt")
    assert (tmp_path / "book.txt.part").stat().st_size == 1000
    with Downloader(site.url, retries=0, sleep=waits.append) as downloader:
        assert downloader.fetch(path, tmp_path / "book.txt").ok
    assert site.asked[-1] == (path, "bytes=1000-")
    assert (tmp_path / "book.txt").read_bytes() == site.files[path]


def test_a_part_of_another_version_is_thrown_away(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.cut[path] = 1000
    with Downloader(site.url, retries=0, sleep=waits.append) as downloader, pytest.raises(PennameError):
        downloader.fetch(path, tmp_path / "book.txt")
    site.files[path] = b"A new edition. " * 500
    with Downloader(site.url, sleep=waits.append) as downloader:
        assert downloader.fetch(path, tmp_path / "book.txt").ok
    assert (tmp_path / "book.txt").read_bytes() == site.files[path]


def test_a_part_longer_than_the_file_is_thrown_away(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    etag = f'"{hashlib.md5(site.files[path]).hexdigest()}"'
    (tmp_path / "book.txt.part").write_bytes(b"x" * (len(site.files[path]) + 5))
    (tmp_path / "book.txt.part.json").write_text(json.dumps({"etag": etag}))
    with Downloader(site.url, sleep=waits.append) as downloader:
        assert downloader.fetch(path, tmp_path / "book.txt").ok
    assert (tmp_path / "book.txt").read_bytes() == site.files[path]


def test_without_a_mark_of_its_version_a_part_is_not_resumed(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.etags = False
    path = "cache/epub/1234/pg1234.txt"
    site.cut[path] = 1000
    with Downloader(site.url, sleep=waits.append) as downloader:
        assert downloader.fetch(path, tmp_path / "book.txt").ok
    assert site.asked == [(path, ""), (path, "")]
    assert (tmp_path / "book.txt").read_bytes() == site.files[path]


def test_a_busy_server_is_left_alone_as_long_as_it_asks(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.busy[path] = [(429, "7"), (503, ""), (503, "Wed, 21 Oct 2015 07:28:00 GMT")]
    fetch_books(mirror(site, waits, pause=0.5), tmp_path, ENGLISH)
    assert [wait for wait in waits if wait != 0.5] == [7.0, 2.0, 0.0]
    assert (tmp_path / path).read_bytes() == site.files[path]


def test_a_server_that_stays_busy_ends_in_a_sentence_and_keeps_what_is_there(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    site.busy[FEED + ".gz"] = [(503, "")] * 9
    with pytest.raises(PennameError, match="Everything fetched so far is kept"):
        fetch_books(mirror(site, waits, retries=2), tmp_path, ENGLISH)


def test_one_book_that_fails_does_not_end_the_run(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.busy["cache/epub/1234/pg1234.txt"] = [(500, "")] * 9
    missing = fetch_books(mirror(site, waits, retries=1), tmp_path, BooksOptions())
    assert [book.entry.number for book in missing] == [1234]
    assert missing[0].reason.startswith("failed")
    assert (tmp_path / "2/3/4/2345/2345-8.txt").exists()


def test_a_file_that_was_damaged_since_is_fetched_again(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    data = bytearray((tmp_path / path).read_bytes())
    data[100] ^= 1
    (tmp_path / path).write_bytes(data)
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text) if event.kind == "warning" else None):
        fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert (tmp_path / path).read_bytes() == site.files[path]
    assert "checksum differs" in heard[0]


def test_a_wrong_checksum_header_refuses_the_file(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.md5[path] = base64.b64encode(hashlib.md5(b"something else").digest()).decode()
    with (
        Downloader(site.url, retries=1, sleep=waits.append) as downloader,
        pytest.raises(PennameError, match="checksum"),
    ):
        downloader.fetch(path, tmp_path / "book.txt")
    assert not (tmp_path / "book.txt").exists()
    site.md5[path] = base64.b64encode(hashlib.md5(site.files[path]).digest()).decode()
    with Downloader(site.url, retries=1, sleep=waits.append) as downloader:
        assert downloader.fetch(path, tmp_path / "book.txt").ok


def test_checksum_files_beside_the_books_are_used_and_asked_for_once_where_there_are_none(
    site: Site, tmp_path: Path, waits: list[float]
) -> None:
    fetch_books(mirror(site, waits), tmp_path, BooksOptions())
    assert sum(path.endswith(".md5") for path in site.paths()) == 1
    path = "cache/epub/1234/pg1234.txt"
    site.files[path + ".md5"] = b"00000000000000000000000000000000  pg1234.txt\n"
    missing = fetch_books(mirror(site, waits, retries=0), tmp_path / "again", ENGLISH)
    assert "checksum" in {book.entry.number: book.reason for book in missing}[1234]


def test_a_file_larger_than_the_limit_is_not_fetched(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.files[path] = b"x" * ((1 << 20) + 1)
    missing = fetch_books(mirror(site, waits, largest_mb=1), tmp_path, ENGLISH)
    assert {book.entry.number: book.reason for book in missing}[1234] == "too large: more than 1 MiB"
    assert not (tmp_path / path).exists()


def test_redirects_stay_on_the_host_that_was_named(site: Site, tmp_path: Path, waits: list[float]) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site.files["elsewhere.txt"] = site.files.pop(path)
    site.redirects[path] = "/elsewhere.txt"
    fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert (tmp_path / path).read_bytes() == site.files["elsewhere.txt"]
    site.redirects[path] = "http://books.invalid/elsewhere.txt"
    with pytest.raises(InputError, match=r"books\.invalid"):
        fetch_books(mirror(site, waits), tmp_path / "again", ENGLISH)


def test_robots_are_obeyed(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["robots.txt"] = b"User-agent: *\nCrawl-delay: 9\n"
    fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert set(waits) == {9.0}
    site.files["robots.txt"] = b"User-agent: *\nDisallow: /cache/\n"
    with pytest.raises(InputError, match=r"robots\.txt"):
        fetch_books(mirror(site, waits), tmp_path, ENGLISH)


def test_what_is_packed_for_the_way_is_unpacked_and_a_packed_catalogue_is_not(
    serve: Callable[..., Site], tmp_path: Path, waits: list[float]
) -> None:
    path = "cache/epub/1234/pg1234.txt"
    site = serve(PACKED | {path: gzip.compress(b"A book.", mtime=0)}, encoding={path: "gzip", FEED + ".gz": "x-gzip"})
    fetch_books(mirror(site, waits), tmp_path, ENGLISH)
    assert (tmp_path / path).read_bytes() == b"A book."
    assert (tmp_path / (FEED + ".gz")).read_bytes() == site.files[FEED + ".gz"]


def test_a_mirror_without_a_catalogue_or_with_a_wrong_address_is_refused(
    serve: Callable[..., Site], tmp_path: Path, waits: list[float]
) -> None:
    with pytest.raises(InputError, match="no mirror of Gutenberg"):
        fetch_books(mirror(serve({}), waits), tmp_path, ENGLISH)
    for url in ("books", "ftp://x/", "http://"):
        with pytest.raises(InputError, match="no address"):
            fetch_books(Mirror(url), tmp_path, ENGLISH)


def test_a_mirror_that_is_not_there_is_given_up_with_a_sentence(tmp_path: Path, waits: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}/"
    with pytest.raises(PennameError, match="failed 3 times"):
        fetch_books(Mirror(gone, retries=2, sleep=waits.append), tmp_path, ENGLISH)
    assert waits[-1] == 2.0


def test_a_manifest_with_a_torn_line_is_read(tmp_path: Path) -> None:
    good = json.dumps({"path": "a", "status": 200, "sha256": "x", "bytes": 3, "etag": "", "modified": ""})
    (tmp_path / "m").write_text(good + "\n" + good[:20])
    assert list(Manifest(tmp_path / "m").files) == ["a"]


def test_every_format_is_fetched_when_asked(site: Site, tmp_path: Path, waits: list[float]) -> None:
    site.files["cache/epub/3456/pg3456.txt"] = (FILES / "new.txt").read_bytes()
    fetch_books(mirror(site, waits), tmp_path, BooksOptions(every_format=True))
    assert (tmp_path / "cache/epub/3456/pg3456.txt").exists()
    assert (tmp_path / "cache/epub/3456/pg3456-images.html.utf8").exists()
