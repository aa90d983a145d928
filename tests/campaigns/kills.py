"""Kills `train`, `tune`, `judge` and `export` at random moments, and runs each again until it is done.

    nice -n 19 python tests/campaigns/kills.py --seconds 1800 --kills 100 --seed 1

Each round begins with the same workspace; the command is killed (SIGKILL) one to three times at moments over its whole
life, then runs to its end. What it leaves is compared, bit for bit, with what a run that nobody disturbed has left, and
nothing else may lie about. Prints the seed, the kills of each command, and what differed.
"""

import argparse
import collections
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "use"))
sys.path.insert(0, str(Path(__file__).parents[1] / "blog"))

from killed import Server, identity, make_blog, report, serving, train_command, training, where

from penname.tune.study import JOURNAL, open_storage

_PASSING = (".lock", ".lock.shared", "log.jsonl")
"""Files of a workspace that say nothing of a result."""
Found = dict[str, Any]


@dataclass
class Command:
    """A command that is killed: its arguments, the workspace that it begins with, and what it leaves."""

    name: str
    arguments: list[str]
    before: Path
    result: Callable[[Path], Found]


@dataclass
class Whole:
    """What an undisturbed run is: its seconds, what it leaves, the names of all that lies there."""

    life: float
    result: Found
    names: set[str]


@dataclass
class Tally:
    """Kills by command, the last words before them, and what differed."""

    kills: collections.Counter[str] = field(default_factory=collections.Counter)
    rounds: collections.Counter[str] = field(default_factory=collections.Counter)
    moments: collections.Counter[str] = field(default_factory=collections.Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, name: str, fell: list[str], differs: list[str]) -> None:
        """Count a round of the command `name`: where its kills fell, and what differed."""
        number = self.rounds.total()
        self.rounds[name] += 1
        self.kills[name] += len(fell)
        self.moments.update(f"{name}, {moment}" for moment in fell)
        found = [f"round {number}, {name}, killed after {fell}: {each}" for each in differs]
        self.faults += found
        print(*found, f"{self.kills.total()} kills", sep="\n", file=sys.stderr, flush=True)

    def lines(self) -> list[str]:
        """The figures, for a reader."""
        said = [f"{name}: {count} kills in {self.rounds[name]} rounds" for name, count in sorted(self.kills.items())]
        said += [f"  killed after: {moment} ({count})" for moment, count in self.moments.most_common(12)]
        whole = f"{self.kills.total()} kills, {len(self.faults)} faults"
        return [*said, *self.faults, whole]


def commands(folder: Path, server: Server) -> list[Command]:
    """The commands, with workspaces that are made for them."""
    make_blog(folder)
    site, base, workspace = folder / "owl", folder / "base", folder / "owl.penname"
    empty, trained = folder / "empty", folder / "trained"
    empty.mkdir()
    _finished(server, [*train_command(folder, workspace, seed=2), "--no-judge"])
    workspace.rename(trained)
    there = ["--workspace", str(workspace)]
    tune = ["tune", str(site), *there, "--base", str(base), "--anyway", "--trials", "6", "--trial-seconds", "0.3"]
    return [
        Command("train", train_command(folder, workspace, seed=1), trained, _trained),
        Command("judge", ["judge", *there, "--quick", "--base", str(base), "--quiet"], trained, _judged),
        Command("tune", [*tune, "--proposer", "random", "--quiet"], empty, _tuned),
        Command(
            "export hf",
            ["export", "hf", *there, "--out", str(workspace / "out"), "--force", "--quiet"],
            trained,
            _exported,
        ),
        Command(
            "export gguf",
            ["export", "gguf", *there, "--out", str(workspace / "out.gguf"), "--force", "--quiet"],
            trained,
            _exported,
        ),
    ]


def _finished(server: Server, arguments: Sequence[str]) -> float:
    """Run to the end; the seconds that it took."""
    code, took = server.run(arguments)
    if code:
        raise RuntimeError(f"penname {' '.join(arguments)} ended with {code}")
    return took


def _rows(workspace: Path) -> int:
    path = workspace / "results.csv"
    return path.read_text(encoding="utf-8").count("\n") if path.exists() else 0


def _trained(workspace: Path) -> Found:
    judged = {"report": report(workspace), "rows": _rows(workspace)}
    return {"model": identity(workspace / "model"), "training": training(workspace), **judged}


