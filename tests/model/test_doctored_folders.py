"""A short round of `tests/campaigns/doctored_folders.py`: no traceback, and the campaign itself can find one."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from penname.model import base


@pytest.fixture(scope="module")
def campaign() -> ModuleType:
    path = Path(__file__).parents[1] / "campaigns" / "doctored_folders.py"
    spec = importlib.util.spec_from_file_location("doctored_folders", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_a_short_round(campaign: ModuleType, tmp_path: Path) -> None:
    campaign.write_originals(tmp_path)
    found = [campaign.try_one(tmp_path, 7, number) for number in range(40)]
    assert {outcome for outcome, _ in found} == {"read", "refused"}, [m for o, m in found if o == "traceback"]


def test_what_is_no_sentence_counts(campaign: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise IndexError("beyond the end")

    campaign.write_originals(tmp_path)
    monkeypatch.setattr(campaign, "use", broken)
    outcome, message = campaign.try_one(tmp_path, 7, 0)
    assert outcome == "traceback"
    assert "IndexError beyond the end" in message


def test_every_original_is_read(campaign: ModuleType, tmp_path: Path) -> None:
    campaign.write_originals(tmp_path / "originals")
    for number, folder in enumerate(sorted((tmp_path / "originals").iterdir())):
        campaign.use(folder, tmp_path / f"out-{number}")
    assert base.base_is_shipped(tmp_path / "originals" / "scaled-base")
