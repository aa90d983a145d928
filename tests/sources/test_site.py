"""Every input form, the settings, and the promise never to write to the user's folder."""

import hashlib
import json
import os
import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from publii_site import add_posts, leave_hot_journal, make_database, make_site, post

from penname.core import events
from penname.core.errors import InputError
from penname.sources.publii import iter_rows
from penname.sources.publii_site import open_site


def titles(path: Path) -> list[str]:
    with open_site(path) as site:
        return [row.title for row in iter_rows(site)]


def pack(site: Path, archive: Path) -> Path:
    """A backup as Publii writes it."""
    (site / "backup-date.log").write_text("1700000000000")
    with tarfile.open(archive, "w") as tar:
        tar.add(site / "backup-date.log", "backup-date.log")
        tar.add(site / "input", "input")
    (site / "backup-date.log").unlink()
    return archive


def snapshot(folder: Path) -> dict[str, tuple[int, int, str]]:
    """Name, mtime and hash of everything below `folder`."""
    return {
        str(path.relative_to(folder)): (
            path.stat().st_mtime_ns,
            path.stat().st_mode,
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
        )
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path / "my-blog", [post(1), post(2)], domain="https://a.example/")


@pytest.mark.parametrize("inside", ["", "input", "input/db.sqlite"])
def test_folder_input_and_file_are_the_same_site(site: Path, inside: str) -> None:
    with open_site(site / inside) as opened:
        assert opened.name == "my-blog"
        assert opened.display_name == "My Blog"
        assert opened.language == "en"
        assert opened.domain == "https://a.example"
        assert [row.id for row in iter_rows(opened)] == [1, 2]


def test_backup(site: Path, tmp_path: Path) -> None:
    with open_site(pack(site, tmp_path / "backup.tar")) as opened:
        assert opened.name == "my-blog"
        assert [row.id for row in iter_rows(opened)] == [1, 2]


@pytest.mark.parametrize("folder", ["docs", "docs/sites"])
def test_sites_folder_lists_the_sites(tmp_path: Path, folder: str) -> None:
    for name in ("cooking", "travel"):
        make_site(tmp_path / "docs" / "sites" / name, [post(1)])
    with pytest.raises(InputError, match=r"2 Publii sites: cooking, travel; name one of them"):
        titles(tmp_path / folder)


def test_without_settings_the_folder_names_the_site(tmp_path: Path) -> None:
    make_database(tmp_path / "garden" / "input" / "db.sqlite", [post(1)])
    make_database(tmp_path / "kept" / "old.sqlite", [post(1)])
    with open_site(tmp_path / "garden") as opened:
        assert (opened.name, opened.display_name, opened.language) == ("garden", "garden", "")
    with open_site(tmp_path / "kept" / "old.sqlite") as opened:
        assert opened.name == "old"


@pytest.mark.parametrize("text", ["", "{", "[1]", "null", '{"name": 5, "advanced": []}', "[" * 100_000])
def test_strange_settings_do_not_end_the_run(site: Path, text: str) -> None:
    (site / "input" / "config" / "site.config.json").write_text(text)
    with open_site(site) as opened:
        assert opened.name == "my-blog"
        assert len(list(iter_rows(opened))) == 2


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        ({}, "https://a.example/first.html"),
        ({"cleanUrls": True}, "https://a.example/first/"),
        ({"cleanUrls": True, "postsPrefix": "blog"}, "https://a.example/blog/first/"),
    ],
)
def test_address_of_a_post(tmp_path: Path, urls: dict[str, object], expected: str) -> None:
    folder = make_site(tmp_path / "s", [post(1)], domain="https://a.example", advanced={"urls": urls})
    with open_site(folder) as opened:
        assert opened.post_url("first") == expected
        assert opened.post_url("") is None


def test_nothing_of_the_users_changes(site: Path) -> None:
    leave_hot_journal(site / "input" / "db.sqlite", "unfinished")
    (site / "input" / "db.sqlite.lock").mkdir()
    before = snapshot(site)
    for inside in ("", "input", "input/db.sqlite"):
        assert titles(site / inside) == ["Post 1", "Post 2"]
    assert snapshot(site) == before


