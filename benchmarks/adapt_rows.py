"""Settings of an adaptation, a row each: what a blog's held-out posts gain and what the base forgets.

    python benchmarks/adapt_rows.py TEXTS.json ROWS.jsonl HELDOUT.txt [--device auto] [--limit 300] [--out done.jsonl]

TEXTS.json holds {"train": [...], "validation": [...], "test": [...]}. A row of ROWS is what differs from the rule for
this blog (`train/rule.py`, 32 windows of 1,024 tokens, 40% blog): {"rows": 4, "context": 512, "tokens": 558000,
"share": 0.67, "train": {"matrix_lr": 3e-4, "dropout": 0}, "fixed_layers": 4, "lora_rank": 16, "words": 20000}. `tokens`
is what a slow machine gets through in its time, so that a minute here tells what twenty bring there; `fixed_layers`
leaves the lowest layers as they are; "teacher_share": 0 in `train` leaves out the base's soft targets; with
`--interpolations 0.85 0.7` the weights so far on the way from base to adapted are scored too. HELDOUT: of the base's
kind: it tells what was forgotten.
"""

import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import add_line, device_of, machine, options, read, small_inputs

from penname.core.device import Device
from penname.corpus.tokenizer import Encoded, encode, encode_replay, read_documents
from penname.model.base import load_base, replay_texts
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT
from penname.model.score import Score, score_texts
from penname.train.adapt import adapt
from penname.train.interpolate import go_back
from penname.train.lora import low_rank
from penname.train.plan import Plan
from penname.train.rule import shipped_rule, step_rate
from penname.train.settings import TrainSettings

Row = dict[str, Any]


def plan_of(row: Row, blog_tokens: int) -> Plan:
    """The plan that `row` asks for."""
    rule = shipped_rule(blog_tokens)
    share, context, rows = row.get("share", 0.4), row.get("context", 1024), row.get("rows", 32)
    tokens = row.get("tokens") or row.get("passes", rule.passes) * blog_tokens / share
    rate = step_rate(rows * context)
    steps = max(1, round(tokens / (rows * context)))
    settings = TrainSettings(
        steps=steps, rows=rows, context=context, matrices="adamw", matrix_lr=rule.matrix_lr * rate,
        table_lr=rule.table_lr * rate, weight_decay=0.05, warmup=0.05, decay=0.95, dropout=0.1,
        teacher_share=0.9 if share < 1 else 0.0, seed=1,
    )  # fmt: skip
    settings = replace(settings, **row.get("train", {}))
    return Plan(settings, share, tokens * share / blog_tokens, min(rows, 16), 0, 0, 0, (), evaluations=1, samples=0)


def cut(texts: list[str], words: int | None) -> list[str]:
    """Posts at random that hold about so many words."""
    if not words:
        return texts
    taken: list[str] = []
    size = 0
    for number in np.random.default_rng(3).permutation(len(texts)):
        if size >= words:
            break
        taken.append(texts[number])
        size += len(texts[number].split())
    return taken


class Bench:
    """The base, its replay and the held-out texts, for any number of rows."""

    def __init__(self, texts: dict[str, list[str]], heldout: Path, size: int, device: Device) -> None:
        self.texts, self.device = texts, device
        self.base: LoadedModel = load_base()
        self.teacher = load_base().model.to(device.torch)
        self.first = dict(self.teacher.named_parameters())
        self.replay: Encoded = encode_replay(self.base.tokenizer, list(replay_texts()), self.base.end)
        self.general: list[str] = []
        for text in read_documents(heldout):
            if sum(map(len, self.general)) < size:
                self.general.append(text[:60_000])

    def figures(self, model: GPT) -> dict[str, float]:
        """Bits per byte of validation posts, test posts and general text."""
        model.eval()
        named = {"validation": self.texts["validation"], "test": self.texts["test"], "general": self.general}
        figures = {}
        for name, texts in named.items():
            scores = score_texts(model, self.base.tokenizer, texts, self.device, end=self.base.end)
            figures[name] = round(sum(scores, Score(0.0, 0, 0)).bits_per_byte, 4)
        return figures

    def run(self, row: Row, interpolations: list[float]) -> Row:
        """Adapt the base as `row` says, and score it, and what lies between it and the base."""
        model = GPT(self.base.config)
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(self.first[name])
        model.to(self.device.torch)
        if fixed := row.get("fixed_layers", 0):
            for layer in model.model.layers[:fixed]:
                layer.requires_grad_(False)
            model.model.layers[fixed].register_forward_pre_hook(lambda _, given: (given[0].detach(), *given[1:]))
        blog = encode(self.base.tokenizer, cut(self.texts["train"], row.get("words")), self.base.end)
        plan = plan_of(row, int(blog.ids.size))
        started = time.monotonic()
        with low_rank(model, row.get("lora_rank", 0), plan.settings.seed):
            fitted = adapt(model, blog, self.replay, plan, self.device, teacher=self.teacher)
        seconds = time.monotonic() - started
        last = float(np.mean([loss for _, loss in fitted.losses[-10:]])) if fitted.losses else math.nan
        settings = {"steps": fitted.steps, "lr": plan.settings.matrix_lr, "table lr": plan.settings.table_lr}
        found = settings | {"s": round(seconds, 1), "last loss": round(last, 3)} | self.figures(model)
        last_weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        for interpolation in interpolations:
            model.load_state_dict(last_weights, strict=False)
            go_back(model, self.first, interpolation)
            found |= {f"{name} at {interpolation:g}": figure for name, figure in self.figures(model).items()}
        return found


def main() -> None:
    """Print a line for each row."""
    parser = options(__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("rows", type=Path, nargs="?")
    parser.add_argument("heldout", type=Path, nargs="?")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds after which no new row is begun")
    parser.add_argument("--bytes", type=int, default=1_000_000, help="of HELDOUT")
    parser.add_argument("--interpolations", type=float, nargs="*", default=[])
    parser.add_argument("--out", type=Path)
    given = read(parser, bytes=2_000, interpolations=[0.8])
    if given.quick:
        small = small_inputs()
        given.texts, given.heldout, given.rows = small.texts, small.heldout, small.folder / "rows.jsonl"
        given.rows.write_text('{"rows": 2, "context": 32, "tokens": 128}\n', encoding="utf-8")
    began, device = time.monotonic(), device_of(given.device, given.quick)
    bench = Bench(json.loads(given.texts.read_text(encoding="utf-8")), given.heldout, given.bytes, device)
    before = bench.figures(bench.base.model.to(device.torch))
    print(f"{machine(device)}; un-adapted: {before}", flush=True)
    for line in given.rows.read_text(encoding="utf-8").splitlines():
        if not line.strip():
            continue
        row = json.loads(line)
        if time.monotonic() - began > given.limit:
            print(f"no time for {line}", flush=True)
            continue
        found = bench.run(row, given.interpolations)
        for name in [name for name in found if name.startswith("general")]:
            found[name.replace("general", "forgotten")] = round(found.pop(name) - before["general"], 4)
        print(json.dumps(row), "->", json.dumps(found), flush=True)
        add_line(given.out, {"row": row, "found": found})


if __name__ == "__main__":
    main()
