"""What a trial is worth: held-out bits per byte under the constraints of `good.toml`.

    objective(1.234, check_figures(limits, figures, standard_errors(judgement, limits)))

In: the exact figure on the validation posts, and each target with what was found. Out: one number, less is better.
Copying, repetition and forgetting are constraints: a target that is missed by as much as its own size costs a tenth of
a bit per byte, which no honest gain outweighs. The other targets are listed in the verdict, and cost nothing.

Copying and repetition are measured on a handful of passages, so only the part by which a target is missed beyond two
standard errors costs (see `judge.sampling_error`): else one passage that goes round in circles would be most of the
noise between seeds, and nothing could win. The verdict lists such a target as missed all the same, and says that it is
within the error. Forgetting has no such error: it is exact for these weights and texts.
"""

from collections.abc import Iterable

from penname.judge.target import Check

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
