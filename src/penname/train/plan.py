"""The plan of an adaptation: what is trained, for how long, and why; made before anything is spent.

    plan = make_plan(blog_tokens=650_000, speeds=speeds, device=device, wishes=Wishes(seconds=600))
    for reason in plan.reasons: print(reason)

Every part of the run is measured on this machine, on this network, in seconds (`measure.py`), and the plan adds them
up. The rest is the rule of the base (`rule.py`): passes, rates, how much of the base's own text is read beside the
blog. The larger the blog and the more tokens a step has, the higher the rates. What the time does not allow is given
up.

How long adapting a blog of 470,000 words takes: here, from the measured speed; elsewhere, estimated from peak rates.

    for row in estimates(config, 1024, measured_share=0.14): print(row.name, row.seconds)

In: `data/machines.toml` (published rates, their sources) and the share of a peak that was measured. Out: rows with
time, energy and rent. An estimate is `work / (peak * share)`, and says so.
"""

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from math import log2
from typing import Any

import numpy as np

from penname.core.device import Device
from penname.core.terminal import many
from penname.model.gpt import GPTConfig
from penname.train.interpolate import LIMIT, WEIGHT
from penname.train.measure import Speeds, measure_speeds
from penname.train.rule import Rule, shipped_rule, step_rate
from penname.train.settings import TrainSettings

__all__ = ["Plan", "Wishes", "full_tokens", "make_plan", "make_scratch_plan", "measure_speeds"]

_LEAST_STEPS = {False: 120, True: 200}
"""Steps that a short run should have, by whether the device is slow: there the update of the weights, which is all that
a further step costs, is little beside the windows."""
_READ_AGAIN = 1.5
"""Passes over the blog from which on dropout helps."""
_MOST_BLOG, _SHORT = 0.8, 2.4
"""Blog of a batch when time is short, at most, and the passes up to which it is more than the usual part: in few steps
it is the rate, not the missing replay, that makes the base forget."""
_HURRIED = 0.9
"""The same where there is not even time for as many tokens as the blog has."""
_EVALUATIONS, _SAMPLES, _BALANCING, _SETTLING = 0.06, 0.03, 0.03, 0.012
"""Shares of the time that evaluations, samples, balancing words and a look at general text (two are taken) may take."""
SAVE_EVERY = 60.0
"""Seconds between checkpoints."""


@dataclass(frozen=True)
class Plan:
    """How a blog will be learned, the seconds that it will take, and the reasons."""

    settings: TrainSettings
    share: float
    """Of each batch that is blog; the rest is replay."""
    passes: float
    """Over the training posts."""
    micro_rows: int
    seconds: float
    """Predicted, with evaluations, samples and checkpoints."""
    speed: float
    """Training tokens a second, measured."""
    validation_tokens: int
    """Held-out tokens that an evaluation may read."""
    reasons: tuple[str, ...]
    evaluations: int = 5
    """Times that held-out posts are scored."""
    samples: int = 2
    """Samples shown."""
    most_steps: int = 0
    """Steps that would be taken if the machine turned out faster; 0: no more than planned."""
    closing_seconds: float = 0.0
    """Of the predicted time, what comes after the last step: an evaluation, a sample, a checkpoint."""
    full_seconds: float = 0.0
    """What it takes here to do all that the rule of the base asks for; 0: not known."""
    full_passes: float = 0.0
    """Passes over the training posts in that time."""
    limit: float = 0.0
    """Seconds that the run may take; 0: as long as it takes."""
    compiled: bool = False
    """Whether the layers are compiled."""
    checkpointing: bool = False
    """Whether activations are computed twice instead of kept."""
    low_memory: bool = False
    """Whether the best weights lie in a file to spare memory."""
    lora_rank: int = 0
    """Rank of the changes to each matrix; 0: all weights are trained."""
    half: bool = False
    """Whether the weights of the base lie in two bytes each."""
    forgetting: tuple[float, float] = (LIMIT, WEIGHT)
    """Bits per byte of general text that may be lost before the way from the base is shortened, and what each further
    one costs in bits of held-out posts."""
    balance_tokens: int = 60_000
    """Tokens of the blog that are read in the end to balance words (`token_bias.py`)."""
    general_tokens: int = 30_000
    """Tokens of general text that are read before and after, to see what was forgotten (`interpolate.py`)."""


