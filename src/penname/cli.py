"""The commands: each parses, calls one function, and prints.

    penname stats my-blog --json

In: the command line. Out: results on standard output, everything else on standard error; an exit code: 0 done,
1 failed, 2 the input cannot be used, 130 stopped. Nothing heavy is imported before a command runs.
"""

import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
import typer.core

from penname import arguments as given
from penname.core.errors import InputError, Interrupted


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


Version = Annotated[bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_print_version)]


@app.callback()
def options(quiet: given.Quiet = False, debug: given.Debug = False, version: Version = False) -> None:
    """Options of every command."""
    shown.quiet, shown.debug = quiet, debug


@app.command()
def demo(
    workspace: given.WorkspaceFolder = None, minutes: given.DemoMinutes = 3.0, device: given.Device = "auto"
) -> None:
    """Walk the whole way on the sample blog, in minutes."""
    from penname.core.terminal import console
    from penname.use.demo import run_demo
    from penname.use.train import TrainOptions

    chosen = TrainOptions(workspace=workspace or Path("penname-demo"), minutes=minutes, device=device)
    with _showing():
        run_demo(chosen, console())


@app.command()
def stats(
    site: given.Site,
    pages: given.Pages = False,
    drafts: given.Drafts = False,
    trashed: given.Trashed = False,
    code: given.Code = False,
    keep_private: given.KeepPrivate = False,
    keep_boilerplate: given.KeepBoilerplate = False,
    as_json: given.AsJson = False,
) -> None:
    """Show the tables of a blog, and whether it is enough."""
    from penname.blog.read import ReadOptions, read_blog
    from penname.blog.stats import blog_stats
    from penname.blog.stats_table import print_stats
    from penname.core.terminal import console, print_json

    wanted = ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate)
    with _showing():
        found = blog_stats(read_blog(site, wanted))
    if as_json:
        print_json(found.to_json())
    else:
        print_stats(found, console())


@app.command()
def prepare(
    site: given.Site,
    workspace: given.WorkspaceFolder = None,
    split: given.SplitHow = "hash",
    cap: given.Cap = 0.2,
    tokenizer: given.WithTokenizer = True,
    vocabulary: given.Vocabulary = 0,
    again: given.Again = False,
    pages: given.Pages = False,
    drafts: given.Drafts = False,
    trashed: given.Trashed = False,
    code: given.Code = False,
    keep_private: given.KeepPrivate = False,
    keep_boilerplate: given.KeepBoilerplate = False,
) -> None:
    """Write the blog's clean text into its workspace."""
    from penname.blog.read import ReadOptions
    from penname.text.prepare import PrepareOptions, workspace_for
    from penname.text.prepare import prepare as prepare_site

    chosen = PrepareOptions(
        read=ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate),
        how=split,
        cap=cap,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        again=again,
    )
    with _showing():
        place = workspace_for(site, workspace)
        with place.at_work("penname prepare"):
            prepared = prepare_site(site, place, chosen)
    print(f"{place.folder}: {len(prepared.posts):,} posts, {sum(post.words for post in prepared.posts):,} words.")


@app.command()
def train(
    site: given.Site,
    workspace: given.WorkspaceFolder = None,
    minutes: given.TrainMinutes = None,
    from_scratch: given.FromScratch = False,
    base: given.BaseModel = None,
    steps: given.Steps = None,
    passes: given.BlogPasses = None,
    share: given.Share = None,
    rate: given.Rate = None,
    dropout: given.Dropout = None,
    goldfish: given.Goldfish = 0,
    strength: given.Strength = 1.0,
    split: given.SplitHow = "hash",
    cap: given.Cap = 0.2,
    device: given.Device = "auto",
    seed: given.TrainSeed = 1,
    anyway: given.Anyway = False,
    again: given.Again = False,
    judged: given.Judged = True,
    pages: given.Pages = False,
    drafts: given.Drafts = False,
    trashed: given.Trashed = False,
    code: given.Code = False,
    keep_private: given.KeepPrivate = False,
    keep_boilerplate: given.KeepBoilerplate = False,
) -> None:
    """Learn a blog's voice; the same command goes on after a stop."""
    from penname.blog.read import ReadOptions
    from penname.use.train import TrainOptions, judge_trained, train_site

    chosen = TrainOptions(
        workspace=workspace,
        read=ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate),
        how=split,
        cap=cap,
        base=base,
        from_scratch=from_scratch,
        minutes=minutes,
        steps=steps,
        passes=passes,
        share=share,
        rate=rate,
        dropout=dropout,
        goldfish=goldfish,
        strength=strength,
        device=device,
        seed=seed,
        anyway=anyway,
        again=again,
    )
    with _showing():
        trained = train_site(site, chosen)
        report = judge_trained(trained, site, chosen) if judged else None
    if report is not None:
        print("\n".join([*report.verdict, f"The report: {report.page}"]))
    print(
        f'{trained.workspace.model} is ready: penname write --workspace {trained.workspace.folder} "Your title" --title'
    )


