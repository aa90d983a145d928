"""The sentence about time names the full plan, this run and the option."""

from dataclasses import replace

from penname.train.plan import Plan
from penname.train.settings import TrainSettings
from penname.train.time_needed import minutes, say_time

PLAN = Plan(
    TrainSettings(steps=9, rows=2, context=64),
    0.5,
    0.25,
    2,
    600.0,
    900.0,
    2_000,
    (),
    full_seconds=2_400.0,
    full_passes=3.0,
    limit=600.0,
)


def test_a_short_run_says_what_it_reads_and_what_all_of_it_takes() -> None:
    said = say_time(PLAN, "on this processor")
    for part in ("about 40 minutes on this processor", "3 times", "10 minutes", "25% of it once", "--minutes 40"):
        assert part in said


def test_a_full_run_asks_for_nothing() -> None:
    assert "--minutes" not in say_time(replace(PLAN, passes=3.0), "here")


def test_times_in_words() -> None:
    assert [minutes(s) for s in (0.2, 10, 60, 150, 9_000)] == [
        "1 second",
        "10 seconds",
        "1 minute",
        "2 minutes",
        "2.5 hours",
    ]
