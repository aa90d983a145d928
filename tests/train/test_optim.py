import subprocess
import sys

import pytest
import torch

from penname.model.gpt import GPT, GPTConfig
from penname.train.optim import AdamW, Muon, build_optimizers, orthogonalise

TINY = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)


def test_muon_makes_the_steps_of_torchs_own() -> None:
    torch.manual_seed(0)
    shapes = [(16, 24), (16, 24), (24, 16), (16, 16)]
    starts = [torch.randn(shape) for shape in shapes]
    ours = [torch.nn.Parameter(start.clone()) for start in starts]
    theirs = [torch.nn.Parameter(start.clone()) for start in starts]
    mine = Muon(ours, lr=0.02, weight_decay=0.1)
    peer = torch.optim.Muon(theirs, lr=0.02, weight_decay=0.1, momentum=0.95, adjust_lr_fn="original")
    for _ in range(4):
        for left, right in zip(ours, theirs, strict=True):
            left.grad = torch.randn_like(left)
            right.grad = left.grad.clone()
        mine.step()
        peer.step()
    for left, right in zip(ours, theirs, strict=True):
        torch.testing.assert_close(left, right, atol=2e-3, rtol=0)


@pytest.mark.parametrize("coarse", [False, True])
def test_orthogonalised_matrices_have_singular_values_near_one(coarse: bool) -> None:
    torch.manual_seed(1)
    found = orthogonalise(torch.randn(3, 20, 50), coarse=coarse)
    assert found.dtype == (torch.bfloat16 if coarse else torch.float32)
    values = torch.linalg.svdvals(found.float())
    assert values.min() > 0.5
    assert values.max() < 1.5


def test_every_weight_has_one_optimizer_and_frozen_ones_none() -> None:
    model = GPT(TINY)
    for matrices, count in (("muon", 2), ("adamw", 1)):
        optimizers = build_optimizers(
            model, matrices=matrices, matrix_lr=0.01, table_lr=0.001, weight_decay=0.1, fused=False
        )
        assert len(optimizers) == count
        held = [id(w) for o in optimizers for group in o.param_groups for w in group["params"]]
        assert sorted(held) == sorted(id(w) for w in model.parameters())
    model.model.embed_tokens.weight.requires_grad_(False)
    (adamw,) = build_optimizers(model, matrices="adamw", matrix_lr=0.01, table_lr=0.001, weight_decay=0.1, fused=False)
    assert all(model.lm_head.weight is not w for group in adamw.param_groups for w in group["params"])


def test_norms_are_not_decayed() -> None:
    optimizers = build_optimizers(
        GPT(TINY), matrices="adamw", matrix_lr=0.01, table_lr=0.001, weight_decay=0.1, fused=False
    )
    for group in optimizers[0].param_groups:
        if group["params"][0].ndim == 1:
            assert group["weight_decay"] == 0.0


@pytest.mark.parametrize("fused", [False, True])
def test_adamw_makes_the_steps_of_torchs_own(fused: bool) -> None:
    torch.manual_seed(0)
    start = torch.randn(8, 4)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    mine = AdamW([ours], lr=0.01, weight_decay=0.1, fused=fused)
    peer = torch.optim.AdamW([theirs], lr=0.01, weight_decay=0.1, fused=fused)
    for turn in range(4):
        if turn == 2:
            mine.load_state_dict(mine.state_dict())
        ours.grad = torch.randn_like(ours)
        theirs.grad = ours.grad.clone()
        mine.step()
        peer.step()
        assert torch.equal(ours, theirs)
    mine.zero_grad()
    assert ours.grad is None


@pytest.mark.slow
def test_no_step_imports_the_compiler() -> None:
    code = """
import sys, torch
from penname.train.optim import AdamW, Muon
weight = torch.nn.Parameter(torch.ones(4, 4))
for optimizer in (AdamW([weight], fused=True), AdamW([weight], fused=False), Muon([weight])):
    optimizer.zero_grad()
    weight.grad = torch.ones(4, 4)
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
