"""The one place that knows devices: what is here, which passes its self-test, what it can do, and why it was chosen.

    device = pick_device("auto")
    print(device.name, device.reason)
    with device.autocast(): ...

Every capability is tried, not assumed. No other module asks what kind of device it is on.
"""

import contextlib
import os
import platform
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any, TypeVar

import torch
import torch.nn.functional as F

from penname.core import events, probe, vulkan
from penname.core.errors import InputError
from penname.core.machine import free_memory, keep_freed, resident, resident_peak, total_memory

Found = TypeVar("Found")
KINDS = ("cuda", "xpu", "mps", "vulkan", "cpu")
"""Tried in this order by `auto`. ROCm builds of PyTorch call their device `cuda` too."""


@dataclass(frozen=True)
class Device:
    """A device that passed its self-test."""

    kind: str
    index: int | None
    name: str
    reason: str
    precision: str
    precision_reason: str
    fused: bool
    compiles: bool
    memory: int
    """Bytes of memory in all; 0 when the device does not say."""
    threads: int = field(default=0)
    """CPU threads used for matrix products; 0 on other devices."""
    cores: int = 0
    """CPU threads that could be used; 0 on other devices."""
    precisions: tuple[str, ...] = ("fp32",)
    """What it multiplies correctly: some of bf16, fp16, fp32."""
    records: bool = False
    """Whether a step can be recorded and replayed at once."""
    attention: str = "math"
    """The attention kernel that PyTorch has for it: flash, efficient, cudnn, or math (none: plain products)."""

    @property
    def torch(self) -> "torch.device":
        """The `torch.device`."""

        return torch.device(self.kind) if self.index is None else torch.device(self.kind, self.index)

    def autocast(self, precision: str | None = None) -> contextlib.AbstractContextManager[Any]:
        """Run matrix products in the device's training precision (or `precision`: bf16, fp16, fp32)."""

        precision = precision or self.precision
        if precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if precision == "bf16" else torch.float16
        return torch.autocast(self.kind, dtype=dtype)

    @property
    def slow(self) -> bool:
        """Whether work is counted in minutes here: fewer evaluations and samples, smaller batches."""
        return self.kind == "cpu"

    @property
    def coarse(self) -> bool:
        """Whether bfloat16 serves for products whose rounding hardly matters, and is faster there.

        Not on Vulkan, whose losses must be the CPU's.
        """
        return self.kind not in ("cpu", "vulkan") and "bf16" in self.precisions

    @property
    def pins(self) -> bool:
        """Whether batches reach it faster from pinned memory."""
        return self.kind == "cuda"

    @property
    def exchange(self) -> str:
        """The backend of `torch.distributed` through which several of its kind talk."""
        return {"cuda": "nccl", "xpu": "xccl"}.get(self.kind, "gloo")

    def can_compile(self) -> bool:
        """Whether `torch.compile` works: tried on a small function and its gradient; seconds at the first call."""

        return self.compiles and probe.compile_works(self.kind)

    def record(self, work: "Callable[[], Found]") -> "tuple[Found, Callable[[], None]]":
        """Record what `work` launches, without running it: what it returned, and a function that runs it.

        It always reads and writes the same memory, what it returned included.
        """

        graph = torch.cuda.CUDAGraph()
        # Other threads may go on pinning memory meanwhile.
        with torch.cuda.device(self.torch), torch.cuda.graph(graph, capture_error_mode="thread_local"):
            found = work()
        return found, graph.replay

    def room(self, most: int = 0) -> int:
        """Bytes that this process may still take: what is free, or what a limit leaves; 0 if unknown.

        `most` is what it may take in all, resident memory on a CPU; 0: no such limit.
        """
        free = free_memory() if self.kind == "cpu" else _free_on(self)
        if not most:
            return free
        left = max(1, most - (resident() if self.kind == "cpu" else _taken_on(self)))
        return min(free, left) if free else left

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.kind != "cpu":
            getattr(torch, self.kind).synchronize()

    def free_cache(self) -> None:
        """Give back memory that PyTorch keeps for itself."""
        if self.kind != "cpu":
            getattr(torch, self.kind).empty_cache()

    def peak_memory(self) -> int:
        """Most bytes in use so far: device memory, or the process's resident memory on a CPU; 0 if unknown."""

        if self.kind == "cpu":
            return resident_peak()
        peak = getattr(getattr(torch, self.kind), "max_memory_allocated", None)
        return int(peak()) if peak else 0


