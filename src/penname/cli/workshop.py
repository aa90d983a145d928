"""Commands that take neither: books, base models, and what this machine can do."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from penname.cli import arguments as given
from penname.cli.app import app, showing
from penname.core.errors import InputError
from penname.core.terminal import say

if TYPE_CHECKING:
    from penname.books.catalogue import BooksOptions


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
    engine: given.BookEngine = "own",
    tasks: given.Tasks = 1,
    workers: given.Workers = 1,
    engine_setting: given.EngineSettings = None,
) -> None:
    """Turn books into clean text for `penname pretrain`."""
    from penname.books.catalogue import BooksOptions
    from penname.books.mirror import Mirror
    from penname.books.shelf import build_shelf

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
    if engine != "own":
        _books_on(engine, folder, out, chosen, tasks, workers, engine_setting or [])
        return
    with showing():
        report = build_shelf(folder or Mirror(mirror or ""), out, chosen)
    say(f"{out}: {report.documents:,} documents, {report.words:,} words in {len(report.shards)} shards.")


def _books_on(
    engine: str, folder: Path | None, out: Path, chosen: "BooksOptions", tasks: int, workers: int, words: list[str]
) -> None:
    from penname.books.pipeline import Engine, run_pipeline, shards_of

    if folder is None:
        raise InputError(f"--engine {engine} reads a folder: fetch the books first (penname books --mirror URL).")
    if wrong := [word for word in words if "=" not in word]:
        raise InputError(f"--engine-setting is NAME=VALUE, not {wrong[0]}.")
    pairs = (word.split("=", 1) for word in words)
    settings = {name: int(value) if value.isdigit() else value for name, value in pairs}
    kind = "local" if engine == "datatrove" else engine
    with showing():
        run_pipeline(folder, out, chosen, Engine(kind, tasks, workers, settings))
    if kind == "slurm":
        say(f"{out}: {tasks} tasks were handed to Slurm; the shelf is done when its last job is.")
    else:
        say(f"{out}: {len(shards_of(out, chosen))} shards.")


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
    checkpoints: given.Checkpoints = None,
    save_minutes: given.SaveMinutes = 5.0,
    part_mb: given.PartMegabytes = 512,
    micro_rows: given.MicroRows = None,
    teacher: given.TeacherFolder = None,
    start: given.StartFolder = None,
) -> None:
    """Train a base model on books, on one GPU or many (docs/several-gpus.md)."""
    from penname.train.package import package_base
    from penname.train.parallel import is_first
    from penname.train.pretrain import PretrainOptions, save_result
    from penname.train.pretrain import pretrain as train_base

    chosen = PretrainOptions(
        out,
        recipe,
        device,
        tokenizer,
        minutes,
        passes,
        checkpoints=checkpoints,
        save_minutes=save_minutes,
        part_megabytes=part_mb,
        seed=seed,
        micro_rows=micro_rows,
        teacher=teacher,
        start=start,
    )
    with showing():
        result = train_base(books, chosen)
        if is_first():
            save_result(result, out)
            package_base(out, books, result)
            say(f"{out / 'base'}: {result.fitted.steps:,} steps in {result.fitted.seconds / 60:.0f} minutes.")


@app.command()
def bench(device: given.Device = "auto", out: given.BenchFile = None, as_json: given.AsJson = False) -> None:
    """Measure how fast each device here is, and say how long a blog takes."""
    from penname.core.files import write_json
    from penname.core.terminal import print_json
    from penname.train.bench import as_text
    from penname.train.bench import bench as measure

    with showing():
        found = measure(device)
    if out is not None:
        write_json(out, found.to_json())
    if as_json:
        print_json(found.to_json())
    else:
        say(as_text(found))


@app.command()
def bases(words: given.BlogWords = 100_000, device: given.Device = "auto", as_json: given.AsJson = False) -> None:
    """List the bases on this machine, what each would take, and how to get a better one."""
    from penname.core.device import pick_device
    from penname.core.events import task
    from penname.core.progress import console, make_table
    from penname.core.terminal import print_json
    from penname.model.base import GET_SMOLLM2
    from penname.model.bases import find_bases
    from penname.train.bases import COLUMNS, base_rows

    with showing(), task("Looking for bases"):
        rows = base_rows(find_bases(), words, pick_device(device))
    if as_json:
        print_json({"words": words, "bases": [row.to_json() for row in rows], "get": GET_SMOLLM2})
        return
    title = f"Bases on this machine, memory and minutes for a blog of {words:,} words"
    console().print(make_table(title, COLUMNS, [row.cells() for row in rows]))
    for row in rows:
        if row.problem:
            say(f"{row.name} cannot be used: {row.problem}")
    say("penname train SITE --base NAME adapts one of them; nothing is downloaded.")
    say(f"A better base than penname's own: {GET_SMOLLM2}.")


@app.command()
def doctor(workspace: given.WorkspaceFolder = None, as_json: given.AsJson = False) -> None:
    """Say what is here, what is used and why."""
    from penname.cli.doctor import examine, print_findings, to_json
    from penname.core.progress import console
    from penname.core.terminal import print_json

    with showing():
        findings = examine(workspace)
    if as_json:
        print_json(to_json(findings))
    else:
        print_findings(findings, console())
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
