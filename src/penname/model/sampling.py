"""From logits to the next token: temperature, filters, repetition control, a seed for every draft.

In: logits, settings, a source of random numbers. Out: candidates, most probable first, and the one drawn.

    found = candidates(logits, SamplingSettings(temperature=0.8, min_p=0.05))[0]
    token = draw(found, random.Random("7:0"), refused=lambda token: False)

Each filter is judged on the whole distribution after temperature, and a token must pass all of them: the order of the
filters does not matter. What passes is drawn from in proportion to its probability.
"""

import contextlib
import math
import random
from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penname.core.errors import InputError, PennameError

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
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
_FREE, _GROWTH, _LONGEST, _PLACES = 2, 1.75, 30, 100
"""Of a repeated sequence: the length that costs something, what each further token multiplies, where counting stops."""
_FEW = 200
"""Candidates up to which plain numbers are summed up sooner than an array is set up; the sums are the same."""
LARGEST_BIAS = 100.0
"""Most that the folder may add to a logit or take from it."""
_GREEDY = 32
"""Tokens looked at when the most probable one is wanted and some may be refused."""


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


def _token_bias(value: Any) -> tuple[tuple[int, float], ...]:
    """The single tokens of a `sequence_bias`, [[[token], number], ...]; what cannot be read does not count."""
    found = []
    for entry in value if isinstance(value, list) else []:
        match entry:
            case [[int(token)], float() | int() as number] if token >= 0 and abs(number) <= LARGEST_BIAS:
                found.append((token, float(number)))
    return tuple(found)


@dataclass(frozen=True)
class Candidates:
    """What may come next: token ids and their probabilities, falling; equal ones by id."""

    ids: Ids
    weights: Floats


def candidates(logits: Tensor, settings: SamplingSettings, words: Tensor | None = None) -> list[Candidates]:
    """The tokens of each row that pass the filters. logits: (rows, vocab), float32; at least one passes.

    top-k (Fan et al. 2018), top-p (Holtzman et al. 2020), min-p (Nguyen et al. 2024). `words`, (vocab,), says which
    tokens begin a word: for them `word_min_p` holds. At temperature 0 a few of the most probable come, with their
    logits. Raises `PennameError` when a row holds no number.
    """
    apart = words is not None and settings.words_apart and settings.temperature > 0
    if settings.temperature == 0:
        weights, kept = logits, logits >= _least_greedy(logits)[:, None]
    else:
        weights = probabilities(logits, settings.temperature)
        kept = weights >= _least(weights, settings, settings.word_min_p if apart else settings.min_p)[:, None]
    where = kept.nonzero(as_tuple=True)
    rows, ids = _array(where[0]), _array(where[1])
    values = _array(weights[where]).astype(np.float64)
    order = np.lexsort((-values, rows))
    ids, values = ids[order], values[order]
    ends = np.cumsum(np.bincount(rows, minlength=logits.size(0))).tolist()
    edges = zip([0, *ends], ends, strict=False)
    found = [_cut(Candidates(ids[first:end], values[first:end]), settings) for first, end in edges]
    if words is None or not apart:
        return found
    begins = _array(words)
    return [_but_rare_parts(each, settings.min_p, begins) for each in found]


def everything(logits: Tensor, temperature: float) -> Candidates:
    """All tokens of one row, unfiltered. logits: (vocab,)."""
    values = _array(probabilities(logits[None], temperature or 1.0)[0]).astype(np.float64)
    ids = np.flatnonzero(values)
    return _sorted(ids, values[ids])


def probabilities(logits: Tensor, temperature: float) -> Tensor:
    """Softmax of logits / temperature, (rows, vocab)."""
    return torch.softmax(logits / temperature, dim=-1)


def draw(found: Candidates, source: random.Random, refused: Callable[[int], bool], greedy: bool = False) -> int | None:
    """Draw a token in proportion to its weight; a refused one is put aside and the rest drawn from anew.

    With `greedy` the first that is not refused. None when all are refused.
    """
    ids, weights = found.ids, found.weights
    while ids.size:
        place = 0 if greedy else _place(weights, source.random())
        token = int(ids[place])
        if not refused(token):
            return token
        ids, weights = np.delete(ids, place), np.delete(weights, place)
    return None


def penalise(logits: Tensor, recent: Tensor, penalty: float, spare: int) -> None:
    """Make the tokens of `recent` (rows, window) less probable, in place; `spare` and negative ids stay as they are.

    The penalty of CTRL (Keskar et al. 2019): positive logits are divided by it, negative ones multiplied.
    """
    kept = logits[:, spare].clone()
    places = torch.where(recent < 0, spare, recent)
    values = logits.gather(1, places)
    logits.scatter_(1, places, torch.where(values > 0, values / penalty, values * penalty))
    logits[:, spare] = kept