@dataclass(frozen=True)
class Wishes:
    """What the user set; None leaves the choice to the rule."""

    seconds: float | None = None
    steps: int | None = None
    passes: float | None = None
    share: float | None = None
    matrix_lr: float | None = None
    dropout: float | None = None
    goldfish: int = 0
    freeze_tables: bool = False
    seed: int = 1


def full_tokens(blog_tokens: int) -> float:
    """Tokens, replay included, of a run of the shipped base that has all the time it wants."""
    rule = shipped_rule(blog_tokens)
    return rule.passes * blog_tokens / rule.share


def make_plan(
    *,
    blog_tokens: int,
    speeds: Speeds,
    device: Device,
    wishes: Wishes,
    context: int = 1024,
    with_teacher: bool = False,
    rule: Rule | None = None,
) -> Plan:
    """Fit passes, replay and batch to the time; every choice comes with its reason.

    `with_teacher`: there is room for a copy of the base, which says what it expects of replayed text. `rule`: that of
    the base; the shipped one's unless given.
    """
    rule = rule or shipped_rule(blog_tokens)
    context = min(context, 512) if device.slow else context
    most = min(rule.rows, 8) if device.slow else rule.rows
    with_teacher = with_teacher and rule.teacher_share > 0
    reasons = [_say_speed(speeds.tokens_per_second(most), device, speeds)]
    share = wishes.share or rule.share
    # How much replay there is decides the speed, and the speed how much replay: the second turn settles it.
    for _ in range(2):
        usual = speeds.tokens_per_second(most, 1 - share if with_teacher else 0.0)
        left = _training_seconds(speeds, usual, wishes.seconds, device)
        share, passes, why = _fit(blog_tokens, usual * left, rule, wishes)
    reasons.append(why)
    total = passes * blog_tokens / share
    rows = _rows(total / context, most, _LEAST_STEPS[device.slow])
    taught = 1 - share if with_teacher else 0.0
    steps = _steps(speeds, rows, total, left, wishes, taught)
    reasons.append(
        f"{rows} windows of {context} tokens a step, {many(steps, 'step')}: many steps let the rate fall slowly."
    )
    trained = steps * rows * context * share
    settings = _settings(rule, wishes, steps, rows, context, trained >= _READ_AGAIN * blog_tokens, reasons)
    if taught:
        settings = replace(settings, teacher_share=rule.teacher_share)
        reasons.append(f"{rule.teacher_share:.0%} of what is learned of replayed text is what the base expects there.")
    wanted = (wishes.passes or rule.passes) * blog_tokens / share / (rows * context)
    plan = _finished(settings, share, speeds, device, blog_tokens, wishes, reasons, wanted)
    return replace(plan, forgetting=(rule.forgetting, rule.forgetting_weight))


def _settings(
    rule: Rule, wishes: Wishes, steps: int, rows: int, context: int, again: bool, reasons: list[str]
) -> TrainSettings:
    """The rates of a step of so many windows, and the rest of the rule; `again`: the blog is read more than once."""
    matrix_lr = wishes.matrix_lr or rule.matrix_lr * step_rate(rows * context)
    table_lr = rule.table_lr * matrix_lr / rule.matrix_lr
    why = "as asked" if wishes.matrix_lr else "by the size of the blog and of a step"
    reasons.append(f"Rates of {matrix_lr:.1e} for matrices and {table_lr:.1e} for tables, {why}.")
    dropout = wishes.dropout
    if dropout is None:
        dropout = rule.dropout if again else 0.0
    if not dropout and wishes.dropout is None and rule.dropout:
        reasons.append("No dropout: what is read once cannot be learned by heart.")
    return TrainSettings(
        steps=steps,
        rows=rows,
        context=context,
        matrices="adamw",
        matrix_lr=matrix_lr,
        table_lr=table_lr,
        weight_decay=rule.weight_decay,
        warmup=0.05,
        decay=0.95,
        schedule=rule.schedule,
        beta2=rule.beta2,
        dropout=dropout,
        goldfish=wishes.goldfish,
        freeze_tables=wishes.freeze_tables,
        seed=wishes.seed,
    )


