"""Errors are messages for the user: what happened, why, and what to do.

    PennameError           exit code 1   something failed on the way
    |-- InputError         exit code 2   what the user gave cannot be used
    `-- Interrupted        exit code 130 the user stopped it; the message says how to go on

`cli.main` prints the message in one sentence and exits with `exit_code`; a traceback is a bug.
"""


class PennameError(Exception):
    """A failure with a sentence for the user; `str(error)` is that sentence."""

    exit_code = 1


class InputError(PennameError):
    """The input cannot be used; the sentence says what to give instead."""

    exit_code = 2


class Interrupted(PennameError):
    """Stopped by the user after saving; the sentence says how to go on."""

    exit_code = 130
