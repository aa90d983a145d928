"""Vulkan as a device, through the optional package torchvulkan: any graphics card with a Vulkan 1.3 driver.

    why_not = absent()
    be_strict()
    test_step(torch.device("vulkan", 0))
    why_not = slower_than_cpu(0)

In: the number of a device. Out: why it cannot or should not be used, or nothing. The package is young, so it is trusted
only after it has trained a small transformer as the CPU does, and anything that it would quietly do on the CPU instead
is an error here. Its wheels load with PyTorch 2.13 alone: `pip install 'penname[vulkan]'`.
"""

import os
import statistics
import time
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
import torch.nn.functional as F

_MESA_SOFTWARE = 0x10005
"""The vendor number of Mesa's drivers that compute on the processor (lavapipe)."""
_TOLERANCE = 1e-3


def absent() -> str | None:
    """Why there is no Vulkan device here, or None; loads torchvulkan."""
    if find_spec("torchvulkan") is None:
        return "no Vulkan (torchvulkan is not installed)"
    os.environ["TORCHVULKAN_STRICT"] = "1"
    try:
        if not import_module("torchvulkan").is_available():
            return "no Vulkan driver"
    except (ImportError, RuntimeError, OSError) as error:
        return f"torchvulkan cannot be loaded ({error})"
    return None


def be_strict() -> None:
    """From here on nothing falls back to the CPU: what torchvulkan's strict mode lets pass, it only warns of, once."""

    torch.set_warn_always(True)
    warnings.filterwarnings("error", message=r"(?s).*torchvulkan \[WARNING\]")


def is_software(index: int) -> bool:
    """Whether the device is the processor in disguise."""
    found = import_module("torchvulkan").get_device_properties(index)
    return found.vendor_id == _MESA_SOFTWARE or "SwiftShader" in found.name


def test_step(device: "torch.device", steps: int = 2) -> None:
    """Train a small transformer here and on the CPU; raises when losses or weights differ."""

    want, wanted, _ = _trained(torch.device("cpu"), steps, _SMALL)
    got, gotten, _ = _trained(device, steps, _SMALL)
    for step, (left, right) in enumerate(zip(want, got, strict=True)):
        if not abs(left - right) < _TOLERANCE:
            raise RuntimeError(f"the loss of step {step} of a small transformer is {right:.4f}, on the CPU {left:.4f}")
    for name, weight in wanted.items():
        if not torch.allclose(weight, gotten[name], atol=_TOLERANCE):
            raise RuntimeError(f"after {steps} steps of a small transformer its weights {name} are not the CPU's")


def slower_than_cpu(index: int) -> str | None:
    """Why the device is not worth choosing, measured on steps of a transformer, or None."""

    if is_software(index):
        return "its Vulkan driver computes on the processor"
    be_strict()
    spent = {}
    for place in (torch.device("vulkan", index), torch.device("cpu")):
        # The first step makes the kernels.
        spent[place.type] = statistics.median(_trained(place, 4, _LARGER)[2][1:])
    mine, theirs = spent["vulkan"], spent["cpu"]
    if mine < theirs:
        return None
    return f"Vulkan took {mine * 1000:.0f} ms for a step that takes the CPU {theirs * 1000:.0f} ms"


_SMALL = {"width": 32, "heads": 4, "groups": 2, "tokens": 16, "rows": 2, "words": 64}
_LARGER = {"width": 512, "heads": 8, "groups": 4, "tokens": 256, "rows": 4, "words": 4096}


def _trained(
    device: "torch.device", steps: int, shape: dict[str, int]
) -> tuple[list[float], dict[str, "torch.Tensor"], list[float]]:
    """Losses, weights and seconds of a few steps of AdamW on random tokens; the same draws on every device."""

    generator = torch.Generator().manual_seed(0)
    weights = {
        name: (torch.randn(size, generator=generator) * 0.1).to(device).requires_grad_()
        for name, size in _sizes(shape).items()
    }
    ids = torch.randint(0, shape["words"], (shape["rows"], shape["tokens"] + 1), generator=generator).to(device)
    optimizer = torch.optim.AdamW(weights.values(), lr=1e-3, fused=False)
    losses, seconds = [], []
    for _ in range(steps):
        started = time.perf_counter()
        loss = _loss(weights, ids, shape)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(list(weights.values()), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(float(loss.detach()))
        seconds.append(time.perf_counter() - started)
    return losses, {name: weight.detach().cpu() for name, weight in weights.items()}, seconds


def _sizes(shape: dict[str, int]) -> dict[str, tuple[int, ...]]:
    width = shape["width"]
    narrow = width // shape["heads"] * shape["groups"]
    return {
        "table": (shape["words"], width),
        "norm": (width,),
        "query": (width, width),
        "key": (narrow, width),
        "value": (narrow, width),
        "gate": (2 * width, width),
        "up": (2 * width, width),
        "down": (width, 2 * width),
    }


def _loss(weights: dict[str, Any], ids: "torch.Tensor", shape: dict[str, int]) -> "torch.Tensor":
    """Next-token loss of one layer: embedding, RMSNorm, rotary grouped attention, SwiGLU, tied output."""

    def heads(name: str, count: int) -> "torch.Tensor":
        return F.linear(normed, weights[name]).view(*normed.shape[:2], count, -1).transpose(1, 2)

    def turned(x: "torch.Tensor") -> "torch.Tensor":
        half = x.size(-1) // 2
        angles = torch.outer(torch.arange(x.size(2)), 0.5 ** torch.arange(half))
        angles = torch.cat((angles, angles), dim=-1).to(x.device)
        return x * angles.cos() + torch.cat((-x[..., half:], x[..., :half]), dim=-1) * angles.sin()

    x = F.embedding(ids[:, :-1], weights["table"])
    normed = F.rms_norm(x, weights["norm"].shape, weights["norm"], 1e-6)
    query, key = turned(heads("query", shape["heads"])), turned(heads("key", shape["groups"]))
    value = heads("value", shape["groups"])
    attended = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=True)
    x = x + attended.transpose(1, 2).flatten(2)
    x = x + F.linear(F.silu(F.linear(x, weights["gate"])) * F.linear(x, weights["up"]), weights["down"])
    logits = F.linear(x, weights["table"])
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
