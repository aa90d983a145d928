"""Drawings of a tuning run as inline SVG: its history, and its settings as parallel coordinates.

In: the plain objects of `tuning.json`. Out: `<svg>` elements as markup, everything in them escaped.

    history(summary["trials"], summary["floor"])
"""

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from penname.judge.charts import WIDTH, legend, round_ticks, short, svg, text_at
from penname.judge.tuning.tunables import Tunable

_LEFT, _TOP, _BOTTOM = 52, 26, 208
Trial = Mapping[str, Any]
_STYLES = {"default": "a", "search": "b", "again": "d"}
_NAMES = (("default, three seeds", "a"), ("proposed", "b"), ("winner on fresh seeds", "d"), ("stopped early", "c"))


def history(trials: Sequence[Trial], floor: Mapping[str, float] | None) -> Markup:
    """The objective of each trial by its number; the band is what another seed of the default does."""
    judged = [trial for trial in trials if trial["objective"] is not None]
    if not judged:
        return Markup()
    values = [trial["objective"] for trial in judged]
    if floor:
        values += [floor["mean"] - floor["margin"], floor["mean"] + floor["margin"]]
    low, high = min(values), _without_outliers(values)
    ticks = round_ticks([low, high], 5)
    last = max(1, *(trial["number"] for trial in trials))
    right = WIDTH - 10

    def place(number: float, value: float) -> tuple[float, float]:
        up = (min(value, ticks[-1]) - ticks[0]) / (ticks[-1] - ticks[0])
        return _LEFT + 8 + number / last * (right - _LEFT - 16), _BOTTOM - up * (_BOTTOM - _TOP)

    out = []
    if floor:
        _, upper = place(0, floor["mean"] + floor["margin"])
        _, lower = place(0, floor["mean"] - floor["margin"])
        box = f'x="{_LEFT}" y="{upper:.1f}" width="{right - _LEFT}" height="{max(1.0, lower - upper):.1f}"'
        out.append(f'<rect class="band" {box}/>')
    for tick in ticks:
        _, y = place(0, tick)
        out.append(f'<path class="grid" d="M{_LEFT} {y:.1f}H{right}"/>{text_at(_LEFT - 6, y + 4, short(tick), "end")}')
    out.append(_best_line(judged, place))
    for trial in trials:
        if trial["objective"] is not None:
            x, y = place(trial["number"], trial["objective"])
            out.append(f'<circle class="{_STYLES.get(trial["group"], "b")}" cx="{x:.1f}" cy="{y:.1f}" r="4"/>')
        elif trial["state"] == "pruned":
            x, _ = place(trial["number"], ticks[-1])
            out.append(f'<rect class="c" x="{x - 1.5:.1f}" y="{_TOP - 8}" width="3" height="8"/>')
    for tick in round_ticks([0, last], 5):
        if tick <= last and tick == int(tick):
            out.append(text_at(place(tick, low)[0], _BOTTOM + 16, short(tick), "middle"))
    out += [text_at(_LEFT, 238, "trial"), text_at(0, 12, "objective, bits per byte")]
    there = {"c" for trial in trials if trial["state"] == "pruned"} | {
        _STYLES.get(each["group"], "b") for each in judged
    }
    names = [(name, style) for name, style in _NAMES if style in there]
    return svg(240, out, "Objective of each trial by its number") + legend(names)


def parallel(tunables: Sequence[Tunable], trials: Sequence[Trial]) -> Markup:
    """A line for each proposed trial through its settings to its objective; the best fifth stands out."""
    judged = sorted(
        (trial for trial in trials if trial["objective"] is not None and trial["group"] == "search"),
        key=lambda trial: trial["objective"],
    )
    if len(judged) < 2:
        return Markup()
    default = next((trial for trial in trials if trial["group"] == "default"), None)
    axes = len(tunables) + 1
    step, top, bottom = (WIDTH - 56) / (axes - 1), 34, 196
    best, worst = judged[0]["objective"], judged[-1]["objective"]

    def path(trial: Trial, style: str) -> str:
        spots = [min(1.0, max(0.0, tunable.spot(trial["values"][tunable.name]))) for tunable in tunables]
        value = trial["objective"] if trial["objective"] is not None else worst
        spots.append(min(1.0, max(0.0, (value - best) / ((worst - best) or 1.0))))
        points = [f"{28 + place * step:.1f} {bottom - spot * (bottom - top):.1f}" for place, spot in enumerate(spots)]
        return f'<path class="line {style}" d="M{"L".join(points)}"/>'

    few = max(1, len(judged) // 5)
    out = [path(trial, "c") for trial in reversed(judged[few:])]
    if default:
        out.append(path(default, "a"))
    out += [path(trial, "b") for trial in reversed(judged[:few])]
    ends = [(each.name.replace("_", " "), each.low, each.high) for each in tunables]
    for place, (name, low, high) in enumerate([*ends, ("objective", best, worst)]):
        x = 28 + place * step
        out.append(f'<path class="zero" d="M{x:.1f} {top}V{bottom}"/>')
        out += [text_at(x, top - 6, _end(high), "middle"), text_at(x, bottom + 14, _end(low), "middle")]
        # Names in two rows, so that neighbours do not touch.
        below = bottom + (30 if place % 2 == 0 else 44)
        out.append(text_at(x, below, name, "middle") if place < axes - 1 else text_at(WIDTH, below, name, "end"))
    names = [(f"best {few} of {len(judged)}", "b"), ("others", "c"), ("default", "a")]
    return svg(bottom + 50, out, "Settings of each trial as parallel coordinates") + legend(names)


def _best_line(judged: Sequence[Trial], place: Any) -> str:
    """The least objective so far, of single runs: steps to the right and down."""
    parts: list[str] = []
    best = float("inf")
    for trial in sorted(judged, key=lambda trial: trial["number"]):
        best = min(best, trial["objective"])
        x, y = place(trial["number"], best)
        parts.append(f"H{x:.1f}V{y:.1f}" if parts else f"M{x:.1f} {y:.1f}")
    return f'<path class="line b" d="{"".join(parts)}"/>'


def _without_outliers(values: Sequence[float]) -> float:
    """The top of the axis: the worst value, unless it is far beyond the others; it then stands at the edge."""
    ordered = sorted(values)
    middle, low = ordered[len(ordered) // 2], ordered[0]
    return min(ordered[-1], max(middle + 4 * (middle - low), ordered[len(ordered) * 3 // 4]))


def _end(value: float) -> str:
    if 0 < abs(value) < 0.001:
        # As short as its neighbours leave room for: 2e-4.
        return f"{value:.0e}".replace("e-0", "e-")
    return f"{value:.2g}" if abs(value) < 1 else f"{value:.3g}"
