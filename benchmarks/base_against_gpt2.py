"""Our pre-training against nanoGPT's setup: the same tokens, tokenizer, GPU and wall time.

    python benchmarks/base_against_gpt2.py SHARDS TOKENIZER HELDOUT.txt... --seconds 120 --who ours|gpt2|both

The peer is `transformers`' GPT2LMHeadModel in a plain compiled loop: bf16 autocast, fused AdamW (betas 0.9 and 0.95,
weight decay 0.1 on matrices), warm-up and cosine to a tenth, gradient norm 1, no dropout. Compilation is not counted
for either. Prints one row for each: tokens/s, steps, bits per byte on each held-out file.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from penname.core.device import Device, pick_device
from penname.model.gpt import GPT, GPTConfig
from penname.model.loop import Run, Trainer
from penname.model.score import token_nats
from penname.model.settings import TrainSettings
from penname.text.batches import Mixture, Stream
from penname.text.shards import joined, open_shards
from penname.text.tokenizer import encode_plain, read_documents

CONTEXT, ROWS, MICRO = 1024, 128, 64


def bits_per_byte(
    model: object, tokenizer: Tokenizer, paths: list[Path], device: Device, limit: int
) -> dict[str, float]:
    figures = {}
    for path in paths:
        texts, size = [], 0
        for text in read_documents(path):
            for start in range(0, len(text), 40_000):
                if size < limit:
                    texts.append(text[start : start + 40_000])
                    size += len(texts[-1])
        nats = token_nats(model, [np.array(encode_plain(tokenizer, t)) for t in texts], device)  # type: ignore[arg-type]
        total = sum(float(values.sum(dtype=np.float64)) for values in nats)
        figures[path.name.split(".")[0]] = round(total / math.log(2) / sum(len(t.encode()) for t in texts), 4)
    return figures


def ours(mixture: Mixture, vocab: int, device: Device, seconds: float) -> tuple[GPT, dict[str, float]]:
    model = GPT(GPTConfig(vocab, 512, 1408, 12, 8, 4, 64)).initialise(0)
    warm = Run(
        TrainSettings(steps=10**6, rows=ROWS, context=CONTEXT),
        mixture,
        device,
        micro_rows=MICRO,
        compiled=True,
    )
    trainer = Trainer(model, warm)
    feeder_step(trainer, 3)
    started = time.monotonic()
    feeder_step(trainer, 8)
    device.synchronize()
    each = (time.monotonic() - started) / 8
    model.initialise(0)
    steps = int(seconds / each)
    run = Run(
        TrainSettings(steps=steps, rows=ROWS, context=CONTEXT),
        mixture,
        device,
        micro_rows=MICRO,
        compiled=True,
    )
    run.evaluations = 1
    again = Trainer(model, run)
    again.forward = trainer.forward
    again.objective = trainer.objective
    fitted = again.fit()
    return model, {
        "steps": steps,
        "seconds": fitted.seconds,
        "tokens_per_second": fitted.tokens / fitted.seconds,
    }


def feeder_step(trainer: Trainer, count: int) -> None:
    for step in range(count):
        windows = torch.from_numpy(trainer.run.mixture.batch(step))
        trainer.gradients(windows, step, False)
        for optimizer in trainer.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)


class _Hidden(torch.nn.Module):
    """Lets `token_nats` score a `transformers` model."""

    def __init__(self, peer: torch.nn.Module) -> None:
        super().__init__()
        self.peer, self.lm_head = peer, peer.lm_head  # type: ignore[assignment]
        self.config = GPTConfig(1, max_position_embeddings=CONTEXT)

    def hidden(self, ids: torch.Tensor) -> torch.Tensor:
        return self.peer.transformer(ids).last_hidden_state  # type: ignore[no-any-return, operator, union-attr]


def gpt2(
    mixture: Mixture, vocab: int, device: Device, seconds: float, rate: float
) -> tuple[_Hidden, dict[str, float]]:
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    shape = GPT2Config(
        vocab_size=vocab,
        n_positions=CONTEXT,
        n_embd=512,
        n_layer=12,
        n_head=8,
        resid_pdrop=0,
        embd_pdrop=0,
        attn_pdrop=0,
        bos_token_id=0,
        eos_token_id=0,
        use_cache=False,
    )
    peer = GPT2LMHeadModel(shape).to(device.torch)
    matrices = [p for p in peer.parameters() if p.ndim >= 2]
    rest = [p for p in peer.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.95), fused=device.fused)

    @torch.compile
    def loss_of(ids: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        logits = peer(ids).logits
        return torch.nn.functional.cross_entropy(logits.view(-1, vocab).float(), targets.reshape(-1))

    def step(number: int, learning: bool, scale: float) -> None:
        windows = torch.from_numpy(mixture.batch(number)).to(device.torch)
        for start in range(0, ROWS, MICRO):
            part = windows[start : start + MICRO]
            with device.autocast():
                loss = loss_of(part[:, :-1].contiguous(), part[:, 1:].contiguous()) * MICRO / ROWS
            loss.backward()
        torch.nn.utils.clip_grad_norm_(peer.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate * scale if learning else 0.0
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for number in range(3):
        step(number, False, 0.0)
    device.synchronize()
    started = time.monotonic()
    for number in range(8):
        step(number, False, 0.0)
    device.synchronize()
    steps = int(seconds / ((time.monotonic() - started) / 8))
    optimizer.state.clear()
    started = time.monotonic()
    for number in range(steps):
        cosine = 0.1 + 0.45 * (1 + math.cos(math.pi * number / steps))
        step(number, True, min(1.0, (number + 1) / (0.02 * steps)) * cosine)
    device.synchronize()
    spent = time.monotonic() - started
    return _Hidden(peer), {
        "steps": steps,
        "seconds": spent,
        "tokens_per_second": steps * ROWS * CONTEXT / spent,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shards", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("heldout", type=Path, nargs="+")
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--who", choices=("ours", "gpt2", "both"), default="both")
    parser.add_argument("--gpt2-rate", type=float, default=1e-3)
    parser.add_argument("--limit", type=int, default=3_000_000)
    arguments = parser.parse_args()
    device = pick_device()
    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    ids, ends = joined(open_shards(arguments.shards))
    mixture = Mixture([(Stream(np.ascontiguousarray(ids), ends, CONTEXT, 1), 1.0)], ROWS)
    vocab = tokenizer.get_vocab_size()
    print(f"{device.name}, torch {torch.__version__}, seed 0, {arguments.seconds:g} s each")
    rows = []
    if arguments.who != "ours":
        rows.append(("gpt2", *gpt2(mixture, vocab, device, arguments.seconds, arguments.gpt2_rate)))
    if arguments.who != "gpt2":
        rows.append(("ours", *ours(mixture, vocab, device, arguments.seconds)))
    for name, model, figures in rows:
        figures |= bits_per_byte(model, tokenizer, arguments.heldout, device, arguments.limit)
        print(name, json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
