"""From logits to the next token: temperature, filters, repetition control, a seed for every draft.

In: logits, settings, a source of random numbers. Out: candidates, most probable first, and the one drawn.

    found = candidates(logits, SamplingSettings(temperature=0.8, min_p=0.05))[0]
    token = draw(found, random.Random("7:0"), refused=lambda token: False)

Each filter is judged on the whole distribution after temperature, and a token must pass all of them: the order of the
filters does not matter. What passes is drawn from in proportion to its probability.
"""

import random
from bisect import bisect_right
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from penname.core.errors import PennameError
from penname.model.folder import SamplingSettings

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_FREE, _GROWTH, _LONGEST, _PLACES = 2, 1.75, 30, 100
"""Of a repeated sequence: the length that costs something, what each further token multiplies, where counting stops."""
_FEW = 200
"""Candidates up to which plain numbers are summed up sooner than an array is set up; the sums are the same."""
_GREEDY = 32
"""Tokens looked at when the most probable one is wanted and some may be refused."""


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
