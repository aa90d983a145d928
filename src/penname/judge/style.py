"""Sentence length, punctuation and function words: figures of style.

In: texts. Out: a figure for each habit, by name.

    measure_style(passages, function_words=["the", "of", "and"])["commas per 1,000 words"]

Burrows's Delta and cosine Delta: how far a text's use of frequent words is from the blog's.

In: the blog's posts, generated passages. Out: distances to the blog, and where they lie among the blog's own.

    profile = profile_blog(training_texts, training_posts)
    deltas = measure_delta(profile, generated)
    deltas.burrows.percentile          # 0 to 100

Distances need long samples: at 200 words another author's text measures as near as the blog's own, at 2,000
it is told apart. So passages are put together into samples of about `size` words. The blog's own distances
come from samples made in the same way: windows of as many posts as prompted the generated passages, shuffled,
against the rest of the blog. A percentile near 50 is what real posts get; near 0 is flatter than real posts;
near 100 is another voice. Of a very long post, no more than twice the mean is taken.

Burrows 2002 (z-scores, mean absolute difference); Evert et al. 2017 (cosine of z-scores). A single author is
the origin of his own z-scores and has no direction from there. Cosine Delta therefore takes z-scores over the
blog's samples and as many of `background`, texts by others, and is left out where there are none.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from penname.corpus.words import Passage, words

_SENTENCE_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)|\n\s*\n""")
_MARKS = {
    "commas": ",",
    "full stops": r"(?<!\.)\.(?![.\w])",
    "colons": r":(?!//)",
    "semicolons": ";",
    "dashes": r"[—–]|(?<=\s)--?(?=\s)|(?<=\w)--(?=\w)",
    "hyphens": r"(?<=\w)-(?=\w)",
    "parentheses": r"\(",
    "exclamation marks": "!",
    "question marks": r"\?",
    "quotation marks": '["“”„«»]',
    "apostrophes": r"(?<=\w)['’](?=\w)",
    "ellipses": r"…|\.\.\.",
    "paragraph breaks": r"\n\s*\n",
}
PUNCTUATION = {f"{name} per 1,000 words": re.compile(pattern) for name, pattern in _MARKS.items()}


def sentence_lengths(text: str) -> list[int]:
    """Words of each sentence; sentences end at `.`, `!`, `?`, `…` before white space, and at blank lines.

    Pieces without a word do not count. The last one counts although a passage may cut it.
    """
    return [count for piece in _SENTENCE_END.split(text) if (count := len(words(piece)))]


def measure_style(texts: Sequence[str], function_words: Sequence[str]) -> dict[str, float]:
    """The mean sentence length and its spread in words, and rates per 1,000 words of marks and of words."""
    found = Counter(word for text in texts for word in words(text))
    lengths = [length for text in texts for length in sentence_lengths(text)]
    scale = 1000 / max(1, found.total())
    mean = sum(lengths) / max(1, len(lengths))
    variance = sum((length - mean) ** 2 for length in lengths) / max(1, len(lengths))
    figures = {"sentence length, words": mean, "sentence length, spread": variance**0.5}
    for name, pattern in PUNCTUATION.items():
        figures[name] = scale * sum(len(pattern.findall(text)) for text in texts)
    for word in function_words:
        figures[word_figure(word)] = scale * found[word]
    return figures


def word_figure(word: str) -> str:
    """The name of the figure for a function word."""
    return f"“{word}” per 1,000 words"


def find_function_words(passages: Iterable[str], count: int = 50) -> list[str]:
    """The `count` words that occur in the most passages, whatever the language: nearly all function words.

    Counting passages, not occurrences, keeps out the words that a few posts use often.
    """
    spread = Counter(word for passage in passages for word in set(words(passage)))
    return [word for word, _ in sorted(spread.items(), key=lambda item: (-item[1], item[0]))[:count]]


Floats = npt.NDArray[np.float64]

WINDOW = 200
"""Words of a window, the unit that samples are made of: the length of a generated passage."""
_SAMPLES = 20
_ROUNDS = 4


@dataclass(frozen=True)
class Profile:
    """A blog's use of its most frequent words.

    `vocabulary` lists them; `counts` (windows, words + 1) holds their counts in each window of the posts, all
    other words in the last column; `posts` (windows,) the post of each window; `background` the same for
    windows of texts by others; `size` the words of a sample.
    """

    vocabulary: tuple[str, ...]
    counts: Floats
    posts: npt.NDArray[Any]
    background: Floats
    size: int


@dataclass(frozen=True)
class Distance:
    """The mean distance of generated samples to the blog, the blog's own mean and spread, and the percentile.

    `percentile` is the share (0 to 100) of the blog's own distances that are smaller. `samples` and `own_samples` hold
    the single distances.
    """

    value: float
    own: float
    own_spread: float
    percentile: float
    samples: tuple[float, ...] = ()
    own_samples: tuple[float, ...] = ()


@dataclass(frozen=True)
class Deltas:
    """Both distances; `samples` of `size` words of generated text, `own_samples` of the blog."""

    burrows: Distance
    cosine: Distance | None
    size: int
    samples: int
    own_samples: int


