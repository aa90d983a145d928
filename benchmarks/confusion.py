"""The table of confusion: which headline each kind of writer gets on each blog, and whether it is right.

    python benchmarks/confusion.py BLOG.penname ... [--writers real shuffled base] [--stored CELLS.json.gz]

Each BLOG is a workspace that `penname prepare` wrote. Writers: real posts behind the same openings; the same with their
sentences shuffled; the bare base; a run of three steps; a network from scratch for one minute; a full run. CELLS holds
passages and bits that were written elsewhere, on a graphics card for instance: {"full": {"free", "guarded", "openings",
"part:bits-adapted", ...}, ...}. A JSON line a cell goes to standard output. The exit code is 1 where a cell is wrong:
"good" for anything but real posts and a full run, or anything but "good" and "too little text" for real posts.
"""

import argparse
import gzip
import json
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, options, read, small_inputs

from penname.core.device import pick_device
from penname.core.workspace import Workspace
from penname.judge.judging import make_subject, measure
from penname.judge.passages import Opening, Written, choose_openings
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject, Training
from penname.judge.thread import sentences
from penname.model.base import load_base
from penname.model.folder import load_model
from penname.train.options import TrainOptions
from penname.train.site import train_site

WRITERS = ("real", "shuffled", "base", "few", "scratch", "full")
NOTHING = {"rate": 0.0, "near_rate": 0.0, "tried": 0, "tokens": 50, "posts": []}
"""Extraction that was not tried: the author recites nothing."""
Cells = dict[str, dict[str, Any]]


class Stored(Parts):
    """Parts of which some are known, whatever their keys."""

    def __init__(self, folder: Path, known: dict[str, Any]) -> None:
        super().__init__(folder)
        self.known = known

    def get(self, name: str, key: dict[str, Any], work: Any) -> Any:
        """What is known, else what was kept or `work` gives."""
        return self.known[name] if name in self.known else super().get(name, key, work)


def real_posts(subject: Subject, shuffled: bool, count: int) -> tuple[Subject, dict[str, Any]]:
    """The subject and the parts of a writer that is the author; his posts are compared with others of his."""
    openings = choose_openings(subject.heldout, subject.spare)
    passages = [
        written(opening, _shuffled(opening, number) if shuffled else _cut(opening.real))
        for number, opening in enumerate(openings[:count])
    ]
    own = {opening.post for opening in openings[:count]}
    others = [post for post in (*subject.spare, *subject.training) if post.id not in own]
    half = max(1, min(len(own), len(others) // 2))
    without = replace(subject, base=None, general=(), training=tuple(others[half:]), heldout=tuple(others[:half]))
    return without, {"passages": {"free": passages, "guarded": passages}, "extraction": NOTHING}


def written(opening: Opening, text: str) -> dict[str, Any]:
    """A passage as a judgement keeps it."""
    return vars(Written(opening.post, opening.text, text, False, False))


def _cut(text: str) -> str:
    return " ".join(text.split(" ")[:200])


def _shuffled(opening: Opening, seed: int) -> str:
    found = sentences(_cut(opening.real))
    random.Random(seed).shuffle(found)
    return " ".join(found)


def trained(workspace: Workspace, site: Path, writer: str) -> Candidate:
    """A model that was trained for this table."""
    steps = {"few": 3}.get(writer)
    options = TrainOptions(
        workspace=workspace.folder, anyway=True, steps=steps, from_scratch=writer == "scratch",
        minutes=1 if writer == "scratch" else None,
    )  # fmt: skip
    train_site(site, options)
    return Candidate(f"{writer}-{workspace.folder.name}", lambda: load_model(workspace.model))


def cell(workspace: Workspace, writer: str, cells: Cells, args: argparse.Namespace) -> dict[str, Any]:
    """Judge one writer on one blog."""
    stored = cells.get(writer)
    options = JudgeOptions(quick=not args.full, baselines=False, device=args.device)
    bare = Candidate("base", lambda: load_base(None))
    if stored is None and writer in ("few", "scratch", "full"):
        bare = trained(workspace, args.site, writer)
    subject = make_subject(workspace, options, adapted=bare)
    known: dict[str, Any] = {}
    if writer in ("real", "shuffled"):
        subject, known = real_posts(subject, writer == "shuffled", 40 if options.quick else 200)
    elif stored:
        count = 40 if options.quick else len(stored["guarded"])
        known = {"passages": {name: stored[name][:count] for name in ("free", "guarded")}}
        known |= {name[5:]: part["value"] for name, part in stored.items() if name.startswith("part:bits")}
        known["extraction"] = NOTHING
        subject = replace(subject, base=None if writer == "scratch" else subject.base, general=())
        # The bits that are known are those of all posts.
        options = replace(options, quick=False, passages=count)
    if "base" in cells:
        known["passages-base"] = cells["base"]["free"][:20]
    with tempfile.TemporaryDirectory() as folder:
        parts = Stored(args.keep / workspace.folder.stem if args.keep else Path(folder), known)
        _, figures = measure(subject, options, Training(), parts, device=pick_device(args.device))
    line = figures["verdict"][0]
    return {"blog": workspace.folder.stem, "writer": writer, "right": is_right(writer, line), "headline": line} | {
        name: figures[name] for name in ("samples", "gain_percent", "sense", "sense_low", "sense_high", "base_sense",
        "real_vs_generated_auc", "real_vs_generated_auc_low", "real_vs_generated_auc_high",
        "base_real_vs_generated_auc_low", "delta_percentile", "base_delta_percentile")
    }  # fmt: skip


def is_right(writer: str, line: str) -> bool:
    """Whether a headline may stand over this writer's text."""
    if writer == "real":
        return line.startswith(("Good", "There is too little text"))
    return writer == "full" or not line.startswith("Good")


def main() -> int:
    """Print every cell; 1 where one is wrong."""
    parser = options(__doc__)
    parser.add_argument("workspaces", nargs="*", type=Path)
    parser.add_argument("--writers", nargs="+", default=WRITERS, choices=WRITERS)
    parser.add_argument("--stored", type=Path, help="passages and bits that were written elsewhere")
    parser.add_argument("--site", type=Path, help="where the blog came from, to train on")
    parser.add_argument("--keep", type=Path, help="a folder for what was measured, so that it is measured once")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--full", action="store_true", help="judge with all passages, not quickly")
    args = read(parser, writers=["real"], device="cpu")
    if args.quick:
        args.workspaces = [small_inputs().workspace]
    print(machine(), file=sys.stderr)
    stored: Cells = json.loads(gzip.decompress(args.stored.read_bytes())) if args.stored else {}
    wrong = 0
    for folder in args.workspaces:
        for writer in args.writers:
            found = cell(Workspace(folder), writer, stored, args)
            wrong += not found["right"]
            print(json.dumps(found), flush=True)
    return 1 if wrong and not args.quick else 0


if __name__ == "__main__":
    sys.exit(main())
