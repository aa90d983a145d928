"""Main memory: how much there is, how much this process may still take, how much it has taken.

In: nothing. Out: bytes, 0 where nothing says.

    room = free_memory()

What a device can do, tried: precisions, the fused optimizer, attention kernels, compiling, the CPU's fastest way.

In: a `torch.device`. Out: what worked. Everything that is tried is checked against what it should give.

    if works(lambda: one_fused_step(device)): ...
"""

import os
import platform
import statistics
import time
import warnings
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

    from penname.core.device import Device


_TRIM_THRESHOLD, _MMAP_THRESHOLD, _MMAP_MAX = -1, -3, -4
"""`M_TRIM_THRESHOLD`, `M_MMAP_THRESHOLD` and `M_MMAP_MAX` of malloc.h."""


def total_memory() -> int:
    """Bytes of main memory in the machine."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 0


def free_memory() -> int:
    """Bytes of main memory that this process may still take; the least of what the machine and all limits leave.

    Looked at: the machine's available memory, the control group (version 1 and 2), and the limits on address space and
    data (`ulimit -v`, `ulimit -d`). 0 where nothing says.
    """
    found = [value for value in (_available(), *_control_groups(), *_process_limits()) if value is not None]
    return max(1, min(found)) if found else 0


def _available() -> int | None:
    for line in _lines("/proc/meminfo"):
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


def _control_groups() -> Iterator[int]:
    """What the control groups of this process leave, the innermost of each hierarchy."""
    for line in _lines("/proc/self/cgroup"):
        _, controllers, path = line.split(":", 2)
        if controllers and "memory" not in controllers.split(","):
            continue
        folder = f"/sys/fs/cgroup{'/memory' if controllers else ''}{path}".rstrip("/")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        limit, used = (_lines(f"{folder}/{name}") for name in names)
        if limit and used and limit[0].isdigit() and int(limit[0]) < 2**60:
            yield int(limit[0]) - int(used[0])


def _process_limits() -> Iterator[int]:
    """What `ulimit -v` and `ulimit -d` leave."""
    try:
        import resource
    except ImportError:
        return
    status = (line.partition(":") for line in _lines("/proc/self/status"))
    used = {key: int(value.split()[0]) * 1024 for key, _, value in status if key in ("VmSize", "VmData")}
    for name, key in (("RLIMIT_AS", "VmSize"), ("RLIMIT_DATA", "VmData")):
        limit = resource.getrlimit(getattr(resource, name))[0] if hasattr(resource, name) else resource.RLIM_INFINITY
        if limit != resource.RLIM_INFINITY and key in used:
            yield limit - used[key]


def spare() -> None:
    """Give freed memory back to the system, now and from now on at once; only where the C library is glibc.

    Left alone it keeps what tensors of a few megabytes leave behind, in pieces that larger ones do not fit.
    """
    _set_malloc({_MMAP_MAX: 2**16, _MMAP_THRESHOLD: 2**20, _TRIM_THRESHOLD: 2**17}, trim=True)


def keep_freed() -> None:
    """Keep freed memory for what comes next; only where the C library is glibc.

    Left alone it gives every large tensor back to the system at once, and each one that follows costs a page fault for
    every 4 KB: a tenth of a training step on a CPU.
    """
    _set_malloc({_MMAP_MAX: 0, _TRIM_THRESHOLD: 2**31 - 1}, trim=False)


def _set_malloc(options: dict[int, int], trim: bool) -> None:
    import ctypes

    try:
        library = ctypes.CDLL(None)
        for option, value in options.items():
            library.mallopt(option, value)
        if trim:
            library.malloc_trim(0)
    except (OSError, AttributeError, TypeError):
        return


def resident() -> int:
    """Bytes of this process that lie in main memory now; 0 where nothing says."""
    for line in _lines("/proc/self/status"):
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return 0


def resident_peak() -> int:
    """Most bytes of this process that lay in main memory at once so far."""
    try:
        import resource
    except ImportError:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(peak if platform.system() == "Darwin" else peak * 1024)


_PROBED = (256, 640, 1600)
"""Rows, width and wide width of the products that are timed: those of the shipped base."""
_PROBE_SECONDS = 0.7
_TURNS = (4, 16)
"""Turns of the probe, at least and at most; the first does not count."""
_HOPELESS = 3.0
"""How many times as slow as the fastest a way may be to be tried again."""
_BY_ONEDNN = "fp32 by oneDNN"
"""`set_float32_matmul_precision("medium")`, which moves products from MKL to oneDNN: faster on some processors."""
_CLEARLY = 1.1
"""How many times as fast a way must be to be taken instead of the one before it."""
_MUCH = 1.4
"""The same for oneDNN in float32: where its products are little faster, a whole training step is not (lab/0015)."""


def works(attempt: Callable[[], object]) -> bool:
    """Whether `attempt` ends without an error."""
    try:
        attempt()
    except Exception:
        return False
    return True


def self_test(device: "torch.device") -> None:
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


def precisions_of(device: "torch.device") -> tuple[str, ...]:
    """The precisions in which a product, and its gradient, come out right."""
    import torch

    def product(dtype: "torch.dtype") -> None:
        value = torch.ones(32, 32, device=device, dtype=dtype, requires_grad=True)
        result = value @ value
        torch.autograd.backward(result.sum())
        if float(result.detach()[0, 0]) != 32.0 or value.grad is None or float(value.grad[0, 0]) != 64.0:
            raise RuntimeError("wrong product")

    known = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    found = [name for name, dtype in known.items() if works(partial(product, dtype))]
    emulated = device.type == "cuda" and not torch.cuda.is_bf16_supported(including_emulation=False)
    return tuple(name for name in found if not (emulated and name == "bf16"))


def chosen_precision(precisions: tuple[str, ...]) -> tuple[str, str]:
    """The precision to train in on an accelerator, and why."""
    if "bf16" in precisions:
        return "bf16", "the device multiplies bfloat16"
    half = "float16 would need loss scaling" if "fp16" in precisions else "no float16 either"
    return "fp32", f"no bfloat16 here, and {half}"


def one_recording(device: "Device") -> None:
    """A product with dropout and its gradient, recorded and replayed, beside the same computed plainly."""
    import torch
    import torch.nn.functional as F

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


def one_fused_step(device: "torch.device") -> None:
    """One step of the kernel that `AdamW(fused=True)` calls, checked against the arithmetic.

    The kernel itself, since making a `torch.optim` optimizer imports two seconds' worth of compiler.
    """
    import torch

    weight, moment, square = (torch.full((4, 4), value, device=device) for value in (1.0, 0.0, 0.0))
    gradient, step = torch.ones_like(weight), torch.ones((), device=device)
    torch._fused_adamw_(
        [weight],
        [gradient],
        [moment],
        [square],
        [],
        [step],
        lr=0.1,
        beta1=0.9,
        beta2=0.95,
        weight_decay=0.0,
        eps=1e-8,
        amsgrad=False,
        maximize=False,
    )
    if abs(float(weight[0, 0]) - 0.9) > 1e-3:
        raise RuntimeError("wrong step")


def attention_of(device: "torch.device", precision: str) -> str:
    """The first attention kernel that runs forwards and backwards on the device in `precision`."""
    import torch
    from torch.nn.attention import SDPBackend, sdpa_kernel

    kernels = {
        "flash": SDPBackend.FLASH_ATTENTION,
        "cudnn": SDPBackend.CUDNN_ATTENTION,
        "efficient": SDPBackend.EFFICIENT_ATTENTION,
    }
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32

    def attend(kernel: SDPBackend) -> None:
        query = torch.ones(1, 2, 64, 64, device=device, dtype=dtype, requires_grad=True)
        with sdpa_kernel(kernel), warnings.catch_warnings():
            # A kernel that cannot be used warns of each reason before it fails.
            warnings.simplefilter("ignore")
            out = torch.nn.functional.scaled_dot_product_attention(query, query, query, is_causal=True)
            torch.autograd.backward(out.sum())
        if not torch.allclose(out.detach().float().cpu(), torch.ones(1), atol=1e-2):
            raise RuntimeError("wrong attention")

    return next((name for name, kernel in kernels.items() if works(partial(attend, kernel))), "math")


@cache
def compile_works(kind: str) -> bool:
    """Whether a compiled function gives the value and the gradient of the plain one."""
    import torch

    def plain(value: "torch.Tensor") -> "torch.Tensor":
        return torch.nn.functional.silu(value).sum()

    def attempt() -> None:
        value = torch.ones(8, 8, device=kind, requires_grad=True)
        torch.autograd.backward(plain(value))
        want, value.grad = value.grad, None
        torch.autograd.backward(torch.compile(plain)(value))
        if want is None or value.grad is None or not torch.allclose(want, value.grad, atol=1e-4):
            raise RuntimeError("wrong gradient")

    return works(attempt)


@cache
def usable_cores() -> int:
    """Cores that this process may use, or fewer where `OMP_NUM_THREADS` says so; as it was at the first call."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, torch.get_num_threads()))


