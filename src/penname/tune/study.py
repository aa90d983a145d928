"""The study: Optuna's own journal file in the workspace, which several processes share and its dashboard opens.

    with open_study(folder / "tune", name, lambda: about, find_proposer("tpe"), seed=1) as study:
        trial = study.ask()
        study.finish(trial, objective=1.23, figures={...})
        study.records()

In: a folder and a name. Out: trials, kept by Optuna; nothing else decides who does what. A trial that was at work when
its process was killed is found by the lock that the process held, given up, and its settings run again.

A journal holds no sampler's state: one that began anew with its seed would draw the first settings again at each
sitting, and in each process. So each trial has a sampler of its own, whose seed follows from how many there are.
"""

import contextlib
import os
import random
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.samplers import BaseSampler
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.trial import FrozenTrial, Trial, TrialState

from penname.core import events
from penname.core.errors import PennameError
from penname.core.files import locked
from penname.tune.proposers import AGAIN, FAILED, JUDGED, PRUNED, RUNNING, SEARCH, STOPPED, WAITING, Proposer, Record
from penname.tune.standing import DEFAULT_SEEDS
from penname.tune.tunables import Tunable, Values

JOURNAL = "study.journal"
_STATES = {"COMPLETE": JUDGED, "PRUNED": PRUNED, "FAIL": FAILED, "RUNNING": RUNNING, "WAITING": WAITING}
_PATIENCE = 120.0
"""Seconds to wait for another process that decides."""


class Study:
    """One study of a journal file. `about` is what it was made with: defaults, tunables, size of a trial; `sampler`
    makes one with a seed; `seed` is that of this process's proposals."""

    def __init__(
        self,
        folder: Path,
        study: "optuna.Study",
        about: dict[str, Any],
        process: str,
        sampler: "Callable[[int], BaseSampler]",
        seed: int = 1,
    ) -> None:
        self.folder, self.study, self.about, self.process = folder, study, about, process
        self.sampler, self.seed = sampler, seed
        self.defaults: Values = dict(about["defaults"])
        self.tunables = tuple(Tunable(**each) for each in about["tunables"])

    @property
    def name(self) -> str:
        """The study's name in the journal."""
        return self.study.study_name

    @contextlib.contextmanager
    def deciding(self) -> Iterator[None]:
        """Keep other processes from deciding at the same time; training goes on meanwhile."""
        with locked(self.folder / ".deciding", "penname tune", wait=_PATIENCE):
            yield

    def records(self) -> list[Record]:
        """All trials, by their numbers."""
        return [self._record(trial) for trial in self.study.get_trials(deepcopy=False)]

    def enqueue(self, values: Mapping[str, float], **about: Any) -> None:
        """Put settings in line: the next `ask` of any process takes them."""
        named = {tunable.name: values[tunable.name] for tunable in self.tunables}
        self.study.enqueue_trial(named, user_attrs={**about, "values": dict(values)})

    def ask(self) -> "tuple[Trial, Record]":
        """The next trial: one that waits in line, or new settings of the sampler's. Call it while `deciding`."""
        # What was cut off is in line again, and does not count: a study that was killed draws what another one draws.
        number = sum(record.state != STOPPED for record in self.records())
        self.study.sampler = self.sampler(seed_of(self.seed, number))
        trial = self.study.ask()
        trial.set_user_attr("process", self.process)
        for tunable in self.tunables:
            trial.suggest_float(tunable.name, tunable.low, tunable.high, log=tunable.log)
        given = trial.user_attrs
        record = Record(
            number=trial.number,
            group=given.get("group", SEARCH),
            seed=given.get("seed", DEFAULT_SEEDS[0]),
            state=RUNNING,
            values={**self.defaults, **trial.params},
            of=given.get("of"),
        )
        return trial, record

    def finish(self, trial: "Trial", objective: float, **found: Any) -> None:
        """A trial was judged."""

        self._tell(trial, TrialState.COMPLETE, objective, found)

    def prune(self, trial: "Trial", **found: Any) -> None:
        """A trial was stopped early, for what it showed so far."""

        self._tell(trial, TrialState.PRUNED, None, found)

    def fail(self, trial: "Trial", reason: str) -> None:
        """A trial could not be done: its settings are not tried again."""

        self._tell(trial, TrialState.FAIL, None, {"reason": reason})

    def give_up(self, trial: "Trial") -> None:
        """A trial was stopped by the user: its settings are tried again, first of all."""

        self._tell(trial, TrialState.FAIL, None, {"reason": STOPPED})
        self._again(self.study.get_trials(deepcopy=False)[trial.number])

    def revive(self) -> None:
        """Give up the trials whose process is gone, and put their settings in line again."""

        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            process = trial.user_attrs.get("process", "")
            if process == self.process or (process and not _is_gone(self.folder / f".{process}")):
                continue
            events.note(f"Trial {trial.number} was cut off: its settings are tried again.")
            self.study.tell(trial.number, state=TrialState.FAIL)
            self._again(trial)

    def remember(self, name: str, value: Any) -> None:
        """Keep a JSON value with the study."""
        self.study.set_user_attr(name, value)

    def remembered(self, name: str) -> Any:
        """What `remember` kept, or None."""
        return self.study.user_attrs.get(name)

    def _again(self, trial: "FrozenTrial") -> None:
        kept = {name: trial.user_attrs[name] for name in ("group", "seed", "of") if name in trial.user_attrs}
        values = {**self.defaults, **trial.params}
        # A trial that was killed before it drew all its settings has none to try again.
        if all(tunable.name in trial.params for tunable in self.tunables) or "values" in trial.user_attrs:
            self.enqueue(trial.user_attrs.get("values", values), **kept)

    def _tell(self, trial: "Trial", state: Any, value: float | None, found: Mapping[str, Any]) -> None:
        for name, item in found.items():
            trial.set_user_attr(name, item)
        self.study.tell(trial, value, state=state)

    def _record(self, trial: "FrozenTrial") -> Record:
        kept = trial.user_attrs
        start, end = trial.datetime_start, trial.datetime_complete
        state = _STATES[trial.state.name]
        reason = str(kept.get("reason", ""))
        # Stopped or killed is no failure of the settings: they are in line again.
        if state == FAILED and (not reason or reason == STOPPED):
            state = STOPPED
        return Record(
            number=trial.number,
            group=kept.get("group", SEARCH),
            seed=kept.get("seed", DEFAULT_SEEDS[0]),
            state=state,
            values={**self.defaults, **kept.get("values", {}), **trial.params},
            objective=trial.value if state == JUDGED else None,
            of=kept.get("of"),
            figures=kept.get("figures", {}),
            verdict=tuple(kept.get("verdict", ())),
            missed=kept.get("missed", 0),
            reason=reason,
            curve={int(place): figure for place, figure in kept.get("curve", {}).items()},
            times=kept.get("times", {}),
            started=start.timestamp() if start else 0.0,
            ended=end.timestamp() if end else 0.0,
        )


