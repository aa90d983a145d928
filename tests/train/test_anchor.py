"""A copy of the base that says what it expects of replayed rows: which rows, what it saves, and what leaves it out."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_teacher import CPU, STUDENT, drawn
from torch import Tensor

from penname.core.errors import Interrupted
from penname.corpus.tokenizer import Encoded
from penname.model.gpt import GPT
from penname.train.adapt import adapt
from penname.train.batches import Mixture, Stream
from penname.train.loop import Fitted, Run, train
from penname.train.loss import Objective
from penname.train.measure import Speeds
from penname.train.plan import Plan, Wishes, make_plan
from penname.train.settings import TrainSettings

SPEEDS = Speeds.flat(1e4, 16, 4)
MIXED = Mixture(
    [(Stream(drawn(400, 1), np.array([400]), 16, 1), 0.6), (Stream(drawn(400, 2), np.array([400]), 16, 2), 0.4)], 10
)


def encoded(ids: np.ndarray) -> Encoded:
    return Encoded(ids.astype(np.uint32), np.array([ids.size], np.int64), ids.size * 4)


def chain(seed: int) -> np.ndarray:
    """Another language than `drawn`: half of the words, and other followers."""
    generator = np.random.default_rng(seed)
    ids = [0]
    for step in generator.integers(0, 3, 1_500):
        ids.append((ids[-1] * 5 + int(step) * 3 + 2) % 32)
    return np.array(ids)


BLOG, REPLAY = encoded(chain(3)), encoded(drawn(300, 4))


def plan_of(with_teacher: bool = True, **wishes: float) -> Plan:
    chosen = Wishes(**({"steps": 60, "share": 0.75, "matrix_lr": 5e-3, "dropout": 0.0} | wishes))  # type: ignore[arg-type]
    plan = make_plan(
        blog_tokens=int(BLOG.ids.size), speeds=SPEEDS, device=CPU, wishes=chosen, context=16, with_teacher=with_teacher
    )
    return replace(plan, settings=replace(plan.settings, rows=8), micro_rows=8)


@pytest.fixture(scope="module")
def base() -> GPT:
    settings = TrainSettings(steps=600, rows=16, context=16)
    mixture = Mixture([(Stream(drawn(20_000, 0), np.array([20_000]), 16, 1), 1.0)], 16)
    return train(GPT(STUDENT).initialise(0), Run(settings, mixture, CPU)).model


def copy_of(model: GPT) -> GPT:
    twin = GPT(model.config)
    twin.load_state_dict(model.state_dict())
    return twin


def adapted(
    base: GPT, plan: Plan, with_teacher: bool = True, replay: Encoded | None = REPLAY, **more: object
) -> Fitted:
    teacher = copy_of(base) if with_teacher else None
    return adapt(copy_of(base), BLOG, replay, plan, CPU, teacher=teacher, **more)  # type: ignore[arg-type]


def surprise(model: GPT, ids: np.ndarray) -> float:
    """Nats a token."""
    rows = torch.from_numpy(ids[:320]).view(-1, 16)
    with torch.no_grad():
        logits = model(rows[:, :-1])
    return float(torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten()))


def test_the_rows_of_a_part_are_those_that_its_stream_gives() -> None:
    other = MIXED.parts[1][0]
    for step in range(5):
        found = MIXED.from_part(1, step, 0, 10)
        assert sum(found) == 4
        assert found == tuple(not silent for silent in MIXED.from_part(0, step, 0, 10))
        assert MIXED.from_part(1, step, 3, 5) == found[3:8]
        batch = MIXED.batch(step)
        for row in np.flatnonzero(found):
            _, number = MIXED.source(step * 10 + int(row))
            assert batch[row].tolist() == other.windows(number, 1)[0].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("sliced", [True, False])
def test_the_teacher_speaks_of_the_rows_that_are_named_and_reads_no_other(
    base: GPT, sliced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = TrainSettings(steps=1, rows=4, context=16, teacher_share=0.9)
    student = GPT(STUDENT).initialise(5)
    taught = Objective(student, settings, sliced, base)
    alone = Objective(student, replace(settings, teacher_share=0.0), sliced)
    ids = torch.from_numpy(drawn(68, 5)).view(4, 17)
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    some, rest = slice(2, 4), slice(0, 2)
    want = alone(inputs[rest], targets[rest], None, True) + taught(inputs[some], targets[some], None, True)
    torch.testing.assert_close(taught(inputs, targets, None, True, 2), want)
    assert torch.equal(taught(inputs, targets, None, True, 0), alone(inputs, targets, None, True))
    assert torch.equal(taught(inputs, targets, None, True, 4), taught(inputs, targets, None, True))
    read: list[Tensor] = []
    hidden = base.hidden
    monkeypatch.setattr(base, "hidden", lambda rows: read.append(rows) or hidden(rows))
    taught(inputs, targets, None, True, 2)
    taught(inputs, targets, None, True, 0)
    assert len(read) == 1
    assert torch.equal(read[0], inputs[some])


def test_the_teacher_reads_the_replayed_rows_of_a_step(base: GPT, monkeypatch: pytest.MonkeyPatch) -> None:
    teacher, read = copy_of(base), []
    hidden = teacher.hidden
    monkeypatch.setattr(teacher, "hidden", lambda rows: read.append(rows) or hidden(rows))
    plan = plan_of(steps=3)
    adapt(copy_of(base), BLOG, REPLAY, replace(plan, micro_rows=3), CPU, teacher=teacher)
    seed = plan.settings.seed * 10 + 2
    replayed = Stream(REPLAY.ids, REPLAY.ends, 16, seed).windows(0, 6)[:, :-1]
    assert torch.cat(read).tolist() == replayed.tolist(), "a quarter of 24 rows, in their order"


@pytest.mark.slow
def test_with_the_base_beside_it_less_is_forgotten_and_as_much_is_learned(base: GPT) -> None:
    """The replay is short and read many times: by heart it is no English; soft targets are learned otherwise."""
    plan = plan_of(steps=200, share=0.5, matrix_lr=3e-3)
    plain, with_teacher = (adapted(base, plan, beside).model for beside in (False, True))
    old, new = drawn(1_000, 8), chain(8)
    before = surprise(base, old)
    assert surprise(with_teacher, old) - before < 0.6 * (surprise(plain, old) - before)
    assert surprise(with_teacher, new) < surprise(plain, new) < surprise(base, new) - 5


def test_losses_are_those_of_the_text_and_do_not_depend_on_the_windows_at_once(base: GPT) -> None:
    """A soft target's loss is a cross-entropy too: the curve stays comparable with that of held-out posts."""
    plan = plan_of(steps=5)
    whole, parts = (adapted(base, replace(plan, micro_rows=rows)).losses for rows in (8, 3))
    assert [loss for _, loss in whole] == pytest.approx([loss for _, loss in parts], rel=1e-5)
    plain = adapted(base, plan, with_teacher=False).losses
    assert whole[0][1] != plain[0][1]
    assert whole[0][1] == pytest.approx(plain[0][1], rel=0.05)


