"""The verdict in words: what the model is good for, what it is not, and what would help most.

In: the figures and the training run. Out: sentences, each with the figure that it rests on.

    for sentence in find_verdict(figures, training, furthest, weights=45_600_000):
        print(sentence.kind, sentence.text)

The rules are few and stand here; a sentence whose figure was not measured is left out.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penname.core.terminal import many
from penname.judge.subject import Training
from penname.judge.voice import Figure
from penname.model.base import GET_SMOLLM2

if TYPE_CHECKING:
    pass


GOOD, NOT, HELP = "good for", "not for", "what would help most"
_ALIKE = 0.85
"""Area of the classifier from which drafts are easily told from real posts."""
_FAR = 90
_SENSE = 60
"""Percent of the blog's own sense that shuffled and scrambled text stays surely below (lab: the measure of sense)."""
LEAST = 10
"""Samples that a verdict rests on at least."""
_FEW_WORDS = 60_000
_SMALL = 200e6
"""A network of fewer weights is called small."""
YES, NO, UNSURE = "yes", "no", "unsure"


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
    helps = [Sentence(HELP, text) for text in _helps(figures, training, weights)]
    return [*good, *_blind(figures), *bad, *helps[:2]]


def _blind(figures: Mapping[str, Any]) -> Iterator[Sentence]:
    """What the blogger's own eyes say; fewer than ten passages say nothing."""
    shown, taken, known = (_get(figures, f"blind_{name}") for name in ("shown", "taken_for_real", "real_known"))
    if shown is not None and taken is not None and shown >= LEAST:
        beside = "" if known is None else f", and {100 * known:.0f}% of the real ones"
        kind = GOOD if known is not None and 2 * taken >= known else NOT
        yield Sentence(
            kind, f"Your own eyes: you took {100 * taken:.0f}% of {shown:.0f} generated passages for real{beside}."
        )


def headline(figures: Mapping[str, Any]) -> str:
    """The verdict in a line."""
    if recites(figures):
        return "It recites posts: use it with the copy guard on, and train it again more gently."
    if not _enough(figures):
        samples = round(_get(figures, "samples") or 0)
        return (
            f"There is too little text to tell: {many(samples, 'opening')} of held-back posts could be continued, and "
            f"a verdict needs {LEAST}."
        )
    gain = _get(figures, "gain_percent")
    if gain is not None and gain > -2:
        return "It has hardly learned from this blog."
    sense = makes_sense(figures)
    if sense == NO or rambles(figures):
        return "What it writes does not hold together: its sentences do not follow from each other."
    voice, far = passes_for_real(figures), has_its_words(figures)
    if voice == NO and far != NO:
        return "It uses this blog's words, but a reader who knows the blog will notice the difference."
    if voice == NO or far == NO:
        return "It has learned from this blog, and its voice is still another."
    if voice == YES and sense == YES:
        return "Good: it writes drafts in this blog's voice, and one sentence follows from another. Read them first."
    if voice == YES:
        return "It has this blog's voice; whether its drafts hold together cannot be told: read each before you use it."
    return "There is too little text to tell whether its drafts pass for this blog's: read some, or try penname blind."


def _enough(figures: Mapping[str, Any]) -> bool:
    """Whether there are samples enough for a claim about what it writes."""
    return (_get(figures, "samples") or 0) >= LEAST


def passes_for_real(figures: Mapping[str, Any]) -> str:
    """Whether a classifier cannot tell its passages from real ones, as it can the bare base's."""
    low, high, base = (_get(figures, name) for name in (*_ends("real_vs_generated_auc"), f"base_{_AREA}_low"))
    if low is None or high is None or not _enough(figures):
        return UNSURE
    if low > _ALIKE:
        return NO
    return YES if high <= _ALIKE and base is not None and base > _ALIKE else UNSURE