def _judged(workspace: Path) -> Found:
    whole = (workspace / "report.html").read_text(encoding="utf-8").endswith("</html>\n")
    return {"report": report(workspace), "rows": _rows(workspace), "page is whole": whole}


def _exported(workspace: Path) -> Found:
    return {path.name: identity(path) or path.read_bytes() for path in workspace.glob("out*")}


def _tuned(workspace: Path) -> Found:
    """The trials that ended, the model, and the rows of the ledger: a trial that was killed has its turn later."""
    storage = open_storage(workspace / "tune" / JOURNAL)
    (study,) = storage.get_all_studies()
    trials = [trial for trial in storage.get_all_trials(study._study_id) if trial.state.name in ("COMPLETE", "PRUNED")]
    told = [
        (trial.user_attrs.get("group", "search"), trial.user_attrs.get("seed"), trial.params, trial.values)
        for trial in trials
    ]
    return {"trials": sorted(map(json.dumps, told)), "model": identity(workspace / "model"), "rows": _rows(workspace)}


def names_in(workspace: Path) -> set[str]:
    """Every file and folder of a workspace that belongs to a result."""
    found = (path.relative_to(workspace).as_posix() for path in workspace.rglob("*"))
    return {name for name in found if Path(name).name not in _PASSING and "/parts/" not in name}


def one_round(
    command: Command, server: Server, life: float, workspace: Path, kills: int, draw: random.Random
) -> list[str]:
    """Kill `kills` times, then let it end; where each kill fell."""
    shutil.copytree(command.before, workspace)
    fell: list[str] = []
    while True:
        moment = draw.uniform(0, life) if len(fell) < kills else -1.0
        code, took = server.run(command.arguments, moment)
        if code == 0:
            return fell
        if code != -9:
            raise RuntimeError(f"ended with {code} after {took:.2f} s, behind {where(workspace)}")
        fell.append(where(workspace))


def undisturbed(command: Command, server: Server, workspace: Path) -> Whole:
    """What a run that nobody kills leaves."""
    shutil.copytree(command.before, workspace)
    life = _finished(server, command.arguments)
    whole = Whole(life, command.result(workspace), names_in(workspace))
    shutil.rmtree(workspace)
    return whole


def differences(command: Command, workspace: Path, whole: Whole) -> list[str]:
    """What differs from the undisturbed run."""
    try:
        found = command.result(workspace)
    except (OSError, ValueError, KeyError) as error:
        return [f"cannot be read: {error!r}"]
    there = names_in(workspace)
    said = [f"{name} differs" for name in whole.result if found.get(name) != whole.result[name]]
    said += [f"left over: {name}" for name in sorted(there - whole.names)]
    return said + [f"missing: {name}" for name in sorted(whole.names - there)]


def campaign(seconds: float, most: int, seed: int, folder: Path, names: Sequence[str] = ()) -> Tally:
    """Kill for so long, or so often a command; all of them, or those of `names`, in turns."""
    draw, tally, began = random.Random(seed), Tally(), time.monotonic()
    workspace = folder / "owl.penname"
    with serving() as server:
        chosen = [command for command in commands(folder, server) if not names or command.name in names]
        wholes = {command.name: undisturbed(command, server, workspace) for command in chosen}
        while left := [each for each in chosen if tally.kills[each.name] < most]:
            for command in left:
                if time.monotonic() - began > seconds:
                    return tally
                kills = min(draw.randint(1, 3), most - tally.kills[command.name])
                try:
                    fell = one_round(command, server, wholes[command.name].life, workspace, kills, draw)
                    differs = differences(command, workspace, wholes[command.name])
                except RuntimeError as error:
                    fell, differs = ["an end of its own"], [str(error)]
                tally.add(command.name, fell, differs)
                shutil.rmtree(workspace, ignore_errors=True)
    return tally


def main() -> int:
    """Print the seed and the figures; 1 where there was a fault."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long, at most")
    parser.add_argument("--kills", type=int, default=20, help="kills of each command, at most")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6), help="which moments")
    parser.add_argument("--command", action="append", default=[], help="this one only; may be repeated")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        tally = campaign(options.seconds, options.kills, options.seed, Path(name), options.command)
    print("\n".join(tally.lines()))
    return 1 if tally.faults else 0


if __name__ == "__main__":
    sys.exit(main())
