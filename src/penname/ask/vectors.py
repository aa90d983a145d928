"""The vectors of an index: made for posts that have none, read back for a question.

    add_vectors(connection, meaning)
    near = nearness(index, meaning, "When was the shed built?")   # cosine by passage

In: an index's connection and the network. Out: rows of the table `vectors`, one a post, and cosines.
"""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penname.ask.meaning import SIZE, Meaning, gist, packed, repeated_words, similarities, unpacked
from penname.core import events

_TOGETHER = 512
"""Passages that are embedded before they are written."""


@dataclass(frozen=True)
class Nearness:
    """The cosine of a question and each passage, `values[i]` of passage `numbers[i]`, and of its whole post."""

    numbers: npt.NDArray[np.int64]
    values: npt.NDArray[np.float32]
    posts: npt.NDArray[np.float32]

    def places(self, numbers: Sequence[int]) -> list[int]:
        """Where passages stand in the lists."""
        order = np.argsort(self.numbers)
        found = np.searchsorted(self.numbers, np.array(numbers, np.int64), sorter=order)
        return [int(place) for place in order[found]]

    def of(self, numbers: Sequence[int]) -> dict[int, float]:
        """The cosine of each of these passages."""
        return dict(zip(numbers, self.values[self.places(numbers)].tolist(), strict=True)) if numbers else {}


def add_vectors(connection: sqlite3.Connection, meaning: Meaning) -> int:
    """Make vectors for the posts that have none; returns for how many passages."""
    rows = connection.execute(
        "SELECT post, text FROM passages WHERE post NOT IN (SELECT post FROM vectors) ORDER BY post, number"
    ).fetchall()
    posts: dict[int, list[str]] = {}
    for post, text in rows:
        posts.setdefault(post, []).append(text)
    waiting: dict[int, list[str]] = {}
    with events.task("Reading the meaning of passages", total=len(rows), unit="passages") as tell:
        for post, passages in posts.items():
            repeated = repeated_words(passages)
            waiting[post] = [gist(text, count) for text, count in zip(passages, repeated, strict=True)]
            if sum(map(len, waiting.values())) >= _TOGETHER:
                tell(_write(connection, meaning, waiting))
                waiting = {}
        tell(_write(connection, meaning, waiting))
    return len(rows)


def nearness(connection: sqlite3.Connection, meaning: Meaning, question: str) -> Nearness:
    """How near each passage, and each post as the mean of its passages, is to `question`."""
    stored = read_vectors(connection)
    values = similarities(stored.vectors, meaning.embed([question])[0])
    starts = np.cumsum([0, *stored.counts[:-1]])
    sums = np.add.reduceat(values, starts) if len(values) else values
    return Nearness(stored.numbers, values, np.repeat(sums / stored.lengths, stored.counts).astype(np.float32))


@dataclass(frozen=True)
class Stored:
    """The vectors of an index, shape (passages, 384), those of a post together.

    `numbers` are the passages' own, `counts` how many each post has, `lengths` those of the sum of its vectors.
    """

    numbers: npt.NDArray[np.int64]
    vectors: npt.NDArray[np.int8]
    counts: list[int]
    lengths: npt.NDArray[np.float32]


def read_vectors(connection: sqlite3.Connection) -> Stored:
    """The vectors of all passages that have one."""
    rows = connection.execute("SELECT first, length, data FROM vectors ORDER BY post").fetchall()
    vectors = unpacked(b"".join(data for *_, data in rows))
    counts = [len(data) // SIZE for *_, data in rows]
    firsts = np.repeat(np.array([first for first, *_ in rows], np.int64), counts)
    within = np.arange(len(vectors)) - np.repeat(np.cumsum([0, *counts])[:-1], counts)
    return Stored(firsts + within, vectors, counts, np.array([length for _, length, _ in rows], np.float32))


def _write(connection: sqlite3.Connection, meaning: Meaning, waiting: dict[int, list[str]]) -> int:
    texts = [text for passages in waiting.values() for text in passages]
    vectors = meaning.embed(texts) if texts else np.zeros((0, 0), np.float32)
    start = 0
    for post, passages in waiting.items():
        first = connection.execute("SELECT min(number) FROM passages WHERE post = ?", (post,)).fetchone()[0]
        own = vectors[start : start + len(passages)]
        length = float(np.linalg.norm(own.sum(0)))
        row = (post, first, length, packed(own))
        connection.execute("INSERT INTO vectors (post, first, length, data) VALUES (?, ?, ?, ?)", row)
        start += len(passages)
    return len(texts)
