"""A run that is killed at random moments, over its whole life, ends as if nothing had happened."""

import importlib.util
import json
import os
import random
import shutil
import sys
from pathlib import Path

import pytest
from killed import STEPS, identity, logged, make_blog, report, serving, train_command, training, where

from penname.core.files import settle_folder
from penname.train.checkpoint import newest_checkpoint

SLOW = "PENNAME_SLOW"
KILLS = 50 if os.environ.get(SLOW) else 6

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="skipped: this system cannot fork")]


def test_a_run_that_is_killed_at_random_moments_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    """Each round begins with an older model in place, so that its model is never missing either."""
    make_blog(tmp_path)
    workspace, older, whole = (tmp_path / f"{name}.penname" for name in ("cut", "older", "whole"))
    command = train_command(tmp_path, workspace, seed=1)
    with serving() as server:
        assert server.run(train_command(tmp_path, workspace, seed=2))[0] == 0
        workspace.rename(older)
        shutil.copytree(older, workspace)
        code, life = server.run(command)
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
                code, took = server.run(command, moments.uniform(0, life) if kills < KILLS else -1.0)
                assert code in (0, -9)
                check_resumed(workspace, length, before)
                if code:
                    kills += 1
                    told.append(f"{took:.2f} s, {where(workspace, start)}")
                    check_intact(workspace, older, whole, start)
            check_result(workspace, whole)
            shutil.rmtree(workspace)
    print(f"{kills} kills in a life of {life:.2f} s: " + "; ".join(told))


def check_resumed(workspace: Path, start: int, before: Path | None) -> None:
    """A run goes on from the newest checkpoint that was there."""
    said = [event["text"] for event in logged(workspace, start) if event["text"].startswith("Going on from step")]
    if said:
        assert before is not None and said == [f"Going on from step {int(before.name[5:])} of {STEPS}."]


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
    assert training(workspace) == training(whole)
    assert report(workspace) == report(whole)
    rows = [(folder / "results.csv").read_text(encoding="utf-8").count("\n") for folder in (workspace, whole)]
    assert rows[0] == rows[1] == 3
    names = [sorted(path.name for path in folder.iterdir()) for folder in (workspace, whole)]
    assert names[0] == names[1]


def test_a_short_round_of_the_campaign(tmp_path: Path) -> None:
    """`tests/campaigns/kills.py` runs for as long as it is asked, `tune` included; here two commands are killed."""
    path = Path(__file__).parents[1] / "campaigns" / "kills.py"
    spec = importlib.util.spec_from_file_location("kills", path)
    assert spec is not None and spec.loader is not None
    kills = importlib.util.module_from_spec(spec)
    sys.modules["kills"] = kills
    spec.loader.exec_module(kills)
    tally = kills.campaign(seconds=300.0, most=2, seed=1, folder=tmp_path, names=("judge", "export hf"))
    assert tally.kills == {"judge": 2, "export hf": 2} and not tally.faults, tally.faults
