"""Model folders that cannot be read: each is its own clear error, and nothing is unpickled."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import change_config, hugging_face_folder

from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.model import hf_config, hf_weights
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
        ({"model_type": "gpt2"}, "a gpt2 model.*Llama- and Qwen-style.*llama, qwen2 or qwen3"),
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
    with pytest.raises(InputError, match=r"'model.extra.weight', which a plain Llama"):
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
        ({"lm_head.weight": ".."}, "points outside its folder"),
        ({"lm_head.weight": "config.json"}, "is no safetensors file"),
        ({"lm_head.weight": "x" * 5_000 + ".safetensors"}, "is no safetensors file"),
        ({"lm_head.weight": "\0.safetensors"}, "is no safetensors file"),
        ({"lm_head.weight": 3}, "names no files"),
        ([], "names no files"),
        ({}, "names no files"),
    ],
    ids=str,
)
def test_an_index_that_is_wrong(copy: Path, places: Any, message: str) -> None:
    (copy / "model.safetensors").unlink()
    (copy / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(InputError, match=message):
        load_model(copy)


@pytest.mark.parametrize(
    "prefix", ["_orig_mod.", "module.", "base_model.model.", "model.", "module._orig_mod.", "_fsdp_wrapped_module."]
)
def test_prefixes_of_wrappers_are_taken_off(copy: Path, prefix: str) -> None:
    want = load_model(copy).model.state_dict()
    edit_weights(copy, lambda weights: [weights.update({prefix + name: weights.pop(name)}) for name in list(weights)])
    found = load_model(copy).model.state_dict()
    assert found.keys() == want.keys()
    assert all(torch.equal(found[name], want[name]) for name in want)


def test_a_wrapper_around_each_layer_is_taken_off(copy: Path) -> None:
    def wrap(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[name.replace(".mlp.", "._orig_mod.mlp.")] = weights.pop(name)

    edit_weights(copy, wrap)
    load_model(copy)


def test_the_first_foreign_name_is_named(copy: Path) -> None:
    def rename(weights: dict[str, torch.Tensor]) -> None:
        for name in list(weights):
            weights[f"student.{name}"] = weights.pop(name)

    edit_weights(copy, rename)
    with pytest.raises(InputError, match=r"it holds 'student\..*, which a plain Llama or Qwen has not"):
        load_model(copy)


def test_one_foreign_name_among_its_own(copy: Path) -> None:
    edit_weights(copy, lambda weights: weights.update({"model.final.weight": weights.pop("model.norm.weight")}))
    with pytest.raises(InputError, match=r"model.norm.weight is missing from its weights, and it holds 'model.final"):
        load_model(copy)


def test_a_weight_under_two_names(copy: Path) -> None:
    edit_weights(copy, lambda weights: weights.update({"module.model.norm.weight": torch.ones(64)}))
    with pytest.raises(InputError, match=r"holds 'model.norm.weight' twice"):
        load_model(copy)


def test_an_adapter_beside_the_weights(copy: Path) -> None:
    name = "base_model.model.model.layers.0.mlp.up_proj.lora_A.weight"
    edit_weights(copy, lambda weights: weights.update({name: torch.ones(4, 64)}))
    with pytest.raises(InputError, match=r"an adapter beside its weights.*merge_and_unload"):
        load_model(copy)


@pytest.mark.parametrize("config", [True, False])
def test_an_adapter_alone(copy: Path, config: bool) -> None:
    (copy / "model.safetensors").rename(copy / "adapter_model.safetensors")
    (copy / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen3-0.6B\x1b[2J"}))
    if not config:
        (copy / "config.json").unlink()
    with pytest.raises(InputError, match=r"holds only an adapter for 'Qwen/Qwen3-0.6B\\x1b.*merge_and_unload.*save_p"):
        load_model(copy)


def test_an_adapter_config_beside_whole_weights_does_no_harm(copy: Path) -> None:
    (copy / "adapter_config.json").write_text("{}")
    load_model(copy)


def test_a_pointer_instead_of_weights(copy: Path) -> None:
    (copy / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    with pytest.raises(InputError, match="pointer of Git LFS, not the weights: run git lfs pull"):
        load_model(copy)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(copy: Path, value: float) -> None:
    edit_weights(copy, lambda weights: weights["model.norm.weight"].fill_(value))
    with pytest.raises(InputError, match=r"damaged \(model.norm.weight holds values that are not numbers"):
        load_model(copy)


def test_byte_order_marks_are_passed_over(copy: Path) -> None:
    for name in ("config.json", "tokenizer.json", "generation_config.json"):
        text = (copy / name).read_text(encoding="utf-8")
        (copy / name).write_text(text, encoding="utf-8-sig")
    load_model(copy)


def test_files_that_are_too_large_to_be_what_they_are_called(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_config, "_LARGEST", 100)
    with pytest.raises(InputError, match="more than a model's configuration can have"):
        load_model(copy)


def test_more_weights_than_memory(copy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hf_weights, "free_memory", lambda: 1000)
    with pytest.raises(PennameError, match=r"needs 0.0 GB of memory for its weights and 0.0 GB are free: close"):
        load_model(copy)


# -- generation_config.json -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "usable", "message"),
    [
        ({"temperature": "hot"}, {}, "temperature is 'hot', so the default of 1 is used"),
        ({"temperature": float("nan"), "top_k": 20}, {"top_k": 20}, "temperature is nan"),
        ({"top_k": 2.5}, {}, "top_k is 2.5, so the default of 0"),
        ({"top_p": 10**400}, {}, "top_p is 1000.*, so the default of 1"),
        ({"min_p": True}, {}, "min_p is True, so the default of 0.05"),
        ({"repetition_penalty": -1}, {}, "repetition_penalty is -1, so the default of 1.1"),
        ({"do_sample": "no"}, {}, "do_sample is 'no', so text is sampled"),
        ({"max_new_tokens": -4}, {}, "max_new_tokens is -4"),
        ({"eos_token_id": [3, "x"]}, {}, r"eos_token_id is \[3, 'x'\], so the tokenizer's own"),
        ({"sequence_bias": "x"}, {}, "sequence_bias is 'x', so words are not balanced"),
        (
            {"sequence_bias": [[[3], 0.5], [[900], 0.5], [[3, 4], 1.0], [[4], float("inf")]]},
            {"sequence_bias": [[[3], 0.5]]},
            "3 of the 4 entries of sequence_bias are not one token",
        ),
    ],
    ids=str,
)
def test_nonsense_in_the_generation_config_is_said_once(
    copy: Path, fields: dict[str, Any], usable: dict[str, Any], message: str
) -> None:
    (copy / "generation_config.json").write_text(json.dumps(fields))
    said: list[events.Event] = []
    with events.listening(said.append):
        assert load_model(copy).generation == usable
        load_model(copy)
    notes = [event.text for event in said if event.kind == "note"]
    assert len(notes) == 1
    assert re.search(message, notes[0])


def test_good_generation_configs_need_no_words(copy: Path) -> None:
    fields = {"temperature": 0.7, "top_k": 20.0, "eos_token_id": [1, 0], "do_sample": True, "max_new_tokens": 512}
    (copy / "generation_config.json").write_text(json.dumps({**fields, "transformers_version": "5.0"}))
    said: list[events.Event] = []
    with events.listening(said.append):
        assert load_model(copy).generation == {**fields, "transformers_version": "5.0"}
    assert not said
