"""`generation_config.json` of a model folder: what can be used of it, and a sentence about what cannot.

In: what the file holds, the tokens of the network. Out: the fields with what cannot be used taken out, and the notes.

    usable, notes = usable_generation({"temperature": "hot"}, vocab_size=16_384)
    # {}, ["temperature is 'hot', so the default of 1 is used"]
"""

from collections.abc import Mapping
from typing import Any

from penname.core.errors import InputError
from penname.model.hf_config import shown
from penname.model.sampling import FROM_FOLDER, LARGEST_BIAS, SamplingSettings


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
