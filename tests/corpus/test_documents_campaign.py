"""A short round of `tests/campaigns/mutate_documents.py`: no traceback; and the campaign can find one."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from penname.corpus import read
from penname.corpus.read import ReadOptions


@pytest.fixture(scope="module")
def documents() -> ModuleType:
    path = Path(__file__).parents[1] / "campaigns" / "mutate_documents.py"
    spec = importlib.util.spec_from_file_location("mutate_documents", path)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_no_mutant_ends_in_a_traceback(documents: ModuleType) -> None:
    found = [documents.outcome_of(*documents.mutant(7, number), ReadOptions()) for number in range(300)]
    assert set(found) <= {"read", "empty"} and found.count("read") > 200


def test_a_mutant_is_made_anew_from_its_number(documents: ModuleType) -> None:
    assert documents.mutant(7, 3) == documents.mutant(7, 3) != documents.mutant(8, 3)
    assert all(len(documents.mutant(7, number)[0]) <= documents.LARGEST for number in range(100))


def test_a_traceback_is_found(documents: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*given: object, **options: object) -> None:
        raise ValueError

    monkeypatch.setattr(read, "clean_body", broken)
    assert documents.outcome_of("text", "tinymce", ReadOptions()).startswith("ValueError at test_documents_campaign.py")
