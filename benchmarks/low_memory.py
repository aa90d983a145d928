"""Adapting the shipped base in little memory: what the plan gives up, the peak, and the losses beside a free run's.

    python benchmarks/low_memory.py TEXTS.json --gigabytes 1.5 [--device auto] [--steps 6]

TEXTS.json holds {"train": [...], "validation": [...]}. On an accelerator the limit is set on PyTorch's allocator (a
card of 2 GB leaves it about 1.5, since its driver takes the rest), with the whole card as the free run; on a CPU it is
what the plan may count on, and the resident peak tells whether it was kept. Dropout is off: the losses are comparable.
"""

import json
import tempfile
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from common import machine, options, read, small_inputs

from penname.core.device import Device, pick_device
from penname.core.machine import spare
from penname.corpus.tokenizer import encode, encode_replay
from penname.model.base import load_base, replay_texts
from penname.train.adapt import adapt, validator
from penname.train.measure import fit_device
from penname.train.plan import Wishes, make_plan, measure_speeds


def run(texts: dict[str, list[str]], device: Device, most: int, steps: int) -> list[float]:
    """The losses of a few steps within `most` bytes; 0: as much as there is."""
    loaded = load_base()
    model = loaded.model.to(device.torch)
    if most and not device.pins:
        spare()
    context = 512 if device.slow else 1024
    fit = fit_device(loaded.config, context, device, most)
    print(fit.reason or f"nothing given up: {fit.micro_rows} windows at once", flush=True)
    blog = encode(loaded.tokenizer, texts["train"][:40], loaded.end)
    replay = encode_replay(loaded.tokenizer, list(islice(replay_texts(), 40)), loaded.end)
    speeds = measure_speeds(model, device, context, fit.micro_rows, checkpointing=fit.checkpointing)
    wishes = Wishes(steps=steps, dropout=0.0)
    plan = make_plan(blog_tokens=int(blog.ids.size), speeds=speeds, device=device, wishes=wishes, context=context)
    held = validator(loaded.tokenizer, texts["validation"], device, loaded.end, 2_000, plan.settings.context)
    with tempfile.TemporaryDirectory() as folder:
        values: Any = {**vars(plan), "low_memory": fit.low_memory}
        fitted = adapt(model, blog, replay, type(plan)(**values), device, folder=Path(folder), validate=held)
    print(f"{speeds.tokens_per_second(plan.settings.rows):,.0f} tokens/s, peak {device.peak_memory() / 1e9:.2f} GB")
    return [loss for _, loss in fitted.losses]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("--gigabytes", type=float, default=1.5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=6)
    given = read(parser, steps=2, device="cpu")
    if given.quick:
        given.texts = small_inputs().texts
    texts = json.loads(given.texts.read_text(encoding="utf-8"))
    device = pick_device(given.device)
    print(machine(device))
    most = int(given.gigabytes * 1e9)
    if device.pins:
        torch.cuda.set_per_process_memory_fraction(most / device.memory)
    limited = run(texts, device, most, given.steps)
    if device.pins:
        torch.cuda.set_per_process_memory_fraction(1.0)
        device.free_cache()
        free = run(texts, device, 0, given.steps)
        print("limited:", " ".join(f"{loss:.4f}" for loss in limited))
        print("free:   ", " ".join(f"{loss:.4f}" for loss in free))
        print(f"largest difference {max(abs(a - b) for a, b in zip(limited, free, strict=True)):.4f}")


if __name__ == "__main__":
    main()