def pick_device(wanted: str = "auto", steady: bool = False) -> Device:
    """Pick the fastest device that passes its self-test, or the one that is `wanted` (`cpu`, `cuda`, `cuda:1`...).

    `steady`: precision and threads of a CPU follow from what it is, not from how fast it is at this moment.
    Raises `InputError` when the wanted device is unknown, absent, or fails its self-test.
    """
    kind, _, number = wanted.partition(":")
    if kind not in (*KINDS, "auto") or (number and not number.isdigit()):
        raise InputError(f"There is no device called {wanted!r}: use auto, {', '.join(KINDS)}, or cuda:0.")
    if kind == "cpu":
        return _cpu("asked for with --device cpu", steady)
    if kind != "auto":
        problem = _absent(kind)
        if problem is None:
            try:
                return _accelerator(kind, int(number or 0), f"asked for with --device {wanted}")
            except Exception as error:
                problem = f"it failed its self-test: {error}"
        raise InputError(f"{wanted} cannot be used: {problem}. Try --device auto, or --device cpu.")
    why_not = []
    for candidate in KINDS[:-1]:
        problem = _absent(candidate)
        if problem is not None:
            why_not.append(problem)
            continue
        try:
            # Vulkan is slower than the processor more often than not: measured, before it is chosen unasked.
            if candidate == "vulkan" and (slower := vulkan.slower_than_cpu(0)):
                why_not.append(slower)
                continue
            return _accelerator(candidate, 0, "the fastest device here that passed its self-test")
        except Exception as error:
            events.warn(f"{candidate} is here but failed its self-test ({error}): falling back.")
            why_not.append(f"{candidate} failed its self-test")
    return _cpu("no GPU is to be used here: " + "; ".join(why_not), steady)


def find_devices(wanted: str = "auto") -> tuple[list[Device], list[str]]:
    """Every device here that passes its self-test, the processor last, and why the others are not among them.

    With another `wanted` than `auto` only that one; raises `InputError` when it cannot be used.
    """
    if wanted != "auto":
        return [pick_device(wanted)], []
    found, why_not = [], []
    for kind in KINDS[:-1]:
        problem = _absent(kind)
        if problem is None:
            try:
                found.append(_accelerator(kind, 0, "here"))
            except Exception as error:
                problem = f"failed its self-test: {error}"
        if problem is not None:
            why_not.append(f"{kind}: {problem}")
    return [*found, _cpu("here")], why_not


def accelerated(wanted: str = "auto") -> bool:
    """Whether PyTorch finds a device that is `wanted` and is neither the processor nor one that is tried last."""
    kind = wanted.partition(":")[0]
    return any(_absent(each) is None for each in ("cuda", "xpu", "mps") if kind in (each, "auto"))


def numbered(wanted: str, number: int) -> str:
    """The name of the device that process `number` of a machine takes when several train together."""
    kind = wanted.partition(":")[0]
    if kind == "vulkan":
        raise InputError("Several processes cannot train together on Vulkan: start one, without torchrun.")
    if kind == "auto":
        kind = next((each for each in ("cuda", "xpu") if _absent(each) is None), "cpu")
    return "cpu" if kind == "cpu" else f"{kind}:{number}"


def _absent(kind: str) -> str | None:
    """Why there is no such device here, or None."""

    if kind == "cuda":
        if torch.cuda.is_available():
            return None
        card = os.path.exists("/proc/driver/nvidia") or os.path.exists("/dev/nvidia0")  # noqa: PTH110
        if card and torch.version.cuda is None and torch.version.hip is None:
            return "an NVIDIA card is here, but this PyTorch is the CPU build"
        return "no CUDA or ROCm device"
    if kind == "mps":
        return None if torch.backends.mps.is_available() else "no Apple GPU"
    if kind == "vulkan":
        return vulkan.absent()
    return None if torch.xpu.is_available() else "no Intel GPU"


