"""What is sent, to whom, how often, and what of it stays in the log when the disk is in the way."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from penname.core import events
from penname.core.events import Event, LogFile


@contextmanager
def heard() -> Iterator[list[Event]]:
    found: list[Event] = []
    with events.listening(found.append):
        yield found


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The monotonic clock, its reading in the only element."""
    now = [100.0]
    monkeypatch.setattr(events.time, "monotonic", lambda: now[0])
    return now


def test_everyone_who_listens_hears_everything_while_he_listens() -> None:
    with heard() as outer:
        events.note("one", place=1)
        with heard() as inner:
            events.warn("two")
        events.emit("own", step=3)
    events.note("nobody hears it")
    assert [(each.kind, each.text, each.data) for each in outer] == [
        ("note", "one", {"place": 1}),
        ("warning", "two", {}),
        ("own", "", {"step": 3}),
    ]
    assert [each.kind for each in inner] == ["warning"] and outer[0].time > 1.7e9


def test_details_are_marked_within_however_many_blocks() -> None:
    with heard() as found:
        with events.subdued():
            with events.subdued():
                events.note("inner", x=1)
            events.note("middle")
        events.note("outer")
    assert [each.data for each in found] == [{"x": 1, "detail": True}, {"detail": True}, {}]


def test_a_task_begins_advances_ten_times_a_second_and_ends(clock: list[float]) -> None:
    with heard() as found, events.task("Reading", total=9, unit="posts") as step:
        step(1)
        for moment in (100.05, 100.099, 100.25, 100.3, 100.36):
            clock[0] = moment
            step(2)
        clock[0] = 103.5
    first, *progress, last = found
    assert (first.kind, first.data) == ("start", {"total": 9, "unit": "posts"})
    assert [(each.kind, each.data["done"]) for each in progress] == [("progress", 1), ("progress", 7), ("progress", 11)]
    assert [each.data["seconds"] for each in progress] == pytest.approx([0.0, 0.25, 0.36])
    assert last.kind == "end" and last.data["seconds"] == pytest.approx(3.5)
    assert (last.data["done"], last.data["total"], last.data["unit"], last.text) == (11, 9, "posts", "Reading")


def test_a_task_of_unknown_length_advances_by_one_and_ends_with_an_error_too(clock: list[float]) -> None:
    with heard() as found, pytest.raises(ValueError), events.task("Work") as step:
        step()
        raise ValueError
    assert [each.kind for each in found] == ["start", "progress", "end"]
    assert found[1].data == {"done": 1, "total": None, "seconds": 0.0, "unit": ""}


def texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_log_makes_its_folder_and_leaves_progress_out(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "log.jsonl"
    log = LogFile(path)
    LogFile(path)
    for kind in ("start", "progress", "end"):
        log(Event(kind, kind, {"path": path, "text": "é"}))
    assert texts(path) == ["start", "end"] and "é" in path.read_text(encoding="utf-8")
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0])["data"]["path"] == str(path)


@pytest.mark.parametrize(("before", "lines"), [("", 1), ('{"text": "old"}\n', 2), ('{"te', 2)])
def test_a_torn_line_ends_where_it_is(tmp_path: Path, before: str, lines: int) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(before, encoding="utf-8")
    log = LogFile(path)
    log(Event("note", "new"))
    log(Event("note", "newer"))
    found = path.read_text(encoding="utf-8").splitlines()
    assert len(found) == lines + 1 and "" not in found
    assert [json.loads(line)["text"] for line in found[-2:]] == ["new", "newer"]


def test_a_line_that_is_written_in_parts_is_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, written = tmp_path / "log.jsonl", []

    class Slow:
        def __init__(self, *_: object, **__: object) -> None: ...

        def __enter__(self) -> "Slow":
            return self

        def __exit__(self, *_: object) -> None: ...

        def seek(self, *_: int) -> int:
            return 0

        def write(self, line: bytes) -> int:
            written.append(bytes(line[:7]))
            return len(written[-1])

    monkeypatch.setattr(Path, "open", Slow)
    LogFile(path)(Event("note", "a long line"))
    assert json.loads(b"".join(written))["text"] == "a long line" and len(written) > 5


def test_a_disk_in_the_way_is_told_once_and_the_next_line_begins_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.jsonl"
    log = LogFile(path)
    log(Event("note", "one"))
    plain = Path.open

    def full(self: Path, *arguments: object, **named: object) -> object:
        with plain(self, "ab") as file:
            file.write(b'{"torn')
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "open", full)
    with heard() as found:
        log(Event("note", "lost"))
        log(Event("note", "lost too"))
    assert [each.kind for each in found] == ["warning"] and "No space left on device" in found[0].text
    monkeypatch.setattr(Path, "open", plain)
    log(Event("note", "two"))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["text"] == "one" and json.loads(lines[-1])["text"] == "two" and len(lines) == 3
