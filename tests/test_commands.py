"""The pages of docs/commands are what the commands' own help says."""

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

import penname.cli
from penname.cli.app import app
from penname.sources.find import sample_site

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(path for path in (ROOT / "docs" / "commands").glob("*.md") if path.name != "README.md")


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("commands_tool", ROOT / "tools" / "commands.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date() -> None:
    assert list(tool().stale()) == [], "run tools/commands.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_has_exactly_the_options_of_the_help(page: Path) -> None:
    assert penname.cli.VERBS
    printed = CliRunner(env={"COLUMNS": "300"}).invoke(app, [page.stem, "--help"]).output
    helped = {*re.findall(r"^\W*(?:-\w, )?(--[a-z][\w-]*)", printed, re.MULTILINE)} - {"--help"}
    shown = {*re.findall(r"(?m)^\| `[^`]*?(--[a-z][\w-]*)", page.read_text(encoding="utf-8"))}
    assert helped and helped == shown


@pytest.mark.parametrize("words", [["--strength", "2"], ["--strength=2"], ["--interpolation", "2"]])
def test_a_former_name_of_an_option_still_works(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        penname.cli.main(["train", str(sample_site()), "--rate", "1e-4", *words])
    assert stop.value.code == 2 and "--interpolation is between 0 and 1, not 2" in capsys.readouterr().err
