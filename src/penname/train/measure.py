"""What training needs in memory, and what to give up where there is less.

    fit = fit_device(config, context=512, device=device)
    fit.micro_rows, fit.checkpointing, fit.reason

In: a shape, and a device or the bytes that may be taken. Out: windows that go through the network at once, whether
activations are computed twice (Chen et al. 2016) instead of kept, whether the best weights go into a file, without a
copy of the base beside them. Little of it changes what is learned: fewer windows at once are made up for by
accumulation, and without the copy the replayed text alone keeps the base's English.

How fast a device is, measured: matrix products, memory, and each part of a training run.

    speeds = measure_speeds(model, device, context=512, micro_rows=2)
    speeds.step_seconds(rows=8)

In: a network and a device. Out: seconds of each part, so that a plan can add them up. Nothing is learned meanwhile: the
learning rates are zero.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError
from penname.model.gpt import GPT, GPTConfig
from penname.model.score import token_nats
from penname.train.batches import Mixture, Stream
from penname.train.loop import Run, Trainer
from penname.train.loss import slice_rows
from penname.train.settings import TrainSettings

_SPARE = 0.92
"""Share of the room that a plan fills; what allocators waste takes the rest."""
_SMALL_THINGS = 64 * 2**20
_SLOW, _SLOW_HALVES, _USUAL, _LARGE = 2, 8, 16, 32
"""Windows at once on a slow device in float32 and in fewer bits, on others, and on those with much memory."""
_MUCH = 20 * 2**30
"""Bytes of a device that is large: 32 windows at once fit well into it, and halve the calls of a step."""


RANK = 32
"""Rank of the changes to each matrix where all weights cannot be trained."""


@dataclass(frozen=True)
class Fit:
    """How a run goes into memory."""

    micro_rows: int
    checkpointing: bool
    low_memory: bool
    """Whether the best weights go into a file, and there is no copy of the base."""
    bytes: int
    """What it is expected to take, the weights included, beside the loaded program."""
    reason: str
    """Empty where nothing was given up."""
    lora_rank: int = 0
    """Rank of the changes to each matrix; 0: all weights are trained."""
    half: bool = False
    """Whether the weights that are not trained lie in two bytes each."""


def largest_micro_batch(device: Device) -> int:
    """Windows that should go through the network at once, where memory allows: more are hardly faster.

    In fewer bits than float32 all weights are cast anew, and their gradients back, for each lot of windows.
    """
    if device.slow:
        return _SLOW if device.precision == "fp32" else _SLOW_HALVES
    return _LARGE if device.memory >= _MUCH else _USUAL


def fit_device(
    config: GPTConfig, context: int, device: Device, most: int = 0, *, there: bool = True, copies: int = 2
) -> Fit:
    """How the training of a network goes into what is free on `device`, with as many windows at once as serve there.

    `most`: bytes that the process may take in all; 0: no such limit. `there`: the weights are on the device already.
    `copies`: those of the weights beside the trained ones: the best so far, and the base where it teaches. Raises
    `InputError` with the figure where not even low-rank changes go in.
    """
    # Weights that are there already are counted again in what is needed; what is unknown stays unknown.
    free = device.room(most)
    room = free + config.parameters() * 4 if free and there else free
    value_bytes = 4 if device.precision == "fp32" else 2
    return fit_memory(config, context, largest_micro_batch(device), value_bytes, room, device.slow, copies)


_WAYS = (
    # low_memory, activations computed twice, low-rank changes, weights in two bytes
    (False, False, False, False),
    (True, False, False, False),
    (True, True, False, False),
    (True, False, True, False),
    (True, True, True, False),
    (True, True, True, True),
)
"""What is given up, one thing after the other."""


def fit_memory(
    config: GPTConfig, context: int, wanted_rows: int, value_bytes: int, room: int, slow: bool, copies: int = 2
) -> Fit:
    """The most windows at once that `room` bytes hold, up to `wanted_rows`; a `room` of 0 is unknown: enough."""
    needed = 0
    for low_memory, checkpointing, low_rank, half in _WAYS:
        rank, half = RANK if low_rank else 0, half or (low_rank and value_bytes == 2)
        rows = wanted_rows
        while rows:
            needed = training_bytes(
                config, context, rows, value_bytes, checkpointing, low_memory, slow, copies=copies, rank=rank, half=half
            )
            given_up = low_memory or checkpointing or rows < wanted_rows
            if not room or needed <= room * _SPARE:
                said = _said(rows, checkpointing, low_memory, room, rank, copies) if given_up else ""
                return Fit(rows, checkpointing, low_memory, needed, said, rank, half)
            rows //= 2
    raise InputError(
        f"A network of {config.parameters() / 1e6:,.0f} million weights needs about {needed / _SPARE / 1e9:.1f} GB to "
        f"be trained here, low-rank changes alone, and {max(0, room) / 1e9:.1f} GB may be taken: give a smaller base, "
        "close other programs or allow more with --memory."
    )


def training_bytes(
    config: GPTConfig,
    context: int,
    rows: int,
    value_bytes: int,
    checkpointing: bool,
    low_memory: bool,
    slow: bool,
    *,
    copies: int = 2,
    rank: int = 0,
    half: bool = False,
) -> int:
    """Bytes that training takes at its peak: weights, optimizer, best weights, activations, a slice of the loss.

    In float32 the weights, their gradients and two moments, and, unless `low_memory`, `copies` more (the best so far,
    the base); a cast one where products run in fewer bits. Low-rank changes of a `rank` have all that, the weights then
    only themselves, in two bytes where `half`. Activations were fitted to peaks measured on a CPU (lab/0018).
    """
    width = config.hidden_size
    trained = low_rank_parameters(config, rank) if rank else config.parameters()
    weights = trained * (16 if low_memory else 16 + 4 * copies)
    # Each weight once more in few bits, while products run in these; those that lie in two bytes are there already.
    weights += config.parameters() * (0 if half or value_bytes == 4 else value_bytes)
    weights += config.parameters() * (2 if half else 4) if rank else 0
    tokens = rows * context
    # What a layer leaves behind for its gradient, in values a token; chances of the attention only on a CPU.
    layer = 22 * width + 4 * config.intermediate_size
    layer += int(0.63 * config.num_attention_heads * context) if slow else 0
    layers = 3.5 * layer + config.num_hidden_layers * width if checkpointing else config.num_hidden_layers * layer
    table = config.vocab_size * width * 4
    sliced = min(tokens, slice_rows(tokens, slow, exact=value_bytes == 4))
    logits = min(sliced, slice_rows(tokens, slow)) if slow else sliced
    slices = config.vocab_size * (logits * 4 + sliced * value_bytes)
    tables = table * value_bytes // 4 if rank else 2 * table
    return int(weights + tokens * layers * value_bytes + tables + slices + _SMALL_THINGS)


def low_rank_parameters(config: GPTConfig, rank: int) -> int:
    """Weights of the changes of this rank to all hidden matrices."""
    width, dim = config.hidden_size, config.head_dim
    queries, keys = config.num_attention_heads * dim, config.num_key_value_heads * dim
    attention = 2 * (width + queries) + 2 * (width + keys)
    return config.num_hidden_layers * rank * (attention + 3 * (width + config.intermediate_size))


def _said(rows: int, checkpointing: bool, low_memory: bool, room: int, rank: int, copies: int) -> str:
    how = [f"{rows} window{'s' if rows > 1 else ''} at once"]
    how += [f"changes of rank {rank} to each matrix are learned, added in at the end"] if rank else []
    how += ["the best weights in a file"] if low_memory else []
    how += ["no copy of the base beside them"] if low_memory and copies > 1 else []
    how += ["activations computed twice instead of kept"] if checkpointing else []
    kept = "the batch and what is learned stay the same"
    if low_memory and copies > 1:
        kept = "the batch stays the same, and replayed text alone keeps the base's English"
    if rank:
        kept = "a little less is learned than with all weights"
    return f"Memory leaves {_gib(room)}: {', '.join(how)}; {kept}."


def _gib(size: float) -> str:
    return f"{size / 2**30:.2f} GiB"


_COMPILE_PAYS = 1_800.0
"""Seconds a run must have on a CPU before compiling, which takes 10 to 60 of them, is tried."""
_COMPILE_GAIN = 1.05
"""How many times as fast compiled steps must be to be kept."""
_TAUGHT = 0.5
"""Share of the windows that a copy of the network reads while it is measured."""
_PROBED_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Speeds:
    """Seconds of each part of a run."""

    micro_rows: int
    """Windows that go through the network at once."""
    context: int
    """Tokens in a window."""
    micro_seconds: float
    """Forwards and backwards through `micro_rows` windows."""
    update_seconds: float
    """Clipping and the optimizer's step."""
    scored: float
    """Held-out tokens scored a second."""
    sample_seconds: float
    """A sample text."""
    save_seconds: float
    """A checkpoint."""
    compiled: bool = False
    """Whether the layers are compiled, which was measured to be faster."""
    checkpointing: bool = False
    """Whether activations are computed twice instead of kept."""
    taught_seconds: float = 0.0
    """What a copy of the network that reads `micro_rows` windows too adds; 0: as long as it scores them."""
    one_seconds: float = 0.0
    """Forwards and backwards through one window, where that is not its share of `micro_seconds`; 0: it is."""
    start_seconds: float = 0.0
    """What the first steps of a run take longer than others, where steps are recorded."""

    @classmethod
    def flat(cls, tokens_per_second: float, context: int, micro_rows: int) -> "Speeds":
        """Speeds of which only the training speed is known; the rest by the usual ratios to it."""
        window = context / tokens_per_second
        return cls(micro_rows, context, window * micro_rows, 0.0, 3 * tokens_per_second, 20 * window / context, 0.0)

    def step_seconds(self, rows: int, taught: float = 0.0) -> float:
        """Seconds of an optimizer step over `rows` windows; a GPU is hardly faster with few of them.

        `taught`: the share of the windows that a copy of the network reads too.
        """
        if taught:
            window = self.taught_seconds / self.micro_rows or self.context / self.scored
            return self.step_seconds(rows) + taught * rows * window
        if self.one_seconds and rows < self.micro_rows:
            share = (rows - 1) / (self.micro_rows - 1)
            return self.one_seconds + share * (self.micro_seconds - self.one_seconds) + self.update_seconds
        return rows / self.micro_rows * self.micro_seconds + self.update_seconds

    def tokens_per_second(self, rows: int, taught: float = 0.0) -> float:
        """Training tokens a second in steps of `rows` windows."""
        return rows * self.context / self.step_seconds(rows, taught)


