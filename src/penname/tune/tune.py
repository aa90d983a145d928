"""Tune the settings to a blog: what `penname tune` does.

    report = tune_site(Path("my-blog"), TuneOptions(minutes=30))
    for sentence in report.verdict: print(sentence)

In: a site. Out: a workspace with the best model found in `model/`, a row of `results.csv` for each trial, Optuna's
study in `tune/study.journal`, and the page `tuning.html`. The same command goes on after a stop; several processes
with the same workspace share the study, one on each device. The test posts are not looked at.
"""

import contextlib
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from penname.core import events
from penname.core.device import Device, pick_device
from penname.core.errors import InputError
from penname.core.terminal import clock
from penname.core.workspace import Workspace, content_hash, file_hashes
from penname.corpus.prepare import workspace_for
from penname.corpus.read import ReadOptions
from penname.judge.judging import TARGET, make_subject
from penname.judge.subject import Candidate, JudgeOptions
from penname.judge.target import is_edited
from penname.model.base import base_folder, base_title, general_texts, is_open, load_base
from penname.sources.find import open_source
from penname.train.options import TrainOptions, prepared_blog
from penname.tune.ground import Ground
from penname.tune.ledger import make_rows
from penname.tune.loop import FOLDER, Budget, Loop
from penname.tune.proposers import find_proposer
from penname.tune.report import PAGE, verdict
from penname.tune.standing import afterwards, find_standing
from penname.tune.study import open_study, study_names
from penname.tune.tunables import OPTIONAL, TUNABLES

_MINUTES, _MINUTES_SLOW = 10.0, 30.0
"""In all, on an accelerator and on a CPU."""
_TRIALS, _TRIALS_SLOW = 30, 16
"""Trials that the time is divided by; pruned ones take less, so there will be more."""
_TRAINING = 0.6
"""Share of a trial that trains; the rest judges."""
_LEAST, _MOST = 8.0, 600.0
"""Seconds of training of a trial."""

_LEAST_WORDS = 2_000
"""Words of validation posts by which settings can be told apart."""


@dataclass(frozen=True)
class TuneOptions:
    """How a blog is tuned to; None leaves the choice to the program."""

    workspace: Path | None = None
    """The blog's workspace."""
    read: ReadOptions = field(default_factory=ReadOptions)
    """What is read."""
    how: str = "hash"
    """How posts are held out: `hash` or `newest`."""
    cap: float = 0.2
    """Largest share of a pass that one post may take."""
    base: Path | None = None
    """A local model folder to adapt instead of the shipped base."""
    minutes: float | None = None
    """Time in all, earlier sittings of the same study included; 30 on a CPU and 10 elsewhere unless given."""
    trials: int | None = None
    """Trials in all, over all sittings and processes."""
    trial_seconds: float | None = None
    """Seconds of training of a trial; by the time in all unless given. Fixed when a study begins."""
    proposer: str = "tpe"
    """Who proposes: `tpe`, `nudge` or `random`."""
    settings: tuple[str, ...] = ()
    """What is tuned; everything but `lora_rank` unless given."""
    until_good: bool = False
    """Stop as soon as the best settings meet every target."""
    device: str = "auto"
    """Where to train."""
    seed: int = 1
    """Seed of the proposals; the seeds of the trials are fixed."""
    anyway: bool = False
    """Tune although the blog is too small, or in another language than the base."""
    again: bool = False
    """Begin a new study although there is one."""

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""

        wrong = []
        if self.minutes is not None and self.minutes <= 0:
            wrong.append(f"--minutes must be above 0, not {self.minutes:g}")
        if self.trials is not None and self.trials < 1:
            wrong.append(f"--trials must be at least 1, not {self.trials}")
        if self.trial_seconds is not None and self.trial_seconds <= 0:
            wrong.append(f"--trial-seconds must be above 0, not {self.trial_seconds:g}")
        names = [tunable.name for tunable in (*TUNABLES, *OPTIONAL)]
        if unknown := [name for name in self.settings if name not in names]:
            seeds = " (seeds are not tuned)" if "seed" in unknown else ""
            wrong.append(f"there is no setting {', '.join(unknown)} to tune{seeds}: use {', '.join(names)}")
        if wrong:
            raise InputError("This cannot be tuned: " + "; ".join(wrong) + ".")


@dataclass(frozen=True)
class TuneReport:
    """What came of a tuning run: sentences (the first is the result), the last trials, where everything lies, times.

    `overhead` is the share of the time at work that was neither training nor judging; `setting_up` the seconds before
    the first trial (reading, loading, measuring the speed), which are not part of it.
    """

    workspace: Workspace
    verdict: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    page: Path
    judged: int
    seconds: float
    setting_up: float
    overhead: float
    best: dict[str, float]


def tune_site(site: Path, options: TuneOptions) -> TuneReport:
    """Prepare, then tune until the budget is spent. Raises `InputError` for unusable input, `Interrupted` after
    Ctrl-C, with everything written; the same call goes on."""

    options.check()
    find_proposer(options.proposer)
    with contextlib.ExitStack() as kept:
        with open_source(site, options.read.wanted) as source:
            workspace = workspace_for(source, options.workspace)
            # Several processes may tune together; any other run keeps out.
            kept.enter_context(workspace.at_work("penname tune", shared=True))
            given = TrainOptions(
                read=options.read, how=options.how, cap=options.cap, base=options.base, anyway=options.anyway
            )
            prepared = prepared_blog(source, workspace, given)
        return tune_workspace(workspace, prepared.corpus, options)


