"""Files of users and of other programs: byte-order marks, JSON without end, odd shapes, full disks."""

import errno
import json
from pathlib import Path
from typing import Any

import pytest

from penname.core import events
from penname.core.errors import InputError
from penname.core.events import LogFile
from penname.core.files import parse_json, read_json, read_text
from penname.core.workspace import find_workspace, open_workspace

DEEP = "[" * 100_000
OBJECTS = '{"a":' * 100_000


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_byte_order_mark_is_no_part_of_the_text(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.json"
    path.write_text('{"a": "\ufeffé"}', encoding=encoding)
    assert read_text(path).startswith("{") and read_json(path, "x") == {"a": "\ufeffé"}


def test_a_workspace_with_a_byte_order_mark(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", "blog")
    workspace.about.write_text(workspace.about.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert find_workspace(workspace.folder).read()["site"] == "blog"


@pytest.mark.parametrize("text", [DEEP, OBJECTS, "", "{", "9" * 5000, "\ufeff\ufeff1"])
def test_json_that_cannot_be_read_is_one_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text)
    (tmp_path / "a.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is not readable as a thing"):
        read_json(tmp_path / "a.json", "a thing")


VALUES: list[Any] = [None, True, 7, 1.5, "text", "", [], [1], {}, {"a": 1}, {"prepare": []}, {"prepare": {"writes": 5}}]
KEYS = ["format", "site", "versions", "steps", "settings", "corpus", "begun", "other"]


@pytest.mark.parametrize("key", KEYS)
def test_a_workspace_of_any_shape_is_read_or_refused_with_a_way_out(tmp_path: Path, key: str) -> None:
    folder = tmp_path / "w"
    workspace = open_workspace(folder, "blog")
    (folder / "text.json").write_text("[]")
    whole = workspace.read()
    more = [{"prepare": {"writes": {"text.json": 5}}}, {"train": {"base": 5}}, {"x": {"writes": {"../../a": "0"}}}]
    for value in [*VALUES, *more]:
        workspace.about.write_text(json.dumps(whole | {key: value}))
        try:
            find_workspace(folder)
            open_workspace(folder, "blog")
            workspace.write(steps=workspace.read().get("steps", {}) | {"a": {"writes": {}}})
        except InputError as error:
            assert ": " in str(error) and str(error).endswith(".")


@pytest.mark.parametrize("text", [DEEP, OBJECTS, "[1", "null", '"x"', "1e999"])
def test_a_broken_workspace_says_what_to_do(tmp_path: Path, text: str) -> None:
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(InputError, match=r"move the folder away|other program"):
        find_workspace(tmp_path)


def test_the_log_begins_a_new_line_after_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"kind": "note", "text": "whole"}\n{"kind": "no', encoding="utf-8")
    for text in ("one", "two"):
        with events.listening(LogFile(path)):
            events.note(text)
            events.note(f"{text} more")
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[1] == '{"kind": "no'
    assert [json.loads(line)["text"] for line in (lines[0], *lines[2:])] == [
        "whole",
        "one",
        "one more",
        "two",
        "two more",
    ]


class FullDisk:
    """A file that takes `room` bytes and is full then."""

    def __init__(self, file: Any, left: list[int]) -> None:
        self.file, self.left = file, left

    def __enter__(self) -> "FullDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)

    def write(self, data: bytes) -> int:
        if not self.left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        taken = min(len(data), self.left[0])
        self.left[0] -= taken
        return int(self.file.write(data[:taken]))


def test_a_full_disk_costs_lines_of_the_log_and_not_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once; when there is room again, the log goes on behind the torn line."""
    path, left = tmp_path / "log.jsonl", [150]
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda self, *args, **more: (
            FullDisk(opened(self, *args, **more), left) if self == path else opened(self, *args, **more)
        ),
    )
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text)), events.listening(LogFile(path)):
        for number in range(6):
            events.note(f"note {number}")
        left[0] = 10_000
        events.note("room again")
    assert [text for text in heard if "goes on without its log" in text] == [
        f"{path} cannot be written (No space left on device): the run goes on without its log."
    ]
    monkeypatch.undo()
    lines = path.read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["text"] == "note 0" and json.loads(lines[-1])["text"] == "room again"


def test_a_log_that_cannot_be_made_is_said_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    heard: list[str] = []
    log = LogFile(tmp_path / "file" / "log.jsonl")
    with events.listening(lambda event: heard.append(event.text)), events.listening(log):
        events.note("one")
        events.note("two")
    assert len(heard) == 3 and sum("without its log" in text for text in heard) == 1
