"""Commands that take neither: books, base models, and what this machine can do."""

from pathlib import Path

import typer

from penname.cli import arguments as given
from penname.cli.app import app, showing
from penname.core.errors import InputError


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
    with showing():
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
    with showing():
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

    with showing():
        findings = examine(workspace)
    if as_json:
        print_json(to_json(findings))
    else:
        print_findings(findings, console())
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)
