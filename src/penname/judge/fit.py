"""What no neural network is needed for: a 5-gram model and xz, in bits per byte on held-out text.

In: token ids of the same tokenizer, or text. Out: bits.

    model = KneserNey(training_documents, vocab_size=16_384, end=0)
    bits = model.bits(document)                    # one figure a document, to divide by its bytes
    xz_bits_per_byte(training_text, test_text)

The n-gram model is interpolated modified Kneser-Ney (Chen and Goodman 1998) over token ids. Its vocabulary is
closed, its lowest order interpolates with the uniform distribution over all `vocab_size` ids, and byte-level
tokens encode any text: so it is a proper model of bytes, comparable with the network's bits per byte.

What needs no network: a 5-gram model and xz on the held-out posts, beside the networks' work where that is possible.

    with beside(device, lambda: measure_baselines(subject, posts, parts, options)) as baselines:
        ...                                    # the networks' turn
        found = baselines()

In: a subject and the posts that are scored. Out: bits of each post under the 5-gram model, bits per byte of xz.

Fit: bits per byte on held-out posts, beside what else could predict them, and what the base forgot.

In: a subject. Out: each figure with its interval over posts.

    fit = measure_fit(subject, parts, device, options, baselines)
    fit.adapted.value, fit.base.value, fit.forgetting.value

A post is its title, a blank line and its text. The 5-gram model and xz learn from the training posts alone. Forgetting
is bits per byte of the adapted model minus the base's, on general texts that neither was trained on.
"""

import contextlib
import lzma
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from penname.core import events
from penname.core.device import Device
from penname.corpus.tokenizer import encode_all
from penname.judge.figures import Interval, bits_per_byte_interval, difference_interval
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject, texts_key
from penname.model.score import score_texts

Ids = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Level:
    """The n-grams of one order. An n-gram is a context, the number of an (n-1)-gram, and a token.

    `keys` (sorted) are context * vocabulary + token; `counts` are theirs: raw in the highest order, below it
    the number of distinct tokens that precede. For each context: `totals`, the sum of its counts, and `back`,
    the share that discounting leaves to the lower order.
    """

    keys: Ids
    counts: Ids
    totals: Ids
    back: Floats
    discounts: Floats


class KneserNey:
    """An n-gram model over token ids. Training takes a few seconds for a million tokens on one core."""

    def __init__(self, documents: Sequence[Sequence[int] | Ids], vocab_size: int, end: int = 0, order: int = 5) -> None:
        self.vocab_size, self.end, self.order = vocab_size, end, order
        stream = np.concatenate([np.array([end], np.int64), *(np.append(d, end) for d in documents)])
        self._levels = _count_levels(stream.astype(np.int64), vocab_size, order)

    def bits(self, document: Sequence[int] | Ids, end: bool = False) -> float:
        """Bits (-log2 of the probability) of a document after an end-of-text token, with its own if asked."""
        ids = np.concatenate([[self.end], np.asarray(document, np.int64), [self.end] if end else []])
        return float(-np.log2(self.probabilities(ids.astype(np.int64))).sum())

    def probabilities(self, ids: Ids) -> Floats:
        """The probability (n - 1,) of each token of `ids` (n,) but the first, given those before it."""
        targets = ids[1:]
        probability = np.full(len(targets), 1 / self.vocab_size)
        for size, level in enumerate(self._levels):
            context = self._contexts(ids, size)
            probability = _interpolate(level, context, targets, probability, self.vocab_size)
        return probability

    def distribution(self, context: Sequence[int]) -> Floats:
        """The probability of every token (vocab_size,) after `context`."""
        probability = np.full(self.vocab_size, 1 / self.vocab_size)
        targets = np.arange(self.vocab_size)
        for size, level in enumerate(self._levels):
            if size > len(context):
                break
            ids = np.append(np.asarray(context, np.int64)[len(context) - size :], 0)
            number = self._contexts(ids, size)[-1] if size else 0
            probability = _interpolate(level, np.full(self.vocab_size, number), targets, probability, self.vocab_size)
        return probability

    def _contexts(self, ids: Ids, size: int) -> Ids:
        """The number of the `size`-gram before each token but the first; -1 where it is not known."""
        places = len(ids) - 1
        number = np.where(np.arange(places) >= size - 1, 0, -1)
        for step in range(size):
            shift = size - 1 - step
            token = np.zeros(places, np.int64)
            token[shift:] = ids[: max(0, places - shift)]
            number = _find(self._levels[step].keys, number, token, self.vocab_size)
        return number


