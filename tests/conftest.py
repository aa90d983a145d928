"""Fixtures shared by all tests."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Tiny networks are faster on one thread, and far faster where other programs keep the cores busy.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Shells start background jobs with Ctrl-C ignored, and children inherit that: the tests of Ctrl-C need it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples at every run of CI; new ones at every run elsewhere.
settings.register_profile("ci", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("ci")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(autouse=True)
def products() -> Iterator[None]:
    """Picking a device sets how this process multiplies: the next test begins as the first did."""
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_float32_matmul_precision("highest")


@pytest.fixture
def shared_data() -> Path:
    """The folder of sites, blogs and books beside the checkout; absent elsewhere."""
    if not SHARED.is_dir():
        pytest.skip("skipped: data absent")
    return SHARED
