"""One setting of the base's recipe changed at a time: the same data, the same wall time or the same passes.

    python benchmarks/base_recipes.py SHARDS TOKENIZER ROWS.jsonl HELDOUT.txt... --seconds 60 --out rows.jsonl

A row of ROWS is what differs from recipe `base`: {"name": "wider", "shape": {"hidden_size": 640}, "train": {"dropout":
0}, "seconds": 60}, or {"passes": 12, "share": 0.17}: so many passes over a share of the documents. Compilation is not
counted. Prints a row for each, as it ends, and a table last; rows that the time (`--limit`) does not allow are named.
"""

import argparse
import json
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from base_against_gpt2 import bits_per_byte
from tokenizers import Tokenizer
from utilisation import step_seconds

from penname.core.device import Device, pick_device
from penname.model.gpt import GPT
from penname.model.loop import Run, Trainer
from penname.model.recipe import load_recipe
from penname.model.settings import TrainSettings
from penname.text.batches import Mixture, Stream
from penname.text.shards import joined, open_shards

Row = dict[str, Any]
Data = tuple[np.ndarray, np.ndarray]
"""Token ids and the ends of documents."""


def fitted(row: Row, data: Data, device: Device, seconds: float, micro: int) -> tuple[GPT, Row]:
    """Train as `row` says; returns the network and what is known of the run before it is scored."""
    recipe = load_recipe("base")
    recipe.shape.update(row.get("shape", {}))
    recipe.train.update({"dropout": 0.0, "quantise_from": 1.0} | row.get("train", {}))
    stream = _stream(data, row.get("share", 1.0), recipe.settings(10**9).context)
    settings = recipe.settings(10**9)
    mixture = Mixture([(stream, 1.0)], settings.rows)
    model = GPT(recipe.config(recipe.vocab_size)).initialise(0)
    first = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    warm = _trainer(model, settings, mixture, device, micro)
    each = step_seconds(warm, 3, 8, groups=1)
    tokens = settings.rows * settings.context
    steps = int(row.get("seconds", seconds) / each)
    if "passes" in row:
        steps = round(row["passes"] * stream.ids.size / tokens)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(first[name])
    trainer = _trainer(model, replace(settings, steps=max(1, steps)), mixture, device, micro)
    trainer.forward, trainer.objective = warm.forward, warm.objective
    found = trainer.fit()
    return model, {
        "name": row["name"],
        "M": round(model.config.parameters() / 1e6, 1),
        "steps": found.steps,
        "s": round(found.seconds, 1),
        "M tokens/s": round(found.steps * tokens / found.seconds / 1e6, 3),
        "TFLOP/s": round(tokens / each * model.config.flops_per_token(settings.context) / 1e12, 1),
        "last loss": round(float(np.mean([loss for _, loss in found.losses[-20:]])), 3),
    }


def _trainer(model: GPT, settings: TrainSettings, mixture: Mixture, device: Device, micro: int) -> Trainer:
    run = Run(
        settings, mixture, device, micro_rows=min(micro, settings.rows), compiled=device.compiles, evaluations=1,
        keep_best=False,
    )  # fmt: skip
    return Trainer(model, run)


def _stream(data: Data, share: float, context: int) -> Stream:
    """Every n-th document, so that a share has all shelves in their proportions."""
    ids, ends = data
    if share < 1:
        starts = np.concatenate([[0], ends[:-1]])
        kept = [number for number in range(ends.size) if math.floor((number + 1) * share) > math.floor(number * share)]
        ids = np.concatenate([ids[starts[number] : ends[number]] for number in kept])
        ends = np.cumsum([ends[number] - starts[number] for number in kept])
    return Stream(np.ascontiguousarray(ids), ends, context, 1)


def main() -> None:
    """Print a row for each setting."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("rows", type=Path)
    parser.add_argument("heldout", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--limit", type=float, default=math.inf, help="seconds after which no new row is begun")
    parser.add_argument("--bytes", type=int, default=1_500_000, help="of each held-out file")
    parser.add_argument("--micro", type=int, default=128)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    began, device = time.monotonic(), pick_device()
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    ids, ends = joined(open_shards(given.shards))
    data = np.asarray(ids), np.asarray(ends)
    done: list[Row] = []
    for line in given.rows.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if time.monotonic() - began > given.limit:
            print(f"no time for {row['name']}")
            continue
        model, found = fitted(row, data, device, given.seconds, given.micro)
        found |= bits_per_byte(model, tokenizer, given.heldout, device, given.bytes)
        done.append(found)
        print(json.dumps(found), flush=True)
        if given.out:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(row | found) + "\n")
        del model
        torch.compiler.reset()
        device.free_cache()
    print(f"\n{device.name}, torch {torch.__version__}, seed 0")
    if done:
        print("| " + " | ".join(done[0]) + " |\n|" + " --- |" * len(done[0]))
        for found in done:
            print("| " + " | ".join(str(value) for value in found.values()) + " |")


if __name__ == "__main__":
    main()