def make_scratch_plan(*, blog_tokens: int, speeds: Speeds, device: Device, wishes: Wishes, context: int = 512) -> Plan:
    """A plan for a small network that has the blog alone: Muon, as many passes as the time allows, at most 20."""
    rows = 8 if device.slow else 32
    usual = speeds.tokens_per_second(rows)
    left = _training_seconds(speeds, usual, wishes.seconds, device)
    passes = min(wishes.passes or 20.0, usual * left / blog_tokens)
    settings = TrainSettings(
        steps=_steps(speeds, rows, passes * blog_tokens, left, wishes),
        rows=rows,
        context=context,
        matrix_lr=wishes.matrix_lr or 0.02,
        weight_decay=0.1,
        dropout=0.1 if wishes.dropout is None else wishes.dropout,
        goldfish=wishes.goldfish,
        seed=wishes.seed,
    )
    reasons = [
        _say_speed(usual, device, speeds),
        (
            f"From scratch: {_times(settings.steps * rows * context / blog_tokens)} over the blog. A network that has "
            "read one blog only writes its words, not its sentences: adapting the base is far better."
        ),
    ]
    wanted = (wishes.passes or 20.0) * blog_tokens / (rows * context)
    return _finished(settings, 1.0, speeds, device, blog_tokens, wishes, reasons, wanted)


def _rows(windows: float, most: int, least_steps: int) -> int:
    """Windows in a step: enough steps first, then a number that goes well into micro-batches.

    It does not depend on how many go through the network at once: with little memory the same is learned.
    """
    rows = int(np.clip(windows / least_steps, 2, most))
    return rows - rows % 8 if rows > 8 else rows


def _steps(speeds: Speeds, rows: int, tokens: float, left: float, wishes: Wishes, taught: float = 0.0) -> int:
    """Steps for so many tokens, but no more than the time allows; one at least."""
    if wishes.steps:
        return wishes.steps
    wanted = max(8, round(tokens / (rows * speeds.context)))
    return max(1, min(wanted, int(left / speeds.step_seconds(rows, taught)))) if wishes.seconds else wanted


def _allowance(speeds: Speeds, wishes: Wishes, trained: int) -> tuple[Speeds, float]:
    """Speeds and seconds by which the work beside the steps is limited.

    Without a limit of time it follows from the tokens that are trained on, by the usual ratios of one speed to another:
    the same run does the same work on a machine that is busy.
    """
    if wishes.seconds is not None and not wishes.steps:
        return speeds, wishes.seconds
    return Speeds.flat(1.0, speeds.context, speeds.micro_rows), float(trained)


def _validation_tokens(trained: float) -> int:
    """Held-out tokens of an evaluation: so few that all of them take a small part of the run."""
    return int(np.clip(0.02 * trained, 2_000, 60_000))


def _closing(speeds: Speeds, read: int) -> float:
    """Seconds after the last step: reading held-out posts and the blog, a sample, a checkpoint."""
    return read / speeds.scored + speeds.sample_seconds + speeds.save_seconds


def _settling(speeds: Speeds, tokens: int, seconds: float) -> tuple[int, float]:
    """Tokens of general text to look at in a run of `seconds`, and the seconds of settling how far to go from the base.

    General text is read before and after, the `tokens` of held-out posts about twice.
    """
    general = int(np.clip(_SETTLING * seconds * speeds.scored, 2_000, 30_000))
    return general, 2 * (general + tokens) / speeds.scored


def _balance_tokens(speeds: Speeds, seconds: float) -> int:
    """Tokens of the blog that a run of `seconds` may read in the end."""
    return int(np.clip(_BALANCING * seconds * speeds.scored, 2_000, 60_000))


def _counts(speeds: Speeds, tokens: int, seconds: float, device: Device) -> tuple[int, int]:
    """How often to evaluate and to sample in a run of `seconds`; at least once, at the end."""
    evaluations, samples = (5, 2) if device.slow else (8, 4)
    allowed = _EVALUATIONS * seconds * speeds.scored / tokens
    shown = _SAMPLES * seconds / speeds.sample_seconds if speeds.sample_seconds else samples
    return int(np.clip(allowed, 1, evaluations)), int(np.clip(shown, 1, samples))


