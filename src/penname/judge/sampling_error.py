"""How sure figures of generated text are: one standard error each, over the passages that were written.

    errors = standard_errors(judgement, limits)
    errors["rep_4"]                              # of the mean over the passages that were written

In: a judgement, and the limits that its figures are held to. Out: a standard error by the name of the figure.

The error is that of a mean, or of a ratio of sums (Cochran 1977, section 6.4), over the passages themselves. Where most
passages are good and one goes round in circles, that one passage makes both the figure and its error large; so the
error is never taken for more than it would be if the figure were just at its limit: a share in [0, 1] with mean m has
at most the variance m (1 - m) (Bhatia and Davis 2000). For posts that were extracted or not, this is the binomial error
at the limit.

A longest run has no error: more passages could only make it longer.
"""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from penname.judge.fluency import LOOP, rep_n

if TYPE_CHECKING:
    from penname.judge.copying import CopyReport
    from penname.judge.judgement import Judgement
    from penname.judge.target import Limit


def standard_errors(judgement: "Judgement", limits: Sequence["Limit"]) -> dict[str, float]:
    """The standard error of each limited figure of repetition or copying that is drawn from passages or posts."""
    texts = [each.text for each in judgement.passages.guarded]
    rep = {n: [rep_n(text, n) for text in texts] for n in (2, 3, 4)}
    loops = [float(share > LOOP) for share in rep[4]]
    free, guarded, tried = judgement.copying.free, judgement.copying.guarded, judgement.copying.recited.found.tried
    # Its own error, how many were drawn, and what a share of 1 would be in the figure's unit.
    found = {
        **{f"rep_{n}": (_mean_error(values), len(values), 1.0) for n, values in rep.items()},
        "looping_rate": (_mean_error(loops), len(loops), 1.0),
        "copied_8gram_share": (_share_error(free), len(free.counts), 1.0),
        "copy_ratio_8gram": _of_ratio(guarded),
        "copy_ratio_8gram_unguarded": _of_ratio(free),
        "extraction_rate": (math.inf, tried, 1.0),
        "extraction_near_rate": (math.inf, tried, 1.0),
    }
    return {
        limit.name: min(own, error_at(limit.value / whole, count) * whole)
        for limit in limits
        if limit.name in found
        for own, count, whole in [found[limit.name]]
    }


def ratio_error(tops: Sequence[float], bottoms: Sequence[float]) -> float:
    """Standard error of sum(tops) / sum(bottoms) over what was drawn; infinite with fewer than two of a size."""
    count, bottom = len(tops), sum(bottoms)
    if count < 2 or bottom <= 0:
        return math.inf
    ratio = sum(tops) / bottom
    squares = sum((top - ratio * own) ** 2 for top, own in zip(tops, bottoms, strict=True))
    return math.sqrt(count / (count - 1) * squares) / bottom


def error_at(share: float, count: int) -> float:
    """The largest standard error that the mean of `count` shares in [0, 1] can have where it is `share` in truth."""
    share = min(1.0, max(0.0, share))
    return math.sqrt(share * (1 - share) / count) if count else 0.0


def _mean_error(values: Sequence[float]) -> float:
    return ratio_error(values, [1.0] * len(values))


def _share_error(report: "CopyReport") -> float:
    return ratio_error(*zip(*report.counts, strict=True)) if report.counts else math.inf


def _of_ratio(report: "CopyReport") -> tuple[float, int, float]:
    """The ratio's error by the generated passages; the held-out posts are the same in every trial."""
    copied, total = (sum(each) for each in zip(*report.counts, strict=True)) if report.counts else (0, 0)
    whole = report.ratio / ((copied + 0.5) / (total + 1))
    return _share_error(report) * whole, len(report.counts), whole
