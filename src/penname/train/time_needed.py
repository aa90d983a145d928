"""What a plan says first: the time that all of it needs here, and what this run reads.

    say_time(plan, "on this processor")

In: a plan (`plan.py`). Out: sentences for people.
"""

from penname.core.terminal import many
from penname.train.plan import Plan


def say_time(plan: Plan, where: str) -> str:
    """What all of it needs here, and what this run reads: `where` is `on this processor`."""
    all_of_it = plan.full_seconds or plan.seconds
    times = plan.full_passes or plan.passes
    text = f"The full plan needs about {minutes(all_of_it)} {where}, and reads your blog {_often(times)}."
    if plan.passes > 0.95 * times:
        return f"{text} This run does all of it."
    asked = f"{minutes(plan.limit or plan.seconds)} of training read {_read(plan.passes)}"
    return f"{text} {asked}: --minutes {-(-all_of_it // 60):.0f} does all of it."


def minutes(seconds: float) -> str:
    """A time in words that a reader remembers: `40 minutes`, `1 minute`, `2.5 hours`, `10 seconds`."""
    if seconds < 60:
        return many(max(1, round(seconds)), "second")
    if seconds < 5_400:
        return many(round(seconds / 60), "minute")
    return f"{seconds / 3600:.1f} hours"


def _often(passes: float) -> str:
    return "once" if round(passes) <= 1 else f"{round(passes)} times"


def _read(passes: float) -> str:
    """How much of the blog is read."""
    if passes < 0.01:
        return "less than 1% of it once"
    return f"{passes:.0%} of it once" if passes < 0.95 else f"it {passes:.1f} times"