def xz_bits_per_byte(training_text: str, test_text: str) -> float:
    """Bits per byte of `test_text` by xz -9e that has seen `training_text`: the growth of the file."""
    training, test = training_text.encode(), test_text.encode()
    if not test:
        return 0.0
    window = len(training) + len(test)
    # Compression lets other threads run: the two take as long as one where there are two cores.
    with ThreadPoolExecutor(2) as threads:
        both, alone = threads.map(_xz_size, (training + test, training), (window, window))
    return 8 * (both - alone) / len(test)


def _xz_size(data: bytes, window: int) -> int:
    dictionary = max(1 << 16, 1 << (window - 1).bit_length())
    settings = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": dictionary}
    return len(lzma.compress(data, format=lzma.FORMAT_XZ, check=lzma.CHECK_NONE, filters=[settings]))


def _count_levels(stream: Ids, vocab_size: int, order: int) -> list[_Level]:
    """Count the n-grams of all orders; `number[i]` is that of the n-gram that starts at place i."""
    numbers: list[Ids] = []
    keys: list[Ids] = []
    number = np.zeros(len(stream) + 1, np.int64)
    for size in range(1, order + 1):
        last = stream[size - 1 :]
        found, number = np.unique(number[: len(last)] * vocab_size + last, return_inverse=True)
        keys.append(found)
        numbers.append(number)
    levels = []
    for size in range(order):
        if size == order - 1:
            counts = np.bincount(numbers[size], minlength=len(keys[size]))
        else:
            # Each distinct longer n-gram adds one to its end, which starts a place later.
            first = np.zeros(len(keys[size + 1]), np.int64)
            first[numbers[size + 1]] = np.arange(len(numbers[size + 1]))
            counts = np.bincount(numbers[size][first + 1], minlength=len(keys[size]))
        contexts = len(keys[size - 1]) if size else 1
        levels.append(_level(keys[size], counts, contexts, vocab_size))
    return levels


def _level(keys: Ids, counts: Ids, contexts: int, vocab_size: int) -> _Level:
    context = keys // vocab_size
    discounts = _discounts(counts)
    totals = np.bincount(context, counts, minlength=contexts)
    kept = np.bincount(context, counts - discounts[np.minimum(counts, 3)], minlength=contexts)
    back = np.where(totals > 0, 1 - kept / np.maximum(totals, 1), 1.0)
    return _Level(keys, counts, totals.astype(np.int64), back, discounts)


def _discounts(counts: Ids) -> Floats:
    """What counts of 0, 1, 2 and 3 or more lose (Chen and Goodman 1998, equation 26)."""
    one, two, three, four = (int(np.sum(counts == number)) for number in (1, 2, 3, 4))
    if not (one and two and three and four):
        # Too little text to estimate them.
        return np.array([0.0, 0.5, 1.0, 1.5])
    share = one / (one + 2 * two)
    found = [1 - 2 * share * two / one, 2 - 3 * share * three / two, 3 - 4 * share * four / three]
    return np.array([0.0, *(min(max(value, 0.05), n - 0.05) for n, value in enumerate(found, 1))])


