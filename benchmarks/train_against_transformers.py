"""Training tokens a second on this CPU against `transformers`' own Qwen3ForCausalLM, and against the matrix rate.

    python benchmarks/train_against_transformers.py [--rounds 5] [--rows 2] [--context 512]

The same loop for both: 8 layers of 640 (the shipped base), the same weights, batch, precision and fused AdamW,
gradient norm 1, eager, no dropout. Only the network and its loss differ: ours computes the loss in slices, theirs by
`logits` and `cross_entropy`. Steps alternate, so that a busy machine slows both; medians are compared. The matrix rate
is that of the network's own commonest product in the same precision, measured between the steps.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
import transformers
from common import machine, options, read

from penname.core.device import Device, pick_device
from penname.model.gpt import GPT, GPTConfig
from penname.train.loss import Objective
from penname.train.settings import TrainSettings

SHAPE = GPTConfig(16_384, 640, 1600, 8, 6, 2, 128)


def peer() -> transformers.Qwen3ForCausalLM:
    config = transformers.Qwen3Config(
        vocab_size=SHAPE.vocab_size,
        hidden_size=SHAPE.hidden_size,
        intermediate_size=SHAPE.intermediate_size,
        num_hidden_layers=SHAPE.num_hidden_layers,
        num_attention_heads=SHAPE.num_attention_heads,
        num_key_value_heads=SHAPE.num_key_value_heads,
        head_dim=SHAPE.head_dim,
        max_position_embeddings=SHAPE.max_position_embeddings,
        tie_word_embeddings=True,
        use_cache=False,
    )
    return transformers.Qwen3ForCausalLM(config).train()


def stepper(
    network: torch.nn.Module, loss_of: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], device: Device
) -> Callable[[torch.Tensor], float]:
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, fused=device.fused)

    def step(windows: torch.Tensor) -> float:
        started = time.perf_counter()
        with device.autocast():
            loss = loss_of(windows[:, :-1], windows[:, 1:])
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return time.perf_counter() - started

    return step


def matrix_rate(device: Device, rows: int) -> float:
    """FLOP/s of (rows, 640) x (640, 1600)."""
    dtype = torch.bfloat16 if device.precision == "bf16" else torch.float32
    left, right = torch.randn(rows, 640, dtype=dtype), torch.randn(640, 1600, dtype=dtype)
    started = time.perf_counter()
    for _ in range(10):
        _ = left @ right
    return 10 * 2 * rows * 640 * 1600 / (time.perf_counter() - started)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=2)
    parser.add_argument("--context", type=int, default=512)
    arguments = read(parser, rounds=1, rows=1, context=16)
    device = pick_device("cpu")
    theirs, ours = peer(), GPT(SHAPE)
    ours.load_state_dict(theirs.state_dict(), strict=False)
    objective = Objective(ours, TrainSettings(steps=1, rows=1, context=1), sliced=True).train()
    tokens = arguments.rows * arguments.context

    def their_loss(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = theirs(ids).logits.float()
        return torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten())

    steps = {
        "penname": stepper(objective, lambda ids, targets: objective(ids, targets, None, True) / tokens, device),
        "transformers": stepper(theirs, their_loss, device),
    }
    generator = np.random.default_rng(0)
    times: dict[str, list[float]] = {name: [] for name in steps}
    rates = []
    for number in range(arguments.rounds + 1):
        shape = (arguments.rows, arguments.context + 1)
        windows = torch.from_numpy(generator.integers(0, SHAPE.vocab_size, shape))
        for name, step in steps.items():
            seconds = step(windows)
            if number:
                times[name].append(seconds)
        rates.append(matrix_rate(device, tokens))
    rate = statistics.median(rates)
    print(f"{machine(device)}, {device.threads} threads; {tokens} tokens a step, medians of {arguments.rounds}")
    print(f"matrix rate: {rate / 1e9:.0f} GFLOP/s")
    print(f"{'':14}{'tokens/s':>10}{'share of the matrix rate':>28}")
    for name, spent in times.items():
        speed = tokens / statistics.median(spent)
        share = speed * SHAPE.flops_per_token(arguments.context) / rate
        print(f"{name:14}{speed:10,.0f}{share:28.0%}")
    ratio = statistics.median(b / a for a, b in zip(times["penname"], times["transformers"], strict=True))
    print(f"ratio of each pair of steps, median: {ratio:.2f}")


if __name__ == "__main__":
    main()
