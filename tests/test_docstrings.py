"""The lines of use in the docstrings of modules: every function that they call exists and takes what it is given."""

import ast
import builtins
import importlib
import inspect
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src"
MODULES = sorted((SOURCE / "penname").rglob("[a-z]*.py"))
COMMANDS = ("penname ", "torchrun ", "python ")
EVERYBODYS = {"Path", "Console", "replace"}
"""Names of other libraries that examples use as they are."""


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").as_posix().replace("/", ".")


def examples(path: Path) -> list[str]:
    """The indented blocks of a module's docstring, as Python: results behind an arrow and commands left out."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    lines = [re.split(r"\s+->\s", line)[0] if line.startswith("    ") else "" for line in text.splitlines()]
    lines = ["" if line.strip().startswith(COMMANDS) else line for line in lines]
    return [textwrap.dedent(block) for block in re.split(r"\n\n+", "\n".join(lines)) if block.strip()]


def parsed(block: str) -> ast.Module | None:
    """The block as Python; a figure or a result behind two blanks is cut off where it is none."""
    for text in (block, re.sub(r"(?<=\S) {2,}(?!#).*", "", block), block + "\n    ..."):
        try:
            return ast.parse(text)
        except SyntaxError:
            continue
    return None


def calls(tree: ast.Module) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def own_names(tree: ast.Module) -> set[str]:
    """What the example itself gives a name to."""
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


@pytest.fixture(scope="module")
def everything() -> dict[str, list[Any]]:
    """Every public name of the package, with what it stands for."""
    found: dict[str, list[Any]] = {}
    for path in MODULES:
        module = importlib.import_module(name_of(path))
        for name, value in vars(module).items():
            if callable(value) and getattr(value, "__module__", "").startswith("penname"):
                found.setdefault(name, []).append(value)
    return found


def functions(call: ast.Call, module: ModuleType, everything: dict[str, list[Any]]) -> list[Any] | None:
    """What the call may mean, none if it is not the package's business, an empty list if nobody knows the name."""
    if isinstance(call.func, ast.Name):
        name = call.func.id
        if name in EVERYBODYS or hasattr(builtins, name):
            return None
        if not getattr(vars(module).get(name), "__module__", "penname").startswith("penname"):
            return None
        return [vars(module)[name]] if name in vars(module) else everything.get(name, [])
    if isinstance(call.func, ast.Attribute):
        name = call.func.attr
        owner = vars(module).get(call.func.value.id) if isinstance(call.func.value, ast.Name) else None
        if inspect.ismodule(owner):
            return [getattr(owner, name)] if owner.__name__.startswith("penname") else None
        classes = [value for value in vars(module).values() if inspect.isclass(value)]
        own = [vars(each)[name] for each in classes if name in vars(each) and each.__module__ == module.__name__]
        return [method for method in own if callable(method)] or None
    return None


def fits(function: Any, call: ast.Call) -> bool:
    """Whether the signature takes these arguments, an ellipsis standing for any others."""
    given = [argument for argument in call.args if not is_ellipsis(argument)]
    some = len(given) < len(call.args) or any(is_ellipsis(word.value) for word in call.keywords)
    words = {word.arg: word.value for word in call.keywords if word.arg and not is_ellipsis(word.value)}
    signature = inspect.signature(function)
    if isinstance(call.func, ast.Attribute) and "self" in signature.parameters:
        given = [call.func.value, *given]
    try:
        signature.bind_partial(*given, **words) if some else signature.bind(*given, **words)
    except TypeError:
        return False
    return True


def is_ellipsis(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is ...


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_examples_fit_the_functions_that_they_call(path: Path, everything: dict[str, list[Any]]) -> None:
    module = importlib.import_module(name_of(path))
    wrong = []
    for tree in filter(None, map(parsed, examples(path))):
        known = own_names(tree)
        for call in calls(tree):
            meant = functions(call, module, everything)
            if meant is None or (isinstance(call.func, ast.Name) and call.func.id in known):
                continue
            if not any(fits(function, call) for function in meant):
                wrong.append(ast.unparse(call) + ("" if meant else ": no such name"))
    assert not wrong


def test_a_stale_example_is_noticed(everything: dict[str, list[Any]]) -> None:
    module = importlib.import_module("penname.corpus.repeats")
    for line, good in (
        ("find_duplicates([(1, 'a')])", True),
        ("find_duplicates()", False),
        ("find_duplicates([], colour=3)", False),
        ("find_doubles([])", False),
        ("find_boilerplate(...)", True),
    ):
        [call] = calls(ast.parse(line))
        meant = functions(call, module, everything)
        assert meant is not None and any(fits(function, call) for function in meant) == good, line


def test_most_modules_show_how_they_are_used() -> None:
    shown = [path for path in MODULES if any(parsed(block) for block in examples(path))]
    assert len(shown) > 0.85 * len([path for path in MODULES if path.parent.name != "cli"])
