"""The settings of a training run, one sentence each; `recipes/*.toml` holds them as data.

settings = TrainSettings(steps=600, rows=32, context=512)

Recipes: the settings of a base model as a TOML file.

    recipe = load_recipe("base")            # shipped with penname
    recipe = load_recipe("my-recipe.toml")  # or any file

An unknown key is an error with a suggestion, and all errors are told at once.
"""

import difflib
import math
import tomllib
from dataclasses import dataclass, field, fields
from fnmatch import fnmatch
from importlib.resources import files
from pathlib import Path
from typing import Any

from penname.core.errors import InputError
from penname.core.files import read_text
from penname.model.gpt import GPTConfig
from penname.model.quantise import Rounding


@dataclass(frozen=True)
class TrainSettings:
    """Everything that decides the losses of a run; two runs with equal settings and data have equal losses."""

    steps: int = field(metadata={"text": "Optimizer steps in all."})
    rows: int = field(metadata={"text": "Windows of text in a step, over all devices and micro-batches."})
    context: int = field(metadata={"text": "Tokens in a window."})
    matrices: str = field(default="muon", metadata={"text": "Optimizer of the hidden matrices: muon or adamw."})
    matrix_lr: float = field(default=0.02, metadata={"text": "Peak learning rate of the hidden matrices."})
    table_lr: float = field(default=3e-3, metadata={"text": "Peak learning rate of embeddings and norms (AdamW)."})
    weight_decay: float = field(default=0.05, metadata={"text": "Decoupled weight decay of the hidden matrices."})
    momentum: float = field(default=0.95, metadata={"text": "Muon's momentum."})
    warmup: float = field(default=0.02, metadata={"text": "Share of the run over which the learning rate rises."})
    decay: float = field(default=0.4, metadata={"text": "Share of the run, at its end, over which it falls to zero."})
    schedule: str = field(default="linear", metadata={"text": "How it falls: linear or cosine."})
    beta2: float = field(default=0.95, metadata={"text": "Decay of AdamW's second moment."})
    dropout: float = field(default=0.0, metadata={"text": "Share of activations dropped while training."})
    masked: float = field(default=0.0, metadata={"text": "Share of steps with the masked next-token objective."})
    mask_rate: float = field(default=0.2, metadata={"text": "Share of tokens hidden in such a step."})
    input_mask: float = field(default=0.0, metadata={"text": "Share of input tokens hidden in causal steps."})
    goldfish: int = field(default=0, metadata={"text": "Leave one target in this many out of the loss (0: none)."})
    clip: float = field(default=1.0, metadata={"text": "Largest norm of the gradient."})
    ema: float = field(default=0.0, metadata={"text": "Decay of the running average of the weights (0: none)."})
    quantise_from: float = field(
        default=1.0, metadata={"text": "Train with rounded weights from this share of the run on."}
    )
    freeze_tables: bool = field(default=False, metadata={"text": "Leave the embeddings as they are."})
    teacher_share: float = field(
        default=0.0, metadata={"text": "Weight of a teacher's soft targets in causal steps (0: no teacher)."}
    )
    teacher_temperature: float = field(
        default=1.0, metadata={"text": "What the logits of both are divided by for the soft targets."}
    )
    seed: int = field(default=0, metadata={"text": "Seed of everything random."})

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        for name in ("steps", "rows", "context"):
            if getattr(self, name) < 1:
                wrong.append(f"{name} must be at least 1, not {getattr(self, name)}")
        for name in (
            "warmup",
            "decay",
            "masked",
            "mask_rate",
            "dropout",
            "input_mask",
            "ema",
            "quantise_from",
            "teacher_share",
        ):
            if not 0.0 <= getattr(self, name) <= 1.0:
                wrong.append(f"{name} is a share between 0 and 1, not {getattr(self, name)}")
        if self.teacher_temperature <= 0:
            wrong.append(f"teacher_temperature must be more than 0, not {self.teacher_temperature}")
        if self.matrices not in ("muon", "adamw"):
            wrong.append(f"matrices is muon or adamw, not {self.matrices}")
        if self.schedule not in ("linear", "cosine"):
            wrong.append(f"schedule is linear or cosine, not {self.schedule}")
        if not 0.0 < self.beta2 < 1.0:
            wrong.append(f"beta2 must be between 0 and 1, not {self.beta2}")
        if wrong:
            raise InputError("These settings cannot be used: " + "; ".join(wrong) + ".")


def learning_rate(progress: float, warmup: float, decay: float, schedule: str = "linear") -> float:
    """Share of the peak at `progress` (0 to 1): linear rise, plateau, fall to zero (Hu et al. 2024, WSD).

    The fall is linear, or half a cosine (Loshchilov and Hutter 2017).
    """
    rise = progress / warmup if progress < warmup else 1.0
    left = (1.0 - progress) / decay if decay and progress > 1.0 - decay else 1.0
    fall = 0.5 - 0.5 * math.cos(math.pi * max(0.0, left)) if schedule == "cosine" else left
    return max(0.0, min(rise, fall))


@dataclass(frozen=True)
class Shelf:
    """A part of the training text: files whose names fit a pattern, and their share of the sampled tokens."""

    pattern: str
    share: float


