"""How fast each device here is, and how long adapting a blog takes on it and elsewhere: what `penname bench` does.

    found = bench()
    print(as_text(found))
    python -m penname.train.bench --out bench.json

In: nothing. Out: for each device the rates of matrix products and of memory, training and writing speed of the shipped
base, all measured in under two minutes; then the time of adapting 470,000 words, measured here and estimated elsewhere.
"""

import argparse
import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch

from penname import __version__
from penname.core import events
from penname.core.device import Device, find_devices
from penname.core.files import write_json
from penname.core.terminal import say
from penname.model.base import load_base
from penname.model.folder import LoadedModel, SamplingSettings
from penname.train.measure import fit_device, matrix_rate, measure_speeds, memory_rate
from penname.train.plan import Row, basis, estimates, measured_row, share_of_peak, story
from penname.write.generate import generate_batch

_WRITTEN = 48
"""Tokens written to measure how fast."""
_TOGETHER = 16
"""Drafts written at once in the second measurement."""


@dataclass(frozen=True)
class DeviceSpeed:
    """What was measured on one device."""

    kind: str
    name: str
    threads: int
    precision: str
    compiles: bool
    attention: str
    memory_bytes: int
    matrix_flops: dict[str, float]
    """Sustained FLOP/s by precision."""
    memory_bytes_per_second: float
    train_tokens_per_second: float
    train_flops: float
    """FLOP/s of training: matrix products of the network, forwards and backwards."""
    write_tokens_per_second: float
    write_together_tokens_per_second: float
    """All of 16 drafts at once."""
    score_tokens_per_second: float
    context: int
    micro_rows: int

    @property
    def utilisation(self) -> float:
        """Training's share of the fastest matrix rate."""
        return self.train_flops / max(self.matrix_flops.values())


@dataclass(frozen=True)
class Bench:
    """What was measured, and what follows."""

    devices: list[DeviceSpeed]
    absent: list[str]
    """Devices that are not here or cannot be used, with the reason."""
    rows: list[Row]
    basis: str
    seconds: float
    versions: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        devices = [asdict(each) | {"utilisation": each.utilisation} for each in self.devices]
        return asdict(self) | {"devices": devices}


def bench(wanted: str = "auto") -> Bench:
    """Measure every device here (`auto`), or the one that is `wanted`. Raises `InputError` when that one is absent."""

    started = time.monotonic()
    devices, absent = find_devices(wanted)
    loaded = load_base()
    speeds = []
    for device in devices:
        with events.task(f"Measuring {device.name}"):
            try:
                speeds.append(_measured(device, loaded))
            except RuntimeError as error:
                absent.append(f"{device.kind}: it failed while it was measured ({str(error).splitlines()[0]})")
    rows = story()
    for speed in speeds:
        rows.append(measured_row(f"{speed.name}, {speed.kind}", speed.train_tokens_per_second))
    share, where = _share(speeds)
    context = max((speed.context for speed in speeds), default=1024)
    rows += estimates(loaded.config, max(context, 1024), share)
    versions = {
        "penname": __version__,
        "torch": str(torch.__version__),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "load": " ".join(f"{load:.1f}" for load in os.getloadavg()) if hasattr(os, "getloadavg") else "",
    }
    return Bench(speeds, absent, rows, basis(share, where), time.monotonic() - started, versions)


def _share(speeds: list[DeviceSpeed]) -> tuple[float | None, str]:
    """Share of a published peak that was measured here, and on what; None where no device here has a known peak."""
    for speed in speeds:
        found = share_of_peak(speed.name, speed.train_flops)
        if found:
            return found, f"this machine's {speed.name}"
    return None, ""


