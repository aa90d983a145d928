"""Training on Vulkan beside the other devices here: losses against the CPU's, then tokens a second.

    python benchmarks/vulkan.py [--devices vulkan cuda] [--recipe base] [--rows 16] [--context 512] [--steps 12]

First 50 steps of a tiny network in float32, on Vulkan and on the CPU: the largest difference of their losses. Then
whole steps (forwards, backwards, clipping, both optimizers) of the recipe's shape on each device, uncompiled, in each
precision that it multiplies; the median of the steps after the first three counts.
"""

import statistics
import time
from dataclasses import replace

import numpy as np
import torch
from common import machine, options, read, small_inputs

from penname.core import vulkan
from penname.core.device import Device, pick_device
from penname.core.errors import PennameError
from penname.model.gpt import GPT, GPTConfig
from penname.train.batches import Mixture, Stream
from penname.train.loop import Run, Trainer, train
from penname.train.settings import TrainSettings, load_recipe


def run_on(device: Device, config: GPTConfig, settings: TrainSettings) -> tuple[GPT, Run]:
    """An untrained network and its run on tokens that partly follow from each other."""
    ids = np.random.default_rng(0).integers(1, config.vocab_size, 400_000) // 3
    stream = Stream(ids, np.arange(1_000, 400_001, 1_000), settings.context, 1)
    run = Run(settings, Mixture([(stream, 1.0)], settings.rows), device, micro_rows=settings.rows)
    return GPT(config).initialise(0), run


def fifty_losses(device: Device) -> list[float]:
    """The losses of 50 steps of a tiny network in float32."""
    settings = TrainSettings(steps=50, rows=4, context=32, matrix_lr=0.01, masked=0.25, seed=3)
    model, run = run_on(replace(device, precision="fp32"), GPTConfig(256, 64, 128, 2, 4, 2, 16, 32), settings)
    return [loss for _, loss in train(model, run).losses]


def step_seconds(trainer: Trainer, steps: int) -> float:
    """Median seconds of a whole step."""
    seconds = []
    settings, mixture = trainer.settings, trainer.run.mixture
    for step in range(3 + steps):
        windows = torch.from_numpy(mixture.batch(step, 0, settings.rows))
        trainer.device.synchronize()
        started = time.perf_counter()
        trainer.gradients(windows, step, False)
        torch.nn.utils.clip_grad_norm_(trainer.objective.parameters(), 1.0, foreach=True)
        for optimizer in trainer.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        trainer.device.synchronize()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[3:])


def main() -> None:
    """Print both tables."""
    parser = options(__doc__)
    parser.add_argument("--devices", nargs="+", default=["vulkan", "cuda"])
    parser.add_argument("--recipe", default="base")
    parser.add_argument("--rows", type=int, default=16)
    parser.add_argument("--context", type=int, default=512)
    parser.add_argument("--steps", type=int, default=12)
    arguments = read(parser, devices=["cpu"], rows=2, context=32, steps=1)
    if arguments.quick:
        arguments.recipe = str(small_inputs().recipe)
    if "vulkan" in arguments.devices:
        print("Vulkan:", vulkan.absent() or "here", flush=True)
    devices = []
    for name in arguments.devices:
        try:
            devices.append(pick_device(name))
            print(f"{name}: {devices[-1].name}, {', '.join(devices[-1].precisions)}", flush=True)
        except PennameError as error:
            print(error, flush=True)
    cpu = Device("cpu", None, "the CPU", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
    want = fifty_losses(cpu)
    print(machine())
    print("| device | 50 losses: off the CPU's by |\n| --- | --- |")
    for device in devices:
        off = np.abs(np.array(fifty_losses(device)) - np.array(want)).max()
        print(f"| {device.kind}: {device.name} | {off:.1e} |", flush=True)
    recipe = load_recipe(arguments.recipe)
    recipe.train.update(rows=arguments.rows, context=arguments.context, dropout=0.0, quantise_from=1.0)
    settings, config = recipe.settings(10**9), recipe.config(recipe.vocab_size)
    tokens = arguments.rows * arguments.context
    print(f"\n{config.parameters() / 1e6:.1f} M parameters, {arguments.rows} x {arguments.context} tokens a step")
    print("| device | precision | ms a step | tokens/s | TFLOP/s |\n| --- | --- | --- | --- | --- |")
    for device in devices:
        for precision in [name for name in ("fp32", "bf16") if name in device.precisions]:
            try:
                trainer = Trainer(*run_on(replace(device, precision=precision), config, settings))
                seconds = step_seconds(trainer, arguments.steps)
            except (RuntimeError, UserWarning) as error:
                print(f"| {device.kind} | {precision} | failed: {str(error).splitlines()[0][:160]} | | |", flush=True)
                continue
            rate = tokens / seconds
            flops = rate * config.flops_per_token(arguments.context) / 1e12
            print(f"| {device.kind} | {precision} | {seconds * 1e3:.1f} | {rate:,.0f} | {flops:.2f} |", flush=True)
            del trainer
            device.free_cache()


if __name__ == "__main__":
    main()
