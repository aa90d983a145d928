"""A tuning run as HTML: the section of the report, and a page of its own that stands alone.

    write_text(path, render_tuning(summary))

In: the plain object of `tuning.json`. Out: HTML, every foreign text escaped; nothing is loaded and nothing runs.
"""

import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from penname.judge.charts import Bar, bars
from penname.judge.page_sections import plot, table
from penname.judge.tuning.drawings import history, parallel
from penname.judge.tuning.tunables import Tunable, in_words

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
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
    title = f"{summary['blog']}: tuning"
    style = files("penname.judge").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{style}</style></head>\n'
        f"<body><h1>{escape(title)}</h1>{tuning_section(summary)}</body></html>\n"
    )


def tuning_section(summary: Mapping[str, Any]) -> str:
    """What was tried and what came of it: the verdict, history, parallel coordinates, importance, best and default."""
    verdict = [*summary["verdict"], *summary["said"]]
    trials = summary["trials"]
    tunables = [Tunable(**each) for each in summary["tunables"]]
    named = sorted(summary["importance"].items(), key=lambda item: -item[1])
    importance = [Bar(name.replace("_", " "), value, value, value, "b") for name, value in named]
    plots = [
        plot(
            "Every trial",
            history(trials, summary["floor"]),
            "Less is better. The band is what another seed of the default does; only a trial below it counts, and only "
            "if it wins again on fresh seeds. The line is the best single run so far, luck included.",
        ),
        plot(
            "Settings and what came of them",
            parallel(tunables, trials),
            "A line is one trial, through its settings to its objective (low is good).",
        ),
        plot(
            "What decides",
            bars(importance, "share") if any(bar.value > 0 for bar in importance) else "",
            "How much each setting decides whether a trial is among the best (PED-ANOVA). Few trials say little.",
        ),
    ]
    first, *rest = verdict
    return (
        f'<p class="lead"><strong>{_sentence(first)}</strong></p>'
        + "".join(f"<p>{_sentence(sentence)}</p>" for sentence in rest)
        + f'<div class="plots">{"".join(plots)}</div>'
        + _against_default(summary, tunables)
        + _all(summary)
        + _notes(summary)
    )


def _against_default(summary: Mapping[str, Any], tunables: list[Tunable]) -> str:
    champion = summary["champion"]
    if champion is None:
        return ""
    other, head, told = champion, "best", ""
    if champion["group"] != "default":
        seeds = ", ".join(str(seed) for seed in champion["seeds"])
        told = f"Means over seeds {seeds} of the best (trial {champion['number']}) and over three seeds of the default."
    elif found := _nearest(summary["trials"]):
        other, head = found, f"trial {found['number']}"
        told = "Nothing beat the default: beside its means over three seeds stands one run of the best other trial."
    else:
        return ""
    rows = [
        [each.name.replace("_", " "), _figure(other["values"][each.name]), _figure(summary["defaults"][each.name])]
        for each in tunables
    ]
    for name, title in _TITLES.items():
        figures = [_figure(side.get(name), name == _BITS) for side in (other["figures"], summary["default"])]
        if any(figures):
            rows.append([title, *figures])
    return f"<h3>Best against default</h3><p>{escape(told)}</p>{table(['', head, 'default'], rows, numbers=(1, 2))}"


def _nearest(trials: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The proposed trial with the least objective."""
    judged = [trial for trial in trials if trial["group"] == "search" and trial["objective"] is not None]
    return min(judged, key=lambda trial: float(trial["objective"]), default=None)


def _all(summary: Mapping[str, Any]) -> str:
    rows = []
    for trial in summary["trials"]:
        named = in_words(trial["values"], summary["defaults"])
        again = f"trial {trial['of']} again, seed {trial['seed']}"
        settings = {"default": f"default, seed {trial['seed']}", "again": again}.get(trial["group"], named)
        short = [sentence for sentence in trial["verdict"] if "short by" in sentence]
        state = "; ".join(short) or ("all targets met" if trial["state"] == "judged" else trial["reason"])
        bits = trial["figures"].get(_BITS)
        row = [str(trial["number"]), settings, _figure(bits, True), _figure(trial["objective"], True)]
        rows.append([*row, state or trial["state"]])
    header = ["trial", "settings", "held-out", "objective", "targets"]
    return f'<details class="trials"><summary>All trials</summary>{table(header, rows, numbers=(0, 2, 3))}</details>'


def _notes(summary: Mapping[str, Any]) -> str:
    about = summary["about"]
    ranges = [
        [each["name"].replace("_", " "), _figure(each["low"]), _figure(each["high"]), each["text"]]
        for each in summary["tunables"]
    ]
    told = (
        f"A trial trains on {about['tokens']:,} tokens at most, on {about['device']}. The objective is bits per byte "
        "on the validation posts; a target of copying, repetition or forgetting that is missed by its own size costs "
        "0.1, beyond two standard errors of what is measured on passages. Test posts are not read. Seeds are not tuned."
    )
    return (
        f"<p>{escape(told)}</p><details><summary>What is tuned</summary>"
        f"{table(['setting', 'from', 'to', ''], ranges, numbers=(1, 2))}</details>"
    )


def _figure(value: Any, bits: bool = False) -> str:
    """A figure to three digits, bits per byte to four decimals."""
    return "" if not isinstance(value, int | float) else f"{value:.4f}" if bits else f"{value:.3g}"


def _sentence(text: str) -> str:
    """A sentence, what stands between backticks as code."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", escape(text))
