"""Low-rank adaptation: two thin matrices are trained beside each hidden matrix, and added to it at the end.

    with low_rank(model, rank=16, seed=1):
        adapt(model, ...)

In: a network. Out: the same network, as plain as before; its hidden matrices are changed by a matrix of at most `rank`
each, tables and norms stay as they were. The matrices are those of Hu et al. 2021 ("LoRA: Low-rank adaptation of large
language models"), scaled by 2 whatever the rank. The forward pass adds them to the weights: it is as slow as without.
"""

import contextlib
import math
from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from penname.model.gpt import GPT

_SCALE = 2.0


class _LowRank(nn.Module):
    """weight + scale * up @ down; `up` (rows, rank) begins with zeros, `down` (rank, columns) at random."""

    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        down = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
        self.down = nn.Parameter(down.to(weight))
        self.up = nn.Parameter(weight.new_zeros(rows, rank))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight as the network uses it."""
        return weight + _SCALE * (self.up @ self.down)


@contextlib.contextmanager
def low_rank(model: GPT, rank: int, seed: int) -> Iterator[None]:
    """Train low-rank changes only while the block runs; they are added in at its end, or dropped if it raises.

    A `rank` of 0 or below trains all weights.
    """
    if rank < 1:
        yield
        return
    asked = {name: weight.requires_grad for name, weight in model.named_parameters()}
    generator = torch.Generator().manual_seed(seed)
    matrices = [module for module in model.model.layers.modules() if isinstance(module, nn.Linear)]
    model.requires_grad_(False)
    for module in matrices:
        beside = _LowRank(module.weight, min(rank, *module.weight.shape), generator)
        parametrize.register_parametrization(module, "weight", beside)
    whole = False
    try:
        yield
        whole = True
    finally:
        with torch.no_grad():
            for module in matrices:
                parametrize.remove_parametrizations(module, "weight", leave_parametrized=whole)
        for name, weight in model.named_parameters():
            weight.requires_grad_(asked[name])
