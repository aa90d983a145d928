"""The ledger of runs: `results.csv`, one row for each run that was judged.

    append_row(workspace.results, {"label": "train", "seconds": 61.2, ...})

In: a row. Out: the row at the end of the file. The header stays as it is; columns that it lacks are added behind, the
whole file then being written anew. A last line that a kill or a full disk cut off is removed, and that is said. Any
spreadsheet opens the file: UTF-8, commas, one header line; settings are JSON in one cell. A text that a spreadsheet
would take for a formula has an apostrophe before it, which `read_rows` takes away again; numbers stay numbers.

`penname judge`: from a workspace with a trained model to its report.

In: a workspace that holds `text.json` and `model/`. Out: `report.html` for people, `report.json` for programs, a row of
`results.csv`, and `good.toml`, which says what good looks like. What has not changed is not done again.

    report = judge_workspace(find_workspace(), JudgeOptions(quick=True))
    for sentence in report.verdict: print(sentence)
"""

import csv
import io
import json
import os
import re
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from penname import __version__
from penname.core import events
from penname.core.device import Device, pick_device
from penname.core.errors import InputError, PennameError
from penname.core.files import is_disk_full, read_json, write_json, write_text
from penname.core.workspace import Step, Workspace, content_hash, file_hashes, run_step
from penname.corpus.prepare import load_masked, load_text
from penname.judge.blind import FILE as BLIND
from penname.judge.blind import Blind, blind_figures, read_blind
from penname.judge.figures import MEANINGS, list_figures
from penname.judge.judgement import Judgement, judge
from penname.judge.page import Section, render_page
from penname.judge.page_sections import Findings, intro, report_sections
from penname.judge.passages import Written, kept_passages
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject, Training, read_training
from penname.judge.target import Check, Limit, check_figures, find_limits, is_edited, read_target, write_target
from penname.judge.verdict import find_verdict, headline
from penname.model.base import base_folder, base_is_shipped, base_title, general_texts, is_open, load_base, replay_texts
from penname.model.folder import load_model
from penname.train.options import Trained, TrainOptions

_NOT_FIGURES = ("blog", "date", "penname", "device", "seed", "verdict")
COLUMNS = (
    "date",
    "label",
    "blog",
    "blog_hash",
    "model_hash",
    "settings",
    "seed",
    "device",
    *(name for name in MEANINGS if name not in _NOT_FIGURES),
    # Last: a row that was cut off here has lost nothing that matters.
    "penname",
)
"""The columns of a new file."""
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
"""How a text begins that a spreadsheet computes (https://owasp.org/www-community/attacks/CSV_Injection)."""
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")


def append_row(path: Path, row: Mapping[str, Any]) -> None:
    """Append a row; keys that are no column yet become columns. None is an empty cell, a mapping becomes JSON.

    Raises `InputError` when the file is not a table, `PennameError` when the disk is full.
    """
    header, rows = _read(path)
    columns = header or list(COLUMNS)
    new = [name for name in row if name not in columns]
    if header and not new:
        _append(path, _line([row.get(name) for name in columns]))
        return
    columns += new
    body = [_line(columns), *(_line(cells + [""] * (len(columns) - len(cells))) for cells in rows)]
    write_text(path, "".join(body) + _line([row.get(name) for name in columns]))


def ends_with(path: Path, row: Mapping[str, Any], aside: Collection[str]) -> bool:
    """Whether the last row of the file says what `row` says, the columns `aside` not looked at."""
    rows = read_rows(path)
    written = {name: _text(str(_cell(value))) for name, value in row.items() if name not in aside}
    return bool(rows) and all(rows[-1].get(name) == text for name, text in written.items())


def read_rows(path: Path) -> list[dict[str, str]]:
    """The whole rows of the file, as they stand there; none where there is no file."""
    header, rows = _read(path)
    return [dict(zip(header, cells, strict=True)) for cells in rows]