def _beside(speeds: Speeds, tokens: int, evaluations: int, samples: int, seconds: float) -> float:
    """Seconds of a run that are not steps."""
    saves = 1 + int(seconds / SAVE_EVERY)
    shown = samples * speeds.sample_seconds
    return speeds.start_seconds + evaluations * tokens / speeds.scored + shown + saves * speeds.save_seconds


def _training_seconds(speeds: Speeds, usual: float, seconds: float | None, device: Device) -> float:
    """Of the seconds that the user allows, those that steps may have; infinite without a limit."""
    if seconds is None:
        return float("inf")
    tokens = _validation_tokens(usual * seconds)
    evaluations, samples = _counts(speeds, tokens, seconds, device)
    # A run has one step at least, however short the time.
    least = speeds.step_seconds(speeds.micro_rows)
    after = _balance_tokens(speeds, seconds) / speeds.scored + _settling(speeds, tokens, seconds)[1]
    return max(least, seconds - after - _beside(speeds, tokens, evaluations, samples, seconds))


def _finished(
    settings: TrainSettings,
    share: float,
    speeds: Speeds,
    device: Device,
    blog_tokens: int,
    wishes: Wishes,
    reasons: list[str],
    wanted_steps: float,
) -> Plan:
    """Add up what the run will take."""
    trained = settings.steps * settings.rows * settings.context
    taught = 1 - share if settings.teacher_share else 0.0
    stepping = settings.steps * speeds.step_seconds(settings.rows, taught)
    tokens = _validation_tokens(speeds.tokens_per_second(settings.rows) * wishes.seconds if wishes.seconds else trained)
    usual, allowed = _allowance(speeds, wishes, trained)
    evaluations, _ = _counts(usual, tokens, allowed, device)
    # A sample is shown and decides nothing.
    _, samples = _counts(speeds, tokens, wishes.seconds or stepping, device)
    balanced = _balance_tokens(usual, allowed)
    general, _ = _settling(usual, tokens, allowed)
    settling = 2 * (general + tokens) / speeds.scored
    seconds = stepping + _beside(speeds, tokens, evaluations, samples, stepping) + balanced / speeds.scored + settling
    closing = _closing(speeds, tokens + balanced) + settling
    timed = wishes.seconds is not None and not wishes.steps
    if wishes.seconds is not None and seconds > wishes.seconds * 1.05:
        reasons.append(
            f"The {wishes.seconds:.0f} s that are left are too few here: {many(settings.steps, 'step')} and the "
            f"evaluation after take about {seconds:.0f} s."
        )
    reasons.append(
        f"About {_duration(seconds)}: {_duration(stepping)} of steps, the rest {many(evaluations, 'evaluation')} of "
        f"{tokens:,} held-out tokens, {many(samples, 'sample')} and checkpoints. Reading the blog and the "
        "report come on top."
    )
    return Plan(
        settings=settings,
        share=share,
        passes=trained * share / blog_tokens,
        micro_rows=min(settings.rows, speeds.micro_rows),
        seconds=seconds,
        speed=speeds.tokens_per_second(settings.rows),
        validation_tokens=tokens,
        reasons=tuple(reasons),
        evaluations=evaluations,
        samples=samples,
        most_steps=max(settings.steps, round(wanted_steps)) if timed else 0,
        closing_seconds=closing,
        balance_tokens=balanced,
        general_tokens=general,
        compiled=speeds.compiled,
        checkpointing=speeds.checkpointing,
        limit=wishes.seconds if timed and wishes.seconds else 0.0,
    )


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


def _times(passes: float) -> str:
    """A number of passes in words that never round to none."""
    if passes < 0.01:
        return "under 1% of a pass"
    return f"{passes:.0%} of a pass" if passes < 0.95 else f"{passes:.1f} passes"


