"""A teacher for pre-training: a trained network whose expectations a smaller one learns beside the text.

In: a model folder with the tokenizer of the run. Out: a network that is only read (Hinton, Vinyals and Dean 2015).

    teacher = read_teacher(Path("larger/base"), tokenizer, device)
    run = Run(settings, mixture, device, teacher=teacher)
"""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from penname.core.device import Device
from penname.core.errors import InputError
from penname.model.base import load_base
from penname.model.gpt import GPT
from penname.model.hf_weights import named_weights
from penname.model.settings import TrainSettings

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_PARTS = ("model", "normalizer", "pre_tokenizer")
"""Of a tokenizer: what decides which ids a text becomes."""


def check_teacher(settings: TrainSettings, folder: Path | None) -> None:
    """Raise `InputError` unless a teacher is named and has a share, or neither."""
    if settings.teacher_share and folder is None:
        raise InputError(
            f"The recipe gives a teacher {settings.teacher_share:g} of the loss (teacher_share), and there is none: "
            "name its model folder with --teacher DIR."
        )
    if folder is not None and not settings.teacher_share:
        raise InputError(
            f"The recipe gives the teacher {folder} no share of the loss: set teacher_share in its [train], "
            "say to 0.5, or leave out --teacher."
        )


def read_teacher(folder: Path, tokenizer: "Tokenizer", device: Device | None = None) -> GPT:
    """Read the network in a model folder; its tokenizer must be `tokenizer`, else `InputError`.

    `device` moves the network there.
    """
    loaded = load_base(folder, device)
    theirs, ours = (_identity(each) for each in (loaded.tokenizer, tokenizer))
    if theirs != ours:
        raise InputError(
            f"{folder} cannot teach: it has another tokenizer than this run. Give the run the teacher's, with "
            f"--tokenizer {folder / 'tokenizer.json'} and a new --out."
        )
    if loaded.config.vocab_size != tokenizer.get_vocab_size():
        raise InputError(
            f"{folder} cannot teach: its network has {loaded.config.vocab_size} tokens, and the tokenizer "
            f"{tokenizer.get_vocab_size()}."
        )
    return loaded.model.requires_grad_(False)


def weights_mark(model: GPT) -> str:
    """A hash of a network's shape and weights, whatever file they came from."""
    mark = hashlib.sha256(json.dumps(asdict(model.config), sort_keys=True).encode())
    for name, weight in sorted(named_weights(model).items()):
        mark.update(name.encode())
        mark.update(weight.contiguous().numpy().data)
    return mark.hexdigest()[:16]


def _identity(tokenizer: "Tokenizer") -> object:
    """What two tokenizers share that give the same ids."""
    parts = json.loads(tokenizer.to_str())
    return tokenizer.get_vocab(with_added_tokens=True), [parts.get(name) for name in _PARTS]
