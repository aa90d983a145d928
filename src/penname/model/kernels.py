"""Steps of the network that PyTorch's own operations do in more passes over memory than they need.

    x = rms_norm(x, weight, 1e-6)
    x = rotate(x, cos, sin)
    x = dropout(x, 0.1)
    y = attend(query, key, value, causal=True)

Each gives what the plain operation gives, forwards and backwards, up to rounding (dropout: with other random numbers).
On a CPU a training step spends a sixth of its time less; what is compiled takes the plain operations, which the
compiler joins itself.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

_BLOCKS = 4
"""Parts of the queries in `attend`: each sees only the keys up to its own end."""
_LONGEST = 1024
"""Tokens up to which scores are kept whole: a longer text takes PyTorch's own kernel, which keeps none."""


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate pairs (i, i + head_dim / 2) of the last dimension. x: (batch, heads, tokens, head_dim)."""
    if torch.compiler.is_compiling():
        half = x.size(-1) // 2
        return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin
    rotated: Tensor = _Rotated.apply(x, cos, sin)  # type: ignore[no-untyped-call]
    return rotated


def rms_norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root-mean-square normalisation of the last dimension (Zhang and Sennrich 2019), in the precision of `x`."""
    if torch.compiler.is_compiling() or x.device.type != "cpu" or not torch.is_grad_enabled():
        return F.rms_norm(x, weight.shape, weight.to(x.dtype), eps)
    normed: Tensor = _Normed.apply(x, weight, eps)  # type: ignore[no-untyped-call]
    return normed


def dropout(x: Tensor, share: float) -> Tensor:
    """Zero a `share` of `x` (to one in 65,536) and scale up the rest."""
    if not share or torch.compiler.is_compiling() or x.device.type != "cpu":
        return F.dropout(x, share)
    # Four places for each 64-bit draw: PyTorch draws a number for each place.
    draws = torch.empty((x.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    level = round(share * 65_536) - 32_768
    kept = draws.view(torch.int16)[: x.numel()].view(x.shape) >= level
    return x * kept.to(x.dtype).mul_(65_536 / (32_768 - level))


def attend(query: Tensor, key: Tensor, value: Tensor, causal: bool) -> Tensor:
    """Attention, grouped where there are fewer keys than queries. All: (batch, heads, tokens, dim), as `query` is."""
    heads, groups, tokens = query.size(1), key.size(1), query.size(2)
    plain = not causal or tokens % _BLOCKS or not 64 <= tokens <= _LONGEST or not query.requires_grad
    if plain or query.device.type != "cpu" or torch.compiler.is_compiling():
        return F.scaled_dot_product_attention(query, key, value, is_causal=causal, enable_gqa=heads != groups)
    attended: Tensor = _Attended.apply(query, key, value)  # type: ignore[no-untyped-call]
    return attended


class _Rotated(torch.autograd.Function):
    """A rotation; its gradient is the rotation back."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin, 1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turned(gradients[0], cos, sin, -1), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor, way: int) -> Tensor:
    half = x.size(-1) // 2
    left, right = x[..., :half], x[..., half:]
    turned_left = torch.addcmul(left * cos[..., :half], right, sin[..., :half], value=-way)
    turned_right = torch.addcmul(right * cos[..., half:], left, sin[..., half:], value=way)
    return torch.cat((turned_left, turned_right), dim=-1)


class _Normed(torch.autograd.Function):
    """RMSNorm in three passes forwards and six backwards; sums in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        scale = length.square_().div_(x.size(-1)).add_(eps).rsqrt_().to(x.dtype)
        normed: Tensor = x * scale
        ctx.save_for_backward(normed, weight, scale)
        return normed * weight.to(x.dtype)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        normed, weight, scale = ctx.saved_tensors
        gradient = gradients[0]
        aligned = gradient * normed
        to_weight = aligned.flatten(0, -2).sum(dim=0, dtype=torch.float32).to(weight.dtype)
        small = weight.to(gradient.dtype)
        mean = (aligned @ small).div_(normed.size(-1)).unsqueeze(-1)
        to_x = (gradient * small).addcmul_(normed, mean, value=-1).mul_(scale)
        return to_x, to_weight, None


class _Attended(torch.autograd.Function):
    """Causal attention by plain products, a part of the queries at a time on the keys that it may see."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        batch, heads, tokens, dim = query.shape
        groups, step = key.size(1), tokens // _BLOCKS
        key, value = (each.reshape(batch * groups, tokens, dim) for each in (key, value))
        ahead = query.new_full((step, step), -torch.inf).triu_(1)
        out = query.new_empty((batch, heads, tokens, dim))
        parts, probabilities = [], []
        for start in range(0, tokens, step):
            end = start + step
            part = _part(query, start, end, groups).mul_(dim**-0.5)
            scores = torch.bmm(part, key[:, :end].mT)
            # Only the last `step` keys may lie ahead of a query.
            scores.view(batch, heads, step, end)[..., start:] += ahead
            probability = torch.softmax(scores, dim=-1)
            out[:, :, start:end] = torch.bmm(probability, value[:, :end]).view(batch, heads, step, dim)
            parts.append(part)
            probabilities.append(probability)
        ctx.save_for_backward(key, value, *parts, *probabilities)
        ctx.shape = query.shape, groups
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, ...]:
        key, value, *kept = ctx.saved_tensors
        (batch, heads, tokens, dim), groups = ctx.shape
        step = tokens // _BLOCKS
        to_query = key.new_empty((batch, heads, tokens, dim))
        to_key, to_value = torch.zeros_like(key), torch.zeros_like(value)
        for number in range(_BLOCKS):
            start, end = number * step, (number + 1) * step
            part, probability = kept[number], kept[_BLOCKS + number]
            gradient = _part(gradients[0], start, end, groups)
            to_value[:, :end].baddbmm_(probability.mT, gradient)
            to_probability = torch.bmm(gradient, value[:, :end].mT)
            to_scores = torch._softmax_backward_data(to_probability, probability, -1, probability.dtype)
            moved = torch.bmm(to_scores, key[:, :end]).mul_(dim**-0.5)
            to_query[:, :, start:end] = moved.view(batch, heads, step, dim)
            to_key[:, :end].baddbmm_(to_scores.mT, part)
        shape = (batch, groups, tokens, dim)
        return to_query, to_key.view(shape), to_value.view(shape)


def _part(x: Tensor, start: int, end: int, groups: int) -> Tensor:
    """Copy tokens `start` to `end`: (batch, heads, tokens, dim) -> (batch * groups, heads / groups * part, dim)."""
    part = x[:, :, start:end].clone(memory_format=torch.contiguous_format)
    return part.view(x.size(0) * groups, -1, x.size(3))
