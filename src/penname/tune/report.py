"""Drawings of a tuning run as inline SVG: its history, and its settings as parallel coordinates.

In: the plain objects of `tuning.json`. Out: `<svg>` elements as markup, everything in them escaped.

    history(summary["trials"], summary["floor"])

A tuning run as a section: of the report, and alone on a page of its own.

    write_text(path, render_tuning(summary))

In: the plain object of `tuning.json`. Out: a section, or HTML; every foreign text escaped, nothing is loaded or runs.

What a tuning run has found so far, as one JSON object that the page and the report are drawn from.

    write_summary(workspace, study, "my-blog")        # tune/tuning.json and tuning.html
    summary = read_summary(workspace)                 # None where nothing was tuned
    judge_workspace(workspace, options, tuned_sections(workspace))

In: a study. Out: a plain object; reading it needs neither Optuna nor the models.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from markupsafe import Markup, escape
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from penname.core.files import parse_json, read_text, write_json, write_text
from penname.core.workspace import Workspace
from penname.judge.charts import WIDTH, Bar, bars, legend, round_ticks, short, svg, text_at
from penname.judge.page import Plot, Section, make_section, render_page
from penname.judge.target import tells_a_miss
from penname.tune.proposers import SEARCH, Record
from penname.tune.standing import Champion, Standing, afterwards, find_standing
from penname.tune.study import Study
from penname.tune.tunables import Tunable, in_words

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


_BITS = "exact_bits_per_byte"
_TITLES = {
    _BITS: "bits per byte, validation posts",
    "forgetting_bits_per_byte": "bits per byte forgotten",
    "copy_ratio_8gram": "8-word copying ratio",
    "longest_copied_run": "longest copied run, words",
    "extraction_rate": "share of posts extractable",
    "rep_4": "repeated 4-word sequences",
    "known_word_rate": "known words",
    "real_vs_generated_auc": "told from real posts (AUC)",
    "delta_percentile": "Delta, percentile",
}


def render_tuning(summary: Mapping[str, Any]) -> str:
    """The whole page."""
    return render_page(f"{summary['blog']}: tuning", [tuning_section(summary, title="")])


def tuning_section(summary: Mapping[str, Any], title: str = "Tuning") -> Section:
    """What was tried and what came of it: the verdict, history, parallel coordinates, importance, best and default."""
    tunables = [Tunable(**each) for each in summary["tunables"]]
    return make_section(
        "tuning",
        title,
        said=[_sentence(text) for text in [*summary["verdict"], *summary["said"]]],
        plots=_plots(summary, tunables),
        beside=_against_default(summary, tunables),
        trials=[_trial_row(trial, summary["defaults"]) for trial in summary["trials"]],
        about=summary["about"],
        ranges=[[_plain(each.name), _figure(each.low), _figure(each.high), each.text] for each in tunables],
    )


def _plots(summary: Mapping[str, Any], tunables: list[Tunable]) -> list[Plot]:
    trials = summary["trials"]
    named = sorted(summary["importance"].items(), key=lambda item: -item[1])
    importance = [Bar(_plain(name), value, value, value, "b") for name, value in named]
    return [
        (
            "Every trial",
            history(trials, summary["floor"]),
            (
                "Less is better. The band is what another seed of the default does; only a trial below it counts, and "
                "only if it wins again on fresh seeds. The line is the best single run so far, luck included."
            ),
        ),
        (
            "Settings and what came of them",
            parallel(tunables, trials),
            "A line is one trial, through its settings to its objective (low is good).",
        ),
        (
            "What decides",
            bars(importance, "share") if any(bar.value > 0 for bar in importance) else Markup(),
            "How much each setting decides whether a trial is among the best (PED-ANOVA). Few trials say little.",
        ),
    ]


def _against_default(summary: Mapping[str, Any], tunables: list[Tunable]) -> dict[str, Any] | None:
    champion = summary["champion"]
    if champion is None:
        return None
    other, head, told = champion, "best", ""
    if champion["group"] != "default":
        seeds = ", ".join(str(seed) for seed in champion["seeds"])
        told = f"Means over seeds {seeds} of the best (trial {champion['number']}) and over three seeds of the default."
    elif found := _nearest(summary["trials"]):
        other, head = found, f"trial {found['number']}"
        told = "Nothing beat the default: beside its means over three seeds stands one run of the best other trial."
    else:
        return None
    rows = [
        [_plain(each.name), _figure(other["values"][each.name]), _figure(summary["defaults"][each.name])]
        for each in tunables
    ]
    for name, title in _TITLES.items():
        figures = [_figure(side.get(name), name == _BITS) for side in (other["figures"], summary["default"])]
        if any(figures):
            rows.append([title, *figures])
    return {"told": told, "head": head, "rows": rows}


def _nearest(trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The proposed trial with the least objective."""
    judged = [trial for trial in trials if trial["group"] == "search" and trial["objective"] is not None]
    return min(judged, key=lambda trial: float(trial["objective"]), default=None)


def _trial_row(trial: Mapping[str, Any], defaults: Mapping[str, float]) -> list[str]:
    again = f"trial {trial['of']} again, seed {trial['seed']}"
    named = {"default": f"default, seed {trial['seed']}", "again": again}
    settings = named.get(trial["group"]) or in_words(trial["values"], defaults)
    short = [sentence for sentence in trial["verdict"] if tells_a_miss(sentence)]
    state = "; ".join(short) or ("all targets met" if trial["state"] == "judged" else trial["reason"])
    bits = _figure(trial["figures"].get(_BITS), True)
    return [str(trial["number"]), settings, bits, _figure(trial["objective"], True), state or trial["state"]]


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _figure(value: Any, bits: bool = False) -> str:
    """A figure to three digits, bits per byte to four decimals."""
    return "" if not isinstance(value, int | float) else f"{value:.4f}" if bits else f"{value:.3g}"


