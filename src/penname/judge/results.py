"""The ledger of runs: `results.csv`, one row for each run that was judged.

    append_row(workspace.results, {"label": "train", "seconds": 61.2, ...})

In: a row. Out: the row at the end of the file. The header stays as it is; columns that it lacks are added behind, the
whole file then being written anew. A last line that a kill or a full disk cut off is removed, and that is said. Any
spreadsheet opens the file: UTF-8, commas, one header line; settings are JSON in one cell. A text that a spreadsheet
would take for a formula has an apostrophe before it, which `read_rows` takes away again; numbers stay numbers.
"""

import csv
import io
import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.files import write_text
from penname.core.folders import is_disk_full
from penname.judge.figures import MEANINGS

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