def _read(path: Path) -> tuple[list[str], list[list[str]]]:
    """The header and the rows; a torn last line is taken out of the file."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            text = file.read()
    except FileNotFoundError:
        return [], []
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as a table ({error}): move it away.") from error
    found, torn = _parse(text.removeprefix("\ufeff"))
    if not found:
        return [], []
    header, *rows = ([_text(cell) for cell in cells] for cells in found)
    if len(set(header)) < len(header) or "date" not in header:
        raise InputError(f"{path} has no header that penname wrote: move it away, it will be made again.")
    if torn:
        _mend(path, header, rows)
    return header, [[*cells, *[""] * len(header)][: len(header)] for cells in rows]


def _parse(text: str) -> tuple[list[list[str]], bool]:
    """The lines as cells, and whether the last one lacks its end; it is left out if it lacks cells too."""
    quoted, end = False, 0
    for place, sign in enumerate(text):
        if sign == '"':
            quoted = not quoted
        elif sign == "\n" and not quoted:
            end = place + 1
    found = [cells for cells in csv.reader(io.StringIO(text[:end], newline="")) if cells]
    rest = text[end:]
    if rest and not quoted:
        cells = next(csv.reader([rest]))
        if not found or len(cells) == len(found[0]):
            found.append(cells)
    return found, bool(rest)


def _mend(path: Path, header: list[str], rows: list[list[str]]) -> None:
    events.note(f"The last line of {path.name} had been cut off: it was mended.")
    write_text(path, "".join(_line(cells) for cells in [header, *rows]))


def _append(path: Path, line: str) -> None:
    """One write at the end of the file, so that two runs do not mix their lines."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            os.write(handle, line.encode("utf-8", errors="replace"))
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        if is_disk_full(error):
            raise PennameError(
                f"The disk that holds {path.parent} is full: the row was not written. Make room and run it again."
            ) from error
        raise


