"""Training on Vulkan gives the CPU's losses. Needs torchvulkan and a driver, such as Mesa's lavapipe."""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    if find_spec("torchvulkan") is None:
        pytest.skip("skipped: torchvulkan is not installed")
    words = [sys.executable, str(Path(__file__).with_name("on_vulkan.py")), str(tmp_path_factory.mktemp("vulkan"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    values: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    if "absent" in values:
        pytest.skip(f"skipped: {values['absent']}")
    return values


@pytest.mark.parametrize("way", [0, 1])
def test_fifty_steps_have_the_losses_of_the_cpu(found: dict[str, Any], way: int) -> None:
    want, got = found["fifty"][way]
    assert len(want) == 50
    assert want[-1] < want[0] - 0.1
    np.testing.assert_allclose(got, want, atol=1e-3, rtol=0)


def test_a_run_moves_from_vulkan_to_the_cpu_and_back(found: dict[str, Any]) -> None:
    assert [stop.split(",")[0] for stop in found["stops"]] == [f"Stopped after step {step} of 12" for step in (4, 8)]
    want, got = found["moved"]
    assert len(want) == 12
    np.testing.assert_allclose(got, want, atol=1e-3, rtol=0)


def test_nothing_falls_back_to_the_cpu_in_silence(found: dict[str, Any]) -> None:
    if "refused" not in found:
        pytest.skip("skipped: this device multiplies bfloat16")
    assert "torchvulkan" in found["refused"]


def test_dropout_is_drawn_and_scaled(found: dict[str, Any]) -> None:
    assert sorted(set(found["dropout"])) == pytest.approx([0.0, 4 / 3])
    assert np.mean(found["dropout"]) == pytest.approx(1.0, abs=0.05)
