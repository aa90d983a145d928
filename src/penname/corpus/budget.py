"""What one post may take, whatever it holds: characters, and seconds of processor time.

    with budget(seconds=5.0):
        body = clean_body(source, "tinymce")          # raises OverBudget when it takes longer

In: work that only computes. Out: its result, or `OverBudget`. The guards before the parsers are made so that nothing
comes near; this stands behind them, for what nobody thought of. In the main thread of a Unix system the work is
interrupted by an alarm that counts processor time (patterns and Python code stop at once, a parser when it is done);
elsewhere the time is looked at when the work is done.
"""

import contextlib
import functools
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

MOST_CHARACTERS = 20_000_000
MOST_SECONDS = 5.0


class OverBudget(Exception):
    """The work takes longer than it may."""


@contextlib.contextmanager
def budget(seconds: float) -> Iterator[None]:
    """Let the work within take so many seconds of processor time; then raise `OverBudget`."""
    began = time.process_time()
    alarmed = threading.current_thread() is threading.main_thread() and _install()
    if alarmed:
        _armed[0] = True
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        if alarmed:
            _armed[0] = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    if not alarmed and time.process_time() - began > seconds:
        raise OverBudget


_armed = [False]


@functools.cache
def _install() -> bool:
    """Answer the alarm from now on; False where the system has none."""
    if not hasattr(signal, "setitimer"):
        return False
    signal.signal(signal.SIGVTALRM, _stop)
    return True


def _stop(number: int, frame: FrameType | None) -> None:
    if _armed[0]:
        _armed[0] = False
        raise OverBudget