def measure_speeds(
    model: GPT,
    device: Device,
    context: int,
    micro_rows: int,
    *,
    teacher: GPT | None = None,
    sample: Callable[[GPT], object] | None = None,
    folder: Path | None = None,
    checkpointing: bool = False,
    seconds: float | None = None,
) -> Speeds:
    """Measure every part of a run of `model` here; a second on a fast device, ten on a slow one.

    `teacher` is a copy of the network that is to say what it expects of replayed text; a slow device is not asked what
    that takes: as much as scoring (lab/0063). `sample` writes a sample text, `folder` is where checkpoints will lie,
    `seconds` is what the run may take: where it is long enough to repay it, compiled layers are tried and kept if they
    are faster.
    """
    trainer = _trainer(model, device, context, micro_rows)
    model.checkpointing = checkpointing
    micro, update, start = _steps(trainer)
    compiled = device.slow and seconds is not None and seconds >= _COMPILE_PAYS and not checkpointing
    if compiled and device.can_compile():
        micro, compiled = _compiled_steps(trainer, model, micro)
    else:
        compiled = False
    one = 0.0 if device.slow or micro_rows == 1 else min(micro, _steps(_trainer(model, device, context, 1))[0])
    taught = 0.0
    if teacher is not None and not device.slow:
        beside, _, start = _steps(_trainer(model, device, context, micro_rows, teacher))
        # The rows that it reads are one more in some steps than in others: two kinds of step are recorded.
        start = 2 * start
        taught = max(0.0, beside - micro) / _TAUGHT
    model.dropout = 0.0
    parameters = model.config.parameters()
    found = Speeds(micro_rows, context, micro, update, 0.0, 0.0, 0.0, compiled, checkpointing, taught, one, start)
    with model.uncompiled():
        return replace(
            found,
            scored=_scored(model, device, context),
            sample_seconds=_timed(lambda: sample(model)) if sample is not None else 0.0,
            save_seconds=_write_seconds(folder, parameters * 16) if folder is not None else 0.0,
        )


