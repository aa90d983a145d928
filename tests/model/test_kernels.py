from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from penname.model import kernels
from penname.model.gpt import GPT, GPTConfig, rotary_tables
from penname.train.loss import IGNORE, plain_loss, sliced_loss

CONFIG = GPTConfig(64, 32, 64, 2, 4, 2, 16, 128)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def same(ours: Callable[..., Tensor], theirs: Callable[..., Tensor], *inputs: Tensor) -> None:
    """Values and gradients of both functions agree."""
    results = []
    for function in (ours, theirs):
        out = function(*inputs)
        gradient = torch.randn(out.shape, generator=torch.Generator().manual_seed(9))
        results.append((out.detach(), *torch.autograd.grad(out, inputs, gradient)))
    for mine, other in zip(*results, strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-4, atol=1e-5)


def plainly_rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    half = x.size(-1) // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * sin


def test_rotation_is_the_plain_one() -> None:
    tables = rotary_tables(CONFIG, 8)
    same(lambda x: kernels.rotate(x, *tables), lambda x: plainly_rotated(x, *tables), drawn(2, 4, 8, 16))


@pytest.mark.parametrize("shape", [(3, 32), (2, 5, 4, 32)])
def test_normalisation_is_the_plain_one(shape: tuple[int, ...]) -> None:
    same(
        lambda x, weight: kernels.rms_norm(x, weight, 1e-6),
        lambda x, weight: F.rms_norm(x, weight.shape, weight, 1e-6),
        drawn(*shape),
        drawn(32, seed=1),
    )


@pytest.mark.parametrize("tokens", [64, 128, 65, 32])
@pytest.mark.parametrize("groups", [4, 2])
def test_attention_is_the_plain_one(tokens: int, groups: int) -> None:
    same(
        lambda q, k, v: kernels.attend(q, k, v, True),
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True),
        drawn(2, 4, tokens, 16),
        drawn(2, groups, tokens, 16, seed=1),
        drawn(2, groups, tokens, 16, seed=2),
    )


def test_attention_in_bfloat16_is_near_the_exact_one() -> None:
    inputs = [drawn(2, groups, 64, 16, seed=groups) for groups in (6, 2, 3)]
    inputs[2] = drawn(2, 2, 64, 16, seed=3)
    gradient = torch.randn(2, 6, 64, 16, generator=torch.Generator().manual_seed(9))
    exact = F.scaled_dot_product_attention(*inputs, is_causal=True, enable_gqa=True)
    want = [exact, *torch.autograd.grad(exact, inputs, gradient)]
    small = [each.detach().bfloat16().requires_grad_() for each in inputs]
    rounded = kernels.attend(*small, True)
    got = [rounded, *torch.autograd.grad(rounded, small, gradient.bfloat16())]
    for mine, other in zip(got, want, strict=True):
        assert mine.dtype == torch.bfloat16
        assert (mine.float() - other).norm() < 0.01 * other.norm()


def test_dropout_zeroes_its_share_and_scales_the_rest() -> None:
    torch.manual_seed(0)
    x = torch.ones(501, 401, requires_grad=True)
    out = kernels.dropout(x, 0.1)
    torch.autograd.backward(out.sum())
    kept = out.detach()[out.detach() != 0]
    assert kept.numel() / out.numel() == pytest.approx(0.9, abs=0.003)
    assert torch.allclose(kept, torch.full_like(kept, 1 / 0.9), rtol=1e-4)
    assert x.grad is not None and torch.equal(x.grad, out.detach())
    torch.manual_seed(0)
    assert torch.equal(kernels.dropout(x, 0.1), out), "the same seed drops the same places"
    assert kernels.dropout(x, 0.0) is x or torch.equal(kernels.dropout(x, 0.0), x)


def test_slices_of_the_loss_add_up_to_the_whole() -> None:
    targets = torch.arange(50) % 30
    targets[3] = IGNORE
    same(
        lambda hidden, table: sliced_loss(hidden, table, targets, 7),
        lambda hidden, table: plain_loss(hidden, table, targets),
        drawn(50, 16),
        drawn(30, 16, seed=1),
    )


def test_checkpointing_changes_no_gradient_though_places_are_dropped() -> None:
    ids = torch.arange(2 * 64).view(2, 64) % 64
    found = []
    for checkpointing in (False, True):
        model = GPT(CONFIG).initialise(0).train()
        model.dropout, model.checkpointing = 0.2, checkpointing
        torch.manual_seed(5)
        torch.autograd.backward(model(ids).square().sum())
        found.append([weight.grad for weight in model.parameters()])
    for left, right in zip(*found, strict=True):
        torch.testing.assert_close(left, right)
