"""One setting of the base's recipe changed at a time: the same data, the same wall time or the same passes.

    python benchmarks/base_recipes.py SHARDS TOKENIZER ROWS.jsonl HELDOUT.txt... --seconds 60 --out rows.jsonl

A row of ROWS is what differs from recipe `base`: {"name": "wider", "shape": {"hidden_size": 640}, "train": {"dropout":
0}, "seconds": 60}, or {"passes": 12, "share": 0.17}: so many passes over a share of the documents. A line {"common":
{...}} holds for all rows below it. {"teacher": "NAME", "train": {"teacher_share": 0.5}} lets the network of an earlier
row teach; {"ema": [0.99, 0.998]} scores running averages of the weights as well, which do not touch the run.
`train.seed` draws the first weights, the order of the text and the dropout.

"last loss" (nats, the mean of the last 20 steps, under dropout) is the mixed one where there is a teacher, and no
measure then; "TFLOP/s" counts a teacher's forward pass; "ms a step" is that of the run, averages included.

Compilation is not counted; rows that need no other compiled network than the row before them do not compile again, so
neighbours should be alike. Prints a row for each, as it ends, and a table last; rows that cannot end within `--limit`
are named. Several processes may run side by side, one for each card (CUDA_VISIBLE_DEVICES), with a ROWS file each.
"""

import argparse
import copy
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from base_against_gpt2 import Encoded, bits_of, encoded
from common import add_line, device_of, machine, options, read, small_inputs, small_shards
from tokenizers import Tokenizer
from torch import Tensor
from utilisation import step_seconds

from penname.core.device import Device
from penname.model.gpt import GPT
from penname.train.batches import Feeder, Mixture, Stream, joined, open_shards
from penname.train.loop import Fitted, Run, Trainer
from penname.train.settings import Recipe, TrainSettings, load_recipe

RECIPE = "base"
Row = dict[str, Any]
Data = tuple[np.ndarray, np.ndarray]
"""Token ids and the ends of documents."""


class Averaged(Trainer):
    """A trainer that keeps running averages of the weights beside the run, by their decays."""

    def __init__(self, model: GPT, run: Run, decays: list[float]) -> None:
        super().__init__(model, run)
        self.averages = {decay: [weight.detach().clone() for weight in model.parameters()] for decay in decays}

    def step(self, feeder: Feeder) -> Tensor:
        loss = super().step(feeder)
        weights = [weight.detach() for weight in self.model.parameters()]
        for decay, average in self.averages.items():
            # The mean of all steps until there are enough: a short run must not remember its random start.
            torch._foreach_lerp_(average, weights, max(1 - decay, 1 / self.state.step))
        return loss


@dataclass
class Compiled:
    """A network that steps were taken with, ready to begin anew with other settings that compile to the same."""

    key: str
    trainer: Trainer
    each: float
    """Seconds of a step."""
    seconds: float
    """Seconds until it was ready."""


