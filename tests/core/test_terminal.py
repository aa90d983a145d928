"""The terminal: plain lines for pipes, a moving line for people, nothing lost, nothing on standard output."""

import io
from pathlib import Path

import pytest

from penname.core import events
from penname.core.events import Event
from penname.core.progress import Settings, other_text, progress_text, show_events
from penname.core.terminal import clock, many, wrapped


class Screen(io.StringIO):
    """A file that says it is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def everything() -> None:
    events.note("A note with [brackets].")
    events.warn("Something to act on.")
    with events.task("Reading posts", total=3, unit="posts") as step:
        for _ in range(3):
            step(1)
    events.emit("train", step=5, total=10, loss=3.21, tokens_per_second=1234.5, seconds=4.0, seconds_left=200.0)
    events.emit("evaluation", step=5, bits_per_byte=1.2345)
    events.emit("sample", "Once upon a time\nthere was.", step=5)
    events.emit("train", step=10, total=10, loss=3.0, tokens_per_second=1.0, seconds_left=0, bits_per_byte=1.1)


@pytest.mark.parametrize("file", [io.StringIO(), Screen()], ids=["pipe", "terminal"])
def test_what_stays_on_the_screen(file: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    with show_events(Settings(file=file)):
        everything()
    shown = file.getvalue()
    for part in ("A note with [brackets].", "Warning: Something", "1.2345 bits per byte", "  | there was."):
        assert part in shown
    assert capsys.readouterr().out == ""


def test_quiet_shows_warnings_only() -> None:
    file = Screen()
    with show_events(Settings(quiet=True, file=file)):
        everything()
    assert file.getvalue() == "Warning: Something to act on.\n"


def test_a_pipe_gets_a_line_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("penname.core.progress.time.monotonic", lambda: now[0])
    file = io.StringIO()
    with show_events(Settings(file=file)):
        for second in range(20):
            now[0] = float(second)
            events.emit("progress", "Reading", done=second, total=40, seconds=float(second), unit="posts")
        events.emit("end", "Reading", done=40, total=40, seconds=20.0, unit="posts")
    assert file.getvalue().splitlines() == [
        "Reading: 5 of 40 posts, 35s left",
        "Reading: 10 of 40 posts, 30s left",
        "Reading: 15 of 40 posts, 25s left",
        "Reading: 40 posts, done in 20s.",
    ]


def test_lines() -> None:
    assert [clock(seconds) for seconds in (0.2, 59, 61, 7325)] == ["0s", "59s", "1m 01s", "2h 02m"]
    data = {
        "step": 1,
        "total": 2000,
        "loss": 9.0,
        "tokens_per_second": 1500.0,
        "seconds_left": 61,
        "bits_per_byte": None,
    }
    assert progress_text(Event("train", "", data)) == "Step 1 of 2,000, 1m 01s left, loss 9.000, 1,500 tokens/s"
    assert progress_text(Event("progress", "Encoding", {"done": 7, "seconds": 3})) == "Encoding: 7 , 3s"
    assert other_text(Event("command", "penname train")) == ""


def test_steps_inside_steps_and_failing_steps_leave_no_bar() -> None:
    file = Screen()
    with (
        pytest.raises(ValueError, match="broken"),
        show_events(Settings(file=file)),
        events.task("Outer", total=2),
    ):
        with events.task("Inner"):
            pass
        raise ValueError("broken")
    assert not events._listeners


def test_the_log_keeps_everything_but_progress(tmp_path: Path) -> None:
    with events.listening(events.LogFile(tmp_path / "log.jsonl")):
        everything()
    text = (tmp_path / "log.jsonl").read_text(encoding="utf-8")
    assert text.count("\n") == 8 and '"kind": "train"' in text


def test_sentences_end_between_words() -> None:
    assert wrapped("one two three four five six", 20) == "one two three four\nfive six"
    assert wrapped("kept  as  it is", 20) == "kept  as  it is"
    assert "a" * 50 in wrapped("x " + "a" * 50, 20)


def test_one_and_many() -> None:
    assert [many(1, "post"), many(0, "post"), many(1200, "post"), many(2, "index", "indices")] == [
        "1 post",
        "0 posts",
        "1,200 posts",
        "2 indices",
    ]


def test_a_run_without_a_terminal_leaves_few_lines() -> None:
    file = io.StringIO()
    with show_events(Settings(file=file, explain=False)):
        for number in range(9):
            events.note(f"A rate of {number} GFLOP/s.")
        events.headline("3 posts hold text.")
        before = len(file.getvalue().splitlines())
        for step in range(1, 2001):
            events.emit("train", step=step, total=2000, loss=1.0, seconds_left=2)
        events.emit("sample", "On trees\n\n" + "word " * 400, step=2000)
        for number in range(40):
            events.emit("end", f"Step {number}", done=1, seconds=99)
        events.warn("Mind this.")
    lines = file.getvalue().splitlines()
    assert before == 1 and len(lines) <= 18
    assert lines[-1] == "Warning: Mind this." and "GFLOP" not in file.getvalue()
    assert sum(line.startswith("  | ") for line in lines) == 4 and max(map(len, lines)) <= 100
