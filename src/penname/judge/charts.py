"""Plots as inline SVG: text that any browser draws, without a script and without the network.

In: numbers and names. Out: an `<svg>` element as markup, everything in it escaped. Colours come from classes that the
page's style sheet sets for light and dark: `a` the blog, `b` the model, `c` the base, `d` what is left.

    bars([Bar("adapted", 1.24, 1.20, 1.29, "b"), Bar("base", 1.50, 1.44, 1.58, "c")], "bits per byte")
"""

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

WIDTH = 460
"""Of every drawing, in units of its own."""
_DOUBLINGS = 3
"""Ratios are drawn up to this many doublings or halvings; farther ones stand at the edge."""


@dataclass(frozen=True)
class Bar:
    """One bar and its interval."""

    name: str
    value: float
    low: float
    high: float
    style: str


@dataclass(frozen=True)
class Line:
    """One line of a plot: (x, y) points."""

    name: str
    points: Sequence[tuple[float, float]]
    style: str
    dots: bool = False


@dataclass(frozen=True)
class Values:
    """Numbers to be counted in a histogram."""

    name: str
    values: Sequence[float]
    style: str


@dataclass(frozen=True)
class Ratio:
    """Generated over real for one habit; `apart` is how far two halves of the real blog are from each other, as a
    share of the real figure."""

    name: str
    real: float
    generated: float
    apart: float


def bars(given: Sequence[Bar], unit: str) -> Markup:
    """Horizontal bars from zero, with whiskers for the intervals and the figures beside them."""
    if not given:
        return Markup()
    most = max(bar.high for bar in given) or 1.0
    height, top, right = 40, 4, WIDTH - 62
    out = []
    for row, bar in enumerate(given):
        y = top + row * height
        end = bar.value / most * right
        out.append(text_at(0, y + 11, bar.name))
        out.append(f'<rect class="{bar.style}" x="0" y="{y + 17}" width="{end:.1f}" height="14" rx="2"/>')
        if bar.high > bar.low:
            low, high = bar.low / most * right, bar.high / most * right
            middle = y + 24
            out.append(
                f'<path class="whisker" d="M{low:.1f} {middle}H{high:.1f}M{low:.1f} '
                f'{middle - 4}v8M{high:.1f} {middle - 4}v8"/>'
            )
        out.append(text_at(max(end, bar.high / most * right) + 6, y + 28, f"{bar.value:.2f}", "figure"))
    label = ", ".join(f"{bar.name} {bar.value:.2f}" for bar in given)
    return svg(top + len(given) * height, out, f"Bars, {unit}: {label}")


def lines(given: Sequence[Line], x_name: str, y_name: str) -> Markup:
    """Lines over a common x axis; the y axis spans what is drawn."""
    points = [point for line in given for point in line.points]
    if not points:
        return Markup()
    height, left, bottom, top = 240, 44, 208, 26
    first, last = min(x for x, _ in points), max(x for x, _ in points)
    x_ticks = [tick for tick in round_ticks([first, last], 5) if first <= tick <= last]
    y_ticks = round_ticks([y for _, y in points], 5)

    def place(x: float, y: float) -> tuple[float, float]:
        across = (x - first) / ((last - first) or 1.0)
        up = (y - y_ticks[0]) / (y_ticks[-1] - y_ticks[0])
        # Room at the right for half of the last number.
        return left + across * (WIDTH - left - 24), bottom - up * (bottom - top)

    out = [
        _axes(x_ticks, y_ticks, place, bottom, left),
        text_at(left, height - 2, x_name),
        text_at(0, 12, y_name),
    ]
    for line in given:
        placed = [place(x, y) for x, y in line.points]
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        out.append(f'<path class="line {line.style}" d="{path}"/>')
        if line.dots:
            out += [f'<circle class="{line.style}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>' for x, y in placed]
    return svg(height, out, f"{y_name} over {x_name}") + legend(
        [(line.name, line.style) for line in given if line.points]
    )


def histogram(given: Sequence[Values], x_name: str, whole: bool = False) -> Markup:
    """Shares of each group in common bins, as bars side by side.

    With `whole` the bins hold whole numbers, and the last one all that lies beyond the 99th percentile.
    """
    values = sorted(value for group in given for value in group.values)
    if not values:
        return Markup()
    edges = _whole_edges(values) if whole else _edges(values)
    counts = [_counted(group.values, edges) for group in given]
    ticks = round_ticks([0.0, 100 * max(max(each) for each in counts)], 4)
    height, bottom, top, left = 222, 180, 18, 36
    step = (WIDTH - left - 14) / (len(edges) - 1)
    bar = max(1.0, 0.86 * step / len(given))
    out = [_grid(ticks, bottom, top, left), text_at(left, height - 6, x_name), text_at(0, 10, "%")]
    for number, (group, each) in enumerate(zip(given, counts, strict=True)):
        for place, share in enumerate(each):
            x, tall = left + (place + 0.07) * step + number * bar, 100 * share / ticks[-1] * (bottom - top)
            if share:
                box = f'x="{x:.1f}" y="{bottom - tall:.1f}" width="{bar:.1f}" height="{tall:.1f}"'
                out.append(f'<rect class="{group.style}" {box}/>')
    out += _edge_names(edges, values[-1], whole, left, step, bottom + 15)
    names = [(f"{group.name} ({len(group.values):,})", group.style) for group in given if group.values]
    return svg(height, out, f"Histogram of {x_name}") + legend(names)


