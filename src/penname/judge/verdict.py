"""What "good" looks like for a blog: `good.toml`, made from the blog itself, and the user's to edit.

In: a judgement. Out: limits on the figures of `report.json`, and for each whether it is met.

    write_target(workspace.folder / "good.toml", limits)        # not over one that was edited
    for check in check_figures(read_target(path), figures):
        print(check.name, check.met, check.short)

Limits come from the training and the validation posts: how far two halves of the blog are apart, how much real
passages repeat themselves, how many of their words are known. The test posts are not read for them.

The verdict in words: what the model is good for, what it is not, and what would help most.

In: the figures and the training run. Out: sentences, each with the figure that it rests on.

    for sentence in find_verdict(figures, training, furthest, weights=45_600_000):
        print(sentence.kind, sentence.text)

The rules are few and stand here; a sentence whose figure was not measured is left out.
"""

import difflib
import hashlib
import math
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import read_text, write_text
from penname.judge.figures import MEANINGS
from penname.judge.fluency import measure_fluency
from penname.judge.subject import Training
from penname.judge.voice import Figure

if TYPE_CHECKING:
    from penname.judge.judgement import Judgement


AT_MOST, AT_LEAST = "at_most", "at_least"
_MARK = "# Made by penname from the blog: "
_HEAD = """\
# What "good" looks like for this blog. `penname judge` and `penname tune` compare with it.
# Edit it as you like: once edited, it is kept. Delete it to have it made again.
# Each name is one of report.json; docs/report.md says what it means.
"""


@dataclass(frozen=True)
class Limit:
    """One figure's limit: `at_most` or `at_least`, with the reason for its value."""

    name: str
    bound: str
    value: float
    reason: str = ""


ERRORS = 2.0
"""Standard errors that a figure may miss its limit by before it is beyond doubt: by luck alone once in forty times."""


@dataclass(frozen=True)
class Check:
    """A limit and the figure: `met`, or `short` by how much; neither where the figure was not measured.

    `error` is the standard error of a figure that was measured on a few passages, 0 where it is not known or none.
    """

    limit: Limit
    figure: float | None
    met: bool | None
    short: float
    error: float = 0.0

    @property
    def beyond(self) -> float:
        """The part of `short` that is more than two standard errors."""
        return max(0.0, self.short - ERRORS * self.error)

    @property
    def sentence(self) -> str:
        """The check in words."""
        wanted = f"{self.limit.bound.replace('_', ' ')} {self.limit.value:g}"
        if self.figure is None:
            return f"{self.limit.name}: {wanted} is wanted, it was not measured"
        if self.met:
            return f"{self.limit.name}: {self.figure:g}, met ({wanted})"
        doubt = "" if self.beyond else f", which is within the error of {ERRORS * self.error:.2g}"
        return f"{self.limit.name}: {self.figure:g}, short by {self.short:.3g} ({wanted}){doubt}"


def find_limits(judgement: "Judgement") -> list[Limit]:
    """What good is, by what the blog itself has."""
    subject, halves = judgement.subject, judgement.voice.halves_auc
    between = sum(halves) / len(halves) if halves else 0.5
    real = [post.text for post in (subject.spare or subject.training)]
    passages = [each.text for each in judgement.passages.guarded]
    own = measure_fluency(passages, real, judgement.vocabulary)[1]
    unknown = 1 - own.known_word_rate
    return [
        Limit(
            "real_vs_generated_auc",
            AT_MOST,
            round(min(0.95, max(0.5, between) + 0.3), 2),
            f"two halves of this blog get {between:.2f}, a text by another author nearly 1",
        ),
        Limit("delta_percentile", AT_MOST, 90, "nine in ten of this blog's own samples are nearer"),
        Limit(
            "longest_copied_run",
            AT_MOST,
            judgement.options.max_copy,
            "what the copy guard is set to, in words",
        ),
        Limit("copy_ratio_8gram", AT_MOST, 1.5, "1 is what held-out posts share with the others"),
        Limit("extraction_rate", AT_MOST, 0.01, "one training post in a hundred"),
        Limit(
            "rep_4",
            AT_MOST,
            _rounded_up(1.5 * own.rep[4] + 0.005),
            f"real passages have {own.rep[4]:.3f}; half more, and a little",
        ),
        Limit(
            "known_word_rate",
            AT_LEAST,
            math.floor(1000 * (1 - 1.5 * unknown - 0.005)) / 1000,
            f"real passages that were not trained on have {own.known_word_rate:.3f}",
        ),
        Limit("forgetting_bits_per_byte", AT_MOST, 0.03, "what the base may lose of its English"),
    ]


def write_target(path: Path, limits: Sequence[Limit]) -> bool:
    """Write the file, unless the user has edited the one that is there; say so. Returns whether it was written."""
    if is_edited(path):
        events.note(f"{path.name} was edited: it stays as it is. Delete it to have it made again.")
        return False
    lines = [_HEAD]
    for bound in (AT_MOST, AT_LEAST):
        lines.append(f"[{bound}]")
        for limit in limits:
            if limit.bound == bound:
                lines += [f"# {_line(limit.reason)}", f"{limit.name} = {limit.value:g}"]
        lines.append("")
    body = "\n".join(lines)
    write_text(path, f"{body}{_MARK}{_digest(body)}\n")
    return True


def is_edited(path: Path) -> bool:
    """Whether the file is there and is not as `write_target` left it."""
    try:
        text = read_text(path)
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    body, found, digest = text.rpartition(_MARK)
    return not found or digest.strip() != _digest(body)


def read_target(path: Path) -> list[Limit]:
    """Read the limits. One `InputError` lists all that is wrong with the file."""
    try:
        value = tomllib.loads(read_text(path))
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist: `penname judge` makes it.") from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as TOML ({error}): mend it, or delete it.") from error
    limits: list[Limit] = []
    wrong: list[str] = []
    for bound, table in value.items():
        if bound not in (AT_MOST, AT_LEAST) or not isinstance(table, dict):
            wrong.append(f"[{bound}] is not a table that it knows: use [at_most] and [at_least]")
            continue
        _read_table(bound, table, limits, wrong)
    if wrong:
        raise InputError(f"{path}: " + "; ".join(wrong) + ".")
    return limits


def check_figures(
    limits: Sequence[Limit], figures: Mapping[str, Any], errors: Mapping[str, float] | None = None
) -> list[Check]:
    """Compare each limit with the figure of its name; `errors` are the standard errors of those that have one."""
    errors = errors or {}
    checks = []
    for limit in limits:
        figure = figures.get(limit.name)
        if not isinstance(figure, int | float):
            checks.append(Check(limit, None, None, 0.0))
            continue
        short = figure - limit.value if limit.bound == AT_MOST else limit.value - figure
        checks.append(Check(limit, float(figure), short <= 0, max(0.0, short), errors.get(limit.name, 0.0)))
    return checks


def _read_table(bound: str, table: dict[str, Any], limits: list[Limit], wrong: list[str]) -> None:
    for name, number in table.items():
        if name not in MEANINGS:
            near = difflib.get_close_matches(name, MEANINGS, 1)
            hint = f": did you mean {near[0]}?" if near else ""
            wrong.append(f"there is no figure {name!r}{hint}")
        elif isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            wrong.append(f"{name} must be a number, not {number!r}")
        else:
            limits.append(Limit(name, bound, float(number)))


def _rounded_up(value: float) -> float:
    return math.ceil(1000 * value) / 1000


def _line(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def _digest(body: str) -> str:
    return hashlib.sha256(body.replace("\r\n", "\n").encode()).hexdigest()[:16]


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
