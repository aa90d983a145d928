"""Losses: next-token cross-entropy in slices, and the masked next-token objective.

`sliced_loss` never holds the logits of a whole batch: a slice of hidden states is multiplied by the output table, and
its gradient is taken at once, so that 4,096 tokens of a 16,384-word vocabulary need 32 MB instead of 800.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

IGNORE = -100
"""A target that is not scored."""


def plain_loss(hidden: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Sum of next-token cross-entropies (nats). hidden: (n, width), table: (vocab, width), targets: (n,)."""
    logits = F.linear(hidden, table.to(hidden.dtype))
    return F.cross_entropy(logits.float(), targets, reduction="sum", ignore_index=IGNORE)


def sliced_loss(hidden: Tensor, table: Tensor, targets: Tensor, rows: int | None = None) -> Tensor:
    """The same sum as `plain_loss`, `rows` tokens at a time, with the gradient computed on the way forward."""
    rows = rows or slice_rows(hidden.size(0), slow=hidden.device.type == "cpu", exact=hidden.dtype == torch.float32)
    loss: Tensor = _Sliced.apply(hidden, table, targets, rows)  # type: ignore[no-untyped-call]
    return loss


_CACHED = 256
"""Tokens whose logits a CPU's caches hold."""


def slice_rows(tokens: int, slow: bool, exact: bool = True) -> int:
    """Tokens of a slice of so many, on a CPU (`slow`) or another device, in float32 (`exact`) or fewer bits.

    A CPU's caches hold the logits of 256 tokens; in fewer bits the table's gradient, which is summed in float32, costs
    as much as its product there, so that slices are eight times as long. An accelerator wants larger products and fewer
    calls: an eighth of the tokens, which is little beside what the layers keep of all of them.
    """
    if slow:
        return _CACHED if exact else 8 * _CACHED
    return max(1024, tokens // 8)


class _Sliced(torch.autograd.Function):
    """Linear layer and cross-entropy in one (the idea of Liger Kernel, Hsu et al. 2024)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, targets: Tensor, rows: int) -> Tensor:
        weight = table.to(hidden.dtype)
        total = hidden.new_zeros((), dtype=torch.float32)
        training = hidden.requires_grad or table.requires_grad
        to_hidden = torch.empty_like(hidden) if training else None
        to_table: Tensor | None = None
        for start in range(0, hidden.size(0), rows):
            part, target = hidden[start : start + rows], targets[start : start + rows]
            loss, small = _slopes(part, weight, target, training)
            total += loss
            if to_hidden is not None:
                torch.mm(small, weight, out=to_hidden[start : start + rows])
            if table.requires_grad:
                to_table = _added(to_table, small.T, part)
        ctx.save_for_backward(to_hidden, to_table)
        return total

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_table = ctx.saved_tensors
        scale = slopes[0]
        return (
            None if to_hidden is None else to_hidden * scale.to(to_hidden.dtype),
            None if to_table is None else to_table.mul_(scale),
            None,
            None,
        )


def _slopes(part: Tensor, weight: Tensor, target: Tensor, training: bool) -> tuple[Tensor, Tensor]:
    """The summed loss of a slice, and its gradient by the logits (n, vocab) in the precision of `part`.

    part: (n, width), weight: (vocab, width), target: (n,). On a CPU the logits of as many tokens as its caches hold are
    looked at together.
    """
    total = part.new_zeros((), dtype=torch.float32)
    exact = part.dtype == torch.float32
    piece = _CACHED if part.device.type == "cpu" and not exact else part.size(0)
    kept_slopes = part.new_empty((part.size(0), weight.size(0))) if training and piece < part.size(0) else None
    small = part
    for start in range(0, part.size(0), piece):
        some = slice(start, start + piece)
        logits = (part[some] @ weight.T).float()
        kept = target[some] != IGNORE
        place = target[some].clamp(min=0)[:, None]
        chosen, peak = logits.gather(1, place), logits.amax(dim=-1, keepdim=True)
        # In place from here on: a copy of the logits costs as much time as their product.
        chances = logits.sub_(peak).exp_()
        mass = chances.sum(dim=-1, keepdim=True)
        total += ((mass.log() + peak - chosen).squeeze(1) * kept).sum()
        if not training:
            continue
        slope = chances.div_(mass)
        slope.scatter_add_(1, place, torch.full_like(mass, -1.0))
        slope.mul_(kept[:, None])
        if kept_slopes is None:
            small = slope.to(part.dtype)
        else:
            kept_slopes[some] = slope
    return total, small if kept_slopes is None else kept_slopes


def _added(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """`total + left @ right`, summed in float32; nothing yet: the product alone."""
    if left.dtype == torch.float32:
        return left @ right if total is None else total.addmm_(left, right)
    product = left @ right
    return product.float() if total is None else total.add_(product)