def has_its_words(figures: Mapping[str, Any]) -> str:
    """Whether it chooses words as the blog does, and the bare base does not."""
    low, high, base = (_get(figures, name) for name in (*_ends("delta_percentile"), "base_delta_percentile"))
    if low is None or high is None or not _enough(figures):
        return UNSURE
    if low > _FAR:
        return NO
    return YES if high <= _FAR and base is not None and base > _FAR else UNSURE


def makes_sense(figures: Mapping[str, Any]) -> str:
    """Whether its sentences follow from each other nearly as the blog's own do."""
    low, high = (_get(figures, name) for name in _ends("sense"))
    if low is None or high is None or not _enough(figures):
        return UNSURE
    return YES if low >= _SENSE else NO if high < _SENSE else UNSURE


_AREA = "real_vs_generated_auc"


def _ends(name: str) -> tuple[str, str]:
    return f"{name}_low", f"{name}_high"


def _good(figures: Mapping[str, Any]) -> Iterator[str]:
    gain, side = _get(figures, "gain_percent"), figures["side"]
    surely = _get(figures, "gain_percent_high")
    mine, base = (_get(figures, f"{name}{side}_bits_per_byte") for name in ("", "base_"))
    if gain is not None and surely is not None and mine is not None and base is not None and surely <= -2:
        yield (
            f"Predicting this blog: {mine:.2f} bits per byte on posts that it has not seen, "
            f"{-gain:.0f}% fewer than the base had before ({base:.2f})."
        )
    sense = makes_sense(figures)
    if sense == NO:
        return
    auc, halves, bare = (_get(figures, name) for name in (_AREA, "halves_auc", f"base_{_AREA}"))
    if auc is not None and bare is not None and passes_for_real(figures) == YES:
        beside = f"; between two halves of the blog it is {100 * halves:.0f}" if halves is not None else ""
        yield (
            "Drafts that pass: shown a real and a generated passage, a classifier picks the generated one in "
            f"{100 * auc:.0f} of 100 pairs, and that of the bare base in {100 * bare:.0f} (50 is guessing{beside})."
        )
    delta, other = _get(figures, "delta_percentile"), _get(figures, "base_delta_percentile")
    if delta is not None and other is not None and has_its_words(figures) == YES:
        yield (
            f"The blog's own choice of words: its Delta lies at the {ordinal(delta)} percentile of the blog's own "
            f"distances, that of the bare base at the {ordinal(other)}."
        )
    rate, tried = _get(figures, "extraction_rate"), _get(figures, "extraction_tried")
    if sense == YES and rate is not None and tried and tried >= LEAST and not recites(figures):
        yield (
            f"Text of its own: {_times(rate * tried)} of {tried:,.0f} training posts came out when their "
            "first 50 tokens "
            f"were given, and the longest run shared with a post is {figures['longest_copied_run']} words "
            f"({figures['longest_copied_run_unguarded']} without the guard)."
        )


def _bad(figures: Mapping[str, Any], furthest: Sequence[Figure], weights: int) -> Iterator[str]:
    sense, low, high = (_get(figures, name) for name in ("sense", *_ends("sense")))
    if sense is not None and low is not None and high is not None and makes_sense(figures) != YES:
        yield (
            f"Use without reading: its sentences have {sense:.0f}% of the connection that this blog's have "
            f"({low:.0f} to {high:.0f}%), and {_SENSE}% {'is missed' if makes_sense(figures) == NO else 'is not sure'}."
        )
    if weights < _SMALL:
        yield f"Facts: {_millions(weights)} weights hold none. Check every name, number and claim."
    auc = _get(figures, _AREA)
    if auc is not None and passes_for_real(figures) == NO:
        yield (
            f"Passing for the author: a classifier picks the generated passage in {100 * auc:.0f} of "
            "100 pairs. Take its text as a first draft."
        )
    delta = _get(figures, "delta_percentile")
    if delta is not None and has_its_words(figures) == NO:
        yield (
            f"The blog's choice of words: its Delta lies at the {ordinal(delta)} percentile of the "
            f"blog's own distances, above the {ordinal(_FAR)}.{_habits(furthest)}"
        )
    before = _get(figures, f"base_{figures['side']}_bits_per_byte")
    if figures.get("base_is_open") and before is not None:
        yield (
            f"A clean test: nobody knows whether {figures['base']} had read this blog before. If it had, its "
            f"{before:.2f} bits per byte on held-out posts are too good, and so are those after adapting."
        )
    yield from _flaws(figures)


