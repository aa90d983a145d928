"""A base in a GGUF file: the network, its tokenizer and what it says of itself.

In: the path of a file that llama.cpp runs. Out: a `LoadedModel` with float32 weights.

    loaded = read_gguf(Path("SmolLM2-135M-Instruct.Q4_1.gguf"))

The architectures `llama`, `qwen2` and `qwen3` are read; all else is refused by its name, before any weight is.
"""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penname.core.device import Device
from penname.core.errors import InputError
from penname.corpus.tokenizer import documents_end
from penname.corpus.tokenizer_gguf import gguf_tokenizer, special_id, start_id
from penname.model.folder import LoadedModel, check_vocabulary
from penname.model.gguf import ROPE_FACTORS, TABLES, TENSORS, interleaved
from penname.model.gguf_file import GGUFFile, open_gguf
from penname.model.gpt import GPTConfig, RopeScaling, rotary_factors
from penname.model.hf_config import ARCHITECTURES, read_config, shown
from penname.model.hf_weights import build, check_room, first_difference
from penname.model.origin import gguf_origin

SUFFIX = ".gguf"
FITS = "a GGUF file of a plain llama, qwen2 or qwen3 (SmolLM2, Llama 3, TinyLlama, Mistral, Qwen2.5, Qwen3)"
"""What can be used, for messages."""
_LAYER = re.compile(r"blk\.(\d{1,6})\.(\w+)\.(weight|bias)")
_PARTS = {theirs: ours for ours, theirs in TENSORS.items()}
_TABLES = {theirs: ours for ours, theirs in TABLES.items()}
_LLAMA3 = (1.0, 4.0, 8192)
"""Where Llama 3's slowing of frequencies begins and ends, and the context it was made for: the file holds only the
factors that follow from it."""


_LARGEST_FACTOR = 1e6


def is_gguf(path: Path) -> bool:
    """Whether `path` is meant as a GGUF file: by its name, or a file that begins as one (Ollama's have no ending)."""
    if path.suffix.lower() == SUFFIX and not path.is_dir():
        return True
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"GGUF"


def read_gguf(path: Path, device: Device | None = None) -> LoadedModel:
    """Read the base in the file; `device` moves the network there.

    Raises `InputError` for whatever cannot be read, by name, with what would fit.
    """
    with open_gguf(path) as file:
        config = gguf_config(file)
        names = _names(file, config)
        check_room(config, path)
        tokenizer = gguf_tokenizer(file.metadata, path)
        check_vocabulary(tokenizer, config, path)
        stop, start = special_id(file.metadata, "eos"), start_id(file.metadata)
        ended = documents_end(tokenizer)
        end = stop if ended is None else ended
        if start is not None and start != end:
            config = replace(config, document_start=(end, start))
        origin = gguf_origin(file.metadata, special_id(file.metadata, "bos"), stop)
        weights = {ours: _weight(file, theirs, ours, config) for theirs, ours in names.items()}
    model = build(config, weights).eval()
    if device is not None:
        model.to(device.torch)
    return LoadedModel(model, tokenizer, end, config, path, origin=origin)


