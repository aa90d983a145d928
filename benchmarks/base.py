"""The base's figures in one table, with what is wanted of each: size, bits per byte, peers, utilisation, scaling.

    python benchmarks/base.py heldout-gutenberg.txt heldout-modern.txt mtlynch.txt [--bytes 1500000]
        [--shards SHARDS TOKENIZER --seconds 50] [--processes 1 2] [--only size bits]

Held-out files are documents with end-of-text marks between them, and are known by their names. What the machine cannot
do is left out and named: utilisation wants an accelerator, peers want `--shards`, scaling wants several processes. The
rows come from the other benchmarks' functions, so each can be looked into on its own.
"""

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from base_against_gpt2 import CONTEXT, ROWS, Peer, Scored, bits_per_byte, ours
from common import device_of, machine, options, read, small_inputs
from scaling import launch
from utilisation import step_seconds, trainer_of

from penname.core.device import Device
from penname.corpus.tokenizer import load_tokenizer
from penname.model.base import load_base, shipped_folder
from penname.train.batches import Mixture, Stream, joined, open_shards
from penname.train.measure import matrix_rate

WANTED = {"heldout-gutenberg": 1.32, "heldout-modern": 1.02, "mtlynch": 1.38}
UTILISED = {"base": 0.45, "100m": 0.50}
SCALED = {2: 1.75, 4: 3.5}
RATES = (3e-4, 6e-4, 1e-3)
Row = tuple[str, str, str]
"""What, the figure, what is wanted."""


def size(_: argparse.Namespace, __: Device) -> Iterator[Row]:
    """What the shipped base takes."""
    taken = sum(path.stat().st_size for path in shipped_folder().iterdir())
    yield "shipped base, all files", f"{taken / 2**20:.1f} MiB", "at most 34"


def bits(given: argparse.Namespace, device: Device) -> Iterator[Row]:
    """Held-out text under the shipped base."""
    loaded = load_base()
    loaded.model.to(device.torch)
    for name, figure in bits_per_byte(loaded.model, loaded.tokenizer, given.heldout, device, given.bytes).items():
        yield f"{name}, bits per byte", f"{figure:.4f}", f"at most {WANTED[name]}" if name in WANTED else ""


def peers(given: argparse.Namespace, device: Device) -> Iterator[Row]:
    """GPT-2's block under AdamW at its best rate for the whole time, ours for a third of it and for all of it."""
    shards, tokenizer_file = given.shards
    tokenizer = load_tokenizer(tokenizer_file.parent)
    ids, ends = joined(open_shards(shards))
    mixture = Mixture([(Stream(np.ascontiguousarray(ids), ends, CONTEXT, 1), 1.0)], ROWS)

    def scored(model: object) -> dict[str, float]:
        return bits_per_byte(model, tokenizer, given.heldout, device, given.bytes)

    peer = Peer(mixture, tokenizer.get_vocab_size(), device)
    best: dict[str, float] = {}
    for rate in RATES:
        peer.fit(given.seconds, rate, 0.1)
        for name, figure in scored(Scored(peer.model)).items():
            best[name] = min(figure, best.get(name, figure))
    yield f"GPT2LMHeadModel, {given.seconds:g} s, best of {len(RATES)} rates", _listed(best), ""
    for seconds, (model, _) in zip(
        (given.seconds / 3, given.seconds),
        ours(mixture, tokenizer.get_vocab_size(), device, [given.seconds / 3, given.seconds]),
        strict=True,
    ):
        yield f"penname, {seconds:.0f} s", _listed(scored(model)), "below GPT-2 in each"


def _listed(figures: dict[str, float]) -> str:
    return ", ".join(f"{name} {figure:.4f}" for name, figure in figures.items())


def utilised(given: argparse.Namespace, device: Device) -> Iterator[Row]:
    """Floating-point operations of training as a share of the card's measured matrix rate."""
    rate = matrix_rate(device, device.precision)
    yield f"matrix products, {device.precision}", f"{rate / 1e12:,.0f} TFLOP/s", ""
    for name, wanted in UTILISED.items():
        trainer = trainer_of(name, 0.0, given.micro, device)
        settings = trainer.settings
        tokens = settings.rows * settings.context / step_seconds(trainer, 4, 10)
        share = tokens * trainer.model.config.flops_per_token(settings.context) / rate
        yield f"recipe {name}, {tokens / 1e6:.3f} M tokens/s", f"{share:.1%}", f"at least {wanted:.0%}"
        del trainer
        torch.compiler.reset()
        device.free_cache()


def scaled(given: argparse.Namespace, _: Device) -> Iterator[Row]:
    """Several processes against the first number of them: tokens a second and losses."""
    chosen = argparse.Namespace(
        recipe="base", steps=100, warm=20, micro=64, device="auto", rows=0, context=0, shards=None, eager=False
    )
    with tempfile.TemporaryDirectory() as folder:
        from scaling import drawn_text

        np.save(Path(folder) / "figures.npy", drawn_text(load_base().config.vocab_size))
        found = {count: launch(chosen, count, Path(folder)) for count in given.processes}
    first = found[given.processes[0]]
    for count in given.processes[1:]:
        ratio = found[count]["tokens_per_second"] / first["tokens_per_second"]
        apart = np.abs(np.array(found[count]["losses"]) - np.array(first["losses"])).max()
        wanted = f"at least {SCALED[count]}" if count in SCALED else ""
        yield f"{count} processes against {given.processes[0]}", f"{ratio:.2f} times, losses within {apart:.4f}", wanted


PARTS = {"size": size, "bits": bits, "peers": peers, "utilisation": utilised, "scaling": scaled}


def left_out(name: str, given: argparse.Namespace, device: Device) -> str:
    """Why a part cannot be measured here; empty: it can."""
    if given.only and name not in given.only:
        return "not asked for"
    if name == "bits" and not given.heldout:
        return "no held-out text was given"
    if name == "peers" and not given.shards:
        return "needs --shards"
    if name == "utilisation" and device.slow:
        return "needs an accelerator"
    if name == "scaling" and len(given.processes) < 2:
        return "needs --processes with two numbers"
    return ""


def main() -> None:
    """Print the table, each row as it is known."""
    parser = options(__doc__)
    parser.add_argument("heldout", type=Path, nargs="*")
    parser.add_argument("--bytes", type=int, default=1_500_000, help="of each held-out file")
    parser.add_argument("--shards", type=Path, nargs=2, metavar=("SHARDS", "TOKENIZER"))
    parser.add_argument("--seconds", type=float, default=50)
    parser.add_argument("--micro", type=int, default=128)
    parser.add_argument("--processes", type=int, nargs="*", default=[])
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS))
    given = read(parser, only=["size", "bits"], bytes=2_000)
    if given.quick:
        given.heldout = [small_inputs().heldout]
    device = device_of(quick=given.quick)
    print(f"{machine(device)}, seeds 0, 1 and 7\n")
    print("| what | measured | wanted |\n| --- | --- | --- |", flush=True)
    for name, part in PARTS.items():
        reason = left_out(name, given, device)
        rows = [(name, f"left out: {reason}", "")] if reason else part(given, device)
        for row in rows:
            print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    main()