def _say_speed(speed: float, device: Device, speeds: Speeds) -> str:
    how = ", layers compiled" if speeds.compiled else ""
    return f"{speed:,.0f} tokens a second measured here, in {device.precision}{how} ({device.precision_reason})."


def _fit(blog_tokens: int, budget: float, rule: Rule, wishes: Wishes) -> tuple[float, float, str]:
    """Share of blog and passes for a budget of tokens, and why.

    Where the budget is small there are fewer passes and less replay than the rule would have.
    """
    share, passes = wishes.share or rule.share, wishes.passes or rule.passes
    if passes * blog_tokens / share <= budget:
        why = f"{_times(passes)} over the blog, {share:.0%} of each batch: what did best on held-out posts."
        return share, passes, why
    if wishes.share is None and rule.share < 1:
        most = _HURRIED if budget < blog_tokens else _MOST_BLOG
        share = float(np.clip(min(_SHORT, passes) * blog_tokens / budget, rule.share, most))
    if wishes.passes is None:
        passes = min(passes, budget * share / blog_tokens)
    given_up = f"{_times(passes)} instead of {rule.passes:.1f}"
    if rule.share < 1:
        given_up += f", {1 - share:.0%} replay instead of {1 - rule.share:.0%}"
    return share, passes, f"The time allows {budget:,.0f} tokens: {given_up}. More minutes would help."


@dataclass(frozen=True)
class Row:
    """How long adapting takes on a machine."""

    name: str
    seconds: float
    how: str
    """`measured`, `estimate`, or `story` (what the blog that started this reported)."""
    watt_hours: float | None = None
    """At the rated power: an upper bound."""
    dollars: float | None = None
    """Of rent, by the hour, for the time alone."""
    source: str = ""


@cache
def machines() -> dict[str, Any]:
    """The published figures."""
    return tomllib.loads((files("penname") / "data" / "machines.toml").read_text(encoding="utf-8"))


def adaptation_tokens() -> int:
    """Tokens that adapting 470,000 words reads by the plan's rule: four passes, a half of each batch blog."""
    known = machines()
    tokens = int(known["words"] * known["tokens_per_word"])
    return int(full_tokens(tokens))


def measured_row(name: str, tokens_per_second: float) -> Row:
    """This machine."""
    return Row(name, adaptation_tokens() / tokens_per_second, "measured")


def story() -> list[Row]:
    """What the blog that started this reported for its own program."""
    return [Row(each["name"], each["hours"] * 3600, "story") for each in machines()["story"]]


def share_of_peak(name: str, flops: float) -> float | None:
    """The share of its published peak that a device of this name reached; None where the peak is not known."""
    for each in machines()["machine"]:
        if each.get("count", 1) == 1 and each["name"].lower() in name.lower():
            return float(flops / (each["peak"] * 1e12))
    return None


def estimates(config: GPTConfig, context: int, measured_share: float | None = None) -> list[Row]:
    """A row for each known machine, at the share of its peak that was measured here or, if none was, elsewhere."""
    known = machines()
    utilisation = known["utilisation"]
    share = measured_share or float(utilisation["share"])
    work = adaptation_tokens() * config.flops_per_token(context)
    rows = []
    for each in known["machine"]:
        count = int(each.get("count", 1))
        together = count * float(utilisation["doubling"]) ** log2(count)
        seconds = work / (each["peak"] * 1e12 * share * together)
        hours = seconds / 3600
        rows.append(
            Row(
                each["name"],
                seconds,
                "estimate",
                watt_hours=hours * each["watts"] * count,
                dollars=hours * each["rent"] * count if "rent" in each else None,
                source=each["source"],
            )
        )
    return rows


def basis(measured_share: float | None = None, where: str = "") -> str:
    """What the estimates rest on, in a sentence."""
    utilisation = machines()["utilisation"]
    share, measured = (measured_share, where) if measured_share else (utilisation["share"], utilisation["measured"])
    return (
        f"Estimates: {share:.0%} of the published peak rate, as measured on {measured}; each doubling of GPUs keeps "
        f"{utilisation['doubling']:.0%} ({utilisation['doubling_measured']}). Energy at the rated power. Rents: "
        f"{machines()['rents']}. Start-up and the report are not in it."
    )
