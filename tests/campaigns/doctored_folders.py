"""Model folders and packed bases with one thing changed: each is read, or refused in a sentence.

    python tests/campaigns/doctored_folders.py --seconds 300 --seed 1

Takes a tiny model folder and a tiny packed base, changes a field, a header, a tensor or a part of the tokenizer, reads
what comes of it, scores and writes a little, exports it and reads the export again. Counts what ends otherwise than in
`PennameError` (a traceback), what takes over ten seconds (a hang) and the most memory that a reader took. A mutant is
made anew from its seed and number: `--only NUMBER` shows one.
"""

import argparse
import collections
import copy
import json
import math
import multiprocessing
import multiprocessing.connection
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import torch
from tiny_models import VERSE, random_model, tiny_tokenizer

from penname.core.device import pick_device
from penname.core.errors import PennameError
from penname.export.export import export_hf
from penname.model.base import load_base, write_base
from penname.model.folder import load_model, save_model, settings_from
from penname.model.gpt import RopeScaling
from penname.model.quantise import Rounding
from penname.model.score import score_texts
from penname.write.generate import generate

SLOWEST = 10.0
"""Seconds that one mutant may take."""
ADDRESS_SPACE = 8 * 2**30
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 15, 2**31, 2**63, -(2**63), 10**30, 10**400, 0.5, 1e-300, 1e308),
    *(math.nan, math.inf, -math.inf, "", "x", "64", "../x", "\0", "\x1b[2J", "x" * 10_000, [], {}, [[]], [None]),
    *([1, 2], {"type": "x"}, {"rope_type": "linear"}, [[[1], 1.0]], ["x"] * 1_000),
]
PARTS: list[Any] = [
    *({"type": kind} for kind in ("NFC", "Lowercase", "Fuse", "ByteFallback", "Whitespace", "BertPreTokenizer", "Nmt")),
    {"type": "Replace", "pattern": {"String": "e"}, "content": "12345678"},
    {"type": "Replace", "pattern": {"Regex": "e+"}, "content": "1"},
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Strip", "strip_left": True, "strip_right": True},
    {"type": "Strip", "content": "e", "start": 1, "stop": 0},
    {"type": "Split", "pattern": {"Regex": r"\s+|\S"}, "behavior": "Removed", "invert": True},
    {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
    {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
    {"type": "Digits", "individual_digits": True},
    {"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}] * 2, "pair": []},
]


@dataclass
class Tally:
    """What came of the mutants."""

    outcomes: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0
    peak: int = 0

    @property
    def mutants(self) -> int:
        """How many were tried."""
        return sum(self.outcomes.values())

    def lines(self) -> list[str]:
        """The figures, and each fault with the mutants that showed it."""
        counts = ", ".join(f"{name} {count:,}" for name, count in sorted(self.outcomes.items()))
        return [
            f"{self.mutants:,} mutants: {counts}",
            f"tracebacks {self.outcomes['traceback']}, hangs {self.outcomes['hang']}, ends {self.outcomes['ended']}",
            f"slowest {self.slowest:.1f} s; a reader took at most {self.peak / 1e6:,.0f} MB more than before",
            *(f"{len(numbers)} x {what} (mutants {numbers[:5]})" for what, numbers in self.faults.items()),
        ]


# -- what is changed --------------------------------------------------------------------------------------------------


def write_originals(folder: Path) -> None:
    """`plain` and `scaled`, each as a model folder and as a packed base."""
    for name, changes in (("plain", {}), ("scaled", {"qk_norm": False, "rope_scaling": RopeScaling("linear", 2.0)})):
        model = random_model(**changes, num_hidden_layers=1)
        generation = {"temperature": 0.8, "top_k": 20, "min_p": 0.1, "sequence_bias": [[[3], 0.5]]}
        save_model(folder / f"{name}-folder", model, tiny_tokenizer(), card="# A card\n", generation=generation)
        write_base(folder / f"{name}-base", model, tiny_tokenizer(), Rounding(5, 32), [VERSE], "# The base\n")


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The ways to every value in it, of long lists and objects the first few."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, each in list(inner)[:40]:
        found += places(each, (*path, key))
    return found


def change_json(value: Any, chance: random.Random) -> Any:
    """`value` with one thing in it changed: another value, doubled, wrapped, taken out, or moved."""
    way = chance.choice(places(value) or [()])
    if not way:
        return copy.deepcopy(chance.choice(VALUES))
    holder = value
    for key in way[:-1]:
        holder = holder[key]
    kind, old = chance.randrange(6), holder[way[-1]]
    if kind == 0:
        del holder[way[-1]]
    elif kind == 1 and isinstance(old, list):
        holder[way[-1]] = [copy.deepcopy(each) for each in old * chance.choice([2, 50])]
    elif kind == 2 and isinstance(old, int | float) and not isinstance(old, bool):
        holder[way[-1]] = old * chance.choice([-1, 0, 2, 3, 1_000, 10**9, 0.5])
    elif kind == 3:
        holder[way[-1]] = chance.choice([[old], {"x": old}, str(old)[:99]])
    else:
        holder[way[-1]] = copy.deepcopy(chance.choice(VALUES))
    return value


def change_text(path: Path, chance: random.Random) -> None:
    """A JSON file: a field, or its text: cut, nested, marked, with a sign that is none."""
    text = path.read_text(encoding="utf-8")
    kind = chance.randrange(12)
    if kind == 0:
        text = text[: chance.randrange(len(text))]
    elif kind == 1:
        text = "[" * 20_000
    elif kind == 2:
        text = "\ufeff" + text
    elif kind == 3:
        text = text.replace('"', chance.choice(['"\\ud800', "\0", "'"]), chance.randrange(1, 9))
    else:
        value = json.loads(text)
        for _ in range(chance.choice([1, 1, 2, 4])):
            value = change_json(value, chance) if isinstance(value, dict | list) else value
        text = json.dumps(value)
    path.write_bytes(text.encode("utf-8", "surrogatepass"))


def change_tokenizer(path: Path, chance: random.Random) -> None:
    """A part put in, or taken from another place."""
    value = json.loads(path.read_text(encoding="utf-8"))
    place = chance.choice(["normalizer", "pre_tokenizer", "post_processor", "decoder"])
    several = {
        "normalizer": "normalizers",
        "pre_tokenizer": "pretokenizers",
        "post_processor": "processors",
        "decoder": "decoders",
    }
    parts = [chance.choice(PARTS) for _ in range(chance.choice([1, 1, 2, 3, 20]))]
    value[place] = parts[0] if len(parts) == 1 else {"type": "Sequence", several[place]: parts}
    if chance.random() < 0.3:
        value["model"]["type"] = chance.choice(["Unigram", "WordLevel", "WordPiece"])
    path.write_text(json.dumps(value), encoding="utf-8")


def change_header(path: Path, chance: random.Random) -> None:
    """The header of a safetensors file: its JSON, metadata that is JSON itself, its length, or bytes of the file."""
    data = bytearray(path.read_bytes())
    size = int.from_bytes(data[:8], "little")
    kind = chance.randrange(6)
    if kind == 0:
        data[:8] = chance.choice([0, 1, size - 8, size * 2, 2**40, 2**63]).to_bytes(8, "little")
    elif kind == 1:
        for _ in range(chance.choice([1, 8])):
            data[chance.randrange(len(data))] = chance.randrange(256)
    elif kind == 2:
        del data[chance.randrange(len(data)) :]
    else:
        header = json.loads(data[8 : 8 + size])
        said = header.get("__metadata__", {})
        key = chance.choice(["shapes", "about", None])
        if key in said:
            said[key] = json.dumps(change_json(json.loads(said[key]), chance))
        else:
            header = change_json(header, chance)
        text = json.dumps(header).encode()
        data = bytearray(len(text).to_bytes(8, "little") + text) + data[8 + size :]
    path.write_bytes(bytes(data))


def change_tensor(path: Path, chance: random.Random) -> None:
    """A tensor of another shape, kind or name, without numbers, or gone."""
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    with safe_open(path, framework="pt") as file:
        said = file.metadata()
    weights = load_file(path)
    name = chance.choice(sorted(weights))
    old = weights.pop(name)
    kind = chance.randrange(6)
    if kind == 0:
        shape = [chance.choice([0, 1, size, size * 2, size + 1]) for size in old.shape]
        weights[name] = torch.zeros(shape or [1], dtype=old.dtype)
    elif kind == 1:
        kinds = [torch.float16, torch.float64, torch.bfloat16, torch.int8, torch.bool, torch.float8_e4m3fn]
        weights[name] = old.to(chance.choice(kinds))
    elif kind == 2 and old.is_floating_point():
        weights[name] = torch.full_like(old, chance.choice([math.nan, math.inf, 6e4, 0.0]))
    elif kind == 3:
        weights[chance.choice(["_orig_mod.", "module.", "other.", "base_model.model.", "model."]) + name] = old
    elif kind == 4:
        weights[name] = old.flatten() if old.ndim > 1 else old[None]
    save_file({key: value.contiguous() for key, value in weights.items()}, path, metadata=said)


def change_folder(folder: Path, chance: random.Random) -> str:
    """Change one file; its name and the way."""
    path = chance.choice(sorted(each for each in folder.iterdir() if each.suffix in (".json", ".safetensors")))
    ways: list[Callable[[Path, random.Random], None]] = [change_text]
    if path.suffix == ".safetensors":
        ways = [change_header, change_tensor]
    elif path.name == "tokenizer.json":
        ways = [change_text, change_tokenizer]
    way = chance.choice(ways)
    if chance.random() < 0.03:
        path.unlink()
        return f"{path.name}, gone"
    way(path, chance)
    return f"{path.name}, {way.__name__}"


# -- what is done with it ---------------------------------------------------------------------------------------------


def use(folder: Path, out: Path) -> None:
    """Read, score, write, export and read again; whatever can be read must be readable again."""
    device = replace(pick_device("cpu"), precision="fp32")
    loaded = load_base(folder, device)
    score_texts(loaded.model, loaded.tokenizer, [VERSE], device, end=loaded.end)
    settings = settings_from(loaded.generation, {"max_tokens": 6})
    list(generate(loaded.model, loaded.tokenizer, "The owl", settings, device, end=loaded.end))
    export_hf(loaded, out)
    try:
        load_model(out)
    except PennameError as error:
        raise AssertionError(f"an export cannot be read: {error}") from error


def try_one(originals: Path, seed: int, number: int) -> tuple[str, str]:
    """What came of a mutant: `read`, `refused` or `traceback`, and the message."""
    chance = random.Random(f"{seed}:{number}")
    with tempfile.TemporaryDirectory(prefix="doctored-") as name:
        folder = Path(name) / "model"
        shutil.copytree(chance.choice(sorted(originals.iterdir())), folder)
        what = change_folder(folder, chance)
        try:
            use(folder, Path(name) / "out")
        except PennameError as error:
            return "refused", f"{what}: {error}".replace(name, "")
        except BaseException as error:
            where = traceback.extract_tb(error.__traceback__)[-1]
            return "traceback", f"{what}: {type(error).__name__} {str(error)[:120]} at {where.name}:{where.lineno}"
        return "read", what


def serve(pipe: "multiprocessing.connection.Connection", originals: Path, seed: int) -> None:
    """Answer numbers with outcomes and the most memory so far, within `ADDRESS_SPACE`."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    torch.set_num_threads(1)
    use(sorted(originals.iterdir())[0], Path(tempfile.mkdtemp(dir=originals.parent)) / "out")
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    while (number := pipe.recv()) is not None:
        pipe.send((*try_one(originals, seed, number), (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)))


class Reader:
    """A process that reads mutants, started again when one ends it or holds it up."""

    def __init__(self, originals: Path, seed: int) -> None:
        self.originals, self.seed = originals, seed
        self.start()

    def start(self) -> None:
        """Start a process."""
        context = multiprocessing.get_context("spawn")
        self.pipe, other = context.Pipe()
        self.process = context.Process(target=serve, args=(other, self.originals, self.seed), daemon=True)
        self.process.start()
        other.close()

    def ask(self, number: int, seconds: float) -> tuple[str, str, int]:
        """What came of mutant `number`: also `hang`, and `ended` where the process did not survive it."""
        self.pipe.send(number)
        try:
            if self.pipe.poll(seconds):
                outcome, message, kilobytes = self.pipe.recv()
                return outcome, message, kilobytes * 1024
            outcome = "hang"
        except EOFError:
            outcome = "ended"
        self.stop()
        self.start()
        return outcome, outcome, 0

    def stop(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.join()


def campaign(seconds: float, seed: int, folder: Path, most: int | None = None) -> Tally:
    """Try mutants 0, 1, 2 ... of `seed` for so long, or so many."""
    originals = folder / "originals"
    write_originals(originals)
    tally, reader = Tally(), Reader(originals, seed)
    # The first answer waits for the process to start.
    room, began, number = 120.0, time.monotonic(), 0
    while (most is None and time.monotonic() - began < seconds) or (most is not None and number < most):
        started = time.monotonic()
        outcome, message, peak = reader.ask(number, room)
        if number:
            tally.slowest = max(tally.slowest, time.monotonic() - started)
        room = 120.0 if outcome in ("hang", "ended") else SLOWEST
        tally.outcomes[outcome] += 1
        tally.peak = max(tally.peak, peak)
        if outcome not in ("read", "refused"):
            tally.faults.setdefault(message, []).append(number)
        number += 1
    reader.stop()
    return tally


def main() -> int:
    """Print the seed and the figures; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long mutants are tried")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="which mutants")
    parser.add_argument("--only", type=int, help="show what comes of this mutant")
    options = parser.parse_args()
    print(f"seed {options.seed}")
    with tempfile.TemporaryDirectory(prefix="doctored-folders-") as name:
        if options.only is not None:
            write_originals(Path(name) / "originals")
            print(*try_one(Path(name) / "originals", options.seed, options.only), sep=": ")
            return 0
        tally = campaign(options.seconds, options.seed, Path(name))
    print("\n".join(tally.lines()))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
