"""`config.json` of a Hugging Face model folder, read and written.

In: what the file holds. Out: a `GPTConfig`, or an `InputError` that says why this network cannot be read.

    config = read_config(json.loads(text), path)
    fields = config_fields(config, end=0, dtype="float32")

The fields and their defaults are those of `transformers`' `LlamaConfig`, `Qwen2Config` and `Qwen3Config`, versions 4.57
to 5.
"""

import reprlib
from pathlib import Path
from typing import Any

from penname.core.errors import InputError
from penname.core.files import read_json
from penname.model.gpt import GPTConfig, RopeScaling

ARCHITECTURES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM"}
"""The `model_type`s that are readable, and the class that each names in `architectures`."""
REMEDY = "fetch the model again"
_RANGES = {
    "rope_theta": (1.0, 1e15),
    "factor": (1.0, 1e6),
    "rms_norm_eps": (1e-15, 0.1),
    "low_freq_factor": (1e-6, 1e6),
    "high_freq_factor": (1e-6, 1e6),
}
"""Outside of them float32 has no more than zeros and infinities for what follows; models lie far inside."""
_LARGEST = 32_000_000
"""Bytes of a JSON file; the largest that models have, lists of added tokens, stay below a third of it."""
_short = reprlib.Repr()
_short.maxstring = _short.maxother = _short.maxlong = 50
_short.maxlevel = 2


def config_fields(
    config: GPTConfig, *, end: int, dtype: str, start: int | None = None, stop: int | None = None
) -> dict[str, Any]:
    """The fields of `config.json`; old and new names stand side by side, so that each version finds its own."""
    kind = kind_of(config)
    start, stops = special_ids(config, end, start, stop)
    scaling = _scaling_fields(config.rope_scaling)
    return {
        "architectures": [ARCHITECTURES[kind]],
        "model_type": kind,
        "vocab_size": config.vocab_size,
        "hidden_size": config.hidden_size,
        "intermediate_size": config.intermediate_size,
        "num_hidden_layers": config.num_hidden_layers,
        "num_attention_heads": config.num_attention_heads,
        "num_key_value_heads": config.num_key_value_heads,
        "head_dim": config.head_dim,
        "hidden_act": "silu",
        "max_position_embeddings": config.max_position_embeddings,
        "rms_norm_eps": config.rms_norm_eps,
        "rope_theta": config.rope_theta,
        "rope_scaling": scaling,
        "rope_parameters": {"rope_type": "default", "rope_theta": config.rope_theta, **(scaling or {})},
        "tie_word_embeddings": config.tie_word_embeddings,
        **({} if kind == "qwen2" else {"attention_bias": False}),
        "attention_dropout": 0.0,
        **({"mlp_bias": False} if kind == "llama" else {"use_sliding_window": False, "sliding_window": None}),
        "initializer_range": 0.02,
        "use_cache": True,
        "bos_token_id": start,
        "eos_token_id": stops,
        "dtype": dtype,
        "torch_dtype": dtype,
    }


def special_ids(config: GPTConfig, end: int, start: int | None, stop: int | None) -> tuple[int, int | list[int]]:
    """The token that starts a text, and those that end it, documents' first; `start` and `stop` are a base's own."""
    if config.document_start is not None:
        start = config.document_start[1]
    return end if start is None else start, end if stop is None or stop == end else [end, stop]


def kind_of(config: GPTConfig) -> str:
    """The `model_type` of a network of this shape; llama.cpp has the same names."""
    return "qwen3" if config.qk_norm else "qwen2" if config.qkv_bias else "llama"


def read_config(raw: Any, path: Path, remedy: str = REMEDY) -> GPTConfig:
    """The shape that `raw`, the contents of `path`, describes.

    `tie_word_embeddings` is what the file says; raises `InputError` for a network that `GPT` is not, and with `remedy`
    for numbers that no network can have.
    """
    if not isinstance(raw, dict):
        raise InputError(f"{path} is not a model's config.json: a JSON object is expected.")
    try:
        return _checked(raw, path)
    except _Impossible as error:
        raise InputError(f"{path} cannot be right ({error}): {remedy}.") from error


class _Impossible(ValueError):
    """A field that no network can have."""


