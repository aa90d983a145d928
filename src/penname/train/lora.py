"""Low-rank adaptation: two thin matrices are trained beside each hidden matrix, and added to it at the end.

    with low_rank(model, rank=16, seed=1) as change:
        adapt(model, ...)
        change.go(0.9)

In: a network. Out: the same network, as plain as before; its hidden matrices are changed by a matrix of at most `rank`
each, tables and norms stay as they were. The matrices are those of Hu et al. 2021 ("LoRA: Low-rank adaptation of large
language models"), scaled by 2 whatever the rank. The frozen weights have no gradient and no moments, and may lie in two
bytes each: what a network of a billion weights needs falls from 20 GB to 3.
"""

import contextlib
import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from penname.model.gpt import GPT

_SCALE = 2.0


class LowRank(nn.Module):
    """A frozen linear map and a thin change of it: x W' + scale * (x down') up'.

    `up` (rows, rank) begins with zeros, `down` (rank, columns) at random, both in float32.
    """

    def __init__(self, plain: nn.Linear, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = plain.weight.shape
        self.frozen = plain.weight
        self.bias = plain.bias
        drawn = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
        self.down = nn.Parameter(drawn.to(plain.weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=plain.weight.device))
        self.interpolation = 1.0

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., columns) -> (..., rows)."""
        bias = None if self.bias is None else self.bias.to(x.dtype)
        thin = F.linear(F.linear(x, self.down.to(x.dtype)), self.up.to(x.dtype))
        return torch.add(F.linear(x, self.frozen.to(x.dtype), bias), thin, alpha=_SCALE * self.interpolation)

    @property
    def weight(self) -> Tensor:
        """The matrix with its change added, in the precision of the frozen one."""
        change = (self.up @ self.down).mul_(_SCALE * self.interpolation)
        return self.frozen + change if self.frozen.dtype == change.dtype else change.add_(self.frozen).to(self.frozen)


class Change:
    """The changes of all matrices of a network."""

    def __init__(self, parts: list[LowRank]) -> None:
        self.parts = parts

    def go(self, interpolation: float) -> None:
        """Leave only `interpolation` of the way from the base, 0 to 1."""
        for part in self.parts:
            part.interpolation = interpolation

    @torch.no_grad()
    def begin_again(self) -> None:
        """Forget what was learned: the network is the base again."""
        for part in self.parts:
            part.up.zero_()


@contextlib.contextmanager
def low_rank(model: GPT, rank: int, seed: int, half: bool = False) -> Iterator[Change | None]:
    """Train low-rank changes only while the block runs; they are added in at its end, or dropped if it raises.

    A `rank` of 0 or below trains all weights. `half`: the weights become bfloat16 and stay so.
    """
    if rank < 1:
        yield None
        return
    asked = {name: weight.requires_grad for name, weight in model.named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    if half:
        in_halves(model)
    model.requires_grad_(False)
    places = [
        (module, name, child)
        for module in model.model.layers.modules()
        for name, child in module.named_children()
        if isinstance(child, nn.Linear)
    ]
    parts = []
    for module, name, plain in places:
        parts.append(LowRank(plain, min(rank, *plain.weight.shape), generator))
        setattr(module, name, parts[-1])
    whole = False
    try:
        yield Change(parts)
        whole = True
    finally:
        for (module, name, plain), part in zip(places, parts, strict=True):
            if whole:
                with torch.no_grad():
                    plain.weight.copy_(part.weight)
            setattr(module, name, plain)
        for name, weight in model.named_parameters():
            weight.requires_grad_(asked[name])


@torch.no_grad()
def in_halves(model: GPT) -> None:
    """Make every weight bfloat16, one after the other: no second copy of the network exists meanwhile."""
    for weight in model.parameters():
        weight.data = weight.data.to(torch.bfloat16)
