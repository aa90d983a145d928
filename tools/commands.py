"""Write docs/commands/: a page for each command, from what its `--help` is made of.

.venv/bin/python tools/commands.py           # write the pages
.venv/bin/python tools/commands.py --check   # only say whether they are the ones that would be written
"""

import inspect
import re
import sys
import typing
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from typer.models import ArgumentInfo, OptionInfo

import penname.cli
from penname.cli.app import app, options

FOLDER = Path(__file__).resolve().parents[1] / "docs" / "commands"
_DEFAULT = re.compile(r"\s*\[default: ([^\]]*)\]")


@dataclass(frozen=True)
class Taken:
    """One argument or option of a command, as its signature declares it."""

    name: str
    kind: Any
    info: ArgumentInfo | OptionInfo
    default: Any

    @property
    def flag(self) -> bool:
        """Whether it takes no value."""
        return self.kind is bool

    @property
    def names(self) -> list[str]:
        """The names of an option, as they are typed."""
        # Of what is declared without a default, Typer takes the first name for it.
        declared = [each for each in (self.info.default, *(self.info.param_decls or ())) if isinstance(each, str)]
        usual = f"--{self.name.replace('_', '-')}"
        names = [name for each in declared for name in each.split("/") if name.startswith("-")]
        return sorted(names or ([usual, usual.replace("--", "--no-", 1)] if self.flag else [usual]), key=_order)

    @property
    def value(self) -> str:
        """What stands for its value: the name that the code gives it, or its type's."""
        usual = {int: "NUMBER", float: "NUMBER", str: "TEXT"}.get(self.kind, self.name.upper())
        return self.info.metavar or usual

    @property
    def typed(self) -> str:
        """An option with its value, as it is typed."""
        return ", ".join(self.names) + ("" if self.flag else f" {self.value}")

    @property
    def shown_default(self) -> str:
        """The default where there is one to show: in the help's own words, or the value."""
        if said := _DEFAULT.search(self.info.help or ""):
            return said[1]
        if self.flag:
            off = [name for name in self.names if name.startswith("--no-")]
            return (self.names[0] if self.default else off[0]) if off else ""
        missing = self.info.show_default is False or self.default in (None, "", ...) or isinstance(self.default, list)
        return "" if missing else str(self.default)

    @property
    def panel(self) -> str:
        """The heading that it stands under."""
        return str(getattr(self.info, "rich_help_panel", None) or "Options")


def _order(name: str) -> tuple[bool, bool]:
    return name.startswith("--no-"), name.startswith("--")


def taken_by(verb: Callable[..., Any]) -> list[Taken]:
    """The arguments and options of a command, hidden ones left out."""
    found = []
    hints = typing.get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        if not typing.get_args(hints[name]):
            continue  # what typer itself passes
        kind, *extras = typing.get_args(hints[name])
        info = next(each for each in extras if isinstance(each, ArgumentInfo | OptionInfo))
        kinds = [each for each in typing.get_args(kind) if each is not type(None)]
        kinds = [typing.get_args(each)[0] if typing.get_args(each) else each for each in kinds]
        if not info.hidden:
            default = None if parameter.default is inspect.Parameter.empty else parameter.default
            found.append(Taken(name, kinds[0] if kinds else kind, info, default))
    return found


def pages() -> dict[str, str]:
    """The pages by file name; README.md lists the commands."""
    assert penname.cli.VERBS  # the import has registered them
    verbs = {
        each.name or each.callback.__name__: each.callback
        for each in app.registered_commands
        if each.callback and not each.hidden
    }
    found = {f"{name}.md": page(name, verb) for name, verb in verbs.items()}
    rows = [f"| [`penname {name}`]({name}.md) | {line(paragraphs(verb)[0])} |" for name, verb in verbs.items()]
    head = f"# The commands\n\n{line(str(app.info.help))}\n\n| command | what it does |\n| --- | --- |\n"
    shared = f"\n## Options before the command\n\n{table(taken_by(options))}"
    return {"README.md": head + "\n".join(rows) + "\n" + shared, **found}


def page(name: str, verb: Callable[..., Any]) -> str:
    """One command: how it is called, what it does, its arguments and its options by panel."""
    taken = taken_by(verb)
    arguments = [each for each in taken if isinstance(each.info, ArgumentInfo)]
    others = [each for each in taken if isinstance(each.info, OptionInfo)]
    usage = " ".join(["penname", name, *(each.value for each in arguments), *(["[OPTIONS]"] if others else [])])
    parts = [f"# penname {name}", f"```\n{usage}\n```", *map(line, paragraphs(verb))]
    if arguments:
        rows = [f"| `{cell(each.value)}` | {cell(each.info.help)} |" for each in arguments]
        parts.append("\n".join(["| argument | what |", "| --- | --- |", *rows]))
    for panel in dict.fromkeys(each.panel for each in others):
        parts += [f"## {panel}", table([each for each in others if each.panel == panel]).rstrip()]
    return "\n\n".join(parts) + "\n"


def table(taken: list[Taken]) -> str:
    """Options, a row each: as it is typed, what it does, its default."""
    rows = [f"| `{cell(each.typed)}` | {cell(each.info.help)} | {cell(each.shown_default)} |\n" for each in taken]
    return "| option | what | default |\n| --- | --- | --- |\n" + "".join(rows)


def cell(text: str | None) -> str:
    """A text as a cell of a table, its default left to the next one."""
    return line(_DEFAULT.sub("", text or "")).replace("|", "\\|")


def paragraphs(verb: Any) -> list[str]:
    """The paragraphs of a command's docstring."""
    return re.split(r"\n\s*\n", inspect.getdoc(verb) or "")


def line(text: str) -> str:
    """A text as one line."""
    return " ".join(text.split())


def stale() -> Iterator[str]:
    """The names of pages that are not as they would be written, or should not be there."""
    wanted = pages()
    for name in sorted({*wanted, *(path.name for path in FOLDER.glob("*.md"))}):
        path = FOLDER / name
        if not path.is_file() or path.read_text(encoding="utf-8") != wanted.get(name):
            yield name


def main() -> int:
    """Write the pages, or with --check compare."""
    if "--check" in sys.argv[1:]:
        names = list(stale())
        print(
            f"docs/commands: run tools/commands.py for {', '.join(names)}." if names else "docs/commands is up to date."
        )
        return int(bool(names))
    FOLDER.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
