"""The README and the guide are true: their commands exist and print what they show, and the tree is the tree."""

import contextlib
import io
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from penname import cli

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDE = (ROOT / "docs" / "guide.md").read_text(encoding="utf-8")
PAGES = README + GUIDE
TREE = (ROOT / "docs" / "tree.md").read_text(encoding="utf-8")
CHEAP = {"stats", "prepare", "books", "doctor", "--version", "--help"}


def sessions() -> list[list[tuple[str, list[str]]]]:
    """The console blocks: in each the commands in turn, with the lines that are shown below them."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", PAGES, re.DOTALL):
        parts = re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]
        found.append([(part.splitlines()[0], part.splitlines()[1:]) for part in parts])
    return found


def shown_commands() -> list[str]:
    blocks = re.findall(r"```(?:console|sh|powershell)\n(.*?)```", PAGES, re.DOTALL)
    lines = [line.removeprefix("$ ").partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    named = re.findall(r"`(penname [a-z][^`]*)`", PAGES)
    return [line for line in lines if line.startswith("penname ")] + named


def run(command: str) -> str:
    output = io.StringIO()
    with (
        contextlib.redirect_stdout(output),
        contextlib.redirect_stderr(output),
        pytest.raises(SystemExit) as stop,
    ):
        cli.main(shlex.split(command)[1:])
    assert not stop.value.code, output.getvalue()
    return output.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("session", sessions(), ids=lambda session: session[0][0])
def test_the_readme_shows_what_is_printed(
    session: list[tuple[str, list[str]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("src", "tests"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    monkeypatch.chdir(tmp_path)
    for command, shown in session:
        if shlex.split(command)[1] not in CHEAP:
            continue
        printed = {plain(line) for line in run(command).splitlines()}
        for line in shown:
            assert plain(line) in {*printed, "...", ""}, f"{command} does not print {line!r}"


def plain(line: str) -> str:
    """A line without its figures: cleaning may change by a word without the page being wrong."""
    return " ".join(re.sub(r"\d[\d,.]*|█+", "0", line).split())


def test_every_command_and_option_on_the_page_exists() -> None:
    assert len(shown_commands()) >= 10
    for command in shown_commands():
        words = shlex.split(command)
        verb = words[1]
        if verb.isupper():
            continue
        text = run(f"penname {verb} --help" if not verb.startswith("-") else "penname --help")
        for option in [word for word in words[2:] if word.startswith("--")]:
            assert option in text, f"{command}: {verb} has no {option}"


def test_every_command_is_on_the_page() -> None:
    listed = run("penname --help").partition("Commands:")[2]
    for verb in re.findall(r"^  (\w+)", listed, re.MULTILINE):
        assert f"`penname {verb}" in PAGES, verb


def test_the_tree_is_the_tree() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "tree.py")],
        capture_output=True,
        text=True,
        check=True,
        encoding="utf-8",
    )
    names = [line.split()[0] for line in done.stdout.splitlines()]
    missing = [name for name in names if name not in TREE]
    assert not missing, f"not in docs/tree.md: {missing}; run tools/tree.py --write"


def test_the_page_names_no_registry_and_no_machine() -> None:
    for word in ("pypi.org", "/work/", "/root/", "localhost"):
        assert word not in PAGES


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 170
