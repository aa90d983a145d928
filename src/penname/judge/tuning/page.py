"""A tuning run as a section: of the report, and alone on a page of its own.

    write_text(path, render_tuning(summary))

In: the plain object of `tuning.json`. Out: a section, or HTML; every foreign text escaped, nothing is loaded or runs.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from penname.judge.charts import Bar, bars
from penname.judge.page import Plot, Section, make_section, render_page
from penname.judge.tuning.drawings import history, parallel
from penname.judge.tuning.tunables import Tunable, in_words

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
    short = [sentence for sentence in trial["verdict"] if "short by" in sentence]
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
