import dataclasses
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from penname.core import device as devices
from penname.core import events, probe
from penname.core import machine as memory
from penname.core.device import Device, is_out_of_memory, pick_device, threads
from penname.core.errors import InputError


@pytest.fixture(scope="module")
def cpu() -> Device:
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        return pick_device("cpu")
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def test_the_cpu_says_what_was_measured(cpu: Device) -> None:
    assert (cpu.kind, cpu.index, cpu.torch) == ("cpu", None, torch.device("cpu"))
    assert cpu.reason == "asked for with --device cpu"
    assert cpu.precision in ("bf16", "fp32")
    assert "measured GFLOP/s" in cpu.precision_reason
    assert "fp32" in cpu.precisions
    assert cpu.attention in ("flash", "efficient", "cudnn", "math")
    assert 1 <= cpu.threads <= torch.get_num_threads() or cpu.threads == 1
    assert cpu.memory > 2**28
    assert 0 < cpu.room() <= cpu.memory
    assert cpu.peak_memory() > 2**25
    assert (cpu.slow, cpu.pins, cpu.exchange) == (True, False, "gloo")


def test_a_steady_choice_follows_from_the_processor_and_not_from_its_speed(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise AssertionError("nothing is measured")

    monkeypatch.setattr(probe, "fastest_on_cpu", refuse)
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    try:
        for tiles, precision in ((True, "bf16"), (False, "fp32")):
            monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda tiles=tiles: tiles, raising=False)
            found = pick_device("cpu", steady=True)
            assert (found.precision, found.threads) == (precision, probe.usable_cores())
            assert torch.get_float32_matmul_precision() == "highest"
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])


def rates(**changes: float) -> dict[tuple[str, int], float]:
    plain = {"fp32": 100.0, probe._BY_ONEDNN: 100.0, "bf16": 100.0} | changes
    return {(way, count): rate * count for way, rate in plain.items() for count in (4, 2)}


