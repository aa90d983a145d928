"""From files or a mirror to shards and tables: whole runs, repeated, interrupted and changed."""

import bz2
import csv
import gzip
import hashlib
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from penname.books import shelf
from penname.books.catalogue import BooksOptions
from penname.books.clean import clean_book, language_of
from penname.books.mirror import Mirror
from penname.books.packing import Record, Store
from penname.books.shelf import build_shelf
from penname.cli import main
from penname.core import events
from penname.core.errors import InputError, Interrupted

FILES = Path(__file__).parent / "files"
SMALL = BooksOptions(min_words=50)
CATALOGUE = """Text#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1234,Text,1994-03-01,The Lamp at Gull Point,en,"Marlowe, A., 1850-1910",Lighthouses -- Fiction,PR,Fiction
2345,Text,2004-12-06,An Orchard in the Hills,en,"Hale, Margaret (Margaret Ann), 1870-1941",Orchards,SB,Gardening
3456,Text,2023-09-19,The Clockmaker's Niece,en,"Prowse, Ellen, 1880-1950",Clocks -- Fiction,PR,Fiction
"""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


NAMES = (
    "the carrier",
    "my uncle",
    "the doctor",
    "a stranger",
    "her niece",
    "the keeper",
    "Mr. Pell",
    "the captain",
)
DEEDS = (
    "looked at",
    "spoke of",
    "carried",
    "remembered",
    "laughed at",
    "wrote about",
    "was afraid of",
    "had sold",
)
THINGS = (
    "the lamp",
    "a letter",
    "the orchard",
    "the old clock",
    "his boat",
    "the green door",
    "the frost",
    "bees",
)
ENDS = (
    "before it was day",
    "in the autumn",
    "and said nothing",
    "as a man will",
    "for a long time",
    "with a smile",
)


