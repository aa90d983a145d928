"""The weights of a Hugging Face model folder: safetensors files to a network, checked before anything is allocated.

In: a folder and the shape that its config.json gives. Out: a `GPT` with float32 weights.

    model = read_weights(folder, config)

Nothing is unpickled: a folder that holds only `pytorch_model.bin` is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from penname.core.errors import InputError, PennameError
from penname.core.machine import free_memory
from penname.model.gpt import GPT, GPTConfig, rotary_tables
from penname.model.hf_config import read_json_file, shown

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_ROOM = 4096
"""Positions tabulated at the start; the network tabulates more when a text is longer."""
_FLOATS = {"F64", "F32", "F16", "BF16"}
_HEAD, _TABLE = "lm_head.weight", "model.embed_tokens.weight"
_WRAPPERS = {"_orig_mod", "module", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}
_KNOWN = re.compile(
    r"(lm_head|model\.embed_tokens|model\.norm|model\.layers\.\d+\.(input_layernorm|post_attention_layernorm"
    r"|self_attn\.[qkvo]_proj|self_attn\.[qk]_norm|mlp\.(gate|up|down)_proj))\.weight"
    r"|model\.layers\.\d+\.self_attn\.[qkv]_proj\.bias"
)
MERGE = (
    "merge the two with peft (merge_and_unload, then save_pretrained and the tokenizer beside it) and give that folder"
)


def read_weights(folder: Path, config: GPTConfig) -> GPT:
    """Read `model.safetensors`, or the parts that its index names.

    The output table is tied when config.json says so and the file holds none that differs, as in `transformers`.
    Raises `InputError` for files that are missing, cut off, of another shape, quantised or pickled.
    """
    files = _weight_files(folder)
    found = _headers(folder, files)
    _check_names(folder, config, found)
    check_room(config, folder)
    weights: dict[str, Tensor] = {}
    for path in files:
        weights.update(_read_file(path))
    if config.tie_word_embeddings and _HEAD in weights and not torch.equal(weights[_HEAD], weights[_TABLE]):
        config = replace(config, tie_word_embeddings=False)
    return build(config, weights)


def build(config: GPTConfig, weights: dict[str, Tensor]) -> GPT:
    """A network that holds `weights` themselves (no copy), float32; a tied output table need not be among them.

    Raises `ValueError` when a weight is missing or has another shape.
    """
    tied = config.tie_word_embeddings
    if tied:
        weights = {**weights, _HEAD: weights[_TABLE]}
    wanted = weight_shapes(config)
    for name, shape in wanted.items():
        if name not in weights:
            raise ValueError(f"{name} is missing")
        if tuple(weights[name].shape) != shape:
            raise ValueError(f"{name} has the shape {tuple(weights[name].shape)} where {shape} is expected")
    with _Undrawn():
        model = GPT(replace(config, max_position_embeddings=1))
    model.config = config
    model.load_state_dict({name: weights[name].float() for name in wanted}, assign=True)
    if tied:
        model.lm_head.weight = model.model.embed_tokens.weight
    model.cos, model.sin = rotary_tables(config, min(config.max_position_embeddings, _ROOM))
    return model


def named_weights(model: nn.Module) -> dict[str, Tensor]:
    """The weights by name, on the CPU, tied ones once: what a file should hold."""
    return {name: weight.detach().cpu() for name, weight in model.named_parameters()}


def weight_shapes(config: GPTConfig) -> dict[str, tuple[int, ...]]:
    """Every weight of `GPT` with its shape, the output table included, without making any."""
    width, inner, dim = config.hidden_size, config.intermediate_size, config.head_dim
    queries, keys = config.num_attention_heads * dim, config.num_key_value_heads * dim
    layer: dict[str, tuple[int, ...]] = {
        "input_layernorm": (width,),
        "self_attn.q_proj": (queries, width),
        "self_attn.k_proj": (keys, width),
        "self_attn.v_proj": (keys, width),
        "self_attn.o_proj": (width, queries),
        **({"self_attn.q_norm": (dim,), "self_attn.k_norm": (dim,)} if config.qk_norm else {}),
        "post_attention_layernorm": (width,),
        "mlp.gate_proj": (inner, width),
        "mlp.up_proj": (inner, width),
        "mlp.down_proj": (width, inner),
    }
    biases = {"q_proj": (queries,), "k_proj": (keys,), "v_proj": (keys,)} if config.qkv_bias else {}
    layers = range(config.num_hidden_layers)
    return {
        _TABLE: (config.vocab_size, width),
        **{f"model.layers.{i}.{part}.weight": shape for i in layers for part, shape in layer.items()},
        **{f"model.layers.{i}.self_attn.{part}.bias": shape for i in layers for part, shape in biases.items()},
        "model.norm.weight": (width,),
        _HEAD: (config.vocab_size, width),
    }


class _Undrawn(TorchFunctionMode):
    """Leaves new weights undrawn, which takes no time, and no memory until they are used.

    The device `meta` would do as well, but imports half of PyTorch's compiler.
    """

    def __torch_function__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if function in (nn.init.normal_, nn.init.kaiming_uniform_, nn.init.uniform_):
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return function(*args, **kwargs)


def _weight_files(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        return _parts(folder)
    pickled = sorted(path.name for pattern in ("*.bin", "*.pt", "*.pth", "*.ckpt") for path in folder.glob(pattern))
    if pickled:
        raise InputError(
            f"{folder} holds its weights only as {pickled[0]}, a pickle, which can run any code when it is opened, "
            f"so it is not: give a folder that has {WEIGHTS}."
        )
    raise InputError(f"{folder} holds no {WEIGHTS} and no {INDEX}: give a model folder that has its weights.")


def _parts(folder: Path) -> list[Path]:
    index = read_json_file(folder / INDEX, "the index of a model's weights")
    places = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(places, dict) or not places or not all(isinstance(name, str) for name in places.values()):
        raise InputError(f"{folder / INDEX} names no files of weights: fetch the model again.")
    names = sorted(set(places.values()))
    for name in names:
        if "/" in name or "\\" in name or Path(name).name != name or name == "..":
            raise InputError(
                f"{folder / INDEX} points outside its folder ({shown(name)}): this is not a model to trust."
            )
        if not name.endswith(".safetensors") or not name.isprintable() or len(name) > 200:
            raise InputError(
                f"{folder / INDEX} names {shown(name)}, which is no safetensors file: fetch the model again."
            )
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(
            f"{folder} lacks {len(missing)} of the {len(names)} files of its weights (the first is {missing[0]}): "
            "fetch the rest of the model."
        )
    return [folder / name for name in names]


def _headers(folder: Path, files: list[Path]) -> dict[str, tuple[tuple[int, ...], str]]:
    """Shape and number format of every weight by its plain name, read from the headers alone."""

    found: dict[str, tuple[tuple[int, ...], str]] = {}
    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118
                    part = file.get_slice(name)
                    if plain_name(name) in found:
                        raise _mismatch(folder, f"it holds {shown(plain_name(name))} twice")
                    found[plain_name(name)] = (tuple(part.get_shape()), part.get_dtype())
        except (SafetensorError, OSError, ValueError, RecursionError) as error:
            raise _unreadable(path, error) from error
    return found


def plain_name(name: str) -> str:
    """A weight's name without what `torch.compile`, parallel training and adapters wrap around a network.

    `module._orig_mod.model.norm.weight` and `base_model.model.model.norm.weight` are both `model.norm.weight`.
    """
    parts = [part for part in name.split(".") if part not in _WRAPPERS]
    if parts[:2] == ["base_model", "model"]:
        parts = parts[2:]
    while parts[:2] in (["model", "model"], ["model", "lm_head"]):
        parts = parts[1:]
    return ".".join(parts)


def _check_names(folder: Path, config: GPTConfig, found: dict[str, tuple[tuple[int, ...], str]]) -> None:
    """Compare what is there with what the shape asks for; `InputError` for the first difference."""
    # Old Llama files carry a table of rotary frequencies, which follows from the config.
    shapes = {name: shape for name, (shape, _) in found.items() if not name.endswith("rotary_emb.inv_freq")}
    for name in shapes:
        if ".lora_" in name or ".base_layer." in name:
            raise InputError(f"{folder} holds an adapter beside its weights ({shown(name)}): {MERGE}.")
        if name.endswith(".bias") and not (config.qkv_bias and _KNOWN.fullmatch(name)):
            raise InputError(
                f"{folder} holds a network with biases ({shown(name)}), which cannot be read here: use another base."
            )
    if wrong := first_difference(config, shapes, "config.json"):
        raise _mismatch(folder, wrong)
    for name, (_, dtype) in found.items():
        if dtype not in _FLOATS and name in shapes:
            raise InputError(
                f"{folder} holds quantised weights ({name} is {dtype}): give the folder of the "
                "unquantised model (float32, float16 or bfloat16)."
            )


def first_difference(config: GPTConfig, shapes: Mapping[str, tuple[int, ...]], where: str) -> str | None:
    """How weights of these names and shapes differ from what `config`, read from `where`, asks for; None if not at all.

    Takes no longer than the weights there are, however many layers the configuration names.
    """
    extra = next((name for name in shapes if not _KNOWN.fullmatch(name)), None)
    foreign = f"it holds {shown(extra)}, which a plain Llama or Qwen has not" if extra is not None else None
    layers = {name.split(".")[2] for name in shapes if name.startswith("model.layers.")}
    if not layers and foreign:
        return foreign
    if len(layers) != config.num_hidden_layers:
        return f"its weights have {len(layers)} layers, its {where} says {config.num_hidden_layers}"
    wanted = weight_shapes(config)
    for name, shape in wanted.items():
        if name not in shapes:
            if name == _HEAD and config.tie_word_embeddings:
                continue
            return f"{name} is missing from its weights" + (f", and {foreign}" if foreign else "")
        if shapes[name] != shape:
            return f"{name} has the shape {shapes[name]}, its {where} asks for {shape}"
    extra = next((name for name in shapes if name not in wanted), None)
    return None if extra is None else f"it holds {shown(extra)}, which a plain Llama or Qwen has not"


def check_room(config: GPTConfig, folder: Path) -> None:
    """Raise `PennameError` where the weights, in float32, do not fit into the memory that is free."""
    need, room = 4 * config.parameters(), free_memory()
    if 0 < room < need:
        raise PennameError(
            f"{folder} needs {need / 1e9:,.1f} GB of memory for its weights and {room / 1e9:,.1f} GB are free: "
            "close other programs, or use a smaller model."
        )


def _read_file(path: Path) -> dict[str, Tensor]:

    try:
        with safe_open(path, framework="pt") as file:
            # A copy: the file may be replaced while the model is in use.
            weights = {plain_name(name): _copied(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise _unreadable(path, error) from error
    for name, weight in weights.items():
        if not weight.isfinite().all():
            raise InputError(f"{path} is damaged ({name} holds values that are not numbers): fetch the model again.")
    return weights


def _copied(value: Any) -> Tensor:
    tensor: Tensor = value.to(torch.float32, copy=True)
    return tensor


def _unreadable(path: Path, error: Exception) -> InputError:
    if _begins(path, b"version https://git-lfs"):
        return InputError(f"{path} is a pointer of Git LFS, not the weights: run git lfs pull in its folder.")
    what = "its header is nested too deeply" if isinstance(error, RecursionError) else error
    return InputError(f"{path} is cut off or not a safetensors file ({what}): fetch the model again.")


def _begins(path: Path, mark: bytes) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(mark)) == mark
    except OSError:
        return False


def _mismatch(folder: Path, what: str) -> InputError:
    return InputError(f"{folder} is not a whole Llama- or Qwen-style model: {what}.")
