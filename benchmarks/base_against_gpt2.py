"""Our pre-training against nanoGPT's setup: the same tokens, tokenizer, GPU and wall time.

    python benchmarks/base_against_gpt2.py SHARDS TOKENIZER HELDOUT.txt... --seconds 60

The peer is `transformers`' GPT2LMHeadModel in a plain compiled loop: bf16 autocast, fused AdamW (betas 0.9 and 0.95,
weight decay 0.1 on matrices), warm-up and cosine to a tenth, gradient norm 1, no dropout; every rate that is asked for.
Compilation is not counted for either. One row for each run; ours runs a third of the time and the whole of it: the
peer's figure at the whole time is to be beaten by ours at a third.
"""

import argparse
import json
import math
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from common import device_of, machine, options, read, small_inputs, small_shards
from tokenizers import Tokenizer
from utilisation import step_seconds

from penname.core.device import Device
from penname.corpus.tokenizer import encode_plain, read_documents
from penname.model.gpt import GPT, GPTConfig
from penname.model.score import token_nats
from penname.train.batches import Mixture, Stream, joined, open_shards
from penname.train.loop import Run, Trainer
from penname.train.settings import TrainSettings, load_recipe

CONTEXT, ROWS, MICRO, RECIPE = 1024, 128, 64, "base"
Row = dict[str, Any]


Encoded = dict[str, tuple[list[np.ndarray], int]]
"""Held-out files by name: the ids of pieces of text, and the bytes of all of them."""


def encoded(tokenizer: Tokenizer, paths: list[Path], limit: int) -> Encoded:
    """The first `limit` bytes of each file, in pieces of 40,000 characters."""
    found: Encoded = {}
    for path in paths:
        texts, size = [], 0
        for text in read_documents(path):
            for start in range(0, len(text), 40_000):
                if size < limit:
                    texts.append(text[start : start + 40_000])
                    size += len(texts[-1])
        pieces = [np.array(encode_plain(tokenizer, text)) for text in texts]
        found[path.name.split(".")[0]] = pieces, sum(len(text.encode()) for text in texts)
    return found


def bits_of(model: object, heldout: Encoded, device: Device) -> dict[str, float]:
    """Bits per byte of each held-out file."""
    figures = {}
    for name, (pieces, size) in heldout.items():
        nats = token_nats(cast(GPT, model), pieces, device)
        total = math.fsum(float(values.sum(dtype=np.float64)) for values in nats)
        figures[name] = round(total / math.log(2) / size, 4)
    return figures


def bits_per_byte(
    model: object, tokenizer: Tokenizer, paths: list[Path], device: Device, limit: int
) -> dict[str, float]:
    return bits_of(model, encoded(tokenizer, paths, limit), device)


def ours(mixture: Mixture, vocab: int, device: Device, budgets: list[float]) -> Iterator[tuple[GPT, Row]]:
    """The network trained anew for each budget of seconds; compiled once."""
    model = GPT(load_recipe(RECIPE).config(vocab)).initialise(0)
    compiled = Trainer(model, _run(10**6, mixture, device))
    each = step_seconds(compiled, 3, 8, groups=1)
    first = {name: weight.detach().clone() for name, weight in GPT(model.config).initialise(0).named_parameters()}
    for seconds in budgets:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.copy_(first[name])
        trainer = Trainer(model, _run(max(1, int(seconds / each)), mixture, device))
        trainer.forward, trainer.objective = compiled.forward, compiled.objective
        fitted = trainer.fit()
        yield model, _row(f"penname, Muon 0.02, {seconds:.0f} s", fitted.steps, fitted.seconds, fitted.losses[-1][1])


def _run(steps: int, mixture: Mixture, device: Device) -> Run:
    settings = TrainSettings(steps=steps, rows=ROWS, context=CONTEXT)
    return Run(settings, mixture, device, micro_rows=MICRO, compiled=device.compiles, evaluations=1)


def _row(name: str, steps: int, seconds: float, loss: float) -> Row:
    rate = round(steps * ROWS * CONTEXT / seconds)
    return {"who": name, "steps": steps, "seconds": round(seconds, 1), "tokens/s": rate, "last loss": round(loss, 3)}


class Scored(torch.nn.Module):
    """Lets `token_nats` score a `transformers` model."""

    peer: Any

    def __init__(self, peer: torch.nn.Module) -> None:
        super().__init__()
        self.peer, self.lm_head = peer, peer.lm_head
        self.config = GPTConfig(1, max_position_embeddings=CONTEXT)

    def hidden(self, ids: torch.Tensor) -> torch.Tensor:
        states: torch.Tensor = self.peer.transformer(ids).last_hidden_state
        return states


