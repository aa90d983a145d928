"""What may be tuned: every setting's range, its default and a sentence, in one place. Seeds are not among them.

    defaults = default_values(plan, generation)
    for tunable in tunables_for(defaults): print(tunable.name, tunable.text)

In: the plan that `penname train` would follow in the time of a trial. Out: the settings of a trial, by name.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from penname.model.folder import RECOMMENDED
from penname.train.plan import Plan

Values = dict[str, float]
"""A value for each setting, by its name."""


@dataclass(frozen=True)
class Tunable:
    """One setting: its range, whether steps in it are ratios, and what it does."""

    name: str
    low: float
    high: float
    log: bool
    text: str

    def clipped(self, value: float) -> float:
        """`value`, or the end of the range that is nearest."""
        return min(self.high, max(self.low, value))

    def moved(self, value: float, way: float, ratio: float, part: float) -> float:
        """`value` moved up (`way` 1) or down (-1), or part of the way: by a ratio where steps are ratios, else by a
        part of the range. Not beyond its ends."""
        if self.log:
            return self.clipped(value * ratio**way)
        return self.clipped(value + way * part * (self.high - self.low))

    def between(self, low: float, high: float, part: float) -> float:
        """What lies `part` of the way from `low` to `high`, in ratios or in steps."""
        return self.clipped(low * (high / low) ** part if self.log else low + part * (high - low))

    def spot(self, value: float) -> float:
        """Where in the range `value` lies, 0 to 1."""
        if self.log:
            return (math.log(value) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (value - self.low) / (self.high - self.low)


TUNABLES = (
    Tunable("share", 0.1, 0.9, True, "Share of each batch that is blog; the rest replays the base's text."),
    Tunable("passes", 0.5, 12.0, True, "Passes over the training posts, as far as the time of a trial allows them."),
    Tunable("rate", 3e-5, 3e-3, True, "Peak learning rate of the hidden matrices."),
    Tunable("table_rate", 1e-4, 3e-3, True, "Peak learning rate of the embeddings and norms."),
    Tunable("dropout", 0.0, 0.4, False, "Share of activations dropped while training."),
    Tunable("weight_decay", 0.005, 0.5, True, "Pull of the weights towards zero, for each step at full rate."),
    Tunable("strength", 0.5, 1.0, False, "How far to go from the base (0) to the adapted model (1)."),
    Tunable("temperature", 0.5, 1.3, False, "Above 1 bolder, below 1 safer text; judged on what is written."),
    Tunable("min_p", 0.01, 0.2, True, "Least probability of a token beside the likeliest; judged on what is written."),
)
"""What is tuned unless said otherwise, and the ends of what makes sense for any blog. The default of each is what
`penname train` would take; a study looks `RATIO` or `PART` around it: a few dozen trials must not be spent far off."""
RATIO, PART = 3.0, 0.3
"""How far from the default a study looks: up to three times and down to a third; where steps are no ratios, three
tenths of the range either way."""

OPTIONAL = (
    Tunable("lora_rank", -32.0, 32.0, False, "Rank of the changes to each matrix, rounded; 0 and below: all weights."),
)
"""What is tuned only where it is asked for."""

DEFAULTS = {"temperature": RECOMMENDED["temperature"], "min_p": RECOMMENDED["min_p"], "strength": 0.9}
"""Where neither the plan nor the base's folder says one."""


def default_values(plan: Plan, generation: Mapping[str, Any]) -> Values:
    """What `penname train` would take: of the plan, and of the base's own settings for writing."""
    settings = plan.settings
    writing = {
        name: float(generation.get(name, DEFAULTS[name])) if generation.get(name) is not None else DEFAULTS[name]
        for name in ("temperature", "min_p")
    }
    return {
        "share": plan.share,
        "passes": plan.passes,
        "rate": settings.matrix_lr,
        "table_rate": settings.table_lr,
        "dropout": settings.dropout,
        "weight_decay": settings.weight_decay,
        "strength": DEFAULTS["strength"],
        "lora_rank": 0.0,
        **writing,
    }


def tunables_for(defaults: Values, wanted: tuple[str, ...] = ()) -> tuple[Tunable, ...]:
    """The settings that make a difference here: all, or those `wanted`; their ranges lie around the default.

    Where the time of a trial does not allow one pass over the blog, passes are not tuned, nor is the share of a base
    that has no text to replay (its default is 1).
    """
    found = []
    for tunable in (*TUNABLES, *OPTIONAL):
        value = defaults[tunable.name]
        if tunable.name not in (wanted or [each.name for each in TUNABLES]):
            continue
        if (tunable.name == "passes" and value < 1) or (tunable.name == "share" and value >= 1):
            continue
        low, high = (tunable.moved(value, way, RATIO, PART) for way in (-1, 1))
        found.append(replace(tunable, low=min(low, value), high=max(high, value)))
    return tuple(found)


def differing(values: Mapping[str, float], defaults: Mapping[str, float]) -> Values:
    """The settings that are not at their default."""
    return {name: value for name, value in values.items() if abs(value - defaults[name]) > 1e-9 * abs(value)}


def in_words(values: Mapping[str, float], defaults: Mapping[str, float]) -> str:
    """The settings that are not at their default, as one line."""
    named = differing(values, defaults)
    return ", ".join(f"{name} {value:.3g}" for name, value in named.items()) or "default"
