"""A run that is killed at random moments, over its whole life, ends as if nothing had happened."""

import json
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from publii_site import make_site, post
from tiny_models import random_model, tiny_tokenizer

from penname.core.folders import settle_folder
from penname.model.base import write_base
from penname.model.checkpoint import newest_checkpoint

WORDS = "the owl sea boat honey money star guitar note pig ring hill moon quince spoon sand wind tree".split()  # noqa: SIM905
STEPS = 12
SLOW = "PENNAME_SLOW"
KILLS = 50 if os.environ.get(SLOW) else 6
UNLIKE = ("date", "seconds", "judging_seconds")
"""Figures that differ between two runs that do the same."""

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="skipped: this system cannot fork")


@dataclass
class Server:
    """A process that runs `penname train` in forked children."""

    process: "subprocess.Popen[str]"

    def run(self, seconds: float = -1.0) -> tuple[int, float]:
        """Run once, killed after `seconds` unless negative: the exit code (-9: killed), and how long it ran."""
        assert self.process.stdin and self.process.stdout
        print(seconds, file=self.process.stdin, flush=True)
        code, took = self.process.stdout.readline().split()
        return int(code), float(took)


@contextmanager
def serving(folder: Path, workspace: Path, seed: int) -> Iterator[Server]:
    """Serve runs that adapt the base in `folder` to the site there, with `seed`."""
    script = Path(__file__).with_name("fork_server.py")
    command = [sys.executable, "-u", str(script), "train", str(folder / "owl"), "--workspace", str(workspace)]
    command += ["--base", str(folder / "base"), "--steps", str(STEPS), "--seed", str(seed), "--anyway", "--quiet"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout and process.stdin
        assert process.stdout.readline() == "ready\n"
        yield Server(process)
        process.stdin.close()


def make_blog(folder: Path) -> None:
    generator = random.Random(0)
    rows = []
    for number in range(1, 25):
        text = " ".join(generator.choice(WORDS) for _ in range(120))
        rows.append(post(number, title=f"On the {generator.choice(WORDS)} {number}", text=f"<p>I saw {text}.</p>"))
    make_site(folder / "owl", rows)
    texts = [f"Once upon a time, in year {number}, an owl went to sea." for number in range(30)]
    write_base(folder / "base", random_model(), tiny_tokenizer(), 8, texts, "card", group=32)


def test_a_run_that_is_killed_at_random_moments_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Each round begins with an older model in place, so that its model is never missing either."""
    make_blog(tmp_path)
    workspace, older, whole = (tmp_path / f"{name}.penname" for name in ("cut", "older", "whole"))
    with serving(tmp_path, workspace, seed=2) as server:
        assert server.run()[0] == 0
    workspace.rename(older)
    with serving(tmp_path, workspace, seed=1) as server:
        shutil.copytree(older, workspace)
        code, life = server.run()
        assert code == 0
        workspace.rename(whole)
        kills, moments = 0, random.Random(1)
        told: list[str] = []
        while kills < KILLS:
            shutil.copytree(older, workspace)
            start = (workspace / "log.jsonl").stat().st_size
            code = -9
            while code:
                before = newest_checkpoint(workspace / "checkpoints")
                length = (workspace / "log.jsonl").stat().st_size
                code, took = server.run(moments.uniform(0, life) if kills < KILLS else -1.0)
                assert code in (0, -9)
                check_resumed(workspace, length, before)
                if code:
                    kills += 1
                    told.append(f"{took:.2f} s, {where(workspace, start)}")
                    check_intact(workspace, older, whole, start)
            check_result(workspace, whole)
            shutil.rmtree(workspace)
    print(f"{kills} kills in a life of {life:.2f} s: " + "; ".join(told))


def logged(workspace: Path, start: int) -> list[dict[str, Any]]:
    """The events behind byte `start` of the log; a kill may have torn the last line."""
    text = (workspace / "log.jsonl").read_bytes()[start:].decode("utf-8", errors="replace")
    lines = text.split("\n")[:-1]
    return [json.loads(line) for line in lines if line.endswith("}") and line.startswith("{")]


def where(workspace: Path, start: int) -> str:
    events = logged(workspace, start)
    nothing: dict[str, Any] = {"kind": "nothing", "text": "", "data": {}}
    last = events[-1] if events else nothing
    return " ".join(f"{last['kind']} {last['text'][:24]} {last['data'].get('step', '')}".split())


def check_resumed(workspace: Path, start: int, before: Path | None) -> None:
    """A run goes on from the newest checkpoint that was there."""
    said = [event["text"] for event in logged(workspace, start) if event["text"].startswith("Going on from step")]
    if said:
        assert before is not None and said == [f"Going on from step {int(before.name[5:])} of {STEPS}."]


def identity(folder: Path) -> dict[str, Any]:
    """What each file of a model folder holds; empty where there is none. A header's keys have no order."""
    found: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        content: Any = path.read_bytes()
        if path.suffix == ".safetensors":
            size = int.from_bytes(content[:8], "little")
            content = json.loads(content[8 : 8 + size]), content[8 + size :]
        found[path.name] = content
    return found


def check_intact(workspace: Path, older: Path, whole: Path, start: int) -> None:
    """After a kill: no model that is half, no file that is torn, no more than a step lost."""
    known = [identity(folder / "model") for folder in (older, whole)]
    there = identity(workspace / "model")
    assert there in (*known, {})
    if not there:
        assert identity(workspace / ".model.old") == known[0] and identity(workspace / ".model.new") == known[1]
    settle_folder(workspace / "model")
    assert identity(workspace / "model") in known
    for name in ("text.json", "workspace.json", "training.json", "report.json"):
        json.loads((workspace / name).read_text(encoding="utf-8"))
    assert (workspace / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    steps = [event["data"]["step"] for event in logged(workspace, start) if event["kind"] == "train"]
    newest = newest_checkpoint(workspace / "checkpoints")
    if steps and there != known[1] and steps[-1] < STEPS:
        assert steps[-1] - (int(newest.name[5:]) if newest else 0) <= 1


def check_result(workspace: Path, whole: Path) -> None:
    """The same weights, losses and figures as of the run that nobody disturbed, and one row for it."""
    assert identity(workspace / "model") == identity(whole / "model")
    assert (workspace / "text.json").read_bytes() == (whole / "text.json").read_bytes()
    records = [json.loads((folder / "training.json").read_text(encoding="utf-8")) for folder in (workspace, whole)]
    for name in ("steps", "losses", "curve", "best_validation_bits_per_byte", "best_step", "settings"):
        assert records[0][name] == records[1][name], name
    reports = [json.loads((folder / "report.json").read_text(encoding="utf-8")) for folder in (workspace, whole)]
    for report in reports:
        for name in UNLIKE:
            del report[name]
    assert reports[0] == reports[1]
    rows = [(folder / "results.csv").read_text(encoding="utf-8").count("\n") for folder in (workspace, whole)]
    assert rows[0] == rows[1] == 3
    names = [sorted(path.name for path in folder.iterdir()) for folder in (workspace, whole)]
    assert names[0] == names[1]
