"""How text is drawn from a model: the settings, and what of them the `generation_config.json` of a folder holds.

In: what the file holds, the tokens of the network. Out: the settings, and a sentence about what cannot be used.

    usable, notes = usable_generation({"temperature": "hot"}, vocab_size=16_384)
    # {}, ["temperature is 'hot', so the default of 1 is used"]
    settings = settings_from(usable, {"seed": 7})

Model folders in Hugging Face's form: written whole or not at all, read from any Llama- or Qwen-style model.

In: a network and its tokenizer, or a folder. Out: a folder that `transformers` loads, or a `LoadedModel`.

    save_model(workspace / "model", model, tokenizer, card="# My blog", generation={"temperature": 0.8})
    loaded = load_model(workspace / "model")

The files: `config.json`, `model.safetensors`, `tokenizer.json`, `tokenizer_config.json`, `generation_config.json` and
the model card `README.md`, and `SHA256SUMS`, which is compared when the folder is read. Nothing is unpickled, nothing
is downloaded.
"""

import contextlib
import json
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from penname import __version__
from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError
from penname.core.files import replacing_folder, settle_folder
from penname.corpus.tokenizer import documents_end, end_id, load_tokenizer
from penname.model.gpt import GPT, GPTConfig
from penname.model.hf_config import config_fields, read_config, read_json_file, shown, special_ids
from penname.model.hf_weights import INDEX, MERGE, WEIGHTS, named_weights, read_weights
from penname.model.origin import KEY, NO_ORIGIN, Origin, as_field, folder_origin, with_origin
from penname.model.weights import SUMS, check_sums, is_from_penname, write_sums, write_weights

FROM_FOLDER = ("temperature", "top_k", "top_p", "min_p", "word_min_p", "repetition_penalty", "sequence_penalty")
"""The settings that `generation_config.json` may hold."""


RECOMMENDED = {
    "temperature": 1.0,
    "min_p": 0.05,
    "word_min_p": 0.02,
    "repetition_penalty": 1.1,
    "sequence_penalty": 0.8,
}
"""What a model folder of ours says: chosen by figures and by eye (lab/0027, lab/0072)."""


LARGEST_BIAS = 100.0
"""Most that the folder may add to a logit or take from it."""


@dataclass(frozen=True)
class SamplingSettings:
    """How text is drawn from a model; two runs with equal settings, model and prompt give equal text."""

    temperature: float = field(
        default=1.0,
        metadata={"text": "Above 1 bolder, below 1 safer; 0 always takes the most probable token."},
    )
    top_k: int = field(default=0, metadata={"text": "Draw from this many most probable tokens (0: all)."})
    top_p: float = field(
        default=1.0, metadata={"text": "Draw from the fewest tokens that hold this share of the probability."}
    )
    min_p: float = field(
        default=0.05,
        metadata={"text": "Draw from tokens at least this probable, relative to the most probable."},
    )
    word_min_p: float = field(
        default=0.0,
        metadata={"text": "The same for tokens that begin a word, where it is lower (0: as min-p)."},
    )
    repetition_penalty: float = field(
        default=1.1, metadata={"text": "Makes the tokens written last less probable (1: off, 1.1: mildly)."}
    )
    penalty_window: int = field(default=128, metadata={"text": "How many tokens back the penalty looks."})
    sequence_penalty: float = field(
        default=0.0,
        metadata={
            "text": "Makes a token less probable that would go on with a repeated sequence (0: off, 0.8: usual)."
        },
    )
    word_balance: float = field(
        default=1.0,
        metadata={"text": "How far words come as often as the author has them (0: as the model has them, 1: fully)."},
    )
    token_bias: tuple[tuple[int, float], ...] = field(
        default=(), metadata={"text": "What balances them: numbers that are added to the logits of tokens."}
    )
    no_repeat_ngram: int = field(
        default=0, metadata={"text": "Never write the same sequence of this many tokens twice (0: allowed)."}
    )
    min_tokens: int = field(default=1, metadata={"text": "The text may not end before this many tokens."})
    max_tokens: int = field(default=1000, metadata={"text": "The text is cut off after this many tokens."})
    seed: int = field(default=0, metadata={"text": "Seed of the draws; each draft has its own from it."})

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        if self.temperature != 0.0 and not 0.01 <= self.temperature <= 100.0:
            wrong.append(f"temperature is 0, or a number from 0.01 to 100, not {self.temperature:g}")
        if not 0.0 < self.top_p <= 1.0:
            wrong.append(f"top_p is a share above 0 and at most 1, not {self.top_p:g}")
        if not 0.0 <= self.min_p <= 1.0:
            wrong.append(f"min_p is a share between 0 and 1, not {self.min_p:g}")
        if not 0.0 <= self.word_min_p <= 1.0:
            wrong.append(f"word_min_p is a share between 0 and 1, not {self.word_min_p:g}")
        if not 0.1 <= self.repetition_penalty <= 10.0:
            wrong.append(f"repetition_penalty is a number from 0.1 to 10, not {self.repetition_penalty:g}")
        if not 0.0 <= self.sequence_penalty <= 100.0:
            wrong.append(f"sequence_penalty is a number from 0 to 100, not {self.sequence_penalty:g}")
        if not 0.0 <= self.word_balance <= 2.0:
            wrong.append(f"word_balance is a number from 0 to 2, not {self.word_balance:g}")
        for name in ("top_k", "no_repeat_ngram", "min_tokens"):
            if getattr(self, name) < 0:
                wrong.append(f"{name} must be 0 or more, not {getattr(self, name)}")
        for name in ("penalty_window", "max_tokens"):
            if getattr(self, name) < 1:
                wrong.append(f"{name} must be at least 1, not {getattr(self, name)}")
        if wrong:
            raise InputError("These settings cannot be used: " + "; ".join(wrong) + ".")

    @property
    def words_apart(self) -> bool:
        """Whether tokens that begin a word have a bound of their own."""
        return 0.0 < self.word_min_p < self.min_p

    def random(self, draft: int) -> random.Random:
        """The source of random numbers of a draft: the same however many drafts are written beside it."""
        return random.Random(f"{self.seed}:{draft}")

    def shown(self) -> dict[str, Any]:
        """The settings for people: the token bias as the number of tokens that it moves."""
        return {**vars(self), "token_bias": len(self.token_bias)}


