"""What the pages on the house say is so: folders, paths and make targets that they name exist."""

import re
from pathlib import Path

import pytest
from test_layers import LAYERS

ROOT = Path(__file__).resolve().parents[1]
HOUSE = (ROOT / "docs" / "house.md").read_text(encoding="utf-8")
PAGES = {name: (ROOT / name).read_text(encoding="utf-8") for name in ("docs/house.md", "CONTRIBUTING.md")}


def test_the_table_has_the_folders_in_the_order_of_their_imports() -> None:
    rows = re.findall(r"^\| `(\w+)` \|", HOUSE, re.MULTILINE)
    assert [name for name in rows if name in LAYERS] == list(LAYERS)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_page_names_exists(page: str) -> None:
    """Paths in the page are those of the repository or of the package."""
    named = re.findall(r"`((?:[\w.-]+/)+[\w.*-]*)`|\b((?:tests|tools|docs|src|lab)/[\w./-]+\w)", PAGES[page])
    assert len(named) > 10
    for name in (first or second for first, second in named):
        if name.startswith(("lab/", "findings/")) and (name == "lab/new/" or not (ROOT / "lab").is_dir()):
            continue  # not in the source package, and nothing new in the lab
        places = (ROOT, ROOT / "src" / "penname")
        assert any([*folder.glob(name), *folder.glob(f"{name}-*")] for folder in places), name


def test_the_targets_that_are_named_exist() -> None:
    made = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"make ([a-z]+)\b", PAGES["CONTRIBUTING.md"]):
        assert re.search(rf"^{target}:", made, re.MULTILINE), target
