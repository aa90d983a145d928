"""What a run looks like in a terminal: one line that moves, everything else above it.

    with show_events(Settings()):
        ...    # whatever emits events (penname.core.events)

In: events. Out: lines on standard error, so that standard output holds results only. In a terminal a progress line
with the time left; elsewhere plain lines, at most one every few seconds. Tables for the same console.
"""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from penname.core import events
from penname.core.events import Event
from penname.core.terminal import clock, printable, wrapped

_SECONDS = 5.0
"""Between two plain lines of progress."""


_LONG = 2.0
"""A step that is over sooner than this, in seconds, leaves no line behind."""
_LONGER, _MARKS, _STEPS = 10.0, 4, 8
"""Where little is shown: the same; parts of a training, one line each; steps that leave a line behind, at most."""
_SAMPLE_LINES = 4


@dataclass(frozen=True)
class Settings:
    """How much is shown, and where."""

    quiet: bool = False
    """Show warnings only."""
    moving: bool = True
    """Whether a line may move in a terminal; not while text streams to standard output."""
    file: IO[str] | None = None
    """Standard error unless said otherwise."""
    explain: bool = True
    """Whether every choice and figure is shown; else headlines, warnings and the long steps only."""


@contextlib.contextmanager
def show_events(settings: Settings | None = None) -> Iterator[None]:
    """Show every event for the length of the block."""
    settings = settings or Settings()
    file: Any = _Sturdy(settings.file or sys.stderr)
    if settings.quiet:
        with events.listening(_Plain(file, quiet=True)):
            yield
    elif settings.moving and file.isatty():
        with _live(file, settings.explain) as listener, events.listening(listener):
            yield
    else:
        with events.listening(_Plain(file) if settings.explain else _Brief(file)):
            yield


def console() -> "Console":
    """A console on standard output, for tables; a file or a pipe gets wide lines, so that programs can read them."""
    return _make_console(width=None if sys.stdout.isatty() else 110)


def _make_console(**settings: Any) -> "Console":
    """A console that prints nothing but its own escape sequences."""

    class Clean(Console):
        def render(self, *args: Any, **kwargs: Any) -> Iterator[Segment]:
            for each in super().render(*args, **kwargs):
                yield each if each.control else Segment(printable(each.text), each.style)

    return Clean(highlight=False, **settings)


def progress_text(event: Event) -> str:
    """One line for an event of a step: `Reading posts: 300 of 943 posts, 4s left`."""
    data = event.data
    if event.kind == "train":
        return _train_text(data)
    done, total, unit = data.get("done", 0), data.get("total"), data.get("unit") or ""
    if not total:
        count = f"{done:,} {unit}, " if done else ""
        return f"{event.text}: {count}{clock(data.get('seconds', 0))}"
    text = f"{event.text}: {min(done, total):,} of {total:,} {unit}".rstrip()
    # The first second says little about the rest.
    if done and data["seconds"] >= 1:
        text += f", {clock(data['seconds'] / done * (total - done))} left"
    return text


def other_text(event: Event) -> str:
    """A line, or lines, for an event that stays on the screen; empty for one that does not."""
    if event.kind == "warning":
        return f"Warning: {event.text}"
    if event.kind == "evaluation":
        return f"Step {event.data['step']:,}: {event.data['bits_per_byte']:.4f} bits per byte on held-out posts."
    if event.kind == "sample":
        lines = "\n".join(f"  | {line}" for line in wrapped(event.text.strip(), _width() - 4).splitlines())
        return f"Sample at step {event.data.get('step', 0):,}:\n{lines}"
    return event.text if event.kind in ("note", "row") else ""


def is_detail(event: Event) -> bool:
    """Whether `event` belongs into the log only: see `events.subdued`."""
    return bool(event.data.get("detail")) and event.kind != "warning"


def is_headline(event: Event) -> bool:
    """Whether `event` is shown where little is: see `events.headline`."""
    return event.kind == "warning" or (event.kind == "note" and bool(event.data.get("headline")))


def _train_text(data: dict[str, Any]) -> str:
    parts = [f"Step {data['step']:,} of {data['total']:,}"]
    if data.get("seconds_left") is not None:
        parts.append(f"{clock(data['seconds_left'])} left")
    parts.append(f"loss {data['loss']:.3f}")
    if data.get("bits_per_byte") is not None:
        parts.append(f"{data['bits_per_byte']:.3f} bits per byte")
    if data.get("tokens_per_second"):
        parts.append(f"{data['tokens_per_second']:,.0f} tokens/s")
    return ", ".join(parts)


class _Sturdy:
    """A stream whose other end may be gone, such as a terminal that was closed: what is written then goes nowhere."""

    def __init__(self, file: IO[str]) -> None:
        self.file = file

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with contextlib.suppress(OSError):
            return self.file.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with contextlib.suppress(OSError):
            self.file.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class _Plain:
    """Lines for a file or a pipe; of progress at most one every few seconds."""

    def __init__(self, file: IO[str], quiet: bool = False) -> None:
        self.file, self.quiet = file, quiet
        self.last = time.monotonic()

    def __call__(self, event: Event) -> None:
        """Print what is to be printed."""
        if event.kind in ("progress", "train"):
            if not self.quiet and time.monotonic() - self.last >= _SECONDS:
                self.last = time.monotonic()
                self.write(progress_text(event))
        elif is_detail(event):
            return
        elif event.kind == "end":
            if not self.quiet and event.data.get("seconds", 0) >= _LONG:
                self.write(_end_text(event))
        elif (text := other_text(event)) and (not self.quiet or event.kind == "warning"):
            self.write(text)

    def write(self, text: str) -> None:
        """One line, at once."""
        print(printable(text), file=self.file, flush=True)


