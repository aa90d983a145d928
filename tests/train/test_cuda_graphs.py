"""A recorded step is the step: the same losses and weights, whatever came before and however rows are split."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from penname.core import events
from penname.core.device import Device, find_devices
from penname.model.gpt import GPT, GPTConfig
from penname.train.batches import Mixture, Stream
from penname.train.graphs import CudaGraphs
from penname.train.loop import Run, Trainer, train
from penname.train.settings import TrainSettings

SHAPE = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)
CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)


class Card(Device):
    """A device that says it records: what is recorded is run anew at each replay, in the same memory."""

    def record(self, work: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
        place = torch.zeros(())

        def replay() -> None:
            place.copy_(work())

        return place, replay

    def room(self, most: int = 0) -> int:
        return 2**50


CARD = Card(**(vars(CPU) | {"records": True}))


def make(device: Device, micro: int = 4, **changes: Any) -> tuple[GPT, Run]:
    ids = np.random.default_rng(0).integers(1, 64, 3000) // 3
    ends = np.arange(100, 3001, 100)
    settings = TrainSettings(**({"steps": 12, "rows": 4, "context": 16, "dropout": 0.1, "seed": 3} | changes))
    streams = [(Stream(ids, ends, 16, 1), 0.4), (Stream(ids[::-1].copy(), ends, 16, 2), 0.6)]
    run = Run(settings, Mixture(streams, 4), device, micro_rows=micro)
    if settings.teacher_share:
        run.teacher, run.taught_part = GPT(SHAPE).initialise(1), 1
    return GPT(SHAPE).initialise(0), run


WAYS: list[dict[str, Any]] = [{}, {"micro": 3}, {"masked": 0.5}, {"teacher_share": 0.9, "matrices": "adamw"}]


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_replayed_steps_learn_what_plain_ones_do(way: dict[str, Any]) -> None:
    check(CPU, CARD, way, exact=True)


@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_on_a_gpu(way: dict[str, Any]) -> None:
    cards = [device for device in find_devices()[0] if device.records]
    if not cards:
        pytest.skip("no device here records steps")
    check(replace(cards[0], records=False), cards[0], way, exact=False)


def check(plain: Device, card: Device, way: dict[str, Any], exact: bool) -> None:
    one, two = make(plain, **way), make(card, **way)
    trainer = Trainer(*two)
    want, got = train(*one), trainer.fit()
    assert trainer.graphs._recordings, "nothing was recorded"
    near = 0.0 if exact else 1e-3
    assert [loss for _, loss in got.losses] == pytest.approx([loss for _, loss in want.losses], abs=near)
    for a, b in zip(want.model.parameters(), got.model.parameters(), strict=True):
        assert torch.allclose(a.cpu(), b.cpu(), atol=near, rtol=0)


def total(tensors: list[Tensor | None], *rest: Any) -> Tensor:
    return torch.stack([each.sum() for each in tensors if each is not None]).sum() * len(rest)


def test_each_kind_is_recorded_the_third_time_it_comes() -> None:
    graphs = CudaGraphs(CARD)
    for number in range(4):
        ones = torch.ones(2, 2) * number
        assert float(graphs(total, [ones, None], True, 3)) == 8 * number
        assert float(graphs(total, [ones, ones], True, 3)) == 16 * number
        assert len(graphs._recordings) == (0 if number < 2 else 2)


def test_too_many_kinds_or_too_little_memory_are_computed_plainly() -> None:
    many = CudaGraphs(CARD)
    for size in range(1, 8):
        for _ in range(4):
            assert float(many(total, [torch.ones(size)], 1)) == size
    assert len(many._recordings) == 4

    class Full(Card):
        def room(self, most: int = 0) -> int:
            return 1

    full = CudaGraphs(Full(**vars(CARD)))
    assert [float(full(total, [torch.ones(3)], 1)) for _ in range(4)] == [3.0] * 4
    assert not full._recordings


def test_a_failed_recording_is_no_reason_to_stop() -> None:
    said: list[str] = []

    class Broken(Card):
        def record(self, work: Callable[[], Any]) -> tuple[Any, Callable[[], None]]:
            raise RuntimeError("operation not permitted when stream is capturing")

    broken = CudaGraphs(Broken(**vars(CARD)))
    with events.listening(lambda event: said.append(event.text)):
        assert [float(broken(total, [torch.ones(3)], 1)) for _ in range(4)] == [3.0] * 4
    assert not broken.enabled
    assert said == ["A step could not be recorded (RuntimeError): its kernels are launched one by one."]
    assert not CudaGraphs(CPU).enabled and not CudaGraphs(CARD, wanted=False).enabled
