"""Optimizers: Muon for the hidden matrices, AdamW for embeddings and norms.

optimizers = build_optimizers(model, OptimizerSettings())
"""

import inspect
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)


def orthogonalise(matrices: Tensor, steps: int = 5, coarse: bool = False) -> Tensor:
    """Push the singular values of each matrix of a stack (n, rows, columns) to about 1, keeping its directions.

    Newton-Schulz iteration of the fifth order, coefficients of Jordan et al. 2024 (Muon); `coarse`: in bfloat16, which
    is faster on a GPU and can be ten times slower on a CPU.
    """
    a, b, c = _COEFFICIENTS
    x = matrices.to(torch.bfloat16 if coarse else torch.float32)
    tall = x.size(-2) > x.size(-1)
    if tall:
        x = x.mT
    x = x / (x.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    for _ in range(steps):
        square = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


class _Plain(torch.optim.Optimizer):
    """An optimizer that does not import PyTorch's compiler, which takes seconds, to be told not to be compiled.

    The methods below are PyTorch's own without that decorator.
    """

    add_param_group = inspect.unwrap(torch.optim.Optimizer.add_param_group)
    zero_grad = inspect.unwrap(torch.optim.Optimizer.zero_grad)
    state_dict = inspect.unwrap(torch.optim.Optimizer.state_dict)
    load_state_dict = inspect.unwrap(torch.optim.Optimizer.load_state_dict)


class AdamW(_Plain, torch.optim.AdamW):
    """`torch.optim.AdamW` without the compiler."""

    _update = inspect.unwrap(torch.optim.AdamW.step)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every weight that has a gradient."""
        self._update(closure)


class Muon(_Plain):
    """Momentum orthogonalised by Newton-Schulz (Jordan et al. 2024), for matrices only; decoupled weight decay.

    The same update as `torch.optim.Muon` with `adjust_lr_fn="original"`, but all matrices of one shape go through one
    batched product, which is what keeps a GPU busy at this size.
    """

    def __init__(
        self,
        params: Iterable[Tensor],
        lr: float = 0.02,
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        coarse: bool = False,
    ) -> None:
        super().__init__(params, {"lr": lr, "momentum": momentum, "weight_decay": weight_decay})
        self.coarse = coarse

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Update every matrix that has a gradient."""
        for group in self.param_groups:
            shapes: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for weight in group["params"]:
                if weight.grad is not None:
                    shapes[tuple(weight.shape)].append(weight)
            for weights in shapes.values():
                self._update(weights, group)

    def _update(self, weights: list[Tensor], group: dict[str, Any]) -> None:
        for weight in weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        buffers = [self.state[weight]["momentum_buffer"] for weight in weights]
        gradients = [weight.grad for weight in weights if weight.grad is not None]
        torch._foreach_lerp_(buffers, gradients, 1 - group["momentum"])
        nesterov = torch._foreach_lerp(gradients, buffers, group["momentum"])
        rows, columns = weights[0].shape
        update = orthogonalise(torch.stack(nesterov), coarse=self.coarse)
        scale = group["lr"] * max(1.0, rows / columns) ** 0.5
        if group["weight_decay"]:
            torch._foreach_mul_(weights, 1 - group["lr"] * group["weight_decay"])
        torch._foreach_add_(weights, [part.to(weights[0].dtype) for part in update.unbind()], alpha=-scale)


def build_optimizers(
    model: nn.Module,
    *,
    matrices: str,
    matrix_lr: float,
    table_lr: float,
    weight_decay: float,
    momentum: float = 0.95,
    betas: tuple[float, float] = (0.9, 0.95),
    fused: bool = True,
    coarse: bool = False,
) -> list[torch.optim.Optimizer]:
    """One optimizer for the hidden matrices (`muon` or `adamw`) and AdamW for tables and norms.

    Every group carries `base_lr`, which the schedule multiplies. Norms and tables are not decayed by AdamW's group of
    their own; weights that need no gradient are left out. `coarse` lets Muon compute in bfloat16.
    """
    hidden, tables, norms = [], [], []
    for name, weight in model.named_parameters():
        if not weight.requires_grad:
            continue
        if weight.ndim < 2:
            norms.append(weight)
        elif "embed_tokens" in name or "lm_head" in name:
            tables.append(weight)
        else:
            hidden.append(weight)
    groups: list[dict[str, Any]] = [
        {"params": tables, "lr": table_lr, "weight_decay": weight_decay * 0.1},
        {"params": norms, "lr": table_lr, "weight_decay": 0.0},
    ]
    optimizers: list[torch.optim.Optimizer] = []
    if matrices == "adamw":
        groups.append({"params": hidden, "lr": matrix_lr, "weight_decay": weight_decay})
    elif hidden:
        optimizers.append(Muon(hidden, matrix_lr, momentum, weight_decay, coarse))
    groups = [group for group in groups if group["params"]]
    optimizers.append(AdamW(groups, lr=table_lr, betas=betas, eps=1e-10, fused=fused))
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"]
    return optimizers
