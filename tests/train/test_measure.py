import contextlib
import dataclasses
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from penname.core.device import Device
from penname.model.gpt import GPT, GPTConfig
from penname.train import measure
from penname.train.measure import Speeds, matrix_rate, measure_speed, measure_speeds, memory_rate

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=2**33, threads=1)
SHAPE = GPTConfig(64, 32, 64, 2, 2, 1, 16, 64)


def test_a_step_is_its_windows_and_one_update() -> None:
    speeds = Speeds(2, 512, 1.0, 0.25, 100.0, 0.0, 0.0)
    assert speeds.step_seconds(8) == 4.25
    assert speeds.tokens_per_second(8) == pytest.approx(8 * 512 / 4.25)
    assert Speeds.flat(1_000.0, 512, 2).tokens_per_second(4) == pytest.approx(1_000.0)


def test_few_windows_take_longer_than_their_share_where_calls_take_the_time() -> None:
    speeds = Speeds(16, 512, 0.16, 0.01, 100.0, 0.0, 0.0, one_seconds=0.04)
    assert [speeds.step_seconds(rows) for rows in (1, 4, 16, 32)] == pytest.approx([0.05, 0.074, 0.17, 0.33])
    flat = dataclasses.replace(speeds, one_seconds=0.0)
    assert flat.step_seconds(4) == pytest.approx(0.05)


def test_a_fast_device_is_measured_with_one_window_too(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(Device, "slow", property(lambda self: False))
    monkeypatch.setattr(measure, "_steps", lambda trainer: (asked.append(trainer.settings.rows), (0.5, 0.1, 0.0))[1])
    assert measure_speeds(GPT(SHAPE).initialise(0), CPU, 32, 4).one_seconds == 0.5
    assert asked == [4, 1]


def test_every_part_is_measured_and_nothing_is_learned(tmp_path: Path) -> None:
    model = GPT(SHAPE).initialise(0)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    sampled: list[GPT] = []
    speeds = measure_speeds(model, CPU, 32, 2, sample=sampled.append, folder=tmp_path, checkpointing=True)
    figures = [speeds.micro_seconds, speeds.update_seconds, speeds.scored, speeds.sample_seconds, speeds.save_seconds]
    assert all(math.isfinite(figure) and figure > 0 for figure in figures)
    assert sampled == [model]
    assert (speeds.micro_rows, speeds.context, speeds.checkpointing, speeds.compiled) == (2, 32, True, False)
    assert not list(tmp_path.iterdir())
    for name, weight in model.named_parameters():
        assert torch.equal(weight, before[name]), name
    assert model.dropout == 0.0
    assert measure_speed(model, CPU, 32, 2) > 0


@pytest.mark.parametrize(
    ("seconds", "gain", "want"), [(None, 2.0, False), (600.0, 2.0, False), (4e3, 2.0, True), (4e3, 1.01, False)]
)
def test_layers_are_compiled_where_the_run_is_long_and_it_is_faster(
    seconds: float | None, gain: float, want: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = GPT(SHAPE).initialise(0)
    monkeypatch.setattr(Device, "can_compile", lambda self: True)
    monkeypatch.setattr(GPT, "compile_layers", lambda self, wanted: setattr(self, "layers_compiled", wanted))
    monkeypatch.setattr(GPT, "uncompiled", lambda self: contextlib.nullcontext())
    monkeypatch.setattr(measure, "_steps", lambda trainer: (1.0 / gain if model.layers_compiled else 1.0, 0.1, 0.0))
    speeds = measure_speeds(model, CPU, 32, 2, seconds=seconds)
    assert (speeds.compiled, model.layers_compiled) == (want, want)
    assert speeds.micro_seconds == (1.0 / gain if want else 1.0)


def test_a_compiler_that_fails_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    model = GPT(SHAPE).initialise(0)

    def steps(trainer: Any) -> tuple[float, float, float]:
        if model.layers_compiled:
            raise RuntimeError("no C++ compiler")
        return 1.0, 0.1, 0.0

    monkeypatch.setattr(Device, "can_compile", lambda self: True)
    monkeypatch.setattr(GPT, "compile_layers", lambda self, wanted: setattr(self, "layers_compiled", wanted))
    monkeypatch.setattr(measure, "_steps", steps)
    assert not measure_speeds(model, CPU, 32, 2, seconds=4e3).compiled
    assert not model.layers_compiled


def test_rates_are_positive_and_leave_no_room_for_doubt() -> None:
    assert matrix_rate(CPU, "fp32", seconds=0.01) > 1e8
    small = dataclasses.replace(CPU, memory=2**31)
    assert memory_rate(small, seconds=0.01) > 1e8
