"""Several processes through `torchrun`: PyTorch's DistributedDataParallel, and nothing of our own underneath.

    torchrun --nproc-per-node 2 -m penname pretrain ...

Gradients go over NCCL between GPUs and over gloo between CPUs; words between the processes (has anybody been asked to
stop? which step is this?) always go over gloo. Without `torchrun` every function here is about one process.
"""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from penname.core.device import Device, numbered
from penname.core.errors import PennameError

_LONG = timedelta(days=2)
"""The first process may clean, tokenise and evaluate for hours; a process that dies is noticed at once all the same."""
_ROLL_CALL = 3.0
"""Seconds in which a process that is still alive answers."""
_words: "list[dist.ProcessGroup]" = []


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


def own_device(wanted: str) -> str:
    """The name of this process's own device: under `torchrun` each takes the GPU of its number on its machine."""
    return numbered(wanted, local_rank()) if launched() else wanted


@contextlib.contextmanager
def joined(device: Device) -> Iterator[Device]:
    """Join the other processes while the block runs; yields `device` in the first process's precision.

    Raises `PennameError` when a process goes away.
    """
    if not launched():
        yield device
        return
    # A restart by `torchrun --max-restarts` finds the addresses of the processes before it, unless the names differ.
    found = next(dist.rendezvous("env://"))[0]  # type: ignore[attr-defined]
    store = dist.PrefixStore(_attempt(), found)  # type: ignore[attr-defined]
    dist.init_process_group(device.exchange, store=store, rank=rank(), world_size=world())
    _words.append(dist.new_group(backend="gloo", timeout=_LONG))
    with _told_to_end():
        try:
            with _watched():
                precise = from_first(lambda: device.precision == "fp32")
                yield replace(device, precision="fp32") if precise else device
        except RuntimeError as error:
            if not _is_lost_contact(error):
                raise
            raise PennameError(_who_is_missing(_roll_call())) from error
        finally:
            _words.clear()
    # A group whose members are gone cannot be left in order: the process ends instead.
    dist.destroy_process_group()


def wait() -> None:
    """Wait for the other processes, however long they take."""
    if launched():
        dist.barrier(group=_words[0])


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


def from_first(function: Callable[[], float]) -> float:
    """What `function` gives on the first process, told to all."""
    if not launched():
        return float(function())
    value = torch.tensor([float(function()) if is_first() else 0.0], dtype=torch.float64)
    dist.broadcast(value, 0, group=_words[0])
    return float(value.item())


def largest(value: float) -> float:
    """The largest `value` of all processes."""
    if not launched():
        return value
    told = torch.tensor([value], dtype=torch.float64)
    dist.all_reduce(told, dist.ReduceOp.MAX, group=_words[0])
    return float(told.item())


def smallest(value: float) -> float:
    """The smallest `value` of all processes."""
    return -largest(-value)


# -- a process that goes away ------------------------------------------------------------------------------------------


def _is_lost_contact(error: RuntimeError) -> bool:
    return isinstance(error, dist.DistError) or "gloo" in str(error).lower()


def _leave_it_to_the_thread(_number: int, _frame: object) -> None:
    """A handler of SIGTERM: `_watch` decides, or the training loop, which puts its own in this one's place."""


@contextlib.contextmanager
def _told_to_end() -> Iterator[None]:
    """Do not end at once when `torchrun` sends SIGTERM: say first what has happened."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _leave_it_to_the_thread)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _watched() -> Iterator[None]:
    """End this process with a clear word when another one has died while this one waits for it inside NCCL.

    `torchrun` then sends SIGTERM, but Python's own handlers wait until NCCL returns, which is never: a thread reads the
    signal from a pipe.
    """
    if sys.platform == "win32" or threading.current_thread() is not threading.main_thread():
        yield
        return
    ended = threading.Event()
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reading, ended), daemon=True).start()
    try:
        yield
    finally:
        ended.set()
        signal.set_wakeup_fd(before)
        os.close(writing)


def _watch(reading: int, ended: threading.Event) -> None:
    with os.fdopen(reading, "rb", buffering=0) as pipe:
        while got := pipe.read(1):
            if got[0] != signal.SIGTERM:
                continue
            missing = _roll_call()
            if not missing and signal.getsignal(signal.SIGTERM) is not _leave_it_to_the_thread:
                continue
            if ended.wait(_ROLL_CALL):
                return
            print(_who_is_missing(missing) if missing else "Stopped.", file=sys.stderr, flush=True)
            os._exit(1)


def _attempt() -> str:
    """What tells this start of the processes from those before it."""
    names = ("TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT")
    return "/".join(["penname", *(os.environ.get(name, "") for name in names)])


def _roll_call() -> list[int]:
    """The processes that give no sign of life within a few seconds, over `torchrun`'s own key-value store."""
    keys = [f"{_attempt()}/alive/{number}" for number in range(world())]
    try:
        place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
        limit = timedelta(seconds=_ROLL_CALL)
        store = dist.TCPStore(*place, is_master=False, timeout=limit)  # type: ignore[attr-defined]
        store.set(keys[rank()], "yes")
        until = time.monotonic() + _ROLL_CALL
        while time.monotonic() < until and not store.check(keys):
            time.sleep(0.1)
        return [number for number, key in enumerate(keys) if not store.check([key])]
    except (RuntimeError, KeyError, ValueError):
        return []


def _who_is_missing(missing: list[int]) -> str:
    names = " and ".join(map(str, missing))
    if not missing:
        what = "lost contact with the others"
    elif len(missing) == 1:
        what = f"stopped, because process {names} died"
    else:
        what = f"stopped, because processes {names} died"
    return (
        f"Process {rank()} of {world()} {what} (torchrun says below how). The same command goes on from the last "
        "checkpoint, with any number of processes."
    )
