"""Trials as the loop sees them: what was tried, with which seed, and what came of it.

In: nothing but figures. Out: `Record`, a plain value that the study keeps and every decision is made from.

Who proposes the next settings: the original nudge, or one of Optuna's samplers.

    proposer = find_proposer("tpe")
    values = proposer.propose(records, defaults, tunables, seed) # None leaves it to `proposer.sampler(seed)`

A proposer is three things: a sampler and a pruner of Optuna's, and a function that may propose settings of its own.
None of them remembers anything: what is proposed follows from the seed and the trials that there are.
TPE: Bergstra et al. 2011, multivariate as in Falkner et al. 2018. It draws at random until seven trials have ended, the
default's three among them; the four others are drawn around the default instead, as a good guess is more than none.
Pruning: a trial goes on while it is among the best third of the proposals so far, at the same place of the run (after
Golovin et al. 2017, who take the median), or as good as the default was there.
"""

import random
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from optuna.pruners import BasePruner, NopPruner, PercentilePruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler

from penname.core.errors import InputError
from penname.tune.tunables import Tunable, Values

JUDGED, PRUNED, FAILED, RUNNING, WAITING, STOPPED = "judged", "pruned", "failed", "running", "waiting", "stopped"
"""States of a trial; one that was stopped, or killed, is in line again under another number."""
DEFAULT, SEARCH, AGAIN = "default", "search", "again"
"""Groups of trials: the default with its seeds, what a proposer proposes, a winner on a fresh seed."""


@dataclass(frozen=True)
class Record:
    """One trial. `objective` is None unless it was judged; `of` is the trial whose settings are run again.

    `times` are seconds: `training`, `judging` and `all`; `started` and `ended` seconds since 1970. `curve` holds the
    held-out bits per byte along the run by the number of the evaluation, `verdict` a sentence for each target.
    """

    number: int
    group: str
    seed: int
    state: str
    values: Mapping[str, float]
    objective: float | None = None
    of: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    verdict: tuple[str, ...] = ()
    missed: int = 0
    """Targets that were measured and not met."""
    reason: str = ""
    """Why it failed."""
    curve: Mapping[int, float] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0

    @property
    def judged(self) -> bool:
        """Whether it ran to its end and has an objective."""
        return self.state == JUDGED and self.objective is not None

    @property
    def value(self) -> float:
        """The objective of a judged trial."""
        assert self.objective is not None
        return self.objective

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {**asdict(self), "verdict": list(self.verdict)}


def time_at_work(records: Sequence[Record], now: float | None = None) -> float:
    """Seconds in which at least one trial was at work, over all processes and sittings; running ones until `now`."""
    spans = sorted(
        (record.started, record.ended or now or record.started)
        for record in records
        if record.started and record.state != WAITING
    )
    spent, reached = 0.0, 0.0
    for start, end in spans:
        spent += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return spent


NUDGE = 0.1
"""The original's step: each setting by a tenth."""
_AROUND_FIRST = 4
_AROUND_RATIO, _AROUND_PART = 1.5, 0.2
"""How far from the default the first proposals are drawn: a ratio, or a part of the range."""
_SEEN_BEFORE_PRUNING = 3
_EVALUATIONS_BEFORE_PRUNING = 1
_GOES_ON = 33.3
"""Percent of the proposals that go on."""


@dataclass(frozen=True)
class Proposer:
    """A way to propose; `propose(records, defaults, tunables, seed)` gives settings, or None to let the sampler draw
    them."""

    name: str
    text: str
    sampler: "Callable[[int], BaseSampler]"
    pruner: "Callable[[], BasePruner]"
    propose: Callable[[Sequence[Record], Mapping[str, float], Sequence[Tunable], int], Values | None]


def find_proposer(name: str) -> Proposer:
    """The proposer called `name`. Raises `InputError` when there is none."""
    found = {proposer.name: proposer for proposer in proposers()}
    if name not in found:
        raise InputError(f"There is no proposer {name!r}: use {', '.join(found)}.")
    return found[name]


