"""Does a test notice when one token of the source changes? Random changes, each tried with the tests of its module.

.venv/bin/python tools/mutate.py --seed 1 --count 120             # the fifteen modules below
.venv/bin/python tools/mutate.py --seed 1 --count 20 tune/standing judge/verdict

Out: a line for each change, noticed or not, and the number of both; unnoticed ones with their line. A change is an
operator, a number, a truth value or one of a few names (`min` for `max`); strings, annotations, asserts and docstrings
are left as they are. A copy of the source is changed, never the checkout; every change runs in a process of its own,
forked from one that has loaded the libraries, so that it costs little more than its tests. Changes that cannot alter
what the program does are named in `EQUAL` and left out.
"""

import argparse
import ast
import contextlib
import importlib
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TESTS = {
    "core/events": ("core/test_event_stream.py", "core/test_events.py", "core/test_terminal.py"),
    "core/files": (
        "core/test_lock_text.py",
        "core/test_files.py",
        "core/test_folders.py",
        "core/test_lock.py",
        "core/test_private_folder.py",
    ),
    "corpus/private_phones": ("corpus/test_edges.py", "corpus/test_private.py", "corpus/test_private_lines.py"),
    "corpus/split": ("corpus/test_split_golden.py", "corpus/test_split.py"),
    "corpus/stats": (
        "corpus/test_edges.py",
        "corpus/test_enough.py",
        "corpus/test_languages.py",
        "corpus/test_stats.py",
    ),
    "judge/charts": ("judge/test_charts_golden.py", "judge/test_charts.py"),
    "judge/figures": (
        "judge/test_figures_exact.py",
        "judge/test_figures.py",
        "judge/test_statistics.py",
        "judge/test_sampling_error.py",
    ),
    "judge/style": ("judge/test_delta_exact.py", "judge/test_style.py", "judge/test_delta.py"),
    "judge/verdict": ("judge/test_verdict_bounds.py", "judge/test_verdict.py", "judge/test_target.py"),
    "tune/ledger": ("tune/test_ledger.py", "judge/test_results.py"),
    "tune/proposers": ("tune/test_records.py", "tune/test_proposers.py"),
    "tune/standing": (
        "tune/test_standing_figures.py",
        "tune/test_standing.py",
        "tune/test_failure.py",
        "tune/test_objective.py",
    ),
    "tune/tunables": ("tune/test_tunables.py", "tune/test_records.py", "tune/test_proposers.py"),
    "write/copying": ("write/test_copying.py", "write/test_guard.py"),
    "write/sampling": ("write/test_sampling.py",),
}
"""The modules, and the tests that are theirs."""
LIBRARIES = ("torch", "numpy", "tokenizers", "rich.console", "typer", "phonenumbers", "selectolax.lexbor")
SWAPS = {
    "<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "+": "-", "-": "+", "*": "/", "/": "*",
    "//": "*", "%": "*", "and": "or", "or": "and", "True": "False", "False": "True", "min": "max", "max": "min",
    "any": "all", "all": "any", "is": "is not", "in": "not in", "not": "", "+=": "-=", "-=": "+=", "&": "|", "|": "&",
    "break": "continue", "continue": "break",
}  # fmt: skip
PATIENCE = 60
"""Seconds of processor time after which the tests of a change are ended: a user would notice that, too. By the
clock ten times as many, since others may be at work."""
EQUAL = {
    "core/files: _PLACE = 1 << 30 -> _PLACE = (1 + 1) << 30": "on Windows only, and any byte far behind will do",
    "core/files: _PLACE = 1 << 30 -> _PLACE = 1 << (30 + 1)": "the same",
    "write/copying: if start + length >= len(ids): -> if start - length >= len(ids):": "stops looking sooner, no more",
}
"""Changes that cannot be told from outside, as `module: line -> line`, each with the reason."""


@dataclass(frozen=True)
class Change:
    """One token of a module, and what stands there instead."""

    module: str
    line: int
    start: int
    end: int
    new: str

    def apply(self, text: str) -> str:
        """The module's text with the change."""
        lines = text.splitlines(keepends=True)
        old = lines[self.line - 1]
        lines[self.line - 1] = old[: self.start] + self.new + old[self.end :]
        return "".join(lines)

    def shown(self, text: str) -> str:
        """The change as two lines, one behind the other."""
        before, after = (each.splitlines()[self.line - 1].strip() for each in (text, self.apply(text)))
        return f"{self.module}: {before} -> {after}"


