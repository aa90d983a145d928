"""Model folders in Hugging Face's form: written whole or not at all, read from any Llama- or Qwen3-style model.

In: a network and its tokenizer, or a folder. Out: a folder that `transformers` loads, or a `LoadedModel`.

    save_model(workspace / "model", model, tokenizer, card="# My blog", generation={"temperature": 0.8})
    loaded = load_model(workspace / "model")

The files: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and
the model card `README.md`, and `SHA256SUMS`, which is compared when the folder is read. Nothing is unpickled, nothing
is downloaded.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from penname import __version__
from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError
from penname.core.folders import replacing_folder, settle_folder
from penname.model.generation_config import usable_generation
from penname.model.gpt import GPT, GPTConfig
from penname.model.hf_config import config_fields, read_config, read_json_file, shown
from penname.model.hf_weights import INDEX, MERGE, WEIGHTS, named_weights, read_weights
from penname.model.sums import SUMS, check_sums, is_from_penname, write_sums
from penname.model.weights import write_weights
from penname.text.tokenizer import end_id, load_tokenizer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FILES = (
    "config.json",
    WEIGHTS,
    "tokenizer.json",
    "tokenizer_config.json",
    "generation_config.json",
    "README.md",
    SUMS,
)
"""What a model folder written here holds."""
ADAPTER = "adapter_config.json"
_LONGEST_CARD = 1_000_000
_SAMPLING = ("temperature", "top_k", "top_p", "min_p")


@dataclass(frozen=True)
class LoadedModel:
    """A network that is ready to read and write, with what belongs to it."""

    model: GPT
    tokenizer: "Tokenizer"
    end: int
    """Id of the token that ends a document, and that a document starts after."""
    config: GPTConfig
    source: Path
    """The folder it was read from."""
    card: str = ""
    """The model card, Markdown; empty where there is none."""
    generation: dict[str, Any] = field(default_factory=dict)
    """What `generation_config.json` says."""


def save_model(
    folder: Path,
    model: GPT,
    tokenizer: "Tokenizer",
    *,
    card: str,
    generation: dict[str, Any],
    dtype: torch.dtype = torch.float32,
    end: int | None = None,
) -> None:
    """Write a folder that `transformers` loads, in place of the one that was there.

    float32 keeps the logits as they are; `torch.bfloat16` halves the file. `end` is the id of the token that ends a
    document, found by its name unless given. Raises `PennameError` when the disk is full; the old folder stays.
    """
    end = end_id(tokenizer) if end is None else end
    name = str(dtype).removeprefix("torch.")
    weights = {key: value.to(dtype).contiguous() for key, value in named_weights(model).items()}
    with replacing_folder(folder) as new:
        _write_json(new / "config.json", config_fields(model.config, end=end, dtype=name))
        write_weights(weights, new / WEIGHTS, {"format": "pt", "producer": f"penname {__version__}"})
        (new / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8", newline="\n")
        _write_json(new / "tokenizer_config.json", _tokenizer_fields(tokenizer, end, model.config))
        _write_json(new / "generation_config.json", _generation_fields(generation, end))
        (new / "README.md").write_text(card, encoding="utf-8", errors="replace", newline="\n")
        write_sums(new)


def load_model(folder: Path, device: Device | None = None) -> LoadedModel:
    """Read a Llama- or Qwen3-style folder with its own tokenizer; the weights become float32.

    `device` moves the network there. Raises `InputError` for whatever cannot be read, with the reason.
    """
    settle_folder(folder)
    _check_folder(folder)
    path = folder / "config.json"
    raw = read_json_file(path, "a model's configuration")
    config = read_config(raw, path)
    tokenizer = load_tokenizer(folder)
    check_vocabulary(tokenizer, config, folder)
    generation = _optional_json(folder / "generation_config.json")
    usable, notes = usable_generation(generation, config.vocab_size)
    if notes:
        _say_once(f"{folder / 'generation_config.json'}: {'; '.join(notes)}.")
    end = _find_end(tokenizer, [raw, generation], _optional_json(folder / "tokenizer_config.json"))
    model = read_weights(folder, config).eval()
    check_sums(folder)
    if device is not None:
        model.to(device.torch)
    return LoadedModel(model, tokenizer, end, model.config, folder, read_card(folder / "README.md"), usable)


def is_model_folder(folder: Path) -> bool:
    """Whether `folder` looks like a model, whole or not: it has a `config.json` or weights."""
    settle_folder(folder)
    return any((folder / name).is_file() for name in ("config.json", WEIGHTS, INDEX))


def is_ours(folder: Path) -> bool:
    """Whether `folder` holds a model that `save_model` wrote and nothing else."""
    if not folder.is_dir() or not {path.name for path in folder.iterdir()} <= set(FILES):
        return False
    return is_from_penname(folder / WEIGHTS)


def _check_folder(folder: Path) -> None:
    if not folder.exists():
        raise InputError(
            f"{folder} does not exist: give the path of a model folder on this machine (nothing is downloaded)."
        )
    if not folder.is_dir():
        raise InputError(f"{folder} is a file: give the folder that holds a model's config.json and its weights.")
    weights = any(folder.glob("*.safetensors")) and not _only_adapters(folder)
    if (folder / ADAPTER).is_file() and not ((folder / "config.json").is_file() and weights):
        raise InputError(f"{folder} holds only an adapter{_adapted(folder / ADAPTER)}, not a model: {MERGE}.")
    if not (folder / "config.json").is_file():
        inner = folder / "model"
        hint = f"give {inner}" if (inner / "config.json").is_file() else "give a Hugging Face model folder"
        raise InputError(f"{folder} holds no config.json, so it is not a model folder: {hint}.")


def _only_adapters(folder: Path) -> bool:
    return all(path.name.startswith("adapter_") for path in folder.glob("*.safetensors"))


def _adapted(path: Path) -> str:
    """What an adapter says that it was made for, for a message."""
    value = read_json_file(path, "an adapter's configuration")
    base = value.get("base_model_name_or_path") if isinstance(value, dict) else None
    return f" for {shown(base)}" if isinstance(base, str) and base else ""


def check_vocabulary(tokenizer: "Tokenizer", config: GPTConfig, folder: Path) -> None:
    """Raise `InputError` where the network in `folder` has no row for a token."""
    largest = max(tokenizer.get_vocab(with_added_tokens=True).values(), default=-1)
    if largest < 0:
        raise InputError(f"{folder / 'tokenizer.json'} has no tokens: fetch the model again.")
    if largest >= config.vocab_size:
        raise InputError(
            f"{folder} has a tokenizer of {largest + 1} tokens and a network of {config.vocab_size}: "
            "they are not of the same model."
        )


def _find_end(tokenizer: "Tokenizer", configs: list[dict[str, Any]], tokenizer_config: dict[str, Any]) -> int:
    """The id that ends a document: what the configs name, where the tokenizer agrees that it is special.

    A config may keep the default of its class (2 for Llama) although that id is an ordinary letter here.
    """
    special = {number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special}
    for config in configs:
        named = config.get("eos_token_id")
        for number in named if isinstance(named, list) else [named]:
            if type(number) is int and number in special:
                return number
    name = tokenizer_config.get("eos_token")
    name = name.get("content") if isinstance(name, dict) else name
    return end_id(tokenizer, [name] if isinstance(name, str) else [])


def _optional_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    value = read_json_file(path, f"a model's {path.stem}")
    if not isinstance(value, dict):
        raise InputError(f"{path} is not readable as a model's {path.stem}: a JSON object is expected.")
    return value


def read_card(path: Path) -> str:
    """A model card, as far as one is read; empty where there is none."""
    if not path.is_file():
        return ""
    with path.open(encoding="utf-8-sig", errors="replace") as file:
        return file.read(_LONGEST_CARD)


@cache
def _say_once(text: str) -> None:
    events.note(text)


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8", newline="\n")


def _tokenizer_fields(tokenizer: "Tokenizer", end: int, config: GPTConfig) -> dict[str, Any]:
    token = tokenizer.id_to_token(end)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": token,
        "bos_token": token,
        "pad_token": token,
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }


def _generation_fields(generation: dict[str, Any], end: int) -> dict[str, Any]:
    """Settings for `generate`; sampling is switched on when they hold a setting of sampling."""
    given = {key: value for key, value in generation.items() if value is not None}
    sampled = {"do_sample": True} if any(key in given for key in _SAMPLING) else {}
    return {"bos_token_id": end, "eos_token_id": end, "pad_token_id": end, **sampled, **given}
