from dataclasses import replace

import pytest

from penname.core.device import Device
from penname.core.errors import InputError
from penname.train.measure import Speeds
from penname.train.plan import Wishes, make_plan
from penname.tune.proposers import (
    AGAIN,
    DEFAULT,
    FAILED,
    JUDGED,
    PRUNED,
    RUNNING,
    SEARCH,
    Record,
    around,
    find_proposer,
    nudge,
    proposers,
)
from penname.tune.tunables import TUNABLES, Tunable, default_values, in_words, tunables_for

RATE = Tunable("rate", 1e-4, 1e-2, True, "")
SHARE = Tunable("share", 0.1, 1.0, False, "")
CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
START = {"rate": 1e-3, "share": 1.0, "seed": 1.0}


def record(number: int, objective: float, **values: float) -> Record:
    return Record(number, SEARCH if values else DEFAULT, 1, JUDGED, START | values, objective)


def test_an_unknown_proposer_is_refused_with_those_there_are() -> None:
    with pytest.raises(InputError, match="tpe, nudge, random"):
        find_proposer("grid")


def test_every_proposer_has_a_sampler_and_a_pruner() -> None:
    for each in proposers():
        assert each.sampler(1) is not None and each.pruner() is not None and each.text.endswith(".")


def test_nudge_moves_one_setting_by_a_tenth_up_then_down() -> None:
    first = nudge([record(0, 1.0)], START, [RATE, SHARE])
    assert first == START | {"rate": pytest.approx(1.1e-3)}
    second = nudge([record(0, 1.0), record(1, 1.2, **first)], START, [RATE, SHARE])
    assert second == START | {"rate": pytest.approx(0.9e-3)}


def test_nudge_keeps_what_helps() -> None:
    records = [record(0, 1.0), record(1, 0.9, rate=1.1e-3)]
    assert nudge(records, START, [RATE, SHARE])["rate"] == pytest.approx(1.21e-3)


def test_nudge_does_not_leave_the_range_and_then_takes_larger_steps() -> None:
    records = [record(0, 1.0), record(1, 1.2, rate=1.1e-3), record(2, 1.2, rate=0.9e-3)]
    third = nudge(records, START, [RATE, SHARE])
    # One is the most of a share, so there is nothing above it.
    assert third == START | {"share": pytest.approx(0.9)}
    fourth = nudge([*records, record(3, 1.2, **third)], START, [RATE, SHARE])
    assert fourth["rate"] == pytest.approx(1.2e-3)


def test_the_first_proposals_lie_around_the_default() -> None:
    noise = [record(number, 1.0) for number in range(3)]
    records, drawn = list(noise), []
    while (values := around(records, START, [RATE, SHARE], 7)) is not None:
        drawn.append(values)
        records.append(record(len(records), 1.0, **values))
    assert len(drawn) == 4 and len({values["rate"] for values in drawn}) == 4
    for values in drawn:
        assert 1e-3 / 1.5 <= values["rate"] <= 1.5e-3 and 0.82 <= values["share"] <= 1.0 and values["seed"] == 1.0
        assert values["share"] != START["share"], "a default at the end of its range is moved too"
    # The same again from the same records, whichever process asks; another seed, or one draw further on, differs.
    assert around(noise, START, [RATE, SHARE], 7) == drawn[0] != around(noise, START, [RATE, SHARE], 8)


@pytest.mark.parametrize(("group", "state"), [(SEARCH, JUDGED), (SEARCH, PRUNED), (AGAIN, JUDGED)])
def test_it_counts_as_optuna_counts_and_then_leaves_it_to_the_sampler(group: str, state: str) -> None:
    records = [record(number, 1.0) for number in range(3)]
    records += [Record(3 + number, group, 1, state, START) for number in range(4)]
    assert around(records, START, [RATE], 1) is None and around(records[:-1], START, [RATE], 1) is not None
    idle = [replace(each, state=other) for each, other in zip(records[3:], (FAILED, RUNNING) * 2, strict=True)]
    assert around([*records[:3], *idle], START, [RATE], 1) is not None


def test_a_study_looks_around_the_default_within_what_makes_sense() -> None:
    plan = make_plan(blog_tokens=600_000, speeds=Speeds.flat(1_000.0, 512, 1), device=CPU, wishes=Wishes(seconds=60))
    defaults = default_values(plan, {}) | {"rate": 3e-4, "dropout": 0.1, "strength": 1.0, "temperature": 1.0}
    found = {tunable.name: tunable for tunable in tunables_for(defaults)}
    assert (found["rate"].low, found["rate"].high) == pytest.approx((1e-4, 9e-4))
    assert (found["dropout"].low, found["dropout"].high) == pytest.approx((0.0, 0.22))
    assert (found["strength"].low, found["strength"].high) == pytest.approx((0.85, 1.0))
    assert (found["temperature"].low, found["temperature"].high) == pytest.approx((0.76, 1.24))
    outside = {tunable.name: tunable for tunable in tunables_for(defaults | {"rate": 2e-5, "temperature": 1.5})}
    assert (outside["rate"].low, outside["rate"].high) == pytest.approx((2e-5, 6e-5))
    assert outside["temperature"].high == 1.5


def test_seeds_are_not_tunable_and_every_setting_has_its_sentence() -> None:
    names = [tunable.name for tunable in TUNABLES]
    assert not [name for name in names if "seed" in name]
    assert {"share", "passes", "rate", "dropout", "weight_decay", "strength", "temperature", "min_p"} <= set(names)
    for tunable in TUNABLES:
        assert tunable.low < tunable.high and tunable.text.endswith(".")
        assert tunable.spot(tunable.low) == 0 and tunable.spot(tunable.high) == pytest.approx(1)


def test_defaults_are_those_of_the_plan_and_within_their_ranges() -> None:
    plan = make_plan(blog_tokens=600_000, speeds=Speeds.flat(1_000.0, 512, 1), device=CPU, wishes=Wishes(seconds=60))
    defaults = default_values(plan, {"temperature": 1.4, "min_p": None})
    assert defaults["rate"] == plan.settings.matrix_lr and defaults["temperature"] == 1.4
    assert defaults["min_p"] == 0.05
    found = {tunable.name: tunable for tunable in tunables_for(defaults)}
    assert "passes" not in found, "a minute does not allow a pass"
    for name, tunable in found.items():
        assert tunable.low <= defaults[name] <= tunable.high
    assert in_words(defaults, defaults) == "default"
    assert in_words(defaults | {"rate": 0.00123}, defaults) == "rate 0.00123"
    assert [each.name for each in tunables_for(defaults | {"passes": 4.0}, ("passes",))] == ["passes"]
