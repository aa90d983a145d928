"""Rules for an open base: `transformers`' own loop and ours on the same posts, in one run, within given seconds.

    python benchmarks/open_base_rule.py TEXTS.json HELDOUT.txt --base MODEL.gguf [--seconds 500] [--out done.jsonl]

TEXTS.json holds {"train": [...], "validation": [...], "test": [...]}; HELDOUT is general English, to tell what was
forgotten. Their loop: AdamW at 1e-4 to 5e-4, 1 to 4 epochs, cosine, 32 windows of 1,024 tokens, gradient norm 1, bf16
autocast. Ours: the rule of `train/rule.py` and changes to it, each also on the way back to the base. Rows alternate
between the two, the most telling first; those for which no time is left are named.
"""

import itertools
import json
import math
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import transformers
from common import add_line, device_of, machine, options, read, small_inputs

from penname.core.device import Device
from penname.corpus.tokenizer import Encoded, encode, encode_replay, read_documents
from penname.model.base import load_base, replay_texts
from penname.model.folder import LoadedModel, save_model
from penname.model.gpt import GPT
from penname.model.score import Score, score_texts
from penname.train.adapt import adapt
from penname.train.interpolate import go_back
from penname.train.lora import low_rank
from penname.train.measure import largest_micro_batch
from penname.train.plan import Plan
from penname.train.rule import open_rule, step_rate
from penname.train.settings import TrainSettings

Row = dict[str, Any]
THEIRS: list[Row] = [
    {"rate": rate, "epochs": epochs}
    for epochs, rate in itertools.product((3, 2, 4, 1), (3e-4, 2e-4, 5e-4, 1e-4))
]  # fmt: skip
OURS: list[Row] = [
    {},
    {"rows": 8},
    {"rows": 32},
    {"rows": 8, "passes": 4},
    {"train": {"table_lr": 0.0, "freeze_tables": True}},
    {"factor": 1.5},
    {"factor": 0.6},
    {"train": {"dropout": 0.0}},
    {"rows": 8, "share": 0.7, "train": {"teacher_share": 0.9}},
    {"train": {"beta2": 0.999}},
    {"train": {"matrices": "muon", "matrix_lr": 2e-3}},
    {"lora_rank": 32, "factor": 3.0},
    {"passes": 2},
]
STRENGTHS = (0.9, 0.8, 0.7)


