"""What a tuning run has found so far, as one JSON object that the page and the report are drawn from.

    write_summary(workspace, study, "my-blog")        # tune/tuning.json and tuning.html
    summary = read_summary(workspace)                 # None where nothing was tuned
    judge_workspace(workspace, options, tuned_sections(workspace))

In: a study. Out: a plain object; reading it needs neither Optuna nor the models.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from penname.core.files import parse_json, read_text, write_json, write_text
from penname.core.workspace import Workspace
from penname.judge.page import Section
from penname.judge.tuning.failure import afterwards
from penname.judge.tuning.page import render_tuning, tuning_section
from penname.judge.tuning.records import SEARCH, Record
from penname.judge.tuning.standing import Champion, Standing, find_standing
from penname.judge.tuning.tunables import in_words

if TYPE_CHECKING:
    from penname.judge.tuning.study import Study

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
    short = [sentence for sentence in champion.runs[-1].verdict if "short by" in sentence]
    told.append(f"Targets that are missed: {'; '.join(short)}." if short else "Every target that was measured is met.")
    return told


def importance(study: "Study", records: list[Record]) -> dict[str, float]:
    """How much each setting decides whether a trial is among the best (PED-ANOVA, Watanabe et al. 2023)."""
    from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

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
