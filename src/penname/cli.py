"""The commands: each parses, calls one function, and prints.

    penname stats my-blog --json

In: the command line. Out: results on standard output, everything else on standard error; an exit code: 0 done,
1 failed, 2 the input cannot be used, 130 stopped. Nothing heavy is imported before a command runs.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from penname.core.errors import InputError, Interrupted

if TYPE_CHECKING:
    from penname.blog.read import ReadOptions


class Verbs(typer.core.TyperGroup):
    """The commands; Ctrl-C in any of them is an `Interrupted`."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command of `ctx`."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stop:
            raise Interrupted("Stopped.") from stop


app = typer.Typer(
    name="penname",
    cls=Verbs,
    help="A private language model that writes under your pen name. It reads your Publii blog, learns its voice on "
    "this machine, and writes drafts in it. Nothing is sent anywhere.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

SiteArgument = Annotated[
    Path,
    typer.Argument(metavar="SITE", help="A Publii site: its folder, input folder, db.sqlite or backup .tar."),
]
WorkspaceOption = Annotated[
    Path | None,
    typer.Option("--workspace", "-w", metavar="DIR", help="The blog's workspace. [default: SITE.penname]"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
PagesOption = Annotated[bool, typer.Option("--pages", help="Read pages too.")]
DraftsOption = Annotated[bool, typer.Option("--drafts", help="Read drafts too.")]
TrashedOption = Annotated[bool, typer.Option("--trashed", help="Read what lies in the trash too.")]
CodeOption = Annotated[bool, typer.Option("--code", help="Keep code blocks.")]
PrivateOption = Annotated[
    bool,
    typer.Option("--keep-private", help="Do not mask e-mail addresses, telephone numbers, keys and tokens."),
]
BoilerplateOption = Annotated[
    bool, typer.Option("--keep-boilerplate", help="Keep paragraphs that stand word for word in many posts.")
]
ModelOption = Annotated[
    Path | None,
    typer.Option(
        "--model", "-m", metavar="DIR", help="A model folder. [default: the workspace's, else the base]"
    ),
]
DeviceOption = Annotated[str, typer.Option(metavar="auto|cpu|cuda|mps|xpu", help="The device to use.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed of everything random.")]
SplitOption = Annotated[
    str,
    typer.Option(
        "--split", metavar="hash|newest", help="How posts are held out: by a stable hash, or the newest."
    ),
]
CapOption = Annotated[
    float, typer.Option("--cap", help="Largest share of a pass of training that one post may take.")
]


@dataclass
class Shown:
    """What the options before the command say about output."""

    quiet: bool = False
    debug: bool = False


shown = Shown()


def _print_version(wanted: bool) -> None:
    if wanted:
        from penname import __version__

        print(f"penname {__version__}")
        raise typer.Exit()


@app.callback()
def options(
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print results and warnings only.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Options of every command."""
    shown.quiet, shown.debug = quiet, debug


@app.command()
def demo(workspace: WorkspaceOption = None) -> None:
    """Walk the whole way on the sample blog, in minutes."""
    from penname.use.demo import run_demo

    with _showing():
        run_demo(workspace or Path("penname-demo"), _console())


@app.command()
def stats(
    site: SiteArgument,
    pages: PagesOption = False,
    drafts: DraftsOption = False,
    trashed: TrashedOption = False,
    code: CodeOption = False,
    keep_private: PrivateOption = False,
    keep_boilerplate: BoilerplateOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show the tables of a blog, and whether it is enough."""
    from penname.blog.read import read_blog
    from penname.blog.stats import blog_stats
    from penname.blog.stats_table import print_stats

    with _showing():
        found = blog_stats(
            read_blog(site, _reading(pages, drafts, trashed, code, keep_private, keep_boilerplate))
        )
    if as_json:
        _print_json(found.to_json())
    else:
        print_stats(found, _console())


@app.command()
def prepare(
    site: SiteArgument,
    workspace: WorkspaceOption = None,
    split: SplitOption = "hash",
    cap: CapOption = 0.2,
    tokenizer: Annotated[
        bool,
        typer.Option("--tokenizer/--no-tokenizer", help="Also train a tokenizer, for a model from scratch."),
    ] = True,
    vocabulary: Annotated[
        int, typer.Option(help="Entries of the tokenizer. [default: by the blog's size]")
    ] = 0,
    again: Annotated[bool, typer.Option("--again", help="Do it although nothing has changed.")] = False,
    pages: PagesOption = False,
    drafts: DraftsOption = False,
    trashed: TrashedOption = False,
    code: CodeOption = False,
    keep_private: PrivateOption = False,
    keep_boilerplate: BoilerplateOption = False,
) -> None:
    """Write the blog's clean text into its workspace."""
    from penname.text.prepare import PrepareOptions, workspace_for
    from penname.text.prepare import prepare as prepare_site

    chosen = PrepareOptions(
        read=_reading(pages, drafts, trashed, code, keep_private, keep_boilerplate),
        how=split,
        cap=cap,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        again=again,
    )
    with _showing():
        place = workspace_for(site, workspace)
        with _working(place, "penname prepare"):
            prepared = prepare_site(site, place, chosen)
    print(
        f"{place.folder}: {len(prepared.posts):,} posts, {sum(post.words for post in prepared.posts):,} words."
    )


@app.command()
def books(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Books on this machine: text, HTML, EPUB, or a mirror."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where the shards go.")] = Path(
        "books"
    ),
    mirror: Annotated[
        str | None, typer.Option(metavar="URL", help="Fetch from this mirror of Project Gutenberg instead.")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Language to keep. [default: en]")] = None,
    subject: Annotated[list[str] | None, typer.Option(help="Keep books with this in their subjects.")] = None,
    author: Annotated[
        list[str] | None, typer.Option(help="Keep books by authors with this in their name.")
    ] = None,
    from_year: Annotated[
        int | None, typer.Option(help="Keep authors who were alive from this year on.")
    ] = None,
    to_year: Annotated[int | None, typer.Option(help="Keep authors who were alive up to this year.")] = None,
    limit: Annotated[int | None, typer.Option(help="The most books to take.")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Gutenberg's pg_catalog.csv.")
    ] = None,
    min_words: Annotated[int, typer.Option(help="Shorter documents are dropped.")] = 300,
    duplicates: Annotated[
        float, typer.Option(help="Drop what shares this part of its text with another; 0: keep.")
    ] = 0.5,
    shard_mb: Annotated[int, typer.Option("--shard-mb", help="Size of a shard, in MB.")] = 100,
    compression: Annotated[
        str, typer.Option(metavar="bz2|xz|gz|none", help="How shards are packed.")
    ] = "bz2",
    seed: Annotated[int, typer.Option(help="Order of the documents.")] = 0,
) -> None:
    """Turn books into clean text for `penname pretrain`."""
    from penname.text.books.mirror import Mirror
    from penname.text.books.options import BooksOptions
    from penname.text.books.shelf import build_shelf

    if (folder is None) == (mirror is None):
        raise InputError(
            "Name either a folder of books or a mirror: penname books FOLDER, or penname books --mirror URL."
        )
    chosen = BooksOptions(
        languages=tuple(language or ["en"]),
        subjects=tuple(subject or []),
        authors=tuple(author or []),
        years=(from_year, to_year),
        limit=limit,
        catalogue=catalogue,
        min_words=min_words,
        duplicates=duplicates,
        shard_mb=shard_mb,
        compression=compression,
        seed=seed,
    )
    with _showing():
        report = build_shelf(folder or Mirror(mirror or ""), out, chosen)
    print(f"{out}: {report.documents:,} documents, {report.words:,} words in {len(report.shards)} shards.")


@app.command()
def pretrain(
    books: Annotated[list[Path], typer.Argument(metavar="BOOKS...", help="Text files, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="DIR", help="Where everything goes.")] = Path(
        "base"
    ),
    recipe: Annotated[str, typer.Option(help="A recipe of penname's, or a TOML file.")] = "base",
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A tokenizer.json. [default: trained on the books]")
    ] = None,
    minutes: Annotated[float | None, typer.Option(help="Stop in time, the learning rate at zero.")] = None,
    passes: Annotated[
        float | None, typer.Option(help="Times the text is read. [default: the recipe's]")
    ] = None,
    device: DeviceOption = "auto",
    seed: SeedOption = None,
) -> None:
    """Train a base model on books, on one GPU or many."""
    from penname.model.package import package_base
    from penname.model.parallel import is_first
    from penname.model.pretrain import PretrainOptions, save_result
    from penname.model.pretrain import pretrain as train_base

    chosen = PretrainOptions(out, recipe, device, tokenizer, minutes, passes, seed=seed)
    with _showing():
        result = train_base(books, chosen)
        if is_first():
            save_result(result, out)
            package_base(out, books, result)
            print(f"{out / 'base'}: {result.fitted.steps:,} steps in {result.seconds / 60:.0f} minutes.")


@app.command()
def score(
    files: Annotated[
        list[Path], typer.Argument(metavar="TEXTFILE...", help="UTF-8 text, also .gz, .bz2 and .xz.")
    ],
    model: ModelOption = None,
    workspace: WorkspaceOption = None,
    device: DeviceOption = "auto",
    as_json: JsonOption = False,
) -> None:
    """Measure how well a model predicts text, in bits per byte."""
    from penname.core.device import pick_device
    from penname.model.base import load_base
    from penname.use.score import score_files

    with _showing():
        found = score_files(files, load_base(_model(model, workspace)), pick_device(device), show=True)
    if as_json:
        _print_json(found)
        return
    rows = [*found["files"], {**found, "path": "all"}] if len(files) > 1 else found["files"]
    for row in rows:
        print(f"{row['bits_per_byte']:.4f} bits per byte  {row['bytes']:>12,} bytes  {row['path']}")


@app.command()
def export(
    form: Annotated[
        str, typer.Argument(metavar="hf|gguf", help="A Hugging Face folder, or a file for llama.cpp.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="PATH", help="The folder or file to write.")],
    kind: Annotated[
        str, typer.Option("--type", metavar="q8_0|f16|f32", help="Weights of a GGUF file.")
    ] = "q8_0",
    model: ModelOption = None,
    workspace: WorkspaceOption = None,
) -> None:
    """Write a model as files that other programs run."""
    from penname.model.base import load_base
    from penname.use.export import export_gguf, export_hf

    if form not in ("hf", "gguf"):
        raise InputError(f"Models are exported as hf or gguf, not as {form!r}.")
    with _showing():
        loaded = load_base(_model(model, workspace))
        written = export_hf(loaded, out) if form == "hf" else export_gguf(loaded, out, kind)  # type: ignore[arg-type]
    print(written)


@app.command()
def doctor(workspace: WorkspaceOption = None, as_json: JsonOption = False) -> None:
    """Say what is here, what is used and why."""
    from penname.use.doctor import examine, print_findings, to_json

    with _showing():
        findings = examine(workspace)
    if as_json:
        _print_json(to_json(findings))
    else:
        print_findings(findings, _console())
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code; whatever goes wrong is one sentence on standard error."""
    from penname.core.exits import run_and_exit

    words = _flags_first(list(sys.argv[1:] if arguments is None else arguments))
    run_and_exit(lambda: app(args=words, prog_name="penname"), debug="--debug" in words)


def _flags_first(arguments: list[str]) -> list[str]:
    """Let --quiet and --debug stand anywhere before a `--`, not only before the command."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    flags = [word for word in arguments[:end] if word in ("--quiet", "--debug")]
    return flags + [word for word in arguments[:end] if word not in flags] + arguments[end:]


@contextlib.contextmanager
def _showing() -> Iterator[None]:
    """Show events while the block runs."""
    from penname.core.terminal import Settings, show_events

    # Of several processes that train together the first one speaks.
    with show_events(Settings(quiet=shown.quiet or os.environ.get("RANK", "0") != "0")):
        yield


@contextlib.contextmanager
def _working(place: Any, who: str) -> Iterator[None]:
    """Hold a workspace's lock and keep its log while the block runs."""
    from penname.core import events

    with place.lock(who), events.listening(events.LogFile(place.log)):
        events.emit("command", who, time=time.strftime("%Y-%m-%dT%H:%M:%S%z"))
        yield


def _reading(
    pages: bool, drafts: bool, trashed: bool, code: bool, keep_private: bool, keep_boilerplate: bool
) -> "ReadOptions":
    from penname.blog.read import ReadOptions

    return ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate)


def _model(model: Path | None, workspace: Path | None) -> Path | None:
    """The model folder that is meant: named, or in the workspace, or none, which is the base."""
    from penname.core.workspace import model_in

    return model or model_in(workspace)


def _console() -> Any:
    """A console on standard output; a file or a pipe gets wide lines, so that programs can read them."""
    from rich.console import Console

    width = None if sys.stdout.isatty() else 110
    return Console(highlight=False, width=width)


def _print_json(value: Any) -> None:
    plain = not (sys.stdout.encoding or "").lower().startswith("utf")
    print(json.dumps(value, ensure_ascii=plain, indent=2))
