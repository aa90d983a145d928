from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F

from penname.train.loss import IGNORE, Taught, plain_loss, slice_rows, sliced_loss


@pytest.mark.parametrize("rows", [1, 7, 64, 1000])
def test_slices_give_the_loss_and_gradients_of_the_whole(rows: int) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(70, 16, requires_grad=True)
    table = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(0, 50, (70,))
    targets[[3, 20]] = IGNORE
    whole = plain_loss(hidden, table, targets)
    want = torch.autograd.grad(whole * 0.5, [hidden, table])
    sliced = sliced_loss(hidden, table, targets, rows)
    got = torch.autograd.grad(sliced * 0.5, [hidden, table])
    torch.testing.assert_close(sliced, whole)
    for left, right in zip(got, want, strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("rows", [64, 400, 1000])
def test_slices_in_bfloat16_are_near_the_exact_whole(rows: int) -> None:
    torch.manual_seed(0)
    hidden, table = torch.randn(700, 16), torch.randn(50, 16, requires_grad=True)
    small = hidden.bfloat16().requires_grad_()
    hidden = small.detach().float().requires_grad_()
    targets = torch.randint(0, 50, (700,))
    targets[[3, 20, 690]] = IGNORE
    whole = plain_loss(hidden, table, targets)
    want = torch.autograd.grad(whole * 0.5, [hidden, table])
    sliced = sliced_loss(small, table, targets, rows)
    got = torch.autograd.grad(sliced * 0.5, [small, table])
    assert sliced.item() == pytest.approx(whole.item(), rel=2e-3)
    for left, right in zip(got, want, strict=True):
        assert (left.float() - right).norm() < 0.01 * right.norm()


def test_a_frozen_table_gets_no_gradient() -> None:
    hidden = torch.randn(8, 4, requires_grad=True)
    table = torch.randn(10, 4)
    loss = sliced_loss(hidden, table, torch.arange(8))
    loss.backward()
    assert hidden.grad is not None
    assert table.grad is None


def test_slices_are_few_where_calls_cost_more_than_memory() -> None:
    assert slice_rows(32_768, slow=True) == 256
    assert slice_rows(32_768, slow=True, exact=False) == 2_048
    assert slice_rows(2_048, slow=False) == 1_024
    assert slice_rows(32_768, slow=False) == 4_096


def taught(tokens: int, vocab: int, share: float, temperature: float) -> Taught:
    return Taught(torch.randn(tokens, 24), torch.randn(vocab, 24), share, temperature)


@pytest.mark.parametrize("rows", [1, 7, 1000])
@pytest.mark.parametrize(("share", "temperature"), [(0.5, 1.0), (0.9, 2.0), (1.0, 0.5), (1.0, 1.0), (0.0, 3.0)])
def test_slices_give_the_taught_loss_and_gradients_of_the_whole(rows: int, share: float, temperature: float) -> None:
    torch.manual_seed(0)
    hidden = torch.randn(70, 16, requires_grad=True)
    table = torch.randn(50, 16, requires_grad=True)
    targets = torch.randint(0, 50, (70,))
    targets[[3, 20]] = IGNORE
    teacher = taught(70, 50, share, temperature)
    whole = plain_loss(hidden, table, targets, teacher)
    want = torch.autograd.grad(whole * 0.5, [hidden, table])
    sliced = sliced_loss(hidden, table, targets, rows, teacher)
    got = torch.autograd.grad(sliced * 0.5, [hidden, table])
    torch.testing.assert_close(sliced, whole)
    for left, right in zip(got, want, strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)
    with torch.no_grad():
        torch.testing.assert_close(sliced_loss(hidden, table, targets, rows, teacher), whole)


def test_the_taught_loss_is_the_mix_of_both() -> None:
    torch.manual_seed(1)
    hidden, table, targets = torch.randn(9, 4), torch.randn(11, 4), torch.randint(0, 11, (9,))
    teacher = taught(9, 11, 0.3, 2.0)
    ours, theirs = hidden @ table.T / 2, teacher.hidden @ teacher.table.T / 2
    soft = F.cross_entropy(ours, theirs.softmax(-1), reduction="sum") * 4
    want = 0.7 * F.cross_entropy(hidden @ table.T, targets, reduction="sum") + 0.3 * soft
    torch.testing.assert_close(plain_loss(hidden, table, targets, teacher), want)


@pytest.mark.parametrize("loss", [plain_loss, sliced_loss])
def test_a_share_of_nothing_is_no_teacher(loss: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(2)
    hidden = torch.randn(30, 8, requires_grad=True)
    table = torch.randn(40, 8, requires_grad=True)
    targets = torch.randint(0, 40, (30,))
    alone, beside = loss(hidden, table, targets), loss(hidden, table, targets, taught=taught(30, 40, 0.0, 2.0))
    assert torch.equal(alone, beside)
    for left, right in zip(*(torch.autograd.grad(each, [hidden, table]) for each in (alone, beside)), strict=True):
        assert torch.equal(left, right)


@pytest.mark.parametrize("temperature", [1.0, 1.5])
@pytest.mark.parametrize("loss", [plain_loss, sliced_loss])
def test_a_student_like_its_teacher_has_nothing_to_learn_from_it(
    loss: Callable[..., torch.Tensor], temperature: float
) -> None:
    torch.manual_seed(3)
    hidden, table = torch.randn(20, 8, requires_grad=True), torch.randn(40, 8)
    same = Taught(hidden.detach().clone(), table, 1.0, temperature)
    value = loss(hidden, table, torch.randint(0, 40, (20,)), taught=same)
    (gradient,) = torch.autograd.grad(value, [hidden])
    expected = torch.distributions.Categorical(logits=hidden @ table.T / temperature).entropy().sum() * temperature**2
    torch.testing.assert_close(value, expected, atol=1e-3, rtol=1e-4)
    torch.testing.assert_close(gradient, torch.zeros_like(gradient), atol=1e-5, rtol=0.0)