def ratios(given: Sequence[Ratio], names: tuple[str, str]) -> Markup:
    """Generated over real, on a scale of doublings, with a band for how far real text is from itself."""
    usable = [each for each in given if each.real > 0 and each.generated > 0]
    if not usable:
        return Markup()
    times = [math.log2(each.generated) - math.log2(each.real) for each in usable]
    reach = min(_DOUBLINGS, max(1, math.ceil(max(map(abs, times)))))
    left, right, height, top = 140, WIDTH - 54, 22, 22
    middle, scale = (left + right) / 2, (right - left) / 2 / reach
    bottom = top + height * len(usable)
    out = []
    for power in range(-reach, reach + 1):
        x = middle + power * scale
        out.append(f'<path class="{"zero" if power == 0 else "grid"}" d="M{x:.1f} {top}V{bottom}"/>')
        name = f"{2**power}×" if power >= 0 else f"1/{2**-power}"
        out.append(text_at(x, 12, name, "middle"))
    for row, (each, doublings) in enumerate(zip(usable, times, strict=True)):
        y = top + row * height + height / 2
        band = min(reach, math.log2(1 + each.apart)) * scale
        x = middle + max(-reach, min(reach, doublings)) * scale
        out.append(
            f'<rect class="band" x="{middle - band:.1f}" y="{y - 7:.1f}" width="{2 * band:.1f}" height="14" rx="3"/>'
        )
        out.append(f'<path class="stem b" d="M{middle:.1f} {y:.1f}H{x:.1f}"/>')
        out.append(f'<circle class="b" cx="{x:.1f}" cy="{y:.1f}" r="4.5"/>')
        out.append(text_at(0, y + 4, each.name))
        out.append(text_at(right + 8, y + 4, f"×{min(999.0, 2 ** min(20.0, doublings)):.2f}", "figure"))
    return svg(bottom + 4, out, f"{names[1]} over {names[0]}: " + ", ".join(each.name for each in usable))


def legend(names: Sequence[tuple[str, str]]) -> Markup:
    """Names beside their colours."""
    items = "".join(f'<span><i class="{style}"></i>{escape(name)}</span>' for name, style in names)
    return Markup(f'<div class="legend">{items}</div>')


def svg(height: float, parts: Sequence[str], title: str) -> Markup:
    """The element around the parts of a drawing; `title` is what a screen reader says."""
    return Markup(
        f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title, quote=True)}">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def text_at(x: float, y: float, text: str, style: str = "") -> str:
    """A text that begins at (x, y), or has its `middle` or `end` there."""
    name = f' class="{style}"' if style else ""
    return f'<text{name} x="{x:.1f}" y="{y:.1f}">{escape(text)}</text>'


def _axes(
    x_ticks: list[float],
    y_ticks: list[float],
    place: Callable[[float, float], tuple[float, float]],
    bottom: float,
    left: float,
) -> str:
    out = []
    for value in y_ticks:
        _, y = place(0.0, value)
        out.append(
            f'<path class="grid" d="M{left} {y:.1f}H{WIDTH - 6}"/>{text_at(left - 6, y + 4, short(value), "end")}'
        )
    for value in x_ticks:
        x, _ = place(value, 0.0)
        out.append(text_at(x, bottom + 16, short(value), "middle"))
    return "".join(out)


def _grid(ticks: Sequence[float], bottom: float, top: float, left: float) -> str:
    out = []
    for value in ticks:
        y = bottom - value / ticks[-1] * (bottom - top)
        out.append(
            f'<path class="grid" d="M{left} {y:.1f}H{WIDTH - 6}"/>{text_at(left - 6, y + 4, short(value), "end")}'
        )
    return "".join(out)


def round_ticks(values: Sequence[float], count: int) -> list[float]:
    """Round numbers that span the values: 1, 2 or 5 times a power of ten apart."""
    low, high = min(values), max(values)
    if high <= low:
        high = low + (abs(low) or 1.0)
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def _edges(values: Sequence[float]) -> list[float]:
    """Round edges of about twenty bins that hold all values."""
    return round_ticks([values[0], values[-1]], 20)


def _whole_edges(values: Sequence[float]) -> list[float]:
    """Whole edges of at most 25 bins; `values` are sorted."""
    low, high = math.floor(values[0]), math.floor(values[round(0.99 * (len(values) - 1))])
    width = next(width for width in (1, 2, 5, 10, 20, 50, 100, 1000, 10**9) if (high - low) / width < 25)
    first = low if width == 1 else low // width * width
    count = (high - first) // width + 1
    # One more, open bin for the few that lie beyond.
    return [first + width * number for number in range(count + 1 + (values[-1] >= first + width * count))]


def _counted(values: Sequence[float], edges: Sequence[float]) -> list[float]:
    found = [0.0] * (len(edges) - 1)
    for value in values:
        found[min(len(found), max(1, bisect_right(edges, value))) - 1] += 1
    return [each / max(1, len(values)) for each in found]


def _edge_names(edges: Sequence[float], largest: float, whole: bool, left: float, step: float, y: float) -> list[str]:
    """Names below the axis: of the edges, or of the first number of each bin and `+` for an open last one."""
    shift = step / 2 if whole else 0.0
    count = len(edges) - 1 if whole else len(edges)
    every = max(1, math.ceil(count / 8))
    shown = list(range(0, count, every))
    if whole and largest >= edges[-1]:
        shown = [place for place in shown if place <= count - 1 - every / 2] + [count - 1]
    out = []
    for place in shown:
        ending = "+" if whole and place == count - 1 and largest >= edges[-1] else ""
        out.append(text_at(left + place * step + shift, y, short(edges[place]) + ending, "middle"))
    return out


def short(value: float) -> str:
    """A number as it stands beside an axis: with so many digits that neighbours differ."""
    if abs(value) >= 1000:
        return f"{value / 1000:g}k"
    return f"{value:.6g}"
