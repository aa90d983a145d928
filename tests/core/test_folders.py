"""Folders are whole or absent, wherever the program is killed."""

import errno
import os
from pathlib import Path

import pytest

from penname.core import files as folders
from penname.core.errors import PennameError
from penname.core.files import replacing_folder, settle_folder


def write(path: Path, text: str) -> None:
    with replacing_folder(path) as new:
        (new / "a.txt").write_text(text)
        (new / "inner").mkdir()
        (new / "inner" / "b.txt").write_text(text)


def read(path: Path) -> list[str]:
    return [(path / "a.txt").read_text(), (path / "inner" / "b.txt").read_text()]


def test_the_new_folder_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    model = tmp_path / "deep" / "model"
    write(model, "one")
    (model / "left.txt").write_text("of before")
    write(model, "two")
    assert read(model) == ["two", "two"]
    assert not (model / "left.txt").exists()
    assert [path.name for path in model.parent.iterdir()] == ["model"]


def test_a_failure_leaves_the_old_folder(tmp_path: Path) -> None:
    write(tmp_path / "model", "one")
    with pytest.raises(ValueError, match="no"), replacing_folder(tmp_path / "model") as new:
        (new / "a.txt").write_text("half")
        raise ValueError("no")
    assert read(tmp_path / "model") == ["one", "one"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_failure_leaves_nothing_where_nothing_was(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no"), replacing_folder(tmp_path / "model"):
        raise ValueError("no")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said(tmp_path: Path) -> None:
    write(tmp_path / "model", "one")
    with pytest.raises(PennameError, match=r"disk .* is full"), replacing_folder(tmp_path / "model"):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert read(tmp_path / "model") == ["one", "one"]


class Killed(BaseException):
    """What a kill is to the test: nothing after it runs."""


@pytest.mark.parametrize("survived", range(5))
def test_a_kill_at_any_rename_leaves_a_whole_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, survived: int
) -> None:
    """The process dies before its rename number `survived`; the next reader finds the old or the new folder, whole."""
    write(tmp_path / "model", "one")
    renames = 0
    real = Path.replace

    def replace(self: Path, target: Path) -> Path:
        nonlocal renames
        if renames == survived:
            raise Killed
        renames += 1
        return real(self, target)

    # The clean-up of `finally` would not run either.
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", replace)
        patch.setattr(folders.shutil, "rmtree", lambda *_args, **_named: None)
        try:
            write(tmp_path / "model", "two")
        except Killed:
            assert renames == survived
    settle_folder(tmp_path / "model")
    assert read(tmp_path / "model") in (["one", "one"], ["two", "two"])
    write(tmp_path / "model", "three")
    assert read(tmp_path / "model") == ["three", "three"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_half_written_folder_is_never_taken(tmp_path: Path) -> None:
    half = tmp_path / ".model.new"
    half.mkdir()
    (half / "a.txt").write_text("half")
    settle_folder(tmp_path / "model")
    assert not (tmp_path / "model").exists()
    write(tmp_path / "model", "whole")
    assert read(tmp_path / "model") == ["whole", "whole"]


def test_a_removed_folder_stays_removed(tmp_path: Path) -> None:
    """What is left of an old folder that was being deleted does not come back."""
    write(tmp_path / "model", "one")
    (tmp_path / "model").rename(tmp_path / ".model.gone")
    settle_folder(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such modes")
def test_files_are_readable_for_whom_the_folder_is(tmp_path: Path) -> None:
    with replacing_folder(tmp_path / "model") as new:
        (new / "a.txt").touch(mode=0o600)
    assert (tmp_path / "model" / "a.txt").stat().st_mode & 0o777 == (tmp_path / "model").stat().st_mode & 0o666


@pytest.mark.skipif(os.name == "nt", reason="Windows has no plain symbolic links")
def test_a_link_keeps_pointing(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "model").symlink_to(tmp_path / "disk" / "model")
    write(tmp_path / "model", "one")
    write(tmp_path / "model", "two")
    assert (tmp_path / "model").is_symlink()
    assert read(tmp_path / "disk" / "model") == ["two", "two"]
