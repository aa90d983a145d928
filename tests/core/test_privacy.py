"""A workspace is its owner's alone; nothing that others wrote steers the terminal."""

import ast
import io
import json
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from penname.core import events, terminal
from penname.core import terminal as exits
from penname.core.errors import InputError
from penname.core.events import Event
from penname.core.files import replacing_folder, write_text
from penname.core.progress import Settings, console, make_table, show_events
from penname.core.terminal import print_json, printable
from penname.core.workspace import Step, find_workspace, open_workspace, run_step

POSIX = pytest.mark.skipif(os.name == "nt", reason="skipped: Windows has other rights")
NASTY = "a\x1b[31mb\x1b]0;title\x07c\x9b2Jd\x9d0;x\x9ce\u202ef\u2066g\x7fh\x08i\x00j\rk\x85l\ufeffm\u2028n"


def rights(folder: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.lstat().st_mode) for path in (folder, *folder.rglob("*"))}


@POSIX
def test_a_workspace_is_its_owners(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        workspace = open_workspace(tmp_path / "w", "blog")
        with workspace.at_work("penname prepare"):
            (workspace.folder / "made").mkdir()
            (workspace.folder / "made" / "by-a-library").write_text("x")
            write_text(workspace.folder / "deep" / "text.json", "[]")
            with replacing_folder(workspace.model) as new:
                (new / "config.json").write_text("{}")
        assert os.umask(0o022) == 0o022
        found = rights(workspace.folder)
        assert {name: mode for name, mode in found.items() if mode & 0o077} == {}
        assert found["w"] == found["made"] == found["model"] == 0o700
        assert found["log.jsonl"] == found["config.json"] == found["text.json"] == 0o600
    finally:
        os.umask(before)


@POSIX
def test_an_older_workspace_is_closed_by_the_next_run(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", "blog")
    (workspace.folder / "tune").mkdir()
    (workspace.folder / "tune" / "page.html").write_text("x")
    outside = tmp_path / "outside"
    outside.write_text("x")
    outside.chmod(0o644)
    (workspace.folder / "link").symlink_to(outside)
    for path in (workspace.folder, workspace.folder / "tune", workspace.about, workspace.folder / "tune" / "page.html"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    find_workspace(workspace.folder)
    assert stat.S_IMODE(workspace.folder.stat().st_mode) == 0o700
    with workspace.lock("penname judge"):
        pass
    found = rights(workspace.folder)
    assert not any(mode & 0o077 for name, mode in found.items() if name != "link")
    assert stat.S_IMODE(outside.stat().st_mode) == 0o644


@POSIX
def test_what_is_written_elsewhere_is_as_the_user_wants_it(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        tmp_path.chmod(0o755)
        write_text(tmp_path / "out.html", "x")
        with replacing_folder(tmp_path / "exported") as new:
            (new / "config.json").write_text("{}")
        assert rights(tmp_path)["out.html"] == rights(tmp_path)["config.json"] == 0o644
        assert rights(tmp_path)["exported"] == 0o755
    finally:
        os.umask(before)


def test_control_characters_are_taken_out() -> None:
    assert printable(NASTY) == "abcdefghijklmn"
    assert printable("\x1bP1$tx\x1b\\y \x1b_z\x9cw \x1b[38;5;1mred\x1b[0m \x1b7") == "y w red 7"
    kept = "tab\tline\n👩‍👩‍👧 🏴\U000e0067\U000e0062\U000e007f नमस्\u200dते é\u0301 \u200fשלום\u200e soft\u00adhyphen"
    assert printable(kept) == kept


@pytest.mark.parametrize("terminal_like", [False, True])
def test_no_event_steers_the_terminal(terminal_like: bool) -> None:
    class Screen(io.StringIO):
        def isatty(self) -> bool:
            return terminal_like

    screen = Screen()
    with show_events(Settings(file=screen)):
        for kind in ("note", "warning", "row", "sample"):
            events.emit(kind, NASTY, step=1)
        with events.task(NASTY, total=3):
            pass
        events.emit("table", NASTY, columns=[NASTY], rows=[[NASTY]])
    shown = screen.getvalue()
    for sign in ("\x1b]0", "\x9b", "\u202e", "\x1b[31m", "\x07", "\x00", "\x08"):
        assert sign not in shown
    assert "abcdefghijklmn" in shown


def test_tables_results_and_errors_are_clean(capsys: pytest.CaptureFixture[str]) -> None:
    console().print(make_table(NASTY, [NASTY], [[NASTY]]))
    terminal.say(NASTY)
    exits._tell(InputError(NASTY))
    out, err = capsys.readouterr()
    assert printable(out) == out and printable(err) == err and err == "abcdefghij k lm n\n"


def test_json_keeps_everything_and_shows_it_escaped(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({NASTY: [NASTY, "é 👩‍👧"]})
    out = capsys.readouterr().out
    assert json.loads(out) == {NASTY: [NASTY, "é 👩‍👧"]}
    assert printable(out) == out and "é 👩‍👧" in out


def test_all_that_is_printed_goes_through_one_place() -> None:
    """`print` is called in few modules only, each of which cleans what it prints or prints what is its own."""
    package = Path(terminal.__file__).parents[1]
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    }
    assert found == {"core/terminal.py", "core/progress.py", "cli/app.py", "train/parallel.py"}


def test_the_step_of_a_read_only_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done stays usable; what would have to be written is refused with advice, before any work."""
    workspace = open_workspace(tmp_path / "w", "blog")
    step = Step("prepare", reads=(), writes=("text.json",))
    run_step(workspace, step, {"a": 1}, lambda: write_text(workspace.text, "[]"))
    before = rights(workspace.folder)
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    heard: list[Event] = []
    with events.listening(heard.append), workspace.at_work("penname judge"):
        assert not run_step(workspace, step, {"a": 1}, lambda: None)
        workspace.write(**workspace.read())
        with pytest.raises(InputError, match="cannot be written to, and prepare has work to do in it: copy it"):
            run_step(workspace, step, {"a": 2}, lambda: None)
    assert any("can be read only" in event.text for event in heard)
    assert rights(workspace.folder) == before and not workspace.log.exists()


@POSIX
@pytest.mark.parametrize("moving", [False, True])
def test_a_terminal_that_was_closed_ends_nothing(tmp_path: Path, moving: bool) -> None:
    """After SIGHUP every write to the terminal fails: what was to be saved is saved, the exit code is Ctrl-C's."""
    script = (
        "import signal, sys, time\nfrom pathlib import Path\nfrom penname.core import events\n"
        "from penname.core.terminal import run_and_exit\nfrom penname.core.progress import Settings, show_events\n"
        "def work():\n"
        f"    with show_events(Settings(moving={moving})), events.task('Working', total=3) as step:\n"
        "        try:\n            step(1)\n            Path(sys.argv[1], 'in').touch()\n            time.sleep(60)\n"
        "        except KeyboardInterrupt:\n            events.warn('Saving.')\n            step(1)\n"
        "            Path(sys.argv[1], 'saved').touch()\n            raise\n"
        "run_and_exit(work)"
    )
    import pty

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        until = time.monotonic() + 20
        while not (tmp_path / "in").exists() and time.monotonic() < until:
            time.sleep(0.02)
        os.close(ours)
        process.send_signal(signal.SIGHUP)
        assert process.wait(20) == 130
    assert (tmp_path / "saved").exists()
