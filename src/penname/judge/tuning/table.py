"""The table of a tuning run, while it runs and at its end: plain texts, for any screen.

title, columns, rows = make_rows(records, defaults, standing, "12m 30s left")
"""

from collections.abc import Mapping, Sequence

from penname.judge.tuning.records import AGAIN, DEFAULT, JUDGED, PRUNED, RUNNING, STOPPED, Record
from penname.judge.tuning.standing import Standing
from penname.judge.tuning.tunables import in_words

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
    return title, COLUMNS, [make_row(record, defaults, standing) for record in chosen]


def make_row(record: Record, defaults: Mapping[str, float], standing: Standing) -> list[str]:
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
    _, settings, bits, value, forgot, _, repeats, verdict = make_row(record, defaults, standing)
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
