"""The gradient of a micro-batch, recorded on a GPU the third time that its shape comes, and replayed from then on.

    recorded = Recorded(device)
    loss = recorded(work, (ids, targets, None), True, 3)

In: a function that adds a gradient to the weights and returns a loss, and what it is called with. Out: the same loss
and gradient, dropout included. A small batch waits for the host otherwise, which launches a thousand kernels one by
one: eight windows take 38 ms, recorded 21 (LAB.md), and as long on a busy host. The recordings are CUDA graphs
(PyTorch's `torch.cuda.graph`).
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple

from torch import Tensor

from penname.core import events
from penname.core.device import Device
from penname.core.errors import PennameError

Work = Callable[..., Tensor]
_SEEN = 2
"""Times that a shape is computed plainly first, so that libraries have chosen their kernels and gradients exist."""
_MOST = 4
"""Recordings kept: each holds its own activations."""


class _Recording(NamedTuple):
    inputs: tuple[Tensor | None, ...]
    loss: Tensor
    replay: Callable[[], None]


class Recorded:
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
