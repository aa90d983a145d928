"""All that is measured of a model, before it is put into words, figures and pictures.

In: a subject. Out: a `Judgement`.

    judgement = judge(subject, Parts(None), device, JudgeOptions(quick=True))

How sure figures of generated text are: one standard error each, over the passages that were written.

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

import functools
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from penname.core import events
from penname.core.device import Device
from penname.corpus.words import Passage, draw_evenly, post_windows, words
from penname.judge.figures import Interval, bits_per_byte_interval
from penname.judge.fit import Fit, beside, measure_baselines, measure_fit, scored_posts
from penname.judge.fluency import LOOP, Fluency, measure_fluency, rep_n
from penname.judge.passages import Passages, behind_opening, write_passages
from penname.judge.recital import PrivateData, Recited, measure_extraction, measure_private
from penname.judge.style import sentence_lengths
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject, texts_key
from penname.judge.thread import Sense, Thread, find_common, measure_sense, read_threads
from penname.judge.voice import Voice, measure_voice
from penname.model.score import score_texts
from penname.write.copying import CopyIndex, CopyReport, copy_report
from penname.write.guard import CopyGuard

if TYPE_CHECKING:
    from penname.judge.target import Limit
    from penname.write.copying import CopyReport


_WORST = 50
_SCORED = 60
"""Passages whose bits per byte under the base are taken, and that are read for sense; a quick judgement reads 40."""
_READ = {True: 40, False: 80}
"""Real passages that are read for sense, by whether the judgement is quick."""


@dataclass(frozen=True)
class Copying:
    """What was copied, as the model writes by itself (`free`) and with the guard (`guarded`)."""

    free: CopyReport
    guarded: CopyReport
    max_copy: int
    recited: Recited

    @property
    def surely(self) -> float:
        """The lower end of the unguarded ratio's 95% interval over the passages: a few finds are no habit."""
        error = _of_ratio(self.free)[0]
        return max(0.0, self.free.ratio - 1.96 * error) if math.isfinite(error) else 0.0


@dataclass(frozen=True)
class Judgement:
    """All that was measured; texts as they came are in `passages`.

    `vocabulary` holds the words of the base and of the training posts, `base_bits` bits per byte of generated text
    under the base, `sentences` the words of each sentence (generated, held-out), `heldout_ended` the share of held-out
    posts that end within as many words as a passage has.
    """

    subject: Subject
    options: JudgeOptions
    device: Device
    weights: int
    fit: Fit
    passages: Passages
    voice: Voice
    copying: Copying
    fluency: Fluency
    heldout_fluency: Fluency
    heldout_ended: float
    base_bits: Interval | None
    sentences: tuple[tuple[int, ...], tuple[int, ...]]
    private: PrivateData
    vocabulary: frozenset[str]
    seconds: float
    sense: Sense | None = None
    """Whether the passages hold together, beside the blog's own; `base_sense` says the same of the bare base's."""
    base_sense: Sense | None = None


def judge(subject: Subject, parts: Parts, device: Device, options: JudgeOptions) -> Judgement:
    """Measure everything. Raises `InputError` where there is nothing to measure on."""
    started = time.monotonic()
    index = CopyIndex([post.document for post in subject.training])
    guard = CopyGuard(index, options.max_copy)
    posts = scored_posts(subject, options)
    with (
        beside(device, lambda: measure_baselines(subject, posts, parts, options)) as baselines,
        beside(device, lambda: _vocabulary(subject, parts)) as known,
    ):
        passages = write_passages(subject, parts, guard, device, options)
        recited = measure_extraction(subject, parts, device, options)
        base_bits = _base_bits(subject, passages, parts, device)
        sense, base_sense = _sense(subject, passages, parts, device, options)
        fit = measure_fit(subject, parts, device, options, baselines)
    texts = [each.text for each in passages.guarded]
    free = [each.text for each in passages.free]
    heldout = [post.text for post in subject.heldout]
    with events.task("Comparing with the posts"):
        vocabulary = known()
        voice = _voice(subject, passages, options)
        # Most passages are the same with the guard and without it, and held-out posts are in both reports.
        match = functools.cache(index.match_lengths)
        copying = Copying(
            copy_report(free, heldout, index, worst=_WORST, match=match),
            copy_report(texts, heldout, index, match=match),
            options.max_copy,
            recited,
        )
        ended = [each.ended for each in passages.guarded]
        mine, theirs = measure_fluency(texts, heldout, vocabulary, ended)
    rests = [opening.rest for opening in passages.openings]
    return Judgement(
        subject=subject,
        options=options,
        device=device,
        weights=subject.adapted.loaded.config.parameters(),
        fit=fit,
        passages=passages,
        voice=voice,
        copying=copying,
        fluency=mine,
        heldout_fluency=theirs,
        heldout_ended=sum(rest <= options.words for rest in rests) / len(rests),
        base_bits=base_bits,
        sentences=_sentences(texts, subject, options),
        private=measure_private(subject, texts + free),
        vocabulary=vocabulary,
        seconds=time.monotonic() - started,
        sense=sense,
        base_sense=base_sense,
    )


