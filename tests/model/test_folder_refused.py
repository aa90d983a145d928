"""Model folders that cannot be read: each is its own clear error, and nothing is unpickled."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import change_config, hugging_face_folder

from penname.core.errors import InputError
from penname.model.folder import load_model


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama that `transformers` wrote; tests that damage it copy it."""
    folder = tmp_path_factory.mktemp("llama")
    hugging_face_folder(folder, "llama")
    return folder


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama, tmp_path / "copy"))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_type": "gpt2"}, "a gpt2 model.*Llama- and Qwen3-style.*llama or qwen3"),
        ({"model_type": "mistral"}, "a mistral model"),
        ({"model_type": 7}, "without a model_type"),
        (
            {"architectures": ["LlamaForSequenceClassification"]},
            "LlamaForSequenceClassification.*LlamaForCausalLM",
        ),
        ({"attention_bias": True}, "biases in its attention"),
        ({"mlp_bias": True}, "biases in its MLP"),
        ({"hidden_act": "gelu"}, "activation 'gelu'"),
        ({"quantization_config": {"quant_method": "gptq"}}, "quantised weights"),
        (
            {"rope_scaling": {"rope_type": "yarn", "factor": 2.0}},
            "scaled by 'yarn'.*default, linear and llama3",
        ),
        ({"rope_scaling": {"rope_type": "linear", "factor": "2"}}, "factor is '2'"),
        ({"rope_scaling": {"rope_type": "linear"}}, "factor is None"),
        (
            {
                "rope_scaling": {
                    "rope_type": "llama3",
                    "factor": 2.0,
                    "low_freq_factor": 4.0,
                    "high_freq_factor": 4.0,
                }
            },
            "not below",
        ),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, "from layer to layer"),
        ({"rope_parameters": {"partial_rotary_factor": 0.5}}, "a part of each head"),
        ({"rope_parameters": [1]}, "from layer to layer"),
        ({"hidden_size": "64"}, "hidden_size is '64'"),
        ({"vocab_size": None}, "vocab_size is None"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"num_hidden_layers": 2_000_000_000}, "2 layers, its config.json says 2000000000"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"num_key_value_heads": 3}, "4 attention heads cannot share 3"),
        ({"head_dim": 15}, "15 cannot be rotated"),
        ({"rms_norm_eps": -1}, "rms_norm_eps is -1"),
        ({"hidden_size": 128}, "shape .* asks for"),
        ({"intermediate_size": 97}, "shape .* asks for"),
        ({"vocab_size": 100}, "tokenizer of 320 tokens and a network of 100"),
        ({"model_type": "qwen3", "architectures": None}, "q_norm.weight is missing"),
    ],
    ids=str,
)
def test_configs_that_are_refused(copy: Path, changes: dict[str, Any], message: str) -> None:
    change_config(copy, **changes)
    with pytest.raises(InputError, match=f"(?s){message}"):
        load_model(copy)


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 1}, True),
        ({"use_sliding_window": True, "sliding_window": 64, "layer_types": ["sliding_attention"] * 2}, True),
        ({"use_sliding_window": True, "sliding_window": 64, "max_window_layers": 28}, False),
        ({"use_sliding_window": False, "sliding_window": 64, "max_window_layers": 0}, False),
    ],
    ids=str,
)
def test_sliding_windows(tmp_path: Path, changes: dict[str, Any], refused: bool) -> None:
    hugging_face_folder(tmp_path, "qwen3")
    change_config(tmp_path, layer_types=None)
    change_config(tmp_path, **changes)
    if refused:
        with pytest.raises(InputError, match="sliding window of 64"):
            load_model(tmp_path)
    else:
        load_model(tmp_path)


def test_a_network_with_biases(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path, "llama", attention_bias=True)
    with pytest.raises(InputError, match="biases in its attention"):
        load_model(tmp_path)
    change_config(tmp_path, attention_bias=False)
    with pytest.raises(InputError, match="with biases"):
        load_model(tmp_path)


def test_pickles_are_not_opened(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "pytorch_model.bin").write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    with pytest.raises(InputError, match=r"pytorch_model.bin, a pickle, which can run any code"):
        load_model(copy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("config.json", "holds no config.json, so it is not a model folder"),
        ("tokenizer.json", "holds no tokenizer.json"),
        ("model.safetensors", "holds no model.safetensors"),
    ],
)
def test_a_file_is_missing(copy: Path, name: str, message: str) -> None:
    (copy / name).unlink()
    with pytest.raises(InputError, match=message):
        load_model(copy)


@pytest.mark.parametrize("keep", [0, 4, 100, 0.5, -1])
def test_weights_that_are_cut_off(copy: Path, keep: float) -> None:
    path = copy / "model.safetensors"
    data = path.read_bytes()
    path.write_bytes(data[: int(keep * len(data)) if isinstance(keep, float) else keep])
    with pytest.raises(InputError, match="cut off or not a safetensors file"):
        load_model(copy)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.json", "{", "not readable as a model's configuration"),
        ("config.json", "[]", "a JSON object is expected"),
        ("config.json", "\x00", "not readable as a model's configuration"),
        ("tokenizer.json", "{}", "not a tokenizer that can be read"),
        ("generation_config.json", "3", "a JSON object is expected"),
        ("tokenizer_config.json", "{", "not readable as a model's tokenizer_config"),
    ],
)
def test_json_that_is_broken(copy: Path, name: str, text: str, message: str) -> None:
    (copy / name).write_text(text)
    with pytest.raises(InputError, match=message):
        load_model(copy)


def test_paths_that_are_no_folder(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"does not exist.*nothing is downloaded"):
        load_model(tmp_path / "Qwen" / "Qwen3-0.6B")
    with pytest.raises(InputError, match="is a file: give the folder"):
        load_model(copy / "model.safetensors")
    copy.rename(tmp_path / "model")
    with pytest.raises(InputError, match=r"holds no config.json.*give .*model\."):
        load_model(tmp_path)


def edit_weights(folder: Path, change: Any) -> None:
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def test_weights_that_do_not_fit(copy: Path) -> None:
    edit_weights(copy, lambda weights: weights.pop("model.norm.weight"))
    with pytest.raises(InputError, match=r"model.norm.weight is missing"):
        load_model(copy)


def test_weights_that_are_too_many(copy: Path) -> None:
    edit_weights(copy, lambda weights: weights.update({"model.extra.weight": torch.ones(1)}))
    with pytest.raises(InputError, match=r"model.extra.weight, which a plain Llama"):
        load_model(copy)


def test_old_rotary_tables_do_no_harm(copy: Path) -> None:
    name = "model.layers.0.self_attn.rotary_emb.inv_freq"
    edit_weights(copy, lambda weights: weights.update({name: torch.ones(8)}))
    load_model(copy)


def test_integers_are_no_weights(copy: Path) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    edit_weights(copy, lambda weights: weights.update({name: weights[name].to(torch.int8)}))
    with pytest.raises(InputError, match=r"quantised weights .*I8"):
        load_model(copy)


@pytest.mark.parametrize(
    ("places", "message"),
    [
        ({"lm_head.weight": "../secret.safetensors"}, "points outside its folder"),
        ({"lm_head.weight": "/etc/passwd"}, "points outside its folder"),
        ({"lm_head.weight": "model-2.safetensors"}, "lacks 1 of the 1 files"),
        ({"lm_head.weight": 3}, "names no files"),
        ({}, "names no files"),
    ],
    ids=str,
)
def test_an_index_that_is_wrong(copy: Path, places: dict[str, Any], message: str) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(InputError, match=message):
        load_model(copy)
