import pytest
import torch

from penname.model.loss import IGNORE, plain_loss, slice_rows, sliced_loss


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
