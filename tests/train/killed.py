"""What tests and campaigns that kill runs share: a small blog and base, a process that runs `penname`, comparisons.

make_blog(folder)
command = train_command(folder, workspace, seed=1)
with serving() as server:
    code, life = server.run(command)  # to its end
    code, _ = server.run(command, 0.3)  # killed after 0.3 s: -9
"""

import json
import os
import random
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from publii_site import make_site, post
from tiny_models import random_model, tiny_tokenizer

from penname.model.base import write_base
from penname.model.quantise import Rounding

WORDS = "the owl sea boat honey money star guitar note pig ring hill moon quince spoon sand wind tree".split()  # noqa: SIM905
STEPS = 12
UNLIKE = ("date", "seconds", "judging_seconds")
"""Figures that differ between two runs that do the same."""


@dataclass
class Server:
    """A process that runs `penname` in forked children."""

    process: "subprocess.Popen[str]"

    def run(self, arguments: Sequence[str], seconds: float = -1.0) -> tuple[int, float]:
        """Run `penname` once, killed after `seconds` unless negative: the exit code (-9: killed), and the seconds."""
        assert self.process.stdin and self.process.stdout
        print(json.dumps([seconds, list(arguments)]), file=self.process.stdin, flush=True)
        code, took = self.process.stdout.readline().split()
        return int(code), float(took)


@contextmanager
def serving() -> Iterator[Server]:
    """Serve runs of `penname`."""
    script = Path(__file__).with_name("fork_server.py")
    command = [sys.executable, "-u", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "ready\n"
        yield Server(process)
        process.stdin.close()


def train_command(folder: Path, workspace: Path, seed: int) -> list[str]:
    """Adapt the base in `folder` to the site there, with `seed`."""
    command = ["train", str(folder / "owl"), "--workspace", str(workspace), "--base", str(folder / "base")]
    return [*command, "--steps", str(STEPS), "--seed", str(seed), "--anyway", "--quiet"]


def make_blog(folder: Path) -> None:
    """A site `owl` of 24 posts and a tiny base `base`."""
    generator = random.Random(0)
    rows = []
    for number in range(1, 25):
        text = " ".join(generator.choice(WORDS) for _ in range(120))
        rows.append(post(number, title=f"On the {generator.choice(WORDS)} {number}", text=f"<p>I saw {text}.</p>"))
    make_site(folder / "owl", rows)
    texts = [f"Once upon a time, in year {number}, an owl went to sea." for number in range(30)]
    write_base(folder / "base", random_model(), tiny_tokenizer(), Rounding(8, 32), texts, "card")


def logged(workspace: Path, start: int = 0) -> list[dict[str, Any]]:
    """The events behind byte `start` of the log; a kill may have torn the last line."""
    path = workspace / "log.jsonl"
    text = path.read_bytes()[start:].decode("utf-8", errors="replace") if path.exists() else ""
    lines = text.split("\n")[:-1]
    return [json.loads(line) for line in lines if line.endswith("}") and line.startswith("{")]


def where(workspace: Path, start: int = 0) -> str:
    """The last thing that a run said, in a few words."""
    events = logged(workspace, start)
    nothing: dict[str, Any] = {"kind": "nothing", "text": "", "data": {}}
    last = events[-1] if events else nothing
    return " ".join(f"{last['kind']} {last['text'][:24]} {last['data'].get('step', '')}".split())


def identity(folder: Path) -> dict[str, bytes]:
    """The bytes of each file of a folder; empty where there is none."""
    return {path.name: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def report(workspace: Path) -> dict[str, Any]:
    """The figures of a report that two equal runs share."""
    figures: dict[str, Any] = json.loads((workspace / "report.json").read_text(encoding="utf-8"))
    return {name: value for name, value in figures.items() if name not in UNLIKE}


def training(workspace: Path) -> dict[str, Any]:
    """What `training.json` says of a run, its seconds aside."""
    record: dict[str, Any] = json.loads((workspace / "training.json").read_text(encoding="utf-8"))
    return {name: value for name, value in record.items() if name not in ("seconds", "reasons")}