def changes(module: str, text: str) -> Iterator[Change]:
    """Every change of a module that makes sense and still is Python."""
    kept = left_alone(ast.parse(text))
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        (line, start), (_, end) = token.start, token.end
        if any(first <= token.start < last for first, last in kept):
            continue
        for new in replacements(token):
            change = Change(module, line, start, end, new)
            with contextlib.suppress(SyntaxError):
                compile(change.apply(text), module, "exec")
                yield change


def replacements(token: tokenize.TokenInfo) -> list[str]:
    """What may stand instead of a token."""
    if token.type == tokenize.NUMBER:
        whole = token.string.isdecimal() or not ast.literal_eval(token.string)
        return [f"({token.string} + 1)" if whole else f"({token.string} * 2)"]
    if token.type in (tokenize.OP, tokenize.NAME) and token.string in SWAPS:
        return [SWAPS[token.string]]
    return []


def left_alone(tree: ast.Module) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """The parts that are not changed: imports, annotations, asserts, what only the type checker reads."""
    found: list[ast.AST] = []
    for node in ast.walk(tree):
        checked_only = isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert) or checked_only:
            found.append(node)
        elif isinstance(node, ast.arg | ast.AnnAssign) and node.annotation:
            found.append(node.annotation)
        elif isinstance(node, ast.FunctionDef) and node.returns:
            found.append(node.returns)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("TypeVar", "cast", "dataclass"):
            found.append(node)  # nobody assigns to a frozen value
    return [((n.lineno, n.col_offset), (n.end_lineno, n.end_col_offset)) for n in found]  # type: ignore[attr-defined]


def drawn(modules: list[str], count: int, seed: int) -> list[Change]:
    """So many changes at random, as many from each module, in a random order."""
    rng = random.Random(seed)
    found = []
    for module in modules:
        text = source(module).read_text(encoding="utf-8")
        everything = [each for each in changes(module, text) if each.shown(text) not in EQUAL]
        share = -(-count // len(modules))
        found += rng.sample(everything, min(share, len(everything)))
    rng.shuffle(found)
    return found[:count]


def source(module: str, root: Path = ROOT / "src") -> Path:
    """The file of a module."""
    return root / "penname" / f"{module}.py"


def noticed(change: Change | None, module: str, folder: Path) -> bool:
    """Whether a test of the module fails with this change (without one: fails at all)."""
    path = source(module, folder)
    text = source(module).read_text(encoding="utf-8")
    path.write_text(change.apply(text) if change else text, encoding="utf-8")
    child = os.fork()
    if not child:
        try:
            os._exit(run_tests(module, folder))
        finally:  # nothing of what the parent would do at its end
            os._exit(70)
    ends = time.monotonic() + 10 * PATIENCE
    while time.monotonic() < ends:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            path.write_text(text, encoding="utf-8")
            return status != 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    path.write_text(text, encoding="utf-8")
    return True


def run_tests(module: str, folder: Path) -> int:
    """Run a module's tests on the copy of the source, in this process, until one fails."""
    sys.path.insert(0, str(folder))
    os.environ["PYTHONPATH"] = str(folder)
    os.environ["CI"] = "1"
    sys.dont_write_bytecode = True
    resource.setrlimit(resource.RLIMIT_CPU, (PATIENCE, PATIENCE))
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    files = [str(ROOT / "tests" / name) for name in TESTS[module] if (ROOT / "tests" / name).is_file()]
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files]))


def main() -> int:
    """Try the changes and say which were noticed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", default=list(TESTS), metavar="MODULE")
    parser.add_argument("--count", type=int, default=120)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    for name in LIBRARIES:
        importlib.import_module(name)
    seen, missed = 0, []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "src"
        shutil.copytree(ROOT / "src", folder, ignore=shutil.ignore_patterns("__pycache__"))
        for module in given.modules:
            if noticed(None, module, folder):
                print(f"The tests of {module} fail without a change: mend them first.")
                return 2
        for change in drawn(given.modules, given.count, given.seed):
            shown = change.shown(source(change.module).read_text(encoding="utf-8"))
            found = noticed(change, change.module, folder)
            seen += found
            missed += [] if found else [f"{shown}   (line {change.line})"]
            print(f"{'noticed  ' if found else 'UNNOTICED'} {shown}", flush=True)
    print(f"\nSeed {given.seed}: {seen} of {seen + len(missed)} changes were noticed.")
    print("\n".join(missed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
