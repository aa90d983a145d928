"""What no neural network is needed for: a 5-gram model and xz, in bits per byte on held-out text.

In: token ids of the same tokenizer, or text. Out: bits.

    model = KneserNey(training_documents, vocab_size=16_384, end=0)
    bits = model.bits(document)                    # one figure a document, to divide by its bytes
    xz_bits_per_byte(training_text, test_text)

The n-gram model is interpolated modified Kneser-Ney (Chen and Goodman 1998) over token ids. Its vocabulary is
closed, its lowest order interpolates with the uniform distribution over all `vocab_size` ids, and byte-level
tokens encode any text: so it is a proper model of bytes, comparable with the network's bits per byte.
"""

import lzma
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
        chance = np.full(len(targets), 1 / self.vocab_size)
        for size, level in enumerate(self._levels):
            context = self._contexts(ids, size)
            chance = _interpolate(level, context, targets, chance, self.vocab_size)
        return chance

    def distribution(self, context: Sequence[int]) -> Floats:
        """The probability of every token (vocab_size,) after `context`."""
        chance = np.full(self.vocab_size, 1 / self.vocab_size)
        targets = np.arange(self.vocab_size)
        for size, level in enumerate(self._levels):
            if size > len(context):
                break
            ids = np.append(np.asarray(context, np.int64)[len(context) - size :], 0)
            number = self._contexts(ids, size)[-1] if size else 0
            chance = _interpolate(level, np.full(self.vocab_size, number), targets, chance, self.vocab_size)
        return chance

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