@contextlib.contextmanager
def open_study(
    folder: Path, name: str, about: Callable[[], dict[str, Any]], proposer: Proposer, seed: int = 1
) -> Iterator[Study]:
    """The study called `name`, made with what `about` gives if it is new; else it goes on as it was begun.

    Raises `PennameError` when the journal file cannot be read.
    """

    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    process = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(2)}"
    mine = folder / f".{process}"
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: mine.unlink(missing_ok=True))
        with locked(folder / ".deciding", "penname tune", wait=_PATIENCE):
            _sweep(folder)
            stack.enter_context(locked(mine, "penname tune"))
            storage = open_storage(folder / JOURNAL)
            study = optuna.create_study(
                storage=storage,
                study_name=name,
                sampler=proposer.sampler(seed),
                pruner=proposer.pruner(),
                load_if_exists=True,
            )
            if "about" not in study.user_attrs:
                study.set_user_attr("about", about())
        yield Study(folder, study, study.user_attrs["about"], process, proposer.sampler, seed)


def seed_of(seed: int, number: int) -> int:
    """The seed of the settings of a trial behind `number` others, where the proposals have `seed`: 0 to 2^32 - 1."""
    return random.Random(f"{seed} {number}").getrandbits(32)


def study_names(folder: Path) -> list[str]:
    """The studies of the journal in `folder`; none where there is no journal."""
    if not (folder / JOURNAL).is_file():
        return []
    return [study.study_name for study in open_storage(folder / JOURNAL).get_all_studies()]


def open_storage(path: Path) -> "optuna.storages.JournalStorage":
    """Optuna's journal file, any torn last line taken off. Raises `PennameError` when it cannot be read."""

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    _mend(path)
    try:
        return optuna.storages.JournalStorage(JournalFileBackend(str(path), lock_obj=JournalFileOpenLock(str(path))))
    except (ValueError, KeyError, OSError) as error:
        raise PennameError(f"{path} cannot be read ({error}): move it away, and tuning starts anew.") from error


def waiting_or_running(records: list[Record], of: int, seed: int) -> bool:
    """Whether a fresh seed of trial `of` is in line or at work already."""
    return any(
        record.group == AGAIN and record.of == of and record.seed == seed and record.state in (WAITING, RUNNING)
        for record in records
    )


def _mend(path: Path) -> None:
    """Cut off a last line that a full disk or a power cut left without its end."""
    if not path.is_file():
        return
    with path.open("rb+") as file:
        size = file.seek(0, os.SEEK_END)
        while size:
            start = max(0, size - 65_536)
            file.seek(start)
            end = file.read(size - start).rfind(b"\n")
            if end >= 0:
                file.truncate(start + end + 1)
                return
            size = start
        file.truncate(0)


def _sweep(folder: Path) -> None:
    """Delete the locks of processes of this machine that were killed; nobody makes one meanwhile.

    Where no process is left, a lock of the journal is one that was held while its process was killed: Optuna would wait
    for it for half a minute.
    """
    for path in folder.glob(f".{socket.gethostname()}-*"):
        _is_gone(path)
    if not any(folder.glob(".*-*-????")):
        (folder / f"{JOURNAL}.lock").unlink(missing_ok=True)


def _is_gone(path: Path) -> bool:
    """Whether the process that held the lock `path` has ended."""
    if not path.exists():
        return True
    try:
        with locked(path, ""):
            pass
    except PennameError:
        return False
    path.unlink(missing_ok=True)
    return True
