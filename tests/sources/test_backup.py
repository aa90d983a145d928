"""Backups are read safely: no name in them becomes a path, links are passed over, sizes are bounded."""

import io
import struct
import tarfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from publii_site import make_database, make_site, post

from penname.core.errors import InputError
from penname.sources import publii_backup as backup
from penname.sources.publii import iter_rows
from penname.sources.publii_site import open_site

Entry = tuple[str, bytes]


@pytest.fixture
def database(tmp_path: Path) -> bytes:
    return make_database(tmp_path / "made" / "db.sqlite", [post(1), post(2)]).read_bytes()


def write(path: Path, *entries: Entry | tarfile.TarInfo, format: int = tarfile.PAX_FORMAT) -> Path:  # noqa: A002
    with tarfile.open(path, "w", format=format) as tar:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                tar.addfile(entry)
            else:
                member = tarfile.TarInfo(entry[0])
                member.size = len(entry[1])
                tar.addfile(member, io.BytesIO(entry[1]))
    return path


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def ids(path: Path) -> list[int]:
    with open_site(path) as site:
        return [row.id for row in iter_rows(site)]


def complaint(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        ids(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    "name",
    ["input/db.sqlite", "./input/db.sqlite", "site/input/db.sqlite", "a/b/c/input/db.sqlite", "db.sqlite"],
)
@pytest.mark.parametrize("format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_layouts(tmp_path: Path, database: bytes, name: str, format: int) -> None:  # noqa: A002
    archive = write(tmp_path / "b.tar", ("backup-date.log", b"1"), (name, database), format=format)
    assert ids(archive) == [1, 2]


def test_settings_in_the_backup_name_the_site(tmp_path: Path, database: bytes) -> None:
    config = ("input/config/site.config.json", b'{"name": "kept", "language": "pl"}')
    with open_site(write(tmp_path / "b.tar", ("input/db.sqlite", database), config)) as site:
        assert (site.name, site.language) == ("kept", "pl")


def test_journal_in_the_backup_is_taken_along(tmp_path: Path, database: bytes) -> None:
    archive = write(tmp_path / "b.tar", ("input/db.sqlite", database), ("input/db.sqlite-journal", b"\0" * 512))
    assert ids(archive) == [1, 2]


@pytest.mark.parametrize(
    "name",
    [
        "../../escaped",
        "/tmp/escaped",
        "input/../../escaped",
        "..\\escaped",
        "C:\\escaped",
        "input/media/../../x",
    ],
)
def test_names_that_lead_out_are_passed_over(tmp_path: Path, database: bytes, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    archive = write(folder / "b.tar", (name, b"evil"), ("input/db.sqlite", database))
    before = sorted(tmp_path.rglob("*"))
    with open_site(archive) as site:
        assert [row.id for row in iter_rows(site)] == [1, 2]
        assert any("leads out of it" in note for note in site.notes)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ["../input/db.sqlite", "/input/db.sqlite", "input/../input/db.sqlite"])
def test_database_under_an_unsafe_name_is_not_read(tmp_path: Path, database: bytes, name: str) -> None:
    assert "without a Publii database" in complaint(write(tmp_path / "b.tar", (name, database)))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_links_and_devices_are_not_followed(tmp_path: Path, database: bytes, kind: bytes) -> None:
    (tmp_path / "real.sqlite").write_bytes(database)
    archive = write(tmp_path / "b.tar", link("input/db.sqlite", str(tmp_path / "real.sqlite"), kind))
    assert "without a Publii database" in complaint(archive)


def test_link_beside_a_real_database_does_no_harm(tmp_path: Path, database: bytes) -> None:
    secret = tmp_path / "secret"
    secret.write_text('{"name": "leaked"}')
    archive = write(
        tmp_path / "b.tar",
        ("input/db.sqlite", database),
        link("input/config/site.config.json", str(secret)),
        link("input", "/"),
    )
    with open_site(archive) as site:
        assert site.name == "b"


def test_claimed_size_beyond_the_archive(tmp_path: Path, database: bytes) -> None:
    path = write(tmp_path / "b.tar", ("input/db.sqlite", database))
    raw = bytearray(path.read_bytes())
    raw[124:136] = b"%011o\0" % (3 * 2**30)
    raw[148:156] = b"%06o\0 " % sum(raw[:148] + b" " * 8 + raw[156:512])
    path.write_bytes(raw)
    assert "larger than the archive itself" in complaint(path) or "not a whole .tar" in complaint(path)


def sparse(name: str, real_size: int) -> bytes:
    """An old GNU sparse member of `real_size` bytes that holds none."""
    header = bytearray(512)
    header[: len(name)] = name.encode()
    header[100:108], header[108:116], header[116:124] = b"0000644\0", b"0000000\0", b"0000000\0"
    header[124:136], header[136:148] = b"%011o\0" % 0, b"%011o\0" % 0
    header[156:157], header[257:265] = b"S", b"ustar  \0"
    header[386:410] = b"%011o\0" % real_size + b"%011o\0" % 0
    header[483:495] = b"%011o\0" % real_size
    header[148:156] = b"%06o\0 " % sum(header[:148] + b" " * 8 + header[156:])
    return bytes(header)


@pytest.mark.parametrize("size", [2**20, 3 * 2**30])
def test_sparse_bomb(tmp_path: Path, size: int) -> None:
    path = tmp_path / "b.tar"
    path.write_bytes(sparse("input/db.sqlite", size) + bytes(10240))
    assert "larger than the archive itself" in complaint(path)


def test_over_the_limit(tmp_path: Path, database: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "MAX_DATABASE_BYTES", 1000)
    assert "over the limit" in complaint(write(tmp_path / "b.tar", ("input/db.sqlite", database)))


def test_too_many_files(tmp_path: Path, database: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "MAX_MEMBERS", 5)
    entries = [(f"input/media/{number}", b"") for number in range(6)]
    assert "holds more than 5 files" in complaint(write(tmp_path / "b.tar", ("input/db.sqlite", database), *entries))


def test_huge_extended_header(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("input/db.sqlite").tobuf(tarfile.USTAR_FORMAT))
    header[156:157] = b"L"
    header[124:136] = b"\x80" + struct.pack(">11s", (2**60).to_bytes(11, "big"))
    header[148:156] = b"%06o\0 " % sum(header[:148] + b" " * 8 + header[156:])
    path = tmp_path / "b.tar"
    path.write_bytes(bytes(header) + bytes(10240))
    complaint(path)


def test_nested_archive_is_not_opened(tmp_path: Path, database: bytes) -> None:
    inner = write(tmp_path / "inner.tar", ("input/db.sqlite", database)).read_bytes()
    assert "without a Publii database" in complaint(write(tmp_path / "b.tar", ("input/inner.tar", inner)))


def test_several_sites(tmp_path: Path, database: bytes) -> None:
    archive = write(tmp_path / "b.tar", ("one/input/db.sqlite", database), ("two/input/db.sqlite", database))
    assert "holds 2 sites (one/input, two/input)" in complaint(archive)


def test_same_name_twice_the_last_counts(tmp_path: Path, database: bytes) -> None:
    newer = make_database(tmp_path / "n" / "db.sqlite", [post(7)]).read_bytes()
    assert ids(write(tmp_path / "b.tar", ("input/db.sqlite", database), ("input/db.sqlite", newer))) == [7]


def test_database_in_the_backup_is_no_database(tmp_path: Path) -> None:
    assert "not an SQLite database" in complaint(write(tmp_path / "b.tar", ("input/db.sqlite", b"hello" * 99)))
    assert "empty database" in complaint(write(tmp_path / "c.tar", ("input/db.sqlite", b"")))


def test_cut_after_the_database_is_read_with_a_note(tmp_path: Path, database: bytes) -> None:
    archive = write(tmp_path / "b.tar", ("input/db.sqlite", database), ("input/media/x.jpg", bytes(90_000)))
    archive.write_bytes(archive.read_bytes()[: len(database) + 20_000])
    with open_site(archive) as site:
        assert [row.id for row in iter_rows(site)] == [1, 2]
        assert any("cut short" in note for note in site.notes)


def test_cut_in_the_database(tmp_path: Path, database: bytes) -> None:
    archive = write(tmp_path / "b.tar", ("input/db.sqlite", database))
    archive.write_bytes(archive.read_bytes()[: len(database) // 2])
    complaint(archive)


def test_not_a_tar(tmp_path: Path) -> None:
    (tmp_path / "b.tar").write_bytes(b"no tar at all" * 100)
    assert "not a whole .tar archive" in complaint(tmp_path / "b.tar")


def test_archive_is_not_changed(tmp_path: Path) -> None:
    site = make_site(tmp_path / "site", [post(1)])
    archive = tmp_path / "b.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(site / "input", "input")
    before = archive.read_bytes(), archive.stat().st_mtime_ns, sorted(tmp_path.iterdir())
    assert ids(archive) == [1]
    assert (archive.read_bytes(), archive.stat().st_mtime_ns, sorted(tmp_path.iterdir())) == before


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    patches=st.lists(
        st.tuples(st.integers(0, 3000), st.binary(min_size=1, max_size=12), st.booleans()),
        min_size=1,
        max_size=5,
    )
)
def test_any_damage_is_an_input_error_or_is_read(tmp_path: Path, patches: list[tuple[int, bytes, bool]]) -> None:
    whole = tmp_path / "whole.tar"
    if not whole.exists():
        data = make_database(tmp_path / "made" / "db.sqlite", [post(1)]).read_bytes()
        write(whole, ("backup-date.log", b"1"), ("x" * 200, b"long name"), ("input/db.sqlite", data))
    raw = bytearray(whole.read_bytes())
    for at, patch, mend in patches:
        raw[at : at + len(patch)] = patch
        if mend:  # make the header's checksum right again, so that the damage gets past it
            start = at // 512 * 512
            total = sum(raw[start : start + 148] + b" " * 8 + raw[start + 156 : start + 512])
            raw[start + 148 : start + 156] = b"%06o\0 " % total
    broken = tmp_path / "broken.tar"
    broken.write_bytes(raw)
    try:
        ids(broken)
    except InputError as error:
        assert "\n" not in str(error)


def test_publii_s_own_database_counts_and_others_are_named(tmp_path: Path, database: bytes) -> None:
    other = make_database(tmp_path / "o" / "db.sqlite", [post(7)]).read_bytes()
    names = ["input/media/files/old/input/db.sqlite", "db.sqlite"]
    archive = write(tmp_path / "b.tar", (names[0], other), ("input/db.sqlite", database), (names[1], other))
    with open_site(archive) as site:
        assert [row.id for row in iter_rows(site)] == [1, 2]
        note = next(note for note in site.notes if "passed over" in note)
        assert note.startswith("input/db.sqlite of the backup is read") and all(name in note for name in names)


def announced(name: str, kind: bytes, size: int) -> bytes:
    """A header of type `kind` that announces `size` bytes."""
    header = bytearray(tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT))
    header[156:157], header[124:136] = kind, b"%011o\0" % size
    header[148:156] = b"%06o\0 " % sum(header[:148] + b" " * 8 + header[156:])
    return bytes(header)


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g", b"X"], ids=str)
def test_a_header_is_not_believed(tmp_path: Path, database: bytes, kind: bytes) -> None:
    """The file really is as long as the header says, in holes of the disk: nothing of that is taken into memory."""
    path = write(tmp_path / "b.tar", ("input/db.sqlite", database))
    whole = path.read_bytes()
    with path.open("r+b") as file:
        file.write(announced("long", kind, 2**28))
        file.truncate(2**28 + 1024)
        file.seek(2**28 + 512)
        file.write(whole)
    tracemalloc.start()
    complaint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_map_of_holes_is_read_in_bounds(tmp_path: Path) -> None:
    member = tarfile.TarInfo("input/db.sqlite")
    member.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "9"}
    member.size = 2**27
    path = tmp_path / "b.tar"
    path.write_bytes(member.tobuf(tarfile.PAX_FORMAT))
    with path.open("r+b") as file:
        file.truncate(2**27 + 10_240)
    tracemalloc.start()
    complaint(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_journal_in_a_backup_that_names_another_file_is_left_out(tmp_path: Path, database: bytes) -> None:
    journal = ("input/db.sqlite-journal", bytes(600) + bytes.fromhex("d9d505f920a163d7"))
    archive = write(tmp_path / "b.tar", ("input/db.sqlite", database), journal)
    folder = tmp_path / "out"
    folder.mkdir()
    backup.unpack(archive, folder)
    assert [path.name for path in folder.iterdir()] == ["db.sqlite"]
