"""Train on a site, or plan it: the posts are read while PyTorch, the device and the base are made ready.

    trained = train_site(Path("my-blog"), TrainOptions(minutes=10))

In: a site, what is asked. Out: a workspace with a model; or a plan. Loading a GPU's code needs the processor little,
but takes seconds: it is begun in another thread. So the modules that need PyTorch are imported inside functions here,
and nowhere else below the command line. Without a GPU nothing is begun: reading would be slower by as much, and a
processor's speed must be measured while it is idle.
"""

import contextlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from penname import __version__
from penname.core.machine import may_have_gpu
from penname.core.workspace import default_folder, run_step, unless_refused
from penname.corpus.prepare import Prepared, workspace_for
from penname.sources.find import open_source
from penname.train.options import TRAIN, Trained, TrainOptions, deciding, prepared_blog

if TYPE_CHECKING:
    from penname.core.device import Device
    from penname.model.folder import LoadedModel
    from penname.train.blog import Begun
    from penname.train.plan import Plan

Load = Callable[[], "LoadedModel"]


def train_site(site: Path, options: TrainOptions) -> Trained:
    """Prepare, plan, train and save. Raises `InputError` for unusable input, `Interrupted` after Ctrl-C, saved."""
    options.check()
    with prepared_site(site, options, "penname train") as (prepared, begun):
        from penname.train.blog import train_prepared

        inputs = {"penname": __version__, "corpus": prepared.corpus, **deciding(options)}
        workspace = prepared.workspace
        train = partial(train_prepared, prepared, options, inputs, begun)
        return Trained(workspace, run_step(workspace, TRAIN, inputs, train, options.again))


def plan_site(site: Path, options: TrainOptions) -> "Plan":
    """What `train_site` would do; the posts are prepared, the speed is measured, nothing is trained."""
    options.check()
    with prepared_site(site, options, "penname plan") as (prepared, begun):
        from penname.train.blog import plan_prepared

        return plan_prepared(prepared, options, begun)


@contextlib.contextmanager
def prepared_site(site: Path, options: TrainOptions, who: str) -> Iterator[tuple[Prepared, "Begun"]]:
    """Keep a site's workspace, its posts prepared, for the length of the block; the site is read once, then closed."""
    with contextlib.ExitStack() as kept:
        with open_source(site, options.read.wanted) as source:
            kept.enter_context(unless_refused(options.workspace or default_folder(source.name)))
            workspace = workspace_for(source, options.workspace)
            kept.enter_context(workspace.at_work(who))
            begun = _begin(options)
            prepared = prepared_blog(source, workspace, options)
        yield prepared, begun


def _begin(options: TrainOptions) -> "Begun":
    """Begin with what does not depend on the posts; a network from scratch does."""

    def load() -> "LoadedModel":
        from penname.model.base import load_base

        return load_base(options.base)

    return begin(options.device, None if options.from_scratch else load)


def begin(wanted: str, load: Load | None = None) -> "Begun":
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
    from penname.core.device import accelerated, pick_device

    if not accelerated(wanted):
        return None, None
    return pick_device(wanted), load() if load else None