def profile_blog(
    texts: Sequence[str], posts: Sequence[str | int], background: Sequence[str] = (), count: int = 300
) -> Profile:
    """Count the `count` most frequent words in the windows of all posts, and of texts by others.

    Samples have 2,000 words; fewer, but at least 500, where the blog has not 20 such samples.
    """
    found = [words(text) for text in texts]
    totals = Counter(word for post in found for word in post)
    vocabulary = tuple(word for word, _ in totals.most_common(count))
    size = max(500, min(2000, totals.total() // _SAMPLES))
    counts, places = _count_windows(found, vocabulary)
    counts, places = _shorten(counts, places)
    others, _ = _count_windows([words(text) for text in background], vocabulary)
    return Profile(vocabulary, counts, np.array(posts)[places], others, size)


def measure_delta(profile: Profile, generated: Sequence[Passage], seed: int = 0) -> Deltas | None:
    """Compare generated passages with the blog; None where there is too little text for a sample of each.

    `generated` name the posts that prompted them; only their number matters here.
    """
    random = np.random.default_rng(seed)
    counts, _ = _count_windows([words(passage.text) for passage in generated], profile.vocabulary)
    samples = _samples(counts, profile.size, random)
    group = max(1, len({passage.post for passage in generated}))
    own = _own_samples(profile, group, random)
    if not len(samples) or not own:
        return None
    centre = _rates(profile.counts.sum(axis=0))
    blog = _samples(profile.counts, profile.size, random)
    others = _samples(profile.background, profile.size, random)
    mean, spread = _scale(blog)
    burrows = _distance([_burrows(rates, rest, spread) for rates, rest in own], _burrows(samples, centre, spread))
    cosine = None
    if len(others):
        few = min(len(blog), len(others))
        mean, spread = _scale(np.concatenate([blog[:few], others[:few]]))
        cosine = _distance(
            [_cosine(rates, rest, mean, spread) for rates, rest in own],
            _cosine(samples, centre, mean, spread),
        )
    return Deltas(burrows, cosine, profile.size, len(samples), sum(len(rates) for rates, _ in own))


def _count_windows(texts: Sequence[Sequence[str]], vocabulary: Sequence[str]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Counts (windows, vocabulary + 1) in windows of `WINDOW` words, last ones shorter; their texts."""
    numbers = {word: number for number, word in enumerate(vocabulary)}
    rest = len(vocabulary)
    rows, places = [np.zeros((0, rest + 1))], []
    for place, text in enumerate(texts):
        ids = np.array([numbers.get(word, rest) for word in text], np.int64)
        if not len(ids):
            continue
        window = np.arange(len(ids)) // WINDOW
        size = int(window[-1]) + 1
        flat = np.bincount(window * (rest + 1) + ids, minlength=size * (rest + 1))
        rows.append(flat.reshape(size, rest + 1).astype(np.float64))
        places += [place] * size
    return np.concatenate(rows), np.array(places, np.int64)


def _shorten(counts: Floats, places: npt.NDArray[np.int64]) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Leave out the last windows of posts that have more than ten, and more than twice the mean."""
    if not len(places):
        return counts, places
    sizes = np.bincount(places)
    most = max(10, int(2 * sizes[sizes > 0].mean()))
    starts = np.cumsum(sizes) - sizes
    kept = np.arange(len(places)) - starts[places] < most
    return counts[kept], places[kept]


def _samples(counts: Floats, size: int, random: np.random.Generator) -> Floats:
    """Rates (samples, words) of samples of at least `size` words, put together from shuffled windows."""
    counts = counts[random.permutation(len(counts))]
    end = np.cumsum(counts.sum(axis=1))
    if not len(end) or end[-1] < size:
        return np.zeros((0, counts.shape[1] - 1))
    number = np.minimum((end - 1) // size, end[-1] // size - 1).astype(np.int64)
    starts = np.flatnonzero(np.diff(number, prepend=-1))
    return _rates(np.add.reduceat(counts, starts, axis=0))


def _rates(counts: Floats) -> Floats:
    rates: Floats = counts[..., :-1] / np.maximum(counts.sum(axis=-1, keepdims=True), 1)
    return rates


def _own_samples(profile: Profile, group: int, random: np.random.Generator) -> list[tuple[Floats, Floats]]:
    """Samples of groups of posts, with the rates of the rest of the blog, over several shuffles."""
    names = np.unique(profile.posts)
    group = max(1, min(group, len(names) // 2))
    found = []
    for _ in range(_ROUNDS):
        order = random.permutation(names)
        for start in range(0, len(order) - group + 1, group):
            inside = np.isin(profile.posts, order[start : start + group])
            samples = _samples(profile.counts[inside], profile.size, random)[:_SAMPLES]
            if len(samples) and not inside.all():
                found.append((samples, _rates(profile.counts[~inside].sum(axis=0))))
    return found


def _scale(rates: Floats) -> tuple[Floats, Floats]:
    spread = rates.std(axis=0)
    return rates.mean(axis=0), np.where(spread > 0, spread, np.inf)


def _burrows(rates: Floats, centre: Floats, spread: Floats) -> Floats:
    distances: Floats = np.abs((rates - centre) / spread).mean(axis=1)
    return distances


def _cosine(rates: Floats, centre: Floats, mean: Floats, spread: Floats) -> Floats:
    one, two = (rates - mean) / spread, (centre - mean) / spread
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(two)
    distances: Floats = 1 - (one @ two) / np.maximum(lengths, 1e-12)
    return distances


def _distance(own: list[Floats], generated: Floats) -> Distance:
    all_own, value = np.concatenate(own), float(generated.mean())
    percentile = 100 * float(np.mean(all_own < value))
    return Distance(
        value,
        float(all_own.mean()),
        float(all_own.std()),
        percentile,
        tuple(generated.tolist()),
        tuple(all_own.tolist()),
    )
