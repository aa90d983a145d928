"""What is judged, and how: the blog's posts, the models, the options.

subject = Subject("my-blog", training, heldout, adapted=Candidate(key, lambda: load_model(folder)))
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname.core.errors import InputError
from penname.text.prepare import PreparedPost

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel
    from penname.model.generation_config import SamplingSettings


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
    site: Path | None = None
    """The site: its masked items are then looked for in what the model writes."""
    again: bool = False
    """Judge although nothing has changed."""
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
    adaptation has seen, `background` texts by others. `items` are private data that were masked in the posts.
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
    items: tuple[str, ...] | None = None

    @property
    def training_words(self) -> int:
        """Words of the training posts."""
        return sum(post.words for post in self.training)


def sampling_settings(options: JudgeOptions, generation: dict[str, Any], tokens: int) -> "SamplingSettings":
    """What the model folder says, as `penname write` takes it, unless the options say otherwise."""
    from penname.model.generation_config import settings_from

    return settings_from(generation, {**options.sampling, "max_tokens": tokens, "seed": options.seed})