def proposers() -> tuple[Proposer, ...]:
    """All of them, the usual one first."""
    return (
        Proposer("tpe", "Optuna's TPE, bad trials stopped early.", _tpe, _best_third, around),
        Proposer("nudge", "Each setting by 10% up or down; what helps is kept.", _random, _never, nudge),
        Proposer("random", "Settings drawn at random, bad trials stopped early.", _random, _best_third, _leave_it),
    )


def around(
    records: Sequence[Record], defaults: Mapping[str, float], tunables: Sequence[Tunable], seed: int
) -> Values | None:
    """Settings around the default, for as long as TPE would draw at random; then None.

    It counts as Optuna's sampler does: trials that were judged or stopped early, whoever proposed them.
    """
    if sum(record.state in (JUDGED, PRUNED) for record in records) >= _startup():
        return None
    # Settings of a trial that failed or is at work elsewhere are not drawn again.
    count = sum(record.group == SEARCH and record.state != STOPPED for record in records)
    drawn = random.Random(f"{seed} {count}")
    values = dict(defaults)
    for each in tunables:
        low, high = (each.moved(defaults[each.name], way, _AROUND_RATIO, _AROUND_PART) for way in (-1, 1))
        values[each.name] = each.between(low, high, drawn.random())
    return values


def nudge(
    records: Sequence[Record], defaults: Mapping[str, float], tunables: Sequence[Tunable], _seed: int = 1
) -> Values:
    """The best settings so far with one of them moved by a tenth, up or down; all tried, by two tenths, and so on.

    The moves follow from the records alone, so a loop that was stopped goes on where it was.
    """
    best = _best(records, defaults)
    tried = [record.values for record in records if record.group in (DEFAULT, SEARCH) and record.state != FAILED]
    step = NUDGE
    while step < 10:
        for tunable in tunables:
            for factor in (1 + step, max(0.0, 1 - step)):
                start = best[tunable.name] or (tunable.high - tunable.low) * NUDGE
                moved = best | {tunable.name: tunable.clipped(start * factor)}
                if not any(_same(moved, other) for other in (*tried, best)):
                    return moved
        step *= 2
    return best


def _best(records: Sequence[Record], defaults: Mapping[str, float]) -> Values:
    judged = [record for record in records if record.judged and record.group != AGAIN]
    best = min(judged, key=lambda record: record.value, default=None)
    return dict(defaults) | dict(best.values if best and best.group == SEARCH else {})


def _same(one: Mapping[str, float], other: Mapping[str, float]) -> bool:
    """Whether two settings are the same, as far as both name them."""
    return all(abs(one[name] - other[name]) <= 1e-6 * max(1e-9, abs(one[name])) for name in one if name in other)


def _leave_it(
    _records: Sequence[Record], _defaults: Mapping[str, float], _tunables: Sequence[Tunable], _seed: int
) -> None:
    return None


def _tpe(seed: int) -> "BaseSampler":

    with warnings.catch_warnings():
        # The options are marked as experimental: what they do is what is wanted, whatever becomes of their names.
        warnings.simplefilter("ignore")
        return TPESampler(seed=seed, n_startup_trials=_startup(), multivariate=True, constant_liar=True)


def _startup() -> int:
    """Trials before TPE looks at them: the default's count, and a few drawn around it."""
    return 3 + _AROUND_FIRST


def _random(seed: int) -> "BaseSampler":

    return RandomSampler(seed=seed)


def _best_third() -> "BasePruner":

    return PercentilePruner(
        _GOES_ON,
        n_startup_trials=_SEEN_BEFORE_PRUNING,
        n_warmup_steps=_EVALUATIONS_BEFORE_PRUNING,
        n_min_trials=_SEEN_BEFORE_PRUNING,
    )


def _never() -> "BasePruner":

    return NopPruner()
