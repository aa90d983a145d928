"""What training needs and reading does not, begun while the posts are read: PyTorch, the device, the base.

    begun = begin(options.device, load=lambda: load_base(None))
    prepared = prepared_blog(site, workspace, options)
    device, loaded = begun()

In: the device that is wanted, how the network is loaded. Out: a function that waits for both, or gives None for each
where nothing was begun. Loading a GPU's code needs the processor little, but takes seconds. Without a GPU nothing is
begun: reading would be slower by as much, and a processor's speed must be measured while it is idle.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from penname.core.device import Device, accelerated, may_have_gpu, pick_device

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel

Load = Callable[[], "LoadedModel"]
Begun = Callable[[], "tuple[Device | None, LoadedModel | None]"]


def begin(wanted: str, load: Load | None = None) -> Begun:
    """Pick the device `wanted` and `load` a network in another thread, if a GPU may be here.

    The function returned raises what went wrong there.
    """
    if not may_have_gpu(wanted):
        return lambda: (None, None)
    pool = ThreadPoolExecutor(1, "ahead")
    future = pool.submit(_device_and_network, wanted, load)
    pool.shutdown(wait=False)
    return future.result


def _device_and_network(wanted: str, load: Load | None) -> "tuple[Device | None, LoadedModel | None]":
    if not accelerated(wanted):
        return None, None
    return pick_device(wanted), load() if load else None
