import dataclasses
import itertools
from typing import Any

import pytest

from penname.core.device import Device
from penname.train.measure import Speeds
from penname.train.plan import Plan, Wishes, make_plan, make_scratch_plan
from penname.train.rule import open_rule, shipped_rule

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
GPU = dataclasses.replace(CPU, kind="cuda", index=0)
SLOW = Speeds(2, 512, 1.0, 0.1, 3_000.0, 2.0, 1.0)
FAST = Speeds(16, 1024, 0.02, 0.001, 2_000_000.0, 0.5, 1.0)


def planned(seconds: float | None = None, tokens: int = 600_000, speeds: Speeds = SLOW, **wishes: float) -> Plan:
    device = GPU if speeds is FAST else CPU
    chosen = Wishes(seconds=seconds, **wishes)  # type: ignore[arg-type]
    return make_plan(blog_tokens=tokens, speeds=speeds, device=device, wishes=chosen, context=speeds.context)


def stepping(plan: Plan, speeds: Speeds) -> float:
    return plan.settings.steps * speeds.step_seconds(plan.settings.rows)


@pytest.mark.parametrize("seconds", [30.0, 300.0, 3_000.0, 30_000.0])
@pytest.mark.parametrize("speeds", [SLOW, Speeds.flat(1_000.0, 512, 1)])
def test_a_plan_fits_its_time_and_gives_up_passes_and_replay(seconds: float, speeds: Speeds) -> None:
    plan = planned(seconds, speeds=speeds)
    assert 0.75 * seconds <= plan.seconds <= 1.02 * seconds or plan.passes > 2.9
    assert plan.limit == seconds
    assert 0.4 <= plan.share <= 0.9
    assert plan.passes <= 3.01
    if plan.passes < 1:
        assert plan.share == (0.9 if seconds < 600 else 0.8)
    if seconds == 30_000:
        assert plan.passes == pytest.approx(3, rel=0.02)
        assert plan.share == 0.4


def test_a_larger_blog_has_higher_rates_and_more_passes() -> None:
    rules = [shipped_rule(tokens) for tokens in (1, 7_000, 30_000, 130_000, 600_000, 10**8)]
    assert rules[0] == rules[1]
    assert rules[-1] == rules[-2]
    for small, large in itertools.pairwise(rules[1:]):
        assert small.matrix_lr <= large.matrix_lr
        assert small.table_lr <= large.table_lr
        assert small.passes <= large.passes
    assert [rules[1].passes, rules[-1].passes] == pytest.approx([2, 3])
    large = planned(None, tokens=900_000, speeds=FAST)
    assert large.settings.rows * large.settings.context == 32_768
    assert (large.settings.matrix_lr, large.settings.table_lr) == pytest.approx((5e-4, 2e-3))
    plan = planned(None, tokens=7_000, speeds=FAST)
    assert plan.share == 0.4
    assert plan.settings.rows * plan.settings.context == 2_048
    assert plan.settings.matrix_lr == pytest.approx(6e-5, rel=0.1)
    assert any("6.0e-05 for matrices and 2.4e-04 for tables" in reason for reason in plan.reasons)
    slow = planned(600.0)
    assert slow.settings.matrix_lr < rules[-1].matrix_lr, "a step on a CPU is smaller than where the rule was measured"
    assert any(f"{slow.settings.matrix_lr:.1e} for matrices" in reason for reason in slow.reasons)
    asked = planned(None, tokens=7_000, speeds=FAST, matrix_lr=1e-3)
    assert asked.settings.table_lr / asked.settings.matrix_lr == pytest.approx(rules[1].table_lr / rules[1].matrix_lr)


@pytest.mark.parametrize("tokens", [7_000, 60_000, 600_000])
def test_time_that_is_a_little_short_is_used_up_and_changes_little(tokens: int) -> None:
    """A small blog wants fewer passes than a short run of a large one takes: its share of blog does not jump."""
    speeds = Speeds(2, 512, 0.01, 0.0, 300_000.0, 0.0, 0.0)
    whole = planned(None, tokens=tokens, speeds=speeds)
    short = planned(0.95 * whole.seconds, tokens=tokens, speeds=speeds)
    assert short.passes == pytest.approx(min(2.4, whole.passes), rel=0.06) or short.share == whole.share
    assert short.share <= 1.1 * whole.share
    trained, wanted = (plan.settings.steps * plan.settings.rows for plan in (short, whole))
    assert trained >= 0.85 * wanted


def test_in_little_time_a_step_has_few_windows_so_that_there_are_many_steps() -> None:
    """A GPU's step takes as long with few windows; a CPU's does not."""
    slow = planned(450.0, speeds=Speeds.flat(1_000.0, 512, 2))
    assert 200 <= slow.settings.steps <= 280
    assert slow.settings.rows == 3
    fast = planned(None, tokens=100_000, speeds=FAST)
    assert fast.settings.steps < 150


