"""What was copied: an exact word-level index over the training posts, and its report.

In: plain texts. Out: the longest verbatim runs with their sources, and the share of 8-word sequences that
occur in the training posts, beside the same figures for held-out posts.

    index = CopyIndex(training_texts)
    index.longest_run("... as I always say in these posts ...").words

A verbatim run is a sequence of equal words. Case and punctuation are ignored and contractions count as two
words (`penname.judge.words.parts`), so that no usual way to count words finds a longer run.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import quantiles

import numpy as np
import numpy.typing as npt

from penname.corpus.words import LAST, part_spans, parts

_DEPTH = 24
"""Words compared in a first look-up; longer matches, which are rare, look again with more."""


@dataclass(frozen=True)
class Excerpt:
    """A run as it is written, with what stands before and after it."""

    before: str
    run: str
    after: str


@dataclass(frozen=True)
class Run:
    """The longest verbatim run of a text.

    `words` is its length (0: no word of the text occurs in the index), `text` the run as the text writes it,
    `start` its first character there, `post` the number of the source post in the order given to the index
    (-1 for none), `source_start` the first word of the run in that post.
    """

    words: int
    text: str
    start: int
    post: int
    source_start: int


class CopyIndex:
    """A suffix array over the words of the training posts (Manber and Myers 1993).

    Building takes n log n time and 12 bytes a word beside the texts; a look-up takes log n comparisons.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        posts = [parts(text) for text in self.texts]
        self.vocabulary = sorted({word for post in posts for word in post})
        self._ids = {word: number for number, word in enumerate(self.vocabulary)}
        self._words = array("i")
        self._starts: list[int] = []
        for number, post in enumerate(posts):
            self._starts.append(len(self._words))
            self._words.extend(map(self._ids.__getitem__, post))
            # A separator of its own after every post: no run crosses it.
            self._words.append(len(self.vocabulary) + number)
        self._order = array("i", suffix_array(np.frombuffer(self._words, np.int32)).tobytes())

    def __len__(self) -> int:
        """The number of words indexed."""
        return len(self._words) - len(self.texts)

    def contains(self, sequence: Sequence[str], prefix: str | None = None) -> bool:
        """Whether a post holds `sequence` in a row and then, if `prefix` is given, a word that begins so."""
        ids = [self._ids.get(word, -1) for word in sequence]
        if -1 in ids:
            return False
        if prefix is None:
            rank = self._rank(ids)
            return not ids or self._common(array("i", ids), rank) == len(ids)
        # Numbers follow the alphabet: the words that begin alike are neighbours.
        low = bisect_left(self.vocabulary, prefix)
        high = bisect_left(self.vocabulary, prefix + LAST)
        return self._rank([*ids, low]) < self._rank([*ids, high])

    def match_lengths(self, text: str) -> list[int]:
        """For each word of `text`, how many words from there on stand in a row in some post."""
        ids = self._numbers(text)
        return [self._match(ids, start)[0] for start in range(len(ids))]

    def longest_run(self, text: str) -> Run:
        """The longest run of `text` that stands verbatim in some post; the first one of several."""
        ids = self._numbers(text)
        best, length, place = 0, 0, -1
        for start in range(len(ids)):
            if start + length >= len(ids):
                break
            found, where = self._match(ids, start)
            if found > length:
                best, length, place = start, found, where
        if not length:
            return Run(0, "", 0, -1, -1)
        spans = part_spans(text)
        first, last = spans[best][0], spans[best + length - 1][1]
        post = bisect_left(self._starts, place + 1) - 1
        return Run(length, text[first:last], first, post, place - self._starts[post])

    def share_of_ngrams(self, text: str, n: int = 8) -> float:
        """The share of the `n`-word sequences of `text` that occur in the posts; 0.0 where it has none."""
        copied, total = self.count_ngrams([text], n)
        return copied / total if total else 0.0

    def count_ngrams(self, texts: Iterable[str], n: int = 8) -> tuple[int, int]:
        """How many `n`-word sequences of `texts` occur in the posts, and how many there are."""
        lengths = [self.match_lengths(text) for text in texts]
        return _count(lengths, n)

    def source(self, run: Run, around: int = 12) -> Excerpt:
        """The run as its post writes it, with `around` words on either side."""
        return excerpt(self.texts[run.post], run.source_start, run.words, around)

    def _numbers(self, text: str) -> "array[int]":
        return array("i", (self._ids.get(word, -1) for word in parts(text)))

    def _rank(self, ids: Sequence[int]) -> int:
        pattern = array("i", ids)
        size, text = len(pattern), self._words
        return bisect_left(self._order, pattern, key=lambda place: text[place : place + size])

    def _match(self, ids: "array[int]", start: int) -> tuple[int, int]:
        """The longest match of `ids[start:]` and its place among the words of the index."""
        if ids[start] < 0:
            return 0, -1
        depth = _DEPTH
        while True:
            pattern = ids[start : start + depth]
            rank = self._rank(pattern)
            # The longest match is a neighbour of where the pattern itself would stand.
            found = max((self._common(pattern, near), near) for near in (rank - 1, rank))
            if found[0] < depth:
                return found[0], self._order[found[1]] if found[0] else -1
            depth *= 4

    def _common(self, pattern: "array[int]", rank: int) -> int:
        if not 0 <= rank < len(self._order):
            return 0
        place = self._order[rank]
        other = self._words[place : place + len(pattern)]
        low, high = 0, min(len(pattern), len(other))
        while low < high:
            middle = (low + high + 1) // 2
            if pattern[low:middle] == other[low:middle]:
                low = middle
            else:
                high = middle - 1
        return low