class NgramBan:
    """The sequences of `n` tokens a draft has written, and so the tokens that would repeat one."""

    def __init__(self, n: int, tokens: Sequence[int]) -> None:
        self.n = n
        self._tokens: list[int] = []
        self._followers: dict[tuple[int, ...], set[int]] = {}
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Take note of the next token."""
        if self.n < 1:
            return
        if len(self._tokens) >= self.n - 1:
            self._followers.setdefault(self._last(), set()).add(token)
        self._tokens.append(token)

    def banned(self) -> set[int]:
        """The tokens that would complete a sequence that has been written before."""
        if self.n < 1 or len(self._tokens) < self.n - 1:
            return set()
        return self._followers.get(self._last(), set())

    def _last(self) -> tuple[int, ...]:
        return tuple(self._tokens[len(self._tokens) - self.n + 1 :])


class Repeats:
    """The sequences a draft goes on with that stand in it already, and what each next token would cost.

    The penalty "don't repeat yourself" of text-generation-webui and llama.cpp: strength * 1.75 ** (length - 2) off
    the logit of a token that would make a sequence of `length` + 1 tokens stand there twice, from 2 on. Single words
    stay as probable as they are, unlike under a repetition penalty, which takes from `the` and the comma.
    A sequence ends at the tokens of `breaks`, such as line ends.
    """

    def __init__(self, strength: float, tokens: Sequence[int], breaks: Collection[int] = ()) -> None:
        self.strength, self._breaks = strength, breaks
        self._tokens: list[int] = []
        self._places: dict[int, list[int]] = {}
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Take note of the next token."""
        if self.strength > 0:
            self._places.setdefault(token, []).append(len(self._tokens))
            self._tokens.append(token)

    def costs(self) -> dict[int, float]:
        """What to take off the logits of the tokens that would go on with a repeated sequence."""
        if not self._tokens or self._tokens[-1] in self._breaks:
            return {}
        longest: dict[int, int] = {}
        for place in self._places[self._tokens[-1]][-_PLACES - 1 : -1]:
            length = self._common(place)
            following = self._tokens[place + 1]
            if length >= _FREE and length > longest.get(following, 0):
                longest[following] = length
        return {token: self.strength * _GROWTH ** (length - _FREE) for token, length in longest.items()}

    def _common(self, place: int) -> int:
        """How many tokens up to `place` are those at the end."""
        length, tokens = 1, self._tokens
        while length <= min(place, _LONGEST) and tokens[place - length] == tokens[-1 - length]:
            if tokens[place - length] in self._breaks:
                break
            length += 1
        return length


def _checked(chosen: Mapping[str, Any]) -> SamplingSettings:
    settings = SamplingSettings(**chosen)
    settings.check()
    return settings


def _least(weights: Tensor, settings: SamplingSettings, min_p: float) -> Tensor:
    """A bound for each row that no token which passes the filters lies under: (rows, vocab) -> (rows,)."""
    size = weights.size(-1)
    least = weights.amax(dim=-1) * min_p
    if 0 < settings.top_k < size:
        least = torch.maximum(least, weights.topk(settings.top_k).values[:, -1])
    if settings.top_p < 1:
        # All tokens under (1 - p) / size hold less than 1 - p together: the nucleus lies above.
        least = least.clamp_min((1 - settings.top_p) / size * 0.99)
    # A banned token has the probability 0, and must not pass because nothing else is asked.
    return least.clamp_min(torch.finfo(weights.dtype).tiny)


def _least_greedy(logits: Tensor) -> Tensor:
    """The logit of the last of a few most probable tokens; a banned one stays out: (rows, vocab) -> (rows,)."""
    last = logits.topk(min(_GREEDY, logits.size(-1))).values[:, -1]
    return last.clamp_min(torch.finfo(logits.dtype).min)


def _cut(found: Candidates, settings: SamplingSettings) -> Candidates:
    """Apply the filters to sorted candidates: each keeps some of the first."""
    if not found.ids.size:
        raise PennameError("The model gives no numbers: its weights are damaged. Train it, or fetch it, again.")
    count = found.ids.size
    if settings.temperature == 0:
        return found
    if settings.top_k:
        count = min(count, settings.top_k)
    if settings.top_p < 1:
        reached = np.searchsorted(np.cumsum(found.weights), settings.top_p) + 1
        count = min(count, int(reached))
    return Candidates(found.ids[:count], found.weights[:count])


def _but_rare_parts(found: Candidates, min_p: float, words: npt.NDArray[np.bool_]) -> Candidates:
    """The candidates that begin a word, and of the others those that min-p lets pass."""
    fits = words[found.ids] | (found.weights >= np.float32(found.weights[0]) * np.float32(min_p))
    return Candidates(found.ids[fits], found.weights[fits])


def _sorted(ids: Ids, values: Floats) -> Candidates:
    order = np.argsort(-values, kind="stable")
    return Candidates(ids[order], values[order])


def _place(weights: Floats, share: float) -> int:
    if weights.size <= _FEW:
        sums = list(accumulate(weights.tolist()))
        return min(bisect_right(sums, share * sums[-1]), len(sums) - 1)
    total = np.cumsum(weights)
    return min(int(np.searchsorted(total, share * total[-1], side="right")), weights.size - 1)


def _array(tensor: Tensor) -> npt.NDArray[Any]:
    found: npt.NDArray[Any] = tensor.cpu().numpy()
    return found