@app.command()
def plan(
    site: given.Site,
    workspace: given.WorkspaceFolder = None,
    minutes: given.TrainMinutes = None,
    from_scratch: given.FromScratch = False,
    base: given.BaseModel = None,
    steps: given.Steps = None,
    passes: given.BlogPasses = None,
    device: given.Device = "auto",
    seed: given.TrainSeed = 1,
    anyway: given.Anyway = False,
) -> None:
    """Say what `penname train` would do, and how long it would take."""
    from penname.use.train import TrainOptions, plan_site

    chosen = TrainOptions(
        workspace=workspace,
        base=base,
        from_scratch=from_scratch,
        minutes=minutes,
        steps=steps,
        passes=passes,
        device=device,
        seed=seed,
        anyway=anyway,
    )
    with _showing():
        found = plan_site(site, chosen)
    print("\n".join(found.reasons))


@app.command()
def write(
    prompt: given.Prompt = None,
    workspace: given.WorkspaceFolder = None,
    model: given.ModelFolder = None,
    base: given.ShippedBase = False,
    count: given.Count = 1,
    title: given.Title = False,
    temperature: given.Temperature = None,
    top_k: given.TopK = None,
    top_p: given.TopP = None,
    min_p: given.MinP = None,
    repetition_penalty: given.RepetitionPenalty = None,
    no_repeat_ngram: given.NoRepeat = None,
    max_tokens: given.MaxTokens = None,
    min_tokens: given.MinTokens = None,
    seed: given.Seed = None,
    max_copy: given.MaxCopy = 12,
    stop: given.Stop = None,
    device: given.Device = "auto",
    precision: given.Precision = "auto",
    as_json: given.AsJson = False,
) -> None:
    """Write drafts in the blog's voice."""
    from penname.core.terminal import print_json
    from penname.use.write import WriteOptions, printer, read_prompt
    from penname.use.write import write as write_drafts

    sampling = {
        "temperature": temperature,
        "top_k": top_k,
        "top_p": top_p,
        "min_p": min_p,
        "repetition_penalty": repetition_penalty,
        "no_repeat_ngram": no_repeat_ngram,
        "max_tokens": max_tokens,
        "min_tokens": min_tokens,
        "seed": seed,
    }
    chosen = WriteOptions(
        workspace=workspace,
        model=_model(model, workspace, True) if base else model,
        drafts=count,
        title=title,
        sampling={name: value for name, value in sampling.items() if value is not None},
        max_copy=max_copy,
        stop=tuple(stop or ()),
        device=device,
        precision=precision,
    )
    with _showing(moving=False):
        written = write_drafts(read_prompt(prompt), chosen, None if as_json else printer(sys.stdout))
    if as_json:
        print_json(written.to_json())
    else:
        print()


@app.command()
def judge(
    workspace: given.WorkspaceFolder = None,
    quick: given.Quick = False,
    passages: given.Passages = 200,
    site: given.JudgedSite = None,
    base: given.BaseModel = None,
    max_copy: given.MaxCopy = 12,
    device: given.Device = "auto",
    seed: given.JudgeSeed = 0,
    again: given.Again = False,
    as_json: given.AsJson = False,
) -> None:
    """Measure what was learned and what was copied; write a report."""
    from penname.core.terminal import print_json
    from penname.core.workspace import find_workspace
    from penname.judge.judging import judge_workspace
    from penname.judge.subject import JudgeOptions

    chosen = JudgeOptions(passages, 200, seed, device, quick, max_copy=max_copy, base=base, site=site, again=again)
    place = find_workspace(workspace)
    with _showing(), place.at_work("penname judge"):
        report = judge_workspace(place, chosen)
    if as_json:
        print_json(report.figures)
    else:
        print("\n".join([*report.verdict, f"The report: {report.page}"]))


