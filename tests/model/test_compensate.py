"""Rounding with error compensation: the outputs of a matrix stay nearer than with rounding to the nearest."""

import torch
from tiny_models import VERSE, random_model, tiny_tokenizer

from penname.corpus.tokenizer import encode_plain
from penname.model.compensate import compensated, error_factor, input_squares, round_compensated
from penname.model.quantise import restore_rows, round_rows
from penname.model.weights import copied

STEP = 0.5


def correlated(rows: int = 400, columns: int = 200) -> torch.Tensor:
    """Inputs of which each is much like the others, as those of a network are."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, 20, generator=generator) @ torch.randn(20, columns, generator=generator)
    return hidden + 0.1 * torch.randn(rows, columns, generator=generator)


def test_the_outputs_stay_nearer_and_the_steps_are_those_of_rounding() -> None:
    inputs = correlated()
    weight = torch.randn(30, 200, generator=torch.Generator().manual_seed(1))
    plain = round_rows(weight, STEP)
    better = round_compensated(weight, error_factor((inputs.T @ inputs).double()), STEP)
    assert torch.equal(better[1], plain[1])
    assert better[0].dtype == torch.int8
    lost = [(inputs @ (restore_rows(*each) - weight).T).square().sum() for each in (plain, better)]
    assert lost[1] < 0.2 * lost[0]


def test_inputs_that_have_nothing_in_common_are_rounded_to_the_nearest() -> None:
    weight = torch.randn(30, 150, generator=torch.Generator().manual_seed(1))
    assert torch.equal(
        round_compensated(weight, error_factor(torch.eye(150).double()), STEP)[0], round_rows(weight, STEP)[0]
    )


def test_an_input_that_is_always_zero_is_no_trouble() -> None:
    inputs = correlated()
    inputs[:, 7] = 0
    integers, steps = round_compensated(torch.randn(4, 200), error_factor((inputs.T @ inputs).double()), STEP)
    assert restore_rows(integers, steps).isfinite().all()


def test_every_matrix_of_the_layers_is_rounded_for_its_own_inputs_and_the_network_stays() -> None:
    model = random_model()
    before = copied(model)
    ids = encode_plain(tiny_tokenizer(), VERSE)[:96]
    windows = torch.tensor(ids).view(3, 32)
    squares = input_squares(model, windows, micro_rows=2)
    found = compensated(model, windows, STEP)
    matrices = {name for name, weight in model.named_parameters() if weight.ndim == 2 and "layers" in name}
    assert found.keys() == matrices
    assert len(squares) == 4 * model.config.num_hidden_layers
    first = model.model.layers[0].input_layernorm(model.model.embed_tokens(windows)).flatten(0, 1).double()
    torch.testing.assert_close(squares["model.layers.0.self_attn.q_proj"], first.T @ first)
    value = model.model.layers[1].self_attn.v_proj.weight
    factor = error_factor(squares["model.layers.1.self_attn.q_proj"])
    assert torch.equal(found["model.layers.1.self_attn.v_proj.weight"][0], round_compensated(value, factor, STEP)[0])
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
