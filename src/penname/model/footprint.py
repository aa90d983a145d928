"""What training needs in memory, and what to give up where there is less.

    fit = fit_device(config, context=512, device=device)
    fit.micro_rows, fit.checkpointing, fit.reason

In: a shape, and a device or the bytes that may be taken. Out: windows that go through the network at once, whether
activations are computed twice (Chen et al. 2016) instead of kept, whether the best weights go into a file, without a
copy of the base beside them. Little of it changes what is learned: fewer windows at once are made up for by
accumulation, and without the copy the replayed text alone keeps the base's English.
"""

from dataclasses import dataclass

from penname.core.device import Device
from penname.model.gpt import GPTConfig
from penname.model.loss import slice_rows

_SPARE = 0.92
"""Share of the room that a plan fills; what allocators waste takes the rest."""
_SMALL_THINGS = 64 * 2**20
_SLOW, _SLOW_HALVES, _USUAL, _LARGE = 2, 8, 16, 32
"""Windows at once on a slow device in float32 and in fewer bits, on others, and on those with much memory."""
_MUCH = 20 * 2**30
"""Bytes of a device that is large: 32 windows at once fit well into it, and halve the calls of a step."""


@dataclass(frozen=True)
class Fit:
    """How a run goes into memory."""

    micro_rows: int
    checkpointing: bool
    sparing: bool
    """Whether the best weights go into a file, and there is no copy of the base."""
    bytes: int
    """What it is expected to take, the weights included, beside the loaded program."""
    reason: str
    """Empty where nothing was given up."""


def windows_at_once(device: Device) -> int:
    """Windows that should go through the network at once, where memory allows: more are hardly faster.

    In fewer bits than float32 all weights are cast anew, and their gradients back, for each lot of windows.
    """
    if device.slow:
        return _SLOW if device.precision == "fp32" else _SLOW_HALVES
    return _LARGE if device.memory >= _MUCH else _USUAL


def fit_device(config: GPTConfig, context: int, device: Device, most: int = 0) -> Fit:
    """How the training of a network whose weights are on `device` already goes into what is free there.

    With as many windows at once as serve there. `most`: bytes that the process may take in all; 0: no such limit.
    """
    # The weights are there already, and counted again in what is needed; what is unknown stays unknown.
    free = device.room(most)
    room = free + config.parameters() * 4 if free else 0
    value_bytes = 4 if device.precision == "fp32" else 2
    return fit_memory(config, context, windows_at_once(device), value_bytes, room, device.slow)


def fit_memory(config: GPTConfig, context: int, wanted_rows: int, value_bytes: int, room: int, slow: bool) -> Fit:
    """The most windows at once that `room` bytes hold, up to `wanted_rows`; a `room` of 0 is unknown: enough."""
    for sparing, checkpointing in ((False, False), (True, False), (True, True)):
        rows = wanted_rows
        while rows:
            needed = training_bytes(config, context, rows, value_bytes, checkpointing, sparing, slow)
            given_up = sparing or checkpointing or rows < wanted_rows
            if not room or needed <= room * _SPARE:
                said = _said(rows, checkpointing, sparing, room) if given_up else ""
                return Fit(rows, checkpointing, sparing, needed, said)
            rows //= 2
    needed = training_bytes(config, context, 1, value_bytes, True, True, slow)
    said = f"{_said(1, True, True, room)} Even so it may run out: it needs about {_gib(needed)}."
    return Fit(1, True, True, needed, said)


def training_bytes(
    config: GPTConfig, context: int, rows: int, value_bytes: int, checkpointing: bool, sparing: bool, slow: bool
) -> int:
    """Bytes that training takes at its peak: weights, optimizer, best weights, activations, a slice of the loss.

    Six copies of the weights in float32 (weights, gradients, two moments; the best so far and the base's, but not if
    `sparing`), and a cast one where products run in fewer bits. Activations were fitted to peaks measured on a CPU
    (LAB.md).
    """
    width = config.hidden_size
    copies = (16 if sparing else 24) + (value_bytes if value_bytes < 4 else 0)
    tokens = rows * context
    # What a layer leaves behind for its gradient, in values a token; chances of the attention only on a CPU.
    layer = 22 * width + 4 * config.intermediate_size
    layer += int(0.63 * config.num_attention_heads * context) if slow else 0
    layers = 3.5 * layer + config.num_hidden_layers * width if checkpointing else config.num_hidden_layers * layer
    table = config.vocab_size * width * 4
    sliced = min(tokens, slice_rows(tokens, slow, exact=value_bytes == 4))
    logits = min(sliced, slice_rows(tokens, slow)) if slow else sliced
    slices = config.vocab_size * (logits * 4 + sliced * value_bytes)
    total = config.parameters() * copies + tokens * layers * value_bytes + 2 * table + slices + _SMALL_THINGS
    return int(total)


def _said(rows: int, checkpointing: bool, sparing: bool, room: int) -> str:
    how = [f"{rows} window{'s' if rows > 1 else ''} at once"]
    how += ["the best weights in a file", "no copy of the base beside them"] if sparing else []
    how += ["activations computed twice instead of kept"] if checkpointing else []
    kept = "the batch and what is learned stay the same"
    if sparing:
        kept = "the batch stays the same, and replayed text alone keeps the base's English"
    return f"Memory leaves {_gib(room)}: {', '.join(how)}; {kept}."


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"