def _line(cells: Any) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerow([_cell(value) for value in cells])
    return buffer.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
    if isinstance(value, str) and _FORMULA.match(value) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def _text(cell: str) -> str:
    """What was written as `cell`."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


JUDGE = Step("judge", reads=("text.json", "training.json"), writes=("report.json", "report.html"))
_OF_A_RUN = ("date", "seconds", "judging_seconds")
"""Figures that two runs do not share that do the same."""
FOLDER, TARGET, TRAINING = "judge", "good.toml", "training.json"
"""Names in the workspace: parts that cost time, what good is, and what training left."""
_FALLBACK = 40
_SAMPLES = 6


@dataclass(frozen=True)
class Report:
    """What came out: the figures of `report.json`, the verdict (its first sentence is the headline), the targets, the
    first passages as they came, and the page. `new` is False where nothing had changed."""

    figures: dict[str, Any]
    verdict: tuple[str, ...]
    checks: tuple[Check, ...]
    samples: tuple[Written, ...]
    page: Path
    new: bool


def judge_workspace(
    workspace: Workspace, options: JudgeOptions | None = None, others: Sequence[Section] = ()
) -> Report:
    """Judge the model of a workspace, unless neither it nor the text has changed; the page shows `others` too.

    Raises `InputError` when there is no model or nothing to judge it on, or an option cannot be.
    """
    options = options or JudgeOptions()
    options.check()
    target = workspace.folder / TARGET
    limits = read_target(target) if is_edited(target) else None
    subject = make_subject(workspace, options)
    inputs = {
        **_deciding(options),
        "penname": __version__,
        "model": subject.adapted.key,
        "base": subject.base.key if subject.base else "",
        "target": file_hashes(workspace.folder, (TARGET,))[TARGET] if limits is not None else "",
        "blind": file_hashes(workspace.folder, (BLIND,))[BLIND] if (workspace.folder / BLIND).is_file() else "",
        "others": content_hash([each.content for each in others]),
    }
    new = run_step(workspace, JUDGE, inputs, lambda: _judge(workspace, subject, options, limits, others), options.again)
    figures = read_json(workspace.folder / "report.json", "the figures of a report")
    return Report(
        figures=figures,
        verdict=tuple(figures["verdict"]),
        checks=tuple(check_figures(read_target(target), figures)),
        samples=kept_passages(workspace.folder / FOLDER)[:_SAMPLES],
        page=workspace.report,
        new=new,
    )


def make_subject(workspace: Workspace, options: JudgeOptions, adapted: Candidate | None = None) -> Subject:
    """What is judged: the workspace's model (or `adapted`), its posts, and the base it came from.

    With `side="validation"` no test post is looked at. Raises `InputError` when there is no model or no held-out post.
    """
    posts = load_text(workspace)
    training, heldout, spare = (
        tuple(post for post in posts if post.split == side and post.words)
        for side in ("train", options.side, "validation" if options.side == "test" else "")
    )
    if not heldout and spare:
        events.warn("There are no test posts: the validation posts are judged on, which flatters the model a little.")
        heldout = spare
    if not heldout or not training:
        raise InputError(
            f"{workspace.text} holds no {'held-out' if training else 'training'} posts: the blog is "
            "too small to be judged."
        )
    base, folder, path = _base(workspace, options)
    general, note = _general(folder) if base else ((), "")
    return Subject(
        name=str(workspace.read().get("site", workspace.folder.stem)),
        training=training,
        heldout=heldout,
        spare=spare,
        adapted=adapted or _candidate(workspace, workspace.model, "train SITE"),
        base=base,
        scratch=_scratch(workspace),
        general=general,
        general_note=note,
        background=lambda: _background(folder),
        background_key=_hash(folder) if folder else "",
        masked=load_masked(workspace),
        reader=_reader(base),
        base_name=base_title(path) if base else "",
        base_is_open=is_open(path),
    )


def measure(
    subject: Subject,
    options: JudgeOptions,
    training: Training,
    parts: Parts | None = None,
    date: str = "",
    device: Device | None = None,
) -> tuple[Judgement, dict[str, Any]]:
    """Judge without a workspace: all that was measured, and the figures. For a loop that judges many models.

    `device` is picked by the options unless given.
    """
    device = device or pick_device(options.device)
    judgement = judge(subject, parts or Parts(None), device, options)
    before = options.seconds_before or training.seconds
    figures = list_figures(judgement, date or _now(), before, []) | {"passes": training.passes}
    found = find_verdict(figures, training, judgement.voice.furthest(), judgement.weights)
    told = [headline(figures), *(f"{each.kind.capitalize()}: {each.text}" for each in found)]
    return judgement, {**figures, "verdict": told}


def _judge(
    workspace: Workspace,
    subject: Subject,
    options: JudgeOptions,
    limits: list[Limit] | None,
    others: Sequence[Section],
) -> None:
    """Measure, and write everything; the row comes last, so that a run that was killed leaves none."""
    started = time.monotonic()
    training = read_training(workspace.folder / TRAINING)
    judgement, figures = measure(subject, options, training, Parts(workspace.folder / FOLDER))
    figures |= blind_figures(read_blind(workspace.folder, judgement.passages.guarded))
    target = workspace.folder / TARGET
    if limits is None:
        limits = find_limits(judgement)
        write_target(target, limits)
    found = find_verdict(figures, training, judgement.voice.furthest(), judgement.weights)
    seconds = time.monotonic() - started
    before = options.seconds_before or training.seconds
    figures |= {"judging_seconds": round(seconds, 1), "seconds": round(before + seconds, 1)}
    checks = check_figures(limits, figures)
    findings = Findings(judgement, figures, figures["verdict"][0], found, checks, training)
    sections = report_sections(findings, others)
    write_text(workspace.report, render_page(f"{subject.name}: report", sections, subject.name, intro(findings)))
    write_json(workspace.folder / "report.json", figures)
    row = _row(workspace, subject, figures, training, options)
    # A run that was killed behind this line has written its row, and is only done again.
    if options.again or not ends_with(workspace.results, row, _OF_A_RUN):
        append_row(workspace.results, row)


def _row(
    workspace: Workspace,
    subject: Subject,
    figures: dict[str, Any],
    training: Training,
    options: JudgeOptions,
) -> dict[str, Any]:
    return {
        **{name: value for name, value in figures.items() if name != "verdict"},
        "label": options.label,
        "blog_hash": file_hashes(workspace.folder, ("text.json",))["text.json"][:12],
        "model_hash": subject.adapted.key[:12],
        "settings": training.settings,
        "seed": figures["seed"] if training.seed is None else training.seed,
    }


def add_blind_row(workspace: Workspace, found: Blind) -> None:
    """A row of `results.csv` for a blind test."""
    about = {"date": _now(), "label": "blind", "blog": workspace.folder.stem, "penname": __version__}
    append_row(workspace.results, about | blind_figures(found))


def _deciding(options: JudgeOptions) -> dict[str, Any]:
    """The options that decide the figures."""
    plain = replace(options, again=False, label="", device="", seconds_before=0.0)
    return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(plain).items()}


def _candidate(workspace: Workspace, folder: Path, command: str) -> Candidate:
    if not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds no model yet: run `penname {command}` first.")
    name = folder.relative_to(workspace.folder).as_posix()
    return Candidate(file_hashes(workspace.folder, (name,))[name], lambda: load_model(folder))


def _scratch(workspace: Workspace) -> Candidate | None:
    folder = workspace.folder / "scratch"
    return _candidate(workspace, folder, "train SITE --from-scratch") if (folder / "config.json").is_file() else None


def _base(workspace: Workspace, options: JudgeOptions) -> tuple[Candidate | None, Path | None, Path | None]:
    """The base that was adapted, the folder of the texts that come with it, and the base's path, None if shipped.

    An open model brings no texts: the shipped base's serve, which it may have read. `workspace.json` says in the
    settings of training which base it was; a model from scratch has none.
    """
    trained = workspace.read().get("settings", {}).get("train", {})
    named = trained.get("base")
    path = options.base or (Path(named) if named else None)
    shipped = base_folder() if base_is_shipped() else None
    if path is None:
        if trained.get("from_scratch") or shipped is None:
            return None, shipped, None
        return Candidate(_hash(shipped), lambda: load_base(None)), shipped, None
    if not path.exists():
        raise InputError(f"The base {path} is no longer there: give it with --base to compare with it.")
    return Candidate(_hash(path), lambda: load_base(path)), path if base_is_shipped(path) else shipped, path


def _reader(base: Candidate | None) -> Candidate | None:
    """The network that reads for sense: the shipped base, else the one that was adapted."""
    if not base_is_shipped():
        return base
    key = _hash(base_folder())
    return base if base is not None and base.key == key else Candidate(key, lambda: load_base(None))


def _general(folder: Path | None) -> tuple[tuple[str, ...], str]:
    """Texts to measure forgetting on, and what there is to say of them."""
    if folder is None:
        return (), ""
    if found := tuple(general_texts(folder)):
        return found, ""
    last = tuple(deque(_background(folder), maxlen=_FALLBACK))
    return last, (
        "Forgetting is measured on text that was replayed while adapting, for want of other: in truth it is more."
    )


def _background(folder: Path | None) -> Iterable[str]:
    """The text that comes with a base, as it is read."""
    try:
        yield from replay_texts(folder) if folder else ()
    except InputError:
        return


def _hash(folder: Path) -> str:
    return file_hashes(folder.parent, (folder.name,))[folder.name]


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def judge_trained(
    trained: Trained, options: TrainOptions, again: bool = False, others: Sequence[Section] = ()
) -> Report:
    """Judge what was trained, quickly on a CPU, and write the report; nothing is done again that has not changed."""
    workspace = trained.workspace
    record = read_json(workspace.folder / "training.json", "what training left")
    chosen = JudgeOptions(
        quick=pick_device(options.device).kind == "cpu",
        device=options.device,
        base=options.base,
        again=again,
        label="train",
        seconds_before=float(record.get("seconds", 0.0)),
    )
    with workspace.at_work("penname judge"):
        return judge_workspace(workspace, chosen, others)
