"""The ledger of a tuning run: one row of `results.csv` for each trial that ended, however the run ended.

    write_missing(workspace, study.name, study.records(), study.defaults)

In: the records of a study. Out: rows for those that have none yet, in the order in which they ended. The study is
written first and the ledger follows from it, so a kill between the two leaves nothing out and nothing twice.

The table of a tuning run, while it runs and at its end: plain texts, for any screen.

title, columns, rows = make_rows(records, defaults, standing, "12m 30s left")
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from penname.core.workspace import Workspace, file_hashes
from penname.judge.judging import append_row, read_rows
from penname.tune.proposers import AGAIN, DEFAULT, JUDGED, PRUNED, RUNNING, STOPPED, Record
from penname.tune.standing import Standing
from penname.tune.tunables import in_words

_ENDED = (JUDGED, PRUNED, "failed")


def write_missing(workspace: Workspace, study: str, records: Sequence[Record], defaults: Mapping[str, float]) -> int:
    """Append the rows that `results.csv` lacks; returns how many. One process at a time may do this."""
    known = {row.get("trial", "") for row in read_rows(workspace.results)}
    blog = file_hashes(workspace.folder, ("text.json",))["text.json"][:12]
    missing = [each for each in records if each.state in _ENDED and trial_name(study, each) not in known]
    for record in sorted(missing, key=lambda each: (each.ended, each.number)):
        append_row(workspace.results, make_row(study, record, defaults, blog))
    return len(missing)


def make_row(study: str, record: Record, defaults: Mapping[str, float], blog: str) -> dict[str, Any]:
    """One trial as a row: all its figures, its settings and its verdict. A trial that was stopped early has no
    figures but the last one on the validation posts."""
    figures = {name: value for name, value in record.figures.items() if name != "verdict"}
    if record.state == PRUNED and record.curve:
        figures["validation_bits_per_byte"] = round(record.curve[max(record.curve)], 3)
    date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(record.ended or None))
    return {
        **figures,
        "date": date,
        "label": f"tune {record.group}",
        "blog_hash": blog,
        "settings": dict(record.values),
        "seed": record.seed,
        "trial": trial_name(study, record),
        "state": record.state,
        "changed": in_words(record.values, defaults),
        "objective": None if record.objective is None else round(record.objective, 5),
        "targets": "; ".join(record.verdict) or record.reason,
    }


def trial_name(study: str, record: Record) -> str:
    """The study and the number of the trial in it."""
    return f"{study}/{record.number}"


COLUMNS = ("trial", "settings", "held-out", "objective", "forgot", "copied", "repeats", "verdict")
_SHOWN = 14


def make_rows(
    records: Sequence[Record], defaults: Mapping[str, float], standing: Standing, left: str, shown: int = _SHOWN
) -> tuple[str, tuple[str, ...], list[list[str]]]:
    """Title, columns, rows: the last trials, and the best one if it is not among them."""
    started = [record for record in records if record.started and record.state != STOPPED]
    chosen = started[-shown:]
    champion = standing.champion
    if champion and champion.record not in chosen:
        chosen = [champion.record, *chosen[1:]]
    judged = sum(record.judged for record in started)
    title = f"Tuning: {judged} trials judged, {len(started)} begun, {left}. {noise_in_words(standing)}"
    return title, COLUMNS, [table_row(record, defaults, standing) for record in chosen]


def table_row(record: Record, defaults: Mapping[str, float], standing: Standing) -> list[str]:
    """One trial."""
    last = record.curve[max(record.curve)] if record.curve else None
    bits = record.figures.get("exact_bits_per_byte", last)
    copied = record.figures.get("copy_ratio_8gram")
    return [
        str(record.number),
        _settings(record, defaults),
        _number(bits, 4),
        _number(record.objective, 4),
        _number(record.figures.get("forgetting_bits_per_byte"), 3, "+"),
        "" if copied is None else f"×{copied:g}",
        _number(record.figures.get("rep_4"), 3),
        _verdict(record, standing),
    ]


def row_in_words(record: Record, defaults: Mapping[str, float], standing: Standing, left: str) -> str:
    """One trial as a line, for a log or a pipe."""
    _, settings, bits, value, forgot, _, repeats, verdict = table_row(record, defaults, standing)
    figures = [f"{bits} bits per byte" if bits else "", f"objective {value}" if value else ""]
    figures += [f"forgot {forgot}" if forgot else "", f"repeats {repeats}" if repeats else "", verdict]
    return f"Trial {record.number} ({settings}): {', '.join(filter(None, figures))}; {left}."


def noise_in_words(standing: Standing) -> str:
    """The noise floor and the settings to beat, as a sentence."""
    floor, champion = standing.floor, standing.champion
    if floor is None or champion is None:
        return "The noise is not yet measured."
    best = "the default" if champion.record.group == DEFAULT else f"trial {champion.record.number}"
    return f"Noise: {floor.margin:.4f} better counts; best: {best}, {champion.mean:.4f}."


def _settings(record: Record, defaults: Mapping[str, float]) -> str:
    if record.group == DEFAULT:
        return f"default, seed {record.seed}"
    text = in_words(record.values, defaults)
    return f"trial {record.of} again, seed {record.seed}" if record.group == AGAIN else text


def _verdict(record: Record, standing: Standing) -> str:
    if record.state == RUNNING:
        return "running"
    if record.state == PRUNED:
        return "stopped early"
    if record.state != JUDGED:
        return record.reason or record.state
    parts = []
    if any(win.record.number == record.number for win in standing.wins):
        parts.append("won")
    elif standing.candidate and standing.candidate.number == record.number:
        parts.append("to be run again")
    elif any(each.number == record.number for each in standing.rejected):
        parts.append("did not win again")
    if record.missed:
        parts.append(f"{record.missed} targets missed")
    return ", ".join(parts) or "all targets met"


def _number(value: float | None, digits: int, sign: str = "") -> str:
    return "" if value is None else f"{value:{sign}.{digits}f}"
