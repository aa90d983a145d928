"""The commands: each parses, calls one function, and prints.

    penname stats my-blog --json

In: the command line. Out: results on standard output, everything else on standard error; an exit code: 0 done,
1 failed, 2 the input cannot be used, 130 stopped. Nothing heavy is imported before a command runs.
"""

import sys
from collections.abc import Sequence

from penname.cli import ask, blog, model, serve, workshop
from penname.cli.app import app

VERBS = (blog, model, ask, serve, workshop)
"""The files of the commands, in the order in which `penname --help` lists them."""
RENAMED = {"--strength": "--interpolation", "--rate": "--learning-rate"}
"""Former names of options, which go on working."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; whatever goes wrong is one sentence on standard error."""
    from penname.core.terminal import run_and_exit

    words = _flags_first(_as_now(list(sys.argv[1:] if arguments is None else arguments)))
    run_and_exit(lambda: app(args=words, prog_name="penname"), debug="--debug" in words)


def _as_now(arguments: list[str]) -> list[str]:
    """Options that have another name by now, typed as they were, with a value behind `=` or not."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    parts = [word.partition("=") for word in arguments[:end]]
    return [RENAMED.get(name, name) + equals + value for name, equals, value in parts] + arguments[end:]


def _flags_first(arguments: list[str]) -> list[str]:
    """Let --quiet, --explain and --debug stand anywhere before a `--`, not only before the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [word for word in arguments[:end] if word in ("--quiet", "--explain", "--debug")]
    return flags + [word for word in arguments[:end] if word not in flags] + arguments[end:]