def measure_speed(model: GPT, device: Device, context: int, rows: int) -> float:
    """Training tokens a second of `model` here in steps of `rows` windows."""
    micro, update, _ = _steps(_trainer(model, device, context, rows))
    model.dropout = 0.0
    return rows * context / (micro + update)


def _trainer(model: GPT, device: Device, context: int, rows: int, teacher: GPT | None = None) -> "Trainer":
    """A run that learns nothing; `teacher` says what it expects of half of the rows."""

    ids = np.arange(context * 4 + 1) % model.config.vocab_size
    stream = Stream(ids, np.array([ids.size], np.int64), context, 0)
    settings = TrainSettings(
        steps=9,
        rows=rows,
        context=context,
        matrices="adamw",
        matrix_lr=0.0,
        table_lr=0.0,
        weight_decay=0.0,
        dropout=0.1,
        teacher_share=0.9 if teacher is not None else 0.0,
    )
    if teacher is None:
        return Trainer(model, Run(settings, Mixture([(stream, 1.0)], rows), device, micro_rows=rows))
    replay = Stream(ids, np.array([ids.size], np.int64), context, 1)
    mixture = Mixture([(stream, 1 - _TAUGHT), (replay, _TAUGHT)], rows)
    return Trainer(model, Run(settings, mixture, device, micro_rows=rows, teacher=teacher, taught_part=1))


