"""What "good" looks like for a blog: `good.toml`, made from the blog itself, and the user's to edit.

In: a judgement. Out: limits on the figures of `report.json`, and for each whether it is met.

    write_target(workspace.folder / "good.toml", limits)        # not over one that was edited
    for check in check_figures(read_target(path), figures):
        print(check.name, check.met, check.short)

Limits come from the training and the validation posts: how far two halves of the blog are apart, how much real
passages repeat themselves, how many of their words are known. The test posts are not read for them.
"""

import difflib
import hashlib
import math
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import read_text, write_text
from penname.judge.figures import MEANINGS
from penname.judge.fluency import measure_fluency

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
        name, wanted = self.limit.name, self.wanted
        if self.figure is None:
            return f"{name}: {wanted} is wanted, it was not measured"
        found = in_words(name, self.figure)
        if self.met:
            return f"{name}: {found}, met ({wanted})"
        doubt = "" if self.beyond else f", which is within the error of {in_words(name, ERRORS * self.error)}"
        return f"{name}: {found}, {self.missed} ({wanted}){doubt}"

    @property
    def wanted(self) -> str:
        """The limit in words, in the unit that the figure has everywhere."""
        return f"{self.limit.bound.replace('_', ' ')} {in_words(self.limit.name, self.limit.value)}"

    @property
    def missed(self) -> str:
        """By how much the limit is missed: an upper one is gone over, a lower one fallen short of."""
        return f"{'over' if self.limit.bound == AT_MOST else 'short'} by {in_words(self.limit.name, self.short)}"


def tells_a_miss(sentence: str) -> bool:
    """Whether a sentence that a check made of itself says that its limit is missed."""
    return ", over by " in sentence or ", short by " in sentence


_SHARES = ("rate", "share", "rep_2", "rep_3", "rep_4")


def in_words(name: str, value: float) -> str:
    """A figure as people read it: shares of a whole in percent, wherever they stand, others in three digits."""
    return f"{100 * value:.3g}%" if name.endswith(_SHARES) else f"{value:.3g}"


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