def prose(seed: int, words: int = 400) -> str:
    """English that no other seed says."""
    chance = random.Random(seed)
    text: list[str] = []
    for i in range(words // 10):
        parts = [chance.choice(group) for group in (NAMES, DEEDS, THINGS, ENDS)]
        text.append(" ".join(parts) + f" of the year {seed + i}" * (chance.random() < 0.2) + ".")
    return "\n\n".join(" ".join(text[i : i + 5]) for i in range(0, len(text), 5))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    books = tmp_path / "books"
    books.mkdir()
    for name in ("old.txt", "middle.txt", "new.txt"):
        (books / name).write_bytes((FILES / name).read_bytes())
    return books


def documents(path: Path) -> list[str]:
    return bz2.decompress(path.read_bytes()).decode().split("<|endoftext|>\n")


def test_a_folder_becomes_a_shard_and_an_index(folder: Path, tmp_path: Path) -> None:
    report = build_shelf(folder, tmp_path / "out", SMALL)
    assert report.documents == 3 and report.dropped == {}
    assert report.shards == (tmp_path / "out" / "books-0.txt.bz2",)
    index = rows(tmp_path / "out" / "index.tsv")
    texts = documents(report.shards[0])
    assert [hashlib.sha256(text.removesuffix("\n").encode()).hexdigest() for text in texts] == [
        row["sha256"] for row in index
    ]
    clean = {
        name: clean_book((folder / name).read_bytes(), "txt").text for name in ("old.txt", "middle.txt", "new.txt")
    }
    for row, text in zip(index, texts, strict=True):
        assert text == clean[row["source"]] + "\n"
        assert (row["shard"], row["language"], int(row["words"])) == ("books-0", "en", len(text.split()))
        assert int(row["bytes"]) == len(text.encode()) - 1
    assert {(row["title"], row["year"]) for row in index} >= {("The Clockmaker's Niece", "1921")}
    assert report.words == sum(int(row["words"]) for row in index)


def test_what_is_dropped_is_named_with_its_reason(folder: Path, tmp_path: Path) -> None:
    (folder / "short.txt").write_text("Too little to read.")
    (folder / "primes.txt").write_text("\n".join(" ".join(str(n) for n in range(i, i + 9)) for i in range(2000)))
    (folder / "french.txt").write_text(
        "Le phare était au bout de la jetée, et le vieux gardien n'en sortait plus. " * 30
    )
    (folder / "again.txt").write_text("She said it again and again. " * 200)
    (folder / "broken.epub").write_bytes(b"PK\x03\x04 not an archive")
    (folder / "torn.txt.bz2").write_bytes(bz2.compress(prose(1).encode())[:-20])
    (folder / "copy.txt").write_bytes((folder / "old.txt").read_bytes().replace(b"fortnight", b"week"))
    (folder / "cover.jpg").write_bytes(b"x")
    report = build_shelf(folder, tmp_path / "out", SMALL)
    dropped = {row["source"]: row["reason"] for row in rows(tmp_path / "out" / "dropped.tsv")}
    assert {name: reason.split(":")[0] for name, reason in dropped.items()} == {
        "short.txt": "too short",
        "primes.txt": "language" if "language" in dropped["primes.txt"] else "not prose",
        "french.txt": "language",
        "again.txt": "not prose",
        "broken.epub": "unreadable",
        "torn.txt.bz2": "unreadable",
        "old.txt": "near-duplicate",
    }
    assert dropped["old.txt"] == "near-duplicate: of copy.txt"
    assert report.documents == 3
    assert sum(report.dropped.values()) == 7


def test_files_of_many_documents_are_split_whatever_they_are_packed_in(tmp_path: Path) -> None:
    books = tmp_path / "books"
    books.mkdir()
    texts = [prose(seed) for seed in range(8)]
    joined = ["\n<|endoftext|>\n".join(texts[i : i + 2]).encode() for i in range(0, 8, 2)]
    (books / "a.txt.bz2").write_bytes(bz2.compress(joined[0]))
    (books / "b.txt.xz").write_bytes(lzma.compress(joined[1]))
    (books / "c.txt.gz").write_bytes(gzip.compress(joined[2]))
    (books / "d.txt").write_bytes(joined[3] + b"\n<|endoftext|>\n\n<|endoftext|>\n")
    report = build_shelf(books, tmp_path / "out", SMALL)
    assert sorted(text.removesuffix("\n") for text in documents(report.shards[0])) == sorted(texts)
    assert {row["source"] for row in rows(tmp_path / "out" / "index.tsv")} == {
        name + part for name in ("a.txt.bz2", "b.txt.xz", "c.txt.gz", "d.txt") for part in ("", "#1")
    }


def test_a_single_file_is_a_source_too(folder: Path, tmp_path: Path) -> None:
    assert build_shelf(folder / "old.txt", tmp_path / "out", SMALL).documents == 1


@pytest.mark.parametrize(("compression", "suffix"), [("bz2", ".bz2"), ("xz", ".xz"), ("gz", ".gz"), ("none", "")])
def test_the_same_books_and_seed_give_the_same_bytes(tmp_path: Path, compression: str, suffix: str) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for seed in range(12):
        (books / f"{seed:02}.txt").write_text(prose(seed))
    options = BooksOptions(min_words=50, compression=compression, shard_mb=1, seed=3, name="shelf")
    first, second = (build_shelf(books, tmp_path / out, options) for out in ("one", "two"))
    assert first.shards[0].name == f"shelf-0.txt{suffix}"
    assert [path.read_bytes() for path in first.shards] == [path.read_bytes() for path in second.shards]
    index = (tmp_path / "one" / "index.tsv").read_text()
    assert index == (tmp_path / "two" / "index.tsv").read_text()
    other = build_shelf(books, tmp_path / "two", BooksOptions(**{**vars(options), "seed": 4}))
    assert other.documents == 12 and (tmp_path / "two" / "index.tsv").read_text() != index


@pytest.mark.slow
def test_shards_are_cut_at_their_size_and_old_ones_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = tmp_path / "books"
    books.mkdir()
    for seed in range(4):
        (books / f"{seed}.txt").write_text(prose(seed, words=90_000))
    report = build_shelf(books, tmp_path / "out", BooksOptions(shard_mb=1, duplicates=0))
    assert [len(documents(path)) for path in report.shards] == [2, 2]
    (tmp_path / "out" / "mine.txt").write_text("not a shard")
    report = build_shelf(books, tmp_path / "out", BooksOptions(duplicates=0))
    assert sorted(path.name for path in (tmp_path / "out").glob("*.txt*")) == ["books-0.txt.bz2", "mine.txt"]


def test_a_second_run_reads_nothing_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = build_shelf(folder, tmp_path / "out", SMALL)
    before = first.shards[0].stat()
    monkeypatch.setattr(shelf, "clean_book", lambda *_: pytest.fail("cleaned again"))
    second = build_shelf(folder, tmp_path / "out", SMALL)
    assert (second.documents, second.words, second.dropped) == (first.documents, first.words, first.dropped)
    assert second.shards[0].stat().st_mtime_ns == before.st_mtime_ns


def test_a_new_file_is_added_and_a_changed_one_starts_afresh(folder: Path, tmp_path: Path) -> None:
    build_shelf(folder, tmp_path / "out", SMALL)
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text) if event.kind == "note" else None):
        (folder / "more.txt").write_text(prose(7))
        assert build_shelf(folder, tmp_path / "out", SMALL).documents == 4
        assert heard == []
        (folder / "more.txt").write_text(prose(8))
        assert build_shelf(folder, tmp_path / "out", SMALL).documents == 4
        assert "changed or gone" in heard[0]
        assert build_shelf(folder, tmp_path / "out", BooksOptions(min_words=498)).documents == 1
        assert "settings have changed" in heard[1]


