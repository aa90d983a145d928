"""The ledger of a tuning run: one row of `results.csv` for each trial that ended, however the run ended.

    write_missing(workspace, study.name, study.records(), study.defaults, lines)

In: the records of a study. Out: rows for those that have none yet, in the order in which they ended. The study is
written first and the ledger follows from it, so a kill between the two leaves nothing out and nothing twice.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from penname.core.workspace import Workspace, file_hashes
from penname.judge.results import append_row, read_rows
from penname.judge.tuning.records import JUDGED, PRUNED, Record
from penname.judge.tuning.tunables import in_words

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
