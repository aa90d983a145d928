"""Trials as the loop sees them: what was tried, with which seed, and what came of it.

In: nothing but figures. Out: `Record`, a plain value that the study keeps and every decision is made from.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

JUDGED, PRUNED, FAILED, RUNNING, WAITING, STOPPED = "judged", "pruned", "failed", "running", "waiting", "stopped"
"""States of a trial; one that was stopped, or killed, is in line again under another number."""
DEFAULT, SEARCH, AGAIN = "default", "search", "again"
"""Groups of trials: the default with its seeds, what a proposer proposes, a winner on a fresh seed."""


@dataclass(frozen=True)
class Record:
    """One trial. `objective` is None unless it was judged; `of` is the trial whose settings are run again.

    `times` are seconds: `training`, `judging` and `all`; `started` and `ended` seconds since 1970. `curve` holds the
    held-out bits per byte along the run by the number of the evaluation, `verdict` a sentence for each target.
    """

    number: int
    group: str
    seed: int
    state: str
    values: Mapping[str, float]
    objective: float | None = None
    of: int | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    verdict: tuple[str, ...] = ()
    missed: int = 0
    """Targets that were measured and not met."""
    reason: str = ""
    """Why it failed."""
    curve: Mapping[int, float] = field(default_factory=dict)
    times: Mapping[str, float] = field(default_factory=dict)
    started: float = 0.0
    ended: float = 0.0

    @property
    def judged(self) -> bool:
        """Whether it ran to its end and has an objective."""
        return self.state == JUDGED and self.objective is not None

    @property
    def value(self) -> float:
        """The objective of a judged trial."""
        assert self.objective is not None
        return self.objective

    def to_json(self) -> dict[str, Any]:
        """A plain object."""
        return {**asdict(self), "verdict": list(self.verdict)}


def time_at_work(records: Sequence[Record], now: float | None = None) -> float:
    """Seconds in which at least one trial was at work, over all processes and sittings; running ones until `now`."""
    spans = sorted(
        (record.started, record.ended or now or record.started)
        for record in records
        if record.started and record.state != WAITING
    )
    spent, reached = 0.0, 0.0
    for start, end in spans:
        spent += max(0.0, end - max(start, reached))
        reached = max(reached, end)
    return spent