def _accelerator(kind: str, index: int, reason: str) -> Device:

    device = torch.device(kind, index)
    if kind == "vulkan":
        vulkan.be_strict()
        vulkan.test_step(device)
    probe.self_test(device)
    module = getattr(torch, kind)
    name = module.get_device_name(index) if hasattr(module, "get_device_name") else "Apple GPU"
    memory = module.get_device_properties(index).total_memory if hasattr(module, "get_device_properties") else 0
    precisions = probe.precisions_of(device)
    precision, why = probe.chosen_precision(precisions)
    found = Device(
        kind=kind,
        index=index,
        name=name,
        reason=reason,
        precision=precision,
        precision_reason=why,
        # On Vulkan the fused step works, but goes through the processor.
        fused=kind != "vulkan" and probe.works(lambda: probe.one_fused_step(device)),
        compiles=kind in ("cuda", "xpu") and _has_triton(),
        memory=int(memory),
        precisions=precisions,
        attention=probe.attention_of(device, precision),
    )
    return replace(found, records=kind == "cuda" and probe.works(lambda: _one_recording(found)))


def _one_recording(device: Device) -> None:
    """A product with dropout and its gradient, recorded and replayed, beside the same computed plainly."""

    weight = torch.ones(64, 64, device=device.torch, requires_grad=True)
    inputs = torch.ones(8, 64, device=device.torch)

    def work() -> torch.Tensor:
        loss = F.dropout(inputs @ weight, 0.5).sum()
        torch.autograd.backward(loss)
        return loss.detach()

    def after(seed: int, run: Callable[[], object]) -> tuple[float, float]:
        assert weight.grad is not None
        weight.grad.zero_()
        torch.manual_seed(seed)
        run()
        return float(loss), float(weight.grad.sum())

    state = torch.random.get_rng_state()
    try:
        work()
        loss, replay = device.record(work)
        plain = [after(seed, lambda: loss.copy_(work())) for seed in (1, 2)]
        if [after(seed, replay) for seed in (1, 2)] != plain:
            raise RuntimeError("a replayed step differs")
    finally:
        torch.random.set_rng_state(state)


def _cpu(reason: str, steady: bool = False) -> Device:

    device = torch.device("cpu")
    keep_freed()
    precision, threads, medium, why = probe.steady_on_cpu() if steady else probe.fastest_on_cpu()
    cores = probe.usable_cores()
    torch.set_num_threads(threads)
    torch.set_float32_matmul_precision("medium" if medium else "highest")
    return Device(
        kind="cpu",
        index=None,
        name=_processor_name(),
        reason=reason,
        precision=precision,
        precision_reason=why,
        fused=probe.works(lambda: probe.one_fused_step(device)),
        compiles=_has_compiler(),
        memory=total_memory(),
        threads=threads,
        cores=cores,
        precisions=probe.precisions_of(device),
        attention=probe.attention_of(device, precision),
    )


def _has_triton() -> bool:

    return find_spec("triton") is not None


def _has_compiler() -> bool:

    return any(shutil.which(name) for name in (os.environ.get("CXX") or "c++", "g++", "clang++", "cl"))


def _processor_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"


def _free_on(device: Device) -> int:
    """Bytes free on an accelerator, with what PyTorch holds but does not use; 0 where it does not say."""

    module = getattr(torch, device.kind)
    if not hasattr(module, "mem_get_info"):
        return device.memory
    free, total = module.mem_get_info(device.torch)
    idle = module.memory_reserved(device.torch) - module.memory_allocated(device.torch)
    share = getattr(module, "get_per_process_memory_fraction", lambda _: 1.0)(device.torch)
    return int(min(free + idle, share * total - module.memory_allocated(device.torch)))


def _taken_on(device: Device) -> int:
    """Bytes of an accelerator's memory that this process uses."""

    taken = getattr(getattr(torch, device.kind), "memory_allocated", None)
    return int(taken(device.torch)) if taken else 0


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that a device, or the machine, ran out of memory."""

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    said = ("out of memory", "can't allocate memory", "could not create a memory object", "std::bad_alloc")
    return isinstance(error, RuntimeError) and any(words in text for words in said)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` CPU threads while the block runs."""

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
