"""The weights that did best on held-out text so far: in memory, or in a file where memory is scarce.

best = Best(None)
best.keep(model)
best.restore(model)
"""

from pathlib import Path

import torch
from torch import Tensor, nn


class Best:
    """A copy of a network's weights; none at first."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.held: dict[str, Tensor] | None = None
        self.kept = False

    def keep(self, model: nn.Module) -> None:
        """Copy the weights of `model`, in place of what was kept."""
        weights = {name: weight.detach() for name, weight in model.named_parameters()}
        self.put({name: weight.clone() for name, weight in weights.items()} if self.path is None else weights)

    def put(self, weights: dict[str, Tensor]) -> None:
        """Keep these weights."""
        self.kept = True
        if self.path is None:
            self.held = weights
            return
        from safetensors.torch import save_file

        from penname.core.files import replacing

        with replacing(self.path) as temporary:
            save_file({name: weight.contiguous() for name, weight in weights.items()}, temporary)

    def tensors(self) -> dict[str, Tensor]:
        """The kept weights by name; empty when there are none."""
        if not self.kept or self.path is None:
            return self.held or {}
        from safetensors.torch import load_file

        return load_file(self.path)

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights into `model`, if there are any."""
        found = self.tensors()
        if found:
            with torch.no_grad():
                for name, weight in model.named_parameters():
                    weight.copy_(found[name])
