"""TPE with pruning against nudge against the default, with the same minutes for each, on one blog.

    python benchmarks/tune_proposers.py my-blog.penname/text.json --minutes 2 --trial-seconds 3 --device cuda

In: the `text.json` of a prepared workspace, so that a machine without the readers of blogs can run it. Out: a table;
each proposer has a workspace, a noise floor and a ledger of its own (in `--out`, or a temporary folder). Less is
better; a win is a mean over fresh seeds that is better than the default's by more than seeds differ.
"""

import argparse
import contextlib
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from common import machine, options, read, small_inputs

from penname.core import events
from penname.core.progress import Settings, show_events
from penname.core.workspace import file_hashes, open_workspace
from penname.tune.tune import TuneOptions, TuneReport, tune_workspace


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("text", type=Path, nargs="?", help="text.json of a prepared workspace")
    parser.add_argument("--proposers", default="tpe,nudge", help="names, by commas")
    parser.add_argument("--minutes", type=float, help="for each proposer, its noise floor included")
    parser.add_argument("--trials", type=int, help="for each proposer, its noise floor included")
    parser.add_argument("--trial-seconds", type=float, default=3.0, help="seconds of training of a trial")
    parser.add_argument("--device", default="auto")
    parser.add_argument("--base", type=Path, help="a model folder instead of the shipped base")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, help="where the workspaces go")
    given = read(parser, trials=4, trial_seconds=0.2, device="cpu", proposers="nudge")
    if given.quick:
        small = small_inputs()
        given.text, given.base = small.text, small.folder / "base"
    if given.minutes is None and given.trials is None:
        parser.error("give --minutes or --trials")
    same_trials()
    with contextlib.ExitStack() as stack:
        out = given.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = {name: run(name, given, out) for name in given.proposers.split(",")}
    print(f"\n{machine()}")
    print("\n| proposer | judged | pruned | s | default | noise | best, fresh seeds | gain | verdict |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, (report, row) in found.items():
        print(f"| {name} | {report.judged} | {row} | {report.verdict[0]} |")


def same_trials() -> None:
    """Measure the speed once, so that a trial is as large for each proposer."""
    from penname.tune.ground import Ground

    measure = Ground.describe
    known: dict[str, Any] = {}

    def describe(ground: Ground, seconds: float, wanted: tuple[str, ...] = ()) -> dict[str, Any]:
        if not known:
            known.update(measure(ground, seconds, wanted))
        return dict(known)

    Ground.describe = describe  # type: ignore[assignment, method-assign]


def run(name: str, given: argparse.Namespace, out: Path) -> tuple[TuneReport, str]:
    """Tune with one proposer in a workspace of its own."""
    from penname.tune.report import read_summary

    workspace = open_workspace(out / f"{name}.penname", name)
    if not workspace.text.is_file():
        shutil.copy(given.text, workspace.text)
    wanted = TuneOptions(
        base=given.base,
        minutes=given.minutes,
        trials=given.trials,
        trial_seconds=given.trial_seconds,
        proposer=name,
        device=given.device,
        seed=given.seed,
    )
    started = time.monotonic()
    with show_events(Settings(moving=False)), events.listening(events.LogFile(workspace.log)):
        report = tune_workspace(workspace, file_hashes(workspace.folder, ("text.json",))["text.json"], wanted)
    print(
        f"\n{name}: {time.monotonic() - started:.0f} s, set-up {report.setting_up:.0f} s, outside training and judging"
    )
    print(f"{100 * report.overhead:.1f}% of the rest. Best settings: {report.best}")
    print("\n".join(report.verdict), flush=True)
    summary = read_summary(workspace) or {}
    trials, floor, best = summary["trials"], summary["floor"], summary["champion"]
    pruned = sum(trial["state"] == "pruned" for trial in trials)
    if floor is None:
        return report, f"{pruned} | {report.seconds:.0f} | | | |"
    gain = floor["mean"] - best["mean"] if summary["wins"] else 0.0
    figures = f"{floor['mean']:.4f} | {floor['margin']:.4f} | {best['mean']:.4f} | {gain:.4f}"
    return report, f"{pruned} | {report.seconds:.0f} | {figures}"


if __name__ == "__main__":
    main()
