"""The best model so far, in `model/` at every moment: swapped in whole, and never for a worse one.

    keep_model(workspace, ground, outcome, values, seed, why)

In: the network of the trial that was just judged. Out: the model folder and `training.json`, as `penname train` leaves
them. What is kept is a run that was not chosen by its luck: the default's first seed, then a winner's run on a fresh
seed.
"""

from pathlib import Path

from penname import __version__
from penname.core import events
from penname.core.files import write_json
from penname.core.workspace import Workspace
from penname.judge.tuning.ground import Ground
from penname.judge.tuning.trial import Outcome
from penname.judge.tuning.tunables import Values
from penname.model.adapt import as_record
from penname.model.folder import save_model


def keep_model(
    workspace: Workspace, ground: Ground, outcome: Outcome, values: Values, seed: int, base: Path | None, why: str
) -> None:
    """Write the model of this trial over the one that is there. Raises `PennameError` when the disk is full."""
    assert outcome.fitted is not None
    loaded = ground.loaded
    save_model(
        workspace.model,
        ground.model.cpu(),
        loaded.tokenizer,
        card=_card(workspace, ground, outcome, base),
        generation=outcome.generation,
        end=loaded.end,
    )
    ground.model.to(ground.device.torch)
    record = as_record(outcome.fitted, outcome.plan)
    about = {"device": ground.device.name, "seed": seed, "tuned": values}
    write_json(workspace.folder / "training.json", record | about)
    settings = {"base": str(base) if base else None, "from_scratch": False, "seed": seed, **values}
    workspace.write(settings=workspace.read().get("settings", {}) | {"train": settings})
    events.note(f"{workspace.model} now holds {why}.")


def _card(workspace: Workspace, ground: Ground, outcome: Outcome, base: Path | None) -> str:
    posts = ground.subject.training
    start = f"the base {base.name}" if base else "penname's base"
    return f"""# The voice of {workspace.folder.stem}

A private language model made by penname {__version__}: adapted from {start} on {ground.subject.training_words:,} words
of {len(posts):,} posts, in {outcome.plan.passes:.2g} passes, with settings that `penname tune` chose. Validation posts:
{outcome.bits_per_byte:.3f} bits per byte; settings were chosen on these, so `penname judge` measures it on others.

It was made from one person's writing, for that person. It writes drafts in a voice; it knows no facts, and what it says
of people, dates and figures is invented. Ask the author before passing it on.
"""
