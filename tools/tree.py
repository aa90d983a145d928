"""Write the tree of the source into docs/tree.md: a line a file, with the first line of its docstring.

.venv/bin/python tools/tree.py           # print it
.venv/bin/python tools/tree.py --write   # put it between the page's marks
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
START, END = "<!-- tree: tools/tree.py --write -->\n```\n", "```\n<!-- end of tree -->"
DATA = {
    "src/penname/data/sample/": "Pepys's diary, 943 entries, as a Publii site",
    "src/penname/data/base/": "the base model that comes with the package",
    "src/penname/recipes/": "the settings of each base model, as data",
    "src/penname/web/": "the static files of the local page",
    "tests/": "mirrors the folders; `make test` runs it",
    "benchmarks/": "measurements against other programs",
    "tools/": "what makes the repository's own files",
}
LONGEST = 90
"""A longer line loses what stands behind its colon."""
FOLDERS = (
    "core",
    "sources",
    "corpus",
    "books",
    "model",
    "write",
    "train",
    "judge",
    "ask",
    "tune",
    "export",
    "serve",
    "cli",
)


def main() -> None:
    """Print the tree, or write it."""
    tree = "\n".join(lines()) + "\n"
    if "--write" not in sys.argv[1:]:
        print(tree, end="")
        return
    page = ROOT / "docs" / "tree.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(START)
    page.write_text(before + START + tree + END + rest.partition(END)[2], encoding="utf-8")


def lines() -> Iterator[str]:
    """The tree, line by line: folders in the order in which data flows."""
    package = ROOT / "src" / "penname"
    for folder in FOLDERS:
        yield _line(f"src/penname/{folder}/", _doc(package / folder / "__init__.py"))
        for path in sorted((package / folder).glob("[a-z]*.py")):
            yield _line(f"    {path.name}", _doc(path))
    for name, text in DATA.items():
        if (ROOT / name).is_dir():
            yield _line(name, text)


def _line(name: str, text: str) -> str:
    short = text.partition(": ")[0]
    return f"{name:<27} {short if len(text) > LONGEST and len(short) > 15 else text}"


def _doc(path: Path) -> str:
    """The first line of a module's docstring, up to its first full stop."""
    found = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").splitlines()
    return found[0].split(". ")[0].rstrip(".") if found else ""


if __name__ == "__main__":
    main()