def test_without_a_copy_or_without_replay_there_are_no_soft_targets(base: GPT) -> None:
    plan = plan_of(steps=4)
    assert plan.settings.teacher_share == 0.9
    plain = plan_of(with_teacher=False, steps=4)
    assert plain.settings.teacher_share == 0
    assert adapted(base, plan, with_teacher=False).losses == adapted(base, plain).losses
    assert plan_of(steps=4, share=1.0).settings.teacher_share == 0
    alone = adapted(
        base, replace(plan, share=1.0, settings=replace(plan.settings, teacher_share=0.0)), replay=None
    ).losses
    assert adapted(base, replace(plan, share=1.0)).losses == alone
    assert adapted(base, plan, replay=None).losses == alone


def test_a_run_that_was_stopped_goes_on_to_the_same_losses(base: GPT, tmp_path: Path) -> None:
    plan = plan_of(steps=12, dropout=0.1)
    whole = adapted(base, plan, folder=tmp_path / "whole")
    with pytest.raises(Interrupted):
        adapted(base, plan, folder=tmp_path / "cut", stop_after=5)
    assert adapted(base, plan, folder=tmp_path / "cut").losses == whole.losses


def test_a_plan_counts_what_the_copy_reads() -> None:
    speeds = Speeds(4, 512, 1.0, 0.1, 3_000.0, 2.0, 1.0)
    assert speeds.step_seconds(8, 0.5) == pytest.approx(2.1 + 0.5 * 8 * 512 / 3_000)
    assert speeds.tokens_per_second(8, 0.5) == pytest.approx(8 * 512 / speeds.step_seconds(8, 0.5))
    plans = {}
    for with_teacher in (False, True):
        for seconds in (300.0, 1_000.0):
            plans[with_teacher, seconds] = make_plan(
                blog_tokens=600_000,
                speeds=speeds,
                device=CPU,
                wishes=Wishes(seconds=seconds),
                context=512,
                with_teacher=with_teacher,
            )
    for (with_teacher, seconds), plan in plans.items():
        assert 0.95 * seconds <= plan.seconds <= 1.02 * seconds
        assert any("what the base expects" in reason for reason in plan.reasons) is with_teacher
    for seconds in (300.0, 1_000.0):
        plain, taught_plan = plans[False, seconds], plans[True, seconds]
        assert plain.share <= taught_plan.share <= plain.share + 0.15, "fewer tokens leave less room for replay"
        taught = 1 - taught_plan.share
        slower = speeds.step_seconds(8, taught) / speeds.step_seconds(8)
        assert taught_plan.settings.steps == pytest.approx(plain.settings.steps / slower, rel=0.02)
