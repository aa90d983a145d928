"""Vulkan is trusted after a test only, and never chosen unasked where it is slower; no Vulkan is needed here."""

from typing import Any

import pytest
import torch

from penname.core import device as devices
from penname.core import vulkan
from penname.core.device import numbered, pick_device
from penname.core.errors import InputError


def test_a_missing_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vulkan, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"vulkan cannot be used: no Vulkan \(torchvulkan is not installed\)"):
        pick_device("vulkan")


def test_a_package_that_cannot_be_loaded_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(name: str) -> Any:
        raise ImportError("undefined symbol")

    monkeypatch.setattr(vulkan, "find_spec", lambda name: name)
    monkeypatch.setattr(vulkan, "import_module", broken)
    monkeypatch.setenv("TORCHVULKAN_STRICT", "")
    with pytest.raises(InputError, match=r"torchvulkan cannot be loaded \(undefined symbol\)"):
        pick_device("vulkan")


@pytest.mark.slow
def test_a_device_that_trains_as_the_cpu_does_passes() -> None:
    vulkan.test_step(torch.device("cpu"))


@pytest.mark.parametrize(
    ("loss", "weight", "words"), [(0.01, 0.0, "the loss of step 0"), (0.0, 1e-2, "its weights up")]
)
def test_a_device_that_trains_otherwise_fails(
    loss: float, weight: float, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = vulkan._trained
    turns = iter((0.0, 1.0))

    def off(*arguments: Any) -> Any:
        losses, weights, seconds = trained(*arguments)
        turn = next(turns)
        weights["up"] += weight * turn
        return [each + loss * turn for each in losses], weights, seconds

    monkeypatch.setattr(vulkan, "_trained", off)
    with pytest.raises(RuntimeError, match=words):
        vulkan.test_step(torch.device("cpu"))


@pytest.mark.parametrize(("mine", "chosen"), [(0.1, True), (0.3, False)])
def test_only_what_is_faster_is_chosen_unasked(mine: float, chosen: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    def timed(place: torch.device, *_: Any) -> Any:
        return [], {}, [9.0, *[mine if place.type == "vulkan" else 0.2] * 3]

    monkeypatch.setattr(vulkan, "is_software", lambda index: False)
    monkeypatch.setattr(vulkan, "be_strict", lambda: None)
    monkeypatch.setattr(vulkan, "_trained", timed)
    assert vulkan.slower_than_cpu(0) == (None if chosen else "Vulkan took 300 ms for a step that takes the CPU 200 ms")


def test_auto_says_why_it_left_vulkan_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_absent", lambda kind: None if kind == "vulkan" else f"no {kind}")
    monkeypatch.setattr(vulkan, "slower_than_cpu", lambda index: "its Vulkan driver computes on the processor")
    found = pick_device("auto")
    assert found.kind == "cpu"
    assert found.reason.endswith("no mps; its Vulkan driver computes on the processor")


def test_several_processes_cannot_train_on_it() -> None:
    with pytest.raises(InputError, match="Several processes cannot train together on Vulkan"):
        numbered("vulkan", 1)
