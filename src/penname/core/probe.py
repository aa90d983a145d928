"""Main memory: how much there is, how much this process may still take, how much it has taken.

In: nothing. Out: bytes, 0 where nothing says.

    room = free_memory()

What a device can do, tried: precisions, the fused optimizer, attention kernels, compiling, the CPU's fastest way.

In: a `torch.device`. Out: what worked. Everything that is tried is checked against what it should give.

    if works(lambda: one_fused_step(device)): ...
"""

import os
import statistics
import time
import warnings
from collections.abc import Callable
from functools import cache, partial

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

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


def one_fused_step(device: "torch.device") -> None:
    """One step of the kernel that `AdamW(fused=True)` calls, checked against the arithmetic.

    The kernel itself, since making a `torch.optim` optimizer imports two seconds' worth of compiler.
    """

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

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, torch.get_num_threads()))


@cache
def exact_by_onednn() -> bool:
    """Whether oneDNN's products, asked for as "medium", are float32's; a processor with bfloat16 rounds to that."""
    generator = torch.Generator().manual_seed(0)
    x, weight = (torch.randn(64, 64, generator=generator) for _ in range(2))
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        found = x @ weight
    finally:
        torch.set_float32_matmul_precision(before)
    return bool(torch.allclose(found.double(), x.double() @ weight.double(), atol=1e-3))


@cache
def fastest_on_cpu() -> tuple[str, int, bool, str]:
    """Precision, threads, whether float32 goes through oneDNN: the fastest products; and what was measured.

    Having the instructions does not say it (bfloat16 is slower than fp32 on some processors that multiply it), nor does
    the number of cores (on a busy machine threads wait for each other).
    """
    cores = usable_cores()
    counts = sorted({cores, max(1, cores // 2)}, reverse=True)
    ways = ("fp32", _BY_ONEDNN, "bf16") if exact_by_onednn() else ("fp32", "bf16")
    rates = _product_rates([(way, count) for way in ways for count in counts])
    # What is first wins unless another is clearly faster: all cores, and exact float32.
    best, highest = ("fp32", cores), 0.0
    for key, rate in rates.items():
        if rate > highest * (_MUCH if key[0] == _BY_ONEDNN else _CLEARLY):
            best, highest = key, rate
    measured = ", ".join(f"{rate:,.0f} in {way} on {count}" for (way, count), rate in rates.items())
    medium = best[0] != "bf16" and rates.get((_BY_ONEDNN, best[1]), 0.0) > rates["fp32", best[1]] * _MUCH
    return best[0][:4], best[1], medium, f"measured GFLOP/s: {measured} threads"


def steady_on_cpu() -> tuple[str, int, bool, str]:
    """Precision, threads, whether float32 goes through oneDNN: by what the processor is, the same at every call.

    What is fastest is measured otherwise, and a machine that is busy at that moment gives another answer, and another
    sum in the last place of a float. AMX alone makes bfloat16 the faster one wherever it is (lab/0089).
    """

    tiles = getattr(torch.cpu, "_is_amx_tile_supported", lambda: False)()
    cores = usable_cores()
    precision, why = ("bf16", "the processor has AMX") if tiles else ("fp32", "the processor has no AMX")
    return precision, cores, False, f"{why}; chosen without measuring, so that a run can be repeated"


def _product_rates(candidates: list[tuple[str, int]]) -> dict[tuple[str, int], float]:
    """GFLOP/s of each (way, threads) on the products of a training step, in turns, median of the turns.

    In turns, so that a moment in which something else keeps the machine busy counts for all; a first turn, which wakes
    the threads and makes the kernels, does not count, and what is far slower in the second gets no more.
    """

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

    torch.set_num_threads(count)
    torch.set_float32_matmul_precision("medium" if way == _BY_ONEDNN else "highest")
    x, weight = operands
    _ = x[:64] @ weight
    started = time.perf_counter()
    gradient = x @ weight
    _, _ = gradient @ weight.T, x.T @ gradient
    return time.perf_counter() - started


def _operands(way: str) -> tuple["torch.Tensor", "torch.Tensor"]:

    rows, width, wide = _PROBED
    dtype = torch.bfloat16 if way == "bf16" else torch.float32
    return torch.randn(rows, width).to(dtype), torch.randn(width, wide).to(dtype)
