"""What is asked of a training, and the posts that it may have: all of it known before PyTorch is there.

    prepared = prepared_blog(site, workspace, TrainOptions(minutes=10))

In: what the user set, a site. Out: the prepared posts, or an `InputError` that says why they cannot be learned.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penname.core.errors import InputError
from penname.core.workspace import Step, Workspace
from penname.corpus.prepare import Prepared, PrepareOptions, prepare
from penname.corpus.read import ReadOptions
from penname.corpus.stats import Language, main_language
from penname.sources.post import Source

TRAIN = Step("train", reads=("text.json",), writes=("model", "training.json"))
LEAST_WORDS = 2_000


@dataclass(frozen=True)
class TrainOptions:
    """How a blog is learned; None leaves the choice to the plan."""

    workspace: Path | None = None
    """The blog's workspace."""
    read: ReadOptions = field(default_factory=ReadOptions)
    """What is read."""
    how: str = "hash"
    """How posts are held out: `hash` or `newest`."""
    cap: float = 0.2
    """Largest share of a pass that one post may take."""
    base: Path | None = None
    """A local model folder to adapt instead of the shipped base."""
    from_scratch: bool = False
    """Train a small network on the blog alone."""
    minutes: float | None = None
    """The time that training may take; on a CPU 30 at most unless given."""
    steps: int | None = None
    """Optimizer steps, instead of a time."""
    passes: float | None = None
    """Passes over the training posts."""
    share: float | None = None
    """Share of each batch that is blog; the rest replays the base's text."""
    rate: float | None = None
    """Peak learning rate."""
    dropout: float | None = None
    """Share of activations dropped."""
    goldfish: int = 0
    """Leave one target in this many out of the loss, so that posts cannot be learned by heart."""
    interpolation: float | None = None
    """How far to go from the base (0) to the adapted model (1); None: as far as is best (`train/interpolate.py`)."""
    device: str = "auto"
    """Where to train."""
    memory: float | None = None
    """GB (10^9 bytes) that the program may take: main memory on a CPU, else the device's; None: what is free."""
    seed: int = 1
    """Seed of everything random."""
    anyway: bool = False
    """Train although the blog is too small, or in another language than the base."""
    again: bool = False
    """Train although nothing has changed."""

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        if self.minutes is not None and self.minutes <= 0:
            wrong.append(f"--minutes must be above 0, not {self.minutes:g}")
        if self.steps is not None and self.steps < 1:
            wrong.append(f"--steps must be at least 1, not {self.steps}")
        if self.passes is not None and self.passes <= 0:
            wrong.append(f"--passes must be above 0, not {self.passes:g}")
        if self.memory is not None and self.memory <= 0:
            wrong.append(f"--memory must be above 0 GB, not {self.memory:g}")
        if self.share is not None and not 0 < self.share <= 1:
            wrong.append(f"--share is a share above 0 and at most 1, not {self.share:g}")
        if self.interpolation is not None and not 0 <= self.interpolation <= 1:
            wrong.append(f"--interpolation is between 0 and 1, not {self.interpolation:g}")
        if self.from_scratch and self.base is not None:
            wrong.append("--from-scratch and --base cannot go together")
        if wrong:
            raise InputError("This cannot be trained: " + "; ".join(wrong) + ".")


@dataclass(frozen=True)
class Trained:
    """A workspace with a model, and whether anything was trained this time."""

    workspace: Workspace
    done: bool


def prepared_blog(site: Path | Source, workspace: Workspace, options: TrainOptions) -> Prepared:
    """The posts, split and ready, if they are enough and in the base's language; an `InputError` says what is not."""
    chosen = PrepareOptions(read=options.read, how=options.how, cap=options.cap, tokenizer=options.from_scratch)
    prepared = prepare(site, workspace, chosen)
    words = sum(post.words for post in prepared.side("train"))
    if words < LEAST_WORDS and not options.anyway:
        raise InputError(
            f"The blog gives {words:,} words to learn from, fewer than {LEAST_WORDS:,}: a model would repeat them or "
            "ignore them. Write more, or use --anyway."
        )
    knows_english_only = not options.from_scratch and options.base is None and not options.anyway
    most = main_language(post.text for post in prepared.side("train")) if knows_english_only else "en"
    if most not in ("en", "unknown"):
        raise InputError(
            f"The blog is mostly in {Language(most, 0, 0).name}, and the base knows English only: give a base of that "
            "language with --base, or use --anyway. (--from-scratch needs none, and writes words, not sentences.)"
        )
    return prepared


def deciding(options: TrainOptions) -> dict[str, Any]:
    """The options that decide what is learned."""
    others = ("workspace", "read", "how", "device", "memory", "again", "anyway")
    chosen = {name: value for name, value in vars(options).items() if name not in others}
    return {**chosen, "base": str(options.base) if options.base else None}
