"""How far to go from the base: the weights on the way to the adapted ones that serve best.

    look = validator(tokenizer, general_texts(), device, end, most_tokens=16_000, context=512)
    before = look(model)                                    # the base, before it is adapted
    chosen = settle(model, base_weights, validate=validate, at_end=fitted.best, look=look, before=before)

Weights between a base and what it was fine-tuned to lose little of what was learned and much less of what was known
(WiSE-FT, Wortsman et al. 2022): measured here, what is forgotten falls with about the square of the way (lab/0039). The
way is shortened where that saves more, beyond a harmless rest, than it costs on held-out posts; and where held-out
posts themselves are better predicted there, as they are when a small blog was learned too well.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from penname.model.gpt import GPT
from penname.model.weights import copied, put_back

LIMIT = 0.025
"""Bits per byte of general text that may be forgotten: 0.03 on any such text, and texts differ by a few thousandths."""
WEIGHT = 0.7
"""What a bit that is forgotten beyond the limit costs, in bits of held-out posts. With 2 a short run on Pepys' diary
went back too far, and its drafts turned into novels and textbooks (lab/0040)."""
INTERPOLATIONS = (1.0, 0.95, 0.9, 0.8, 0.7)
"""Parts of the way that are looked at: less would give up too much of the voice."""
_POWER = 1.9
"""Of the way, by which what is forgotten grows: measured on two blogs."""

Look = Callable[[GPT], float]
"""Bits per byte of some text under a model."""
Go = Callable[[float], None]
"""Leaves a model so much of its way from the base, 0 to 1."""


@dataclass(frozen=True)
class Settled:
    """How far the model was taken, 0 (the base) to 1 (as it was trained), why, and its held-out bits per byte there."""

    interpolation: float
    reason: str
    bits_per_byte: float | None = None


def go_back(model: GPT, base: Mapping[str, Tensor], interpolation: float) -> None:
    """Leave `model` only `interpolation` of its way from `base` (weights by name), in place."""
    if interpolation < 1:
        with torch.no_grad():
            for name, weight in model.named_parameters():
                weight.lerp_(base[name].to(weight.device), 1 - interpolation)


def settle(
    model: GPT,
    base: Mapping[str, Tensor] | Go,
    *,
    validate: Look | None,
    at_end: float | None,
    look: Look | None,
    before: float | None,
    limit: float = LIMIT,
    weight: float = WEIGHT,
) -> Settled:
    """Take `model` back towards `base` as far as is best, in place.

    `base`: its weights by name, or a function that leaves the model only part of its way from the base, where the two
    are kept apart (`lora.py`). `at_end` is what `validate` gave for the model as it is, `before` what `look` gave for
    the base. Without both looks the model stays as it is. `limit` bits per byte of general text may be forgotten, and a
    bit more costs `weight` of held-out posts.
    """
    forgotten = _seen(look, model) - before if look is not None and before is not None else 0.0
    go = base if callable(base) else _between(model, base)
    best, found, least = 1.0, None, float("inf")
    for interpolation in INTERPOLATIONS:
        go(interpolation)
        figure = None
        if validate is not None:
            figure = at_end if interpolation == 1 and at_end is not None else _seen(validate, model)
        cost = (figure or 0.0) + weight * max(0.0, forgotten * interpolation**_POWER - limit)
        if cost >= least:
            break
        best, found, least = interpolation, figure, cost
    go(best)
    return Settled(best, _said(best, forgotten, limit), found)


def _seen(look: Look, model: GPT) -> float:
    model.eval()
    with torch.no_grad():
        return look(model)


def _between(model: GPT, base: Mapping[str, Tensor]) -> Go:
    """A function that gives `model` the weights that lie part of the way from `base` to those it has now."""
    adapted = copied(model)

    def go(interpolation: float) -> None:
        put_back(model, adapted)
        go_back(model, base, interpolation)

    return go


def _said(interpolation: float, forgotten: float, limit: float) -> str:
    if interpolation < 1 and forgotten > limit:
        return (
            f"{interpolation:.0%} of the way from the base: all of it would forget {forgotten:.3f} bits per byte of "
            f"general English, {limit:g} are allowed, and held-out posts lose less than that."
        )
    if interpolation < 1:
        return f"{interpolation:.0%} of the way from the base: held-out posts are best predicted there."
    return f"All of the way from the base: {max(0.0, forgotten):.3f} bits per byte of general English are forgotten."
