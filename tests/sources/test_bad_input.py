"""What is no usable site: each its own clear sentence, never another exception."""

import gzip
import os
import shutil
import sqlite3
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publii_site import make_database, make_site, post

from penname.core.errors import InputError, PennameError
from penname.sources import publii_snapshot as snapshot
from penname.sources.publii import iter_rows
from penname.sources.publii_site import open_site


def complaint(path: Path) -> str:
    """The sentence that the user gets."""
    with pytest.raises(InputError) as caught, open_site(path) as site:
        list(iter_rows(site))
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and ": " in sentence
    assert caught.value.exit_code == 2
    return sentence


def full(tmp_path: Path, count: int = 40) -> Path:
    return make_database(tmp_path / "db.sqlite", [post(n, text="<p>word </p>" * 300) for n in range(1, count)])


def test_missing_path(tmp_path: Path) -> None:
    assert "does not exist" in complaint(tmp_path / "nowhere")


def test_folder_with_nothing(tmp_path: Path) -> None:
    assert "folder without a Publii database" in complaint(tmp_path)


def test_folder_of_other_databases_names_them(tmp_path: Path) -> None:
    make_database(tmp_path / "a.sqlite")
    make_database(tmp_path / "b.sqlite")
    assert "it holds a.sqlite, b.sqlite" in complaint(tmp_path)


def test_empty_file(tmp_path: Path) -> None:
    (tmp_path / "db.sqlite").touch()
    assert "is empty" in complaint(tmp_path)


def test_not_sqlite(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("Dear diary")
    assert "not an SQLite database" in complaint(tmp_path / "notes.txt")


def test_not_publii(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "other.sqlite")) as connection:
        connection.execute("CREATE TABLE posts (id, title)")
        connection.commit()
    said = complaint(tmp_path / "other.sqlite")
    assert "not a Publii site" in said and "posts_additional_data, posts_tags, tags" in said


@pytest.mark.parametrize("column", ["status", "text", "created_at", "slug", "title"])
def test_missing_column(tmp_path: Path, column: str) -> None:
    database = full(tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(f"ALTER TABLE posts DROP COLUMN {column}")
        connection.commit()
    assert f"its table posts lacks the column {column}" in complaint(database)


def test_missing_columns_elsewhere(tmp_path: Path) -> None:
    database = full(tmp_path)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE tags")
        connection.execute("CREATE TABLE tags (slug)")
        connection.commit()
    assert "its table tags lacks the columns id, name" in complaint(database)


@pytest.mark.parametrize("keep", [50, 100, 4096, 9000, 0.5, 0.99])
def test_truncated(tmp_path: Path, keep: float) -> None:
    database = full(tmp_path)
    data = database.read_bytes()
    database.write_bytes(data[: int(keep if keep > 1 else keep * len(data))])
    assert "is cut short" in complaint(database)


def test_damaged_in_the_middle(tmp_path: Path) -> None:
    database = full(tmp_path)
    data = bytearray(database.read_bytes())
    for page in range(3, len(data) // 4096, 2):
        data[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    database.write_bytes(data)
    assert "is damaged" in complaint(database)


def test_damaged_header(tmp_path: Path) -> None:
    database = full(tmp_path)
    data = bytearray(database.read_bytes())
    data[16:24] = b"\x00" * 8
    database.write_bytes(data)
    assert "not an SQLite database, or it is encrypted" in complaint(database)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patches=st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=40)), max_size=6),
    keep=st.one_of(st.just(1.0), st.floats(0.001, 1)),
)
def test_any_damage_is_an_input_error_or_is_read(
    tmp_path: Path, patches: list[tuple[float, bytes]], keep: float
) -> None:
    data = bytearray(make_once(tmp_path).read_bytes())
    for place, patch in patches:
        at = int(place * len(data))
        data[at : at + len(patch)] = patch
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(data[: int(keep * len(data))])
    try:
        with open_site(broken) as site:
            list(iter_rows(site, pages=True, drafts=True, trashed=True))
    except InputError:
        pass


def make_once(tmp_path: Path) -> Path:
    whole = tmp_path / "db.sqlite"
    return whole if whole.exists() else full(tmp_path, 12)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="skipped: permissions do not bind this user")
def test_unreadable_file(tmp_path: Path) -> None:
    database = full(tmp_path)
    database.chmod(0)
    assert "cannot be read (Permission denied)" in complaint(database)


def test_file_that_the_system_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(source: Path, target: Path) -> None:
        raise PermissionError(13, "The process cannot access the file", str(source))

    database = full(tmp_path)
    monkeypatch.setattr(shutil, "copyfile", refuse)
    assert "close Publii if it is open" in complaint(database)


def test_locked(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match="is locked by another program: close Publii"),
        snapshot.database_errors(tmp_path / "db.sqlite"),
    ):
        raise sqlite3.OperationalError("database is locked")


def test_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "MAX_DATABASE_BYTES", 10_000)
    assert "over the limit" in complaint(full(tmp_path))


def test_no_room_for_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    database = full(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 0))  # type: ignore[attr-defined]
    with pytest.raises(PennameError, match="has no room for one") as caught, open_site(database):
        pass
    assert caught.value.exit_code == 1


def test_name_too_long_for_the_system(tmp_path: Path) -> None:
    assert "cannot be read" in complaint(tmp_path / ("x" * 5000))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="skipped: no pipes here")
def test_pipe(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "neither a file nor a folder" in complaint(tmp_path / "pipe")


def test_dangling_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert "neither a file nor a folder that can be read" in complaint(tmp_path / "link")


def test_packed_files(tmp_path: Path) -> None:
    data = full(tmp_path).read_bytes()
    (tmp_path / "site.tar.gz").write_bytes(gzip.compress(data))
    with zipfile.ZipFile(tmp_path / "site.zip", "w") as archive:
        archive.writestr("input/db.sqlite", data)
    assert "packed with gzip, which is not how Publii makes backups: unpack it" in complaint(tmp_path / "site.tar.gz")
    assert "packed with zip, which is not how Publii makes backups: unpack it" in complaint(tmp_path / "site.zip")


def test_folder_named_like_the_database(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site")
    (site / "input" / "db.sqlite").unlink()
    (site / "input" / "db.sqlite").mkdir()
    assert "folder without a Publii database" in complaint(site)


def test_tables_that_are_views(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "v.sqlite")) as connection:
        for table in snapshot.NEEDED:
            connection.execute(f"CREATE VIEW {table} AS SELECT 1 AS id")
        connection.commit()
    assert "not a Publii site" in complaint(tmp_path / "v.sqlite")
