"""Refusal: how sure an index is that it says what is asked, and from where on it answers.

    surety(index, ranking)                 # 0 to 1
    calibrate(index).threshold             # 88% of another source's questions are below it

In: an index. Out: a threshold with its trade-off. The true questions are sentences of the blog whose own passages are
left out; the foreign ones are sentences and beginnings of sentences from the general text that came with the base.
"""

import bz2
import random
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from penname.ask.index import Index
from penname.ask.passages import count_words, sentences
from penname.ask.search import Ranking, search, support_of

_GENERAL = Path(__file__).resolve().parents[1] / "data" / "base" / "general.txt.bz2"
_QUESTIONS = 60
"""Of each kind; more make the first question wait."""
_REFUSED = 0.88
"""Share of the foreign questions that the threshold refuses."""
_LOWEST, _HIGHEST = 0.25, 0.75
USUAL = 0.4
"""The threshold of a blog of a few passages, too small for one of its own."""
_FEWEST = 8


@dataclass(frozen=True)
class Refusal:
    """From which surety on questions are answered, and what that costs on the questions it was chosen by."""

    threshold: float
    foreign_refused: float | None = None
    own_refused: float | None = None

    def to_json(self) -> dict[str, Any]:
        """A plain object, as the index keeps it."""
        return asdict(self)


def surety(index: Index, ranking: Ranking, without: Collection[int] = ()) -> float:
    """How much of the question the best passages hold in words, and in meaning where the index has vectors."""
    best = [found.number for found in ranking.found if found.number not in without][:5]
    support = support_of(index, ranking.terms, best)
    if ranking.nearness is None:
        return support
    near = max((ranking.nearness.get(number, 0.0) for number in best), default=0.0)
    return (support + max(0.0, near)) / 2


def calibrate(index: Index, seed: int = 0) -> Refusal:
    """Choose the threshold of a blog."""
    if index.count < _FEWEST:
        return Refusal(USUAL)
    draw = random.Random(seed)
    own = sorted(_own(index, draw))
    foreign = sorted(surety(index, search(index, question)) for question in _foreign(draw))
    least = foreign[min(len(foreign) - 1, int(_REFUSED * len(foreign)))]
    # Up to the next true question nothing is lost.
    above = [value for value in own if value > least]
    threshold = min(_HIGHEST, max(_LOWEST, (least + above[0]) / 2 if above else least))
    return Refusal(threshold, _below(foreign, threshold), _below(own, threshold))


def _own(index: Index, draw: random.Random) -> list[float]:
    """The sureties of sentences of the blog, their own passages left out."""
    numbers = [number for (number,) in index.connection.execute("SELECT number FROM passages")]
    found = []
    for number in draw.sample(numbers, min(_QUESTIONS, len(numbers))):
        listed = [each for each in sentences(index.passage(number).text) if 5 <= count_words(each) <= 25]
        if listed:
            # The sentence may stand in the neighbours too.
            found.append(surety(index, search(index, draw.choice(listed)), (number - 1, number, number + 1)))
    return found


def _foreign(draw: random.Random) -> list[str]:
    """Questions that the blog has no reason to answer: half whole sentences, half their beginnings."""
    text = bz2.decompress(_GENERAL.read_bytes()).decode("utf-8", "replace")
    listed = [each for each in sentences(text) if 6 <= count_words(each) <= 25 and each[0].isupper()]
    drawn = draw.sample(listed, min(_QUESTIONS, len(listed)))
    short = [" ".join(each.split()[: draw.randint(4, 6)]) for each in drawn[::2]]
    return [*short, *drawn[1::2]]


def _below(values: list[float], threshold: float) -> float:
    return sum(value < threshold for value in values) / (len(values) or 1)
