"""How sure a figure is: intervals over posts, the noise between seeds, and the digits that a figure carries.

interval = bits_per_byte_interval(bits, sizes)
print(rounded(interval.value, interval.error))
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penname.core.errors import InputError

_DRAWS = 2000
_T = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)
"""Student's t, two-sided 95%, for 1 to 9 degrees of freedom; 1.96 and a little beyond."""


@dataclass(frozen=True)
class Interval:
    """A figure with its 95% confidence interval."""

    value: float
    low: float
    high: float

    @property
    def error(self) -> float:
        """Half the width of the interval."""
        return (self.high - self.low) / 2


@dataclass(frozen=True)
class Noise:
    """What seeds alone do: the mean of the runs, their standard deviation, and the noise floor.

    A further run with the same settings lies within `floor` of the mean 19 times out of 20.
    """

    mean: float
    spread: float
    floor: float
    runs: int


def bits_per_byte_interval(bits: Sequence[float], sizes: Sequence[int], seed: int = 0) -> Interval:
    """Bits per byte over posts, and its interval by the bootstrap over posts (Efron 1979).

    `bits` and `sizes` (bytes of UTF-8) hold one entry a post; posts are drawn with replacement and weigh what
    their bytes weigh. Raises `InputError` where there is no post or no byte.
    """
    totals = np.array([bits, sizes], np.float64)
    if totals.shape[1] == 0 or totals[1].sum() <= 0:
        raise InputError("There is no held-out text to measure bits per byte on: give at least one test post.")
    return _interval(totals[0].sum() / totals[1].sum(), _drawn(totals, seed))


def difference_interval(
    bits: Sequence[float], other_bits: Sequence[float], sizes: Sequence[int], seed: int = 0
) -> Interval:
    """Bits per byte of one model minus another's on the same posts, paired: narrower than either alone."""
    return bits_per_byte_interval(np.subtract(bits, other_bits).tolist(), sizes, seed)


def noise_floor(values: Sequence[float]) -> Noise:
    """The noise floor from runs that differ in their seed only: t * s * sqrt(1 + 1/n), a prediction interval.

    With fewer than two runs it is unknown: infinite.
    """
    count = len(values)
    mean = sum(values) / count if count else math.nan
    if count < 2:
        return Noise(mean, math.nan, math.inf, count)
    spread = math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1))
    factor = _T[count - 2] if count - 2 < len(_T) else 1.96 + 2.7 / (count - 1)
    return Noise(mean, spread, factor * spread * math.sqrt(1 + 1 / count), count)


def decimals(error: float) -> int:
    """How many decimals a figure with this error carries: up to the first digit of the error, at most 6."""
    if not math.isfinite(error) or error <= 0:
        return 6 if error == 0 else 0
    return min(6, max(0, -math.floor(math.log10(error))))


def rounded(value: float, error: float) -> float:
    """`value` to the digits that it carries."""
    return round(value, decimals(error))


def shown(value: float, error: float) -> str:
    """`value` and its error in the digits that they carry, such as `1.24 ± 0.03`."""
    digits = decimals(error)
    return f"{value:.{digits}f} ± {error:.{digits}f}"


def _drawn(totals: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    """The ratio of the two rows of `totals` (2, posts) in each draw of the posts."""
    random = np.random.default_rng(seed)
    count = totals.shape[1]
    block = max(1, min(_DRAWS, 1_000_000 // count))
    sums = []
    for first in range(0, _DRAWS, block):
        weights = random.multinomial(count, np.full(count, 1 / count), size=min(block, _DRAWS - first))
        sums.append(weights @ totals.T)
    top, bottom = np.concatenate(sums).T
    ratios: npt.NDArray[np.float64] = top[bottom > 0] / bottom[bottom > 0]
    return ratios


def _interval(value: float, drawn: npt.NDArray[np.float64]) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))
