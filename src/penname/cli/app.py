"""What all commands share: the options before the command, the events shown while one runs, the model that is meant.

@app.command()
def stats(site: given.Site) -> None: ...
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from penname.cli import arguments as given
from penname.core.errors import InputError, Interrupted


class Verbs(typer.core.TyperGroup):
    """The commands; Ctrl-C in any of them is an `Interrupted`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of `ctx`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise Interrupted("Stopped.") from stop


class WithBase(typer.core.TyperCommand):
    """A command whose `--base` may stand alone, for the base that came with penname, or before another base."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Give each `--base` that stands alone its value."""
        return super().parse_args(ctx, with_values(args))


def with_values(words: list[str]) -> list[str]:
    """`--base` without a base behind it means the shipped one: what follows is the command's own.

    with_values(["--base", "Once upon a time"])     # ["--base=shipped", "Once upon a time"]
    """
    found: list[str] = []
    for number, word in enumerate(words):
        alone = word == "--base" and not (number + 1 < len(words) and _is_base(words[number + 1]))
        found.append(f"--base={given.SHIPPED}" if alone and "--" not in words[:number] else word)
    return found


def _is_base(word: str) -> bool:
    """Whether a word names a base: a GGUF file, there or not, a folder that holds a model, or one that is listed."""
    path = Path(word)
    if path.suffix.lower() == ".gguf" or word == given.SHIPPED:
        return True
    try:
        if path.is_dir():
            return any((path / name).is_file() for name in ("config.json", "weights.safetensors"))
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except (OSError, ValueError):
        from penname.model.bases import is_listed

        return is_listed(word)


app = typer.Typer(
    name="penname",
    cls=Verbs,
    help="A private language model that writes under your pen name. It reads your Publii blog, learns its voice on "
    "this machine, and writes drafts in it. Nothing is sent anywhere.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass
class Shown:
    """What the options before the command say about output."""

    quiet: bool = False
    debug: bool = False
    explain: bool = False


shown = Shown()


def _print_version(wanted: bool) -> None:
    if wanted:
        from penname import __version__

        print(f"penname {__version__}")
        raise typer.Exit()


Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)]


_WAY = """\
Publii keeps its sites in {sites}{found}.

1. See what is there, and whether it is enough:   penname stats SITE
2. See how many minutes it takes here:            penname plan SITE
3. Learn how you write, and read the report:      penname train SITE
4. Write three drafts:                            penname write "Your title" --title -n 3

No site at hand: penname demo takes the sample blog. All commands: penname --help"""


def _show_the_way() -> None:
    """What to do first, or next: the sites that Publii keeps here, and the command for each step."""
    from penname.core.terminal import say

    sites = Path.home() / "Documents" / "Publii" / "sites"
    names = sorted(each.name for each in sites.glob("*") if (each / "input" / "db.sqlite").is_file())
    say(_WAY.format(sites=sites, found=f": {', '.join(names)}" if names else " (none is there)"))


@app.callback(invoke_without_command=True)
def options(
    context: typer.Context,
    quiet: given.Quiet = False,
    explain: given.Explain = False,
    debug: given.Debug = False,
    version: Version = False,
) -> None:
    """Options of every command."""
    shown.quiet, shown.explain, shown.debug = quiet, explain, debug
    if context.invoked_subcommand is None:
        _show_the_way()


@contextlib.contextmanager
def showing(moving: bool = True, brief: bool = False) -> Iterator[None]:
    """Show events while the block runs; without `moving` no line moves, so that text can stream beside it.

    With `brief` only what everybody should read, unless `--explain` was given; log.jsonl has the rest.
    """
    from penname.core.progress import Settings, show_events

    # Of several processes that train together the first one speaks.
    quiet = shown.quiet or os.environ.get("RANK", "0") != "0"
    with show_events(Settings(quiet=quiet, moving=moving, explain=shown.explain or not brief)):
        yield


def _no_model() -> Path:
    raise InputError(
        f"No model was found in {Path.cwd()}: name one with --workspace or --model, or give --base to take the base "
        "that came with penname, which has not read your blog."
    )


def model_meant(model: Path | None, workspace: Path | None, base: Path | None) -> Path:
    """The model that is meant: a base, the folder named, or the workspace's.

    Raises `InputError` where there is none: the base as it was is taken only when `--base` asks for it.
    """
    from penname.core.workspace import model_in

    if base is None:
        return model or model_in(workspace) or _no_model()
    if model is not None or workspace is not None:
        raise InputError("--base is a model as it was before your blog: it goes with neither --model nor --workspace.")
    if str(base) != given.SHIPPED:
        return base
    from penname.model.base import shipped_folder

    return shipped_folder()
