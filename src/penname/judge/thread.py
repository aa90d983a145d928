"""The measure of sense: do sentences follow from each other, does what was named come back, are words expected?

In: passages, passages of the real blog, and a network that did not learn the blog. Out: sense in percent of what the
blog's own posts have, with its interval.

    mine, own = (read_threads(texts, loaded, device, common) for texts in (drafts, posts))
    found = measure_sense(mine, own)
    found.value, found.low, found.high

Three figures of each passage, each beside the same one of real posts, and none worth more than real posts are:

- order: how much more probable the sentences are in their order than in another (nats by the root of the tokens), as
  people and networks tell a text from its sentences shuffled (Barzilay and Lapata 2008);
- return: the share of words, the blog's 200 commonest aside, that came up in the 80 words before, however inflected,
  and not by a phrase that is said again;
- wording: the share of tokens that the network would have written itself, or nearly.

Their product is the figure, a fifth of the first one given: text that fails in one of them makes no sense, whatever it
has of the others, but sentences that are whole say something in any order. What a network finds probable is no sense:
drafts are more probable than real posts, so nothing is gained beyond 1.
"""

import itertools
import math
import random
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from penname.core.device import Device
from penname.corpus.tokenizer import encode_plain
from penname.corpus.words import words
from penname.model.score import token_nats

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel

_COMMON, _BACK, _NEAR, _FIRST = 200, 80, 3, 40
"""Words that are too common to be a thread, how far back one may reach, the words just before that do not count, and
the words at the beginning of a passage that have too little before them."""
_STEM, _LEAST = 6, 4
"""Letters by which inflected words are the same, and letters of the shortest word that counts."""
_PHRASE = 4
_EXPECTED = math.log(4)
"""A token is expected where the network gives it a chance of a quarter or more."""
_GIVEN = 0.2
"""What whole sentences are worth without any order."""
_SHUFFLES, _SENTENCES, _DRAWS = 3, 3, 1000
_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s)|\n+""")
Counts = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Thread:
    """What was read of one passage.

    `order`: nats that its sentences lose by being shuffled, by the root of its tokens. `expected` of `tokens` were
    likely; `returned` of `chances` words had come up before.
    """

    order: float
    expected: int
    tokens: int
    returned: int
    chances: int


@dataclass(frozen=True)
class Sense:
    """Sense in percent of real posts' with its 95% interval; the three figures that it is made of, as shares of theirs.

    `passages` were compared.
    """

    value: float
    low: float
    high: float
    order: float
    returns: float
    wording: float
    passages: int


def find_common(texts: Iterable[str], count: int = _COMMON) -> frozenset[str]:
    """The blog's most frequent words, which no thread is spun of."""
    counted: Counter[str] = Counter()
    for text in texts:
        counted.update(words(text))
    return frozenset(word for word, _ in counted.most_common(count))


def read_threads(
    texts: Sequence[str], judge: "LoadedModel", device: Device, common: Collection[str], seed: int = 0
) -> list[Thread]:
    """Read each passage in its order and in three others; those of fewer than three sentences are left out."""
    split = [(text, found) for text in texts if len(found := sentences(text)) >= _SENTENCES]
    coded = [[np.array(encode_plain(judge.tokenizer, f" {each}"), np.int64) for each in found] for _, found in split]
    choose = random.Random(seed)
    orders = [[list(range(len(each))), *_others(len(each), choose)] for each in coded]
    joined = [
        np.concatenate([each[number] for number in order])
        for each, several in zip(coded, orders, strict=True)
        for order in several
    ]
    judge.model.to(device.torch)
    nats = token_nats(judge.model, joined, device, end=judge.end)
    step = 1 + _SHUFFLES
    return [_thread(text, nats[step * number : step * (number + 1)], common) for number, (text, _) in enumerate(split)]


