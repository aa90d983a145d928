"""Time and Ctrl-C of a run: how fast it goes, and stopping after the step that is under way.

clock = Clock(before=state.seconds)
with stop_on_interrupt() as stop:
    while not stop.is_set(): ...
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator

from penname.core import events


class Clock:
    """Seconds spent, over all sittings, and the rate of the last steps."""

    def __init__(self, before: float) -> None:
        self.before, self.started = before, time.monotonic()
        self.ticks: list[tuple[int, float]] = []

    def seconds(self) -> float:
        """Since the run began, sittings before this one included."""
        return self.before + time.monotonic() - self.started

    def tick(self, step: int) -> None:
        """Note that `step` is done; the last 40 notes count."""
        self.ticks.append((step, time.monotonic()))
        del self.ticks[:-40]

    def steps_per_second(self) -> float:
        """Over the last steps, evaluations included; 0 before it is known."""
        if len(self.ticks) < 2:
            return 0.0
        (first, start), (last, end) = self.ticks[0], self.ticks[-1]
        return (last - first) / (end - start) if end > start else 0.0


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Ctrl-C sets the event; a second one ends the program at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(_signal: int, _frame: object) -> None:
        stop.set()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        events.note("Finishing this step, then saving. Press Ctrl-C again to quit at once.")

    signal.signal(signal.SIGINT, ask)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGINT, before)
