from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from penname.model.gpt import GPT, GPTConfig
from penname.train.interpolate import INTERPOLATIONS, LIMIT, Settled, settle

CONFIG = GPTConfig(64, 32, 64, 1, 2, 1, 16, 32)


def adapted() -> tuple[GPT, dict[str, Tensor]]:
    """A base whose weights are all 0, and a network whose weights are all 1: a weight is the way gone."""
    model = GPT(CONFIG)
    base = {name: torch.zeros_like(weight) for name, weight in model.named_parameters()}
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(1.0)
    return model, base


def way(model: GPT) -> float:
    values = {round(float(weight.detach().min()), 4) for weight in model.parameters()}
    assert len(values) == 1, "all weights lie at one place"
    return values.pop()


def settled(validate: Callable[[float], float] | None, forgotten: float) -> tuple[float, Settled]:
    """Settle where general text costs `forgotten` more at the end of the way, as its square grows."""
    model, base = adapted()
    chosen = settle(
        model,
        base,
        validate=None if validate is None else lambda model: validate(way(model)),
        at_end=None if validate is None else validate(1.0),
        look=lambda model: 1.0 + forgotten * way(model) ** 2,
        before=1.0,
    )
    return way(model), chosen


def test_what_forgets_little_and_predicts_best_at_the_end_stays() -> None:
    place, chosen = settled(lambda way: 2.0 - way, 0.015)
    assert place == chosen.interpolation == 1.0
    assert chosen.bits_per_byte == pytest.approx(1.0)
    assert chosen.reason == "All of the way from the base: 0.015 bits per byte of general English are forgotten."


def test_the_way_is_shorter_where_that_saves_more_than_it_costs() -> None:
    place, chosen = settled(lambda way: 2.0 - way / 50, 0.045)
    assert place == pytest.approx(chosen.interpolation) == pytest.approx(0.7)
    assert "all of it would forget 0.045" in chosen.reason
    assert settled(lambda way: 2.0 - way / 50, 1.0)[0] == pytest.approx(INTERPOLATIONS[-1])
    place, chosen = settled(lambda way: 2.0 - way, LIMIT * 1.5)
    assert place == chosen.interpolation == 1.0, "the voice would lose more than general English gains"


def test_the_way_is_shorter_where_held_out_posts_are_better_predicted() -> None:
    place, chosen = settled(lambda way: (way - 0.79) ** 2, 0.0)
    assert place == pytest.approx(0.8)
    assert chosen.bits_per_byte == pytest.approx(0.0001, abs=1e-5)
    assert chosen.reason == "80% of the way from the base: held-out posts are best predicted there."


def test_without_held_out_posts_only_what_is_forgotten_counts() -> None:
    place, chosen = settled(None, LIMIT * 1.5)
    assert place == pytest.approx(0.8)
    assert chosen.bits_per_byte is None
    model, base = adapted()
    assert settle(model, base, validate=None, at_end=None, look=None, before=None).interpolation == way(model) == 1.0


def test_what_is_known_of_the_end_of_the_way_is_not_looked_at_again() -> None:
    seen: list[float] = []

    def validate(place: GPT) -> float:
        seen.append(way(place))
        return 2.0

    model, base = adapted()
    assert settle(model, base, validate=validate, at_end=1.0, look=None, before=None).interpolation == way(model) == 1.0
    assert seen == [pytest.approx(INTERPOLATIONS[1])]
