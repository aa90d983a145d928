"""Several GPUs through `torchrun`: PyTorch's DistributedDataParallel, and nothing of our own underneath.

    torchrun --nproc-per-node 2 -m penname pretrain ...

Without `torchrun` every function here is about one process.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from penname.core.device import Device


def launched() -> bool:
    """Whether `torchrun` started this process."""
    return "RANK" in os.environ and "WORLD_SIZE" in os.environ


def rank() -> int:
    """This process's number, from 0."""
    return int(os.environ["RANK"]) if launched() else 0


def local_rank() -> int:
    """This process's number on its machine: which GPU it takes."""
    return int(os.environ.get("LOCAL_RANK", "0")) if launched() else 0


def world() -> int:
    """How many processes train together."""
    return int(os.environ["WORLD_SIZE"]) if launched() else 1


def is_first() -> bool:
    """Whether this process speaks, evaluates and saves for all."""
    return rank() == 0


@contextlib.contextmanager
def joined(device: Device) -> Any:
    """Join the other processes while the block runs."""
    if not launched():
        yield
        return
    dist.init_process_group("nccl" if device.kind == "cuda" else "gloo")
    try:
        yield
    finally:
        dist.destroy_process_group()


def wait() -> None:
    """Wait for the other processes."""
    if launched():
        dist.barrier()


def wrap(module: nn.Module, device: Device) -> nn.Module:
    """Average gradients over the processes."""
    if not launched():
        return module
    ids = None if device.kind == "cpu" else [device.torch]
    return nn.parallel.DistributedDataParallel(module, device_ids=ids, gradient_as_bucket_view=True)


def no_sync(module: nn.Module, last: bool) -> contextlib.AbstractContextManager[Any]:
    """Keep gradients to this process until the last micro-batch of a step."""
    if last or not isinstance(module, nn.parallel.DistributedDataParallel):
        return contextlib.nullcontext()
    return module.no_sync()


def share_of(rows: int) -> tuple[int, int]:
    """First and last (exclusive) row of a step that belong to this process."""
    return rows * rank() // world(), rows * (rank() + 1) // world()


def summed(values: Tensor) -> Tensor:
    """The sum of `values` over all processes."""
    if launched():
        dist.all_reduce(values)
    return values


def from_first(function: Callable[[], float], device: Device) -> float:
    """What `function` gives on the first process, told to all."""
    if not launched():
        return float(function())
    value = torch.tensor([float(function()) if is_first() else 0.0], device=device.torch, dtype=torch.float64)
    dist.broadcast(value, 0)
    return float(value.item())
