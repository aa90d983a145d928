"""The voice: generated text beside real text, and how far real text is from itself.

In: generated passages, held-out and training posts. Out: every figure for generated text, for held-out posts,
and between two halves of the real blog at the same amount of text: that is what "good" looks like for it.

    voice = measure_voice(generated, heldout, training, background=replay_texts)
    for row in voice.rows():
        print(*row)
"""

import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from penname.corpus.words import Passage, draw_early, draw_evenly, windows
from penname.judge.classifier import Auc, real_vs_generated
from penname.judge.style import (
    Deltas,
    Distance,
    find_function_words,
    measure_delta,
    measure_style,
    profile_blog,
    word_figure,
)

_SPLITS = 3
_PASSAGES = 1000
_LENGTHS = (200, 150, 100, 50)


@dataclass(frozen=True)
class Figure:
    """One habit: its figure for generated text, for held-out posts, and its difference between two halves.

    `halves` is the mean absolute difference of the figure between two halves of the real blog.
    """

    name: str
    generated: float
    heldout: float
    halves: float

    @property
    def difference(self) -> float:
        """How far generated text is from held-out text."""
        return abs(self.generated - self.heldout)


@dataclass(frozen=True)
class Voice:
    """All figures of voice.

    `auc` and `delta` compare generated text with real text (None where there is too little of either);
    `halves_auc` holds the same area between two halves of the real blog, one for each split, `heldout_delta`
    the held-out posts' own distances. `figures` are habits of style; `function_words` takes those of words
    together: their mean absolute difference. `passages` of `words` words were compared.
    """

    auc: Auc | None
    halves_auc: tuple[float, ...]
    delta: Deltas | None
    heldout_delta: Deltas | None
    figures: tuple[Figure, ...]
    function_words: Figure
    words: int
    passages: int
    control_auc: Auc | None = None
    """The same area for passages of the bare base."""
    control_delta: Deltas | None = None

    def rows(self) -> list[tuple[str, float | None, float | None, float | None]]:
        """(name, generated, held-out, between two halves of the blog) for a table."""
        halves = sum(self.halves_auc) / len(self.halves_auc) if self.halves_auc else None
        area = self.auc.value if self.auc else None
        table: list[tuple[str, float | None, float | None, float | None]] = [
            ("real against generated, AUC", area, None, halves)
        ]
        for name, title in (("burrows", "Burrows's Delta"), ("cosine", "cosine Delta")):
            mine: Distance | None = getattr(self.delta, name, None)
            theirs: Distance | None = getattr(self.heldout_delta, name, None)
            if mine and theirs:
                table.append((title, mine.value, theirs.value, mine.own))
                table.append((f"{title}, percentile", mine.percentile, theirs.percentile, 50.0))
        table += [(f.name, f.generated, f.heldout, f.halves) for f in (*self.figures, self.function_words)]
        return table

    def furthest(self, count: int = 5) -> list[Figure]:
        """The habits furthest from held-out text, in units of the difference between halves.

        A unit is at least the standard deviation of the difference of two counts of rare events.
        """
        thousands = max(1, self.words * self.passages) / 1000

        def units(figure: Figure) -> float:
            rate = figure.name.endswith("per 1,000 words")
            chance = math.sqrt((figure.generated + figure.heldout) / thousands) if rate else 0.0
            return figure.difference / max(figure.halves, chance, 1 / thousands)

        return sorted(self.figures, key=units, reverse=True)[:count]


