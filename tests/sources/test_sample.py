"""The sample blog obeys the brief: 943 live posts, three editors, at most 4 MB, rebuilt to the same bytes."""

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from penname.core.errors import PennameError
from penname.sources.find import sample_site
from penname.sources.post import Counts
from penname.sources.publii import count_rows, iter_rows
from penname.sources.publii_site import open_site

TOOL = Path(__file__).resolve().parents[2] / "tools" / "build_sample.py"


@pytest.fixture
def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_sample", TOOL)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["build_sample"] = module
    spec.loader.exec_module(module)
    return module


def test_sample() -> None:
    with open_site(sample_site()) as site:
        assert (site.name, site.display_name) == ("pepys", "The Diary of Samuel Pepys")
        assert count_rows(site) == Counts(live=943, pages=1, drafts=1, trashed=2)
        found = list(iter_rows(site))
        assert site.post_url(found[0].slug) == "https://pepys.example/1-april-1665/"
    assert len(found) == 943
    assert min(Counter(row.editor for row in found).values()) > 300
    assert len({row.slug for row in found}) == 943
    assert (found[0].date, found[-1].date) == ("1665-04-11", "1668-03-08")
    assert all(row.tags and row.date and row.title for row in found)
    assert any("excluded_homepage" in row.status for row in found)
    assert any("hidden" in row.status for row in found)


def test_sample_is_small() -> None:
    assert sum(path.stat().st_size for path in sample_site().rglob("*")) < 4_000_000


def test_sample_is_rebuilt_to_the_same_bytes(tool: ModuleType, shared_data: Path, tmp_path: Path) -> None:
    assert tool.build(shared_data / "pepys.jsonl", tmp_path) == 943
    for name in ("input/db.sqlite", "input/config/site.config.json"):
        assert (tmp_path / name).read_bytes() == (sample_site() / name).read_bytes()


def test_titles_and_markdown(tool: ModuleType) -> None:
    assert tool.title_of("2nd (Lord’s day), September 1666") == "2 September 1666"
    assert tool.title_of("January 1st, January 1665–66") == "1 January 1665–66"
    assert tool.as_markdown([tool.Span("text", "a*b_c [d] <e>")]) == r"a\*b\_c \[d\] \<e\>"
    assert tool.milliseconds("1970-01-02") == 86_400_000 + 43_200_000


def test_missing_sample_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("penname.sources.find.files", lambda _: tmp_path)
    with pytest.raises(PennameError, match="missing from this installation"):
        sample_site()