def _measured(device: Device, loaded: "LoadedModel") -> DeviceSpeed:

    context = 512 if device.slow else 1024
    precisions = [name for name in device.precisions if name != "fp16" or not device.slow]
    matrix = {name: matrix_rate(device, name) for name in precisions}
    memory = memory_rate(device)
    model = loaded.model.to(device.torch)
    fit = fit_device(loaded.config, context, device)
    speeds = measure_speeds(model, device, context, fit.micro_rows, checkpointing=fit.checkpointing)
    rows = 8 if device.slow else 32
    tokens = speeds.tokens_per_second(rows)
    alone, together = (_written(device, loaded, count) for count in (1, _TOGETHER))
    model.cpu()
    device.free_cache()
    return DeviceSpeed(
        kind=device.kind,
        name=device.name,
        threads=device.threads,
        precision=device.precision,
        compiles=device.compiles,
        attention=device.attention,
        memory_bytes=device.memory,
        matrix_flops=matrix,
        memory_bytes_per_second=memory,
        train_tokens_per_second=tokens,
        train_flops=tokens * loaded.config.flops_per_token(context),
        write_tokens_per_second=alone,
        write_together_tokens_per_second=together,
        score_tokens_per_second=speeds.scored,
        context=context,
        micro_rows=fit.micro_rows,
    )


def _written(device: Device, loaded: "LoadedModel", drafts: int) -> float:
    """Tokens a second of so many drafts at once; the first call, which warms up, does not count."""

    spent = 0.0
    for tokens in (4, _WRITTEN):
        settings = SamplingSettings(max_tokens=tokens, min_tokens=tokens, seed=1)
        started = time.perf_counter()
        prompts = ["The weather in the village"] * drafts
        found = generate_batch(loaded.model, loaded.tokenizer, prompts, settings, device, end=loaded.end)
        device.synchronize()
        spent = time.perf_counter() - started
    return sum(draft.tokens for draft in found) / spent


def as_text(found: Bench) -> str:
    """Two tables."""
    lines = [f"penname {found.versions['penname']}, torch {found.versions['torch']}, {found.versions['system']}"]
    for each in found.devices:
        threads = f", {each.threads} thread{'s' if each.threads > 1 else ''}" if each.threads else ""
        lines += ["", f"{each.kind}: {each.name}{threads}"]
        for name, rate in each.matrix_flops.items():
            chosen = ", used for training" if name == each.precision else ""
            lines.append(f"  {'matrix products, ' + name:34}{_scaled(rate, 'FLOP/s'):>16}{chosen}")
        lines += [
            f"  {'memory, read and written':34}{_scaled(each.memory_bytes_per_second, 'B/s'):>16}",
            (
                f"  {'training, shipped base':34}{each.train_tokens_per_second:>9,.0f} tokens/s, "
                f"{each.utilisation:.0%} of the fastest matrix rate"
            ),
            f"  {'writing, one draft':34}{each.write_tokens_per_second:>9,.0f} tokens/s",
            f"  {f'writing, {_TOGETHER} drafts together':34}{each.write_together_tokens_per_second:>9,.0f} tokens/s",
            f"  {'scoring':34}{each.score_tokens_per_second:>9,.0f} tokens/s",
        ]
    lines += [f"not used: {reason}" for reason in found.absent]
    lines += ["", "Learning a blog of 470,000 words"]
    lines.append(f"  {'':44}{'time':>10}{'energy':>10}{'rent':>9}")
    said = {"story": "reported, its own program", "measured": "measured: full plan, 4 passes", "estimate": "estimate"}
    for row in found.rows:
        energy = f"{row.watt_hours:,.0f} Wh" if row.watt_hours and row.watt_hours >= 1 else ""
        energy = f"{row.watt_hours:.1f} Wh" if row.watt_hours and row.watt_hours < 1 else energy
        rent = "" if row.dollars is None else f"${row.dollars:.3f}"
        lines.append(f"  {row.name[:43]:44}{_duration(row.seconds):>10}{energy:>10}{rent:>9}  {said[row.how]}")
    return "\n".join([*lines, "", found.basis, f"Measured in {found.seconds:.0f} s."])


def _scaled(value: float, unit: str) -> str:
    for size, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if value >= size:
            return f"{value / size:,.1f} {prefix}{unit}"
    return f"{value:,.0f} {unit}"


def _duration(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Print the tables; `--out FILE` writes them as JSON, `--json` prints them so."""
    parser = argparse.ArgumentParser(description=bench.__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    found = bench(given.device)
    if given.out:
        write_json(given.out, found.to_json())
    say(json.dumps(found.to_json(), indent=2) if given.json else as_text(found))


if __name__ == "__main__":
    main()
