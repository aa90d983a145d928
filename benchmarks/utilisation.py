"""How much of the card's matrix rate pre-training uses, for each recipe.

    python benchmarks/utilisation.py --recipe base --recipe 100m [--dropout 0 0.1] [--profile]

The rate that it is compared with is measured in the same run: an 8192 x 8192 x 8192 product in bfloat16 on random
numbers. Whole training steps are timed as the loop makes them (batches, clipping, both optimizers), after compilation;
the median of three groups of steps counts. Floating-point operations are
those of `GPTConfig.flops_per_token`. Random tokens.
"""

import statistics
import time

import numpy as np
import torch
from common import device_of, machine, options, read, small_inputs

from penname.core.device import Device
from penname.model.gpt import GPT
from penname.train.batches import Feeder, Mixture, Stream
from penname.train.loop import Run, Trainer
from penname.train.measure import matrix_rate
from penname.train.settings import load_recipe


def trainer_of(name: str, dropout: float, micro: int, device: Device, rows: int | None = None) -> Trainer:
    """A trainer on random tokens with the recipe's shape, batch and optimizers."""
    recipe = load_recipe(name)
    recipe.train.update({"dropout": dropout, "quantise_from": 1.0}, **({"rows": rows} if rows else {}))
    settings = recipe.settings(10**10)
    model = GPT(recipe.config(recipe.vocab_size)).initialise(0)
    ids = np.random.default_rng(0).integers(0, recipe.vocab_size, 4_000_000).astype(np.uint32)
    stream = Stream(ids, np.array([ids.size], np.int64), settings.context, 1)
    run = Run(settings, Mixture([(stream, 1.0)], settings.rows), device, micro_rows=micro, compiled=device.compiles)
    return Trainer(model, run)


def step_seconds(trainer: Trainer, warm: int, timed: int, groups: int = 3) -> float:
    """Seconds of a step: the median over groups of steps, each waited for at its end, as the loop waits every ten."""
    found = []
    with Feeder(trainer.run.mixture, trainer.device.pins) as feeder:
        for _ in range(warm):
            trainer.step(feeder)
        for _ in range(groups):
            trainer.device.synchronize()
            started = time.perf_counter()
            for _ in range(timed):
                trainer.step(feeder)
            trainer.device.synchronize()
            found.append((time.perf_counter() - started) / timed)
    return statistics.median(found)


def profiled(trainer: Trainer) -> str:
    """The kernels of one step, by time on the device."""
    from torch.profiler import ProfilerActivity, profile

    feeding = Feeder(trainer.run.mixture, trainer.device.pins)
    with feeding as feeder, profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        trainer.step(feeder)
        trainer.device.synchronize()
    return str(found.key_averages().table(sort_by="self_device_time_total", row_limit=40, max_name_column_width=90))


def main() -> None:
    """Print the table."""
    parser = options(__doc__)
    parser.add_argument("--recipe", action="append", default=[])
    parser.add_argument("--dropout", type=float, nargs="+", default=[0.0])
    parser.add_argument("--micro", type=int, default=128)
    parser.add_argument("--rows", type=int, help="Windows a step instead of the recipe's.")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--profile", action="store_true")
    arguments = read(parser, steps=1, micro=2)
    device = device_of(quick=arguments.quick)
    if arguments.quick:
        arguments.recipe = [str(small_inputs().recipe)]
    rate = matrix_rate(device, device.precision)
    print(f"{machine(device)}, products: {rate / 1e12:,.1f} TFLOP/s, seed 0")
    print("| recipe | parameters | dropout | tokens/s | step ms | TFLOP/s | utilisation |")
    print("| --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for name in arguments.recipe or ["base"]:
        for dropout in arguments.dropout:
            trainer = trainer_of(name, dropout, arguments.micro, device, arguments.rows)
            seconds = step_seconds(trainer, 4 if device.kind != "cpu" else 1, arguments.steps)
            settings, config = trainer.settings, trainer.model.config
            tokens = settings.rows * settings.context / seconds
            done = tokens * config.flops_per_token(settings.context)
            print(
                f"| {name} | {config.parameters() / 1e6:.1f} M | {dropout:g} | {tokens:,.0f} | "
                f"{seconds * 1e3:.1f} | {done / 1e12:.1f} | {done / rate:.1%} |",
                flush=True,
            )
            if arguments.profile:
                print(profiled(trainer))
            del trainer
            torch.compiler.reset()
            device.free_cache()


if __name__ == "__main__":
    main()
