"""GGUF files as a base: the network and ids of the file, and a sentence for each file that does not fit."""

import random
import tracemalloc
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from gguf_files import LlamaCpp, network_values, small_gguf, tokenizer_values, write_values
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_models import VERSE, random_model, tiny_tokenizer

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.model.base import load_base
from penname.model.gguf_file import open_gguf
from penname.model.gguf_read import is_gguf, read_gguf
from penname.model.gpt import GPT, RopeScaling, rotary_factors

IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:100]]])
SHAPES: dict[str, dict[str, Any]] = {
    "llama": {},
    "llama-untied": {"tie_word_embeddings": False, "num_key_value_heads": 4},
    "qwen2": {"qkv_bias": True},
    "qwen2-untied": {"qkv_bias": True, "tie_word_embeddings": False},
    "qwen3": {"qk_norm": True},
    "wide-head": {"head_dim": 32, "rope_theta": 50_000.0, "rms_norm_eps": 1e-5},
}


def assert_equal(one: GPT, other: GPT) -> None:
    assert one.config == other.config
    for name, weight in one.state_dict().items():
        assert torch.equal(weight, other.state_dict()[name]), name


@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_the_network_is_that_of_the_file(tmp_path: Path, changes: dict[str, Any]) -> None:
    path = tmp_path / "model.gguf"
    model = small_gguf(path, **changes)
    loaded = load_base(path)
    assert_equal(loaded.model, model)
    assert torch.equal(loaded.model(IDS), model(IDS))
    assert (loaded.end, loaded.source) == (0, path)
    assert encode_plain(loaded.tokenizer, VERSE) == encode_plain(tiny_tokenizer(), VERSE)


@torch.no_grad()
@pytest.mark.parametrize("changes", SHAPES.values(), ids=SHAPES)
def test_llama_cpp_writes_the_same(tmp_path: Path, changes: dict[str, Any]) -> None:
    """With rows or biases in another order it would write other text from the first tokens on."""
    path = tmp_path / "model.gguf"
    small_gguf(path, **changes)
    loaded = read_gguf(path)
    ids = encode_plain(loaded.tokenizer, VERSE[:40])
    for _ in range(12):
        ids.append(int(loaded.model(torch.tensor([ids]))[0, -1].argmax()))
    ours = loaded.tokenizer.decode(ids)
    assert ours.startswith(VERSE[:40] + LlamaCpp(path).write(VERSE[:40], 8).rstrip("\ufffd"))


@pytest.mark.parametrize("kind", ["F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1"])
def test_every_number_format(tmp_path: Path, kind: str) -> None:
    model = small_gguf(tmp_path / "model.gguf", kind=kind)
    raw = gguf.GGMLQuantizationType[kind]
    found = read_gguf(tmp_path / "model.gguf").model.state_dict()
    for name, weight in model.state_dict().items():
        if weight.ndim == 2 and not name.endswith(("q_proj.weight", "k_proj.weight")):
            want = gguf.quants.dequantize(gguf.quants.quantize(weight.numpy(), raw), raw)
            assert np.array_equal(found[name].numpy(), want), name


