"""The loop: propose, train, judge, write it down, compare, propose again.

    Loop(workspace, ground, study, proposer, Budget(seconds=1800)).run()

In: a study and a budget. Out: trials in the study, rows in `results.csv`, the best model in `model/`, the page. The
default runs first, with three seeds; a trial that beats it beyond noise is run again on fresh seeds at once. Every
decision follows from the records, so a loop that was stopped, or another process, goes on where it was.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from optuna.trial import Trial

from penname.core import events
from penname.core.errors import Interrupted, PennameError
from penname.core.terminal import clock
from penname.core.workspace import Workspace
from penname.judge.judgement import Judgement, standard_errors
from penname.judge.judging import TARGET
from penname.judge.subject import Parts, Training
from penname.judge.target import Check, Limit, check_figures, find_limits, read_target, write_target
from penname.model.folder import load_model
from penname.train.graphs import stop_on_interrupt
from penname.tune.ground import Ground
from penname.tune.ledger import make_rows, row_in_words, write_missing
from penname.tune.proposers import (
    AGAIN,
    DEFAULT,
    JUDGED,
    RUNNING,
    SEARCH,
    STOPPED,
    WAITING,
    Proposer,
    Record,
    time_at_work,
)
from penname.tune.report import write_summary
from penname.tune.standing import (
    DEFAULT_SEEDS,
    EARLY,
    LEAST_TRIED,
    Standing,
    find_standing,
    headline,
    likelier,
    missed,
    objective,
)
from penname.tune.study import Study, waiting_or_running
from penname.tune.trial import Outcome, judge_trial, keep_model, run_trial
from penname.tune.tunables import in_words

FOLDER = "tune"
"""Of the workspace: the study's journal, and figures of the base that trials share."""


@dataclass(frozen=True)
class Budget:
    """When a study is over: seconds at work, or trials; over all sittings and processes. None: no limit."""

    seconds: float | None = None
    trials: int | None = None
    until_good: bool = False
    """Also when the settings that stand best meet every target."""


