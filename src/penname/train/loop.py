"""The one training loop: from scratch, a base on many GPUs, or a blog on a laptop.

In: a network, a mixture of token streams, settings. Out: the trained network, its best state on held-out text, and a
folder of checkpoints that goes on to the same losses wherever it was cut off.

    run = Run(settings, mixture, device, folder=workspace / "checkpoints", validate=bits_per_byte_of)
    fitted = train(model, run)

The order of a step: evaluate, sample, save, step, log.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from penname.core import events
from penname.core.device import Device, is_out_of_memory
from penname.core.errors import Interrupted, PennameError
from penname.model.gpt import GPT
from penname.model.quantise import Rounding, put_as_stored
from penname.model.weights import blend, copied, put_back
from penname.train import parallel
from penname.train.batches import Feeder, Mixture
from penname.train.checkpoint import Best, drop_checkpoints, load_checkpoint, newest_checkpoint, save_checkpoint
from penname.train.graphs import Clock, CudaGraphs, Threads, stop_on_interrupt
from penname.train.loss import Objective, is_masked_step, prepare_rows, scored_tokens, taught_last
from penname.train.optim import build_optimizers
from penname.train.settings import TrainSettings, learning_rate

_LATE = 0.8
"""Progress from which on a run gets no more steps, however fast the machine has become."""
_SMALL_PART = 64 * 2**20
"""Bytes of a part of a checkpoint where memory is scarce: a part is held twice while it is written."""


@dataclass
class Run:
    """A training run: what is learned, where, how long, and who watches."""

    settings: TrainSettings
    mixture: Mixture
    device: Device
    folder: Path | None = None
    """Where checkpoints go; None keeps none."""
    validate: Callable[[GPT], float] | None = None
    """Held-out bits per byte; the state with the least is kept as the best."""
    sample: Callable[[GPT], str] | None = None
    """A text from a fixed prompt and seed."""
    micro_rows: int = 8
    """Windows that go through the network at once; halved when memory runs out."""
    evaluations: int = 10
    """Times the held-out text is scored over the run, the end included."""
    samples: int = 4
    """Samples shown over the run."""
    save_seconds: float = 60.0
    """Seconds between checkpoints."""
    save_last: bool = True
    """Whether there is one of the end: not needed where the network itself is written next."""
    seconds: float | None = None
    """A promise: steps are dropped, and the learning rate still reaches zero, when the run would take longer."""
    most_steps: int = 0
    """Steps that are taken at most when a run with a promise turns out faster than planned; 0: no more than planned."""
    compiled: bool = False
    """Whether network and loss are compiled in one."""
    layers_compiled: bool = False
    """Whether each layer is compiled: less is gained, and the compiler is done in seconds."""
    checkpointing: bool = False
    """Whether activations are computed twice instead of kept."""
    low_memory: bool = False
    """Whether the best weights go into a file, and checkpoints into small parts, to spare memory."""
    keep_best: bool = True
    bytes_per_token: float = 0.0
    """Of the training text, to show losses as bits per byte; 0: unknown."""
    fingerprint: str = ""
    """Of data and settings: a checkpoint of another run is not resumed."""
    rounding: Rounding = field(default_factory=Rounding)
    """How matrices will be stored, which the last steps see."""
    part_size: int = 512 * 2**20
    teacher: GPT | None = None
    """A network that teaches this one, where the settings give it a share."""
    taught_part: int | None = None
    """The stream of the mixture on whose rows alone the teacher is heard; None: on all."""
    restart: Callable[[GPT], None] | None = None
    """Puts the weights back that the run began with, for a loss that breaks before there is a checkpoint."""
    stop_after: int | None = None
    """Stop, saved, after this step: for tests and for machines that go away."""


@dataclass
class Fitted:
    """What came of a run."""

    model: GPT
    steps: int
    tokens: int
    seconds: float
    best: float
    """Least held-out bits per byte; infinity without `validate`."""
    best_step: int
    losses: list[tuple[int, float]]
    """(step, nats per token) for each step that was logged."""
    curve: list[tuple[int, float]]
    """(step, held-out bits per byte) for each evaluation."""


@dataclass
class _State:
    """What a checkpoint holds beside tensors."""

    step: int = 0
    total: int = 0
    progress: float = 0.0
    seconds: float = 0.0
    best: float = math.inf
    best_step: int = -1
    scale: float = 1.0
    losses: list[tuple[int, float]] = field(default_factory=list)
    curve: list[tuple[int, float]] = field(default_factory=list)
    fingerprint: str = ""
    precision: str = ""


class Trainer:
    """One run in progress: holds the optimizers, the state and the best weights."""

    def __init__(self, model: GPT, run: Run) -> None:
        run.settings.check()
        self.model, self.run, self.settings, self.device = model, run, run.settings, run.device
        self.state = _State(total=run.settings.steps, fingerprint=run.fingerprint, precision=run.device.precision)
        self.told = run.settings.steps
        model.to(run.device.torch)
        model.dropout = run.settings.dropout
        if run.settings.freeze_tables:
            model.model.embed_tokens.weight.requires_grad_(False)
            model.lm_head.weight.requires_grad_(False)
        self.objective = Objective(model, run.settings, not run.compiled, run.teacher).to(run.device.torch)
        self.optimizers = build_optimizers(
            self.objective,
            matrices=run.settings.matrices,
            matrix_lr=run.settings.matrix_lr,
            table_lr=run.settings.table_lr,
            weight_decay=run.settings.weight_decay,
            momentum=run.settings.momentum,
            betas=(0.9, run.settings.beta2),
            fused=run.device.fused,
            coarse=run.device.coarse,
        )
        self.micro_rows = run.micro_rows
        model.checkpointing = run.checkpointing
        model.compile_layers(run.layers_compiled)
        self.every = 1 if run.device.slow else 10
        inner: Any = torch.compile(self.objective) if run.compiled else self.objective
        self.forward = parallel.wrap(inner, run.device)
        plain = not (run.compiled or run.layers_compiled or run.checkpointing or run.low_memory or parallel.world() > 1)
        self.graphs = CudaGraphs(run.device, plain)
        self.as_stored: Any = torch.compile(run.rounding.as_stored) if run.compiled else run.rounding.as_stored
        self.average = copied(model) if run.settings.ema else None
        self.best = Best(run.folder / "best.safetensors" if run.folder and run.low_memory else None)
        self.recent: list[tuple[int, Tensor]] = []
        self.resumed = 0

    # -- the loop -----------------------------------------------------------------------------------------------------

    def fit(self) -> Fitted:
        """Run to the end; raises `Interrupted` after Ctrl-C, saved."""
        self.resume()
        clock = Clock(self.state.seconds)
        saved, threads = time.monotonic(), Threads(self.device, fixed=self.run.seconds is None)
        with stop_on_interrupt() as stop, Feeder(self.run.mixture, self.device.pins) as feeder:
            while self.state.step < self.state.total:
                self.evaluate_and_sample(last=False)
                if self.agreed(time.monotonic() - saved >= self.run.save_seconds):
                    self.save(clock)
                    saved = time.monotonic()
                if self.agreed(stop.is_set()) or self.state.step == self.run.stop_after:
                    self.save(clock)
                    raise Interrupted(
                        f"Stopped after step {self.state.step} of {self.state.total}, saved. "
                        "The same command goes on from here."
                    )
                with threads.turn():
                    loss = self.step(feeder)
                self.log(loss, clock)
                self.keep_promise(clock)
        self.flush(clock)
        if self.average is not None:
            self.try_average()
        self.evaluate_and_sample(last=True)
        if self.run.save_last:
            self.save(clock)
        return self.finish(clock)

    def agreed(self, wish: bool) -> bool:
        """Whether any process wishes it; several ask each other only where the losses are read anyway."""
        if parallel.world() == 1:
            return wish
        return self.state.step % self.every == 0 and parallel.largest(wish) > 0

    def step(self, feeder: Feeder) -> Tensor:
        """One optimizer step; returns the summed loss of this process divided by the scored tokens."""
        step = self.state.step
        masked = is_masked_step(step, self.settings.masked)
        windows = feeder.take(step)
        kept = self.round_weights() if self.state.progress >= self.settings.quantise_from else None
        while True:
            try:
                loss = self.gradients(windows, step, masked)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error) or (self.micro_rows == 1 and self.model.checkpointing):
                    raise
                if parallel.world() > 1:
                    raise PennameError(
                        f"Process {parallel.rank()} ran out of memory with {self.micro_rows} windows at once: run the "
                        f"same command with --micro-rows {max(1, self.micro_rows // 2)}; losses stay the same."
                    ) from error
                self.halve()
        if kept is not None:
            put_back(self.model, kept)
        settings = self.settings
        rate = learning_rate(self.state.progress, settings.warmup, settings.decay, settings.schedule)
        self.update(rate * self.state.scale)
        if self.average is not None:
            blend(self.average, self.model, 1 - self.settings.ema)
        self.state.progress += (1.0 - self.state.progress) / (self.state.total - step)
        self.state.step += 1
        return loss

    def update(self, rate: float = 1.0) -> None:
        """Clip the gradient and move the weights, at `rate` of the peak learning rates."""
        torch.nn.utils.clip_grad_norm_(self.objective.parameters(), self.settings.clip, foreach=True)
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = group["base_lr"] * rate
            try:
                optimizer.step()
            except (RuntimeError, MemoryError) as error:
                # The first step makes the moments: what the gradient's computation left behind may be in their way.
                if not is_out_of_memory(error):
                    raise
                self.device.free_cache()
                optimizer.step()
            optimizer.zero_grad(set_to_none=not self.graphs.enabled)

    def gradients(self, windows: Tensor, step: int, masked: bool) -> Tensor:
        """Accumulate the gradient of a step over micro-batches; the same for any number of them."""
        self.model.train()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=not self.graphs.enabled)
        total = torch.zeros((), device=self.device.torch)
        divisor = scored_tokens(self.settings, masked)
        first, _ = parallel.share_of(self.settings.rows)
        generator = torch.Generator().manual_seed(hash((self.settings.seed, step, 0)) & 0x7FFFFFFF)
        ids, targets, hide = prepare_rows(windows, self.settings, masked, generator, first)
        part, micro = self.run.taught_part, self.micro_rows
        taught = None if part is None else self.run.mixture.from_part(part, step, first, windows.size(0))
        seed = hash((self.settings.seed, step, parallel.rank())) & 0x7FFFFFFF
        for start in range(0, windows.size(0), micro):
            rows = list(range(start, min(start + micro, windows.size(0))))
            rows, spoken = (rows, None) if taught is None else taught_last(rows, taught)
            torch.manual_seed(seed + start)
            placed, last = self.placed(rows, ids, targets, hide), start + micro >= windows.size(0)
            with parallel.no_sync(self.forward, last):
                total += self.graphs(self.add_gradient, placed, not masked, spoken, divisor)
        return total

    def add_gradient(self, placed: Sequence[Tensor | None], causal: bool, spoken: int | None, divisor: float) -> Tensor:
        """Add the gradient of some rows to the weights' own; returns their part of the loss."""
        with self.device.autocast():
            loss = self.forward(*placed, causal, spoken) / divisor
        (loss * parallel.world()).backward()
        part: Tensor = loss.detach()
        return part

    def placed(self, rows: list[int], *tensors: Tensor | None) -> list[Tensor | None]:
        """The given rows of each tensor, on the device."""
        place = self.device.torch
        return [None if t is None else t[rows].to(place, non_blocking=True) for t in tensors]

    # -- around a step ------------------------------------------------------------------------------------------------

    def evaluate_and_sample(self, last: bool) -> None:
        """Score held-out text and show a sample when their turn has come; keep the best weights."""
        step, total = self.state.step, self.state.total
        due = last or (step and step % max(1, total // self.run.evaluations) == 0 and step != total)
        if due and self.run.validate is not None and not (self.state.curve and self.state.curve[-1][0] == step):
            figure = parallel.from_first(lambda: self.evaluated(self.run.validate))
            self.state.curve.append((step, figure))
            events.emit("evaluation", step=step, bits_per_byte=figure)
            if figure < self.state.best:
                self.state.best, self.state.best_step = figure, step
                if self.run.keep_best and parallel.is_first():
                    self.best.keep(self.model)
        due = last or (step and step % max(1, total // max(1, self.run.samples)) == 0)
        if due and self.run.sample is not None and self.run.samples and parallel.is_first():
            events.emit("sample", self.evaluated(self.run.sample), step=step)

    def evaluated(self, function: Callable[[GPT], Any] | None) -> Any:
        """Call `function` on the model in evaluation mode."""
        assert function is not None
        self.model.eval()
        try:
            with torch.no_grad(), self.model.uncompiled():
                return function(self.model)
        finally:
            self.model.train()

    def log(self, loss: Tensor, clock: "Clock") -> None:
        """Remember the loss; look at it, which waits for the device, only every few steps."""
        self.recent.append((self.state.step, loss))
        if self.state.step % self.every == 0:
            self.flush(clock)

    def flush(self, clock: "Clock") -> None:
        """Read the losses of the last steps, check them, and tell how far the run is."""
        if not self.recent:
            return
        values = parallel.summed(torch.stack([loss for _, loss in self.recent])).tolist()
        steps = [step for step, _ in self.recent]
        self.recent.clear()
        if not all(math.isfinite(value) for value in values):
            self.recover(steps[0])
            return
        self.state.losses.extend(zip(steps, values, strict=True))
        clock.tick(self.state.step)
        tokens = self.settings.rows * self.settings.context
        rate = clock.steps_per_second()
        events.emit(
            "train",
            step=self.state.step,
            total=self.state.total,
            loss=values[-1],
            tokens_per_second=rate * tokens,
            seconds=clock.seconds(),
            seconds_left=(self.state.total - self.state.step) / rate if rate else None,
            bits_per_byte=values[-1] / math.log(2) / self.run.bytes_per_token if self.run.bytes_per_token else None,
        )

    def keep_promise(self, clock: "Clock") -> None:
        """Drop steps when the time would run out, add some when it would not; the schedule stretches over the rest."""
        if self.run.seconds is None or self.state.step % self.every or self.state.step >= self.state.total:
            return
        possible, total = round(parallel.from_first(lambda: self.possible_steps(clock))), self.state.total
        if possible < total * 0.97:
            self.state.total = possible
        elif total < self.run.most_steps and possible > total * 1.03 and self.state.progress < _LATE:
            self.state.total = min(possible, self.run.most_steps)
        if abs(self.state.total - self.told) > 0.1 * self.told:
            how, before, self.told = "slower" if self.state.total < self.told else "faster", self.told, self.state.total
            events.note(f"The machine is {how} than planned: {self.told} steps instead of {before}, to end on time.")

    def possible_steps(self, clock: "Clock") -> float:
        """How many steps the promised time allows at the present rate."""
        rate = clock.steps_per_second()
        if not rate or self.run.seconds is None:
            return float(self.state.total)
        return self.state.step + max(1.0, (self.run.seconds - clock.seconds()) * rate)

    def halve(self) -> None:
        """Out of memory: half the micro-batch, twice the accumulation, the same step again.

        With one window left activations are computed twice instead of kept.
        """
        self.graphs.forget()
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        self.device.free_cache()
        if self.micro_rows == 1:
            self.model.checkpointing = True
            events.warn("Out of memory: activations are computed twice instead of kept; the same batch and losses.")
            return
        self.micro_rows = max(1, self.micro_rows // 2)
        events.warn(f"Out of memory: going on with {self.micro_rows} windows at once, the same batch and losses.")

    def recover(self, step: int) -> None:
        """A loss that is not a number: back to the last checkpoint, or the start, with half the learning rate."""
        if self.state.scale < 0.05:
            raise PennameError("The loss keeps turning into NaN: lower the learning rates, or use --precision fp32.")
        scale = self.state.scale / 2
        checkpoint = newest_checkpoint(self.run.folder) if self.run.folder else None
        # Where a checkpoint lies depends on how fast the machine is: a run whose steps are set begins again.
        if checkpoint is not None and (self.run.seconds or self.run.restart is None):
            self.load(checkpoint)
        elif self.run.restart is not None:
            drop_checkpoints(self.run.folder)
            self.run.restart(self.model)
            for optimizer in self.optimizers:
                optimizer.state.clear()
            self.state = _State(total=self.settings.steps, fingerprint=self.run.fingerprint)
            self.best = Best(self.best.path)
        else:
            raise PennameError(f"The loss turned into NaN at step {step}, and there is no checkpoint to go back to.")
        self.state.scale = scale
        events.warn(
            f"The loss was not a number at step {step}: back to step {self.state.step} with {scale:g} of the rate."
        )

    def round_weights(self) -> dict[str, Tensor]:
        """Replace matrices by what they become in few bits; the gradient there moves the exact ones."""
        kept = copied(self.model)
        put_as_stored(self.model.parameters(), self.run.rounding, self.as_stored)
        return kept

    def try_average(self) -> None:
        """Keep the running average instead of the last weights where it scores better."""
        if self.average is None or self.run.validate is None:
            return
        plain = parallel.from_first(lambda: self.evaluated(self.run.validate))
        kept = copied(self.model)
        put_back(self.model, self.average)
        averaged = parallel.from_first(lambda: self.evaluated(self.run.validate))
        events.note(f"Averaged weights: {averaged:.4f} bits per byte, the last ones: {plain:.4f}.")
        if averaged >= plain:
            put_back(self.model, kept)

    # -- files --------------------------------------------------------------------------------------------------------

    def save(self, clock: "Clock") -> None:
        """Write a checkpoint, on the first process; all of them call this."""
        if self.run.folder is None:
            return
        self.flush(clock)
        if not parallel.is_first():
            return
        self.state.seconds = clock.seconds()
        extra = {f"best/{name}": value for name, value in self.best.tensors().items()}
        extra |= {f"average/{name}": value for name, value in (self.average or {}).items()}
        save_checkpoint(
            self.run.folder,
            self.objective,
            self.optimizers,
            asdict(self.state),
            extra=extra,
            part_size=min(self.run.part_size, _SMALL_PART) if self.run.low_memory else self.run.part_size,
        )

    def resume(self) -> None:
        """Go on from the newest checkpoint of the same run, if there is one."""
        checkpoint = newest_checkpoint(self.run.folder) if self.run.folder else None
        if checkpoint is not None:
            self.load(checkpoint)
            events.headline(f"Going on from step {self.state.step} of {self.state.total}.")
        if parallel.largest(self.state.step) != parallel.smallest(self.state.step):
            raise PennameError(
                f"The processes do not see the same checkpoints (process {parallel.rank()} would go on from step "
                f"{self.state.step}): {self.run.folder} has to be a folder that all machines share."
            )

    def load(self, checkpoint: Path) -> None:
        """Put back everything that `checkpoint` holds."""
        values, extra = load_checkpoint(checkpoint, self.objective, self.optimizers)
        if values["fingerprint"] != self.run.fingerprint:
            raise PennameError(
                f"{checkpoint.parent} holds another run (other data or settings): delete it to start anew."
            )
        values |= {name: [tuple(pair) for pair in values[name]] for name in ("losses", "curve")}
        self.state = _State(**values)
        # The faster precision of a CPU is measured anew each time; a run keeps the one that it began with.
        if self.state.precision in self.device.precisions:
            self.device = replace(self.device, precision=self.state.precision)
        best = {name.removeprefix("best/"): value for name, value in extra.items() if name.startswith("best/")}
        if best:
            self.best.put(best)
        average = {n.removeprefix("average/"): v for n, v in extra.items() if n.startswith("average/")}
        if self.average is not None and average:
            self.average = {name: value.to(self.device.torch) for name, value in average.items()}

    def finish(self, clock: "Clock") -> Fitted:
        """Put the best weights into the model and say what came of the run."""
        self.best.restore(self.model)
        self.model.eval()
        self.model.compile_layers(False)
        self.model.dropout, self.model.checkpointing = 0.0, False
        return Fitted(
            model=self.model,
            steps=self.state.step,
            tokens=self.state.step * self.settings.rows * self.settings.context,
            seconds=clock.seconds(),
            best=self.state.best,
            best_step=self.state.best_step,
            losses=self.state.losses,
            curve=self.state.curve,
        )


def train(model: GPT, run: Run) -> Fitted:
    """Train `model` in place; see `Run` and `Fitted`."""
    return Trainer(model, run).fit()