def settings_from(generation: Mapping[str, Any], given: Mapping[str, float]) -> SamplingSettings:
    """What is `given`, else what a model folder's `generation_config.json` says, else the defaults.

    Of `generation` only numbers that can be used count, and none where it says that text is not sampled. Raises one
    `InputError` that lists all that is wrong with what is given.
    """
    known = [each.name for each in fields(SamplingSettings) if each.name != "token_bias"]
    if unknown := sorted(set(given) - set(known)):
        raise InputError(f"There is no setting called {', '.join(unknown)}: use {', '.join(known)}.")
    chosen: dict[str, Any] = {}
    if "min_p" in given:
        # Who asks for another min-p means it for every token.
        given = {"word_min_p": 0.0, **given}
    for name in FROM_FOLDER if generation.get("do_sample", True) else ():
        value = generation.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            chosen[name] = int(value) if name == "top_k" else value
    if generation.get("do_sample", True):
        chosen["token_bias"] = _token_bias(generation.get("sequence_bias"))
    with contextlib.suppress(InputError):
        return _checked({**chosen, **given})
    # What cannot be used is told of what the user gave, not of what the folder holds.
    return _checked(given)


def usable_generation(generation: Mapping[str, Any], vocab_size: int) -> tuple[dict[str, Any], list[str]]:
    """`generation` without what cannot be used, and what to say of each thing taken out."""
    usable = {name: value for name, value in generation.items() if value is not None}
    notes: list[str] = []

    def drop(name: str, instead: str) -> None:
        notes.append(f"{name} is {shown(usable.pop(name))}, so {instead}")

    for name in FROM_FOLDER:
        if name in usable and not _is_setting(name, usable[name]):
            drop(name, f"the default of {getattr(SamplingSettings(), name):g} is used")
    if not isinstance(usable.get("do_sample", True), bool):
        drop("do_sample", "text is sampled")
    if not _is_whole(usable.get("max_new_tokens", 1), 1, 2**31):
        drop("max_new_tokens", "it does not count")
    for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
        ids = usable.get(name, 0)
        if not all(_is_whole(number, 0, vocab_size) for number in (ids if isinstance(ids, list) else [ids])):
            drop(name, "the tokenizer's own tokens are used")
    if not isinstance(usable.get("sequence_bias", []), list):
        drop("sequence_bias", "words are not balanced")
    if entries := usable.get("sequence_bias"):
        kept = [entry for entry in entries if _is_bias(entry, vocab_size)]
        usable["sequence_bias"] = kept
        if len(kept) < len(entries):
            notes.append(
                f"{len(entries) - len(kept)} of the {len(entries)} entries of sequence_bias are not one token of this "
                f"model with a number within {LARGEST_BIAS:g}, so they do not count"
            )
    return usable, notes


def _is_setting(name: str, value: Any) -> bool:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return False
    if name == "top_k" and not _is_whole(value, 0, 2**31):
        return False
    setting: dict[str, Any] = {name: value}
    try:
        SamplingSettings(**setting).check()
    except (InputError, OverflowError):
        return False
    return True


def _is_whole(value: Any, low: int, high: int) -> bool:
    whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
    return whole and not isinstance(value, bool) and low <= value < high


def _is_bias(entry: Any, vocab_size: int) -> bool:
    match entry:
        case [[int(token)], float() | int() as number]:
            return 0 <= token < vocab_size and abs(number) <= LARGEST_BIAS
    return False


