"""What is printed in a terminal, and how a command ends: an exit code, and at most one sentence on standard error.

    say(f"Wrote {path}.")
    run_and_exit(work, debug=False)

In: texts; a command that returns, or raises. Out: the end of the program: 0 done, 1 failed, 2 the input cannot be used,
130 stopped. Bad input never shows a traceback; with `debug` an error shows where it came from. SIGTERM and SIGHUP (the
terminal was closed) end a command as Ctrl-C does, so that private copies are deleted and work is saved. Nothing that a
text holds can steer the terminal.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

from penname.core.errors import Interrupted, PennameError

_STEERING = re.compile(
    # Whole escape sequences (CSI, then strings such as titles of windows), so that no rest of them is left.
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)"
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]"
)
_UNESCAPED = re.compile(r"[\x7f-\x9f\u2028-\u202e\u2066-\u206f\ufeff\ufff9-\ufffb]")


def printable(text: str) -> str:
    """`text` without what steers a terminal: control characters, escape sequences, marks that turn the reading order.

    Line ends and tabs stay, and so do the joiners, tags and marks that emoji and scripts need.
    """
    return _STEERING.sub("", text)


def say(text: str) -> None:
    """Print a result on standard output, in a terminal wrapped at words; what is in it cannot steer the terminal."""
    text = printable(text)
    print(wrapped(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text)


def wrapped(text: str, width: int) -> str:
    """`text` in lines of at most `width` columns that end between words; a longer word stays whole."""
    return "\n".join(_wrap(line, max(width, 20)) for line in text.split("\n"))


def _wrap(line: str, width: int) -> str:
    # Lines that fit stay as they are, spaces and all.
    if len(line) <= width:
        return line
    return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)


def many(count: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 post`, `943 posts`, `2 indices` where the plural is given."""
    return f"{count:,} {noun if count == 1 else plural or noun + 's'}"


def print_json(value: Any) -> None:
    """Print JSON on standard output; where that is not UTF-8, with escapes, which every reader of JSON knows."""
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    text = json.dumps(value, ensure_ascii=plain, indent=2)
    # JSON escapes only some of what steers a terminal; inside its strings the rest may be escaped too.
    print(_UNESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", text))


def clock(seconds: float) -> str:
    """Seconds as `42s`, `3m 20s` or `2h 05m`."""
    whole = max(0, round(seconds))
    minutes, rest = divmod(whole, 60)
    if minutes < 1:
        return f"{rest}s"
    return f"{minutes}m {rest:02}s" if minutes < 60 else f"{minutes // 60}h {minutes % 60:02}m"


def run_and_exit(command: Callable[[], object], debug: bool = False) -> NoReturn:
    """Run `command` and exit; with `debug` its errors are raised."""
    print_safely()
    end_as_by_ctrl_c()
    try:
        command()
    except SystemExit as stop:
        _leave(stop.code if isinstance(stop.code, int) else int(bool(stop.code)))
    except BrokenPipeError:
        _leave_quietly(0)
    except BaseException as error:
        if debug:
            raise
        _leave(_tell(error))
    _leave(0)


def end_as_by_ctrl_c() -> None:
    """Let SIGTERM and SIGHUP do what Ctrl-C does at that moment; one that is ignored (`nohup`) stays ignored."""
    if threading.current_thread() is not threading.main_thread():
        return
    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, _end)


def _end(number: int, frame: FrameType | None) -> None:
    handler = signal.getsignal(signal.SIGINT)
    # A shell starts jobs in the background with Ctrl-C ignored; the other signals end those nevertheless.
    (handler if callable(handler) else signal.default_int_handler)(number, frame)


def print_safely() -> None:
    """A character that the terminal cannot show is printed as `?` and never ends a run."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # Windows would write a file in the code page of the day.
            in_file = sys.platform == "win32" and not stream.isatty()
            reconfigure(errors="replace", encoding="utf-8" if in_file else None)


def _tell(error: BaseException) -> int:
    """Print one sentence for the user; return the exit code."""
    code, text = 1, ""
    if isinstance(error, PennameError):
        code, text = error.exit_code, str(error)
    elif isinstance(error, KeyboardInterrupt):
        code, text = Interrupted.exit_code, "Stopped."
    elif isinstance(error, MemoryError):
        text = "The machine ran out of memory: close other programs and run the same command again."
    elif isinstance(error, OSError) and error.strerror:
        text = f"{error.filename or 'A file'} could not be read or written: {error.strerror}."
    else:
        text = (
            f"Something went wrong that penname did not expect ({type(error).__name__}: {error}): run the same "
            "command with --debug to see where."
        )
    # A terminal that was closed takes no sentence any more; the exit code stands.
    with contextlib.suppress(OSError):
        text = printable(" ".join(text.split()))
        if sys.stderr.isatty():
            text = wrapped(text, shutil.get_terminal_size().columns)
        print(text, file=sys.stderr, flush=True)
    return code


def _leave(code: int) -> NoReturn:
    """Exit; output that can't be written any more (`penname stats SITE | head`) is no error."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _leave_quietly(code)
    except OSError as error:
        print(f"The output could not be written ({error.strerror}).", file=sys.stderr)
        code = code or 1
    sys.exit(code)


def _leave_quietly(code: int) -> NoReturn:
    # Python flushes standard output once more at the very end; let it go nowhere.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(code)
