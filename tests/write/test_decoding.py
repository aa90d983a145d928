import pytest
import torch
from taught import network, tokenizer

from penname.core.device import pick_device, threads
from penname.core.errors import InputError
from penname.model.gpt import RopeScaling
from penname.write.decoding import Decoding, decoding_weights, has_int8, pick_precision

DEVICE = pick_device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")
SHAPES = {
    "qwen3": {},
    "llama": {"qk_norm": False, "tie_word_embeddings": False},
    "one head each": {"num_key_value_heads": 4},
    "odd": {"num_attention_heads": 6, "num_key_value_heads": 1, "head_dim": 8, "rope_theta": 1e6},
    "qwen2": {"qk_norm": False, "qkv_bias": True},
    "documents start after another token": {"document_start": (5, 6)},
    "stretched": {"rope_scaling": RopeScaling("linear", 4.0)},
}


@pytest.fixture(scope="module")
def one_thread():
    """Networks as small as these only wait for a second thread."""
    with threads(1):
        yield


def some_ids(rows: int, tokens: int) -> list[list[int]]:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(1, tokenizer().get_vocab_size(), (rows, tokens), generator=generator).tolist()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_steps_give_the_logits_of_the_whole_forward_pass(shape):
    model = network(**shape)
    ids = some_ids(1, 40)
    with torch.no_grad():
        wanted = model(torch.tensor(ids))
    decoding = Decoding(decoding_weights(model, "fp32"), DEVICE, 1, 64)
    logits = decoding.read([ids[0][:7]])
    for place in range(7, 40):
        torch.testing.assert_close(logits, wanted[:, place - 1], atol=1e-4, rtol=1e-4)
        logits = decoding.step([ids[0][place]])
    torch.testing.assert_close(logits, wanted[:, -1], atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("lengths", [(5, 17, 11), (9, 9, 9)])
def test_rows_of_any_length_go_on_side_by_side(lengths):
    model = network()
    ids = some_ids(3, 40)
    with torch.no_grad():
        wanted = model(torch.tensor(ids))
    decoding = Decoding(decoding_weights(model, "fp32"), DEVICE, 3, 64)
    logits = decoding.read([row[:length] for row, length in zip(ids, lengths, strict=True)])
    for step in range(20):
        ends = [length + step for length in lengths]
        for row, end in enumerate(ends):
            torch.testing.assert_close(logits[row], wanted[row, end - 1], atol=1e-4, rtol=1e-4)
        logits = decoding.step([ids[row][end] for row, end in enumerate(ends)])


def test_rows_can_be_left_and_read_anew():
    model = network()
    ids = some_ids(3, 40)
    with torch.no_grad():
        wanted = model(torch.tensor(ids))
    decoding = Decoding(decoding_weights(model, "fp32"), DEVICE, 3, 64)
    decoding.read([row[:10] for row in ids])
    decoding.keep([2, 0])
    logits = decoding.step([ids[2][10], ids[0][10]])
    torch.testing.assert_close(logits, wanted[[2, 0], 10], atol=1e-4, rtol=1e-4)
    again = decoding.read([ids[1][:30]], [1])
    torch.testing.assert_close(again, wanted[1:2, 29], atol=1e-4, rtol=1e-4)
    logits = decoding.step([ids[2][11], ids[1][30]])
    torch.testing.assert_close(logits, torch.stack((wanted[2, 11], wanted[1, 30])), atol=1e-4, rtol=1e-4)


def test_many_prompts_are_read_in_parts(monkeypatch):
    monkeypatch.setattr("penname.write.decoding._READ_TOKENS", 20)
    model = network()
    ids = some_ids(5, 9)
    with torch.no_grad():
        wanted = model(torch.tensor(ids))[:, -1]
    decoding = Decoding(decoding_weights(model, "fp32"), DEVICE, 5, 16)
    torch.testing.assert_close(decoding.read(ids), wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("precision", ["bf16", "int8"])
def test_fewer_bits_give_nearly_the_same_distribution(precision):
    model = network()
    if precision == "int8" and not has_int8(model):
        pytest.skip("skipped: no 8-bit product here")
    ids = some_ids(1, 30)
    with torch.no_grad():
        wanted = torch.log_softmax(model(torch.tensor(ids)), dim=-1)
    decoding = Decoding(decoding_weights(model, precision), DEVICE, 1, 64)
    logits = decoding.read([ids[0][:1]])
    lost = []
    for token in ids[0][1:]:
        logits = decoding.step([token])
        here = wanted[0, len(lost) + 1]
        lost.append(float((here.exp() * (here - torch.log_softmax(logits[0], dim=-1))).sum()))
    # The random network is four times as steep as a usual one: its rounding shows.
    assert 0 <= sum(lost) / len(lost) < 0.05


def test_decoding_leaves_the_network_as_it_was():
    model = network()
    model.train()
    before = {name: weight.clone() for name, weight in model.named_parameters()}
    decoding = Decoding(decoding_weights(model, "fp32"), DEVICE, 1, 300)
    decoding.read([[1, 2, 3]])
    decoding.step([4])
    assert model.training
    assert all(torch.equal(weight, before[name]) for name, weight in model.named_parameters())
    # Tables that grew meanwhile must not keep training from going on.
    model(torch.arange(200)[None] % 50).sum().backward()


def test_unknown_precisions_are_refused():
    with pytest.raises(InputError, match="fp64"):
        decoding_weights(network(), "fp64")


def test_the_choice_of_precision_has_a_reason():
    model = network()
    assert pick_precision(model, DEVICE, 8)[0] == DEVICE.precision
    assert pick_precision(model, DEVICE, 1)[0] == ("int8" if has_int8(model) else "fp32")
    assert pick_precision(model, DEVICE, 1, "bf16") == ("bf16", "asked for with --precision bf16")


def test_a_network_without_an_8_bit_product_is_told_apart(monkeypatch):
    def refuse(*_: object) -> None:
        raise NotImplementedError("not here")

    monkeypatch.setattr(torch, "_weight_int8pack_mm", refuse)
    assert not has_int8(network())
    assert pick_precision(network(), DEVICE, 1)[0] == DEVICE.precision
    with pytest.raises(InputError, match="8-bit"):
        decoding_weights(network(), "int8")