def _voice(subject: Subject, passages: Passages, options: JudgeOptions) -> Voice:
    generated = [Passage(each.text, each.post) for each in passages.guarded]
    heldout, training = ([Passage(post.text, post.id) for post in side] for side in (subject.heldout, subject.training))
    background = list(_first_of(subject.background(), subject.training_words))
    control = [Passage(each.text, each.post) for each in passages.control]
    return measure_voice(generated, heldout, training, background, options.seed, behind_opening, control)


def _sense(
    subject: Subject, passages: Passages, parts: Parts, device: Device, options: JudgeOptions
) -> tuple[Sense | None, Sense | None]:
    """The sense of the model's passages and of the bare base's, beside the blog's own; None where it is not asked for
    or there is no network to read with."""
    if subject.reader is None or not options.control:
        return None, None
    reader = subject.reader
    common = find_common(post.text for post in subject.training)
    posts = [*subject.training, *subject.heldout]
    real = post_windows([behind_opening(post.text) for post in posts], [post.id for post in posts], options.words)
    own = [each.text for each in draw_evenly(real, _READ[options.quick], options.seed)]
    groups = {
        "own": own,
        "written": [each.text for each in passages.guarded][: min(_SCORED, _READ[options.quick])],
        "base": [each.text for each in passages.control],
    }
    with events.task("Reading for sense"):
        read = {name: _threads(name, texts, reader, parts, device, common) for name, texts in groups.items()}
    return tuple(measure_sense(read[name], read["own"], options.seed) for name in ("written", "base"))  # type: ignore[return-value]


def _threads(
    name: str, texts: Sequence[str], reader: Candidate, parts: Parts, device: Device, common: frozenset[str]
) -> list[Thread]:
    key = {"reader": reader.key, "texts": texts_key(list(texts)), "common": texts_key(sorted(common))}

    def work() -> Any:
        return [vars(each) for each in read_threads(texts, reader.loaded, device, common)]

    return [Thread(**each) for each in parts.get(f"threads-{name}", key, work)]


def _first_of(texts: Iterable[str], count: int) -> Iterator[str]:
    """The first texts, of about `count` words."""
    for text in texts:
        if count <= 0:
            return
        yield text
        count -= len(text.split())


def _sentences(
    texts: Sequence[str], subject: Subject, options: JudgeOptions
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    heldout = [post.text for post in subject.heldout]
    real = draw_evenly(post_windows(heldout, range(len(heldout)), options.words), len(texts), options.seed)
    mine, theirs = (
        tuple(length for text in group for length in sentence_lengths(text))
        for group in (texts, [passage.text for passage in real] or heldout)
    )
    return mine, theirs


def _vocabulary(subject: Subject, parts: Parts) -> frozenset[str]:
    """The words of the base's text, as far as it comes with it, and of the training posts."""

    def work() -> Any:
        return sorted(_words_of(subject.background()))

    known = parts.get("vocabulary", {"background": subject.background_key}, work)
    return frozenset(known) | _words_of(post.document for post in subject.training)


def _words_of(texts: Iterable[str]) -> set[str]:
    """The words of all texts. None goes over white space: each piece is looked at once, however often it occurs."""
    pieces: set[str] = set()
    for text in texts:
        pieces.update(text.split())
    return set(words(" ".join(pieces)))


def _base_bits(subject: Subject, passages: Passages, parts: Parts, device: Device) -> Interval | None:
    """Bits per byte of generated passages under the base: low where they say little, high where they ramble."""
    if subject.base is None:
        return None
    base = subject.base
    texts = [each.text for each in passages.guarded if each.text][:_SCORED]

    def work() -> Any:

        loaded = base.loaded
        loaded.model.to(device.torch)
        scores = score_texts(loaded.model, loaded.tokenizer, texts, device, end=loaded.end, show=True)
        return [score.bits_per_byte * score.bytes for score in scores]

    if not texts:
        return None
    bits = parts.get("bits-base-written", {"model": base.key, "texts": texts_key(texts)}, work)
    return bits_per_byte_interval(bits, [len(text.encode("utf-8")) for text in texts])


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
