"""One GPU against two, or more: tokens a second and losses side by side, with the same seed.

    python benchmarks/scaling.py --processes 1 2 [--recipe base] [--steps 120] [--shards DIR] [--device cpu]

Starts `torchrun` once for each number of processes. Every run makes the same steps of the recipe: same weights at the
start, same windows, the same rows a step in all. Dropout is off, since its random numbers depend on the process, so the
losses may differ by rounding only. Without `--shards` (a folder that `penname pretrain` has written) the text is drawn
from a seed: each token depends on the one before, so that there is something to learn. The first steps are not timed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from common import machine, options, read, small_inputs

from penname.core.device import pick_device
from penname.model.gpt import GPT
from penname.train import parallel
from penname.train.batches import Feeder, Mixture, Stream, open_shards
from penname.train.loop import Run, Trainer
from penname.train.settings import load_recipe

SEED = 7
Figures = dict[str, Any]


def drawn_text(vocabulary: int, tokens: int = 2_000_000) -> np.ndarray:
    """Tokens of which each is one of eight followers of the one before, the first ones more often."""
    generator = np.random.default_rng(SEED)
    followers = generator.integers(0, vocabulary, (vocabulary, 8))
    choices = np.minimum(generator.geometric(0.4, tokens) - 1, 7)
    ids, last = np.empty(tokens, np.uint32), 0
    for place, choice in enumerate(choices.tolist()):
        ids[place] = last = int(followers[last, choice])
    return ids


def work(arguments: argparse.Namespace) -> None:
    """What each process does; the first one writes the figures to `--out`."""
    recipe = load_recipe(arguments.recipe)
    recipe.train.update(dropout=0.0, quantise_from=1.0, seed=SEED)
    for name in ("rows", "context"):
        if getattr(arguments, name):
            recipe.train[name] = getattr(arguments, name)
    with parallel.joined(pick_device(parallel.own_device(arguments.device))) as device:
        if arguments.shards:
            shards = open_shards(arguments.shards)
            ids = np.concatenate([shard.ids for shard in shards])
            starts = np.cumsum([0, *(shard.ids.size for shard in shards[:-1])])
            ends = np.concatenate([shard.ends + start for shard, start in zip(shards, starts, strict=True)])
        else:
            ids = np.load(arguments.out.with_suffix(".npy"), mmap_mode="r")
            ends = np.arange(2_000, ids.size + 1, 2_000)
        settings = recipe.settings(10**12)
        settings = type(settings)(**{**vars(settings), "steps": arguments.steps})
        stream = Stream(ids, ends, settings.context, SEED)
        model = GPT(recipe.config(recipe.vocab_size)).initialise(SEED)
        mixture = Mixture([(stream, 1.0)], settings.rows)
        compiled = device.compiles and device.kind != "cpu" and not arguments.eager
        run = Run(settings, mixture, device, micro_rows=arguments.micro, compiled=compiled)
        started = time.perf_counter()
        trainer, losses, timed = Trainer(model, run), [], 0.0
        with Feeder(trainer.run.mixture, trainer.device.pins) as feeder:
            for step in range(settings.steps):
                if step == arguments.warm:
                    device.synchronize()
                    timed = time.perf_counter()
                losses.append(trainer.step(feeder))
            device.synchronize()
        seconds = time.perf_counter() - timed
        values = parallel.summed(torch.stack(losses)).tolist()
        tokens = settings.rows * settings.context
        found = {
            "tokens_per_second": (settings.steps - arguments.warm) * tokens / seconds,
            "set_up_seconds": timed - started,
            "losses": values,
            "device": device.name,
            "precision": device.precision,
            "tokens_per_step": tokens,
            "flops_per_token": model.config.flops_per_token(settings.context),
        }
        if parallel.is_first():
            arguments.out.write_text(json.dumps(found), encoding="utf-8")


def launch(arguments: argparse.Namespace, processes: int, folder: Path) -> Figures:
    """Run this script under `torchrun` and read what it found."""
    out = folder / "figures.json"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    words = ["--recipe", arguments.recipe, "--steps", str(arguments.steps), "--warm", str(arguments.warm)]
    words += ["--micro", str(arguments.micro), "--device", arguments.device, "--out", str(out)]
    words += ["--rows", str(arguments.rows), "--context", str(arguments.context)]
    words += ["--shards", str(arguments.shards)] if arguments.shards else []
    words += ["--eager"] if arguments.eager else []
    environment = {**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    subprocess.run([*command, __file__, *words], check=True, env=environment)
    found: Figures = json.loads(out.read_text(encoding="utf-8"))
    out.unlink()
    return found


def table(results: dict[int, Figures], every: int) -> str:
    """Speeds, then losses, one column a number of processes."""
    first = next(iter(results.values()))
    base, few = first["tokens_per_second"], min(results)
    lines = [
        (
            f"{machine()}, {first['device']}, {first['precision']}, "
            f"{first['tokens_per_step']:,} tokens a step, seed {SEED}"
        ),
        "| processes | tokens/s | against the first | efficiency | TFLOP/s each | set-up s |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for count, found in results.items():
        ratio = found["tokens_per_second"] / base
        each = found["tokens_per_second"] * found["flops_per_token"] / count / 1e12
        lines.append(
            f"| {count} | {found['tokens_per_second']:,.0f} | {ratio:.2f} | {ratio * few / count:.0%} | {each:.3g} | "
            f"{found['set_up_seconds']:.0f} |"
        )
    lines += ["", "| step | " + " | ".join(f"loss on {count}" for count in results) + " | largest difference |"]
    lines.append("| --- |" + " --- |" * (len(results) + 1))
    curves = [found["losses"] for found in results.values()]
    for step in [*range(0, len(curves[0]), every), len(curves[0]) - 1]:
        at = [curve[step] for curve in curves]
        lines.append(f"| {step + 1} | " + " | ".join(f"{v:.4f}" for v in at) + f" | {max(at) - min(at):.4f} |")
    apart = np.abs(np.array(curves) - np.array(curves[0])).max()
    lines.append(f"\nLargest difference over all {len(curves[0])} steps: {apart:.4f} nats.")
    return "\n".join(lines)


def main() -> None:
    """Launch every number of processes and print the table, or be one of the processes."""
    parser = options(__doc__)
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--recipe", default="base")
    parser.add_argument("--steps", type=int, default=120)
    parser.add_argument("--warm", type=int, default=20, help="steps that are not timed")
    parser.add_argument("--micro", type=int, default=64, help="windows at once")
    parser.add_argument("--rows", type=int, default=0, help="windows a step, instead of the recipe's")
    parser.add_argument("--context", type=int, default=0, help="tokens a window, instead of the recipe's")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--eager", action="store_true", help="do not compile")
    parser.add_argument("--shards", type=Path, help="a folder of token shards")
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = read(parser, processes=[1], steps=4, warm=2, device="cpu")
    if arguments.quick and not parallel.launched():
        arguments.recipe = str(small_inputs().recipe)
    if parallel.launched():
        work(arguments)
        return
    results: dict[int, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.shards:
            np.save(Path(folder) / "figures.npy", drawn_text(load_recipe(arguments.recipe).vocab_size))
        for count in arguments.processes:
            results[count] = launch(arguments, count, Path(folder))
            print(f"{count} processes: {results[count]['tokens_per_second']:,.0f} tokens/s", flush=True)
    print(table(results, max(1, arguments.steps // 10)))


if __name__ == "__main__":
    main()
