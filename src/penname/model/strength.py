"""How far to go from the base: the weights on the way to the adapted ones that serve best.

    look = general_look(tokenizer, general_texts(), device, end=end, most_tokens=16_000, context=512)
    before = look(model)                                    # the base, before it is adapted
    chosen = settle(model, base_weights, validate=validate, look=look, before=before)

Weights between a base and what it was fine-tuned to lose little of what was learned and much less of what was known
(WiSE-FT, Wortsman et al. 2022): measured here, what is forgotten falls with about the square of the way (LAB.md). So
the way is as long as the limit on forgetting allows, and shorter where held-out posts are better predicted there, as
they are when a small blog was learned too well.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from penname.core.device import Device
from penname.model.adapt import validator
from penname.model.gpt import GPT

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LIMIT = 0.03
"""Bits per byte of general text that may be forgotten."""
SHORTEST = 0.7
"""Part of the way that is gone at least, whatever is forgotten: less would give up too much of the voice."""
_STEP = 0.1
_POWER = 1.9
"""Of the way, by which what is forgotten grows: measured on two blogs."""

Look = Callable[[GPT], float]
"""Bits per byte of some text under a model."""


@dataclass(frozen=True)
class Settled:
    """How far the model was taken, 0 (the base) to 1 (as it was trained), why, and its held-out bits per byte there."""

    strength: float
    reason: str
    bits_per_byte: float | None = None


def general_look(
    tokenizer: "Tokenizer", texts: Sequence[str], device: Device, *, end: int, most_tokens: int, context: int
) -> Look | None:
    """A function that scores the beginnings of general texts; None without texts."""
    return validator(tokenizer, texts, device, end, most_tokens, context)


def settle(
    model: GPT, base: Mapping[str, Tensor], *, validate: Look | None, look: Look | None, before: float | None
) -> Settled:
    """Take `model` back towards `base` (weights by name) as far as is best, in place.

    `before` is what `look` gave for the base. Without both looks the model stays as it is.
    """
    forgotten = 0.0
    if look is not None and before is not None:
        forgotten = _seen(look, model) - before
    longest = 1.0 if forgotten <= LIMIT else max(SHORTEST, (LIMIT / forgotten) ** (1 / _POWER))
    adapted = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    _place(model, base, adapted, longest)
    if validate is None:
        return Settled(longest, _said(longest, longest, forgotten))
    strength, best = longest, _seen(validate, model)
    while strength - _STEP >= SHORTEST - 1e-9:
        _place(model, base, adapted, strength - _STEP)
        figure = _seen(validate, model)
        if figure >= best:
            break
        strength, best = strength - _STEP, figure
    _place(model, base, adapted, strength)
    return Settled(strength, _said(strength, longest, forgotten), best)


def _seen(look: Look, model: GPT) -> float:
    model.eval()
    with torch.no_grad():
        return look(model)


def _place(model: GPT, base: Mapping[str, Tensor], adapted: Mapping[str, Tensor], strength: float) -> None:
    """The weights that lie `strength` of the way from `base` to `adapted`."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(base[name].to(weight.device).lerp(adapted[name], strength))


def _said(strength: float, longest: float, forgotten: float) -> str:
    if strength < longest:
        return f"{strength:.0%} of the way from the base: held-out posts are best predicted there."
    if strength < 1:
        return (
            f"{strength:.0%} of the way from the base: all of it would forget {forgotten:.2f} bits per byte of general "
            f"English, {LIMIT:g} is harmless."
        )
    return f"All of the way from the base: {max(0.0, forgotten):.2f} bits per byte of general English are forgotten."
