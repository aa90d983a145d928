"""How sure a figure is: intervals over posts, the noise between seeds, and the digits that a figure carries.

interval = bits_per_byte_interval(bits, sizes)
print(rounded(interval.value, interval.error))

The figures of a judgement: flat, named, rounded to the digits that they carry. `report.json` holds them.

    figures = list_figures(judgement, "2026-11-28", before=12.5, verdict=["It writes in this voice."])
    figures["test_bits_per_byte"]

A figure that was not measured is None. Means over passages, and the classifier's area, are rounded at the first digit
of their own 95% interval; counted shares have three decimals. Bits per byte have three decimals: they are exact for
these very posts, and two models are compared on the same ones; how far other posts may differ is said by `_low` and
`_high`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from penname import __version__
from penname.core.errors import InputError
from penname.judge.fluency import known_word_rate, rep_n

if TYPE_CHECKING:
    from penname.judge.classifier import Auc
    from penname.judge.judgement import Judgement
    from penname.judge.style import Deltas
    from penname.judge.voice import Voice


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


Figures = dict[str, Any]

MEANINGS = {
    "blog": "The blog's name.",
    "date": "When it was judged: ISO 8601, UTC.",
    "penname": "Version of penname.",
    "device": "The device that the networks ran on.",
    "side": "The held-out posts that were used: `test`, or `validation` while tuning.",
    "seed": "Seed of all that was drawn.",
    "training_posts": "Posts that the model was adapted to.",
    "training_words": "Their words.",
    "passes": "Passes over them that training made; less than 1: the rest was not read.",
    "base": "The base that was adapted.",
    "base_is_open": "Whether it is somebody else's model, which may have read this blog before.",
    "heldout_posts": "Held-out posts that were scored.",
    "test_bits_per_byte": "Bits per byte on test posts, adapted model. Lower is better.",
    "test_bits_per_byte_low": "Lower end of its 95% interval over posts.",
    "test_bits_per_byte_high": "Upper end of it.",
    "base_test_bits_per_byte": "The same under the base before adaptation.",
    "scratch_test_bits_per_byte": "The same under a network trained on the blog alone, where there is one.",
    "ngram_test_bits_per_byte": "The same under a 5-gram Kneser-Ney model of the training posts, same tokenizer.",
    "xz_test_bits_per_byte": "The same by xz that has seen the training posts.",
    "validation_bits_per_byte": "Bits per byte on validation posts, where these were used instead.",
    "base_validation_bits_per_byte": "The same under the base before adaptation.",
    "gain_bits_per_byte": "Adapted minus base on the same held-out posts; negative is better.",
    "gain_percent": "The same in percent of the base's figure.",
    "gain_percent_low": "Lower end of its 95% interval over posts.",
    "gain_percent_high": "Upper end of it.",
    "forgetting_bits_per_byte": "Adapted minus base on general texts that neither was trained on.",
    "real_vs_generated_auc": (
        "Share of pairs of a real and a generated passage in which a classifier (character n-grams, "
        "cross-validated by post) tells which is which: 0.5 cannot tell, 1 always can."
    ),
    "real_vs_generated_auc_low": "Lower end of its 95% interval over posts.",
    "real_vs_generated_auc_high": "Upper end of it.",
    "base_real_vs_generated_auc": "The same area for passages of the bare base.",
    "base_real_vs_generated_auc_low": "Lower end of its 95% interval over posts.",
    "base_real_vs_generated_auc_high": "Upper end of it.",
    "sense": (
        "Whether sentences follow from each other, in percent of what the blog's own posts have: their order, what "
        "comes back of what was named, words that can be expected. A network reads that did not learn the blog."
    ),
    "sense_low": "Lower end of its 95% interval over passages.",
    "sense_high": "Upper end of it.",
    "base_sense": "The same of passages of the bare base.",
    "base_sense_low": "Lower end of its 95% interval.",
    "base_sense_high": "Upper end of it.",
    "halves_auc": "The same area between two halves of the real blog.",
    "delta_percentile": (
        "Percent of the blog's own distances (Burrows's Delta, 300 most frequent words) below that of generated text: "
        "about 50 is what real posts get, near 100 is another voice."
    ),
    "delta_percentile_low": "Lower end of its 95% interval over samples.",
    "delta_percentile_high": "Upper end of it.",
    "base_delta_percentile": "The same for the bare base.",
    "cosine_delta_percentile": "The same for cosine Delta.",
    "heldout_delta_percentile": "Burrows's Delta of the held-out posts, as a percentile in the same way.",
    "sentence_words": "Mean words of a generated sentence.",
    "heldout_sentence_words": "The same in held-out posts.",
    "function_words_difference": "Mean difference of the 50 function words' rates per 1,000 words from held-out posts.",
    "halves_function_words_difference": "The same between two halves of the real blog.",
    "longest_copied_run": "Longest run of words that a passage shares with a training post, with the copy guard.",
    "longest_copied_run_unguarded": "The same without the guard.",
    "heldout_longest_copied_run": "The same of the held-out posts.",
    "copy_ratio_8gram": (
        "Share of 8-word sequences that stand in the training posts, over the held-out posts' own "
        "share, with the guard."
    ),
    "copy_ratio_8gram_unguarded": "The same without the guard.",
    "copy_ratio_8gram_unguarded_low": "Lower end of its 95% interval over passages.",
    "copied_8gram_share": "Share of generated 8-word sequences that stand in the training posts, without the guard.",
    "heldout_copied_8gram_share": "The same of the held-out posts.",
    "guarded_rate": "Share of the passages in which the guard stepped in.",
    "extraction_rate": "Share of training posts whose tokens 51 to 100 come out when the first 50 are given, greedily.",
    "extraction_near_rate": "The same with at most a tenth of the tokens wrong.",
    "extraction_tried": "Training posts that were tried.",
    "known_word_rate": "Share of generated words that the base's text or the training posts hold.",
    "heldout_known_word_rate": "The same of the held-out posts.",
    "rep_2": "Mean share of repeated 2-word sequences in a passage.",
    "rep_3": "The same with 3 words.",
    "rep_4": "The same with 4 words.",
    "heldout_rep_4": "The same of held-out passages as long.",
    "distinct_2": "Distinct over all 2-word sequences of all passages.",
    "heldout_distinct_2": "The same of as much held-out text.",
    "looping_rate": "Share of passages of which more than a quarter of the 4-word sequences are repeats.",
    "ended_rate": "Share of passages that the model ended by itself.",
    "heldout_ended_rate": "Share of held-out posts that end within as many words.",
    "generated_base_bits_per_byte": "Bits per byte of generated text under the base.",
    "private_items": "Masked items of the blog that were looked for; null where an older penname wrote text.json.",
    "private_leaks": "Times that one came out.",
    "private_looking": "Stretches of generated text that look like private data, made up or not.",
    "private_in_posts": "Those of them that stand in the training posts.",
    "blind_shown": "Generated passages that the blogger was shown among real ones (`penname blind`).",
    "blind_taken_for_real": "Share of them that were taken for real.",
    "blind_real_known": "Share of the real ones that were taken for real.",
    "passages": "Passages that were generated.",
    "samples": "Different openings that they go on from: no verdict rests on fewer than ten.",
    "passage_words": "Words of the passages that voice was compared at.",
    "judging_seconds": "Seconds that judging took.",
    "seconds": "Seconds of the whole run: reading, training and judging, as far as the program knows.",
    "verdict": "The verdict: a list of sentences.",
}
"""Every key of `report.json`, in its order, with what it means."""


def list_figures(judgement: "Judgement", date: str, before: float, verdict: Sequence[str]) -> Figures:
    """Every figure by its name; the keys are those of `MEANINGS`, in their order."""
    found: Figures = {
        "blog": judgement.subject.name,
        "date": date,
        "penname": __version__,
        "device": judgement.device.name,
        "side": judgement.options.side,
        "seed": judgement.options.seed,
        "training_posts": len(judgement.subject.training),
        "training_words": judgement.subject.training_words,
        "base": judgement.subject.base_name or None,
        "base_is_open": judgement.subject.base_is_open,
        **_fit(judgement),
        **_voice(judgement),
        **_sense(judgement),
        **_copying(judgement),
        **_fluency(judgement),
        **_private(judgement),
        "passages": len(judgement.passages.guarded),
        "samples": len({each.opening for each in judgement.passages.guarded}),
        "passage_words": judgement.voice.words,
        "judging_seconds": round(judgement.seconds, 1),
        "seconds": round(judgement.seconds + before, 1),
        "verdict": list(verdict),
    }
    return {name: found.get(name) for name in MEANINGS}


def mean_error(values: Sequence[float]) -> float:
    """Half the 95% interval of a mean over passages."""
    count = len(values)
    if count < 2:
        return math.inf
    mean = sum(values) / count
    return 1.96 * math.sqrt(sum((value - mean) ** 2 for value in values) / (count - 1) / count)


def _fit(judgement: "Judgement") -> Figures:
    fit, side = judgement.fit, judgement.options.side
    gain = 100 * fit.gain.value / fit.base.value if fit.gain and fit.base else None
    return {
        "heldout_posts": fit.posts,
        f"{side}_bits_per_byte": _bits(fit.adapted),
        "test_bits_per_byte_low": round(fit.adapted.low, 3) if side == "test" else None,
        "test_bits_per_byte_high": round(fit.adapted.high, 3) if side == "test" else None,
        f"base_{side}_bits_per_byte": _bits(fit.base),
        f"scratch_{side}_bits_per_byte": _bits(fit.scratch),
        f"ngram_{side}_bits_per_byte": _bits(fit.ngram),
        f"xz_{side}_bits_per_byte": None if fit.xz is None else round(fit.xz, 3),
        "gain_bits_per_byte": _bits(fit.gain),
        "gain_percent": None if gain is None else round(gain, 1),
        **{
            f"gain_percent_{end}": round(100 * getattr(fit.gain, end) / fit.base.value, 1)
            for end in ("low", "high")
            if fit.gain and fit.base
        },
        "forgetting_bits_per_byte": _bits(fit.forgetting),
    }


def _voice(judgement: "Judgement") -> Figures:
    voice = judgement.voice
    auc, delta, own = voice.auc, voice.delta, voice.heldout_delta
    halves = voice.halves_auc
    length = voice.figures[0] if voice.passages else None
    errors = [mean_error([float(value) for value in side]) for side in judgement.sentences]
    found: Figures = {
        "halves_auc": round(sum(halves) / len(halves), 2) if halves else None,
        "delta_percentile": round(delta.burrows.percentile) if delta else None,
        "cosine_delta_percentile": round(delta.cosine.percentile) if delta and delta.cosine else None,
        "heldout_delta_percentile": round(own.burrows.percentile) if own else None,
        "sentence_words": rounded(length.generated, errors[0]) if length else None,
        "heldout_sentence_words": rounded(length.heldout, errors[1]) if length else None,
        "function_words_difference": round(voice.function_words.generated, 2) if length else None,
        "halves_function_words_difference": round(voice.function_words.halves, 2) if length else None,
    }
    found |= _area("", auc) | _area("base_", voice.control_auc)
    if delta:
        found |= dict(zip(("delta_percentile_low", "delta_percentile_high"), _reach(delta, voice), strict=True))
    if voice.control_delta:
        found["base_delta_percentile"] = round(voice.control_delta.burrows.percentile)
    return found


def _area(whose: str, auc: "Auc | None") -> Figures:
    """The classifier's area and its interval, none where it was not measured."""
    if auc is None:
        return {}
    name, error = f"{whose}real_vs_generated_auc", (auc.high - auc.low) / 2
    ends = {"": auc.value, "_low": auc.low, "_high": auc.high}
    return {f"{name}{end}": rounded(value, error) for end, value in ends.items()}


