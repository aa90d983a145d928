"""A wider network that computes nearly what a narrower one does, so that a new base begins where an old one ended.

In: a base, the shape and the tokenizer of the new one. Out: a network of that shape.

    model = grown(load_base(Path("old")), config, tokenizer, seed=1)

The old weights stand in the corner of the new ones (Net2Net, Chen, Goodfellow and Shlens 2016). New places of the
stream begin with small random embeddings and nothing else writes to them; new neurons begin with nothing to say. A
token that the old tokenizer has not gets the mean of the old tokens that spell it.
"""

import math

import torch
from tokenizers import Tokenizer
from torch import Tensor

from penname.core.errors import InputError
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT, GPTConfig

_TABLES = ("model.embed_tokens.weight", "lm_head.weight")
_SAME = (
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "tie_word_embeddings",
    "qk_norm",
)


@torch.no_grad()
def grown(start: LoadedModel, config: GPTConfig, tokenizer: "Tokenizer", seed: int) -> GPT:
    """A network of the shape `config` for `tokenizer` that says what `start` says. Raises `InputError` where none is.

    It may be wider in the stream and the MLP; layers and heads are those of `start`.
    """
    check_growth(start.config, config)
    model = GPT(config).initialise(seed)
    old = dict(start.model.named_parameters())
    spelled = _spelled(start.tokenizer, tokenizer, config.vocab_size)
    for name, weight in model.named_parameters():
        value = _carried(old[name], spelled) if name in _TABLES else old[name]
        if weight.ndim == 2:
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                weight.zero_()
            weight[: value.size(0), : value.size(1)] = value
        elif value.numel() == weight.numel():
            weight.copy_(value)
        else:
            # The mean square is now over more places, most of them near zero.
            scaled = value * math.sqrt(start.config.hidden_size / config.hidden_size)
            weight.fill_(float(scaled.abs().mean()))
            weight[: value.numel()] = scaled
    return model


def check_growth(old: GPTConfig, new: GPTConfig) -> None:
    """Raise `InputError` when a network of the shape `old` cannot become one of the shape `new` by widening alone."""
    wrong = [
        f"{name} {getattr(old, name)} instead of {getattr(new, name)}" for name in _SAME if _differ(old, new, name)
    ]
    for name in ("hidden_size", "intermediate_size"):
        if getattr(old, name) > getattr(new, name):
            wrong.append(f"{name} {getattr(old, name)}, more than {getattr(new, name)}")
    if wrong:
        raise InputError(f"The base to start from has {', '.join(wrong)}: start from another, or change the recipe.")


def _differ(old: GPTConfig, new: GPTConfig, name: str) -> bool:
    return bool(getattr(old, name) != getattr(new, name))


def _carried(table: Tensor, spelled: list[list[int]]) -> Tensor:
    """The row of each new token: the mean of the rows of the old tokens that spell it."""
    return torch.stack([table[ids].mean(dim=0) for ids in spelled])


def _spelled(old: "Tokenizer", new: "Tokenizer", size: int) -> list[list[int]]:
    """For each id of `new`, the ids of `old` that spell the same, the longest first."""
    known, names = old.get_vocab(with_added_tokens=True), {i: name for name, i in new.get_vocab(True).items()}
    return [_longest(names.get(number, ""), known) or [0] for number in range(size)]


def _longest(name: str, known: dict[str, int]) -> list[int]:
    """`name` cut from the left into the longest tokens that are known; what is not known is left out."""
    if name in known:
        return [known[name]]
    ids: list[int] = []
    start = 0
    while start < len(name):
        stop = next((end for end in range(len(name), start, -1) if name[start:end] in known), start + 1)
        if name[start:stop] in known:
            ids.append(known[name[start:stop]])
        start = stop
    return ids