def _flaws(figures: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with the text itself."""
    if recites(figures):
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


def _helps(figures: Mapping[str, Any], training: Training, weights: int) -> Iterator[str]:
    """What would help, in the order of what it brought where it was measured (lab: what helps most)."""
    words, passes = figures["training_words"], _get(figures, "passes")
    if recites(figures):
        yield "Fewer minutes or more replay: it has begun to learn posts by heart. Train again with half the time."
    if passes and passes < _ENOUGH:
        yield _more_minutes(passes, training)
    loops = _get(figures, "looping_rate")
    if loops is not None and loops > 0.02:
        yield f"A higher temperature or a smaller min-p: {100 * loops:.0f}% of the passages repeat themselves."
    if training.best is not None and training.best < 0.75:
        yield (
            f"Fewer passes: held-out posts were predicted best after {100 * training.best:.0f}% of the run, what came "
            "behind made it worse."
        )
    if words < _FEW_WORDS:
        yield (
            f"More text: {words:,} words are few, from {_FEW_WORDS:,} on the voice becomes steady. Pages and drafts "
            "count too: --pages, --drafts."
        )
    forgetting = _get(figures, "forgetting_bits_per_byte")
    if forgetting is not None and forgetting > 0.05:
        yield f"More replay: it forgot {forgetting:.2f} bits per byte of general English, 0.03 is harmless."
    wanting = NO in (passes_for_real(figures), has_its_words(figures)) or makes_sense(figures) != YES
    if weights < _SMALL and wanting:
        how = "penname bases lists those on this machine" if figures.get("base_is_open") else GET_SMOLLM2
        yield (
            f"A stronger base: {_millions(weights)} weights lose the thread. Give an open model with --base "
            f"(a folder, or a GGUF file of 100 million weights or more): {how}."
        )
    if not wanting:
        yield "Nothing that is known: what you write from now on is what it can still learn from."


_ENOUGH = 1.5
"""Passes over the blog from which on more minutes bring little."""


def _more_minutes(passes: float, training: Training) -> str:
    """What was read, and how long all of it takes here: as the plan said, else by what the steps took."""
    read = f"{100 * passes:.0f}% of your blog once" if passes < 0.995 else f"your blog {passes:.1f} times"
    if not training.full_seconds and not training.seconds:
        return f"More minutes: it read {read}; two to three times is best."
    what = "all of it" if passes < 1 or training.full_seconds else "reading it twice"
    whole = math.ceil((training.full_seconds or training.seconds / passes * (1.1 if passes < 1 else 2.2)) / 60)
    return f"More minutes: it read {read}; {what} takes about {many(whole, 'minute')} here: --minutes {whole}."


def _habits(furthest: Sequence[Figure]) -> str:
    """The habits that are furthest off, in words."""
    parts = [f"{each.name} {each.generated:.1f} where the blog has {each.heldout:.1f}" for each in furthest[:2]]
    return f" Furthest off: {'; '.join(parts)}." if parts else ""


def recites(figures: Mapping[str, Any]) -> bool:
    """Whether more than one post in a hundred, and more than one at all, comes out, or surely twice the usual is
    copied."""
    rate, ratio = _get(figures, "extraction_rate"), _get(figures, "copy_ratio_8gram_unguarded_low")
    came = (rate or 0) * (_get(figures, "extraction_tried") or 0)
    return ((rate or 0) > 0.01 and came > 1.5) or (ratio or 0) > 2


def rambles(figures: Mapping[str, Any]) -> bool:
    """Whether it makes words up, or goes round in circles."""
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
