"""The plan of an adaptation: what is trained, for how long, and why; made before anything is spent.

    plan = make_plan(tokens=650_000, words=470_000, speed=1_500.0, seconds=600, device=device)
    for reason in plan.reasons: print(reason)

The speed is measured on this machine, on this network, in a second or two. The rule for the rest was measured on two
blogs (LAB.md): a quarter of each batch is blog and the rest is the base's own text, four passes over the blog, AdamW,
dropout 0.1, the rate falling to zero; what the time does not allow is given up in the order that costs least.
"""

import time
from dataclasses import dataclass

import numpy as np

from penname.core.device import Device
from penname.model.gpt import GPT
from penname.model.loop import Run, Trainer
from penname.model.settings import TrainSettings
from penname.text.batches import Mixture, Stream

BLOG_SHARE = 0.25
PASSES = 4.0
_LEAST_STEPS = 120
_OVERHEAD = 0.88
"""Share of the time that is left for training, beside evaluations, samples and saving."""


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
    speed: float
    """Tokens a second, measured."""
    validation_tokens: int
    """Held-out tokens that an evaluation may read."""
    reasons: tuple[str, ...]


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


def measure_speed(model: GPT, device: Device, context: int, rows: int) -> float:
    """Training tokens a second of `model` here: steps with the optimizer at rate zero, after a first one.

    One step is enough on a slow machine; a fast one takes three.
    """
    ids = np.arange(context * 4 + 1) % model.config.vocab_size
    stream = Stream(ids, np.array([ids.size], np.int64), context, 0)
    settings = TrainSettings(
        steps=9,
        rows=rows,
        context=context,
        matrices="adamw",
        matrix_lr=0.0,
        table_lr=0.0,
        weight_decay=0.0,
        dropout=0.1,
    )
    run = Run(settings, Mixture([(stream, 1.0)], rows), device, micro_rows=rows)
    trainer = Trainer(model, run)
    times: list[float] = []
    while len(times) < 2 or (len(times) < 4 and sum(times) < 4.0):
        started = time.perf_counter()
        trainer.step_once(len(times))
        device.synchronize()
        times.append(time.perf_counter() - started)
    model.dropout = 0.0
    return rows * context / min(times[1:])


def make_plan(*, blog_tokens: int, speed: float, device: Device, wishes: Wishes, context: int = 1024) -> Plan:
    """Fit passes, replay and batch to the time; every choice comes with its reason."""
    small = device.kind == "cpu"
    context = min(context, 512) if small else context
    reasons = [_say_speed(speed, device)]
    budget = speed * wishes.seconds * _OVERHEAD if wishes.seconds else float("inf")
    share, passes = _fit(blog_tokens, budget, wishes, reasons)
    total = passes * blog_tokens / share
    rows = int(np.clip(total / context / _LEAST_STEPS, 2 if small else 4, 8 if small else 32))
    steps = wishes.steps or max(8, round(total / (rows * context)))
    reasons.append(
        f"{rows} windows of {context} tokens a step, {steps:,} steps: enough steps for the rate to fall slowly."
    )
    settings = TrainSettings(
        steps=steps,
        rows=rows,
        context=context,
        matrices="adamw",
        matrix_lr=wishes.matrix_lr or 4e-4,
        table_lr=wishes.matrix_lr or 4e-4,
        weight_decay=0.05,
        warmup=0.05,
        decay=0.95,
        dropout=0.1 if wishes.dropout is None else wishes.dropout,
        goldfish=wishes.goldfish,
        freeze_tables=wishes.freeze_tables,
        seed=wishes.seed,
    )
    trained = steps * rows * context
    return Plan(
        settings=settings,
        share=share,
        passes=trained * share / blog_tokens,
        micro_rows=rows,
        seconds=trained / speed / _OVERHEAD,
        speed=speed,
        validation_tokens=int(np.clip(0.02 * trained, 2_000, 60_000)),
        reasons=tuple(reasons),
    )


def make_scratch_plan(*, blog_tokens: int, speed: float, device: Device, wishes: Wishes, context: int = 512) -> Plan:
    """A plan for a small network that has the blog alone: Muon, as many passes as the time allows, at most 20."""
    rows = 8 if device.kind == "cpu" else 32
    budget = speed * wishes.seconds * _OVERHEAD if wishes.seconds else float("inf")
    passes = min(wishes.passes or 20.0, budget / blog_tokens)
    steps = wishes.steps or max(8, round(passes * blog_tokens / (rows * context)))
    settings = TrainSettings(
        steps=steps,
        rows=rows,
        context=context,
        matrix_lr=wishes.matrix_lr or 0.02,
        weight_decay=0.1,
        dropout=0.1 if wishes.dropout is None else wishes.dropout,
        goldfish=wishes.goldfish,
        seed=wishes.seed,
    )
    trained = steps * rows * context
    return Plan(
        settings=settings,
        share=1.0,
        passes=trained / blog_tokens,
        micro_rows=rows,
        seconds=trained / speed / _OVERHEAD,
        speed=speed,
        validation_tokens=int(np.clip(0.02 * trained, 2_000, 60_000)),
        reasons=(
            _say_speed(speed, device),
            (
                f"From scratch: {trained / blog_tokens:.1f} passes over the blog. A network that has read one blog "
                "only writes its words, not its sentences: adapting the base is far better."
            ),
        ),
    )


def _say_speed(speed: float, device: Device) -> str:
    return f"{speed:,.0f} tokens a second measured here, in {device.precision} ({device.precision_reason})."


def _fit(blog_tokens: int, budget: float, wishes: Wishes, reasons: list[str]) -> tuple[float, float]:
    """Share of blog and passes for a budget of tokens: less replay first, then fewer passes, then almost no replay."""
    share, passes = wishes.share or BLOG_SHARE, wishes.passes or PASSES
    if passes * blog_tokens / share <= budget:
        reasons.append(f"{passes:g} passes over the blog, {share:.0%} of each batch: what did best on held-out posts.")
        return share, passes
    if wishes.share is None:
        share = float(np.clip(passes * blog_tokens / budget, share, 0.5))
    if passes * blog_tokens / share <= budget:
        reasons.append(
            f"Less replay than the {1 - BLOG_SHARE:.0%} that is best: {1 - share:.0%}, to fit {passes:g} passes."
        )
        return share, passes
    if wishes.passes is None:
        passes = budget * share / blog_tokens
    if passes < 1 and wishes.share is None:
        share = float(np.clip(blog_tokens / budget, 0.5, 0.8))
        passes = budget * share / blog_tokens
    given_up = f"{passes:.1f} passes instead of {PASSES:g}, {1 - share:.0%} replay instead of {1 - BLOG_SHARE:.0%}"
    reasons.append(f"The time allows {budget / 1e6:.2f} M tokens: {given_up}. More minutes would help.")
    return share, passes
