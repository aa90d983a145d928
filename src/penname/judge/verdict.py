"""The verdict in words: what the model is good for, what it is not, and what would help most.

In: the figures and the training run. Out: sentences, each with the figure that it rests on.

    for sentence in find_verdict(figures, training, furthest):
        print(sentence.kind, sentence.text)

The rules are few and stand here; a sentence whose figure was not measured is left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from penname.judge.training import Training
from penname.judge.voice import Figure

GOOD, NOT, HELP = "good for", "not for", "what would help most"
_ALIKE = 0.85
"""Area of the classifier from which drafts are easily told from real posts."""
_FAR = 90
_FEW_WORDS = 60_000
_SMALL = 200e6
"""A network of fewer weights is called small."""


@dataclass(frozen=True)
class Sentence:
    """One sentence; `kind` is `good for`, `not for` or `what would help most`."""

    kind: str
    text: str


def find_verdict(
    figures: Mapping[str, Any], training: Training, furthest: Sequence[Figure], weights: int
) -> list[Sentence]:
    """All sentences, the good ones first; of what would help, the two that come first."""
    good = [Sentence(GOOD, text) for text in _good(figures)]
    bad = [Sentence(NOT, text) for text in _bad(figures, furthest, weights)]
    helps = [Sentence(HELP, text) for text in _helps(figures, training, furthest, weights)]
    return good + bad + helps[:2]


def headline(figures: Mapping[str, Any]) -> str:
    """The verdict in a line."""
    gain, auc, delta = (_get(figures, name) for name in ("gain_percent", "real_vs_generated_auc", "delta_percentile"))
    if _recites(figures):
        return "It recites posts: use it with the copy guard on, and train it again more gently."
    if gain is not None and gain > -2:
        return "It has hardly learned from this blog."
    if _rambles(figures):
        return "It has learned from this blog, but what it writes does not hold together."
    if auc is not None and delta is not None and auc <= _ALIKE and delta <= _FAR:
        return "It writes drafts in this blog's voice."
    if delta is not None and delta <= _FAR:
        return "It writes drafts with this blog's words; a reader who knows the blog will notice the difference."
    return "It has learned from this blog, and its voice is still another."


def _good(figures: Mapping[str, Any]) -> Iterator[str]:
    gain, side = _get(figures, "gain_percent"), figures["side"]
    mine, base = (_get(figures, f"{name}{side}_bits_per_byte") for name in ("", "base_"))
    if gain is not None and mine is not None and base is not None and gain <= -5:
        yield (
            f"Predicting this blog: {mine:.2f} bits per byte on posts that it has not seen, "
            f"{-gain:.0f}% fewer than the base had before ({base:.2f})."
        )
    auc, halves = _get(figures, "real_vs_generated_auc"), _get(figures, "halves_auc")
    if auc is not None and auc <= _ALIKE:
        beside = f"; between two halves of the blog it is {100 * halves:.0f}" if halves is not None else ""
        yield (
            "Drafts that pass: shown a real and a generated passage, a classifier picks the generated one in "
            f"{100 * auc:.0f} of 100 pairs (50 is guessing{beside})."
        )
    delta = _get(figures, "delta_percentile")
    if delta is not None and delta <= _FAR:
        yield (
            f"The blog's own choice of words: its Delta lies at the {ordinal(delta)} percentile of the blog's own "
            "distances."
        )
    rate, tried = _get(figures, "extraction_rate"), _get(figures, "extraction_tried")
    if rate is not None and tried and not _recites(figures):
        yield (
            f"Writing new text: {_times(rate * tried)} of {tried:,.0f} training posts came out when their "
            "first 50 tokens "
            f"were given, and the longest run shared with a post is {figures['longest_copied_run']} words "
            f"({figures['longest_copied_run_unguarded']} without the guard)."
        )


def _bad(figures: Mapping[str, Any], furthest: Sequence[Figure], weights: int) -> Iterator[str]:
    if weights < _SMALL:
        yield (
            f"Facts: with {_millions(weights)} weights it knows how the blog sounds, not what is true. Check every "
            "name, number and claim."
        )
    auc = _get(figures, "real_vs_generated_auc")
    if auc is not None and auc > _ALIKE:
        yield (
            f"Passing for the author: a classifier picks the generated passage in {100 * auc:.0f} of "
            "100 pairs. Take its text as a first draft."
        )
    delta = _get(figures, "delta_percentile")
    if delta is not None and delta > _FAR:
        yield (
            f"The blog's choice of words: its Delta lies at the {ordinal(delta)} percentile of the "
            f"blog's own distances, above the {ordinal(_FAR)}.{_habits(furthest)}"
        )
    yield from _flaws(figures)


def _flaws(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the text itself."""
    if _recites(figures):
        rate, ratio = _get(figures, "extraction_rate"), _get(figures, "copy_ratio_8gram_unguarded")
        came = f"{100 * rate:.1f}% of the training posts that were tried come out" if rate else ""
        many = f"it shares {ratio:g} times as many 8-word sequences with them as held-out posts do"
        told = [came, many if ratio and ratio > 1 else ""]
        yield f"Writing without the copy guard: {' and '.join(filter(None, told))}."
    known, own = _get(figures, "known_word_rate"), _get(figures, "heldout_known_word_rate")
    if known is not None and own is not None and known < own - 0.02:
        yield (
            f"Clean words: {100 * (1 - known):.1f}% of its words are known neither to the base nor to the blog "
            f"({100 * (1 - own):.1f}% in real posts)."
        )
    loops = _get(figures, "looping_rate")
    if loops is not None and loops > 0.02:
        yield f"Long texts: {100 * loops:.0f}% of the passages go round in circles."
    leaks = _get(figures, "private_leaks")
    if leaks:
        yield f"Publishing unread: {leaks:.0f} masked items of private data came out. They are listed below."
    forgetting = _get(figures, "forgetting_bits_per_byte")
    if forgetting is not None and forgetting > 0.05:
        yield f"Other subjects: on general English it lost {forgetting:.2f} bits per byte."


