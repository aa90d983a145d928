"""What each base on this machine would take: memory, minutes, and whether it fits.

    for row in base_rows(find_bases(), words=100_000, device=pick_device()): print(row.name, row.memory, row.minutes)

In: bases (`model/bases.py`), the words of a blog, a device. Out: a row for each base, ready for a table or JSON. Memory
is what the plan would take (`measure.py`); minutes follow from the device's measured matrix rate, for all the passes
of the base's rule: `penname train` takes fewer in the time that it is given.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penname.core.device import Device
from penname.core.errors import PennameError
from penname.model.bases import SHIPPED, Base
from penname.train.measure import Fit, fit_device, matrix_rate
from penname.train.rule import open_rule, shipped_rule

_TOKENS_PER_WORD = 1.4
_REACHED = {True: 0.55, False: 0.3}
"""Share of the matrix rate that training reaches, on a CPU and elsewhere."""
COLUMNS = ("name", "weights", "kind", "licence", "where", "memory", "minutes", "trained")


@dataclass(frozen=True)
class BaseRow:
    """A base and what it takes; None for what is not known."""

    name: str
    path: str
    where: str
    architecture: str
    licence: str
    parameters: int | None
    memory: int | None
    """Bytes that training takes."""
    minutes: float | None
    """All passes over a blog of the size given."""
    way: str
    """What is trained: `all weights`, or `low rank` changes to them; empty where nothing can be."""
    problem: str
    """Why it does not fit; empty where it does."""

    def cells(self) -> tuple[str, ...]:
        """The row of a table, as `COLUMNS` name it."""
        size = "" if self.parameters is None else f"{self.parameters / 1e6:,.0f} M"
        memory = "" if self.memory is None else f"{self.memory / 1e9:.1f} GB"
        return (
            self.name,
            size,
            self.architecture,
            self.licence or "not said",
            self.where,
            memory,
            "" if self.minutes is None else _minutes(self.minutes),
            "no" if self.problem else self.way,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "fits": not self.problem}


def base_rows(bases: Sequence[Base], words: int, device: Device) -> list[BaseRow]:
    """A row for each base: what adapting it to a blog of so many words takes on `device`."""
    rate = matrix_rate(device, device.precision)
    return [_row(base, words, device, rate) for base in bases]


def _row(base: Base, words: int, device: Device, rate: float) -> BaseRow:
    config, problem = base.config, base.problem
    fit: Fit | None = None
    if config is not None and not problem:
        context = min(config.max_position_embeddings, 512 if device.slow else 1024)
        try:
            fit = fit_device(config, context, device, there=False, copies=2 if base.name == SHIPPED else 1)
        except PennameError as error:
            problem = str(error)
    return BaseRow(
        name=base.name,
        path=str(base.path),
        where=base.where,
        architecture=base.architecture,
        licence=base.licence,
        parameters=config.parameters() if config else None,
        memory=fit.bytes if fit else None,
        minutes=None if fit is None else _seconds(base, fit, words, device, rate) / 60,
        way="" if fit is None else "low rank" if fit.lora_rank else "all weights",
        problem=problem,
    )


def _seconds(base: Base, fit: Fit, words: int, device: Device, rate: float) -> float:
    """Training seconds of all passes over so many words."""
    assert base.config is not None
    tokens = round(words * _TOKENS_PER_WORD)
    shipped = base.name == SHIPPED
    rule = shipped_rule(tokens) if shipped else open_rule(tokens, base.config.parameters(), fit.lora_rank > 0)
    work = rule.passes * tokens / rule.share * base.config.flops_per_token(512 if device.slow else 1024)
    # Frozen weights have no gradient, a third of the work; activations that are computed twice are a third more.
    work *= (2 / 3 if fit.lora_rank else 1.0) * (4 / 3 if fit.checkpointing else 1.0)
    return work / (rate * _REACHED[device.slow])


def _minutes(minutes: float) -> str:
    return "under 1" if minutes < 1 else f"{minutes:,.0f}"