def gguf_config(file: GGUFFile) -> GPTConfig:
    """The shape of the network; `InputError` for one that `GPT` is not."""
    kind = _kind(file)
    said = {key.removeprefix(f"{kind}."): value for key, value in file.metadata.items() if key.startswith(f"{kind}.")}
    for name, value in said.items():
        if isinstance(value, np.ndarray | list):
            raise _cannot(file.path, f"layers that differ from one another ({kind}.{name})")
    _check_plain(file.path, said)
    heads, width = said.get("attention.head_count"), said.get("embedding_length")
    dim = said.get("attention.key_length", said.get("rope.dimension_count"))
    table = file.tensors.get("token_embd.weight")
    raw = {
        "model_type": kind,
        "vocab_size": table.shape[0] if table else None,
        "hidden_size": width,
        "intermediate_size": said.get("feed_forward_length"),
        "num_hidden_layers": said.get("block_count"),
        "num_attention_heads": heads,
        "num_key_value_heads": said.get("attention.head_count_kv", heads),
        "head_dim": dim if dim else None,
        "max_position_embeddings": said.get("context_length"),
        "rope_theta": said.get("rope.freq_base", 10_000.0),
        "rms_norm_eps": said.get("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }
    config = read_config(raw, file.path, "fetch the file again")
    if said.get("rope.dimension_count", config.head_dim) != config.head_dim:
        raise _cannot(file.path, "rotary positions on a part of each head")
    window = said.get("attention.sliding_window")
    if isinstance(window, int) and 0 < window < config.max_position_embeddings:
        # Within its window such a network is a plain one.
        config = replace(config, max_position_embeddings=window)
    return replace(config, rope_scaling=_scaling(file, said, config))


def _kind(file: GGUFFile) -> str:
    kind, what = (file.metadata.get(f"general.{name}") for name in ("architecture", "type"))
    kind, what = (value if isinstance(value, str) else None for value in (kind, what))
    if what == "adapter":
        raise InputError(f"{file.path} is an adapter, not a model: merge it into its model and give that, as {FITS}.")
    if kind == "clip" or what == "mmproj":
        raise InputError(f"{file.path} is the vision part of a model, without its language: {_give()}.")
    if kind is None or kind not in ARCHITECTURES:
        raise InputError(
            f"{file.path} holds a network of the architecture {shown(kind)}, which is not read: {_give()}."
        )
    return kind


def _check_plain(path: Path, said: dict[str, Any]) -> None:
    """Refuse what changes the arithmetic and `GPT` does not have."""
    if said.get("expert_count"):
        raise _cannot(path, f"a mixture of {said['expert_count']} experts")
    if said.get("attention.key_length", 0) != said.get("attention.value_length", said.get("attention.key_length", 0)):
        raise _cannot(path, "keys and values of different sizes")


def _scaling(file: GGUFFile, said: dict[str, Any], config: GPTConfig) -> RopeScaling | None:
    kind = said.get("rope.scaling.type", "none")
    if kind == "linear":
        factor = said.get("rope.scaling.factor")
        if not isinstance(factor, float) or not 1 <= factor <= _LARGEST_FACTOR:
            raise _cannot(file.path, f"rotary positions scaled by a factor of {shown(factor)}")
        return RopeScaling("linear", factor) if factor != 1 else None
    if kind != "none":
        raise _cannot(file.path, f"rotary positions scaled by {shown(kind)}")
    if ROPE_FACTORS not in file.tensors:
        return None
    return _llama3(file.path, file.read(ROPE_FACTORS), config)


def _llama3(path: Path, factors: npt.NDArray[np.float32], config: GPTConfig) -> RopeScaling:
    """The scaling whose factors these are: what the file divides each frequency by."""
    if factors.shape == (config.head_dim // 2,) and np.isfinite(factors).all() and factors.max() > 1:
        scaling = RopeScaling("llama3", round(float(factors.max()), 4), *_LLAMA3)
        wanted = 1 / rotary_factors(config, scaling).numpy()
        if np.allclose(factors, wanted, rtol=1e-3):
            return scaling
    raise _cannot(path, f"rotary positions slowed by factors of its own ({ROPE_FACTORS})")


def _names(file: GGUFFile, config: GPTConfig) -> dict[str, str]:
    """The tensors with our names for them, their shapes checked; `InputError` for a first difference."""
    found = {name: _our_name(name) or name for name in file.tensors if name != ROPE_FACTORS}
    shapes = {ours: file.tensors[theirs].shape for theirs, ours in found.items()}
    if wrong := first_difference(config, shapes, "metadata"):
        raise InputError(f"{file.path} is not a whole model that can be read ({wrong}): {_give()}.")
    return found


def _our_name(theirs: str) -> str | None:
    if theirs in _TABLES:
        return _TABLES[theirs]
    part = _LAYER.fullmatch(theirs)
    if part is None or part[2] not in _PARTS:
        return None
    return f"model.layers.{int(part[1])}.{_PARTS[part[2]]}.{part[3]}"


def _weight(file: GGUFFile, theirs: str, ours: str, config: GPTConfig) -> Tensor:
    weight = file.read(theirs)
    if not np.isfinite(weight).all():
        raise InputError(f"{file.path} is damaged ({theirs} holds values that are not numbers): fetch the file again.")
    if interleaved(config, ours):
        weight = _apart(weight, config.head_dim)
    return torch.from_numpy(weight)


def _apart(weight: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float32]:
    """Rows in our order: llama.cpp rotates neighbours (2i, 2i + 1) in a `llama`, we rotate (i, i + dim / 2)."""
    pairs = weight.reshape(-1, dim // 2, 2, weight.shape[1])
    return np.ascontiguousarray(pairs.swapaxes(1, 2)).reshape(weight.shape)


def _cannot(path: Path, what: str) -> InputError:
    return InputError(f"{path} describes a network that cannot be read here: it has {what}; {_give()}.")


def _give() -> str:
    return f"give {FITS}"