@app.command()
def score(
    files: given.Texts,
    model: given.ModelFolder = None,
    base: given.ShippedBase = False,
    workspace: given.WorkspaceFolder = None,
    device: given.Device = "auto",
    as_json: given.AsJson = False,
) -> None:
    """Measure how well a model predicts text, in bits per byte."""
    from penname.core.device import pick_device
    from penname.core.terminal import print_json
    from penname.model.base import load_base
    from penname.use.score import score_files

    with _showing():
        found = score_files(files, load_base(_model(model, workspace, base)), pick_device(device), show=True)
    if as_json:
        print_json(found)
        return
    rows = [*found["files"], {**found, "path": "all"}] if len(files) > 1 else found["files"]
    for row in rows:
        print(f"{row['bits_per_byte']:.4f} bits per byte  {row['bytes']:>12,} bytes  {row['path']}")


@app.command()
def export(
    form: given.Form,
    out: given.ExportPath,
    kind: given.GGUFKind = "q8_0",
    model: given.ModelFolder = None,
    base: given.ShippedBase = False,
    workspace: given.WorkspaceFolder = None,
) -> None:
    """Write a model as files that other programs run."""
    from penname.model.base import load_base
    from penname.use.export import export_gguf, export_hf

    if form not in ("hf", "gguf"):
        raise InputError(f"Models are exported as hf or gguf, not as {form!r}.")
    with _showing():
        loaded = load_base(_model(model, workspace, base))
        written = export_hf(loaded, out) if form == "hf" else export_gguf(loaded, out, kind)  # type: ignore[arg-type]
    print(written)


@app.command()
def books(
    folder: given.BookFolder = None,
    out: given.ShelfFolder = Path("books"),
    mirror: given.MirrorUrl = None,
    language: given.Languages = None,
    subject: given.Subjects = None,
    author: given.Authors = None,
    from_year: given.FromYear = None,
    to_year: given.ToYear = None,
    limit: given.Limit = None,
    catalogue: given.Catalogue = None,
    min_words: given.MinWords = 300,
    duplicates: given.Duplicates = 0.5,
    shard_mb: given.ShardMegabytes = 100,
    compression: given.Compression = "bz2",
    seed: given.Order = 0,
) -> None:
    """Turn books into clean text for `penname pretrain`."""
    from penname.text.books.mirror import Mirror
    from penname.text.books.options import BooksOptions
    from penname.text.books.shelf import build_shelf

    if (folder is None) == (mirror is None):
        raise InputError("Name either a folder of books (penname books FOLDER) or a mirror (--mirror URL).")
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
    books: given.Books,
    out: given.BaseFolder = Path("base"),
    recipe: given.RecipeName = "base",
    tokenizer: given.TokenizerFile = None,
    minutes: given.Minutes = None,
    passes: given.Passes = None,
    device: given.Device = "auto",
    seed: given.Seed = None,
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
def doctor(workspace: given.WorkspaceFolder = None, as_json: given.AsJson = False) -> None:
    """Say what is here, what is used and why."""
    from penname.core.terminal import console, print_json
    from penname.use.doctor import examine, print_findings, to_json

    with _showing():
        findings = examine(workspace)
    if as_json:
        print_json(to_json(findings))
    else:
        print_findings(findings, console())
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
def _showing(moving: bool = True) -> Iterator[None]:
    """Show events while the block runs; without `moving` no line moves, so that text can stream beside it."""
    from penname.core.terminal import Settings, show_events

    # Of several processes that train together the first one speaks.
    quiet = shown.quiet or os.environ.get("RANK", "0") != "0"
    with show_events(Settings(quiet=quiet, moving=moving)):
        yield


def _model(model: Path | None, workspace: Path | None, base: bool) -> Path | None:
    """The model folder that is meant: the shipped base, the one named, or the workspace's; none is the base too."""
    from penname.core.workspace import model_in

    if not base:
        return model or model_in(workspace)
    if model is not None or workspace is not None:
        raise InputError("--base is the model that came with penname: it goes with neither --model nor --workspace.")
    from penname.model.base import shipped_folder

    return shipped_folder()
