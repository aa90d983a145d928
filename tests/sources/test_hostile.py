"""A database from a stranger decides nothing: what it computes is not read, what it costs is bounded."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from publii_site import SCHEMA, make_database, post

from penname.core import events
from penname.core.errors import InputError
from penname.sources import publii
from penname.sources import publii_snapshot as snapshot
from penname.sources.publii import iter_rows
from penname.sources.publii_site import open_site


def changed(path: Path, *statements: str) -> Path:
    make_database(path, [post(1), post(2)])
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return path


def titles(path: Path) -> list[str]:
    with open_site(path) as site:
        return [row.title for row in iter_rows(site)]


def complaint(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        titles(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


POSTS = SCHEMA["posts"]
OTHERS = POSTS.replace(", 'text' TEXT", "")


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (["ALTER TABLE posts RENAME TO kept", "CREATE VIEW posts AS SELECT * FROM kept"], "lacks the table posts"),
        (["DROP TABLE tags", "CREATE VIRTUAL TABLE tags USING fts4(id, name)"], "lacks the table tags"),
        (
            ["DROP TABLE posts", f"CREATE TABLE posts ({OTHERS}, text TEXT AS (zeroblob(9)))"],
            "posts lacks the column text",
        ),
        (
            ["DROP TABLE posts", f"CREATE TABLE posts ({OTHERS}, text TEXT AS (printf('%9d', 1)) STORED)"],
            "posts lacks the column text",
        ),
        (
            ["DROP TABLE posts", f"CREATE TABLE posts ({POSTS.replace(' AUTOINCREMENT', '')}) WITHOUT ROWID"],
            "no row numbers",
        ),
        (["ALTER TABLE posts ADD COLUMN rowid TEXT"], "no row numbers"),
    ],
    ids=["view", "virtual", "computed", "stored", "without rowid", "own rowid"],
)
def test_only_plain_tables_are_read(tmp_path: Path, statements: list[str], said: str) -> None:
    sentence = complaint(changed(tmp_path / "db.sqlite", *statements))
    assert said in sentence and "Publii" in sentence


def test_constraints_are_not_evaluated(tmp_path: Path) -> None:
    """A check that no row meets would end the reading if SQLite's own check looked at it."""
    database = tmp_path / "db.sqlite"
    changed(database, "PRAGMA ignore_check_constraints = ON", "CREATE TABLE own (x CHECK (length(zeroblob(9)) = 1))")
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("INSERT INTO own VALUES (1)")
        connection.commit()
        assert connection.execute("PRAGMA ignore_check_constraints = OFF").fetchall() == []
        assert "CHECK" in connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    assert titles(database) == ["Post 1", "Post 2"]


def test_triggers_and_other_tables_do_nothing(tmp_path: Path) -> None:
    database = changed(
        tmp_path / "db.sqlite",
        "CREATE TRIGGER t AFTER UPDATE ON posts BEGIN DELETE FROM posts; END",
        "CREATE VIEW v AS SELECT * FROM nowhere",
        "CREATE INDEX i ON posts(length(text))",
    )
    assert titles(database) == ["Post 1", "Post 2"]


def test_limits_are_set(tmp_path: Path) -> None:
    with open_site(changed(tmp_path / "db.sqlite")) as site:
        for limit, most in snapshot._LIMITS.items():
            assert site.connection.getlimit(limit) == most
        assert 0 < site.connection.execute("PRAGMA hard_heap_limit").fetchone()[0] <= 256 * 2**20
        with pytest.raises(sqlite3.Error):
            site.connection.execute("SELECT zeroblob(33554433)").fetchall()


def test_a_value_over_the_limit_costs_one_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The post is still there, by its title, and what was not read is said."""
    database = make_database(
        tmp_path / "db.sqlite",
        [post(1), post(2, text="x" * 200_000), post(3, core="y" * 200_000, tags=("z" * 200_000, "kept"))],
    )
    monkeypatch.setitem(snapshot._LIMITS, sqlite3.SQLITE_LIMIT_LENGTH, 100_000)
    monkeypatch.setattr(publii, "MAX_VALUE_BYTES", 2**20)
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text)), open_site(database) as site:
        rows = list(iter_rows(site))
    assert [(row.title, bool(row.source)) for row in rows] == [("Post 1", True), ("Post 2", False), ("Post 3", True)]
    assert [text for text in heard if "Post 2" in text and "more than 1 MiB in one piece (text)" in text]


def test_a_budget_of_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(number) for number in range(500)])
    monkeypatch.setattr(snapshot, "_CHECKING_S", -1e9)
    assert "takes far longer to read than a blog of its size" in complaint(database)
    monkeypatch.undo()
    monkeypatch.setattr(snapshot, "_READING_OPS", 0)
    monkeypatch.setattr(snapshot, "_OPS", 1)
    assert "takes far longer" in complaint(database)


def test_memory_that_sqlite_may_not_take_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(snapshot, "_check_pages", refuse)
    assert "asks for more memory than a blog needs" in complaint(changed(tmp_path / "db.sqlite"))


@pytest.mark.parametrize("size", [0, 3, 8, 600])
def test_a_journal_that_names_another_file_is_left_out(tmp_path: Path, size: int) -> None:
    database = changed(tmp_path / "db.sqlite")
    (tmp_path / "db.sqlite-journal").write_bytes(bytes(size) + snapshot._NAMES_ANOTHER)
    copies = tmp_path / "copies"
    copies.mkdir()
    snapshot.copy_database(database, copies)
    assert [path.name for path in copies.iterdir()] == ["db.sqlite"]
    assert titles(database) == ["Post 1", "Post 2"]


def test_many_tags_and_cores_of_one_post_are_bounded(tmp_path: Path) -> None:
    database = changed(tmp_path / "db.sqlite", "DROP TABLE posts_tags", "CREATE TABLE posts_tags (tag_id, post_id)")
    with closing(sqlite3.connect(database)) as connection:
        connection.executemany("INSERT INTO tags (id, name) VALUES (?, ?)", ((n, f"t{n:05}") for n in range(1, 3001)))
        connection.executemany("INSERT INTO posts_tags VALUES (?, 1)", ((n,) for n in range(1, 3001)))
        connection.commit()
    with open_site(database) as site:
        assert len(next(iter_rows(site)).tags) == 1000


@pytest.mark.skipif(os.name == "nt", reason="skipped: an open file cannot be unlinked there")
def test_the_database_works_on_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sorting, indexes and reading need no file beside it."""
    made = [post(number, text="word " * 2000, tags=(f"t{number}",)) for number in range(1, 400)]
    database = make_database(tmp_path / "site" / "db.sqlite", made)
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with open_site(database) as site:
        assert list(temporary.iterdir()) == []
        assert sum(len(row.tags) for row in iter_rows(site)) == 399
        assert list(temporary.iterdir()) == []
