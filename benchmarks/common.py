"""What the benchmarks share: options, the line about the machine, repeats, JSON lines, small inputs for a quick run.

    parser = options(__doc__)                  # with --quick; add the rest
    given = read(parser, rounds=1, rows=1)     # what --quick sets where nothing else was said
    small = small_inputs() if given.quick else None
    print(machine(device))
    add_line(given.out, {"name": "baseline", "s": 1.5})

A quick run shows that a benchmark works, in seconds on a CPU; its figures mean nothing.
"""

import argparse
import atexit
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(HERE / "tests"), str(HERE / "tests" / "judge")]

QUICK_RECIPE = """
name = "quick"
[shape]
hidden_size = 64
intermediate_size = 96
num_hidden_layers = 2
num_attention_heads = 4
num_key_value_heads = 2
head_dim = 16
[tokenizer]
vocab_size = 320
sample_bytes = 100000
[[shelf]]
pattern = "*"
share = 1.0
[train]
passes = 1.0
rows = 4
context = 32
matrix_lr = 0.02
table_lr = 3e-3
[package]
bits = 5
group = 32
largest_mib = 34
"""


def options(doc: str | None) -> argparse.ArgumentParser:
    """A parser that shows the benchmark's docstring as its help and takes `--quick`."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="only show that it works: tiny inputs on the CPU")
    return parser


def read(parser: argparse.ArgumentParser, arguments: list[str] | None = None, **quick: Any) -> argparse.Namespace:
    """The arguments; with `--quick` those that were left at their default are what `quick` says."""
    given = parser.parse_args(arguments)
    if given.quick:
        for name, value in quick.items():
            if getattr(given, name) == parser.get_default(name):
                setattr(given, name, value)
    return given


def machine(device: Any = None) -> str:
    """The machine in a line: processor, cores, load, system, versions, and the device if one is given."""
    parts = [_processor(), f"{os.cpu_count()} cores"]
    if hasattr(os, "getloadavg"):
        parts.append(f"load {os.getloadavg()[0]:.1f}")
    parts += [platform.system(), f"Python {platform.python_version()}"]
    for name in ("torch", "transformers"):
        if name in sys.modules:
            parts.append(f"{name} {_version(name)}")
    if device is not None:
        parts.append(f"on {device.name}, {device.precision}")
    return ", ".join(parts)


def median_of(work: Callable[[], float], rounds: int) -> float:
    """The median of what `work` returns, over so many rounds."""
    return statistics.median(work() for _ in range(rounds))


def add_line(path: Path | None, row: dict[str, Any]) -> None:
    """Append a row to a file of JSON lines, if there is one."""
    if path:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


@dataclass(frozen=True)
class Small:
    """Inputs of a quick run, all in one temporary folder that goes when the process ends."""

    folder: Path
    base: Path
    recipe: Path
    text: Path
    """`text.json` of a workspace."""
    workspace: Path
    texts: Path
    """{"train": [...], "validation": [...], "test": [...]}."""
    heldout: Path
    books: Path
    tokenizer: Path


def small_inputs() -> Small:
    """Write them; the base that came with the package is replaced by a tiny one in this process."""
    from judged_blog import document, make_workspace
    from tiny_models import tiny_config, tiny_tokenizer

    import penname.model.base as shipped
    from penname.model.gpt import GPT
    from penname.model.quantise import Rounding

    folder = Path(tempfile.mkdtemp(prefix="penname-quick-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    workspace, _ = make_workspace(folder)
    small = Small(
        folder,
        folder / "small-base",
        folder / "quick.toml",
        workspace.text,
        workspace.folder,
        folder / "texts.json",
        folder / "heldout.txt",
        folder / "books",
        folder / "tokenizer.json",
    )
    model = GPT(tiny_config(max_position_embeddings=1024)).initialise(seed=1)
    posts = [document(number) for number in range(12)]
    shipped.write_base(small.base, model, tiny_tokenizer(), Rounding(8, 32), replay_texts=posts[6:], card="# base")
    shipped.shipped_folder = lambda: small.base  # what nobody asked for by name
    small.recipe.write_text(QUICK_RECIPE, encoding="utf-8")
    tiny_tokenizer().save(str(small.tokenizer))
    small.texts.write_text(
        json.dumps({"train": posts[:8], "validation": posts[8:10], "test": posts[10:]}), encoding="utf-8"
    )
    small.heldout.write_text("\n\n".join(posts[6:9]), encoding="utf-8")
    small.books.mkdir()
    (small.books / "book.txt").write_text("\n\n".join(posts * 3), encoding="utf-8")
    return small


def small_shards(small: Small) -> Path:
    """The books of a quick run as shards of tokens."""
    from tiny_models import tiny_tokenizer

    from penname.train.batches import write_shards

    write_shards([small.books / "book.txt"], tiny_tokenizer(), small.folder / "shards")
    return small.folder / "shards"


def device_of(name: str = "auto", quick: bool = False) -> Any:
    """The device that is asked for; for a quick run the CPU, uncompiled."""
    from penname.core.device import pick_device

    return replace(pick_device("cpu"), compiles=False) if quick else pick_device(name)


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in text.splitlines() if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "from its source"