def _find(keys: Ids, context: Ids, token: Ids, vocab_size: int) -> Ids:
    """The number of each n-gram among `keys`, -1 where it is not."""
    if not len(keys):
        return np.full(len(token), -1)
    wanted = context * vocab_size + token
    place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return np.where((context >= 0) & (keys[place] == wanted), place, -1)


def _interpolate(level: _Level, context: Ids, targets: Ids, lower: Floats, vocab_size: int) -> Floats:
    """This order's discounted estimate plus its share of the lower order's; that alone where unknown."""
    if not len(level.keys):
        return lower
    place = _find(level.keys, context, targets, vocab_size)
    count = np.where(place >= 0, level.counts[place], 0)
    total = np.where(context >= 0, level.totals[context], 0)
    own = (count - level.discounts[np.minimum(count, 3)]) / np.maximum(total, 1)
    back = np.where(total > 0, level.back[context], 1.0)
    return np.where(total > 0, own, 0.0) + back * lower


Found = TypeVar("Found")


@dataclass(frozen=True)
class Baselines:
    """Bits of each post under a 5-gram model of the training posts, and bits per byte of xz; None if not wanted."""

    ngram: list[float] | None = None
    xz: float | None = None


def measure_baselines(subject: Subject, posts: Sequence[str], parts: Parts, options: JudgeOptions) -> Baselines:
    """Fit the 5-gram model on the training posts, over the model's own tokens, and let xz see them."""
    if not options.baselines:
        return Baselines()
    training = [post.document for post in subject.training]
    key: dict[str, Any] = {"training": texts_key(training), "texts": texts_key(list(posts))}
    loaded = subject.adapted.loaded
    written = loaded.tokenizer.to_str()

    def ngram() -> list[float]:

        # One of its own: encoding changes a flag of the tokenizer, and another thread may be encoding.
        tokenizer = Tokenizer.from_str(written)
        model = KneserNey(encode_all(tokenizer, training), loaded.config.vocab_size, loaded.end)
        return [model.bits(ids) for ids in encode_all(tokenizer, posts)]

    with events.task("Fitting a 5-gram model and xz"):
        return Baselines(
            parts.get("5-gram", key | {"tokenizer": texts_key([written])}, ngram),
            parts.get("xz", key, lambda: xz_bits_per_byte("\n\n".join(training), "\n\n".join(posts))),
        )


@contextlib.contextmanager
def beside(device: Device, work: Callable[[], Found]) -> Iterator[Callable[[], Found]]:
    """Do `work` in another thread while the block runs, if the networks are not on the CPU too; else when asked.

    The yielded function gives the result, or raises what `work` raised.
    """
    if device.kind == "cpu":
        yield work
        return
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work).result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


Bits = list[float]
_GENERAL = 150_000
"""Characters of general text that are scored at most."""


@dataclass(frozen=True)
class Fit:
    """Bits per byte on held-out posts; None for what was not measured, with the reason in `notes`.

    `gain` is adapted minus base on the same posts (negative is better), `forgetting` the same on general texts. `posts`
    held-out posts of `size` bytes were scored, of `posts_in_all`.
    """

    adapted: Interval
    base: Interval | None
    gain: Interval | None
    scratch: Interval | None
    ngram: Interval | None
    xz: float | None
    forgetting: Interval | None
    general_base: float | None
    posts: int
    posts_in_all: int
    size: int
    notes: tuple[str, ...]

    def rows(self) -> list[tuple[str, Interval]]:
        """(name, bits per byte) of all that was measured, best last where all is well."""
        xz = None if self.xz is None else Interval(self.xz, self.xz, self.xz)
        named = (
            ("xz, given the training posts", xz),
            ("5-gram Kneser-Ney, same tokenizer", self.ngram),
            ("network from scratch", self.scratch),
            ("base before adaptation", self.base),
            ("adapted", self.adapted),
        )
        return [(name, interval) for name, interval in named if interval is not None]


def scored_posts(subject: Subject, options: JudgeOptions) -> list[str]:
    """The held-out posts that are scored."""
    return choose_texts([post.document for post in subject.heldout], options.share)