def suffix_array(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """The order of the suffixes of `ids` (non-negative), by prefix doubling: n log n log(longest repeat)."""
    size = len(ids)
    if size < 2:
        return np.arange(size, dtype=np.int32)
    rank = np.unique(ids, return_inverse=True)[1].astype(np.int64)
    step = 1
    while True:
        second = np.zeros(size, np.int64)
        second[:-step] = rank[step:] + 1
        key = rank * (size + 1) + second
        order = np.argsort(key)
        ordered = key[order]
        rank[order] = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])])
        if rank[order[-1]] == size - 1:
            return order.astype(np.int32)
        step *= 2


def excerpt(text: str, start: int, length: int, around: int = 12) -> Excerpt:
    """The words `start` to `start + length` of `text` as written, with `around` words on either side."""
    spans = part_spans(text)
    first, last = spans[start][0], spans[start + length - 1][1]
    left = spans[max(0, start - around)][0]
    right = spans[min(len(spans), start + length + around) - 1][1]
    return Excerpt(text[left:first], text[first:last], text[last:right])


@dataclass(frozen=True)
class Copied:
    """One generated passage beside the post it shares its longest run with."""

    words: int
    passage: int
    post: int
    generated: Excerpt
    source: Excerpt


@dataclass(frozen=True)
class CopyReport:
    """What generated text shares with the training posts.

    `runs` and `heldout_runs` hold the longest run of each passage, in words, held-out posts cut into windows
    as long as the passages. `share` and `heldout_share` are shares of `n`-word sequences found in the
    training posts, `ratio` one over the other (see `smoothed_ratio`). `counts` holds for each passage its sequences
    that were found there, and all of them. `worst` is sorted, longest run first.
    """

    n: int
    longest: int
    longest_heldout: int
    runs: tuple[int, ...]
    heldout_runs: tuple[int, ...]
    share: float
    heldout_share: float
    ratio: float
    counts: tuple[tuple[int, int], ...]
    worst: tuple[Copied, ...]

    def rows(self) -> list[tuple[str, float, float]]:
        """(name, generated, held-out) for a table."""
        mine, theirs = run_quantiles(self.runs), run_quantiles(self.heldout_runs)
        return [
            ("longest run, words", self.longest, self.longest_heldout),
            *((f"longest run, {name} passage", mine[name], theirs[name]) for name in mine),
            (
                f"{self.n}-word sequences found in training posts, %",
                100 * self.share,
                100 * self.heldout_share,
            ),
        ]


def copy_report(
    generated: Sequence[str],
    heldout: Sequence[str],
    index: CopyIndex,
    n: int = 8,
    worst: int = 5,
    match: Callable[[str], list[int]] | None = None,
) -> CopyReport:
    """Measure copying of `generated` passages against `index`, beside that of the `heldout` posts.

    `match` stands in for `index.match_lengths`: one that remembers, where several reports share texts.
    """
    match = match or index.match_lengths
    lengths = [match(text) for text in generated]
    own = [match(text) for text in heldout]
    size = max(1, int(np.median([len(each) for each in lengths]))) if generated else 200
    heldout_runs = tuple(run for each in own for run in _window_runs(each, size))
    counts = tuple(_count([each], n) for each in lengths)
    copied, total = (sum(side) for side in zip(*counts, strict=True)) if counts else (0, 0)
    copied_own, total_own = _count(own, n)
    runs = tuple(max(each, default=0) for each in lengths)
    first = sorted(range(len(runs)), key=lambda number: -runs[number])[:worst]
    return CopyReport(
        n=n,
        longest=max(runs, default=0),
        longest_heldout=max((max(each, default=0) for each in own), default=0),
        runs=runs,
        heldout_runs=heldout_runs,
        share=copied / total if total else 0.0,
        heldout_share=copied_own / total_own if total_own else 0.0,
        ratio=smoothed_ratio(copied, total, copied_own, total_own),
        counts=counts,
        worst=tuple(_copied(index, generated[number], number) for number in first if runs[number]),
    )


def smoothed_ratio(copied: int, total: int, copied_own: int, total_own: int) -> float:
    """Share over own share, half a find added to both counts (Jeffreys), so that 0 finds divide."""
    return ((copied + 0.5) / (total + 1)) / ((copied_own + 0.5) / (total_own + 1))


def run_quantiles(runs: Sequence[int]) -> dict[str, float]:
    """The median, the 90th percentile and the mean of the runs; zeros where there are none."""
    if len(runs) < 2:
        only = float(runs[0]) if runs else 0.0
        return {"median": only, "90th percentile": only, "mean": only}
    tenths = quantiles(runs, n=10, method="inclusive")
    return {"median": tenths[4], "90th percentile": tenths[8], "mean": sum(runs) / len(runs)}


def _count(lengths: Iterable[list[int]], n: int) -> tuple[int, int]:
    copied = total = 0
    for each in lengths:
        starts = each[: max(0, len(each) - n + 1)]
        copied += sum(length >= n for length in starts)
        total += len(starts)
    return copied, total


def _window_runs(lengths: list[int], size: int) -> list[int]:
    """The longest run inside each window of `size` words; a text shorter than that is one window."""
    last = max(1, len(lengths) - size + 1)
    return [
        max(
            (min(length, size - place) for place, length in enumerate(lengths[first : first + size])),
            default=0,
        )
        for first in range(0, last, size)
    ]


def _copied(index: CopyIndex, text: str, number: int) -> Copied:
    run = index.longest_run(text)
    start = sum(1 for first, _ in part_spans(text) if first < run.start)
    return Copied(run.words, number, run.post, excerpt(text, start, run.words), index.source(run))