def measure_voice(
    generated: Sequence[Passage],
    heldout: Sequence[Passage],
    training: Sequence[Passage],
    background: Sequence[str] = (),
    seed: int = 0,
    behind: Callable[[str], str] = str,
    control: Sequence[Passage] = (),
) -> Voice:
    """Measure the voice of `generated` passages against whole `heldout` and `training` posts.

    A generated passage bears the number of the held-out post whose opening prompted it; a held-out or
    training passage is a whole post. `background` are texts by others, such as the base's replay text, for
    cosine Delta. All are cut to one length, the longest of 200, 150, 100 and 50 words that most generated
    passages have and that the real posts yield enough of.

    The classifier compares like with like: `behind` gives what of a post stands behind its opening, and real
    passages begin there, of held-out posts first, as generated ones do. Otherwise it would tell introductions from
    the middle of posts. `control` are passages of the bare base, judged in the same way. Figures of style and Delta
    take held-out posts as a whole, evenly over the posts.
    """
    rests = [[Passage(behind(p.text), p.post) for p in group] for group in (heldout, training)]
    length = _common_length(generated, [*rests[0], *rests[1]])
    made = _cut(generated, length)
    count = len(made)
    trained = _cut(training, length)
    held = draw_evenly(_cut(heldout, length), count, seed)
    real = draw_early(rests, length, count, seed)
    profile = profile_blog([p.text for p in training], [p.post for p in training], background)
    function_words = find_function_words(p.text for p in draw_evenly(trained, _PASSAGES, seed))
    halves = [_halves(trained, count, split) for split in range(seed, seed + _SPLITS)]
    # One pass over the folds each: the splits differ already, and only their mean is told.
    auc_halves = [
        real_vs_generated(*_early_halves(rests[1], length, count, split), repeats=1, seed=seed)
        for split in range(seed, seed + _SPLITS)
    ]
    figures, together = _style(made, held or real, halves, function_words)
    return Voice(
        auc=real_vs_generated(real, made, seed=seed),
        halves_auc=tuple(auc.value for auc in auc_halves if auc),
        delta=measure_delta(profile, generated, seed),
        heldout_delta=measure_delta(profile, held, seed),
        figures=figures,
        function_words=together,
        words=length,
        passages=count,
        control_auc=real_vs_generated(real, _cut(control, length), seed=seed),
        control_delta=measure_delta(profile, control, seed),
    )


def _style(
    made: Sequence[Passage],
    real: Sequence[Passage],
    halves: Sequence[tuple[list[Passage], list[Passage]]],
    function_words: Sequence[str],
) -> tuple[tuple[Figure, ...], Figure]:
    """Every habit as a figure, and the function words taken together."""
    mine, theirs = (measure_style([p.text for p in group], function_words) for group in (made, real))
    pairs = [tuple(measure_style([p.text for p in half], function_words) for half in split) for split in halves]
    apart = {name: sum(abs(one[name] - two[name]) for one, two in pairs) / max(1, len(pairs)) for name in mine}
    figures = tuple(Figure(name, mine[name], theirs[name], apart[name]) for name in mine)
    names = [word_figure(word) for word in function_words]
    scale = max(1, len(names))
    together = Figure(
        "function words per 1,000 words, mean difference",
        sum(abs(mine[name] - theirs[name]) for name in names) / scale,
        0.0,
        sum(apart[name] for name in names) / scale,
    )
    return figures, together


def _common_length(generated: Sequence[Passage], real: Sequence[Passage]) -> int:
    lengths = [len(passage.text.split()) for passage in generated]
    stock = [len(passage.text.split()) for passage in real]
    for length in _LENGTHS:
        enough = sum(size // length for size in stock) >= len(generated)
        if enough and sum(size >= length for size in lengths) >= 0.8 * len(lengths):
            return length
    return _LENGTHS[-1]


def _cut(passages: Sequence[Passage], length: int) -> list[Passage]:
    return [Passage(piece, p.post) for p in passages for piece in windows(p.text, length)]


def _halves(passages: Sequence[Passage], count: int, split: int) -> tuple[list[Passage], list[Passage]]:
    """Two halves of the posts, by a stable hash, `count` passages of each."""
    one, two = _split(passages, split)
    return draw_evenly(one, count, split), draw_evenly(two, count, split)


def _early_halves(posts: Sequence[Passage], length: int, count: int, split: int) -> tuple[list[Passage], list[Passage]]:
    """The same with passages from the beginnings of the posts."""
    one, two = _split(posts, split)
    return draw_early([one], length, count, split), draw_early([two], length, count, split)


def _split(passages: Sequence[Passage], split: int) -> tuple[list[Passage], list[Passage]]:
    halves: tuple[list[Passage], list[Passage]] = ([], [])
    for passage in passages:
        digest = hashlib.blake2b(f"{split} {passage.post}".encode(), digest_size=8).digest()
        halves[digest[0] & 1].append(passage)
    return halves
