import dataclasses

import pytest
import torch

from penname.core.device import Device
from penname.train import graphs as threads
from penname.train.graphs import Threads

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1, cores=2)


class Machine:
    """A clock that a step moves: two threads are faster while the machine is quiet."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.count, self.quiet = 0.0, 1, True
        monkeypatch.setattr(threads.time, "monotonic", lambda: self.now)  # type: ignore[attr-defined]
        monkeypatch.setattr(torch, "set_num_threads", lambda count: setattr(self, "count", count))

    def steps(self, turns: Threads, number: int) -> list[int]:
        used = []
        for _ in range(number):
            with turns.turn():
                used.append(self.count)
                self.now += 5.0 if (self.count == 2) == self.quiet else 10.0
        return used


def test_a_quieter_machine_gets_its_other_core_back(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    turns = Threads(CPU)
    assert machine.steps(turns, 8) == [1, 1, 1, 1, 1, 2, 2, 2]
    machine.quiet = False
    used = machine.steps(turns, 20)
    assert used[-1] == 1, "and gives it up again"
    assert used.count(2) <= 8


def test_a_trial_that_is_slower_is_not_kept_to(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.quiet = False
    assert machine.steps(Threads(CPU), 25).count(2) in (1, 2, 3)
    assert machine.count == 1


@pytest.mark.parametrize("changes", [{"cores": 0}, {"cores": 1}, {"kind": "cuda", "threads": 0}])
def test_elsewhere_nothing_is_tried(changes: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    machine.count = 7
    assert set(machine.steps(Threads(dataclasses.replace(CPU, **changes)), 30)) == {7}  # type: ignore[arg-type]


def test_a_run_that_is_to_be_repeated_keeps_to_its_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(monkeypatch)
    assert set(machine.steps(Threads(CPU, fixed=True), 30)) == {1}