class Peer:
    """`transformers`' GPT2LMHeadModel in a plain compiled loop."""

    def __init__(self, mixture: Mixture, vocab: int, device: Device) -> None:
        from transformers import GPT2Config, GPT2LMHeadModel

        torch.manual_seed(0)
        off = {"resid_pdrop": 0, "embd_pdrop": 0, "attn_pdrop": 0, "bos_token_id": 0, "eos_token_id": 0}
        shape = GPT2Config(
            vocab_size=vocab, n_positions=CONTEXT, n_embd=512, n_layer=12, n_head=8, use_cache=False, **off
        )
        self.model = GPT2LMHeadModel(shape).to(device.torch)
        self.first = {name: weight.detach().clone() for name, weight in self.model.named_parameters()}
        self.mixture, self.device = mixture, device

        def loss_of(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            logits = self.model(ids).logits
            return torch.nn.functional.cross_entropy(logits.view(-1, vocab).float(), targets.reshape(-1))

        self.loss_of = torch.compile(loss_of) if device.compiles else loss_of
        self.each = 0.0

    def fit(self, seconds: float, rate: float, warmup: float) -> Row:
        """Train from the first weights for about `seconds`."""
        # Scoring leaves it in evaluation mode, for which it would be compiled anew inside the time.
        self.model.train()
        with torch.no_grad():
            for name, weight in self.model.named_parameters():
                weight.copy_(self.first[name])
        weights = list(self.model.parameters())
        groups = [
            {"params": [w for w in weights if w.ndim >= 2], "weight_decay": 0.1},
            {"params": [w for w in weights if w.ndim < 2], "weight_decay": 0.0},
        ]
        optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=self.device.fused)
        if not self.each:
            self.each = self.time_of_a_step(optimizer)
            return self.fit(seconds, rate, warmup)
        steps = max(1, int(seconds / self.each))
        started = time.monotonic()
        for number in range(steps):
            cosine = 0.1 + 0.45 * (1 + math.cos(math.pi * number / steps))
            loss = self.step(optimizer, number, rate * min(1.0, (number + 1) / (warmup * steps)) * cosine)
        self.device.synchronize()
        name = f"GPT2LMHeadModel, AdamW {rate:g}, warm-up {warmup:.0%}"
        return _row(name, steps, time.monotonic() - started, float(loss))

    def step(self, optimizer: torch.optim.Optimizer, number: int, rate: float) -> torch.Tensor:
        windows = torch.from_numpy(self.mixture.batch(number).astype(np.int64)).to(self.device.torch)
        total = torch.zeros((), device=self.device.torch)
        for start in range(0, ROWS, MICRO):
            part = windows[start : start + MICRO]
            with self.device.autocast():
                loss = self.loss_of(part[:, :-1].contiguous(), part[:, 1:].contiguous()) * (MICRO / ROWS)
            torch.autograd.backward(loss)
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        return total

    def time_of_a_step(self, optimizer: torch.optim.Optimizer) -> float:
        for number in range(3):
            self.step(optimizer, number, 0.0)
        self.device.synchronize()
        started = time.monotonic()
        for number in range(8):
            self.step(optimizer, number, 0.0)
        self.device.synchronize()
        return (time.monotonic() - started) / 8


def quick_inputs(arguments: argparse.Namespace) -> None:
    """A tiny network on a few windows, from made-up text."""
    global CONTEXT, ROWS, MICRO, RECIPE
    small = small_inputs()
    CONTEXT, ROWS, MICRO, RECIPE = 32, 4, 2, str(small.recipe)
    arguments.shards, arguments.tokenizer, arguments.heldout = small_shards(small), small.tokenizer, [small.heldout]


def main() -> None:
    """Print a row for each run."""
    parser = options(__doc__)
    parser.add_argument("shards", type=Path, nargs="?")
    parser.add_argument("tokenizer", type=Path, nargs="?")
    parser.add_argument("heldout", type=Path, nargs="*")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--who", choices=("ours", "gpt2", "both"), default="both")
    parser.add_argument("--rates", type=float, nargs="*", default=[3e-4, 6e-4, 1e-3, 2e-3])
    parser.add_argument("--warmup", type=float, default=0.1)
    parser.add_argument("--limit", type=int, default=1_500_000)
    arguments = read(parser, seconds=0.05, rates=[1e-3], limit=2_000)
    if arguments.quick:
        quick_inputs(arguments)
    device = device_of(quick=arguments.quick)
    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    ids, ends = joined(open_shards(arguments.shards))
    mixture = Mixture([(Stream(np.ascontiguousarray(ids), ends, CONTEXT, 1), 1.0)], ROWS)
    vocab = tokenizer.get_vocab_size()
    print(f"{machine(device)}, seed 0, {arguments.seconds:g} s each")

    def show(model: object, row: Row) -> None:
        print(json.dumps(row | bits_per_byte(model, tokenizer, arguments.heldout, device, arguments.limit)), flush=True)

    if arguments.who != "ours":
        peer = Peer(mixture, vocab, device)
        for rate in arguments.rates:
            row = peer.fit(arguments.seconds, rate, arguments.warmup)
            show(Scored(peer.model), row)
    if arguments.who != "gpt2":
        for model, row in ours(mixture, vocab, device, [arguments.seconds / 3, arguments.seconds]):
            show(model, row)


if __name__ == "__main__":
    main()
