"""How long adapting a blog of 470,000 words takes: here, from the measured speed; elsewhere, estimated from peak rates.

    for row in estimates(config, 1024, measured_share=0.14): print(row.name, row.seconds)

In: `data/machines.toml` (published rates, their sources) and the share of a peak that was measured. Out: rows with
time, energy and rent. An estimate is `work / (peak * share)`, and says so.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from math import log2
from typing import Any

from penname.model.gpt import GPTConfig
from penname.model.plan import full_tokens


@dataclass(frozen=True)
class Row:
    """How long adapting takes on a machine."""

    name: str
    seconds: float
    how: str
    """`measured`, `estimate`, or `story` (what the blog that started this reported)."""
    watt_hours: float | None = None
    """At the rated power: an upper bound."""
    dollars: float | None = None
    """Of rent, by the hour, for the time alone."""
    source: str = ""


@cache
def machines() -> dict[str, Any]:
    """The published figures."""
    return tomllib.loads((files("penname") / "data" / "machines.toml").read_text(encoding="utf-8"))


def adaptation_tokens() -> int:
    """Tokens that adapting 470,000 words reads by the plan's rule: four passes, a half of each batch blog."""
    known = machines()
    tokens = int(known["words"] * known["tokens_per_word"])
    return int(full_tokens(tokens))


def measured_row(name: str, tokens_per_second: float) -> Row:
    """This machine."""
    return Row(name, adaptation_tokens() / tokens_per_second, "measured")


def story() -> list[Row]:
    """What the blog that started this reported for its own program."""
    return [Row(each["name"], each["hours"] * 3600, "story") for each in machines()["story"]]


def share_of_peak(name: str, flops: float) -> float | None:
    """The share of its published peak that a device of this name reached; None where the peak is not known."""
    for each in machines()["machine"]:
        if each.get("count", 1) == 1 and each["name"].lower() in name.lower():
            return float(flops / (each["peak"] * 1e12))
    return None


def estimates(config: GPTConfig, context: int, measured_share: float | None = None) -> list[Row]:
    """A row for each known machine, at the share of its peak that was measured here or, if none was, elsewhere."""
    known = machines()
    utilisation = known["utilisation"]
    share = measured_share or float(utilisation["share"])
    work = adaptation_tokens() * config.flops_per_token(context)
    rows = []
    for each in known["machine"]:
        count = int(each.get("count", 1))
        together = count * float(utilisation["doubling"]) ** log2(count)
        seconds = work / (each["peak"] * 1e12 * share * together)
        hours = seconds / 3600
        rows.append(
            Row(
                each["name"],
                seconds,
                "estimate",
                watt_hours=hours * each["watts"] * count,
                dollars=hours * each["rent"] * count if "rent" in each else None,
                source=each["source"],
            )
        )
    return rows


def basis(measured_share: float | None = None, where: str = "") -> str:
    """What the estimates rest on, in a sentence."""
    utilisation = machines()["utilisation"]
    share, measured = (measured_share, where) if measured_share else (utilisation["share"], utilisation["measured"])
    return (
        f"Estimates: {share:.0%} of the published peak rate, as measured on {measured}; each doubling of GPUs keeps "
        f"{utilisation['doubling']:.0%} ({utilisation['doubling_measured']}). Energy at the rated power. Rents: "
        f"{machines()['rents']}. Start-up and the report are not in it."
    )