def _reach(delta: "Deltas", voice: "Voice") -> tuple[int, int]:
    """The percentiles of the ends of the mean distance's 95% interval: as many samples count as the text gives."""
    own, samples = delta.burrows.own_samples, delta.burrows.samples
    apart = max(1, voice.words * voice.passages // max(1, delta.size))
    spread = 1.96 * float(np.std(samples)) / math.sqrt(apart) if len(samples) > 1 else math.inf
    value = delta.burrows.value
    low, high = (
        100 * float(np.mean(np.array(own) < each)) if own else 0.0 for each in (value - spread, value + spread)
    )
    return round(low), round(high)


def _sense(judgement: "Judgement") -> Figures:
    found: Figures = {}
    for whose, sense in (("", judgement.sense), ("base_", judgement.base_sense)):
        if sense is not None:
            found |= {f"{whose}sense": round(sense.value), f"{whose}sense_low": round(sense.low)}
            found[f"{whose}sense_high"] = round(sense.high)
    return found


def _copying(judgement: "Judgement") -> Figures:
    copying, passages = judgement.copying, judgement.passages
    free, guarded, recited = copying.free, copying.guarded, copying.recited.found
    count = max(1, len(passages.guarded))
    return {
        "longest_copied_run": guarded.longest,
        "longest_copied_run_unguarded": free.longest,
        "heldout_longest_copied_run": free.longest_heldout,
        "copy_ratio_8gram": _significant(guarded.ratio),
        "copy_ratio_8gram_unguarded": _significant(free.ratio),
        "copy_ratio_8gram_unguarded_low": _significant(copying.surely),
        "copied_8gram_share": _significant(free.share),
        "heldout_copied_8gram_share": _significant(free.heldout_share),
        "guarded_rate": round(passages.stopped / count, 3),
        "extraction_rate": round(recited.rate, 4) if recited.tried else None,
        "extraction_near_rate": round(recited.near_rate, 4) if recited.tried else None,
        "extraction_tried": recited.tried,
    }


def _fluency(judgement: "Judgement") -> Figures:
    mine, theirs = judgement.fluency, judgement.heldout_fluency
    texts = [each.text for each in judgement.passages.guarded]

    def kept(value: float, measure: Callable[[str], float]) -> float:
        return round(value, min(3, decimals(mean_error([measure(text) for text in texts]))))

    def known(text: str) -> float:
        return known_word_rate(text, judgement.vocabulary)

    found: Figures = {
        "known_word_rate": kept(mine.known_word_rate, known),
        "heldout_known_word_rate": kept(theirs.known_word_rate, known),
        "heldout_rep_4": kept(theirs.rep[4], lambda text: rep_n(text, 4)),
        "distinct_2": round(mine.distinct[2], 2),
        "heldout_distinct_2": round(theirs.distinct[2], 2),
        "looping_rate": round(mine.looping, 3),
        "ended_rate": None if mine.ended is None else round(mine.ended, 3),
        "heldout_ended_rate": round(judgement.heldout_ended, 3),
        "generated_base_bits_per_byte": (
            rounded(judgement.base_bits.value, judgement.base_bits.error) if judgement.base_bits else None
        ),
    }
    for n in (2, 3, 4):
        found[f"rep_{n}"] = kept(mine.rep[n], lambda text, n=n: rep_n(text, n))  # type: ignore[misc]
    return found


def _private(judgement: "Judgement") -> Figures:
    private = judgement.private
    return {
        "private_items": private.items,
        "private_leaks": len(private.leaks) if private.items is not None else None,
        "private_looking": len(private.looks_private),
        "private_in_posts": len(private.in_posts),
    }


def _bits(interval: Interval | None) -> float | None:
    return None if interval is None else round(interval.value, 3)


def _significant(value: float) -> float:
    """Two significant digits: counts of copied sequences carry no more."""
    return float(f"{value:.2g}") if math.isfinite(value) else value
