"""The gradient of a micro-batch, recorded on a GPU the third time that its shape comes, and replayed from then on.

    graphs = CudaGraphs(device)
    loss = graphs(work, (ids, targets, None), True, 3)

In: a function that adds a gradient to the weights and returns a loss, and what it is called with. Out: the same loss
and gradient, dropout included. A small batch waits for the host otherwise, which launches a thousand kernels one by
one: eight windows take 38 ms, recorded 21 (lab/0073), and as long on a busy host. The recordings are CUDA graphs
(PyTorch's `torch.cuda.graph`).

CPU threads of a long run: another number is tried now and then, since the machine gets busier and quieter.

    threads = Threads(device)
    with threads.turn(): ...        # a step

In: steps, one after the other. The number that `core.device` measured at the start is kept until a step with the other
one (all cores, or half of them) is clearly faster. On other devices nothing is done, nor where the number is `fixed`:
another one gives other sums in the last place, and a run that is to be repeated keeps to one.

Time and Ctrl-C of a run: how fast it goes, and stopping after the step that is under way.

clock = Clock(before=state.seconds)
with stop_on_interrupt() as stop:
    while not stop.is_set(): ...
"""

import contextlib
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from penname.core import events
from penname.core.device import Device
from penname.core.errors import PennameError
from penname.train import parallel

Work = Callable[..., Tensor]
_SEEN = 2
"""Times that a shape is computed plainly first, so that libraries have chosen their kernels and gradients exist."""
_MOST = 4
"""Recordings kept: each holds its own activations."""


class _Recording(NamedTuple):
    inputs: tuple[Tensor | None, ...]
    loss: Tensor
    replay: Callable[[], None]


class CudaGraphs:
    """Recordings of one function, one for each kind of arguments that comes often; gradients must stay where they are.

    The function is not kept: who calls this lives no longer for it.
    """

    def __init__(self, device: Device, wanted: bool = True) -> None:
        self.device = device
        self.enabled = device.records and wanted
        self._room = True
        self._seen: Counter[Hashable] = Counter()
        self._recordings: dict[Hashable, _Recording] = {}

    def __call__(self, work: Work, tensors: Sequence[Tensor | None], *rest: Hashable) -> Tensor:
        """What `work(tensors, *rest)` does; the loss returned is overwritten by the next call."""
        if not self.enabled:
            return work(tensors, *rest)
        kind = (tuple(None if each is None else tuple(each.shape) for each in tensors), rest)
        if kind not in self._recordings:
            self._seen[kind] += 1
            if self._seen[kind] <= _SEEN or not self._record(kind, work, tensors, rest):
                return work(tensors, *rest)
        inputs, loss, replay = self._recordings[kind]
        for place, value in zip(inputs, tensors, strict=True):
            if place is not None and value is not None:
                place.copy_(value, non_blocking=True)
        replay()
        return loss

    def forget(self) -> None:
        """Let go of all recordings and record nothing more: memory is scarce, or the gradients are elsewhere now."""
        self.enabled = False
        self._recordings.clear()

    def _record(self, kind: Hashable, work: Work, tensors: Sequence[Tensor | None], rest: tuple[Hashable, ...]) -> bool:
        if not self._room or len(self._recordings) == _MOST:
            return False
        self.device.free_cache()
        # A recording keeps its activations: what has been needed so far is needed twice.
        self._room = self.device.room() >= 2 * self.device.peak_memory()
        if not self._room:
            return False
        inputs = tuple(None if each is None else each.clone() for each in tensors)
        try:
            loss, replay = self.device.record(lambda: work(inputs, *rest))
        except (RuntimeError, PennameError) as error:
            events.note(f"A step could not be recorded ({type(error).__name__}): its kernels are launched one by one.")
            self.forget()
            self.device.free_cache()
            return False
        self._recordings[kind] = _Recording(inputs, loss, replay)
        return True


_EVERY = 45.0
"""Seconds between trials."""
_CLEARLY = 0.85
"""Share of the usual time that a trial must take to be kept to."""


class Threads:
    """The number of threads of each step."""

    def __init__(self, device: Device, fixed: bool = False) -> None:
        tried = device.slow and device.cores > 1 and not fixed
        counts = {device.cores, max(1, device.cores // 2)} if tried else set()
        self.others = sorted(counts - {device.threads}, reverse=True)
        self.count = device.threads
        self.usual: float | None = None
        self.tried = time.monotonic()

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Run a step, with another number of threads when it is time to try one."""
        if not self.others:
            yield
            return
        now = time.monotonic()
        trial = self.usual is not None and now - self.tried > _EVERY
        torch.set_num_threads(self.others[0] if trial else self.count)
        yield
        spent = time.monotonic() - now
        if not trial:
            self.usual = spent
            return
        self.tried = time.monotonic()
        if self.usual is not None and spent < self.usual * _CLEARLY:
            self.count, self.others[0], self.usual = self.others[0], self.count, spent
        else:
            # The next trial takes another one, where there are more.
            self.others.append(self.others.pop(0))
        torch.set_num_threads(self.count)


class Clock:
    """Seconds spent, over all sittings, and the rate of the last steps."""

    def __init__(self, before: float) -> None:
        self.before, self.started = before, time.monotonic()
        self.ticks: list[tuple[int, float]] = []

    def seconds(self) -> float:
        """Since the run began, sittings before this one included."""
        return self.before + time.monotonic() - self.started

    def tick(self, step: int) -> None:
        """Note that `step` is done; the last 40 notes count."""
        self.ticks.append((step, time.monotonic()))
        del self.ticks[:-40]

    def steps_per_second(self) -> float:
        """Over the last steps, evaluations included; 0 before it is known."""
        if len(self.ticks) < 2:
            return 0.0
        (first, start), (last, end) = self.ticks[0], self.ticks[-1]
        return (last - first) / (end - start) if end > start else 0.0


@contextlib.contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Ctrl-C and SIGTERM (a rented machine that goes away) set the event; a second Ctrl-C ends the program at once.

    Under `torchrun` every process gets each signal twice, from the terminal and from `torchrun`, which itself ends what
    is left after 30 seconds: there a second one changes nothing.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def ask(number: int, _frame: object) -> None:
        if stop.is_set():
            return
        stop.set()
        again = ""
        if number == signal.SIGINT and not parallel.launched():
            signal.signal(signal.SIGINT, signal.default_int_handler)
            again = " Press Ctrl-C again to quit at once."
        events.note(f"Finishing this step, then saving.{again}")

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
