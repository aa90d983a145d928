"""Parts of a judgement that cost time, kept until what they depend on changes.

    parts = Parts(workspace.folder / "judge")
    scores = parts.get("base", {"model": key, "texts": digest}, work)

In: a name, a key of JSON values, the work. Out: what the work gave, a JSON value. So a judgement that was killed goes
on where it was, and what a retrained model does not change (the base, the 5-gram model) is not measured again.

What the training run left for the report: `training.json` of the workspace.

    training = read_training(workspace.folder / "training.json")
    training.curve                     # [(step, held-out bits per byte), ...]

In: a JSON object with `losses` and `curve` (lists of [step, value]), `settings` (an object), `seconds`, `seed`,
`device`; each may be missing. Out: a `Training`. A file that is missing or broken is as good as an empty one.

What is judged, and how: the blog's posts, the models, the options.

subject = Subject("my-blog", training, heldout, adapted=Candidate(key, lambda: load_model(folder)))
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname import __version__
from penname.core.errors import InputError
from penname.core.files import parse_json, read_text, write_json
from penname.core.workspace import content_hash
from penname.corpus.masked import Masked
from penname.corpus.prepare import PreparedPost
from penname.model.folder import settings_from

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel, SamplingSettings


class Parts:
    """A folder with one file for each part; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, key: dict[str, Any], work: Callable[[], Any]) -> Any:
        """What `work` gave for this `key`, now or in an earlier run."""
        if self.folder is None:
            return work()
        path, wanted = self.folder / f"{name}.json", content_hash({"penname": __version__, **key})
        kept = _read(path)
        if kept.get("key") == wanted and "value" in kept:
            return kept["value"]
        value = work()
        write_json(path, {"key": wanted, "value": value}, indent=None)
        return value


def texts_key(texts: "list[str] | tuple[str, ...]") -> str:
    """A key that changes whenever a text does."""
    return content_hash(list(texts))


def _read(path: Path) -> dict[str, Any]:
    """The kept part; a missing or broken file is as good as none."""
    try:
        value = parse_json(read_text(path))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


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
    passes: float | None = None
    """Passes over the training posts that were made; None where that was not recorded."""
    full_seconds: float = 0.0
    """What the plan said that all of it takes on that machine; 0: not known."""

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
        seconds=_seconds(seconds),
        seed=seed if isinstance(seed, int) else None,
        device=str(value.get("device") or ""),
        passes=_passes(value),
        full_seconds=_seconds(value.get("full_seconds")),
    )


def _seconds(value: object) -> float:
    return float(value) if isinstance(value, int | float) and math.isfinite(value) and value > 0 else 0.0


def _passes(value: dict[str, Any]) -> float | None:
    """The passes of the plan, as far as its steps were taken."""
    settings, passes, steps = (value.get(name) for name in ("settings", "passes", "steps"))
    if not isinstance(passes, int | float) or isinstance(passes, bool) or not math.isfinite(passes) or passes < 0:
        return None
    planned = settings.get("steps") if isinstance(settings, dict) else None
    if isinstance(planned, int) and isinstance(steps, int) and 0 < steps < planned:
        return float(passes) * steps / planned
    return float(passes)


def _points(value: Any) -> Points:
    """Pairs of finite numbers; others are left out."""
    found = []
    for pair in value if isinstance(value, list) else ():
        if isinstance(pair, list | tuple) and len(pair) == 2 and all(isinstance(v, int | float) for v in pair):
            step, figure = float(pair[0]), float(pair[1])
            if math.isfinite(step) and math.isfinite(figure):
                found.append((step, figure))
    return tuple(found)


@dataclass(frozen=True)
class JudgeOptions:
    """How a model is judged."""

    passages: int = 200
    """Passages that are generated."""
    words: int = 200
    """Words of each."""
    seed: int = 0
    """Seed of all that is drawn."""
    device: str = "auto"
    """Where the networks run."""
    quick: bool = False
    """A fifth of the passages, of the extraction and of the text that is scored: for a CPU and little time."""
    baselines: bool = True
    """Also fit a 5-gram model and xz."""
    max_copy: int = 12
    """The copy guard's longest run, in words."""
    examples: bool = True
    """Whether the model reads the beginning of a training post before it writes, as `penname write` does."""
    sampling: dict[str, float] = field(default_factory=dict)
    """Settings of sampling (temperature, min_p ...) over those that the model folder names."""
    base: Path | None = None
    """The model folder that was adapted; the shipped base unless given."""
    side: str = "test"
    """The held-out posts that are used: `test`, or `validation` for a loop that must not see the test posts."""
    again: bool = False
    """Judge although nothing has changed."""
    control: bool = True
    """Whether the bare base writes too and is judged the same way, and sense is measured: no verdict does without."""
    label: str = "judge"
    """What the row of `results.csv` is called."""
    seconds_before: float = 0.0
    """Seconds that the run took before it came to be judged; `seconds` of the report counts them."""

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        for name, least in (("passages", 1), ("words", 20), ("max_copy", 1)):
            if getattr(self, name) < least:
                wrong.append(f"{name} must be at least {least}, not {getattr(self, name)}")
        if self.side not in ("test", "validation"):
            wrong.append(f"side is test or validation, not {self.side!r}")
        if wrong:
            raise InputError("These settings cannot be used: " + "; ".join(wrong) + ".")

    @property
    def share(self) -> float:
        """How much of the full work is done."""
        return 0.2 if self.quick else 1.0


@dataclass(frozen=True)
class Candidate:
    """A model to be judged: a key that changes whenever its files do, and how to load it."""

    key: str
    load: Callable[[], "LoadedModel"]

    @cached_property
    def loaded(self) -> "LoadedModel":
        """The model; loaded when it is first needed, and once."""
        return self.load()


@dataclass(frozen=True)
class Subject:
    """A model, what it came from, and the blog it was adapted to.

    `heldout` are the posts that figures are measured on, `spare` other held-out posts: targets are made from these, and
    their openings are used too where there are few of the former. `general` are texts that neither the base nor the
    adaptation has seen, `background` texts by others. `masked` are the private data that were masked in the posts.
    `base_is_open`: the base is somebody else's, and nobody knows whether it has read this blog before.
    """

    name: str
    training: tuple[PreparedPost, ...]
    heldout: tuple[PreparedPost, ...]
    spare: tuple[PreparedPost, ...]
    adapted: Candidate
    base: Candidate | None = None
    scratch: Candidate | None = None
    general: tuple[str, ...] = ()
    general_note: str = ""
    background: Callable[[], Iterable[str]] = tuple
    background_key: str = ""
    masked: Masked | None = None
    reader: Candidate | None = None
    """A network that did not learn the blog and reads for sense; the bare base of a model from scratch."""
    base_name: str = ""
    base_is_open: bool = False

    @property
    def control(self) -> Candidate | None:
        """The bare base that is judged beside the model."""
        return self.base or self.reader

    @property
    def training_words(self) -> int:
        """Words of the training posts."""
        return sum(post.words for post in self.training)


def sampling_settings(options: JudgeOptions, generation: dict[str, Any], tokens: int) -> "SamplingSettings":
    """What the model folder says, as `penname write` takes it, unless the options say otherwise."""

    return settings_from(generation, {**options.sampling, "max_tokens": tokens, "seed": options.seed})
