import io
import json
from pathlib import Path

from penname.core import events
from penname.core.progress import Settings, make_table, show_events


def test_details_go_into_the_log_and_not_onto_the_screen(tmp_path: Path) -> None:
    screen = io.StringIO()
    log = tmp_path / "log.jsonl"
    with show_events(Settings(file=screen)), events.listening(events.LogFile(log)):
        with events.subdued():
            events.note("A detail.")
            events.emit("evaluation", step=3, bits_per_byte=1.5)
            events.warn("Act on this.")
        events.note("All can see this.")
    assert screen.getvalue() == "Warning: Act on this.\nAll can see this.\n"
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert [line["text"] for line in lines] == ["A detail.", "", "Act on this.", "All can see this."]
    assert lines[0]["data"]["detail"] is True and "detail" not in lines[3]["data"]


def test_a_row_is_a_line_where_there_is_no_table(tmp_path: Path) -> None:
    screen = io.StringIO()
    with show_events(Settings(file=screen)):
        events.emit("table", "Title", columns=["a"], rows=[["1"]])
        events.emit("row", "Trial 1: 1.25 bits per byte.")
    assert screen.getvalue() == "Trial 1: 1.25 bits per byte.\n"


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_a_table_stands_above_the_bars_of_a_terminal_and_makes_rows_needless() -> None:
    screen = Terminal()
    with show_events(Settings(file=screen)):
        events.emit("table", "Tuning [1]", columns=["trial", "verdict"], rows=[["0", "[bold]won"]])
        events.emit("row", "Trial 0: a line.")
    assert "Tuning [1]" in screen.getvalue() and "[bold]won" in screen.getvalue()
    assert "a line" not in screen.getvalue()


def test_columns_of_numbers_are_flush_right() -> None:
    table = make_table("t", ["trial", "figure", "verdict"], [["0", "+0.012", "won"], ["12", "", "short"]])
    assert [column.justify for column in table.columns] == ["right", "right", "left"]