def _helps(figures: Mapping[str, Any], training: Training, furthest: Sequence[Figure], weights: int) -> Iterator[str]:
    """What would help, in the order of what is worst."""
    words, gain = figures["training_words"], _get(figures, "gain_percent")
    forgetting = _get(figures, "forgetting_bits_per_byte")
    if _recites(figures):
        yield "Fewer passes over the blog or more replay: the model has begun to learn posts by heart."
    loops = _get(figures, "looping_rate")
    if loops is not None and loops > 0.02:
        yield f"A higher temperature or a smaller min-p: {100 * loops:.0f}% of the passages repeat themselves."
    if training.best is not None and training.best < 0.75:
        yield (
            f"Fewer passes: held-out posts were predicted best after {100 * training.best:.0f}% of the run, what came "
            "behind made it worse."
        )
    if words < _FEW_WORDS:
        yield f"More posts: {words:,} words are few; from {_FEW_WORDS:,} on the voice becomes steady."
    if gain is not None and gain > -5 and (forgetting or 0) < 0.03:
        yield (
            f"More passes or less replay: it gained {max(0.0, -gain):.1f}% on the base and forgot "
            f"{forgetting or 0:.3f} bits per byte, so there is room."
        )
    if forgetting is not None and forgetting > 0.05:
        yield f"More replay: it forgot {forgetting:.2f} bits per byte of general English, 0.03 is harmless."
    auc = _get(figures, "real_vs_generated_auc")
    if auc is not None and auc > 0.7 and furthest and weights < _SMALL:
        yield (
            f"A larger base: with {_millions(weights)} weights sentences sound right and lose their thread, which "
            f"the classifier sees ({auc:.2f}).{_habits(furthest)}"
        )
    yield f"More posts: {words:,} words were learned from, and every further post is a further voice sample."


def _habits(furthest: Sequence[Figure]) -> str:
    """The habits that are furthest off, in words."""
    parts = [f"{each.name} {each.generated:.1f} where the blog has {each.heldout:.1f}" for each in furthest[:2]]
    return f" Furthest off: {'; '.join(parts)}." if parts else ""


def _recites(figures: Mapping[str, Any]) -> bool:
    """Whether more than one post in a hundred, and more than one at all, comes out, or twice the usual is copied."""
    rate, ratio = _get(figures, "extraction_rate"), _get(figures, "copy_ratio_8gram_unguarded")
    came = (rate or 0) * (_get(figures, "extraction_tried") or 0)
    return ((rate or 0) > 0.01 and came > 1.5) or (ratio or 0) > 2


def _rambles(figures: Mapping[str, Any]) -> bool:
    known, own = _get(figures, "known_word_rate"), _get(figures, "heldout_known_word_rate")
    loops = _get(figures, "looping_rate")
    return (known is not None and own is not None and known < own - 0.05) or (loops or 0) > 0.1


def _get(figures: Mapping[str, Any], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) else None


def _times(value: float) -> str:
    return "none" if round(value) == 0 else f"{round(value)}"


def _millions(weights: int) -> str:
    return f"{weights / 1e6:.0f} million" if weights >= 2e6 else f"{weights:,}"


def ordinal(value: float) -> str:
    """A rounded number as `1st`, `2nd`, `3rd`, `4th`."""
    number = round(value)
    ending = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