def measure_fit(
    subject: Subject, parts: Parts, device: Device, options: JudgeOptions, baselines: Callable[[], Baselines]
) -> Fit:
    """Score the held-out posts under every model, and general texts under the adapted one and its base."""
    posts = scored_posts(subject, options)
    sizes = [len(text.encode("utf-8")) for text in posts]
    notes = []
    adapted = _bits(subject.adapted, "adapted", posts, parts, device)
    base = _bits(subject.base, "base", posts, parts, device) if subject.base else None
    if base is None:
        notes.append("There is no base to compare with: this model was trained from scratch.")
    scratch = _bits(subject.scratch, "scratch", posts, parts, device) if subject.scratch else None
    if scratch is None and base is not None:
        notes.append("A network from scratch was not trained, so there is none to compare with.")
    forgetting, general = _forgetting(subject, parts, device, options, notes)
    others = baselines()
    return Fit(
        adapted=bits_per_byte_interval(adapted, sizes, options.seed),
        base=bits_per_byte_interval(base, sizes, options.seed) if base else None,
        gain=difference_interval(adapted, base, sizes, options.seed) if base else None,
        scratch=bits_per_byte_interval(scratch, sizes, options.seed) if scratch else None,
        ngram=bits_per_byte_interval(others.ngram, sizes, options.seed) if others.ngram else None,
        xz=others.xz,
        forgetting=forgetting,
        general_base=general,
        posts=len(posts),
        posts_in_all=len(subject.heldout),
        size=sum(sizes),
        notes=tuple(notes),
    )


def choose_texts(texts: Sequence[str], share: float, most: float = math.inf) -> list[str]:
    """All texts, or some of them, drawn at random: `share` of their characters and at most `most` of them, but at
    least 20,000 and three texts."""
    total = sum(map(len, texts))
    wanted = max(20_000, share * min(total, most))
    if wanted >= total:
        return list(texts)
    kept: list[str] = []
    size = 0
    for number in np.random.default_rng(0).permutation(len(texts)):
        if len(kept) >= 3 and size >= wanted:
            break
        kept.append(texts[number])
        size += len(texts[number])
    return kept


def _bits(candidate: Candidate, name: str, texts: Sequence[str], parts: Parts, device: Device) -> Bits:
    """Bits of each text under a model."""
    key = {"model": candidate.key, "texts": texts_key(list(texts))}

    def work() -> Any:
        loaded = candidate.loaded
        loaded.model.to(device.torch)
        events.note(f"Scoring {len(texts):,} texts under the {name} model.")
        scores = score_texts(loaded.model, loaded.tokenizer, texts, device, end=loaded.end, show=True)
        return [score.bits_per_byte * score.bytes if score.bytes else 0.0 for score in scores]

    found: Bits = parts.get(f"bits-{name}", key, work)
    return found


def _forgetting(
    subject: Subject, parts: Parts, device: Device, options: JudgeOptions, notes: list[str]
) -> tuple[Interval | None, float | None]:
    """Adapted minus base on general texts, and the base's own figure there."""
    if subject.base is None or not subject.general:
        if subject.base is not None:
            notes.append("The base brings no general text, so what it forgot was not measured.")
        return None, None
    if subject.general_note:
        notes.append(subject.general_note)
    if subject.base_is_open:
        notes.append(
            f"{subject.base_name} may have read this blog before, and the general English too: what it learned from is "
            "not known. Its own figure, and that of the adapted model, may then be too good, and the gain too small."
        )
    texts = choose_texts(subject.general, options.share, _GENERAL)
    sizes = [len(text.encode("utf-8")) for text in texts]
    adapted = _bits(subject.adapted, "adapted-general", texts, parts, device)
    base = _bits(subject.base, "base-general", texts, parts, device)
    return difference_interval(adapted, base, sizes, options.seed), sum(base) / sum(sizes)
