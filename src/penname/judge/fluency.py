"""Fluency: known words, repetition, variety, and whether a post finds its end.

In: generated passages, held-out posts, a vocabulary. Out: each figure beside that of held-out posts.

    measure_fluency(generated, heldout, vocabulary, ended).rep[4]
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from penname.corpus.words import draw_evenly, post_windows, words

LOOP = 0.25
"""Share of repeated 4-grams from which a passage counts as going round in circles."""


@dataclass(frozen=True)
class Fluency:
    """Figures of one set of passages.

    `known_word_rate`: see the function. `rep[n]`: mean share of repeated n-grams in a passage, n = 2 to 4.
    `distinct[n]`: distinct n-grams over all n-grams of all passages. `looping`: share of passages in which
    more than a quarter of the 4-grams are repeats. `ended`: share that ended by itself within the limit, None
    where that was not recorded.
    """

    known_word_rate: float
    rep: dict[int, float]
    distinct: dict[int, float]
    looping: float
    ended: float | None

    def rows(self) -> list[tuple[str, float | None]]:
        """(name, figure) for a table."""
        return [
            ("known words", self.known_word_rate),
            *((f"rep-{n}", value) for n, value in self.rep.items()),
            *((f"distinct-{n}", value) for n, value in self.distinct.items()),
            ("looping passages", self.looping),
            ("ended by itself", self.ended),
        ]


def measure_fluency(
    generated: Sequence[str],
    heldout: Sequence[str],
    vocabulary: Collection[str],
    ended: Sequence[bool] | None = None,
) -> tuple[Fluency, Fluency]:
    """The figures of generated passages, and of as many as long from held-out posts, evenly over the posts.

    `distinct` depends on the amount of text: compare it only between these two.
    """
    lengths = sorted(len(text.split()) for text in generated)
    size = max(1, lengths[len(lengths) // 2]) if lengths else 200
    pieces = draw_evenly(post_windows(heldout, range(len(heldout)), size), len(generated))
    own = [piece.text for piece in pieces] or list(heldout)
    finished = sum(ended) / len(ended) if ended else None
    return _measure(generated, vocabulary, finished), _measure(own, vocabulary, None)


def known_word_rate(text: str, vocabulary: Collection[str]) -> float:
    """The share of the words of `text` that `vocabulary` knows; 1.0 for a text without words.

    Numbers are known, and so is a word whose part before an apostrophe is (`kettle's`). Hand over a set.
    """
    return _known(words(text), vocabulary)


def collect_vocabulary(texts: Iterable[str], least: int = 1) -> set[str]:
    """The words that occur in `texts` at least `least` times."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(words(text))
    return {word for word, count in counts.items() if count >= least}


def rep_n(text: str, n: int) -> float:
    """1 - distinct / total n-grams of words in `text` (seq-rep-n, Welleck et al. 2019); 0.0 where none."""
    return _repeated(words(text), n)


def distinct_n(texts: Iterable[str], n: int) -> float:
    """Distinct over total n-grams of words across `texts` (Li et al. 2016); 1.0 where there are none."""
    return _distinct([words(text) for text in texts], n)


def _measure(texts: Sequence[str], vocabulary: Collection[str], ended: float | None) -> Fluency:
    found = [words(text) for text in texts]
    count = max(1, len(found))
    rep = {n: sum(_repeated(each, n) for each in found) / count for n in (2, 3, 4)}
    return Fluency(
        known_word_rate=_known([word for each in found for word in each], vocabulary),
        rep=rep,
        distinct={n: _distinct(found, n) for n in (1, 2, 3, 4)},
        looping=sum(_repeated(each, 4) > LOOP for each in found) / count,
        ended=ended,
    )


def _known(found: Sequence[str], vocabulary: Collection[str]) -> float:
    def knows(word: str) -> bool:
        return word in vocabulary or word.isdigit() or ("'" in word and word.split("'")[0] in vocabulary)

    return sum(map(knows, found)) / len(found) if found else 1.0


def _grams(found: Sequence[str], n: int) -> list[tuple[str, ...]]:
    return list(zip(*(found[start:] for start in range(n)), strict=False))


def _repeated(found: Sequence[str], n: int) -> float:
    grams = _grams(found, n)
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def _distinct(texts: Sequence[Sequence[str]], n: int) -> float:
    grams = [gram for found in texts for gram in _grams(found, n)]
    return len(set(grams)) / len(grams) if grams else 1.0
