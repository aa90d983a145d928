"""Which of a book's files is read: the one that kept its accents, whatever it is called."""

from pathlib import Path

import pytest

from penname.books.catalogue import FORMATS
from penname.books.sources import find_books

ACCENTED = "The café was full of naïve élèves, and the fiancée sat with Brontë.\n" * 40
PLAIN = ACCENTED.translate(str.maketrans("éïèë", "eiee"))
QUOTED = PLAIN.replace("full", "“full”")
HEAD = "The Project Gutenberg Etext of Lamps\n\nMay, 1994  [Etext #1234]\n\n"


def chosen(folder: Path, files: dict[str, bytes]) -> list[str]:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return [book.files[0][1].relative_to(folder).as_posix() for book in find_books(folder, FORMATS)]


@pytest.mark.parametrize(
    ("files", "best"),
    [
        ({"10/10-8.txt": ACCENTED.encode("latin-1"), "10/10.txt": PLAIN.encode()}, "10/10-8.txt"),
        ({"10/10-8.txt": ACCENTED.encode("latin-1"), "10/10-0.txt": PLAIN.encode()}, "10/10-8.txt"),
        ({"10/10-8.txt": ACCENTED.encode("latin-1"), "10/10-0.txt": QUOTED.encode()}, "10/10-8.txt"),
        ({"10/10-8.txt": ACCENTED.encode("latin-1"), "10/10-0.txt": ACCENTED.encode()}, "10/10-0.txt"),
        ({"10/10-8.txt": ACCENTED.encode(), "10/10-0.txt": ACCENTED.encode("latin-1")}, "10/10-8.txt"),
        ({"10/10-8.txt": ACCENTED.encode("latin-1")[:900], "10/10.txt": PLAIN.encode()}, "10/10.txt"),
        ({"10/10-8.txt": PLAIN.encode(), "10/10.txt": PLAIN.encode(), "10/10-0.txt": PLAIN.encode()}, "10/10-0.txt"),
        ({"pg10.txt": PLAIN.encode(), "10-8.txt": ACCENTED.encode("cp1252")}, "10-8.txt"),
        ({"10/10.txt": PLAIN.encode(), "10/10-h/10-h.htm": f"<p>{ACCENTED}</p>".encode("latin-1")}, "10/10-h/10-h.htm"),
        ({"10/10.txt": PLAIN.encode(), "10/10-h/10-h.htm": b"<p>caf&eacute; " + PLAIN.encode()}, "10/10-h/10-h.htm"),
        ({"10/10.txt": PLAIN.encode(), "10/10-h/10-h.htm": f"<p>{PLAIN}</p>".encode()}, "10/10.txt"),
        ({"10/10.txt": PLAIN.encode(), "10/10-h/10-h.htm": b"<a href=x>Chapitre premi&egrave;re</a>"}, "10/10.txt"),
        ({"10/10-0.txt": ACCENTED.encode(), "10/10-h.htm": f"<p>{ACCENTED}</p>".encode()}, "10/10-0.txt"),
        ({"e/lampg10.txt": (HEAD + PLAIN).encode(), "e/lampg11.txt": (HEAD + PLAIN).encode()}, "e/lampg11.txt"),
        ({"e/7lamp10.txt": (HEAD + PLAIN).encode(), "e/8lamp10.txt": (HEAD + ACCENTED).encode()}, "e/8lamp10.txt"),
    ],
)  # fmt: skip
def test_of_two_files_of_one_book_the_richer_is_read(tmp_path: Path, files: dict[str, bytes], best: str) -> None:
    assert chosen(tmp_path, files) == [best]


def test_files_that_only_look_like_editions_are_all_read(tmp_path: Path) -> None:
    files = {f"diary/part{i}.txt": PLAIN.encode() for i in (10, 11, 12)}
    files |= {"e/1lamp10.txt": (HEAD + PLAIN).encode(), "e/2lamp10.txt": (HEAD + PLAIN).encode()}
    assert sorted(chosen(tmp_path, files)) == sorted(files)