@pytest.mark.parametrize(
    ("measured", "want"),
    [
        (rates(), ("fp32", 4, False)),
        (rates(bf16=300.0), ("bf16", 4, False)),
        (rates(bf16=105.0), ("fp32", 4, False)),
        (rates() | {("fp32", 2): 1000.0}, ("fp32", 2, False)),
        (rates(**{probe._BY_ONEDNN: 200.0}), ("fp32", 4, True)),
        (rates(**{probe._BY_ONEDNN: 200.0, "bf16": 400.0}), ("bf16", 4, False)),
    ],
)
def test_the_fastest_way_is_taken_and_ties_go_to_exact_products_on_all_cores(
    measured: dict[tuple[str, int], float], want: tuple[str, int, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "_product_rates", lambda candidates: measured)
    monkeypatch.setattr(probe, "usable_cores", lambda: 4)
    assert probe.fastest_on_cpu.__wrapped__()[:3] == want


def test_products_by_onednn_are_tried_only_where_they_are_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the processor multiplies bfloat16, "medium" means that, and fp32 would be a wrong name for it."""
    asked: list[str] = []

    def measured(candidates: list[tuple[str, int]]) -> dict[tuple[str, int], float]:
        asked[:] = [way for way, _ in candidates]
        return dict.fromkeys(candidates, 100.0)

    monkeypatch.setattr(probe, "_product_rates", measured)
    for exact in (True, False):
        monkeypatch.setattr(probe, "exact_by_onednn", lambda exact=exact: exact)
        assert probe.fastest_on_cpu.__wrapped__()[0::2] == ("fp32", False)
        assert (probe._BY_ONEDNN in asked) is exact


def test_what_is_called_float32_is_float32() -> None:
    before = torch.get_float32_matmul_precision()
    x, weight = torch.randn(64, 64), torch.randn(64, 64)
    try:
        torch.set_float32_matmul_precision("medium")
        same = torch.allclose((x @ weight).double(), x.double() @ weight.double(), atol=1e-3)
    finally:
        torch.set_float32_matmul_precision(before)
    assert probe.exact_by_onednn() == same


def test_ways_are_measured_in_turns_and_the_hopeless_are_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, int]] = []

    def turn(operands: Any, way: str, count: int) -> float:
        asked.append((way, count))
        return 1.0 if way == "bf16" else 0.1 if len(asked) > 2 else 50.0

    monkeypatch.setattr(probe, "_one_turn", turn)
    monkeypatch.setattr(probe, "_PROBE_SECONDS", 0.0)
    found = probe._product_rates([("fp32", 2), ("bf16", 2)])
    assert asked == [("fp32", 2), ("bf16", 2)] * 2 + [("fp32", 2)] * 2
    assert found["fp32", 2] == pytest.approx(10 * found["bf16", 2])


def test_measuring_leaves_threads_and_precision_as_they_were() -> None:
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    found = probe._product_rates([("fp32", 1), (probe._BY_ONEDNN, 1)])
    assert all(rate > 0 for rate in found.values())
    assert (torch.get_num_threads(), torch.get_float32_matmul_precision()) == before


@pytest.mark.parametrize("wanted", ["tpu", "cuda:x", "cpu:one", ""])
def test_an_unknown_device_is_an_error(wanted: str) -> None:
    with pytest.raises(InputError, match="no device called"):
        pick_device(wanted)


def test_a_device_that_is_absent_is_an_error_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_absent", lambda kind: "no such card")
    with pytest.raises(InputError, match=r"cuda:1 cannot be used: no such card\. Try --device auto"):
        pick_device("cuda:1")


def test_a_device_that_fails_its_self_test_is_an_error_when_it_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("its matrix product differs from the CPU's")

    monkeypatch.setattr(devices, "_absent", lambda kind: None)
    monkeypatch.setattr(devices, "_accelerator", fail)
    with pytest.raises(InputError, match=r"failed its self-test: its matrix product differs.*--device cpu"):
        pick_device("xpu")


def test_auto_falls_back_to_the_cpu_and_prints_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("broken driver")

    monkeypatch.setattr(devices, "_absent", lambda kind: None if kind == "cuda" else f"no {kind}")
    monkeypatch.setattr(devices, "_accelerator", fail)
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None):
        found = pick_device("auto")
    assert found.kind == "cpu"
    assert "cuda failed its self-test" in found.reason
    assert said == ["cuda is here but failed its self-test (broken driver): falling back."]


def test_processes_of_one_machine_take_a_device_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "_absent", lambda kind: None if kind == "cuda" else "absent")
    assert [devices.numbered("auto", number) for number in (0, 3)] == ["cuda:0", "cuda:3"]
    assert devices.numbered("xpu", 1) == "xpu:1"
    assert devices.numbered("cpu", 1) == "cpu"
    monkeypatch.setattr(devices, "_absent", lambda kind: "absent")
    assert devices.numbered("auto", 1) == "cpu"


def test_the_self_test_passes_on_a_true_device_and_fails_on_a_lying_one(monkeypatch: pytest.MonkeyPatch) -> None:
    probe.self_test(torch.device("cpu"))
    plain, calls = torch.softmax, []

    def wrong(*arguments: Any, **named: Any) -> torch.Tensor:
        calls.append(True)
        return plain(*arguments, **named) * (1.0 if len(calls) == 1 else 1.5)

    monkeypatch.setattr(torch, "softmax", wrong)
    with pytest.raises(RuntimeError, match="differs from the CPU"):
        probe.self_test(torch.device("cpu"))


def test_capabilities_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    place = torch.device("cpu")
    assert "fp32" in probe.precisions_of(place)
    assert probe.works(lambda: probe.one_fused_step(place))
    monkeypatch.setattr(torch, "_fused_adamw_", lambda *_, **__: None)
    assert not probe.works(lambda: probe.one_fused_step(place)), "a kernel that does nothing is no optimizer"
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", lambda query, *_, **__: query * 2)
    assert probe.attention_of(place, "fp32") == "math"


@pytest.mark.parametrize(
    ("precisions", "want"),
    [(("bf16", "fp16", "fp32"), "bf16"), (("fp16", "fp32"), "fp32"), (("fp32",), "fp32")],
)
def test_an_accelerator_trains_in_bf16_where_it_can(precisions: tuple[str, ...], want: str) -> None:
    assert probe.chosen_precision(precisions)[0] == want


def test_compiling_is_only_tried_where_there_is_a_compiler(cpu: Device, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "compile_works", lambda kind: kind == "cpu")
    assert dataclasses.replace(cpu, compiles=True).can_compile()
    assert not dataclasses.replace(cpu, compiles=False).can_compile()


@pytest.mark.slow
def test_looking_at_devices_does_not_import_a_compiler() -> None:
    """Making an optimizer imports torch._dynamo and sympy: two seconds that only training should pay."""
    code = (
        "import sys; from penname.core.device import pick_device; pick_device('cpu'); "
        "print('sympy' in sys.modules, 'torch._dynamo' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    assert done.stdout.split() == ["False", "False"]


def test_threads_are_put_back() -> None:
    before = torch.get_num_threads()
    with pytest.raises(ValueError, match="stop"), threads(1):
        raise ValueError("stop")
    assert torch.get_num_threads() == before


@pytest.mark.parametrize(
    ("error", "want"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (MemoryError(), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: can't allocate memory: you tried"), True),
        (RuntimeError("could not create a memory object"), True),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_running_out_of_memory_is_recognised(error: BaseException, want: bool) -> None:
    assert is_out_of_memory(error) is want


def test_the_least_limit_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        "/proc/meminfo": ["MemTotal: 9000000 kB", "MemAvailable:    8000000 kB"],
        "/proc/self/cgroup": ["4:memory:/box", "3:cpu:/", "0::/new"],
        "/sys/fs/cgroup/memory/box/memory.limit_in_bytes": [str(3 * 10**9)],
        "/sys/fs/cgroup/memory/box/memory.usage_in_bytes": [str(10**9)],
        "/sys/fs/cgroup/new/memory.max": ["max"],
        "/sys/fs/cgroup/new/memory.current": ["5"],
    }
    monkeypatch.setattr(memory, "_lines", lambda path: files.get(path, []))
    assert memory.free_memory() == 2 * 10**9
    files["/sys/fs/cgroup/new/memory.max"] = [str(10**9)]
    assert memory.free_memory() == 10**9 - 5
    files.clear()
    assert memory.free_memory() == 0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="skipped: needs Linux")
def test_a_limit_on_the_process_is_seen() -> None:
    code = (
        "import resource; resource.setrlimit(resource.RLIMIT_DATA, (2**29, 2**29)); "
        "from penname.core.machine import free_memory; print(free_memory())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, encoding="utf-8")
    assert 2**28 < int(done.stdout) < 2**29
