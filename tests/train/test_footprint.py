import pytest

from penname.core import device as devices
from penname.core.device import Device
from penname.core.errors import InputError
from penname.model.gpt import GPTConfig
from penname.train.measure import RANK, fit_device, fit_memory, training_bytes

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
    estimate = training_bytes(BASE, 512, rows, value_bytes, checkpointing, low_memory=True, slow=True)
    assert estimate / MIB == pytest.approx(peak, rel=0.12)


def test_what_is_given_up_costs_more_and_more() -> None:
    found = [fit_memory(BASE, 512, 4, 4, room * MIB, slow=True) for room in (8000, 2700, 1900, 1300, 700)]
    assert [fit.micro_rows for fit in found] == [4, 2, 1, 2, 2]
    assert [fit.checkpointing for fit in found] == [False, False, False, True, True]
    assert [fit.low_memory for fit in found] == [False, False, False, True, True]
    assert [fit.lora_rank for fit in found] == [0, 0, 0, 0, RANK]
    assert found[0].reason == ""
    assert all("the batch and what is learned stay the same" in fit.reason for fit in found[1:3])
    assert "the batch stays the same, and replayed text alone keeps" in found[3].reason
    assert f"changes of rank {RANK} to each matrix are learned" in found[4].reason
    for fit, room in zip(found, (8000, 2600, 1700, 1300, 700), strict=True):
        assert fit.bytes <= room * MIB


def test_what_does_not_fit_at_all_is_refused_with_the_figure() -> None:
    with pytest.raises(InputError, match=r"44 million weights needs about 0\.\d GB .* and 0\.2 GB may be taken"):
        fit_memory(BASE, 512, 4, 4, 200 * MIB, slow=True)


QWEN_HALF = GPTConfig(151_936, 896, 4864, 24, 14, 2, 64, qk_norm=False)
LLAMA_ONE = GPTConfig(128_256, 2048, 8192, 16, 32, 8, 64, qk_norm=False)
QWEN_TWO = GPTConfig(151_936, 2048, 6144, 28, 16, 8, 128)


@pytest.mark.parametrize("shape", [QWEN_HALF, LLAMA_ONE, QWEN_TWO])
@pytest.mark.parametrize(("slow", "context"), [(True, 512), (False, 1024)])
def test_half_a_billion_to_two_billion_weights_go_into_eight_gigabytes(
    shape: GPTConfig, slow: bool, context: int
) -> None:
    fit = fit_memory(shape, context, 16, 2, int(7.5e9), slow, copies=1)
    assert fit.lora_rank == RANK and fit.half
    assert fit.bytes < 7.5e9
    assert 0.4e9 < shape.parameters() < 2e9


def test_a_base_that_teaches_nothing_needs_no_copy() -> None:
    both, one = (training_bytes(BASE, 512, 2, 4, False, False, True, copies=copies) for copies in (2, 1))
    assert both - one == 4 * BASE.parameters()


def test_memory_that_is_unknown_is_taken_as_enough() -> None:
    assert fit_memory(BASE, 512, 2, 4, 0, slow=True).micro_rows == 2


def test_a_device_that_does_not_say_what_is_free_gives_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS and Windows do: beside the weights, which are there already, nothing would go into no room at all."""
    cpu = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
    monkeypatch.setattr(devices, "free_memory", lambda: 0)
    fit = fit_device(BASE, 512, cpu)
    assert (fit.micro_rows, fit.checkpointing, fit.low_memory, fit.reason) == (2, False, False, "")


def test_weights_that_are_there_already_take_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    cpu = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
    needed = training_bytes(BASE, 512, 2, 4, False, False, slow=True)
    for spare, rows in ((0.9, 1), (1.1, 2)):
        monkeypatch.setattr(devices, "free_memory", lambda spare=spare: int(needed * spare) - BASE.parameters() * 4)
        assert fit_device(BASE, 512, cpu).micro_rows == rows