def test_stopped_anywhere_it_goes_on_to_the_same_shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    books = tmp_path / "books"
    books.mkdir()
    (books / "many.txt").write_text("\n<|endoftext|>\n".join(prose(seed) for seed in (1, 2, 3, 2, 4, 5)))
    (books / "more.txt").write_text(prose(6))
    (books / "twin.txt").write_text(prose(3).replace("autumn", "spring"))
    whole = build_shelf(books, tmp_path / "whole", SMALL)
    real, left = language_of, 0

    def stop_sometimes(text: str) -> str:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return real(text)

    monkeypatch.setattr(shelf, "language_of", stop_sometimes)
    stops = 0
    for _ in range(20):
        left = 2
        try:
            report = build_shelf(books, tmp_path / "pieces", SMALL)
            break
        except Interrupted as error:
            assert "same command" in str(error) and error.exit_code == 130
            stops += 1
    assert stops >= 3
    assert report.shards[0].read_bytes() == whole.shards[0].read_bytes()
    for table in ("index.tsv", "dropped.tsv"):
        assert (tmp_path / "pieces" / table).read_text() == (tmp_path / "whole" / table).read_text()


def test_a_mirror_becomes_a_shelf_through_its_catalogue(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve(
        {
            "cache/epub/feeds/pg_catalog.csv": CATALOGUE.encode(),
            "cache/epub/1234/pg1234.txt": (FILES / "old.txt").read_bytes(),
            "2/3/4/2345/2345-8.txt": (FILES / "middle.txt").read_bytes(),
        },
        cut={"cache/epub/1234/pg1234.txt": 2000},
    )
    mirror = Mirror(site.url, pause=0, sleep=lambda _: None)
    report = build_shelf(mirror, tmp_path / "out", SMALL)
    index = {row["title"]: row for row in rows(tmp_path / "out" / "index.tsv")}
    assert set(index) == {"The Lamp at Gull Point", "An Orchard in the Hills"}
    orchard = index["An Orchard in the Hills"]
    assert (orchard["author"], orchard["year"]) == ("Margaret Hale", "1870-1941")
    assert orchard["source"] == site.url + "2/3/4/2345/2345-8.txt"
    assert report.dropped == {"not on the mirror": 1}
    assert rows(tmp_path / "out" / "dropped.tsv")[0]["title"] == "The Clockmaker's Niece"
    site.files["cache/epub/3456/pg3456.txt"] = (FILES / "new.txt").read_bytes()
    assert build_shelf(mirror, tmp_path / "out", SMALL).documents == 3


def test_a_local_mirror_is_read_by_its_catalogue(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    for name, file in {
        "cache/epub/1234/pg1234.txt": "old.txt",
        "2/3/4/2345/2345-8.txt": "middle.txt",
        "2/3/4/2345/old/orchd10.txt": "new.txt",
        "cache/epub/3456/pg3456.txt": "new.txt",
        "cache/epub/3456/pg3456-images.html.utf8": "page.html",
    }.items():
        (mirror / name).parent.mkdir(parents=True, exist_ok=True)
        (mirror / name).write_bytes((FILES / file).read_bytes())
    (mirror / "cache/epub/feeds").mkdir()
    (mirror / "cache/epub/feeds/pg_catalog.csv").write_text(CATALOGUE)
    report = build_shelf(mirror, tmp_path / "out", SMALL)
    assert report.documents == 3
    sources = [row["source"] for row in rows(tmp_path / "out" / "index.tsv")]
    assert "cache/epub/3456/pg3456.txt" in sources and not any("html" in name for name in sources)
    options = BooksOptions(min_words=50, subjects=("fiction",), years=(1911, None))
    assert [row["title"] for row in _index(mirror, tmp_path / "two", options)] == ["The Clockmaker's Niece"]
    options = BooksOptions(min_words=50, authors=("hale",))
    assert [row["title"] for row in _index(mirror, tmp_path / "three", options)] == ["An Orchard in the Hills"]
    with pytest.raises(InputError, match="no book that fits"):
        build_shelf(mirror, tmp_path / "four", BooksOptions(authors=("nobody",)))


def _index(source: Path, out: Path, options: BooksOptions) -> list[dict[str, str]]:
    build_shelf(source, out, options)
    return rows(out / "index.tsv")


def test_the_cleaner_of_two_formats_is_shelved_when_both_are_read(tmp_path: Path) -> None:
    books = tmp_path / "3456"
    books.mkdir()
    (books / "pg3456.txt").write_text("\n\n".join(f"{part} | {i} ~" for i, part in enumerate(prose(1).split("\n\n"))))
    (books / "pg3456.html").write_text("".join(f"<p>{part}</p>" for part in prose(1).split("\n\n")))
    build_shelf(books, tmp_path / "out", BooksOptions(min_words=50, every_format=True))
    assert "|" not in documents(tmp_path / "out" / "books-0.txt.bz2")[0]


def test_files_that_happen_to_have_numbers_for_names_are_not_one_book(tmp_path: Path) -> None:
    for seed, name in enumerate(("2019/1.txt", "2020/1.txt")):
        (tmp_path / "blog" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "blog" / name).write_text(prose(seed))
    assert build_shelf(tmp_path / "blog", tmp_path / "out", SMALL).documents == 2


def test_a_document_larger_than_the_limit_is_dropped_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    (tmp_path / "books" / "a.txt").write_text("x" * (3 << 20) + "\n<|endoftext|>\n" + prose(1))
    report = build_shelf(tmp_path / "books", tmp_path / "out", BooksOptions(min_words=50, largest_mb=1))
    assert (report.documents, report.dropped) == (1, {"too large": 1})


def test_sources_and_settings_that_cannot_be_used_are_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        build_shelf(tmp_path / "nowhere", tmp_path / "out")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no book"):
        build_shelf(tmp_path / "empty", tmp_path / "out")
    with pytest.raises(InputError, match="catalogue"):
        build_shelf(folder, tmp_path / "out", BooksOptions(subjects=("x",)))
    wrong = BooksOptions(formats=("pdf",), compression="zip", duplicates=2, limit=0, name="a/b", languages=("english",))
    with pytest.raises(InputError) as caught:
        build_shelf(folder, tmp_path / "out", wrong)
    assert all(word in str(caught.value) for word in ("pdf", "compression", "duplicates", "limit", "name", "languages"))
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="no catalogue"):
        build_shelf(folder, tmp_path / "out", BooksOptions(catalogue=tmp_path / "bad.csv"))


@pytest.mark.parametrize("damage", ["torn ledger", "short texts", "long texts"])
def test_a_store_torn_by_a_crash_keeps_what_is_whole(tmp_path: Path, damage: str) -> None:
    with Store(tmp_path, {}) as store:
        for i in range(3):
            store.begin(str(i), "1:2")
            store.add(Record(str(i), 0, f"{i}.txt"), f"text {i}", bytes([i]) * 512)
            store.finish(str(i))
    ledger, texts = tmp_path / "ledger.jsonl", tmp_path / "texts.bin"
    if damage == "torn ledger":
        ledger.write_bytes(ledger.read_bytes()[:-45])
    elif damage == "short texts":
        texts.write_bytes(texts.read_bytes()[:-1])
    else:
        texts.write_bytes(texts.read_bytes() + b"half a text")
    with Store(tmp_path, {}) as store:
        kept = 3 if damage == "long texts" else len(store.records)
        assert kept >= 2
        assert [store.text(record) for record in store.records] == [f"text {i}" for i in range(kept)]
        assert [signature[0] for _, signature in store.signatures()] == list(range(kept))
        store.add(Record("9", 0, "9.txt"), "text 9", b"")
        assert store.text(store.records[-1]) == "text 9"
    with Store(tmp_path, {"other": 1}) as store:
        assert store.records == []


def test_a_shelf_that_keeps_nothing_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    books = tmp_path / "books"
    books.mkdir()
    french = "Le phare était au bout de la jetée, et le vieux gardien n'en sortait plus. " * 30
    for name, text in {
        "a.txt": "Too little to read.",
        "b.txt": "Too little to read here.",
        "c.txt": french,
        "d.txt": french,
        "e.txt": "She said it again and again. " * 200,
    }.items():
        (books / name).write_text(text)
    (books / "broken.epub").write_bytes(b"PK\x03\x04 not an archive")
    for _ in range(2):  # the second run reads nothing again and says the same
        with pytest.raises(SystemExit) as stop:
            main(["books", str(books), "--out", str(tmp_path / "out")])
        said = " ".join(capsys.readouterr().err.split())
        assert stop.value.code == 2
        assert "None of 6 documents were kept: 2 too short (under 300 words; the longest has 5), " in said
        assert "2 in another language than en (fr 2)" in said
        assert "1 not prose (the first: it repeats itself" in said
        assert "1 unreadable (the first: The EPUB cannot be read" in said
        assert f"{tmp_path / 'out' / 'dropped.tsv'} names each; " in said
        assert "lower --min-words; name the language with --language" in said
    with pytest.raises(InputError, match=r"None of 1 document was kept: 1 too short"):
        build_shelf(books / "a.txt", tmp_path / "one")


def test_a_mirror_without_any_of_the_books_says_so(serve: Callable[..., Any], tmp_path: Path) -> None:
    site = serve({"cache/epub/feeds/pg_catalog.csv": CATALOGUE.encode(), "cache/epub/1234/pg1234.txt": b"Too short."})
    with pytest.raises(InputError, match=r"2 not on the mirror, 1 too short.*try another mirror; lower --min-words"):
        build_shelf(Mirror(site.url, pause=0, sleep=lambda _: None), tmp_path / "out", SMALL)