def _token_bias(value: Any) -> tuple[tuple[int, float], ...]:
    """The single tokens of a `sequence_bias`, [[[token], number], ...]; what cannot be read does not count."""
    found = []
    for entry in value if isinstance(value, list) else []:
        match entry:
            case [[int(token)], float() | int() as number] if token >= 0 and abs(number) <= LARGEST_BIAS:
                found.append((token, float(number)))
    return tuple(found)


def _checked(chosen: Mapping[str, Any]) -> SamplingSettings:
    settings = SamplingSettings(**chosen)
    settings.check()
    return settings


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
    origin: Origin = NO_ORIGIN
    """What an open base says of itself; empty for the shipped one."""


def save_model(
    folder: Path,
    model: GPT,
    tokenizer: "Tokenizer",
    *,
    card: str,
    generation: dict[str, Any],
    dtype: torch.dtype = torch.float32,
    end: int | None = None,
    origin: Origin = NO_ORIGIN,
) -> None:
    """Write a folder that `transformers` loads, in place of the one that was there.

    float32 keeps the logits as they are; `torch.bfloat16` halves the file. `end` is the id of the token that ends a
    document, found by its name unless given; what `origin` says of the base goes along. Raises `PennameError` when the
    disk is full; the old folder stays.
    """
    end = end_id(tokenizer) if end is None else end
    name = str(dtype).removeprefix("torch.")
    weights = {key: value.to(dtype).contiguous() for key, value in named_weights(model).items()}
    with replacing_folder(folder) as new:
        described = config_fields(model.config, end=end, dtype=name, start=origin.start, stop=origin.stop)
        _write_json(new / "config.json", {**described, **as_field(origin)})
        write_weights(weights, new / WEIGHTS, {"format": "pt", "producer": f"penname {__version__}"})
        (new / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8", newline="\n")
        _write_json(new / "tokenizer_config.json", _tokenizer_fields(tokenizer, end, model.config, origin))
        _write_json(new / "generation_config.json", _generation_fields(generation, end, described))
        (new / "README.md").write_text(with_origin(card, origin), encoding="utf-8", errors="replace", newline="\n")
        write_sums(new)


def load_model(folder: Path, device: Device | None = None) -> LoadedModel:
    """Read a Llama- or Qwen-style folder with its own tokenizer; the weights become float32.

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
    about = _optional_json(folder / "tokenizer_config.json")
    end = _find_end(tokenizer, [raw, generation], about, ours=is_from_penname(folder / WEIGHTS))
    config = replace(config, document_start=_document_start(tokenizer, raw, end))
    model = read_weights(folder, config).eval()
    check_sums(folder)
    if device is not None:
        model.to(device.torch)
    card = read_card(folder / "README.md")
    origin = NO_ORIGIN
    if KEY in raw or not is_from_penname(folder / WEIGHTS):
        origin = folder_origin(folder, raw, about, card, tokenizer.get_vocab(with_added_tokens=True))
    return LoadedModel(model, tokenizer, end, model.config, folder, card, usable, origin)


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


def _document_start(tokenizer: "Tokenizer", raw: Mapping[str, Any], end: int) -> tuple[int, int] | None:
    """The token that ends documents and the one that they start after, where the tokenizer puts one there itself."""
    put = tokenizer.encode("", add_special_tokens=True).ids
    if not put or put[0] == end or put[0] != raw.get("bos_token_id"):
        return None
    return end, put[0]


def _find_end(
    tokenizer: "Tokenizer", configs: list[dict[str, Any]], tokenizer_config: dict[str, Any], ours: bool
) -> int:
    """The id that ends a document: what the configs name, where the tokenizer agrees that it is special.

    A config may keep the default of its class (2 for Llama) although that id is an ordinary letter here. A model that
    was taught to chat names what ends an answer; its documents ended with another token, unless they are `ours`.
    """
    if not ours and (found := documents_end(tokenizer)) is not None:
        return found
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


def _tokenizer_fields(tokenizer: "Tokenizer", end: int, config: GPTConfig, origin: Origin) -> dict[str, Any]:
    token = tokenizer.id_to_token(end)
    start, _ = special_ids(config, end, origin.start, origin.stop)
    return {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": token if origin.stop is None else tokenizer.id_to_token(origin.stop),
        "bos_token": tokenizer.id_to_token(start),
        "pad_token": token,
        **({"chat_template": origin.chat_template} if origin.chat_template else {}),
        "model_max_length": config.max_position_embeddings,
        "clean_up_tokenization_spaces": False,
    }


def _generation_fields(generation: dict[str, Any], end: int, config: Mapping[str, Any]) -> dict[str, Any]:
    """Settings for `generate`; sampling is switched on when they hold a setting of sampling."""
    given = {key: value for key, value in generation.items() if value is not None}
    sampled = {"do_sample": True} if any(key in given for key in _SAMPLING) else {}
    special = {name: config[name] for name in ("bos_token_id", "eos_token_id")}
    return {**special, "pad_token_id": end, **sampled, **given}
