"""A base as the start of a wider one: it says what it said, also in another tokenizer."""

from dataclasses import replace

import pytest
import torch
from tiny_models import VERSE, random_model, tiny_config, tiny_tokenizer, trained_model

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain, train_tokenizer
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT
from penname.train.grow import grown

IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:60]]])


def loaded(model: GPT) -> LoadedModel:
    return LoadedModel(model, tiny_tokenizer(), 0, model.config, None, "", {})  # type: ignore[arg-type]


def test_a_network_of_the_same_shape_stays_the_same() -> None:
    model = random_model()
    again = grown(loaded(model), model.config, tiny_tokenizer(), 1).eval()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_a_wider_network_says_nearly_the_same_and_can_learn_everywhere() -> None:
    model = trained_model()
    wide = grown(
        loaded(model), replace(model.config, hidden_size=80, intermediate_size=128), tiny_tokenizer(), 1
    ).eval()
    ours, theirs = model(IDS), wide(IDS)
    assert (ours.argmax(-1) == theirs.argmax(-1)).float().mean() > 0.95
    assert (ours - theirs).norm() / ours.norm() < 0.1
    wide(IDS).square().sum().backward()
    for name, weight in wide.named_parameters():
        assert weight.grad is not None
        new = weight.grad[64:] if weight.ndim == 1 or "_proj" not in name else weight.grad[:, 64:]
        assert not new.numel() or new.abs().sum() > 0 or name.endswith(("gate_proj.weight", "up_proj.weight")), name


def test_a_token_that_is_new_gets_the_mean_of_those_that_spell_it() -> None:
    other = train_tokenizer([VERSE + " boats honeycomb" * 9] * 3, 330)
    model, old = random_model(), tiny_tokenizer().get_vocab()
    start = loaded(model)
    table = model.model.embed_tokens.weight
    new = grown(start, tiny_config(vocab_size=other.get_vocab_size()), other, 1).model.embed_tokens.weight
    names = other.get_vocab()
    shared = [name for name in names if name in old]
    assert len(shared) > 250
    assert all(torch.equal(new[names[name]], table[old[name]]) for name in shared)
    fresh = [name for name in names if name not in old]
    assert fresh
    for name in fresh:
        spelling = encode_pieces(name, old)
        torch.testing.assert_close(new[names[name]], table[spelling].mean(dim=0))


def encode_pieces(name: str, known: dict[str, int]) -> list[int]:
    """`name` by the longest tokens that are known, from the left."""
    if not name:
        return []
    size = max(size for size in range(1, len(name) + 1) if name[:size] in known)
    return [known[name[:size]], *encode_pieces(name[size:], known)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hidden_size": 32}, "hidden_size 64, more than 32"),
        ({"intermediate_size": 64}, "intermediate_size 96, more than 64"),
        ({"num_hidden_layers": 3}, "num_hidden_layers 2 instead of 3"),
        (
            {"num_attention_heads": 2, "qk_norm": False},
            "num_attention_heads 4 instead of 2, qk_norm True instead of False",
        ),
    ],
    ids=str,
)
def test_shapes_that_no_widening_reaches_are_refused(changes: dict[str, int], message: str) -> None:
    model = random_model()
    with pytest.raises(InputError, match=f"{message}.*start from another"):
        grown(loaded(model), replace(model.config, **changes), tiny_tokenizer(), 1)
