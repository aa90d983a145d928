"""How each kind of base is adapted: everything that neither time nor memory decides.

    rule = shipped_rule(blog_tokens)                 # the base that comes with penname, and those that it made
    rule = open_rule(blog_tokens, parameters)        # an open model of somebody else's

The shipped base's rule was measured on two blogs of 5,000 to 500,000 words (lab/0039, lab/0063): two or three passes
over the blog, more than half of each batch the base's own text, of which a copy of the base says what it expects, the
embeddings at four times the rate of the hidden matrices.

An open model has seen a thousand times as much text and cannot be shown its own again: the blog alone is read, at one
rate for all weights, which falls as a cosine; how far to go from the base is settled afterwards (`interpolate.py`).
"""

import math
from dataclasses import dataclass

from penname.train.interpolate import LIMIT, WEIGHT

_SMALL, _LARGE = 7_000, 600_000
"""Blog tokens between which the rules were measured; beyond them they stay as they are there."""
_TOKENS, _POWER = 32 * 1024, 0.42
"""Tokens of the largest step, for which the rates hold, and the power of a smaller step's part of it by which they are
lower: a noisier gradient wants a lower rate. On a CPU higher ones learned as much and forgot more."""
_MEASURED = 135_000_000
"""Weights of the open model whose rates were measured: a larger one wants lower ones, by the root of its size."""
_LOW_RANK = 3.0
"""How many times the rate of all weights that of low-rank changes is."""


@dataclass(frozen=True)
class Rule:
    """What is done where time and memory allow it; the rates are those of the largest steps."""

    passes: float
    """Over the training posts."""
    matrix_lr: float
    """Peak rate of the hidden matrices."""
    table_lr: float
    """Peak rate of embeddings and norms."""
    share: float
    """Of a batch that is blog; the rest is the base's own text, or text like it."""
    teacher_share: float
    """Of the loss of replayed text, that against what the base expects of it."""
    forgetting: float
    """Bits per byte of general text that may be lost before the way from the base is shortened."""
    forgetting_weight: float
    """What a bit more costs, in bits of held-out posts."""
    rows: int = 32
    """Windows of a step, at most."""
    schedule: str = "linear"
    """How the rate falls: linear or cosine."""
    beta2: float = 0.95
    """Decay of AdamW's second moment."""
    weight_decay: float = 0.05
    """Pull of the weights towards zero."""
    dropout: float = 0.1
    """Share of activations dropped where the blog is read more than one and a half times."""


def shipped_rule(blog_tokens: int) -> Rule:
    """The rule for a blog of so many tokens, between the two ends that were measured, evenly in its logarithm.

    A small blog is learned by heart at a high rate, and in a third pass, a large one in a fourth.
    """
    place = _place(blog_tokens)
    matrix_lr = 5e-4 * 2.6 ** (place - 1)
    # The base forgets a quarter less in a CPU's time with the teacher, a sixth less in a long run (lab/0057).
    return Rule(
        2 + place, matrix_lr, 4 * matrix_lr, share=0.4, teacher_share=0.9, forgetting=LIMIT, forgetting_weight=WEIGHT
    )


def open_rule(blog_tokens: int, parameters: int, low_rank: bool = False) -> Rule:
    """The rule for an open model of so many weights, all of them trained or, with `low_rank`, changes to them."""
    size = math.sqrt(_MEASURED / max(parameters, _MEASURED // 8))
    rate = 3e-4 * 2 ** (_place(blog_tokens) - 1) * size * (_LOW_RANK if low_rank else 1.0)
    return Rule(
        passes=3.0,
        matrix_lr=rate,
        table_lr=rate,
        share=1.0,
        teacher_share=0.0,
        forgetting=0.018,
        forgetting_weight=2.0,
        rows=16,
        schedule="cosine",
        beta2=0.98,
        weight_decay=0.01,
        dropout=0.0,  # such a network never met any: 0.1 cost 0.054 bits per byte of held-out posts (lab/0102)
    )


def step_rate(tokens: int) -> float:
    """What the rates of a rule are multiplied by in steps of so many tokens."""
    return float(min(1.0, (tokens / _TOKENS) ** _POWER))


def _place(blog_tokens: int) -> float:
    """Where a blog lies between the smallest and the largest that were measured, 0 to 1."""
    place = math.log(max(blog_tokens, 1) / _SMALL) / math.log(_LARGE / _SMALL)
    return min(1.0, max(0.0, place))