class Bench:
    """A base, a blog and general text, for any number of rows."""

    def __init__(
        self, texts: dict[str, list[str]], heldout: Path, base: Path | None, size: int, device: Device
    ) -> None:
        self.texts, self.device = texts, device
        self.base: LoadedModel = load_base(base)
        self.first = {name: weight.detach().clone() for name, weight in self.base.model.named_parameters()}
        self.blog = encode(self.base.tokenizer, texts["train"], self.base.end)
        self.general = [text[:60_000] for text in itertools.islice(read_documents(heldout), 200)]
        while len(self.general) > 1 and sum(map(len, self.general)) > size:
            self.general.pop()
        self.replay: Encoded | None = None
        self.folder = tempfile.TemporaryDirectory(prefix="penname-quick-")
        loaded = self.base
        save_model(Path(self.folder.name), loaded.model, loaded.tokenizer, card="", generation={}, end=loaded.end)

    def figures(self, model: GPT) -> Row:
        """Bits per byte of test posts and general text."""
        model.to(self.device.torch).eval()
        named = {"test": self.texts["test"], "general": self.general}
        found = {}
        for name, texts in named.items():
            scores = score_texts(model, self.base.tokenizer, texts, self.device, end=self.base.end)
            found[name] = round(sum(scores, Score(0.0, 0, 0)).bits_per_byte, 4)
        return found

    def model(self, weights: dict[str, torch.Tensor]) -> GPT:
        """A network of ours with these weights."""
        model = GPT(self.base.config)
        model.load_state_dict(weights, strict=False)
        return model.to(self.device.torch)

    def theirs(self, row: Row, rows: int, context: int, most: int) -> Row:
        """Train with `transformers`' network in a plain loop."""
        torch.manual_seed(1)
        network = transformers.AutoModelForCausalLM.from_pretrained(self.folder.name, dtype=torch.float32)
        network.to(self.device.torch).train()
        ids = torch.from_numpy(self.blog.ids.astype("int64"))
        windows = ids[: ids.numel() // context * context].view(-1, context)[: most * rows if most else None]
        steps = max(1, math.ceil(len(windows) / rows)) * row["epochs"]
        optimizer = torch.optim.AdamW(network.parameters(), lr=row["rate"], fused=self.device.fused)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        started = self.now()
        for _ in range(row["epochs"]):
            for chosen in torch.split(torch.randperm(len(windows)), rows):
                for part in torch.split(windows[chosen], largest_micro_batch(self.device)):
                    there = part.to(self.device.torch)
                    with self.device.autocast():
                        loss = network(input_ids=there, labels=there).loss * len(part) / len(chosen)
                    loss.backward()
                torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
                optimizer.step()
                schedule.step()
                optimizer.zero_grad(set_to_none=True)
        seconds = self.now() - started
        weights = {name: weight.detach() for name, weight in network.named_parameters()}
        found = self.figures(self.model(weights))
        return found | {"s": round(seconds, 1), "tokens/s": round(row["epochs"] * windows.numel() / seconds)}

    def ours(self, row: Row, context: int, most: int) -> Row:
        """Train by the rule with the changes of `row`."""
        tokens = int(self.blog.ids.size)
        rule = open_rule(tokens, self.base.config.parameters())
        rows, share, passes = row.get("rows", rule.rows), row.get("share", 1.0), row.get("passes", rule.passes)
        rate = rule.matrix_lr * row.get("factor", 1.0) * step_rate(rows * context)
        settings = TrainSettings(
            steps=most or max(1, round(passes * tokens / share / rows / context)), rows=rows, context=context,
            matrices="adamw", matrix_lr=rate, table_lr=rate, weight_decay=rule.weight_decay, warmup=0.05, decay=0.95,
            schedule=rule.schedule, beta2=rule.beta2, dropout=rule.dropout, seed=1,
        )  # fmt: skip
        settings = replace(settings, **row.get("train", {}))
        if share < 1 and self.replay is None:
            self.replay = encode_replay(self.base.tokenizer, list(replay_texts()), self.base.end)
        micro = min(rows, largest_micro_batch(self.device))
        plan = Plan(settings, share, passes, micro, 0, 0, 0, (), evaluations=1, samples=0)
        model = self.model(self.first)
        teacher = self.model(self.first).requires_grad_(False) if settings.teacher_share else None
        started = self.now()
        with low_rank(model, row.get("lora_rank", 0), 1):
            fitted = adapt(model, self.blog, self.replay, plan, self.device, teacher=teacher)
        seconds = self.now() - started
        found = self.figures(model) | {"s": round(seconds, 1), "tokens/s": round(fitted.tokens / seconds)}
        last = {name: weight.detach().clone() for name, weight in model.named_parameters()}
        base = {name: weight.to(self.device.torch) for name, weight in self.first.items()}
        for strength in STRENGTHS:
            model.load_state_dict(last, strict=False)
            go_back(model, base, strength)
            found |= {f"{name} at {strength:g}": value for name, value in self.figures(model).items()}
        return found

    def now(self) -> float:
        """Seconds, when the device is done."""
        self.device.synchronize()
        return time.monotonic()


def main() -> None:
    """Print a line for each row."""
    parser = options(__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("heldout", type=Path, nargs="?")
    parser.add_argument("--base", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seconds", type=float, default=500.0, help="after which no new row is begun")
    parser.add_argument("--bytes", type=int, default=500_000, help="of HELDOUT")
    parser.add_argument("--only", choices=("theirs", "ours"))
    parser.add_argument("--out", type=Path)
    given = read(parser, bytes=2_000)
    if given.quick:
        small = small_inputs()
        given.texts, given.heldout = small.texts, small.heldout
    began, device = time.monotonic(), device_of(given.device, given.quick)
    context, rows, most = (32, 2, 2) if given.quick else (1024, 32, 0)
    bench = Bench(json.loads(given.texts.read_text(encoding="utf-8")), given.heldout, given.base, given.bytes, device)
    before = bench.figures(bench.base.model)
    print(f"{machine(device)}; {bench.blog.ids.size:,} tokens; un-adapted: {before}", flush=True)
    pairs = [("theirs", row) for row in THEIRS], [("ours", row) for row in OURS]
    turns = [each for pair in itertools.zip_longest(*pairs) for each in pair if each is not None]
    for who, row in turns[:2] if given.quick else turns:
        if given.only not in (None, who):
            continue
        if time.monotonic() - began > given.seconds:
            print(f"no time for {who} {row}", flush=True)
            continue
        found = bench.theirs(row, rows, context, most) if who == "theirs" else bench.ours(row, context, most)
        for name in [name for name in found if name.startswith("general")]:
            found[name.replace("general", "forgot")] = round(found.pop(name) - before["general"], 4)
        print(who, json.dumps(row), "->", json.dumps(found), flush=True)
        add_line(given.out, {"who": who, "row": row, "found": found})


if __name__ == "__main__":
    main()
