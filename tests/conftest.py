"""Fixtures shared by all tests."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture
def shared_data() -> Path:
    """The folder of sites, blogs and books beside the checkout; absent elsewhere."""
    if not SHARED.is_dir():
        pytest.skip("skipped: data absent")
    return SHARED
