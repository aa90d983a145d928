"""Commands that take a blog: look at it, prepare it, learn from it."""

from pathlib import Path

from penname.cli import arguments as given
from penname.cli.app import app, showing, shown
from penname.core.terminal import many, say


@app.command()
def demo(
    workspace: given.WorkspaceFolder = None, minutes: given.DemoMinutes = 3.0, device: given.Device = "auto"
) -> None:
    """Walk the whole way on the sample blog, in minutes."""
    from penname.cli.demo import run_demo
    from penname.core.progress import console
    from penname.train.options import TrainOptions

    chosen = TrainOptions(workspace=workspace or Path("penname-demo.penname"), minutes=minutes, device=device)
    with showing(brief=True):
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
    from penname.core.progress import console
    from penname.core.terminal import print_json
    from penname.corpus.read import ReadOptions, read_blog
    from penname.corpus.stats import blog_stats
    from penname.corpus.stats_table import print_stats

    wanted = ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate)
    with showing():
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
    from penname.core.workspace import default_folder, unless_refused
    from penname.corpus.prepare import PrepareOptions, workspace_for
    from penname.corpus.prepare import prepare as prepare_site
    from penname.corpus.read import ReadOptions
    from penname.sources.find import open_source

    chosen = PrepareOptions(
        read=ReadOptions(pages, drafts, trashed, code, keep_private, keep_boilerplate),
        how=split,
        cap=cap,
        tokenizer=tokenizer,
        vocabulary=vocabulary,
        again=again,
    )
    with (
        showing(),
        open_source(site, chosen.read.wanted) as source,
        unless_refused(workspace or default_folder(source.name)),
    ):
        place = workspace_for(source, workspace)
        with place.at_work("penname prepare"):
            prepared = prepare_site(source, place, chosen)
    say(f"{place.folder}: {many(prepared.count, 'post')}, {many(prepared.words, 'word')}.")


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
    interpolation: given.Interpolation = None,
    split: given.SplitHow = "hash",
    cap: given.Cap = 0.2,
    device: given.Device = "auto",
    memory: given.Memory = None,
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
    from penname.corpus.read import ReadOptions
    from penname.judge.judging import judge_trained
    from penname.train.options import TrainOptions
    from penname.train.site import train_site
    from penname.tune.report import tuned_sections

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
        interpolation=interpolation,
        device=device,
        memory=memory,
        seed=seed,
        anyway=anyway,
        again=again,
    )
    with showing(brief=True):
        trained = train_site(site, chosen)
        report = judge_trained(trained, chosen, others=tuned_sections(trained.workspace)) if judged else None
    if report is not None:
        say("\n".join([*report.verdict, f"The report: {report.page}"]))
    say(
        f'{trained.workspace.model} is ready: penname write --workspace {trained.workspace.folder} "Your title" --title'
    )


@app.command()
def tune(
    site: given.Site,
    workspace: given.WorkspaceFolder = None,
    minutes: given.TuneMinutes = None,
    trials: given.Trials = None,
    trial_seconds: given.TrialSeconds = None,
    proposer: given.ProposedBy = "tpe",
    setting: given.TunedSettings = None,
    until_good: given.UntilGood = False,
    base: given.BaseModel = None,
    split: given.SplitHow = "hash",
    cap: given.Cap = 0.2,
    device: given.Device = "auto",
    seed: given.ProposalSeed = 1,
    anyway: given.Anyway = False,
    again: given.TuneAnew = False,
) -> None:
    """Try settings until they are good, with a ledger; the same command goes on after a stop."""
    from penname.core.progress import console, make_table
    from penname.tune.tune import TuneOptions, tune_site

    chosen = TuneOptions(
        workspace=workspace,
        how=split,
        cap=cap,
        base=base,
        minutes=minutes,
        trials=trials,
        trial_seconds=trial_seconds,
        proposer=proposer,
        settings=tuple(setting or ()),
        until_good=until_good,
        device=device,
        seed=seed,
        anyway=anyway,
        again=again,
    )
    with showing():
        report = tune_site(site, chosen)
    console().print(make_table("The last trials", report.columns, report.rows))
    say("\n".join([*report.verdict, f"The page: {report.page}. The best model: {report.workspace.model}"]))


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
    memory: given.Memory = None,
    seed: given.TrainSeed = 1,
    anyway: given.Anyway = False,
) -> None:
    """Say what `penname train` would do, and how long it would take."""
    from penname.train.options import TrainOptions
    from penname.train.site import plan_site

    chosen = TrainOptions(
        workspace=workspace,
        base=base,
        from_scratch=from_scratch,
        minutes=minutes,
        steps=steps,
        passes=passes,
        device=device,
        memory=memory,
        seed=seed,
        anyway=anyway,
    )
    with showing(brief=True):
        found = plan_site(site, chosen)
    say("\n".join(found.reasons if shown.explain else found.reasons[:1]))
    if not shown.explain:
        say("--explain shows every choice with its reason.")
