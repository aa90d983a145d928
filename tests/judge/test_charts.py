"""Drawings: valid for any numbers, nothing outside the frame, names escaped."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from penname.judge.charts import Bar, Line, Ratio, Values, bars, histogram, lines, ratios

NUMBER = st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False)
POSITIVE = st.floats(1e-3, 1e4)
NAME = st.text(max_size=20).filter(lambda text: all(ord(c) >= 32 and c.isprintable() for c in text))


def drawn(text: str) -> list[ET.Element]:
    """The elements of the drawing."""
    root = ET.fromstring(re.search(r"<svg.*</svg>", text, re.DOTALL).group())  # type: ignore[union-attr]
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    found = list(root.iter())
    for element in found:
        figures = [value for name, value in element.attrib.items() if name != "aria-label"]  # that one holds names
        assert not re.search(r"nan|inf\b", " ".join(figures))
        if element.tag in ("rect", "circle"):
            x, y = (float(element.attrib.get(name, element.attrib.get("c" + name, "0"))) for name in "xy")
            assert x >= -0.1 and x + float(element.attrib.get("width", 0)) <= width + 0.1
            assert y >= -0.1 and y + float(element.attrib.get("height", 0)) <= height + 0.1
    return found


@given(st.lists(st.tuples(NAME, POSITIVE, POSITIVE), min_size=1, max_size=6))
def test_bars(rows: list[tuple[str, float, float]]) -> None:
    given_bars = [Bar(name, value, value, value + more, "a") for name, value, more in rows]
    found = [element for element in drawn(bars(given_bars, "bits")) if element.tag == "rect"]
    assert len(found) == len(rows)
    widths = [float(element.attrib["width"]) for element in found]
    longest = max(range(len(rows)), key=lambda number: rows[number][1])
    assert widths[longest] == max(widths)


@given(st.lists(st.tuples(NUMBER, NUMBER), min_size=1, max_size=30))
def test_lines(points: list[tuple[float, float]]) -> None:
    drawn(lines([Line("a <b>", points, "a", dots=True)], "x & y", "y"))


@given(st.lists(st.lists(NUMBER, max_size=20), min_size=1, max_size=3))
def test_histograms(groups: list[list[float]]) -> None:
    text = histogram([Values(f"group {n}", values, "a") for n, values in enumerate(groups)], "words")
    assert bool(text) == any(groups)
    if text:
        drawn(text)


@given(st.lists(st.lists(st.integers(0, 5000), min_size=1, max_size=40), min_size=1, max_size=3))
def test_histograms_of_whole_numbers(groups: list[list[int]]) -> None:
    found = drawn(histogram([Values(str(n), values, "a") for n, values in enumerate(groups)], "words", whole=True))
    assert sum(element.tag == "rect" for element in found) >= len(groups)


def test_whole_numbers_stand_over_their_names() -> None:
    text = histogram([Values("runs", [3] * 99 + [5], "a")], "words", whole=True)
    assert [each.text for each in drawn(text) if each.attrib.get("class") == "middle"] == ["3", "4+"]
    text = histogram([Values("runs", [3, 4, 5, 5], "a")], "words", whole=True)
    assert [each.text for each in drawn(text) if each.attrib.get("class") == "middle"] == ["3", "4", "5"]
    heights = [float(each.attrib["height"]) for each in drawn(text) if each.tag == "rect"]
    assert heights[0] == heights[1] and abs(heights[2] - 2 * heights[0]) < 0.2


@given(st.lists(st.tuples(NAME, st.floats(0, 100), st.floats(0, 100), st.floats(0, 3)), max_size=8))
def test_ratios(rows: list[tuple[str, float, float, float]]) -> None:
    text = ratios([Ratio(*row) for row in rows], ("real", "generated"))
    usable = [row for row in rows if row[1] > 0 and row[2] > 0]
    assert bool(text) == bool(usable)
    if text:
        assert sum(element.tag == "circle" for element in drawn(text)) == len(usable)


def test_values_that_are_close_have_marks_that_differ() -> None:
    marks = re.findall(r">(1\.3\d*)<", lines([Line("objective", [(0.0, 1.3482), (1.0, 1.3495)], "a")], "trial", "bits"))
    assert len(marks) > 2 and len(set(marks)) == len(marks)


def test_names_are_escaped() -> None:
    text = bars([Bar("<script>", 1, 1, 2, "a")], '"&')
    assert "<script>" not in text
    assert any(element.text == "<script>" for element in drawn(text))


def test_nothing_gives_nothing() -> None:
    assert bars([], "x") == lines([], "x", "y") == histogram([], "x") == ratios([], ("a", "b")) == ""
