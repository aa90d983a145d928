"""From a blog's database to its report on a cold start: where the seconds go.

    python benchmarks/cold_start.py SITE [--runs 1] [--profile] [-- --device cuda --minutes 5 ...]

Runs `penname train SITE` in a fresh process and an empty workspace, as a user would, and prints when each part began
and how long it took, from the log that the run keeps. SITE may be compressed with bzip2: it is unpacked first, which
does not count. What stands behind `--` is passed on to `penname train`. With `--profile` the run goes through cProfile,
which slows Python code down, and the functions that took the most time follow the table.
"""

import argparse
import bz2
import importlib.util
import json
import pstats
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common import HERE, machine, options, read

SAMPLE = HERE / "src" / "penname" / "data" / "sample"
LEAST = 0.05
"""Seconds of a part that is shown."""
FIGURES = (
    "device", "training_words", "test_bits_per_byte", "base_test_bits_per_byte", "gain_percent",
    "forgetting_bits_per_byte", "real_vs_generated_auc", "delta_percentile", "longest_copied_run", "copy_ratio_8gram",
    "extraction_rate", "rep_4", "known_word_rate", "seconds",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A part of the run: when it began and how long it took, in seconds, and whether it stands inside another one."""

    name: str
    start: float
    seconds: float
    depth: int = 0


def main() -> None:
    arguments, passed = read_arguments()
    with tempfile.TemporaryDirectory() as folder:
        site = unpacked(arguments.site, Path(folder))
        print(f"{machine()}, {versions()}")
        for run in range(arguments.runs):
            workspace = Path(folder) / f"run-{run}.penname"
            profile = Path(folder) / "profile" if arguments.profile else None
            started, ended = run_cli(site, workspace, passed, profile)
            show(workspace, started, ended)
            if profile:
                for order in ("cumulative", "tottime"):
                    pstats.Stats(str(profile)).sort_stats(order).print_stats(arguments.functions)


def read_arguments() -> tuple[argparse.Namespace, list[str]]:
    parser = options(__doc__)
    parser.add_argument("site", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--profile", action="store_true")
    parser.add_argument("--functions", type=int, default=45, help="functions of the profile that are shown")
    own, _, passed = " ".join(sys.argv[1:]).partition(" -- ")
    given = read(parser, own.split(), site=SAMPLE)
    quick = ["--device", "cpu", "--steps", "2", "--no-judge"]
    return given, [*(quick if given.quick else []), *passed.split()]


def unpacked(site: Path, folder: Path) -> Path:
    if site.suffix != ".bz2":
        return site
    plain = folder / site.stem
    plain.write_bytes(bz2.decompress(site.read_bytes()))
    return plain


def versions() -> str:
    from importlib.metadata import PackageNotFoundError, version

    found = []
    for name in ("penname", "torch", "numpy", "tokenizers"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"{name} from its source" if importlib.util.find_spec(name) else f"no {name}")
    return ", ".join(found)


def run_cli(site: Path, workspace: Path, passed: list[str], profile: Path | None) -> tuple[float, float]:
    """Run the command; return when it began and when it had ended (seconds since the epoch)."""
    through = ["-m", "cProfile", "-o", str(profile)] if profile else []
    command = [sys.executable, *through, "-m", "penname", "train", str(site), "--workspace", str(workspace), *passed]
    started = time.time()
    done = subprocess.run(command, check=False)
    ended = time.time()
    if done.returncode:
        raise SystemExit(f"penname train ended with {done.returncode}")
    return started, ended


def show(workspace: Path, started: float, ended: float) -> None:
    events = [json.loads(line) for line in (workspace / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    steps = json.loads((workspace / "workspace.json").read_text(encoding="utf-8"))["steps"]
    training = json.loads((workspace / "training.json").read_text(encoding="utf-8"))
    judged = workspace / "report.json"
    report = json.loads(judged.read_text(encoding="utf-8")) if judged.is_file() else {}
    print(f"\n{'part':<52}{'began':>8}{'seconds':>9}")
    for part in find_parts(events, started):
        if part.seconds >= LEAST:
            print(f"{'  ' * part.depth + part.name:<52}{part.start:8.1f}{part.seconds:9.2f}")
    print(f"\n{'step':<52}{'seconds':>17}")
    for name in steps:
        print(f"{name:<52}{steps[name]['seconds']:17.1f}")
    print(f"{'adaptation (the loop with its evaluations)':<52}{training['seconds']:17.1f}")
    print(f"{'all, the process and its imports included':<52}{ended - started:17.1f}")
    print("\n" + "\n".join(f"{name:<32}{report[name]}" for name in FIGURES if name in report))


def find_parts(events: list[dict[str, Any]], started: float) -> list[Part]:
    """Every task of the log, the training loop as one more, and the time between them that belongs to none."""
    found: list[Part] = []
    depth, free, before = 0, started, "start of the process"
    open_tasks: list[tuple[str, float]] = []
    loop: list[float] = [event["time"] for event in events if event["kind"] in ("train", "evaluation", "sample")]
    for event in events:
        inside = loop and loop[0] < event["time"] <= loop[-1]
        if event["kind"] == "start":
            if not depth and not inside:
                found.append(Part(f"… after {before}", free - started, event["time"] - free))
            open_tasks.append((event["text"], event["time"]))
            depth += 1
        elif event["kind"] == "end" and open_tasks:
            name, began = open_tasks.pop()
            depth -= 1
            found.append(Part(name, began - started, event["time"] - began, depth + bool(inside)))
            if not depth:
                free, before = event["time"], name
    if loop:
        found.append(Part("Training, after the first steps", loop[0] - started, loop[-1] - loop[0]))
    found.append(Part(f"… after {before}", free - started, events[-1]["time"] - free))
    return sorted(found, key=lambda part: part.start)


if __name__ == "__main__":
    main()
