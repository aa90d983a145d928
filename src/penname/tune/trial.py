"""One trial: adapt the base for a short while, then judge it on the validation posts.

    outcome = run_trial(ground, about, values, seed=1, base=None, parts=parts, stop=lambda place, figure: False)

In: settings and a seed. Out: every figure of the report, the exact bits per byte, and the times; or nothing but the
curve where it was stopped early. The network stays as it was trained until the next trial.

The best model so far, in `model/` at every moment: swapped in whole, and never for a worse one.

    keep_model(workspace, ground, outcome, values, seed, base=None, why="")

In: the network of the trial that was just judged. Out: the model folder and `training.json`, as `penname train` leaves
them. What is kept is a run that was not chosen by its luck: the default's first seed, then a winner's run on a fresh
seed.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from penname import __version__
from penname.core import events
from penname.core.files import write_json
from penname.core.workspace import Workspace, content_hash
from penname.judge.judgement import Judgement
from penname.judge.judging import measure
from penname.judge.subject import Candidate, Parts, Training
from penname.model.base import is_open, replay_texts
from penname.model.folder import save_model
from penname.model.gpt import GPT
from penname.train.adapt import adapt, as_record
from penname.train.loop import Fitted
from penname.train.lora import low_rank
from penname.train.plan import Plan
from penname.tune.ground import Ground
from penname.tune.tunables import Values

StopHere = Callable[[int, float], bool]
"""Asked after each evaluation, with its number (from 1) and the held-out bits per byte: whether to stop the trial."""


@dataclass(frozen=True)
class Outcome:
    """What came of a trial. `judgement` and `fitted` are None where it was stopped early."""

    plan: Plan
    fitted: Fitted | None
    judgement: Judgement | None
    figures: dict[str, Any]
    bits_per_byte: float
    training_seconds: float
    judging_seconds: float
    generation: dict[str, Any] = field(default_factory=dict)
    """What the model folder would say of writing: the passages were written so."""


class _Stopped(Exception):
    """A trial that goes nowhere; never leaves this module."""


def run_trial(
    ground: Ground, about: dict[str, Any], values: Values, seed: int, base: Path | None, parts: Parts, stop: StopHere
) -> Outcome:
    """Train, unless `stop` ends it early, and judge. Raises `Interrupted` after Ctrl-C while it trains."""
    started = time.monotonic()
    plan = ground.plan(about, values, seed)
    watch = _Watch(ground.validate(plan), stop)
    fitted = None
    try:
        model = ground.refresh()
        with low_rank(model, round(values.get("lora_rank", 0)), seed):
            fitted = adapt(
                model,
                ground.blog,
                ground.replay(plan, lambda: replay_texts(None if is_open(base) else base)),
                plan,
                ground.device,
                teacher=ground.teacher,
                cap=ground.cap,
                validate=watch if watch.validate else None,
            )
        ground.weaken(values["strength"])
    except _Stopped:
        ground.refresh()
    ground.device.synchronize()
    trained = time.monotonic()
    if fitted is None:
        return Outcome(plan, None, None, {}, watch.last, trained - started, 0.0)
    generation = ground.balanced(values)
    training = Training(seconds=fitted.seconds, seed=seed)
    judgement, figures = judge_trial(ground, values, generation, seed, parts, training)
    judging = time.monotonic() - trained
    bits = judgement.fit.adapted.value
    return Outcome(plan, fitted, judgement, figures, bits, trained - started, judging, generation)


def judge_trial(
    ground: Ground, values: Values, generation: dict[str, Any], seed: int, parts: Parts, training: Training
) -> tuple[Judgement, dict[str, Any]]:
    """Judge the network as it is now, on the validation posts, writing as `values` and a folder's `generation` say."""
    key = content_hash({"values": values, "seed": seed, "at": time.time_ns()})
    loaded = replace(ground.loaded, model=ground.model, generation=generation)
    subject = replace(ground.subject, adapted=Candidate(key, lambda: loaded))
    writing = {name: values[name] for name in ("temperature", "min_p")}
    options = replace(ground.options, sampling=writing, seed=seed)
    return measure(subject, options, training, parts, device=ground.device)


class _Watch:
    """Scores held-out text for the run, and asks after each figure whether to go on."""

    def __init__(self, validate: Callable[[GPT], float] | None, stop: StopHere) -> None:
        self.validate, self.stop = validate, stop
        self.count, self.last = 0, float("nan")

    def __call__(self, model: GPT) -> float:
        """The figure; raises `_Stopped` where the trial is to end."""
        assert self.validate is not None
        self.last = self.validate(model)
        self.count += 1
        if self.stop(self.count, self.last):
            raise _Stopped
        return self.last


def keep_model(
    workspace: Workspace, ground: Ground, outcome: Outcome, values: Values, seed: int, base: Path | None, why: str
) -> None:
    """Write the model of this trial over the one that is there. Raises `PennameError` when the disk is full."""
    assert outcome.fitted is not None
    loaded = ground.loaded
    save_model(
        workspace.model,
        ground.model.cpu(),
        loaded.tokenizer,
        card=_card(workspace, ground, outcome, base),
        generation=outcome.generation,
        end=loaded.end,
        origin=loaded.origin,
    )
    ground.model.to(ground.device.torch)
    record = as_record(outcome.fitted, outcome.plan)
    about = {"device": ground.device.name, "seed": seed, "tuned": values}
    write_json(workspace.folder / "training.json", record | about)
    settings = {"base": str(base) if base else None, "from_scratch": False, "seed": seed, **values}
    workspace.write(settings=workspace.read().get("settings", {}) | {"train": settings})
    events.note(f"{workspace.model} now holds {why}.")


def _card(workspace: Workspace, ground: Ground, outcome: Outcome, base: Path | None) -> str:
    posts = ground.subject.training
    start = f"the base {base.name}" if base else "penname's base"
    return f"""# The voice of {workspace.folder.stem}

A private language model made by penname {__version__}: adapted from {start} on {ground.subject.training_words:,} words
of {len(posts):,} posts, in {outcome.plan.passes:.2g} passes, with settings that `penname tune` chose. Validation posts:
{outcome.bits_per_byte:.3f} bits per byte; settings were chosen on these, so `penname judge` measures it on others.

It was made from one person's writing, for that person. It writes drafts in a voice; it knows no facts, and what it says
of people, dates and figures is invented. Ask the author before passing it on.
"""
