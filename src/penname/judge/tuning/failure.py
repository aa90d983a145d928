"""When tuning does not help: say so early, and say what is likelier to, from the figures there are.

    for sentence in likelier(records, standing): print(sentence)

In: the judged runs of the default, and the rest. Out: sentences, the likeliest cause first.
"""

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from penname.judge.tuning.objective import CONSTRAINTS
from penname.judge.tuning.records import DEFAULT, PRUNED, SEARCH, Record
from penname.judge.tuning.standing import Standing

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
    missed = [each for each in best.verdict if "short by" in each and each.partition(":")[0] in CONSTRAINTS]
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
