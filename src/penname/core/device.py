"""The one place that knows devices: what is here, which passes its self-test, what it can do, and why it was chosen.

    device = pick_device("auto")
    print(device.name, device.reason)
    with device.autocast(): ...

Every capability is tried, not assumed. No other module asks what kind of device it is on.
"""

import contextlib
import os
import platform
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from penname.core import events
from penname.core.errors import InputError

if TYPE_CHECKING:
    import torch

KINDS = ("cuda", "xpu", "mps", "cpu")
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

    @property
    def torch(self) -> "torch.device":
        """The `torch.device`."""
        import torch

        return torch.device(self.kind) if self.index is None else torch.device(self.kind, self.index)

    def autocast(self, precision: str | None = None) -> contextlib.AbstractContextManager[Any]:
        """Run matrix products in the device's training precision (or `precision`: bf16, fp16, fp32)."""
        import torch

        precision = precision or self.precision
        if precision == "fp32":
            return contextlib.nullcontext()
        dtype = torch.bfloat16 if precision == "bf16" else torch.float16
        return torch.autocast(self.kind, dtype=dtype)

    def synchronize(self) -> None:
        """Wait until the device has done all that was asked of it."""
        if self.kind != "cpu":
            import torch

            getattr(torch, self.kind).synchronize()

    def free_cache(self) -> None:
        """Give back memory that PyTorch keeps for itself."""
        if self.kind != "cpu":
            import torch

            getattr(torch, self.kind).empty_cache()

    def peak_memory(self) -> int:
        """Most bytes in use so far: device memory, or the process's resident memory on a CPU; 0 if unknown."""
        import torch

        if self.kind == "cpu":
            return _resident_peak()
        peak = getattr(getattr(torch, self.kind), "max_memory_allocated", None)
        return int(peak()) if peak else 0


def pick_device(wanted: str = "auto") -> Device:
    """Pick the fastest device that passes its self-test, or the one that is `wanted` (`cpu`, `cuda`, `cuda:1`...).

    Raises `InputError` when the wanted device is unknown, absent, or fails its self-test.
    """
    kind, _, number = wanted.partition(":")
    if kind not in (*KINDS, "auto") or (number and not number.isdigit()):
        raise InputError(f"There is no device called {wanted!r}: use auto, {', '.join(KINDS)}, or cuda:0.")
    if kind == "cpu":
        return _cpu("asked for with --device cpu")
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
            return _accelerator(candidate, 0, "the fastest device here that passed its self-test")
        except Exception as error:
            events.warn(f"{candidate} is here but failed its self-test ({error}): falling back.")
            why_not.append(f"{candidate} failed its self-test")
    return _cpu("no GPU is to be used here: " + "; ".join(why_not))


def _absent(kind: str) -> str | None:
    """Why there is no such device here, or None."""
    import torch

    if kind == "cuda":
        if torch.cuda.is_available():
            return None
        card = os.path.exists("/proc/driver/nvidia") or os.path.exists("/dev/nvidia0")  # noqa: PTH110
        if card and torch.version.cuda is None and torch.version.hip is None:
            return "an NVIDIA card is here, but this PyTorch is the CPU build"
        return "no CUDA or ROCm device"
    if kind == "mps":
        return None if torch.backends.mps.is_available() else "no Apple GPU"
    return None if torch.xpu.is_available() else "no Intel GPU"


def _accelerator(kind: str, index: int, reason: str) -> Device:
    import torch

    device = torch.device(kind, index)
    _self_test(device)
    module = getattr(torch, kind)
    name = module.get_device_name(index) if hasattr(module, "get_device_name") else "Apple GPU"
    memory = (
        module.get_device_properties(index).total_memory if hasattr(module, "get_device_properties") else 0
    )
    precision, why = _precision(device)
    return Device(
        kind=kind,
        index=index,
        name=name,
        reason=reason,
        precision=precision,
        precision_reason=why,
        fused=_works(lambda: _one_step(device, fused=True)),
        compiles=kind in ("cuda", "xpu") and _has_triton(),
        memory=int(memory),
    )


def _cpu(reason: str) -> Device:
    import torch

    device = torch.device("cpu")
    torch.set_float32_matmul_precision("medium")
    precision, threads, why = _fastest_on_cpu()
    torch.set_num_threads(threads)
    return Device(
        kind="cpu",
        index=None,
        name=_processor_name(),
        reason=reason,
        precision=precision,
        precision_reason=why,
        fused=_works(lambda: _one_step(device, fused=True)),
        compiles=_has_compiler(),
        memory=_total_memory(),
        threads=threads,
    )


