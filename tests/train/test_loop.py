import dataclasses
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from penname.core import events
from penname.core.device import Device
from penname.core.errors import Interrupted, PennameError
from penname.model.gpt import GPT, GPTConfig
from penname.model.quantise import Rounding, restore_groups, restore_rows, round_groups, round_rows
from penname.train.batches import Mixture, Stream
from penname.train.checkpoint import list_checkpoints
from penname.train.loop import Fitted, Run, Trainer, train
from penname.train.settings import TrainSettings, learning_rate

SHAPE = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)
CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)


def make(folder: Path | None = None, micro: int = 4, stop_after: int | None = None, **changes: Any) -> tuple[GPT, Run]:
    ids = np.random.default_rng(0).integers(1, 64, 3000) // 3
    ends = np.arange(100, 3001, 100)
    values = {"steps": 10, "rows": 4, "context": 16, "dropout": 0.1, "seed": 3} | changes
    rounding = Rounding(5, 32, values.pop("row_step", 0.0))
    settings = TrainSettings(**values)
    streams = [(Stream(ids, ends, 16, 1), 0.5), (Stream(ids[::-1].copy(), ends, 16, 2), 0.5)]
    run = Run(settings, Mixture(streams, 4), CPU, folder=folder, micro_rows=micro, stop_after=stop_after)
    run.fingerprint, run.rounding = "one", rounding
    return GPT(SHAPE).initialise(0), run


def fit(*arguments: Any, **changes: Any) -> Fitted:
    return train(*make(*arguments, **changes))


def losses(fitted: Fitted) -> list[float]:
    return [loss for _, loss in fitted.losses]


def test_it_learns() -> None:
    figures = losses(fit(steps=40, dropout=0.0))
    assert figures[-1] < figures[0] - 0.5


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"masked": 0.5, "input_mask": 0.1},
        {"ema": 0.9, "goldfish": 4},
        {"matrices": "adamw", "quantise_from": 0.5},
        {"quantise_from": 0.5, "row_step": 0.3},
    ],
)
def test_a_stopped_run_goes_on_to_the_same_losses_and_weights(tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = fit(**changes)
    with pytest.raises(Interrupted, match="step 4 of 10"):
        fit(tmp_path, stop_after=4, **changes)
    rest = fit(tmp_path, **changes)
    assert losses(rest) == losses(whole)
    for left, right in zip(rest.model.parameters(), whole.model.parameters(), strict=True):
        assert torch.equal(left, right)


def test_micro_batches_do_not_change_the_losses() -> None:
    changes = {"dropout": 0.0, "masked": 0.5, "input_mask": 0.1}
    np.testing.assert_allclose(losses(fit(micro=4, **changes)), losses(fit(micro=1, **changes)), rtol=1e-4)


def test_ctrl_c_finishes_the_step_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    model, run = make(tmp_path)

    def interrupt(event: events.Event) -> None:
        if event.kind == "train" and event.data["step"] == 3:
            os.kill(os.getpid(), signal.SIGINT)

    with events.listening(interrupt), pytest.raises(Interrupted, match="same command goes on"):
        train(model, run)
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000003"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_running_out_of_memory_halves_the_micro_batch_and_keeps_the_losses(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plain = losses(fit(dropout=0.0))
    model, run = make(dropout=0.0)
    trainer = Trainer(model, run)
    forward: Callable[..., Any] = trainer.forward
    said: list[str] = []

    def scarce(ids: torch.Tensor, *rest: Any) -> Any:
        if ids.size(0) > 2:
            raise torch.OutOfMemoryError("out of memory")
        return forward(ids, *rest)

    monkeypatch.setattr(trainer, "forward", scarce)
    with events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None):
        fitted = trainer.fit()
    assert trainer.micro_rows == 2
    assert said == ["Out of memory: going on with 2 windows at once, the same batch and losses."]
    np.testing.assert_allclose(losses(fitted), plain, rtol=1e-4)


def test_a_loss_that_is_no_number_goes_back_and_slows_down(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make(tmp_path)
    run.save_seconds = 0.0
    trainer = Trainer(model, run)
    step, broken = trainer.step, []

    def fail_once(feeder: Any) -> torch.Tensor:
        loss = step(feeder)
        if trainer.state.step == 6 and not broken:
            broken.append(True)
            return loss * math.nan
        return loss

    monkeypatch.setattr(trainer, "step", fail_once)
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None):
        fitted = trainer.fit()
    assert broken
    assert said == ["The loss was not a number at step 6: back to step 5 with 0.5 of the rate."]
    assert trainer.state.scale == 0.5
    assert [number for number, _ in fitted.losses] == list(range(1, 11))
    assert all(map(math.isfinite, losses(fitted)))


