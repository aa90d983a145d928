"""What the training run left for the report: `training.json` of the workspace.

    training = read_training(workspace.folder / "training.json")
    training.curve                     # [(step, held-out bits per byte), ...]

In: a JSON object with `losses` and `curve` (lists of [step, value]), `settings` (an object), `seconds`, `seed`,
`device`; each may be missing. Out: a `Training`. A file that is missing or broken is as good as an empty one.
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penname.core.files import parse_json, read_text

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Training:
    """The losses of a run (nats per token), held-out bits per byte along it, and how it was made."""

    losses: Points = ()
    curve: Points = ()
    settings: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    seed: int | None = None
    device: str = ""

    @property
    def best(self) -> float | None:
        """The share of the run (0 to 1) at which held-out bits per byte were least."""
        if len(self.curve) < 3 or self.curve[-1][0] <= 0:
            return None
        return min(self.curve, key=lambda point: point[1])[0] / self.curve[-1][0]


def read_training(path: Path) -> Training:
    """Read what is there."""
    try:
        value = parse_json(read_text(path))
    except (OSError, ValueError):
        return Training()
    if not isinstance(value, dict):
        return Training()
    settings, seed, seconds = (value.get(name) for name in ("settings", "seed", "seconds"))
    return Training(
        losses=_points(value.get("losses")),
        curve=_points(value.get("curve")),
        settings=settings if isinstance(settings, dict) else {},
        seconds=float(seconds) if isinstance(seconds, int | float) else 0.0,
        seed=seed if isinstance(seed, int) else None,
        device=str(value.get("device") or ""),
    )


def _points(value: Any) -> Points:
    """Pairs of finite numbers; others are left out."""
    found = []
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(v, int | float) for v in pair):
            step, figure = float(pair[0]), float(pair[1])
            if math.isfinite(step) and math.isfinite(figure):
                found.append((step, figure))
    return tuple(found)
