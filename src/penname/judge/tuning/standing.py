"""Who wins, and whether it is more than luck: all of it follows from the trials so far.

In: the records of a study. Out: the noise floor, the champion, the candidate that waits for fresh seeds.

    standing = find_standing(records)
    standing.floor.margin                # a single trial must be this much better to count

The default runs first, with three seeds: their spread is the noise. A single trial is a candidate when it is better
than the champion's mean by more than a single run would be by luck once in twenty times (the prediction interval of
Student's t). A candidate is run again on fresh seeds, and its own lucky run is left out: it has won when the mean of
the fresh runs is better by more than two means would differ by luck (t with the pooled spread).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from penname.judge.tuning.records import AGAIN, DEFAULT, FAILED, SEARCH, Record

DEFAULT_SEEDS = (1, 2, 3)
"""Of the runs of the default; the first one is also the seed of every proposal, so that they compare."""
FRESH_SEEDS = (101, 102)
"""Of the runs that a winner has to win again; no proposal is ever run on them."""
_LEAST_SPREAD = 5e-4
"""Three equal runs do not mean that there is no noise."""
_T = (6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812)
"""Student's t, one-sided 95%, for 1 to 10 degrees of freedom."""


@dataclass(frozen=True)
class Floor:
    """The noise: mean and spread (standard deviation) of the default, and what a single trial must gain to count."""

    mean: float
    spread: float
    margin: float
    values: tuple[float, ...]


@dataclass(frozen=True)
class Champion:
    """The settings to beat: their trial, their judged runs on seeds that they were not chosen by, the mean of these."""

    record: Record
    runs: tuple[Record, ...]

    @property
    def mean(self) -> float:
        """Mean objective of the runs."""
        return fmean(run.value for run in self.runs)


@dataclass(frozen=True)
class Standing:
    """Where a study stands. `candidate` waits for `missing` fresh seeds; `rejected` candidates did not win again."""

    floor: Floor | None
    champion: Champion | None
    candidate: Record | None = None
    missing: tuple[int, ...] = ()
    wins: tuple[Champion, ...] = ()
    rejected: tuple[Record, ...] = ()

    @property
    def won(self) -> bool:
        """Whether settings have beaten the default beyond noise, also on fresh seeds."""
        return bool(self.wins)


def find_standing(records: Sequence[Record]) -> Standing:
    """Read the standing off the trials, in the order of their numbers."""
    default = tuple(record for record in records if record.group == DEFAULT and record.judged)
    if len(default) < len(DEFAULT_SEEDS):
        return Standing(None, None)
    groups = [[run.value for run in default]]
    floor = _floor(groups[0])
    champion = Champion(default[0], default)
    wins: list[Champion] = []
    rejected: list[Record] = []
    for record in sorted(records, key=lambda each: each.number):
        if record.group != SEARCH or not record.judged:
            continue
        if record.value >= champion.mean - margin_of_one(groups, len(champion.runs)):
            continue
        again = [each for each in records if each.group == AGAIN and each.of == record.number]
        runs = tuple(each for each in again if each.judged)
        missing = tuple(seed for seed in FRESH_SEEDS if seed not in {each.seed for each in runs})
        if missing and not any(each.state == FAILED for each in again):
            return Standing(floor, champion, record, missing, tuple(wins), tuple(rejected))
        if missing:
            rejected.append(record)
            continue
        groups.append([each.value for each in runs])
        challenger = Champion(record, runs)
        if challenger.mean < champion.mean - _margin(groups, len(champion.runs), len(runs)):
            champion = challenger
            wins.append(challenger)
        else:
            rejected.append(record)
    return Standing(floor, champion, wins=tuple(wins), rejected=tuple(rejected))


def margin_of_one(groups: Sequence[Sequence[float]], runs: int) -> float:
    """What a single trial must be better by than the mean of `runs` runs."""
    return _margin(groups, runs, 1)


def _floor(values: Sequence[float]) -> Floor:
    spread = _pooled([values])[0]
    return Floor(fmean(values), spread, margin_of_one([values], len(values)), tuple(values))


def _margin(groups: Sequence[Sequence[float]], one: int, other: int) -> float:
    spread, freedom = _pooled(groups)
    t = _T[freedom - 1] if freedom <= len(_T) else 1.645 + 1.7 / freedom
    return t * spread * math.sqrt(1 / one + 1 / other)


def _pooled(groups: Sequence[Sequence[float]]) -> tuple[float, int]:
    """The common spread of groups of runs that differ by their seeds only, and its degrees of freedom."""
    squares = sum(sum((value - fmean(group)) ** 2 for value in group) for group in groups)
    freedom = sum(len(group) - 1 for group in groups)
    return max(_LEAST_SPREAD, math.sqrt(squares / max(1, freedom))), max(1, freedom)