def _checked(raw: dict[str, Any], path: Path) -> GPTConfig:
    raw = {key: value for key, value in raw.items() if value is not None}
    kind = _check_kind(raw, path)
    qwen = kind != "llama"
    _check_plain(raw, path)
    heads = _whole(raw, "num_attention_heads")
    width = _whole(raw, "hidden_size")
    # Qwen3's class has a head size of its own where the file gives none; the others divide.
    head_dim = _whole(raw, "head_dim", default=128 if kind == "qwen3" else max(1, width // heads))
    groups = _whole(raw, "num_key_value_heads", default=heads)
    if heads % groups:
        raise _Impossible(f"{heads} attention heads cannot share {groups} key/value heads")
    if head_dim % 2:
        raise _Impossible(f"a head of {head_dim} cannot be rotated in pairs")
    rope = _rope(raw, path)
    return GPTConfig(
        vocab_size=_whole(raw, "vocab_size"),
        hidden_size=width,
        intermediate_size=_whole(raw, "intermediate_size"),
        num_hidden_layers=_whole(raw, "num_hidden_layers"),
        num_attention_heads=heads,
        num_key_value_heads=groups,
        head_dim=head_dim,
        max_position_embeddings=_whole(raw, "max_position_embeddings", default=32_768 if qwen else 2_048),
        rope_theta=_number({"rope_theta": 10_000.0, **raw, **rope}, "rope_theta"),
        rms_norm_eps=_number({"rms_norm_eps": 1e-6, **raw}, "rms_norm_eps"),
        tie_word_embeddings=bool(raw.get("tie_word_embeddings", False)),
        qk_norm=kind == "qwen3",
        qkv_bias=kind == "qwen2",
        rope_scaling=_read_scaling(rope, raw, path),
    )


def _check_kind(raw: dict[str, Any], path: Path) -> str:
    kind, named = raw.get("model_type"), raw.get("architectures")
    if not isinstance(kind, str) or kind not in ARCHITECTURES:
        what = f"a {shown(kind)[1:-1]} model" if isinstance(kind, str) else "a model without a model_type"
        raise InputError(
            f"{path} describes {what}: only Llama- and Qwen-style language models can be read "
            "(model_type llama, qwen2 or qwen3)."
        )
    named = named if isinstance(named, list) else []
    if named and ARCHITECTURES[kind] not in named:
        raise InputError(
            f"{path} describes {', '.join(map(shown, named[:3]))}: only a language model can be read "
            f"({' or '.join(ARCHITECTURES.values())})."
        )
    return kind


def _check_plain(raw: dict[str, Any], path: Path) -> None:
    """Refuse what changes the arithmetic and `GPT` does not have."""
    for key, what in (("attention_bias", "biases in its attention"), ("mlp_bias", "biases in its MLP")):
        if raw.get(key):
            raise _cannot(path, f"{what} ({key})")
    if raw.get("quantization_config"):
        raise _cannot(path, "quantised weights (quantization_config): give the folder of the unquantised model")
    if raw.get("hidden_act", "silu") not in ("silu", "swish"):
        raise _cannot(path, f"the activation {shown(raw['hidden_act'])} where SiLU is expected (hidden_act)")
    if _slides(raw, path):
        raise _cannot(path, f"attention in a sliding window of {shown(raw['sliding_window'])} tokens (sliding_window)")


def _slides(raw: dict[str, Any], path: Path) -> bool:
    """Whether any layer attends in a sliding window, as Qwen's configurations decide it."""
    if raw["model_type"] == "llama" or not raw.get("use_sliding_window") or raw.get("sliding_window") is None:
        return False
    layers, first = raw.get("layer_types"), raw.get("max_window_layers", 28)
    if isinstance(layers, list):
        return "sliding_attention" in layers
    return not isinstance(first, int) or first < _whole(raw, "num_hidden_layers")


def _rope(raw: dict[str, Any], path: Path) -> dict[str, Any]:
    """What the file says of rotary positions: `rope_scaling` of old files comes before `rope_parameters`."""
    found = raw.get("rope_scaling") or raw.get("rope_parameters") or {}
    if not isinstance(found, dict) or any(isinstance(value, dict) for value in found.values()):
        raise _cannot(path, "rotary positions that differ from layer to layer (rope_parameters)")
    if raw.get("partial_rotary_factor", found.get("partial_rotary_factor")) not in (None, 1, 1.0):
        raise _cannot(path, "rotary positions on a part of each head (partial_rotary_factor)")
    return {key: value for key, value in found.items() if value is not None}


def _read_scaling(rope: dict[str, Any], raw: dict[str, Any], path: Path) -> RopeScaling | None:
    kind = rope.get("rope_type", rope.get("type", "default"))
    if kind == "default":
        return None
    if kind == "linear":
        return RopeScaling("linear", _number(rope, "factor"))
    if kind == "llama3":
        low, high = _number(rope, "low_freq_factor"), _number(rope, "high_freq_factor")
        if low >= high:
            raise _Impossible(f"low_freq_factor {low} is not below high_freq_factor {high}")
        key = "original_max_position_embeddings"
        trained = _whole({key: raw.get("max_position_embeddings"), **rope}, key)
        return RopeScaling("llama3", _number(rope, "factor"), low, high, trained)
    raise _cannot(path, f"rotary positions scaled by {shown(kind)} (default, linear and llama3 are readable)")


def _scaling_fields(scaling: RopeScaling | None) -> dict[str, Any] | None:
    if scaling is None:
        return None
    if scaling.rope_type == "linear":
        return {"rope_type": "linear", "factor": scaling.factor}
    return dict(vars(scaling))


def read_json_file(path: Path, what: str) -> Any:
    """Read JSON from a model folder; an `InputError` for what is broken or too large to be `what`."""
    if path.is_file() and path.stat().st_size > _LARGEST:
        raise InputError(
            f"{path} has {path.stat().st_size / 1e6:,.0f} MB, more than {what} can have: fetch the model again."
        )
    return read_json(path, what)


def _whole(raw: dict[str, Any], key: str, default: int | None = None) -> int:
    value = raw.get(key)
    if value is None and default is not None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        raise _Impossible(f"{key} is {shown(value)} where a whole number above 0 is expected")
    return value


def _number(raw: dict[str, Any], key: str) -> float:
    value, (low, high) = raw.get(key), _RANGES[key]
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not low <= value <= high:
        raise _Impossible(f"{key} is {shown(value)} where a number from {low:g} to {high:g} is expected")
    return float(value)


def shown(value: Any) -> str:
    """A value from a stranger's file in a message: short, and without signs that move the cursor."""
    return _short.repr(value)


def _cannot(path: Path, what: str) -> InputError:
    return InputError(f"{path} describes a network that cannot be read here: it has {what}. Use another base.")
