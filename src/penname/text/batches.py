"""Batches of tokens: which window of which document is row r of step s is a pure function of the seed.

In: arrays of token ids with document ends. Out: `(rows, context + 1)` int64 arrays. Nothing is kept between steps, so a
run resumes at any step, on any number of devices, with the batches it would have seen.

    blog = Stream(ids, ends, context=512, seed=1, cap=0.2)
    base = Stream(replay_ids, replay_ends, context=512, seed=2)
    mix = Mixture([(blog, 0.25), (base, 0.75)], rows=16)
    batch = mix.batch(step=0)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Ids = npt.NDArray[Any]
Longs = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pass:
    """One pass over a stream: segments of documents in shuffled order, cut into windows in shuffled order."""

    starts: Longs
    """First token of each segment in the ids."""
    edges: Longs
    """Cumulative segment lengths: segment i covers the positions edges[i] to edges[i + 1] of the pass."""
    windows: Longs
    """First position of each window."""


class Stream:
    """Windows over documents, reshuffled at every pass.

    `cap` is the largest share of a pass that one document may take; a larger one gives another part of itself at each
    pass. `capped` names the documents that this touches.
    """

    def __init__(self, ids: Ids, ends: Longs, context: int, seed: int, cap: float = 1.0) -> None:
        if not ids.size:
            raise ValueError("a stream needs at least one token")
        self.ids, self.context, self.seed = ids, context, seed
        self.starts = np.concatenate([np.zeros(1, np.int64), ends[:-1]])
        self.lengths = ends - self.starts
        self.limits = _limits(self.lengths, cap)
        self.capped = np.flatnonzero(self.limits < self.lengths)
        self.tokens_per_pass = int(self.limits.sum())
        self.windows_per_pass = max(1, self.tokens_per_pass // context)

    def windows(self, first: int, count: int) -> Longs:
        """Windows `first` to `first + count` of the endless stream, as (count, context + 1) ids."""
        rows = np.empty((count, self.context + 1), np.int64)
        for row in range(count):
            number, window = divmod(first + row, self.windows_per_pass)
            self._fill(rows[row], number, window)
        return rows

    def _fill(self, row: Longs, number: int, window: int) -> None:
        order = _cached_pass(self, number)
        position = int(order.windows[window])
        total = int(order.edges[-1])
        filled = 0
        while filled < row.size:
            position %= total
            segment = int(np.searchsorted(order.edges, position, side="right")) - 1
            take = min(row.size - filled, int(order.edges[segment + 1]) - position)
            start = int(order.starts[segment]) + position - int(order.edges[segment])
            row[filled : filled + take] = self.ids[start : start + take]
            filled += take
            position += take

    def make_pass(self, number: int) -> Pass:
        """Lay out pass `number`: 0, 1, 2..."""
        generator = np.random.default_rng([self.seed, number])
        order = generator.permutation(self.lengths.size)
        lengths = self.limits[order]
        room = self.lengths[order] - lengths
        turn = np.where(room > 0, (number * lengths) % (room + 1), 0)
        edges = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        slack = self.tokens_per_pass - self.windows_per_pass * self.context
        offset = int(generator.integers(0, max(1, slack + 1)))
        windows = offset + self.context * generator.permutation(self.windows_per_pass).astype(np.int64)
        return Pass(self.starts[order] + turn, edges, windows)


@lru_cache(maxsize=8)
def _cached_pass(stream: Stream, number: int) -> Pass:
    return stream.make_pass(number)


def _limits(lengths: Longs, cap: float) -> Longs:
    """The most tokens each document gives to a pass, so that none exceeds `cap` of what the pass then holds."""
    if cap >= 1.0 or lengths.size * cap <= 1.0:
        return lengths
    ordered = np.sort(lengths)[::-1]
    rest = int(lengths.sum())
    for longer, length in enumerate(ordered):
        # With `longer` documents cut to x and the rest whole: x = cap * (longer * x + rest).
        cut = cap * rest / (1.0 - cap * longer) if cap * longer < 1.0 else float(length)
        if length <= cut:
            return np.minimum(lengths, max(1, int(cut)) if longer else lengths.max())
        rest -= int(length)
    return lengths


class Mixture:
    """Rows drawn from several streams in fixed shares; which row comes from where is fixed by arithmetic."""

    def __init__(self, parts: Sequence[tuple[Stream, float]], rows: int) -> None:
        wanted = [(stream, share) for stream, share in parts if share > 0]
        self.rows = rows
        self.context = wanted[0][0].context
        left = sum(share for _, share in wanted)
        self.parts: list[tuple[Stream, float]] = []
        for stream, share in wanted:
            self.parts.append((stream, share / left))
            left -= share

    def batch(self, step: int, first: int = 0, count: int | None = None) -> Longs:
        """Rows `first` to `first + count` of the `rows` of a step, as (count, context + 1) ids."""
        count = self.rows - first if count is None else count
        batch = np.empty((count, self.context + 1), np.int64)
        for row in range(count):
            stream, number = self.source(step * self.rows + first + row)
            batch[row] = stream.windows(number, 1)[0]
        return batch

    def source(self, row: int) -> tuple[Stream, int]:
        """Which stream gives row `row` of the run, and which of its windows: each takes its share, evenly spread."""
        for stream, share in self.parts[:-1]:
            before, after = (math.floor(number * share + 1e-9) for number in (row, row + 1))
            if after > before:
                return stream, before
            row -= before
        return self.parts[-1][0], row

    def from_part(self, part: int, step: int, first: int, count: int) -> tuple[bool, ...]:
        """Which of the rows `first` to `first + count` of a step come from stream number `part`."""
        rows = range(step * self.rows + first, step * self.rows + first + count)
        return tuple(self.source(row)[0] is self.parts[part][0] for row in rows)