def measure_sense(mine: Sequence[Thread], real: Sequence[Thread], seed: int = 0) -> Sense | None:
    """Sense of `mine` beside `real`; the interval is a bootstrap over the passages of both (Efron 1979).

    None where there are too few of either, or the network cannot tell the order of real posts: it does not know their
    language.
    """
    if len(mine) < 2 or len(real) < 2:
        return None
    draw = np.random.default_rng(seed)
    rows, own = _table(mine), _table(real)
    theirs = _drawn(own, draw)
    if np.quantile(theirs[:, 0], 0.025) <= 0:
        return None
    factors = _factors(rows.sum(0, keepdims=True), own.sum(0, keepdims=True))[0]
    values = _percent(_factors(_drawn(rows, draw), theirs))
    low, high = np.quantile(values, [0.025, 0.975])
    order, returns, wording = map(float, factors)
    return Sense(float(_percent(factors)), float(low), float(high), order, returns, wording, len(mine))


def sentences(text: str) -> list[str]:
    """The sentences and lines of a text, each of at least four words: shorter ones go with the next."""
    found: list[str] = []
    held = ""
    ends = [match.end() for match in _END.finditer(text)]
    for start, end in itertools.pairwise([0, *ends, len(text)]):
        held = f"{held} {text[start:end].strip()}".strip()
        if len(held.split()) >= _LEAST:
            found.append(held)
            held = ""
    return [*found, held] if held else found


def count_returns(text: str, common: Collection[str]) -> tuple[int, int]:
    """How many words of a text had come up shortly before, and how many could have."""
    found = words(text)
    stems = [word[:_STEM] for word in found]
    repeated = _in_phrases(found)
    returned = chances = 0
    for place in range(_FIRST, len(found)):
        word = found[place]
        if len(word) < _LEAST or word in common or word.isdigit() or place in repeated:
            continue
        chances += 1
        returned += stems[place] in stems[max(0, place - _BACK) : place - _NEAR]
    return returned, chances


def _in_phrases(found: Sequence[str]) -> set[int]:
    """Places of words that belong to a phrase that stood before."""
    seen: set[tuple[str, ...]] = set()
    places: set[int] = set()
    for start in range(len(found) - _PHRASE + 1):
        phrase = tuple(found[start : start + _PHRASE])
        if phrase in seen:
            places.update(range(start, start + _PHRASE))
        seen.add(phrase)
    return places


def _others(size: int, choose: random.Random) -> list[list[int]]:
    """Three orders that are not the first one."""
    found: list[list[int]] = []
    while len(found) < _SHUFFLES:
        order = list(range(size))
        choose.shuffle(order)
        if order != sorted(order):
            found.append(order)
    return found


def _thread(text: str, nats: Sequence[npt.NDArray[np.float32]], common: Collection[str]) -> Thread:
    own, *others = (float(each.sum(dtype=np.float64)) for each in nats)
    size = nats[0].size
    returned, chances = count_returns(text, common)
    return Thread(
        order=(sum(others) / len(others) - own) / math.sqrt(size),
        expected=int((nats[0] < _EXPECTED).sum()),
        tokens=size,
        returned=returned,
        chances=chances,
    )


def _percent(factors: Counts) -> Counts:
    """The figure of factors (..., 3)."""
    order, returns, wording = np.moveaxis(factors, -1, 0)
    return np.asarray(100 * (_GIVEN + (1 - _GIVEN) * order) * returns * wording)


def _table(threads: Sequence[Thread]) -> Counts:
    """(passages, 6): order and 1, expected and tokens, returned and chances."""
    return np.array([[t.order, 1, t.expected, t.tokens, t.returned, t.chances] for t in threads], np.float64)


def _drawn(rows: Counts, draw: np.random.Generator) -> Counts:
    """The sums of the rows in each draw of the passages, with replacement: (draws, 6)."""
    count = len(rows)
    return np.asarray(draw.multinomial(count, np.full(count, 1 / count), size=_DRAWS) @ rows)


def _factors(mine: Counts, real: Counts) -> Counts:
    """(draws, 3): order, return and wording beside those of real posts, between 0 and 1."""
    ours, theirs = (
        np.stack([side[:, at] / np.maximum(side[:, at + 1], 1) for at in (0, 4, 2)], axis=1) for side in (mine, real)
    )
    return np.clip(ours / np.maximum(theirs, 1e-9), 0.0, 1.0)
