import pytest

from penname.core import device as devices
from penname.core.device import Device
from penname.model.gpt import GPTConfig
from penname.train.measure import fit_device, fit_memory, training_bytes

BASE = GPTConfig(16_384, 512, 1408, 12, 8, 4, 64)
MIB = 2**20


@pytest.mark.parametrize(
    ("rows", "checkpointing", "value_bytes", "peak"),
    [
        (1, False, 4, 1222),
        (2, False, 4, 1649),
        (4, False, 4, 2591),
        (1, True, 4, 977),
        (2, True, 4, 1071),
        (4, True, 4, 1396),
        (1, False, 2, 1036),
        (1, True, 2, 915),
    ],
)
def test_the_estimate_is_near_what_was_measured(rows: int, checkpointing: bool, value_bytes: int, peak: int) -> None:
    """Peaks of resident memory on a CPU, less what the program took before it made the network."""
    estimate = training_bytes(BASE, 512, rows, value_bytes, checkpointing, sparing=True, slow=True)
    assert estimate / MIB == pytest.approx(peak, rel=0.12)


def test_what_is_given_up_costs_more_and_more() -> None:
    found = [fit_memory(BASE, 512, 4, 4, room * MIB, slow=True) for room in (8000, 2700, 1900, 1300, 700)]
    assert [fit.micro_rows for fit in found] == [4, 2, 1, 2, 1]
    assert [fit.checkpointing for fit in found] == [False, False, False, True, True]
    assert [fit.sparing for fit in found] == [False, False, False, True, True]
    assert found[0].reason == ""
    assert all("the batch and what is learned stay the same" in fit.reason for fit in found[1:3])
    assert all("the batch stays the same, and replayed text alone keeps" in fit.reason for fit in found[3:])
    assert "may run out" in found[-1].reason
    for fit, room in zip(found[:-1], (8000, 2600, 1700, 1300), strict=True):
        assert fit.bytes <= room * MIB


def test_memory_that_is_unknown_is_taken_as_enough() -> None:
    assert fit_memory(BASE, 512, 2, 4, 0, slow=True).micro_rows == 2


def test_a_device_that_does_not_say_what_is_free_gives_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS and Windows do: beside the weights, which are there already, nothing would go into no room at all."""
    cpu = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
    monkeypatch.setattr(devices, "free_memory", lambda: 0)
    fit = fit_device(BASE, 512, cpu)
    assert (fit.micro_rows, fit.checkpointing, fit.sparing, fit.reason) == (2, False, False, "")


def test_weights_that_are_there_already_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
    needed = training_bytes(BASE, 512, 2, 4, False, False, slow=True)
    for spare, rows in ((0.9, 1), (1.1, 2)):
        monkeypatch.setattr(devices, "free_memory", lambda spare=spare: int(needed * spare) - BASE.parameters() * 4)
        assert fit_device(BASE, 512, cpu).micro_rows == rows
