"""Copies of a network's weights by name, and the ways back.

kept = copied(model)
put_back(model, kept)
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


def copied(model: nn.Module) -> dict[str, Tensor]:
    """A copy of each weight."""
    return {name: weight.detach().clone() for name, weight in model.named_parameters()}


def put_back(model: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Give `model` the weights of that name, in place."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(weights[name])


def blend(average: Mapping[str, Tensor], model: nn.Module, share: float) -> None:
    """Move `average` towards the weights of `model` by `share`, in place."""
    current = dict(model.named_parameters())
    names = list(average)
    torch._foreach_lerp_([average[n] for n in names], [current[n].detach() for n in names], share)
