"""The next step's windows, prepared in a thread while the device works on this one's.

with Feeder(mixture, pinned=device.pins) as feeder:
    windows = feeder.take(step)
"""

import threading

import numpy as np
import torch
from torch import Tensor

from penname.model import parallel
from penname.text.batches import Mixture


class Feeder:
    """Windows of each step for this process, one step ahead."""

    def __init__(self, mixture: Mixture, pinned: bool) -> None:
        self.mixture, self.pinned = mixture, pinned
        self.thread: threading.Thread | None = None
        self.ready: tuple[int, Tensor] | None = None

    def __enter__(self) -> "Feeder":
        return self

    def __exit__(self, *_: object) -> None:
        if self.thread is not None:
            self.thread.join()

    def take(self, step: int) -> Tensor:
        """The windows of `step` for this process: (rows of this process, context + 1)."""
        if self.thread is not None:
            self.thread.join()
        if self.ready is None or self.ready[0] != step:
            self._prepare(step)
        assert self.ready is not None
        windows = self.ready[1]
        self.thread = threading.Thread(target=self._prepare, args=(step + 1,), daemon=True)
        self.thread.start()
        return windows

    def _prepare(self, step: int) -> None:
        first, last = parallel.share_of(self.mixture.rows)
        windows = torch.from_numpy(self.mixture.batch(step, first, last - first).astype(np.int64, copy=False))
        self.ready = (step, windows.pin_memory() if self.pinned else windows)