@pytest.mark.parametrize("kind", ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_XS"])
def test_k_quants(tmp_path: Path, kind: str) -> None:
    """`gguf` writes none of them: any bytes will do, with scales that are numbers."""
    raw = gguf.GGMLQuantizationType[kind]
    block, size = gguf.GGML_QUANT_SIZES[raw]
    stored = np.random.default_rng(1).integers(0, 60, (6, 2 * size), np.uint8)
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    writer.add_tensor("token_embd.weight", stored, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with open_gguf(tmp_path / "model.gguf") as file:
        assert file.tensors["token_embd.weight"].shape == (6, 2 * block)
        assert np.array_equal(file.read("token_embd.weight"), gguf.quants.dequantize(stored, raw), equal_nan=True)


def test_llama_3_scaling_is_known_by_its_factors(tmp_path: Path) -> None:
    scaling = RopeScaling("llama3", 32.0, 1.0, 4.0, 8192)
    shape = {"head_dim": 64, "rope_theta": 500_000.0}
    plain = small_gguf(tmp_path / "plain.gguf", **shape)
    factors = 1 / rotary_factors(plain.config, scaling).numpy()
    small_gguf(tmp_path / "model.gguf", tensors={"rope_freqs.weight": factors.astype(np.float32)}, **shape)
    loaded = read_gguf(tmp_path / "model.gguf")
    assert loaded.config.rope_scaling == scaling
    other = np.linspace(1, 7, 32, dtype=np.float32)
    small_gguf(tmp_path / "other.gguf", tensors={"rope_freqs.weight": other}, **shape)
    with pytest.raises(InputError, match=r"slowed by factors of its own \(rope_freqs"):
        read_gguf(tmp_path / "other.gguf")


def test_a_sliding_window_limits_the_context(tmp_path: Path) -> None:
    small_gguf(tmp_path / "model.gguf", values={"llama.attention.sliding_window": 64})
    assert read_gguf(tmp_path / "model.gguf").config.max_position_embeddings == 64


def test_linear_scaling(tmp_path: Path) -> None:
    values = {"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.0}
    small_gguf(tmp_path / "model.gguf", values=values)
    assert read_gguf(tmp_path / "model.gguf").config.rope_scaling == RopeScaling("linear", 2.0)


FITS = "give a GGUF file of a plain llama, qwen2 or qwen3"


@pytest.mark.parametrize(
    ("values", "tensors", "message"),
    [
        ({"general.architecture": "gemma4"}, {}, f"architecture 'gemma4', which is not read: {FITS}"),
        ({"general.architecture": "clip"}, {}, f"the vision part of a model, without its language: {FITS}"),
        ({"general.type": "adapter"}, {}, "is an adapter, not a model: merge it"),
        ({"llama.expert_count": 8}, {}, f"a mixture of 8 experts; {FITS}"),
        ({"llama.attention.head_count_kv": [2, 1]}, {}, "layers that differ from one another"),
        ({"llama.attention.value_length": 32}, {}, "keys and values of different sizes"),
        ({"llama.rope.dimension_count": 8}, {}, "rotary positions on a part of each head"),
        ({"llama.rope.scaling.type": "yarn"}, {}, "scaled by 'yarn'"),
        ({"tokenizer.ggml.pre": "deepseek-llm"}, {}, "splits text as 'deepseek-llm' does"),
        ({"split.count": 3}, {}, "one of 3 parts of a model: put them together"),
        ({"llama.block_count": 3}, {}, "weights have 2 layers, its metadata says 3"),
        ({"llama.block_count": 2**31}, {}, "num_hidden_layers is 2147483648"),
        ({"llama.embedding_length": None}, {}, "hidden_size is None"),
        ({"llama.attention.head_count": "four"}, {}, "num_attention_heads is 'four'"),
        ({}, {"blk.0.attn_q.bias": np.zeros(64, np.float32)}, "it holds 'model.layers.0.self_attn.q_proj.bias'"),
        ({}, {"blk.0.ffn_gate_inp.weight": np.zeros((8, 64), np.float32)}, "it holds 'blk.0.ffn_gate_inp.weight'"),
        ({}, {"blk.1.attn_k.weight": None}, "k_proj.weight is missing"),
        ({}, {"blk.1.attn_k.weight": np.zeros((8, 64), np.float32)}, r"has the shape \(8, 64\)"),
        ({}, {"token_embd.weight": None}, "vocab_size is None"),
        ({}, {"token_embd.weight": np.zeros((300, 64), np.float32)}, "a tokenizer of 320 tokens and a network of 300"),
        ({}, {"output_norm.weight": np.full(64, np.nan, np.float32)}, "damaged .*not numbers"),
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(
    tmp_path: Path, values: dict[str, Any], tensors: dict[str, Any], message: str
) -> None:
    small_gguf(tmp_path / "model.gguf", values=values, tensors=tensors)
    with pytest.raises(InputError, match=message):
        load_base(tmp_path / "model.gguf")


def test_a_number_format_that_is_not_read(tmp_path: Path) -> None:
    raw = gguf.GGMLQuantizationType.IQ1_S
    writer = gguf.GGUFWriter(tmp_path / "model.gguf", "llama")
    stored = np.zeros((2, gguf.GGML_QUANT_SIZES[raw][1]), np.uint8)
    writer.add_tensor("token_embd.weight", stored, raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    with pytest.raises(InputError, match=r"stores weights as IQ1_S \('token_embd.weight'\).*Q4_1.*Q4_K"):
        load_base(tmp_path / "model.gguf")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a GGUF file"),
        (b"<!DOCTYPE html>", "is not a GGUF file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "run git lfs pull"),
        (b"GGUF", "is cut off or damaged"),
        (b"GGUF\x01\0\0\0" + bytes(16), "it has version 1, and versions 2 and 3 are read"),
        (b"GGUF\0\0\0\x03" + bytes(16), "a machine with another order of bytes"),
        (b"GGUF\x03\0\0\0" + b"\xff" * 16, "announces 18,446,744,073,709,551,615 values"),
    ],
    ids=str,
)
def test_files_of_another_kind(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_base(path)
    with pytest.raises(InputError, match="does not exist"):
        load_base(tmp_path / "none.gguf")


def test_a_file_without_an_ending_is_known_by_its_first_bytes(tmp_path: Path) -> None:
    """Ollama calls its files by their hash."""
    path = tmp_path / "sha256-0123"
    model = small_gguf(path)
    assert is_gguf(path)
    assert_equal(load_base(path).model, model)
    assert not is_gguf(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "model.gguf"
    small_gguf(path, kind="Q8_0")
    return path.read_bytes()


def refused_or_read(path: Path) -> None:
    try:
        loaded = load_base(path)
    except InputError as error:
        assert str(error).endswith((".", "…"))
        assert "\n" not in str(error)
        return
    assert loaded.config.vocab_size == loaded.model.lm_head.weight.size(0)


@settings(deadline=None, max_examples=30)
@given(cut=st.floats(0, 1, exclude_max=True))
def test_no_part_of_a_file_is_taken_for_the_whole(
    whole: bytes, tmp_path_factory: pytest.TempPathFactory, cut: float
) -> None:
    path = tmp_path_factory.mktemp("cut") / "model.gguf"
    # The last bytes only fill up the alignment.
    path.write_bytes(whole[: int(cut * (len(whole) - 64))])
    with pytest.raises(InputError):
        load_base(path)


ANYTHING = (0, 1, 3, 2**31, 1.5, 0.0, True, "", "llama", "x" * 300, ["a"], ["1", "2"], [1, 2], [0.5] * 320, [7] * 320)
KEYS = ("general.architecture", "general.type", "general.name", "general.license", "general.alignment", "split.count")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_value_may_be_anything(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("value") / "model.gguf"
    model = random_model(qk_norm=False)
    said = {**network_values(model), **tokenizer_values("llama-bpe"), "llama.rope.scaling.type": "linear"}
    keys = (*said, *KEYS, "llama.expert_count", "llama.rope.scaling.factor", "llama.attention.sliding_window")
    keys += tuple(f"tokenizer.ggml.{name}" for name in ("add_bos_token", "add_space_prefix", "scores"))
    for key in data.draw(st.lists(st.sampled_from(keys), min_size=1, max_size=3, unique=True)):
        said[key] = data.draw(st.sampled_from(ANYTHING))
    try:
        write_values(path, said, {}, model)
    except ValueError:
        # The library that writes does not write such an alignment.
        return
    refused_or_read(path)


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32))
def test_a_changed_file_is_read_or_refused(whole: bytes, tmp_path_factory: pytest.TempPathFactory, seed: int) -> None:
    """Counts, lengths, offsets, shapes, types: numbers in the header become other ones, large ones too."""
    draw = random.Random(seed)
    changed = bytearray(whole)
    header = whole.index(b"output_norm.weight") + 64
    for _ in range(draw.choice((1, 1, 2, 8))):
        place = draw.randrange(4, header)
        size = draw.choice((1, 1, 2, 4, 8))
        changed[place : place + size] = draw.choice((0, 1, 2**7, 2**31 - 1, 2**63, 2**64 - 1)).to_bytes(8, "little")[
            :size
        ]
    path = tmp_path_factory.mktemp("changed") / "model.gguf"
    path.write_bytes(changed)
    tracemalloc.start()
    try:
        refused_or_read(path)
        assert tracemalloc.get_traced_memory()[1] < 100 * len(whole)
    finally:
        tracemalloc.stop()
