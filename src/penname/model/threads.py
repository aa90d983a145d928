"""CPU threads of a long run: another number is tried now and then, since the machine gets busier and quieter.

    threads = Threads(device)
    with threads.turn(): ...        # a step

In: steps, one after the other. The number that `core.device` measured at the start is kept until a step with the other
one (all cores, or half of them) is clearly faster. On other devices nothing is done, nor where the number is `fixed`:
another one gives other sums in the last place, and a run that is to be repeated keeps to one.
"""

import contextlib
import time
from collections.abc import Iterator

import torch

from penname.core.device import Device

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