@cache
def fastest_on_cpu() -> tuple[str, int, bool, str]:
    """Precision, threads, whether float32 goes through oneDNN: the fastest products; and what was measured.

    Having the instructions does not say it (bfloat16 is slower than fp32 on some processors that multiply it), nor does
    the number of cores (on a busy machine threads wait for each other).
    """
    cores = usable_cores()
    counts = sorted({cores, max(1, cores // 2)}, reverse=True)
    rates = _product_rates([(way, count) for way in ("fp32", _BY_ONEDNN, "bf16") for count in counts])
    # What is first wins unless another is clearly faster: all cores, and exact float32.
    best, highest = ("fp32", cores), 0.0
    for key, rate in rates.items():
        if rate > highest * (_MUCH if key[0] == _BY_ONEDNN else _CLEARLY):
            best, highest = key, rate
    measured = ", ".join(f"{rate:,.0f} in {way} on {count}" for (way, count), rate in rates.items())
    medium = best[0] != "bf16" and rates[_BY_ONEDNN, best[1]] > rates["fp32", best[1]] * _MUCH
    return best[0][:4], best[1], medium, f"measured GFLOP/s: {measured} threads"


def steady_on_cpu() -> tuple[str, int, bool, str]:
    """Precision, threads, whether float32 goes through oneDNN: by what the processor is, the same at every call.

    What is fastest is measured otherwise, and a machine that is busy at that moment gives another answer, and another
    sum in the last place of a float. AMX alone makes bfloat16 the faster one wherever it is (lab/0089).
    """
    import torch

    tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    cores = usable_cores()
    precision, why = ("bf16", "the processor has AMX") if tiles else ("fp32", "the processor has no AMX")
    return precision, cores, False, f"{why}; chosen without measuring, so that a run can be repeated"


def _product_rates(candidates: list[tuple[str, int]]) -> dict[tuple[str, int], float]:
    """GFLOP/s of each (way, threads) on the products of a training step, in turns, median of the turns.

    In turns, so that a moment in which something else keeps the machine busy counts for all; a first turn, which wakes
    the threads and makes the kernels, does not count, and what is far slower in the second gets no more.
    """
    import torch

    operands = {way: _operands(way) for way in {way for way, _ in candidates}}
    times: dict[tuple[str, int], list[float]] = {candidate: [] for candidate in candidates}
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    started = time.perf_counter()
    left, turn = candidates, 0
    try:
        while turn < _TURNS[0] or (time.perf_counter() - started < _PROBE_SECONDS and turn < _TURNS[1]):
            for candidate in left:
                times[candidate].append(_one_turn(operands[candidate[0]], *candidate))
            turn += 1
            if turn == 2:
                limit = _HOPELESS * min(spent[1] for spent in times.values())
                left = [candidate for candidate in left if times[candidate][1] <= limit]
    finally:
        torch.set_num_threads(before[0])
        torch.set_float32_matmul_precision(before[1])
    work = 3 * 2 * _PROBED[0] * _PROBED[1] * _PROBED[2] / 1e9
    return {candidate: work / statistics.median(spent[1:]) for candidate, spent in times.items()}


def _one_turn(operands: tuple["torch.Tensor", "torch.Tensor"], way: str, count: int) -> float:
    """Seconds of a product and its two gradients."""
    import torch

    torch.set_num_threads(count)
    torch.set_float32_matmul_precision("medium" if way == _BY_ONEDNN else "highest")
    x, weight = operands
    _ = x[:64] @ weight
    started = time.perf_counter()
    slope = x @ weight
    _, _ = slope @ weight.T, x.T @ slope
    return time.perf_counter() - started


def _operands(way: str) -> tuple["torch.Tensor", "torch.Tensor"]:
    import torch

    rows, width, wide = _PROBED
    dtype = torch.bfloat16 if way == "bf16" else torch.float32
    return torch.randn(rows, width).to(dtype), torch.randn(width, wide).to(dtype)
