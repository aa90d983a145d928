"""Each drawing, mark for mark, as it was looked at; run this file to write the golden one anew after a look."""

from pathlib import Path

import pytest

from penname.judge.charts import Bar, Line, Ratio, Values, bars, histogram, lines, ratios, round_ticks, short

GOLDEN = Path(__file__).parent / "files" / "charts.html"


def drawings() -> str:
    whole = [Values("runs", [3, 4, 4, 5, 9, 12, 12, 30], "a"), Values("others", [4, 5, 6, 6, 7], "b")]
    wide = [Values("words", [number * 7 % 113 for number in range(150)] + [900, 2000], "a")]
    parts = [
        bars(
            [Bar("adapted", 1.24, 1.2, 1.29, "b"), Bar("base", 1.5, 1.5, 1.5, "c"), Bar("none", 0, 0, 0, "d")], "bits"
        ),
        bars([Bar("nothing", 0.0, 0.0, 0.0, "a")], "bits"),
        lines([Line("a", [(0, 1.5), (10, 1.25), (20, 1.31)], "a", dots=True), Line("b", [(5, 1.4)], "b")], "x", "y"),
        lines([Line("flat", [(3, 2.0), (3, 2.0)], "a")], "step", "loss"),
        histogram([Values("shares", [0.1, 0.15, 0.2, 0.2, 0.9], "a"), Values("few", [0.5], "b")], "share"),
        histogram(whole, "words", whole=True),
        histogram(wide, "words", whole=True),
        ratios(
            [Ratio("commas", 20, 30, 0.1), Ratio("dots", 5, 100, 0), Ratio("rare", 8, 1, 2.5), Ratio("no", 0, 1, 1)],
            ("real", "generated"),
        ),
        ratios([Ratio("same", 4, 4.4, 0.05)], ("real", "generated")),
    ]
    return "\n".join(map(str, parts)).replace("><", ">\n<") + "\n"


def test_every_mark_is_where_it_was() -> None:
    assert drawings() == GOLDEN.read_text(encoding="utf-8"), f"look at it, then run {Path(__file__).name}"


@pytest.mark.parametrize(
    ("values", "count", "ticks"),
    [
        ([0, 10], 5, [0, 2, 4, 6, 8, 10]),
        ([0, 1], 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([3, 3], 5, [3, 4, 5, 6]),
        ([0, 0], 5, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        ([-4, -4], 4, [-4, -3, -2, -1, 0]),
        ([0, 26], 5, [0, 10, 20, 30]),
        ([0, 5], 5, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_ticks_are_round_and_span_the_values(values: list[float], count: int, ticks: list[float]) -> None:
    assert round_ticks(values, count) == pytest.approx(ticks)


def test_numbers_beside_an_axis_are_short() -> None:
    assert [short(value) for value in (999, 1000, -1500, 0.1 + 0.2, 1234567)] == (
        ["999", "1k", "-1.5k", "0.3", "1234.57k"]
    )


if __name__ == "__main__":
    GOLDEN.write_text(drawings(), encoding="utf-8")
