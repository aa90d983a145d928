"""The lab book: what is cited exists, each entry says what the table needs, and the table is the entries'."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[1]
pytestmark = pytest.mark.skipif(not (ROOT / "lab").is_dir(), reason="the lab book is not in the source package")


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lab_tool", ROOT / "tools" / "lab.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lab = tool()


def cited() -> list[tuple[str, int]]:
    """Every citation of an entry, with the file that makes it."""
    found = []
    for folder in ("src", "tests", "tools", "benchmarks", "docs", "lab"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in {".py", ".md", ".toml"} and "new" not in path.parts:
                numbers = re.findall(r"\blab/(?:samples/)?(\d{4})\b", path.read_text(encoding="utf-8"))
                found += [(path.relative_to(ROOT).as_posix(), int(number)) for number in numbers]
    return found


def test_every_cited_entry_exists() -> None:
    numbers = {entry.number for entry in lab.entries()}
    assert len(cited()) > 20
    assert [(path, number) for path, number in cited() if number not in numbers] == []


def test_numbers_have_no_gap_and_no_twin() -> None:
    assert [entry.number for entry in lab.entries()] == list(range(1, len(lab.entries()) + 1))


def test_each_entry_says_when_where_and_what_came_of_it() -> None:
    for path in sorted((ROOT / "lab").glob("[0-9]*.md")):
        text = path.read_text(encoding="utf-8")
        fields = "".join(rf"- {name}: \S.*\n" for name in ("Date", "Machine", "Outcome", "Verdict"))
        assert re.match(rf"# \S.*\n\n{fields}\n\S", text), path.name
        assert lab.read_entry(path, 1).outcome in text.partition("Verdict")[0], path.name


def test_the_table_is_written_from_the_entries() -> None:
    assert lab.index() == (ROOT / "lab" / "README.md").read_text(encoding="utf-8"), "run tools/lab.py"


def test_samples_belong_to_an_entry_that_links_them() -> None:
    for path in (ROOT / "lab" / "samples").iterdir():
        [entry] = (ROOT / "lab").glob(f"{path.stem}-*.md")
        assert f"samples/{path.name}" in entry.read_text(encoding="utf-8")


def test_nothing_cites_the_former_book() -> None:
    for folder in ("src", "benchmarks", "docs", "tools"):
        for path in (ROOT / folder).rglob("*.*"):
            if path.suffix in {".py", ".md", ".toml"}:
                assert "LAB" + ".md" not in path.read_text(encoding="utf-8"), path


def test_a_new_entry_is_numbered_with_what_its_text_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "0041-old.md").write_text("# Old?\n\n- Date: 2026-01-01\n- Outcome: rejected\n\nText.\n", "utf-8")
    (tmp_path / "README.md").write_text(f"Head\n{lab.START}{lab.END}\nTail\n", "utf-8")
    first = "# 2026-02-02: Does warming up pay?\n\n2026-02-02, a machine.\n\nVerdict: **it does**. More text.\n"
    (tmp_path / "new" / "b.md").write_text(first, "utf-8")
    second = "# Is it fast?\n\n- Date: 2026-02-01\n- Machine: 2 cores\n- Outcome: open\n- Verdict: 3.5 s.\n\nFigures.\n"
    (tmp_path / "new" / "a.md").write_text(second, "utf-8")
    monkeypatch.setattr(lab, "LAB", tmp_path)
    fast, warm = lab.number_new()
    assert (fast.number, fast.name, fast.verdict, fast.text.strip()) == (42, "0042-fast.md", "3.5 s", "Figures.")
    assert (warm.number, warm.title, warm.verdict) == (43, "Does warming up pay?", "it does")
    assert not list((tmp_path / "new").iterdir())
    assert (tmp_path / "0042-fast.md").read_text("utf-8") == second.replace("3.5 s.", "3.5 s")
    assert lab.index().count("| [00") == 3 and lab.index().startswith("Head\n") and lab.index().endswith("\nTail\n")