def test_connection_is_read_only_and_the_copy_goes(site: Path) -> None:
    with open_site(site) as opened:
        copy = Path(opened.connection.execute("PRAGMA database_list").fetchone()[2])
        # An open file can be unlinked here, so even a kill leaves nothing.
        assert copy.exists() == (os.name == "nt") and site not in copy.parents
        with pytest.raises(sqlite3.OperationalError, match=r"readonly|read-only"):
            opened.connection.execute("DELETE FROM posts")
    assert not copy.exists() and not copy.parent.exists()


def test_hot_journal_is_rolled_back_in_the_copy(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite"
    make_database(database, [post(number, text="x" * 3000) for number in range(1, 60)])
    leave_hot_journal(database, "unfinished")
    journal = tmp_path / "db.sqlite-journal"
    kept = journal.read_bytes()
    raw = tmp_path / "raw.sqlite"
    raw.write_bytes(database.read_bytes())
    with closing(sqlite3.connect(raw)) as connection:
        torn = {row[0] for row in connection.execute("SELECT title FROM posts")}
    assert "unfinished" in torn, "the file holds the unfinished save"
    with open_site(database) as opened:
        assert {row.title for row in iter_rows(opened)} == {f"Post {number}" for number in range(1, 60)}
        assert any("-journal" in note for note in opened.notes)
    assert journal.read_bytes() == kept


def test_write_ahead_log_is_read(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)], journal_mode="wal")
    with closing(sqlite3.connect(database)) as writer:
        writer.execute("PRAGMA wal_autocheckpoint = 0")
        add_posts(writer, [post(2)])
        writer.commit()
        assert (tmp_path / "db.sqlite-wal").stat().st_size > 0
        names = {path.name for path in tmp_path.iterdir()}
        with open_site(database) as opened:
            assert [row.id for row in iter_rows(opened)] == [1, 2]
            assert any("-wal" in note for note in opened.notes)
        assert {path.name for path in tmp_path.iterdir()} == names


def test_a_writer_in_the_middle_of_a_save_does_not_disturb(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)])
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        add_posts(writer, [post(2)])
        assert titles(database) == ["Post 1"]


def test_lock_directory_is_told(site: Path) -> None:
    heard: list[events.Event] = []
    (site / "input" / "db.sqlite.lock").mkdir()
    with events.listening(heard.append), open_site(site) as opened:
        assert any("db.sqlite.lock" in note for note in opened.notes)
    assert any("db.sqlite.lock" in event.text for event in heard)


@pytest.mark.parametrize("name", ["with space", "what?", "half#way", "50%41", "ключ 日本", "a'b\"c", "x;y&z=1"])
@pytest.mark.skipif(os.name == "nt", reason="skipped: Windows forbids some of these names")
def test_names_that_mean_something_in_an_address(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_site(tmp_path / name / "site", [post(1)])
    temporary = tmp_path / f"tmp {name}"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    assert titles(folder) == ["Post 1"]
    assert list(temporary.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="skipped: needs file names that are not UTF-8")
def test_name_that_is_not_utf8(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        make_site(folder, [post(1)])
    except OSError:
        pytest.skip("skipped: this file system takes UTF-8 names only")
    assert titles(folder) == ["Post 1"]


def test_symbolic_link_to_a_database_finds_its_journal(tmp_path: Path) -> None:
    database = make_database(tmp_path / "real" / "db.sqlite", [post(n, text="x" * 3000) for n in range(1, 60)])
    leave_hot_journal(database, "unfinished")
    link = tmp_path / "link.sqlite"
    link.symlink_to(database)
    assert set(titles(link)) == {f"Post {number}" for number in range(1, 60)}


def test_settings_with_a_byte_order_mark(site: Path) -> None:
    config = site / "input" / "config" / "site.config.json"
    config.write_text(json.dumps({"name": "bom", "language": "de"}), encoding="utf-8-sig")
    with open_site(site) as opened:
        assert (opened.name, opened.language) == ("bom", "de")
