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
from penname.model import parallel


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
    """Ctrl-C and SIGTERM (a rented machine that goes away) set the event; a second Ctrl-C ends the program at once.

    Under `torchrun` every process gets each signal twice, from the terminal and from `torchrun`, which itself ends what
    is left after 30 seconds: there a second one changes nothing.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            return
        stop.set()
        again = ""
        if number == signal.SIGINT and not parallel.launched():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            again = " Press Ctrl-C again to quit at once."
        events.note(f"Finishing this step, then saving.{again}")

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