def test_the_seconds_are_the_sum_of_the_parts() -> None:
    plan = planned(steps=100, seconds=None)
    parts = plan.evaluations * plan.validation_tokens / SLOW.scored + plan.samples * SLOW.sample_seconds
    saves = (1 + int(stepping(plan, SLOW) / 60)) * SLOW.save_seconds
    balancing = plan.balance_tokens / SLOW.scored
    settling = 2 * (plan.general_tokens + plan.validation_tokens) / SLOW.scored
    assert plan.seconds == pytest.approx(stepping(plan, SLOW) + parts + saves + balancing + settling)
    assert balancing <= 0.03 * stepping(plan, SLOW)
    assert plan.general_tokens / SLOW.scored <= 0.012 * stepping(plan, SLOW)
    assert plan.closing_seconds == pytest.approx(plan.validation_tokens / SLOW.scored + balancing + settling + 3.0)


def test_very_little_time_is_told_in_words_and_never_as_no_pass() -> None:
    plan = planned(10.0, tokens=600_000)
    assert plan.settings.steps >= 1
    assert plan.evaluations == plan.samples == 1
    text = " ".join(plan.reasons)
    assert "0.0 passes" not in text
    assert "under 1% of a pass" in text
    tiny = " ".join(planned(1.0).reasons)
    assert "are too few here: 1 step and" in tiny


def test_a_run_with_a_promise_may_grow_to_what_was_wanted_and_no_further() -> None:
    plan = planned(600.0)
    assert plan.most_steps > plan.settings.steps
    wanted = plan.most_steps * plan.settings.rows * plan.settings.context * plan.share / 600_000
    assert wanted == pytest.approx(3, rel=0.02)
    assert planned(None).most_steps == planned(600.0, steps=5).most_steps == 0


def test_without_a_limit_all_passes_are_taken_on_whole_micro_batches() -> None:
    plan = planned(None, tokens=620_000, speeds=FAST)
    assert plan.passes == pytest.approx(3, rel=0.01)
    assert plan.share == 0.4
    assert plan.settings.rows == 32
    assert plan.micro_rows == 16
    assert plan.limit == 0
    assert plan.seconds == pytest.approx(stepping(plan, FAST), rel=0.5)


def test_a_plan_from_scratch_fits_its_time_too() -> None:
    plan = make_scratch_plan(blog_tokens=50_000, speeds=SLOW, device=CPU, wishes=Wishes(seconds=120.0))
    assert plan.seconds <= 125
    assert plan.share == 1.0
    assert any("of a pass" in reason or "passes" in reason for reason in plan.reasons)


@pytest.mark.parametrize("make", [make_plan, make_scratch_plan])
def test_with_steps_set_nothing_of_what_is_done_follows_from_the_speed(make: Any) -> None:
    """Samples are shown and decide nothing; everything else is the same on a machine a thousand times as fast."""
    plans = [
        make(blog_tokens=90_000, speeds=speeds, device=CPU, wishes=Wishes(steps=40), context=512)
        for speeds in (Speeds.flat(20.0, 512, 2), SLOW, Speeds(2, 512, 1e-3, 1e-4, 9e6, 1e-3, 1e-3, taught_seconds=0.1))
    ]
    shown = ("seconds", "speed", "reasons", "samples", "closing_seconds")
    decided = [{key: value for key, value in vars(plan).items() if key not in shown} for plan in plans]
    assert decided[0] == decided[1] == decided[2]


def open_plan(
    seconds: float | None = None, tokens: int = 480_000, parameters: int = 135_000_000, **wishes: Any
) -> Plan:
    return make_plan(
        blog_tokens=tokens,
        speeds=FAST,
        device=GPU,
        wishes=Wishes(seconds=seconds, **wishes),  # type: ignore[arg-type]
        with_teacher=True,
        rule=open_rule(tokens, parameters),
    )


def test_an_open_model_reads_the_blog_alone_at_one_rate_that_falls_as_a_cosine() -> None:
    plan = open_plan()
    settings = plan.settings
    assert (plan.share, settings.teacher_share, settings.schedule, settings.matrices) == (1.0, 0.0, "cosine", "adamw")
    assert settings.matrix_lr == settings.table_lr
    assert 1e-4 < settings.matrix_lr < 3e-4
    assert plan.passes == pytest.approx(3, rel=0.05)
    assert plan.forgetting[0] < 0.02
    assert not [reason for reason in plan.reasons if "replay" in reason]


def test_a_larger_open_model_a_smaller_blog_and_all_weights_want_lower_rates() -> None:
    rate = open_plan().settings.matrix_lr
    assert open_plan(parameters=1_700_000_000).settings.matrix_lr < rate / 2
    assert open_plan(tokens=7_000).settings.matrix_lr < rate / 2
    thin = open_rule(480_000, 135_000_000, low_rank=True)
    assert thin.matrix_lr > open_rule(480_000, 135_000_000).matrix_lr


def test_little_time_takes_passes_of_an_open_model_and_no_share_of_its_blog() -> None:
    plan = open_plan(seconds=2.0, tokens=50_000_000)
    assert plan.share == 1.0
    assert plan.passes < 1
    assert any("instead of 3.0. More minutes" in reason for reason in plan.reasons)
    assert open_plan(share=0.5).share == 0.5
