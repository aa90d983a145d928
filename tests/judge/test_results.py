"""The ledger: a stable header, rows that survive, a torn last line mended."""

import csv
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.core import events
from penname.core.errors import InputError
from penname.judge.figures import MEANINGS
from penname.judge.judging import COLUMNS, append_row, ends_with, read_rows

CELL = st.text(max_size=30).filter(lambda text: "\r" not in text and "\0" not in text and text.isprintable())


def row(number: int) -> dict[str, object]:
    settings = {"rate": 0.01, "name": 'a "b", c'}
    return {"date": f"2026-01-{number:02}", "label": "x", "seed": number, "rep_4": 0.02, "settings": settings}


def test_rows_are_appended_below_a_stable_header(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    for number in (1, 2, 3):
        append_row(path, row(number))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(COLUMNS) and len(lines) == 4
    rows = read_rows(path)
    assert [each["seed"] for each in rows] == ["1", "2", "3"]
    assert json.loads(rows[0]["settings"]) == {"rate": 0.01, "name": 'a "b", c'}
    assert rows[0]["extraction_rate"] == ""


def test_every_figure_has_a_column() -> None:
    assert set(MEANINGS) - {"verdict"} <= set(COLUMNS)
    assert len(set(COLUMNS)) == len(COLUMNS)


def test_a_new_key_becomes_a_column_behind_the_others(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append_row(path, row(1))
    append_row(path, row(2) | {"trial": 7})
    append_row(path, row(3))
    rows = read_rows(path)
    assert list(rows[0]) == [*COLUMNS, "trial"]
    assert [each["trial"] for each in rows] == ["", "7", ""]


def test_the_users_own_columns_and_order_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("note,date,seed\ngood,2026-01-01,1\n", encoding="utf-8")
    append_row(path, {"date": "2026-01-02", "seed": 2})
    assert path.read_text(encoding="utf-8") == "note,date,seed\ngood,2026-01-01,1\n,2026-01-02,2\n"


@pytest.mark.parametrize("kept", [5, 40, 60, -1, -3])
def test_a_torn_last_line_is_mended(tmp_path: Path, kept: int) -> None:
    """Cut anywhere in the last line, its settings in quotation marks included: the rows before it are whole."""
    path = tmp_path / "results.csv"
    for number in (1, 2):
        append_row(path, row(number))
    text = path.read_text(encoding="utf-8")
    start = text.rindex("2026-01-02")
    path.write_text(text[: start + kept] if kept > 0 else text[:kept], encoding="utf-8")
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text)):
        append_row(path, row(3))
    rows = read_rows(path)
    assert [each["seed"] for each in rows] in (["1", "3"], ["1", "2", "3"])
    assert all(len(each) == len(COLUMNS) for each in csv.reader(path.read_text(encoding="utf-8").splitlines()))
    assert any("mended" in text for text in heard)


def test_every_cut_leaves_whole_rows(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    small = {"date": "2026-01-01", "settings": {"a": 'x, "y"'}, "label": "two\nlines"}
    path.write_text("date,settings,label,penname\n", encoding="utf-8")
    for _ in range(2):
        append_row(path, small)
    text = path.read_text(encoding="utf-8")
    first = text.index("2026")
    for cut in range(first, len(text)):
        path.write_text(text[:cut], encoding="utf-8")
        append_row(path, small | {"label": "last"})
        rows = read_rows(path)
        assert rows[-1]["label"] == "last" and rows[-1]["settings"] == json.dumps(small["settings"])
        assert len(rows) <= 3
        assert all(each["label"] in ("two\nlines", "last") for each in rows)


@given(st.lists(st.dictionaries(st.sampled_from(["label", "blog", "device"]), CELL), min_size=1, max_size=4))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, str]]) -> None:
    path = tmp_path_factory.mktemp("csv") / "results.csv"
    for each in rows:
        append_row(path, {"date": "today", **each})
    for each, found in zip(rows, read_rows(path), strict=True):
        assert all(found[name] == value for name, value in each.items())


def test_another_table_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    path.write_text("name,price\ntea,3\n", encoding="utf-8")
    with pytest.raises(InputError, match="move it away"):
        append_row(path, row(1))
    assert path.read_text(encoding="utf-8") == "name,price\ntea,3\n"
    path.write_bytes(b"\xff\xfe\x00date")
    with pytest.raises(InputError, match="cannot be read"):
        append_row(path, row(1))


def test_no_file_has_no_rows(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "none.csv") == []


SIGNS = ["=1+1", "+x", "-x", "@x", "\tx", "\nx", "'=x", "''-x", "＝1", "-", "--5", "=", "+1-2"]


@pytest.mark.parametrize("text", SIGNS)
def test_no_text_begins_a_formula(tmp_path: Path, text: str) -> None:
    """In a cell, in a name of a column, after the file was written anew and after it was mended."""
    path = tmp_path / "results.csv"
    append_row(path, row(1) | {"label": text})
    append_row(path, row(2) | {"label": text, text: text})
    path.write_text(path.read_text(encoding="utf-8") + "2026", encoding="utf-8")
    append_row(path, row(3) | {"label": text})
    with path.open(encoding="utf-8", newline="") as file:
        cells = [cell for cells in csv.reader(file) for cell in cells]
    assert not [cell for cell in cells if cell[:1] in tuple("=+-@\t\r\n＝＋－＠")]
    rows = read_rows(path)
    assert [each["label"] for each in rows] == [text] * 3 and rows[1][text] == text


def test_numbers_stay_numbers(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    append_row(path, {"date": "today", "rep_4": -0.25, "seed": -3, "label": "-1.5e-3", "device": "+7"})
    line = path.read_text(encoding="utf-8").splitlines()[1]
    for number in ("-0.25", "-3", "-1.5e-3", "+7"):
        assert f",{number}," in line


def test_whether_a_row_is_the_last_one_already(tmp_path: Path) -> None:
    path = tmp_path / "results.csv"
    values = {"date": "1", "label": "=1+1", "settings": {"b": 0.1, "a": None}, "bits_per_byte": 1.25, "seed": None}
    assert not ends_with(path, values, ())
    append_row(path, values)
    assert ends_with(path, values, ()) and ends_with(path, values | {"date": "2"}, ("date",))
    assert not ends_with(path, values | {"date": "2"}, ()) and not ends_with(path, values | {"bits_per_byte": 1.5}, ())
    append_row(path, values | {"label": "other"})
    assert not ends_with(path, values, ())
