"""The catalogue's odd rows, names and dates."""

import gzip
from pathlib import Path

import pytest

from penname.books.catalogue import BooksOptions, Entry, read_catalogue, spoken_name, unwanted
from penname.core.errors import InputError

ROWS = """\ufeffText#,Type,Issued,Title,Language,Authors,Subjects,LoCC,Bookshelves
1,Text,1971-12-01,The Declaration of Independence,en,"Jefferson, Thomas, 1743-1826",US -- History,E201; JK,
2,Text,2004-01-01,"A Title
on Two Lines",en; fr,"Wells, H. G. (Herbert George), 1866-1946; X, Y [Translator]",,PR,
x,Text,,broken,,,,,
3,Text,2001-01-01,The Art of War,en,"Sunzi, active 6th century B.C.",War,U,
4,Text,2001-01-01,The Republic,en,"Plato, 428? BCE-348? BCE",Utopias,B,
5,Text,2001-01-01,Beowulf,en,,Poetry,PR,
"""


@pytest.mark.parametrize("packed", [False, True])
def test_rows_are_read_packed_or_not(tmp_path: Path, packed: bool) -> None:
    path = tmp_path / "pg_catalog.csv.gz"
    path.write_bytes(gzip.compress(ROWS.encode()) if packed else ROWS.encode())
    entries = {entry.number: entry for entry in read_catalogue(path)}
    assert set(entries) == {1, 2, 3, 4, 5}
    assert (entries[2].title, entries[2].languages) == ("A Title on Two Lines", ("en", "fr"))
    assert (entries[2].author, entries[2].dates) == ("H. G. Wells", "1866-1946")
    assert (entries[5].author, entries[5].dates) == ("", "")
    assert entries[4].dates == "428? BCE-348? BCE"


@pytest.mark.parametrize(
    ("name", "spoken"),
    [
        ("James, Henry, 1843-1916", "Henry James"),
        ("Unknown", "Unknown"),
        ("Anonymous", "Anonymous"),
        ("Plato, 428? BCE-348? BCE", "Plato"),
        ("Byron, George Gordon Byron, Baron, 1788-1824", "George Gordon Byron, Baron"),
        ("Hale, Margaret [Editor]", "Margaret Hale"),
        ("", ""),
    ],
)
def test_names_as_they_are_spoken(name: str, spoken: str) -> None:
    assert spoken_name(name) == spoken


def entry(authors: str = "James, Henry, 1843-1916", languages: tuple[str, ...] = ("en",), kind: str = "Text") -> Entry:
    return Entry(1, kind, "T", languages, authors, "Ghosts -- Fiction; Gothic")


@pytest.mark.parametrize(
    ("book", "options", "why"),
    [
        (entry(), BooksOptions(), ""),
        (entry(kind="Sound"), BooksOptions(), "is no text but sound"),
        (entry(languages=("fr",)), BooksOptions(), "language fr"),
        (entry(languages=("en", "fr")), BooksOptions(), "language en fr"),
        (entry(languages=("fr",)), BooksOptions(languages=()), ""),
        (entry(), BooksOptions(subjects=("gothic",)), ""),
        (entry(), BooksOptions(subjects=("bees",)), "subject"),
        (entry(), BooksOptions(authors=("HENRY",)), ""),
        (entry(), BooksOptions(authors=("poe",)), "author"),
        (entry(), BooksOptions(years=(1900, None)), ""),
        (entry(), BooksOptions(years=(1920, None)), "author's years 1843-1916"),
        (entry(), BooksOptions(years=(None, 1857)), "author's years 1843-1916"),
        (entry(), BooksOptions(years=(None, 1858)), ""),
        (entry("Living, Still, 1950-"), BooksOptions(years=(1990, 2000)), ""),
        (
            entry("Plato, 428? BCE-348? BCE"),
            BooksOptions(years=(1800, None)),
            "author's years 428? BCE-348? BCE",
        ),
        (entry("Nobody"), BooksOptions(years=(1800, None)), "author's years unknown"),
    ],
)
def test_what_is_wanted(book: Entry, options: BooksOptions, why: str) -> None:
    assert unwanted(book, options) == why


def test_a_file_that_is_no_catalogue_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "pg_catalog.csv"
    for data in (b"", b"a,b\n", b"\x1f\x8b broken"):
        path.write_bytes(data)
        with pytest.raises(InputError, match="catalogue"):
            list(read_catalogue(path))
    with pytest.raises(InputError, match="cannot be read"):
        list(read_catalogue(tmp_path / "none.csv"))