def tune_workspace(workspace: Workspace, corpus: str, options: TuneOptions) -> TuneReport:
    """Tune on a prepared workspace; `corpus` is the hash of its posts. The caller holds the lock."""

    started = time.monotonic()
    # Trials compare over sittings and processes, so precision and threads must not follow from a busy moment.
    device = pick_device(options.device, True)
    events.note(f"Device: {device.name}, {device.reason}; {device.precision}, {device.precision_reason}.")
    judging = judge_options(device, options)
    loaded = load_base(options.base)
    folder = options.base or base_folder()
    base = Candidate(file_hashes(folder.parent, (folder.name,))[folder.name], lambda: load_base(options.base))
    subject = make_subject(workspace, judging, adapted=Candidate("", lambda: loaded))
    words = sum(post.words for post in subject.heldout)
    if words < _LEAST_WORDS:
        events.warn(
            f"The validation posts hold {words:,} words, and under {_LEAST_WORDS:,} chance decides between settings: "
            "write more, or read more with --pages and --drafts."
        )
    # Whatever the workspace was trained from before, this is what the trials start from.
    subject = replace(
        subject,
        base=base,
        general=subject.general or tuple(general_texts(folder)),
        base_name=base_title(options.base),
        base_is_open=is_open(options.base),
    )
    ground = Ground(subject, loaded, device, judging, options.cap)
    name = study_name(workspace, corpus, base.key, options)
    proposer = find_proposer(options.proposer)
    budget, seconds = find_budget(device, options)

    def about() -> dict[str, object]:
        return ground.describe(seconds, options.settings)

    with open_study(workspace.folder / FOLDER, name, about, proposer, options.seed) as study:
        events.note(f"Study {name}, proposals by {proposer.name}: {proposer.text}")
        loop = Loop(workspace, ground, study, proposer, budget, options.base)
        setting_up = time.monotonic() - started
        loop.run()
        report = _report(loop, setting_up)
    share = f"{100 * report.overhead:.1f}%"
    events.note(
        f"{report.judged} trials judged in all; this sitting took {clock(report.seconds)}, {share} of it outside "
        f"training and judging, and {clock(setting_up)} to set up."
    )
    return report


def find_budget(device: Device, options: TuneOptions) -> "tuple[Budget, float]":
    """The budget, and the seconds of training of a trial in a new study."""

    usual, count = (_MINUTES_SLOW, _TRIALS_SLOW) if device.slow else (_MINUTES, _TRIALS)
    minutes = usual if options.minutes is None and options.trials is None else options.minutes
    trials = options.trials or count
    whole = 60 * (minutes or usual)
    seconds = options.trial_seconds or min(_MOST, max(_LEAST, _TRAINING * whole / trials))
    return Budget(None if minutes is None else 60 * minutes, options.trials, options.until_good), seconds


def judge_options(device: Device, options: TuneOptions) -> "JudgeOptions":
    """How a trial is judged: on the validation posts, with less text than a report, so that many fit the time."""

    few = device.slow
    return JudgeOptions(
        passages=12 if few else 40,
        words=100 if few else 150,
        quick=few,
        baselines=False,
        device=options.device,
        base=options.base,
        side="validation",
        control=False,
    )


def study_name(workspace: Workspace, corpus: str, base: str, options: TuneOptions) -> str:
    """The study that these posts, this base, these settings and a `good.toml` of the user's belong to; with `again` a
    new one."""

    edited = is_edited(workspace.folder / TARGET)
    target = file_hashes(workspace.folder, (TARGET,))[TARGET] if edited else ""
    decides = {"corpus": corpus, "base": base, "settings": options.settings, "target": target, "cap": options.cap}
    stem = f"{workspace.folder.stem}-{content_hash(decides)[:8]}"
    count = sum(name.rpartition(".")[0] == stem for name in study_names(workspace.folder / FOLDER))
    return f"{stem}.{count + 1 if options.again or not count else count}"


def _report(loop: "Loop", setting_up: float) -> TuneReport:

    records = loop.study.records()
    standing = find_standing(records)
    seconds = time.monotonic() - loop.started
    _, columns, rows = make_rows(records, loop.study.defaults, standing, "")
    said = afterwards(loop.study.remembered("warned") or [])
    return TuneReport(
        workspace=loop.workspace,
        verdict=(*verdict(records, standing, loop.study.defaults), *([] if standing.won else said)),
        columns=columns,
        rows=tuple(map(tuple, rows)),
        page=loop.workspace.folder / PAGE,
        judged=sum(record.judged for record in records),
        seconds=seconds,
        setting_up=setting_up,
        overhead=max(0.0, 1 - (loop.training + loop.judging) / seconds) if seconds else 0.0,
        best=dict(standing.champion.record.values) if standing.champion else dict(loop.study.defaults),
    )
