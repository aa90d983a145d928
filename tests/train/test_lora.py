import pytest
import torch
from tiny_models import random_model, tiny_tokenizer

from penname.core.device import Device
from penname.corpus.tokenizer import encode
from penname.train.adapt import adapt
from penname.train.lora import low_rank
from penname.train.measure import Speeds
from penname.train.plan import Wishes, make_plan

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)


def train(rank: int, steps: int = 4) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    model = random_model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    blog = encode(tiny_tokenizer(), ["The owl went to sea in a boat. " * 30] * 4, 0)
    plan = make_plan(
        blog_tokens=blog.ids.size,
        speeds=Speeds.flat(1e4, 64, 1),
        device=CPU,
        wishes=Wishes(steps=steps, share=1.0, matrix_lr=1e-2),
        context=64,
    )
    with low_rank(model, rank, seed=1):
        adapt(model, blog, None, plan, CPU)
    return before, {name: weight.detach() for name, weight in model.named_parameters()}


def test_matrices_change_by_that_rank_and_nothing_else_does() -> None:
    before, after = train(rank=3)
    assert before.keys() == after.keys()
    ranks = set()
    for name, weight in after.items():
        change = weight - before[name]
        if "layers" in name and weight.ndim == 2:
            ranks.add(int(torch.linalg.matrix_rank(change, rtol=1e-4)))
        else:
            assert not change.any(), name
    assert max(ranks) == 3


def test_no_rank_trains_all_weights() -> None:
    before, after = train(rank=0)
    assert all((weight != before[name]).any() for name, weight in after.items())


def test_what_raises_leaves_the_network_as_it_was() -> None:
    model = random_model()
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    with pytest.raises(RuntimeError, match="no"), low_rank(model, 4, seed=1):
        for weight in model.parameters():
            if weight.requires_grad:
                weight.data.add_(1.0)
        raise RuntimeError("no")
    for name, weight in model.named_parameters():
        assert weight.requires_grad and torch.equal(weight, before[name])