class Loop:
    """One process of a study at work; adds up its seconds of `training` and `judging`."""

    def __init__(
        self,
        workspace: Workspace,
        ground: Ground,
        study: Study,
        proposer: Proposer,
        budget: Budget,
        base: Path | None = None,
    ) -> None:
        self.workspace, self.ground, self.study, self.budget = workspace, ground, study, budget
        self.proposer, self.base = proposer, base
        self.parts = Parts(workspace.folder / FOLDER / "parts")
        self.training, self.judging = 0.0, 0.0
        self.before = time_at_work(study.records(), time.time())
        self.started = time.monotonic()

    # -- the loop -----------------------------------------------------------------------------------------------------

    def run(self) -> Standing:
        """Run trials until the budget is spent. Raises `Interrupted` after Ctrl-C, with everything written."""
        with stop_on_interrupt() as stop:
            try:
                self.begin()
                while not self.is_over():
                    self.one_trial()
                    if stop.is_set():
                        raise Interrupted("")
            except Interrupted as error:
                self.write_down()
                judged = sum(record.judged for record in self.study.records())
                raise Interrupted(
                    f"Stopped: {judged} judged trials stand in {self.workspace.results}. The same command goes on."
                ) from error
        self.write_down()
        return find_standing(self.study.records())

    def begin(self) -> None:
        """Take up what an earlier process left; in a new study put the default in line, with its seeds."""
        with self.study.deciding():
            self.study.revive()
            if not self.study.remembered("begun"):
                # A process that was killed here has put some in line already.
                there = {record.seed for record in self.study.records() if record.group == DEFAULT}
                for seed in DEFAULT_SEEDS:
                    if seed not in there:
                        self.study.enqueue(self.study.defaults, group=DEFAULT, seed=seed)
                self.study.remember("begun", True)
            self.ledger()
        self.judge_before()

    def one_trial(self) -> None:
        """Decide, train, judge, write down."""
        with self.study.deciding():
            self.study.revive()
            self.decide()
            trial, record = self.study.ask()
        self.show()
        try:
            self.work(trial, record)
        except (Interrupted, KeyboardInterrupt) as error:
            self.study.give_up(trial)
            raise Interrupted("") from error
        except PennameError as error:
            self.study.fail(trial, str(error))
            if record.group == DEFAULT:
                raise
            events.warn(f"Trial {record.number} failed: {error}")
        self.write_down(record.number)
        self.notice_failure()

    def decide(self) -> None:
        """Put the next trial in line, unless one waits or Optuna's sampler is to draw it."""
        records = self.study.records()
        if any(record.state == WAITING for record in records):
            return
        standing = find_standing(records)
        if standing.candidate is not None:
            number = standing.candidate.number
            for seed in standing.missing:
                if not waiting_or_running(records, number, seed):
                    self.study.enqueue(standing.candidate.values, group=AGAIN, seed=seed, of=number)
                    return
        values = self.proposer.propose(records, self.study.defaults, self.study.tunables, self.study.seed)
        if values is not None:
            self.study.enqueue(values, group=SEARCH, seed=DEFAULT_SEEDS[0])

    def work(self, trial: "Trial", record: Record) -> None:
        """Train and judge one trial, and tell the study."""

        curve: dict[str, float] = {}
        default = [each.curve for each in self.study.records() if each.group == DEFAULT and each.judged]

        def stop(place: int, figure: float) -> bool:
            curve[str(place)] = figure
            if record.group != SEARCH:
                # Three equal runs of a good default would have nearly all else stopped early.
                return False
            trial.report(figure, place)
            if any(figure <= other.get(place, -math.inf) for other in default):
                # Whoever learns fast leads early, and forgets more: that alone does not stop what the default does too.
                return False
            return trial.should_prune()

        with events.subdued():
            values, seed = dict(record.values), record.seed
            outcome = run_trial(self.ground, self.study.about, values, seed, self.base, self.parts, stop)
        self.training += outcome.training_seconds
        self.judging += outcome.judging_seconds
        times = {
            "training": round(outcome.training_seconds, 2),
            "judging": round(outcome.judging_seconds, 2),
        }
        if outcome.judgement is None:
            self.study.prune(trial, times=times, curve=curve)
            return
        checks = self.checks(outcome.judgement, outcome.figures)
        value = objective(outcome.bits_per_byte, checks)
        with self.study.deciding():
            # The model first: a process that is killed in between runs the trial again, and keeps the same.
            self.keep(record, value, outcome)
            self.study.finish(
                trial,
                value,
                figures=_figures(outcome),
                verdict=_sentences(checks),
                missed=missed(checks),
                times=times,
                curve=curve,
            )

    # -- what follows from a trial ------------------------------------------------------------------------------------

    def limits(self, judgement: "Judgement") -> list[Limit]:
        """What good is, fixed for the study: `good.toml`, which is made if it is not there."""
        kept = self.study.remembered("limits")
        if kept is None:
            with self.study.deciding():
                path = self.workspace.folder / TARGET
                if not path.is_file():
                    write_target(path, find_limits(judgement))
                kept = self.study.remembered("limits") or [asdict(limit) for limit in read_target(path)]
                self.study.remember("limits", kept)
        return [Limit(**limit) for limit in kept]

    def checks(self, judgement: "Judgement", figures: Mapping[str, Any]) -> list[Check]:
        """Each target with what was found, and how far that may be off."""
        limits = self.limits(judgement)
        return check_figures(limits, figures, standard_errors(judgement, limits))

    def keep(self, record: Record, value: float, outcome: Outcome) -> None:
        """Put the model into `model/` if its settings are the best so far, `record` included; see `keeping`."""
        kept = self.study.remembered("kept")
        first = record.group == DEFAULT and record.seed == DEFAULT_SEEDS[0]
        if first and (kept is None or (kept["what"] == "before" and value < kept["objective"])):
            why = "the model of the default"
        elif record.group == AGAIN:
            records = self.study.records()
            ended = replace(record, state=JUDGED, objective=value)
            before = find_standing(records)
            after = find_standing([ended if each.number == record.number else each for each in records])
            if len(after.wins) <= len(before.wins) or after.champion is None:
                return
            if kept and kept["what"] == "before" and after.champion.mean >= kept["objective"]:
                events.note("The model that was there before is better than the winner: it stays.")
                return
            value, why = (
                after.champion.mean,
                f"the winner, trial {record.of}: {in_words(record.values, self.study.defaults)}",
            )
        else:
            return
        keep_model(self.workspace, self.ground, outcome, dict(record.values), record.seed, self.base, why)
        self.study.remember("kept", {"what": record.group, "number": record.number, "objective": value})

    def judge_before(self) -> None:
        """Judge the model that was there before the study began: a worse one does not take its place."""
        if self.study.remembered("kept") is not None or not (self.workspace.model / "config.json").is_file():
            return

        found = load_model(self.workspace.model, self.ground.device)
        if found.config != self.ground.model.config:
            events.note(f"{self.workspace.model} was made from another base: the first trial takes its place.")
            return
        events.note(f"Judging the model in {self.workspace.model} first: a worse one does not take its place.")
        started = time.monotonic()
        with events.subdued():
            for name, weight in self.ground.model.named_parameters():
                weight.data.copy_(found.model.get_parameter(name).data)
            written = {name: found.generation.get(name) for name in ("temperature", "min_p")}
            values = self.study.defaults | {name: float(value) for name, value in written.items() if value is not None}
            judgement, figures = judge_trial(
                self.ground, values, found.generation, DEFAULT_SEEDS[0], self.parts, Training()
            )
        value = objective(judgement.fit.adapted.value, self.checks(judgement, figures))
        self.study.remember("kept", {"what": "before", "number": None, "objective": value})
        self.judging += time.monotonic() - started

    def notice_failure(self) -> None:
        """After a quarter of the budget without a win, say that tuning is not the problem, and what is likelier."""
        records = self.study.records()
        standing = find_standing(records)
        if self.study.remembered("warned") or standing.floor is None or standing.won or standing.candidate is not None:
            return
        tried = sum(record.group == SEARCH for record in _ended(records))
        if tried < LEAST_TRIED or self.share_spent() < EARLY:
            return
        plan = self.ground.plan(self.study.about, self.study.defaults, DEFAULT_SEEDS[0])
        weights = self.ground.model.config.parameters()
        said = [headline(records, standing), *likelier(records, weights, plan.passes)]
        events.warn(" ".join(said))
        self.study.remember("warned", said)

    # -- budget and files ---------------------------------------------------------------------------------------------

    def spent(self) -> float:
        """Seconds at work, sittings before this one included."""
        return self.before + time.monotonic() - self.started

    def share_spent(self) -> float:
        """Of the budget, 0 to 1."""
        shares = [0.0]
        if self.budget.seconds:
            shares.append(self.spent() / self.budget.seconds)
        if self.budget.trials:
            shares.append(len(_ended(self.study.records())) / self.budget.trials)
        return max(shares)

    def is_over(self) -> bool:
        """Whether the budget is spent; a trial that could not end in time is not begun."""
        records = self.study.records()
        begun = [record for record in records if record.state == RUNNING]
        if self.budget.trials is not None and len(_ended(records)) + len(begun) >= self.budget.trials:
            return True
        if self.budget.until_good and (champion := find_standing(records).champion) and not champion.record.missed:
            return True
        if self.budget.seconds is None:
            return False
        lengths = [record.ended - record.started for record in records if record.judged]
        needed = 0.8 * sum(lengths) / len(lengths) if lengths else 0.0
        return self.spent() + needed > self.budget.seconds

    def left(self) -> str:
        """What is left of the budget, in words."""
        parts = []
        if self.budget.seconds is not None:
            parts.append(f"{clock(self.budget.seconds - self.spent())} left")
        if self.budget.trials is not None:
            parts.append(f"{max(0, self.budget.trials - len(_ended(self.study.records())))} trials left")
        return ", ".join(parts)

    def write_down(self, number: int | None = None) -> None:
        """The ledger, the page, the table on the screen; and a line for trial `number`."""
        with self.study.deciding():
            self.ledger()
            write_summary(self.workspace, self.study, self.ground.subject.name)
        self.show()
        if number is not None:
            records = self.study.records()
            record, standing = records[number], find_standing(records)
            line = row_in_words(record, self.study.defaults, standing, self.left())
            events.emit("row", line, trial=number, state=record.state, objective=record.objective)

    def ledger(self) -> None:
        """Rows for the trials that have ended."""
        write_missing(self.workspace, self.study.name, self.study.records(), self.study.defaults)

    def show(self) -> None:
        """The table."""
        records = self.study.records()
        title, columns, rows = make_rows(records, self.study.defaults, find_standing(records), self.left())
        events.emit("table", title, columns=columns, rows=rows)


def _ended(records: list[Record]) -> list[Record]:
    return [record for record in records if record.state not in (RUNNING, WAITING, STOPPED)]


def _figures(outcome: Outcome) -> dict[str, Any]:
    """What is kept of a judgement: the figures, the exact one, the base's on general text, the passes."""
    assert outcome.judgement is not None
    kept = {name: value for name, value in outcome.figures.items() if name != "verdict"}
    return {
        **kept,
        "exact_bits_per_byte": outcome.bits_per_byte,
        "general_base_bits_per_byte": outcome.judgement.fit.general_base,
        "steps": outcome.plan.settings.steps,
        "passes_done": round(outcome.plan.passes, 3),
    }


def _sentences(checks: list[Check]) -> list[str]:
    return [check.sentence for check in checks]