@dataclass
class Bench:
    """What all rows share, and what earlier ones left."""

    data: Data
    heldout: Encoded
    device: Device
    seconds: float
    micro: int
    ends: float
    """When no row may be at work any more, by the monotonic clock."""
    wanted: set[str]
    """The rows that teach others."""
    teachers: dict[str, GPT] = field(default_factory=dict)
    compiled: Compiled | None = None
    rate: float = 0.0
    """Floating-point operations a second of the last row."""
    compiling: float = 0.0
    """Seconds that the slowest compilation took."""
    scoring: float = 0.0
    """Seconds that the slowest scoring took."""

    def measured(self, row: Row) -> Row | None:
        """Train as `row` says and score; None where there is no time left, or no teacher."""
        if "teacher" in row and row["teacher"] not in self.teachers:
            return self.leave_out(row, f"its teacher {row['teacher']} was left out")
        recipe = _recipe(row)
        settings = recipe.settings(10**9)
        stream = _stream(self.data, row.get("share", 1.0), settings)
        mixture = Mixture([(stream, 1.0)], settings.rows)
        key = self.key(row, recipe, settings)
        guess = self.guess(row, key, recipe, settings, stream)
        if self.over(guess):
            return self.leave_out(row, f"about {guess:.0f} s are needed")
        compiled = self.prepared(row, key, recipe, settings, mixture)
        steps = _steps(row, self.seconds, compiled.each, stream, settings)
        if self.over(steps * compiled.each + self.scoring):
            return self.leave_out(row, f"{steps * compiled.each:.0f} s are needed")
        model = compiled.trainer.model
        _begin(model, settings.seed)
        run = self.run(replace(settings, steps=steps), mixture, self.teachers.get(row.get("teacher", "")))
        trainer = Averaged(model, run, row.get("ema", []))
        trainer.forward, trainer.objective = compiled.trainer.forward, compiled.trainer.objective
        found = trainer.fit()
        self.rate = self.flops(row, recipe, settings) / compiled.each
        if row["name"] in self.wanted:
            self.teachers[row["name"]] = copy.deepcopy(model)
        return self.described(row, trainer, found, compiled, stream) | self.scores(trainer)

    def key(self, row: Row, recipe: Recipe, settings: TrainSettings) -> str:
        """What a compiled step depends on."""
        shape = [recipe.shape, settings.context, min(self.micro, settings.rows)]
        chances = [settings.dropout, settings.masked, settings.input_mask]
        taught = [row.get("teacher"), settings.teacher_share, settings.teacher_temperature]
        return json.dumps([*shape, *chances, *taught], sort_keys=True)

    def prepared(self, row: Row, key: str, recipe: Recipe, settings: TrainSettings, mixture: Mixture) -> Compiled:
        """The compiled network of the row before, if it serves, or a new one whose steps have been timed."""
        if ready := self.ready(key, settings):
            return ready
        self.compiled = None
        torch.compiler.reset()
        self.device.free_cache()
        began = time.monotonic()
        model = GPT(recipe.config(recipe.vocab_size)).initialise(settings.seed)
        trainer = Trainer(model, self.run(settings, mixture, self.teachers.get(row.get("teacher", ""))))
        step_seconds(trainer, 1, 1, groups=1)
        taken = time.monotonic() - began
        self.compiling = max(self.compiling, taken)
        each = step_seconds(trainer, 2, 8, groups=1) if not self.device.slow else step_seconds(trainer, 0, 2, groups=1)
        self.compiled = Compiled(key, trainer, each, taken)
        return self.compiled

    def ready(self, key: str, settings: TrainSettings) -> Compiled | None:
        """The compiled network of the row before, if it serves; nearly all of a step's time goes with its windows."""
        if self.compiled is None or self.compiled.key != key:
            return None
        each = self.compiled.each * settings.rows / self.compiled.trainer.settings.rows
        return replace(self.compiled, each=each, seconds=0.0)

    def run(self, settings: TrainSettings, mixture: Mixture, teacher: GPT | None) -> Run:
        return Run(
            settings, mixture, self.device, micro_rows=min(self.micro, settings.rows), compiled=self.device.compiles,
            evaluations=1, keep_best=False, teacher=teacher,
        )  # fmt: skip

    def described(self, row: Row, trainer: Trainer, found: Fitted, compiled: Compiled, stream: Stream) -> Row:
        """What is known of the run before it is scored."""
        tokens = trainer.settings.rows * trainer.settings.context
        return {
            "name": row["name"],
            "M": round(trainer.model.config.parameters() / 1e6, 1),
            "steps": found.steps,
            "passes": round(found.steps * tokens / stream.ids.size, 1),
            "s": round(found.seconds, 1),
            "ms a step": round(found.seconds / found.steps * 1e3, 1),
            "M tokens/s": round(found.steps * tokens / found.seconds / 1e6, 3),
            "TFLOP/s": round(self.rate / 1e12, 1),
            "compiled in s": round(compiled.seconds),
            "last loss": round(float(np.mean([loss for _, loss in found.losses[-20:]])), 3),
        }

    def scores(self, trainer: Averaged) -> Row:
        """Bits per byte of the last weights, and of each average as `FILE @DECAY`."""
        began = time.monotonic()
        found: Row = dict(bits_of(trainer.model, self.heldout, self.device))
        for decay, average in trainer.averages.items():
            with torch.no_grad():
                torch._foreach_copy_(list(trainer.model.parameters()), average)
            figures = bits_of(trainer.model, self.heldout, self.device)
            found |= {f"{name} @{decay:g}": figure for name, figure in figures.items()}
        self.scoring = max(self.scoring, time.monotonic() - began)
        return found

    def guess(self, row: Row, key: str, recipe: Recipe, settings: TrainSettings, stream: Stream) -> float:
        """Seconds that a row takes at least, from how fast the last one was; 0 before there was one."""
        if not self.rate:
            return 0.0
        ready = self.ready(key, settings)
        each = ready.each if ready else 0.7 * self.flops(row, recipe, settings) / self.rate
        steps = _steps(row, self.seconds, each, stream, settings)
        return (0 if ready else self.compiling / 2) + steps * each + self.scoring

    def flops(self, row: Row, recipe: Recipe, settings: TrainSettings) -> float:
        """Floating-point operations of a step; a teacher only goes forward, a third of a training step's."""
        each = recipe.config(recipe.vocab_size).flops_per_token(settings.context)
        if "teacher" in row:
            each += self.teachers[row["teacher"]].config.flops_per_token(settings.context) / 3
        return each * settings.rows * settings.context

    def over(self, seconds: float) -> bool:
        """Whether something that takes so long would end too late."""
        return time.monotonic() + seconds > self.ends

    def leave_out(self, row: Row, reason: str) -> Row | None:
        """Say why a row is not measured."""
        print(f"no time for {row['name']}: {reason}, {self.ends - time.monotonic():.0f} s are left", flush=True)
        return None