def _steps(trainer: "Trainer") -> tuple[float, float, float]:
    """Seconds of the gradient and of the update of a step, medians, and what the first steps take longer than others.

    A slow machine does two more steps, a fast one up to eight within a second. Where steps are recorded, those that
    are replayed count.
    """
    spare = 3 if trainer.graphs.enabled else 1
    gradients: list[float] = []
    updates: list[float] = []
    windows = torch.from_numpy(trainer.run.mixture.batch(0).astype(np.int64))
    while len(gradients) < spare + 2 or (len(gradients) < spare + 8 and sum(gradients[spare:]) < 1.0):
        gradients.append(_timed(lambda: trainer.gradients(windows, 0, False), trainer.device))
        updates.append(_timed(trainer.update, trainer.device))
    gradient, update = statistics.median(gradients[spare:]), statistics.median(updates[spare:])
    start = sum(gradients[:spare]) - spare * gradient if trainer.graphs.enabled else 0.0
    return gradient, update, max(0.0, start)


def _compiled_steps(trainer: "Trainer", model: GPT, plain: float) -> tuple[float, bool]:
    """Seconds of a gradient, and whether compiled layers gave it; the layers stay compiled only if they did."""
    with events.task("Trying compiled layers"):
        model.compile_layers(True)
        try:
            compiled = _steps(trainer)[0]
        except Exception as error:
            events.warn(f"torch.compile failed ({type(error).__name__}): going on without it.")
            compiled = float("inf")
    events.note(f"Compiled layers take {compiled:.2f} s for what takes {plain:.2f} s without.")
    if compiled * _COMPILE_GAIN <= plain:
        return compiled, True
    model.compile_layers(False)
    return plain, False


def _scored(model: GPT, device: Device, context: int) -> float:
    """Tokens scored a second, as an evaluation scores them."""
    generator = np.random.default_rng(0)
    windows = 2 if device.slow else 32
    texts = [generator.integers(0, model.config.vocab_size, context) for _ in range(windows)]

    def score() -> None:
        token_nats(model, texts, device, context=context, stride=context)

    if not device.slow:
        score()
    return windows * context / max(1e-6, _timed(score, device))


def _write_seconds(folder: Path, size: int) -> float:
    """Seconds to write `size` bytes below `folder`, from the writing of fewer."""
    part = os.urandom(2**20)
    count = min(size, _PROBED_BYTES) // len(part) + 1

    def write() -> None:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(count):
                file.write(part)
            file.flush()
            os.fsync(file.fileno())

    try:
        folder.mkdir(parents=True, exist_ok=True)
        return _timed(write) * size / (count * len(part))
    except OSError:
        return 0.0


def _timed(function: Callable[[], object], device: Device | None = None) -> float:
    if device is not None:
        device.synchronize()
    started = time.perf_counter()
    function()
    if device is not None:
        device.synchronize()
    return time.perf_counter() - started


def matrix_rate(device: Device, precision: str, seconds: float = 0.4) -> float:
    """Sustained FLOP/s of matrix products: of the shipped base's commonest one on a CPU, of large ones elsewhere."""
    dtype = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[precision]
    large = 8192 if device.memory >= 16 * 2**30 else 2048
    rows, width, wide = (1024, 640, 1600) if device.slow else (large, large, large)
    left = torch.randn(rows, width, device=device.torch).to(dtype)
    right = torch.randn(width, wide, device=device.torch).to(dtype)
    times: list[float] = []
    while len(times) < 4 or (sum(times) < seconds and len(times) < 200):
        times.append(_timed(lambda: left @ right, device))
    return 2.0 * rows * width * wide / statistics.median(times[1:])


def memory_rate(device: Device, seconds: float = 0.4) -> float:
    """Bytes a second that a copy reads and writes."""
    room = device.room() or 2**30
    count = int(max(2**20, min(2**26 if device.slow else 2**28, room // 16)))
    source = torch.ones(count, dtype=torch.float32, device=device.torch)
    target = torch.empty_like(source)
    times: list[float] = []
    while len(times) < 4 or (sum(times) < seconds and len(times) < 100):
        times.append(_timed(lambda: target.copy_(source), device))
    return 8.0 * count / statistics.median(times[1:])
