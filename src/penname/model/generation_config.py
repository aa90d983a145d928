"""How text is drawn from a model: the settings, and what of them the `generation_config.json` of a folder holds.

In: what the file holds, the tokens of the network. Out: the settings, and a sentence about what cannot be used.

    usable, notes = usable_generation({"temperature": "hot"}, vocab_size=16_384)
    # {}, ["temperature is 'hot', so the default of 1 is used"]
    settings = settings_from(usable, {"seed": 7})
"""

import contextlib
import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from penname.core.errors import InputError
from penname.model.hf_config import shown

FROM_FOLDER = ("temperature", "top_k", "top_p", "min_p", "word_min_p", "repetition_penalty", "sequence_penalty")
"""The settings that `generation_config.json` may hold."""


RECOMMENDED = {
    "temperature": 1.0,
    "min_p": 0.05,
    "word_min_p": 0.02,
    "repetition_penalty": 1.1,
    "sequence_penalty": 0.8,
}
"""What a model folder of ours says: chosen by figures and by eye (LAB.md)."""


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
