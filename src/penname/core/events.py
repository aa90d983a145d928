"""One stream of events feeds the terminal, the log file and, later, the web page.

    with events.listening(events.LogFile(path)):
        with events.task("Reading posts", total=943) as step:
            for post in posts:
                step(1)
        events.note("Left out 3 empty posts.")

Code emits; who listens is decided once, in `cli.py`. With no listener nothing is printed.
"""

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class Event:
    """One thing that happened. `kind` is `note`, `warning`, `start`, `progress`, `end` or a caller's own word."""

    kind: str
    text: str = ""
    data: dict[str, Any] = field(default_factory=dict)
    time: float = field(default_factory=time.time)


Listener = Callable[[Event], None]
_listeners: list[Listener] = []
_subdued: list[bool] = []


@contextlib.contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Send every event to `listener` while the block runs."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@contextlib.contextmanager
def subdued() -> Iterator[None]:
    """Mark every event as a detail while the block runs: the log keeps it, a screen shows progress and warnings only.

    For work that is done many times over, such as the trials of a tuning run.
    """
    _subdued.append(True)
    try:
        yield
    finally:
        _subdued.pop()


def emit(kind: str, text: str = "", **data: Any) -> None:
    """Tell every listener."""
    event = Event(kind, text, {**data, "detail": True} if _subdued else data)
    for listener in tuple(_listeners):
        listener(event)


def note(text: str, **data: Any) -> None:
    """Say something worth knowing: a choice and its reason, a thing left out."""
    emit("note", text, **data)


def headline(text: str, **data: Any) -> None:
    """Say one of the few things that everybody should read, `--explain` or not."""
    emit("note", text, headline=True, **data)


def warn(text: str, **data: Any) -> None:
    """Say something that the user should act on."""
    emit("warning", text, **data)


@contextlib.contextmanager
def task(text: str, total: int | None = None, unit: str = "") -> Iterator[Callable[[int], None]]:
    """Announce a step that may take a while; the yielded function advances it (at most 10 events a second)."""
    done, last, started = 0, 0.0, time.monotonic()
    emit("start", text, total=total, unit=unit)

    def advance(count: int = 1) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        if now - last >= 0.1:
            last = now
            emit("progress", text, done=done, total=total, seconds=now - started, unit=unit)

    try:
        yield advance
    finally:
        emit("end", text, done=done, total=total, seconds=time.monotonic() - started, unit=unit)


class LogFile:
    """A listener that appends each event as one JSON line.

    A full disk, or a folder that cannot be written to, costs lines and never the run: it is said once. A line that was
    torn by a kill or a full disk ends where it is, and the next one begins anew.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._torn = True
        """Whether the file may end in the middle of a line."""
        self._failed = False
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, event: Event) -> None:
        """Append `event`; the file is opened for each line, so that a kill loses nothing."""
        if event.kind == "progress":
            return
        line = json.dumps(asdict(event), ensure_ascii=False, default=str) + "\n"
        try:
            self._append(line.encode("utf-8", errors="replace"))
        except OSError as error:
            self._torn = True
            if not self._failed:
                self._failed = True
                warn(f"{self.path} cannot be written ({error.strerror or error}): the run goes on without its log.")

    def _append(self, line: bytes) -> None:
        with self.path.open("ab+", buffering=0) as file:
            if self._torn and _ends_in_a_line(file):
                line = b"\n" + line
            while line:
                # A full disk takes a part of it first.
                line = line[file.write(line) or 0 :]
            self._torn = False


def _ends_in_a_line(file: IO[bytes]) -> bool:
    size = file.seek(0, os.SEEK_END)
    if not size:
        return False
    file.seek(-1, os.SEEK_END)
    return file.read(1) != b"\n"