def test_weights_that_broke_before_the_first_checkpoint_are_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short run on a fast device has no checkpoint yet: it begins again, and its weights are numbers."""
    model, run = make()
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    run.restart = lambda model: model.load_state_dict(start, strict=False) and None
    trainer = Trainer(model, run)
    step, broken = trainer.step, []

    def fail_once(feeder: Any) -> torch.Tensor:
        if trainer.state.step == 4 and not broken:
            broken.append(True)
            with torch.no_grad():
                model.model.norm.weight.fill_(math.nan)
        return step(feeder)

    monkeypatch.setattr(trainer, "step", fail_once)
    fitted = trainer.fit()
    assert broken and trainer.state.scale == 0.5
    assert [number for number, _ in fitted.losses] == list(range(1, 11))
    assert all(map(math.isfinite, losses(fitted)))
    assert all(bool(weight.isfinite().all()) for weight in fitted.model.parameters())


@pytest.mark.parametrize(("seconds", "place"), [(None, "step 0"), (1e6, "step 5")])
def test_a_run_of_set_steps_begins_again_wherever_its_checkpoints_lie(
    seconds: float | None, place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How fast the machine is decides where a checkpoint lies, and it must not decide the losses."""
    model, run = make(tmp_path)
    start = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    run.restart = lambda model: model.load_state_dict(start, strict=False) and None
    run.save_seconds, run.seconds = 0.0, seconds
    trainer = Trainer(model, run)
    step = trainer.step
    said: list[str] = []
    broken = {6}
    monkeypatch.setattr(
        trainer, "step", lambda feeder: step(feeder) * (math.nan if trainer.state.step in broken else 1.0)
    )

    def hear(event: events.Event) -> None:
        if event.kind == "warning":
            said.append(event.text)
            broken.clear()

    with events.listening(hear):
        fitted = trainer.fit()
    assert said == [f"The loss was not a number at step 6: back to {place} with 0.5 of the rate."]
    assert [number for number, _ in fitted.losses] == list(range(1, 11))


def test_without_a_checkpoint_a_broken_loss_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(*make())
    step = trainer.step
    monkeypatch.setattr(trainer, "step", lambda feeder: step(feeder) * math.nan)
    with pytest.raises(PennameError, match="NaN at step 1"):
        trainer.fit()


def test_another_run_is_not_resumed(tmp_path: Path) -> None:
    with pytest.raises(Interrupted):
        fit(tmp_path, stop_after=2)
    model, run = make(tmp_path)
    run.fingerprint = "other"
    with pytest.raises(PennameError, match="holds another run"):
        train(model, run)


def test_the_best_state_is_kept() -> None:
    figures = iter([3.0, 1.0, 2.0, 2.5, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0])
    model, run = make(dropout=0.0)
    run.evaluations = 5
    seen: list[dict[str, torch.Tensor]] = []

    def validate(network: GPT) -> float:
        seen.append({name: w.detach().clone() for name, w in network.named_parameters()})
        return next(figures)

    run.validate = validate
    fitted = train(model, run)
    assert (fitted.best, fitted.best_step) == (1.0, 4)
    for name, weight in fitted.model.named_parameters():
        assert torch.equal(weight, seen[1][name])


def test_too_slow_a_machine_drops_steps_and_still_reaches_rate_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make(steps=200)
    run.seconds = 100.0
    trainer = Trainer(model, run)
    monkeypatch.setattr(Trainer, "possible_steps", lambda self, clock: 12.0)
    fitted = trainer.fit()
    assert fitted.steps == 12
    assert trainer.state.progress == pytest.approx(1.0)


def test_too_fast_a_machine_adds_steps_up_to_what_was_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make(steps=10)
    run.seconds, run.most_steps = 100.0, 15
    trainer = Trainer(model, run)
    monkeypatch.setattr(Trainer, "possible_steps", lambda self, clock: 1_000.0)
    fitted = trainer.fit()
    assert fitted.steps == 15
    assert trainer.state.progress == pytest.approx(1.0)