def _self_test(device: "torch.device") -> None:
    """A small matrix product and its gradient, compared with the CPU's; raises when they differ."""
    import torch

    generator = torch.Generator().manual_seed(0)
    left, right = (torch.randn(64, 64, generator=generator) for _ in range(2))
    results = []
    for place in (torch.device("cpu"), device):
        weight = right.to(place, copy=True).requires_grad_()
        product = torch.softmax(left.to(place) @ weight, dim=-1)
        torch.autograd.backward(product.square().sum())
        results.append((product.detach().cpu(), weight.grad.cpu() if weight.grad is not None else None))
    (want, want_grad), (got, got_grad) = results
    if want_grad is None or got_grad is None:
        raise RuntimeError("no gradient came back")
    if not (torch.allclose(want, got, atol=1e-2) and torch.allclose(want_grad, got_grad, atol=1e-2)):
        raise RuntimeError("its matrix product differs from the CPU's")


def _precision(device: "torch.device") -> tuple[str, str]:
    import torch

    for name, dtype in (("bf16", torch.bfloat16), ("fp16", torch.float16)):
        if (
            device.type == "cuda"
            and name == "bf16"
            and not torch.cuda.is_bf16_supported(including_emulation=False)
        ):
            continue

        def product(dtype: torch.dtype = dtype) -> None:
            value = torch.ones(32, 32, device=device, dtype=dtype)
            if float((value @ value)[0, 0]) != 32.0:
                raise RuntimeError("wrong product")

        if name == "bf16" and _works(product):
            return name, "the device multiplies bfloat16"
    return "fp32", "no bfloat16 here, and float16 would need loss scaling"


def _one_step(device: "torch.device", fused: bool) -> None:
    import torch

    weight = torch.nn.Parameter(torch.ones(4, 4, device=device))
    weight.grad = torch.ones_like(weight)
    torch.optim.AdamW([weight], fused=fused).step()


def _works(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Exception:
        return False
    return True


def _has_triton() -> bool:
    from importlib.util import find_spec

    return find_spec("triton") is not None


def _has_compiler() -> bool:
    import shutil

    return any(shutil.which(name) for name in (os.environ.get("CXX") or "c++", "g++", "clang++", "cl"))


@cache
def _fastest_on_cpu() -> tuple[str, int, str]:
    """Precision and threads with the fastest matrix products, measured, and what was measured.

    Having the instructions does not say it (bfloat16 is slower than fp32 on some processors that multiply it), nor does
    the number of cores (on a busy machine threads wait for each other).
    """
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cores = max(1, min(cores, torch.get_num_threads()))
    rates = {
        (name, count): _product_rate(dtype, count)
        for count in sorted({cores, max(1, cores // 2)}, reverse=True)
        for name, dtype in (("bf16", torch.bfloat16), ("fp32", torch.float32))
    }
    # The first entry wins ties: all cores, and less memory.
    best = max(rates, key=lambda key: rates[key] * (1.0 if key[1] == cores else 0.8))
    measured = ", ".join(f"{rate:,.0f} in {name} on {count}" for (name, count), rate in rates.items())
    return best[0], best[1], f"measured GFLOP/s: {measured} threads"


def _product_rate(dtype: "torch.dtype", count: int) -> float:
    """GFLOP/s of the second best of a few products with `count` threads."""
    import time

    import torch

    left, right = torch.ones(512, 512, dtype=dtype), torch.ones(512, 1024, dtype=dtype)
    times = []
    with threads(count):
        for _ in range(6):
            started = time.perf_counter()
            _ = left @ right
            times.append(time.perf_counter() - started)
    return 2 * 512 * 512 * 1024 / sorted(times)[1] / 1e9


def _processor_name() -> str:
    with contextlib.suppress(OSError), open("/proc/cpuinfo", encoding="utf-8") as file:  # noqa: PTH123
        for line in file:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine() or "CPU"


def _total_memory() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def _resident_peak() -> int:
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if platform.system() == "Darwin" else peak * 1024)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that a device, or the machine, ran out of memory."""
    import torch

    if isinstance(error, (torch.OutOfMemoryError, MemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and ("out of memory" in text or "can't allocate memory" in text)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Use `count` CPU threads while the block runs."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