def _sentence(text: str) -> Markup:
    """A sentence, what stands between backticks as code."""
    return Markup(re.sub("`([^`]*)`", r"<code>\1</code>", escape(text)))


_FILE, PAGE = "tuning.json", "tuning.html"
_FOLDER = "tune"
_FIGURES = (
    "exact_bits_per_byte",
    "forgetting_bits_per_byte",
    "copy_ratio_8gram",
    "longest_copied_run",
    "extraction_rate",
    "rep_4",
    "known_word_rate",
    "real_vs_generated_auc",
    "delta_percentile",
)


def write_summary(workspace: Workspace, study: "Study", blog: str) -> dict[str, Any]:
    """Write the summary and its page; returns the summary."""
    summary = make_summary(study, blog)
    write_json(workspace.folder / _FOLDER / _FILE, summary)
    write_text(workspace.folder / PAGE, render_tuning(summary))
    return summary


def read_summary(workspace: Workspace) -> dict[str, Any] | None:
    """The summary of the last tuning run; None where there is none, or a broken one."""
    try:
        value = parse_json(read_text(workspace.folder / _FOLDER / _FILE))
    except (OSError, ValueError):
        return None
    return value if isinstance(value, dict) else None


def tuned_sections(workspace: Workspace) -> list[Section]:
    """What tuning adds to the report of the workspace: its section, or nothing where nothing was tuned."""
    summary = read_summary(workspace)
    return [tuning_section(summary)] if summary else []


def make_summary(study: "Study", blog: str) -> dict[str, Any]:
    """Everything that the page shows."""
    records = study.records()
    standing = find_standing(records)
    champion = standing.champion
    return {
        "blog": blog,
        "study": study.name,
        "about": {name: study.about[name] for name in ("seconds", "tokens", "device", "speed")},
        "defaults": study.defaults,
        "tunables": [asdict(tunable) for tunable in study.tunables],
        "trials": [_trial(record) for record in records if record.started],
        "floor": asdict(standing.floor) if standing.floor else None,
        "champion": _champion(champion) if champion else None,
        "default": _mean_figures([each for each in records if each.group == "default" and each.judged]),
        "wins": [_champion(win) for win in standing.wins],
        "rejected": [record.number for record in standing.rejected],
        "importance": importance(study, records),
        "said": [] if standing.won else afterwards(study.remembered("warned") or []),
        "verdict": verdict(records, standing, study.defaults),
    }


def verdict(records: list[Record], standing: Standing, defaults: dict[str, float]) -> list[str]:
    """What came of it, in sentences: the first one is the result."""
    floor, champion = standing.floor, standing.champion
    if floor is None or champion is None:
        return ["The noise is not yet measured: nothing can be said of other settings."]
    tried = sum(record.group == SEARCH and (record.judged or record.state == "pruned") for record in records)
    if standing.won:
        gain = floor.mean - champion.mean
        words = in_words(champion.record.values, defaults)
        result = (
            f"Tuning helped: {words} has {champion.mean:.4f} on fresh seeds, the default {floor.mean:.4f}: {gain:.4f} "
            f"bits per byte better, where another seed does up to {floor.margin:.4f}."
        )
    else:
        result = (
            f"The default stands: of {tried} other settings none beat it by more than another seed does "
            f"({floor.margin:.4f} bits per byte)" + (", also on fresh seeds." if standing.rejected else ".")
        )
    told = [result]
    if standing.candidate is not None:
        told.append(f"Trial {standing.candidate.number} looked better; it has not been run on fresh seeds yet.")
    if standing.rejected:
        numbers = ", ".join(str(record.number) for record in standing.rejected)
        told.append(f"Better once, but not on fresh seeds: trial {numbers}.")
    short = [sentence for sentence in champion.runs[-1].verdict if tells_a_miss(sentence)]
    told.append(f"Targets that are missed: {'; '.join(short)}." if short else "Every target that was measured is met.")
    return told


def importance(study: "Study", records: list[Record]) -> dict[str, float]:
    """How much each setting decides whether a trial is among the best (PED-ANOVA, Watanabe et al. 2023)."""

    if sum(record.judged and record.group == SEARCH for record in records) < 5:
        return {}
    try:
        found = get_param_importances(study.study, evaluator=PedAnovaImportanceEvaluator())
    except (ValueError, RuntimeError):
        return {}  # All trials alike.
    return {name: round(float(value), 4) for name, value in found.items() if value == value}


def _trial(record: Record) -> dict[str, Any]:
    return {
        "number": record.number,
        "group": record.group,
        "seed": record.seed,
        "state": record.state,
        "of": record.of,
        "values": dict(record.values),
        "objective": record.objective,
        "figures": {name: record.figures.get(name) for name in _FIGURES},
        "missed": record.missed,
        "verdict": list(record.verdict),
        "reason": record.reason,
        "times": dict(record.times),
        "curve": {str(place): value for place, value in record.curve.items()},
    }


def _champion(champion: Champion) -> dict[str, Any]:
    return {
        "number": champion.record.number,
        "group": champion.record.group,
        "values": dict(champion.record.values),
        "mean": champion.mean,
        "seeds": [run.seed for run in champion.runs],
        "figures": _mean_figures(list(champion.runs)),
        "verdict": list(champion.runs[-1].verdict),
    }


def _mean_figures(runs: list[Record]) -> dict[str, float]:
    found = {}
    for name in _FIGURES:
        values = [run.figures[name] for run in runs if isinstance(run.figures.get(name), int | float)]
        if values:
            found[name] = sum(values) / len(values)
    return found