def test_a_machine_that_is_busy_now_and_then_is_not_told_of_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make(steps=60)
    run.seconds, run.most_steps = 100.0, 60
    possible = iter([57.0, 60.0, 57.0, 60.0, 40.0, 42.0] + [40.0] * 60)
    monkeypatch.setattr(Trainer, "possible_steps", lambda self, clock: next(possible))
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text) if event.text.startswith("The machine") else None):
        assert Trainer(model, run).fit().steps == 40
    assert said == ["The machine is slower than planned: 40 steps instead of 60, to end on time."]


def test_a_run_whose_time_is_over_ends_though_more_steps_were_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make(steps=10)
    run.seconds, run.most_steps = 1e-9, 1_000
    trainer = Trainer(model, run)
    assert trainer.fit().steps <= 10


@pytest.mark.slow
def test_with_one_window_left_activations_are_computed_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = losses(fit(dropout=0.0))
    model, run = make(dropout=0.0)
    trainer = Trainer(model, run)
    forward: Callable[..., Any] = trainer.forward

    def scarce(ids: torch.Tensor, *rest: Any) -> Any:
        if not model.checkpointing:
            raise torch.OutOfMemoryError("out of memory")
        return forward(ids, *rest)

    monkeypatch.setattr(trainer, "forward", scarce)
    fitted = trainer.fit()
    assert trainer.micro_rows == 1
    np.testing.assert_allclose(losses(fitted), plain, rtol=1e-4)


def test_the_best_weights_may_lie_in_a_file_and_a_stopped_run_goes_on(tmp_path: Path) -> None:
    def run_of(folder: Path, **named: Any) -> Fitted:
        model, run = make(folder, **named)
        figures = iter([3.0, 1.0, 2.0, 2.5, 4.0, 5.0])
        run.evaluations, run.low_memory = 5, folder.name != "plain"
        run.validate = lambda network: next(figures) if run.stop_after is None else 3.0
        return train(model, run)

    plain, spared = run_of(tmp_path / "plain"), run_of(tmp_path / "spared")
    assert (tmp_path / "spared" / "best.safetensors").is_file()
    assert plain.best_step == spared.best_step == 4
    for left, right in zip(plain.model.parameters(), spared.model.parameters(), strict=True):
        assert torch.equal(left, right)
    with pytest.raises(Interrupted):
        run_of(tmp_path / "cut", stop_after=4)
    assert run_of(tmp_path / "cut").best == 1.0


def test_compiled_layers_are_left_out_of_evaluations(monkeypatch: pytest.MonkeyPatch) -> None:
    model, run = make()
    seen: list[str] = []

    class Stance:
        def __init__(self, stance: str) -> None:
            seen.append(stance)

        def __enter__(self) -> None: ...

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(torch.compiler, "set_stance", Stance)
    trainer = Trainer(model, run)
    trainer.evaluated(lambda network: 1.0)
    assert seen == []
    model.layers_compiled = True
    trainer.evaluated(lambda network: 1.0)
    assert seen == ["force_eager"]
    model.compile_layers(False)


def test_the_schedule_rises_stays_and_falls_to_zero() -> None:
    rates = [learning_rate(step / 100, 0.1, 0.4) for step in range(101)]
    assert rates[0] == 0.0
    assert rates[10:60] == [1.0] * 50
    assert rates[80] == pytest.approx(0.5)
    assert rates[100] == 0.0
    assert rates[60:] == sorted(rates[60:], reverse=True)


def test_the_end_is_not_saved_where_the_network_is_written_next(tmp_path: Path) -> None:
    for name, wanted in (("saved", True), ("not", False)):
        model, run = make(tmp_path / name)
        train(model, dataclasses.replace(run, save_last=wanted))
        assert bool(list_checkpoints(tmp_path / name)) == wanted


@pytest.mark.parametrize("rounding", [Rounding(5, 32), Rounding(row_step=0.3)], ids=["groups", "rows"])
def test_rounded_weights_are_those_that_are_stored_and_the_exact_ones_come_back(rounding: Rounding) -> None:
    model, run = make()
    run.rounding = rounding
    trainer = Trainer(model, run)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    kept = trainer.round_weights()
    for name, weight in model.named_parameters():
        if weight.ndim == 1:
            assert torch.equal(weight, before[name])
        elif rounding.row_step:
            assert torch.equal(weight, restore_rows(*round_rows(before[name], 0.3)))
        else:
            assert torch.equal(weight, restore_groups(*round_groups(before[name], 5, 32)))
    assert all(torch.equal(kept[name], before[name]) for name in before)
