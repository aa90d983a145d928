"""Fit: bits per byte on held-out posts, beside what else could predict them, and what the base forgot.

In: a subject. Out: each figure with its interval over posts.

    fit = measure_fit(subject, parts, device, options, baselines)
    fit.adapted.value, fit.base.value, fit.forgetting.value

A post is its title, a blank line and its text. The 5-gram model and xz learn from the training posts alone. Forgetting
is bits per byte of the adapted model minus the base's, on general texts that neither was trained on.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from penname.core import events
from penname.core.device import Device
from penname.judge.baselines import Baselines
from penname.judge.parts import Parts, texts_key
from penname.judge.statistics import Interval, bits_per_byte_interval, difference_interval
from penname.judge.subject import Candidate, JudgeOptions, Subject
from penname.model.score import score_texts

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
    texts = choose_texts(subject.general, options.share, _GENERAL)
    sizes = [len(text.encode("utf-8")) for text in texts]
    adapted = _bits(subject.adapted, "adapted-general", texts, parts, device)
    base = _bits(subject.base, "base-general", texts, parts, device)
    return difference_interval(adapted, base, sizes, options.seed), sum(base) / sum(sizes)
