"""What a trial is worth: held-out bits per byte under the constraints of `good.toml`.

    objective(1.234, check_figures(limits, figures, standard_errors(judgement, limits)))

In: the exact figure on the validation posts, and each target with what was found. Out: one number, less is better.
Copying, repetition and forgetting are constraints: a target that is missed by as much as its own size costs a tenth of
a bit per byte, which no honest gain outweighs. The other targets are listed in the verdict, and cost nothing.

Copying and repetition are measured on a handful of passages, so only the part by which a target is missed beyond two
standard errors costs (see `judge.sampling_error`): else one passage that goes round in circles would be most of the
noise between seeds, and nothing could win. The verdict lists such a target as missed all the same, and says that it is
within the error. Forgetting has no such error: it is exact for these weights and texts.

Who wins, and whether it is more than luck: all of it follows from the trials so far.

In: the records of a study. Out: the noise floor, the champion, the candidate that waits for fresh seeds.

    standing = find_standing(records)
    standing.floor.margin                # a single trial must be this much better to count

The default runs first, with three seeds: their spread is the noise. A single trial is a candidate when it is better
than the champion's mean by more than a single run would be by luck once in twenty times (the prediction interval of
Student's t). A candidate is run again on fresh seeds, and its own lucky run is left out: it has won when the mean of
the fresh runs is better by more than two means would differ by luck (t with the pooled spread).

When tuning does not help: say so early, and say what is likelier to, from the figures there are.

    for sentence in likelier(records, weights=45_600_000, passes=2.0): print(sentence)

In: the judged runs of the default, and the rest. Out: sentences, the likeliest cause first.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from penname.judge.target import Check, tells_a_miss
from penname.tune.proposers import AGAIN, DEFAULT, FAILED, PRUNED, SEARCH, Record

COPYING = (
    "longest_copied_run",
    "longest_copied_run_unguarded",
    "copy_ratio_8gram",
    "copy_ratio_8gram_unguarded",
    "copied_8gram_share",
    "extraction_rate",
    "extraction_near_rate",
)
REPETITION = ("rep_2", "rep_3", "rep_4", "looping_rate")
FORGETTING = ("forgetting_bits_per_byte",)
CONSTRAINTS = frozenset((*COPYING, *REPETITION, *FORGETTING))
"""Figures whose targets are constraints."""
_COST = 0.1
"""Bits per byte for a target that is missed by its own size."""
_MOST = 3.0


def objective(bits_per_byte: float, checks: Iterable[Check]) -> float:
    """Bits per byte, and what the missed constraints cost."""
    return bits_per_byte + penalty(checks)


def penalty(checks: Iterable[Check]) -> float:
    """What the missed constraints cost, in bits per byte: the part of each that is beyond its error."""
    missed = (check for check in checks if check.limit.name in CONSTRAINTS and check.met is False)
    return sum(_COST * min(_MOST, check.beyond / (abs(check.limit.value) or 1.0)) for check in missed)


def missed(checks: Iterable[Check]) -> int:
    """How many targets were measured and not met."""
    return sum(check.met is False for check in checks)


def short_verdict(checks: Iterable[Check]) -> str:
    """The verdict in a few words: the targets that were missed and by how much, or that all were met."""
    parts = [f"{check.limit.name} by {check.short:.2g}" for check in checks if check.met is False]
    return f"short: {', '.join(parts)}" if parts else "all targets met"


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


EARLY = 0.25
"""Share of the budget after which it is said that nothing was won."""
LEAST_TRIED = 3
"""Proposals that must have ended before it is said: the noise floor alone may take a quarter of a short run."""
_FEW_WORDS = 100_000
_SMALL = 200e6
_FAR = 1.15


def headline(records: Sequence[Record], standing: Standing) -> str:
    """That nothing was won so far, in figures."""
    tried = [record for record in records if record.group == SEARCH]
    judged = [record for record in tried if record.judged]
    pruned = sum(record.state == PRUNED for record in tried)
    floor = standing.floor
    assert floor is not None
    best = min((record.value for record in judged), default=None)
    nearest = "none of them was judged to its end" if best is None else f"the best has an objective of {best:.4f}"
    return (
        "More than a quarter of the budget is spent and nothing was won beyond noise: "
        f"{len(tried)} settings were tried ({pruned} stopped early), {nearest}, the default has {floor.mean:.4f}, and "
        f"another seed alone does up to {floor.margin:.4f} better. Tuning is not the problem."
    )


def afterwards(said: Sequence[str]) -> list[str]:
    """What stands below the verdict of a study: `said` when it was noticed, without the figures of that moment."""
    return ["Tuning is not the problem. What is likelier, the likeliest first:", *said[1:]] if said else []


def likelier(records: Sequence[Record], weights: int, passes: float) -> list[str]:
    """What is likelier than the settings, most likely first; at least one sentence."""
    default = [record for record in records if record.group == DEFAULT and record.judged]
    if not default:
        return []
    figures = {name: _mean(default, name) for name in default[0].figures}
    found = [*_causes(figures, default, weights, passes), *_constraints(records, default)]
    found = [each for each in found if each[0] > 0]
    return [text for _, text in sorted(found, key=lambda each: -each[0])]


def _causes(
    figures: Mapping[str, float | None], default: Sequence[Record], weights: int, passes: float
) -> Iterator[tuple[float, str]]:
    """(how likely, sentence): more than 1 where a figure speaks for it."""
    words = figures.get("training_words") or 0.0
    yield (
        (_FEW_WORDS / max(1.0, words)) ** 0.5 if words < _FEW_WORDS else 0.1,
        f"Data: {words:,.0f} words are learned from"
        + (f"; below {_FEW_WORDS:,} more posts help most." if words < _FEW_WORDS else ", which is enough for a voice."),
    )
    fall = _still_falling(default)
    if passes < 1 or fall > 0.005:
        yield (
            1.5 + min(1.0, max(0.0, 1 - passes)) + min(1.0, 20 * fall),
            (
                f"Time: a trial makes {passes:.2g} passes over the blog, and held-out bits per byte were still falling "
                f"by {fall:.3f} at its last evaluation: give more minutes, or train on a faster device."
            ),
        )
    base, general = figures.get("base_validation_bits_per_byte"), figures.get("general_base_bits_per_byte")
    if base is not None and general is not None:
        far = base / general
        yield (
            1.0 + 4 * (far - _FAR) if far > _FAR else 0.2,
            f"Base: before adapting it predicts the blog at {base:.2f} and general English at {general:.2f} bits per "
            "byte" + (": a base that has read more text like the blog's would help (`--base`)." if far > _FAR else "."),
        )
    auc = figures.get("real_vs_generated_auc")
    if auc is not None and weights < _SMALL:
        yield (
            0.8 + max(0.0, auc - 0.7),
            (
                f"Size: with {weights / 1e6:.0f} million weights its text is told from real posts in {100 * auc:.0f} "
                "of 100 pairs: a larger base would help (`--base`)."
            ),
        )


def _constraints(records: Sequence[Record], default: Sequence[Record]) -> Iterator[tuple[float, str]]:
    """The trial that predicts best, where it is ahead of every seed of the default and constraints cost it more."""
    judged = [record for record in records if record.group == SEARCH and record.judged and record.of is None]
    bits = {record.number: float(record.figures.get("exact_bits_per_byte", "inf")) for record in (*judged, *default)}
    best = min(judged, key=lambda record: bits[record.number], default=None)
    if best is None:
        return
    gain = fmean(bits[record.number] for record in default) - bits[best.number]
    ahead = all(bits[best.number] < bits[record.number] for record in default)
    missed = [each for each in best.verdict if tells_a_miss(each) and each.partition(":")[0] in CONSTRAINTS]
    if ahead and missed and best.value >= fmean(record.value for record in default):
        yield (
            2.6,
            (
                f"Constraints: trial {best.number} is {gain:.3f} bits per byte better on held-out posts, and loses "
                f"{best.value - bits[best.number]:.3f} for missed targets ({'; '.join(missed)}): where one is stricter "
                "than you need, edit `good.toml`."
            ),
        )


def _mean(records: Sequence[Record], name: str) -> float | None:
    values: list[Any] = [record.figures.get(name) for record in records]
    numbers = [float(value) for value in values if isinstance(value, int | float)]
    return fmean(numbers) if numbers else None


def _still_falling(default: Sequence[Record]) -> float:
    """How much the last evaluation of a run was below the one before, on average."""
    falls = []
    for record in default:
        curve = [record.curve[place] for place in sorted(record.curve)]
        if len(curve) >= 2:
            falls.append(curve[-2] - curve[-1])
    return max(0.0, fmean(falls)) if falls else 0.0