@dataclass(frozen=True)
class Recipe:
    """Everything that makes a base model from text."""

    name: str
    shape: dict[str, Any]
    train: dict[str, Any]
    passes: float
    shelves: tuple[Shelf, ...] = (Shelf("*", 1.0),)
    vocab_size: int = 16_384
    sample_bytes: int = 80_000_000
    bits: int = 8
    group: int = 64
    row_step: float = 0.0
    """Step of a row of weights in root mean squares; 0: groups of bits."""
    largest_mib: float | None = None
    """Most that the packed base may take."""
    about: dict[str, Any] = field(default_factory=dict)

    def config(self, vocab_size: int) -> GPTConfig:
        """The network's shape for a tokenizer of `vocab_size` tokens."""
        return GPTConfig(
            vocab_size=vocab_size, max_position_embeddings=int(self.train.get("context", 1024)), **self.shape
        )

    def settings(self, tokens: int) -> TrainSettings:
        """The training settings for shelves of `tokens` tokens in all."""
        rows, context = int(self.train.get("rows", 128)), int(self.train.get("context", 1024))
        steps = max(1, round(self.passes * tokens / max(1, rows * context)))
        return TrainSettings(**{**self.train, "steps": steps, "rows": rows, "context": context})

    def rounding(self) -> Rounding:
        """How the weights are stored."""
        return Rounding(self.bits, self.group, self.row_step)

    def shelf_of(self, name: str) -> int | None:
        """The index of the shelf that a file belongs to, or None."""
        return next((i for i, shelf in enumerate(self.shelves) if fnmatch(name, shelf.pattern)), None)


def shipped_recipes() -> list[str]:
    """The names of the recipes that come with penname."""
    folder = files("penname.recipes")
    return sorted(item.name.removesuffix(".toml") for item in folder.iterdir() if item.name.endswith(".toml"))


def load_recipe(name_or_path: str) -> Recipe:
    """Load a shipped recipe by name, or a TOML file by path; raises one `InputError` with all that is wrong."""
    path = Path(name_or_path)
    if path.suffix == ".toml":
        if not path.is_file():
            raise InputError(f"There is no recipe at {path}.")
        try:
            text = read_text(path)
        except (OSError, ValueError) as error:
            raise InputError(f"The recipe {path} cannot be read as UTF-8 text ({error}).") from error
    elif name_or_path in shipped_recipes():
        text = files("penname.recipes").joinpath(f"{name_or_path}.toml").read_text(encoding="utf-8")
    else:
        known = ", ".join(shipped_recipes())
        raise InputError(f"There is no recipe called {name_or_path!r}: use {known}, or the path of a .toml file.")
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"The recipe {name_or_path} is not valid TOML: {error}.") from error
    return _build(values, name_or_path)


def _build(values: dict[str, Any], source: str) -> Recipe:
    wrong: list[str] = []
    shape_keys = {f.name for f in fields(GPTConfig)} - {"vocab_size", "max_position_embeddings"}
    train_keys = {f.name for f in fields(TrainSettings)} - {"steps"} | {"passes"}
    _check(values, {"name", "shape", "tokenizer", "shelf", "train", "package", "about"}, "", wrong)
    shape, train = values.get("shape", {}), dict(values.get("train", {}))
    tokenizer, package = values.get("tokenizer", {}), values.get("package", {})
    shelves = values.get("shelf", [{"pattern": "*", "share": 1.0}])
    _check(shape, shape_keys, "shape.", wrong)
    _check(train, train_keys, "train.", wrong)
    _check(tokenizer, {"vocab_size", "sample_bytes"}, "tokenizer.", wrong)
    _check(package, {"bits", "group", "row_step", "largest_mib"}, "package.", wrong)
    for shelf in shelves:
        _check(shelf, {"pattern", "share"}, "shelf.", wrong)
    passes = train.pop("passes", 1.0)
    if wrong:
        raise InputError(f"The recipe {source} cannot be used: " + "; ".join(wrong) + ".")
    recipe = Recipe(
        name=values.get("name", Path(source).stem),
        shape=shape,
        train=train,
        passes=float(passes),
        shelves=tuple(Shelf(**shelf) for shelf in shelves),
        about=values.get("about", {}),
        **tokenizer,
        **package,
    )
    recipe.settings(1).check()
    config = recipe.config(1)
    widths = {config.hidden_size, config.intermediate_size, config.num_attention_heads * config.head_dim}
    if recipe.row_step < 0 or recipe.row_step > 2:
        raise InputError(f"The recipe {source} cannot be used: package.row_step is {recipe.row_step:g}, not 0 to 2.")
    if odd := sorted(width for width in widths if not recipe.row_step and width % recipe.group):
        raise InputError(
            f"The recipe {source} cannot be used: package.group must divide the widths of all matrices, and "
            f"{recipe.group} does not divide {odd[0]}."
        )
    return recipe


def _check(values: dict[str, Any], known: set[str], prefix: str, wrong: list[str]) -> None:
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f" (did you mean {prefix}{close[0]}?)" if close else ""
            wrong.append(f"unknown setting {prefix}{key}{hint}")