def _recipe(row: Row) -> Recipe:
    recipe = load_recipe(RECIPE)
    recipe.shape.update(row.get("shape", {}))
    recipe.train.update({"dropout": 0.0, "quantise_from": 1.0, "seed": 0} | row.get("train", {}))
    return recipe


def _steps(row: Row, seconds: float, each: float, stream: Stream, settings: TrainSettings) -> int:
    if "passes" in row:
        return max(1, round(float(row["passes"]) * stream.ids.size / (settings.rows * settings.context)))
    return max(1, int(row.get("seconds", seconds) / each))


def _begin(model: GPT, seed: int) -> None:
    """Put the first weights of a seed into the network; norms begin at 1."""
    first = GPT(model.config).initialise(seed)
    with torch.no_grad():
        for weight, start in zip(model.parameters(), first.parameters(), strict=True):
            weight.copy_(start)


def _stream(data: Data, share: float, settings: TrainSettings) -> Stream:
    """Every n-th document, so that a share has all shelves in their proportions."""
    ids, ends = data
    if share < 1:
        starts = np.concatenate([[0], ends[:-1]])
        kept = [number for number in range(ends.size) if math.floor((number + 1) * share) > math.floor(number * share)]
        ids = np.concatenate([ids[starts[number] : ends[number]] for number in kept])
        ends = np.cumsum([ends[number] - starts[number] for number in kept])
    return Stream(np.ascontiguousarray(ids), ends, settings.context, 1 + settings.seed)


def rows_of(path: Path) -> Iterator[Row]:
    """The rows of a file, with what is common to them."""
    common: Row = {}
    for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        if "common" in row:
            common = row["common"]
            continue
        whole = {name: value for name, value in common.items() if name != "passes" or "seconds" not in row}
        yield whole | row | {name: whole.get(name, {}) | row.get(name, {}) for name in ("shape", "train")}


def _table(done: list[Row]) -> str:
    names = list(dict.fromkeys(name for found in done for name in found))
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    return "\n".join(lines + ["| " + " | ".join(str(row.get(name, "")) for name in names) + " |" for row in done])


def quick_inputs(given: argparse.Namespace) -> None:
    """Two rows of a tiny network, from made-up text."""
    global RECIPE
    small = small_inputs()
    RECIPE, given.rows = str(small.recipe), small.folder / "rows.jsonl"
    given.rows.write_text('{"name": "one"}\n{"name": "two", "ema": [0.5], "teacher": "one"}\n', encoding="utf-8")
    given.shards, given.tokenizer, given.heldout = small_shards(small), small.tokenizer, [small.heldout]


def main() -> None:
    """Print a row for each setting."""
    began = time.monotonic()
    parser = options(__doc__)
    parser.add_argument("shards", type=Path, nargs="?")
    parser.add_argument("tokenizer", type=Path, nargs="?")
    parser.add_argument("rows", type=Path, nargs="?")
    parser.add_argument("heldout", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds after which no row is at work any more")
    parser.add_argument("--bytes", type=int, default=1_500_000, help="of each held-out file")
    parser.add_argument("--micro", type=int, default=128)
    parser.add_argument("--out", type=Path)
    given = read(parser, seconds=0.05, bytes=2_000, micro=2)
    if given.quick:
        quick_inputs(given)
    device = device_of(quick=given.quick)
    rows = list(rows_of(given.rows))
    ids, ends = joined(open_shards(given.shards))
    bench = Bench(
        data=(np.asarray(ids), np.asarray(ends)),
        heldout=encoded(Tokenizer.from_file(str(given.tokenizer)), given.heldout, given.bytes),
        device=device,
        seconds=given.seconds,
        micro=given.micro,
        ends=began + given.limit,
        wanted={row["teacher"] for row in rows if "teacher" in row},
    )
    print(f"{machine(device)}: {ids.size / 1e6:.2f} M tokens, {len(rows)} rows", flush=True)
    done: list[Row] = []
    for row in rows:
        found = bench.measured(row)
        if found is None:
            continue
        done.append(found)
        print(f"{time.monotonic() - began:.0f} s: {json.dumps(found)}", flush=True)
        add_line(given.out, row | found)
    print(f"\n{machine(device)}")
    if done:
        print(_table(done))


if __name__ == "__main__":
    main()
