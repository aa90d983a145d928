"""Nothing private outlives a run, however it ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from publii_site import make_site, post

from penname.core.files import private_folder, sweep

READING = """
import sys, time
from pathlib import Path
from penname.sources.publii_site import open_site
with open_site(Path(sys.argv[1])):
    print("in", flush=True)
    time.sleep(60)
"""
COPYING = """
import shutil, sys, time
from pathlib import Path
from penname.cli import main
def slow(source, target):
    Path(target).write_bytes(Path(source).read_bytes()[:1000])
    print("in", flush=True)
    time.sleep(60)
shutil.copyfile = slow
main(["stats", sys.argv[1]])
"""
POSIX = pytest.mark.skipif(os.name == "nt", reason="skipped: Windows knows no such signals")
ENDS = ["SIGKILL", "SIGTERM", "SIGHUP", "SIGINT"]


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A temporary folder that is empty, for this process and its children."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@contextmanager
def at_work(script: str, site: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that has come to where it prints."""
    with subprocess.Popen(
        [sys.executable, "-c", script, str(site)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stdout.readline() == "in\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path / "blog", [post(1, text="<p>a secret</p>"), post(2, status="draft")])


@POSIX
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_when_a_reader_is_killed(temporary: Path, site: Path, end: str) -> None:
    with at_work(READING, site) as process:
        assert list(temporary.iterdir()) == [], "unlinked once open"
        process.send_signal(getattr(signal, end))
        assert process.wait(10) != 0
    assert list(temporary.iterdir()) == []


@pytest.mark.slow
@POSIX
@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_left_when_a_command_is_killed_while_copying(temporary: Path, site: Path, end: str) -> None:
    """SIGKILL leaves what the next run sweeps; every other signal ends the command as Ctrl-C does."""
    with at_work(COPYING, site) as process:
        (folder,) = temporary.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700 and len(list(folder.iterdir())) == 2
        sweep()
        assert folder.exists(), "its process lives"
        process.send_signal(getattr(signal, end))
        code = process.wait(10)
        assert process.stderr is not None
        said = process.stderr.read()
    if end != "SIGKILL":
        assert code == 130 and said == "Stopped.\n"
        assert list(temporary.iterdir()) == []
    with private_folder() as mine:
        assert list(temporary.iterdir()) == [mine]


def test_only_what_is_ours_and_dead_is_swept(temporary: Path) -> None:
    kept = ["penname-demo", "penname-copy-x-abc", "penname-copy-99999999-ABC-", "penname-copy-1", "other"]
    for name in kept:
        (temporary / name).mkdir()
    (temporary / "penname-copy-99999999-filefile").write_text("a file")
    gone = temporary / "penname-copy-99999999-abcd1234"
    gone.mkdir()
    (gone / "db.sqlite").write_text("private")
    young = temporary / f"penname-copy-{os.getpid()}-abcd1234"
    young.mkdir()
    with private_folder() as mine:
        left = {path.name for path in temporary.iterdir()}
    assert left == {*kept, "penname-copy-99999999-filefile", young.name, mine.name}
    os.utime(young, (time.time() - 3600,) * 2)
    sweep()
    assert not young.exists(), "a number that another process has by now"


@POSIX
def test_links_are_not_followed(temporary: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("kept")
    link = temporary / "penname-copy-99999999-abcd1234"
    link.symlink_to(tmp_path / "mine")
    sweep()
    assert link.is_symlink() and (tmp_path / "mine" / "letter").exists()
