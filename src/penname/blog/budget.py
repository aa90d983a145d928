"""What one post may take, whatever it holds: characters, and seconds of processor time.

    with budget(seconds=10.0):
        text = clean(source)          # raises OverBudget when it takes longer

In: work that only computes. Out: its result, or `OverBudget`. The guards before the parsers are made so that nothing
comes near; this stands behind them, for what nobody thought of. In the main thread of a Unix system the work is
interrupted by an alarm that counts processor time (patterns and Python code stop at once, a parser when it is done);
elsewhere the time is looked at when the work is done.
"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

MOST_CHARACTERS = 20_000_000
MOST_SECONDS = 10.0


class OverBudget(Exception):
    """The work takes longer than it may."""


@contextlib.contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Let the work within take so many seconds of processor time; then raise `OverBudget`."""
    began = time.process_time()
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        if time.process_time() - began > seconds:
            raise OverBudget
        return
    armed = [True]

    def stop(number: int, frame: FrameType | None) -> None:
        if armed:
            armed.clear()
            raise OverBudget

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        armed.clear()
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