class _Brief(_Plain):
    """The few lines that a run leaves in a file or a pipe when nothing is wrong: 25 at most."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(file)
        self.mark, self.told, self.sample, self.trained = 0, set[str](), "", False

    def __call__(self, event: Event) -> None:
        """Print headlines, warnings, a training in a few parts, its last sample and the long steps."""
        if self.trained and event.kind in ("note", "end", "warning"):
            self.close()
        if is_headline(event):
            self.write(other_text(event))
        elif event.kind == "train":
            self.train(event)
        elif event.kind == "sample":
            self.sample = event.text
        elif self.is_worth_a_line(event):
            self.told.add(event.text)
            self.write(_end_text(event))

    def is_worth_a_line(self, event: Event) -> bool:
        """Whether a long step ended that was not told of yet."""
        new = event.text not in self.told and len(self.told) < _STEPS
        return event.kind == "end" and event.data.get("seconds", 0) >= _LONGER and new

    def train(self, event: Event) -> None:
        """A line at the first step, and at each part of the way."""
        self.trained = event.data["step"] >= event.data["total"]
        mark = 1 + event.data["step"] * (_MARKS - 1) // max(event.data["total"], 1)
        if mark > self.mark and not self.trained:
            self.mark = mark
            self.write(progress_text(event))

    def close(self) -> None:
        """The last sample, once the training is over."""
        if self.sample:
            lines = other_text(Event("sample", self.sample)).splitlines()[1 : 1 + _SAMPLE_LINES]
            self.sample = ""
            print("\n".join(printable(line) for line in lines), file=self.file, flush=True)


def _width() -> int:
    """Columns of the terminal, 80 where there is none; COLUMNS says otherwise."""
    return max(20, shutil.get_terminal_size().columns)


def _end_text(event: Event) -> str:
    done, unit = event.data.get("done", 0), event.data.get("unit") or ""
    count = f" {done:,} {unit}," if done and unit else ""
    return f"{event.text}:{count} done in {clock(event.data['seconds'])}."


@contextlib.contextmanager
def _live(file: IO[str], explain: bool = True) -> Iterator[Callable[[Event], None]]:
    """A progress line that moves; a dumb terminal or another encoding gets its plainer form from rich."""

    class Screen(Progress):
        """Bars, and above them the table of a run that keeps one."""

        table: Any = None

        def get_renderables(self) -> Iterator[Any]:
            if self.table is not None:
                yield self.table
            yield from super().get_renderables()

        def show_table(self, title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
            self.table = make_table(title, columns, rows)
            self.refresh()

    console = _make_console(file=file)
    text = TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True))
    columns = (BarColumn(bar_width=12, complete_style="cyan"), text)
    # Standard output stays as it is: what is printed there is a result, and may go into a file.
    with Screen(*columns, console=console, transient=True, redirect_stdout=False, redirect_stderr=False) as progress:
        yield _Live(progress, console, explain)


def make_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    """A table of plain texts for `console().print`: first column and numbers flush right."""

    table = Table(title=Text(printable(title)), title_justify="left", box=None, padding=(0, 1), header_style="bold")
    for number, name in enumerate(columns):
        figures = all(row[number].strip("+-.0123456789") == "" for row in rows)
        table.add_column(Text(printable(name)), justify="right" if figures else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table


class _Live:
    """Keeps one bar for each step that is under way, and one for training."""

    def __init__(self, progress: Any, console: "Console", explain: bool = True) -> None:
        self.progress, self.console, self.explain = progress, console, explain
        self.bars: dict[str, Any] = {}

    def __call__(self, event: Event) -> None:
        """Move a bar, or print above them."""
        if event.kind == "start":
            self.move(event.text, event.text, 0, event.data.get("total"))
        elif event.kind == "progress":
            self.move(event.text, progress_text(event), event.data["done"], event.data.get("total"))
        elif event.kind == "train":
            self.move("train", progress_text(event), event.data["step"], event.data["total"])
            if event.data["step"] >= event.data["total"]:
                self.drop("train")
        elif event.kind == "end":
            self.drop(event.text)
            if event.data.get("seconds", 0) >= _LONG and not is_detail(event):
                self.print(_end_text(event))
        elif event.kind == "table":
            self.progress.show_table(event.text, event.data["columns"], event.data["rows"])
        elif event.kind == "row" or is_detail(event):
            return  # A table on the screen shows the row.
        elif not self.explain and event.kind in ("note", "evaluation") and not is_headline(event):
            return
        elif text := other_text(event):
            self.print(text, style="yellow" if event.kind == "warning" else None)

    def move(self, key: str, text: str, done: int, total: int | None) -> None:
        """Show `text` beside the bar of `key`."""
        text = printable(text)
        if key not in self.bars:
            self.bars[key] = self.progress.add_task(text, total=total)
        self.progress.update(self.bars[key], description=text, completed=done, total=total)

    def drop(self, key: str) -> None:
        """Take the bar of `key` away."""
        if key in self.bars:
            self.progress.remove_task(self.bars.pop(key))

    def print(self, text: str, style: str | None = None) -> None:
        """Print above the bars; what a blogger wrote in brackets is no mark-up."""

        self.console.print(Text(printable(text), style=style or ""))
