"""Train on a blog: what `penname train` and `penname plan` do.

    trained = train_site(Path("my-blog"), TrainOptions(minutes=10))

In: a site. Out: a workspace with `text.json`, `model/` (a Hugging Face folder), `training.json` and the log. Prepares
the posts, plans within the time, adapts the base (or trains a small network from scratch), keeps the state that is best
on held-out posts. A run that was stopped goes on with the same command; one that is done is not done again.
"""

import contextlib
import copy
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from functools import cached_property, partial
from typing import Any

from torch import Tensor

from penname import __version__
from penname.core import events
from penname.core.device import Device, pick_device
from penname.core.errors import Interrupted
from penname.core.files import read_json, write_json
from penname.core.machine import spare
from penname.core.workspace import Workspace, content_hash
from penname.corpus.prepare import Prepared
from penname.corpus.tokenizer import encode, encode_replay, end_id, load_tokenizer
from penname.model.base import base_folder, general_texts, is_open, load_base, replay_texts
from penname.model.folder import RECOMMENDED, LoadedModel, SamplingSettings, save_model
from penname.model.gpt import GPT
from penname.train.adapt import adapt, as_record, enough_text, small_shape, validator
from penname.train.checkpoint import newest_checkpoint, read_state
from penname.train.interpolate import Go, Look, go_back, settle
from penname.train.loop import Fitted
from penname.train.lora import low_rank
from penname.train.measure import Fit, Speeds, fit_device
from penname.train.options import TrainOptions, deciding
from penname.train.plan import Plan, Wishes, make_plan, make_scratch_plan, measure_speeds
from penname.train.rule import open_rule
from penname.train.settings import TrainSettings
from penname.train.time_needed import say_time
from penname.write.examples import Examples
from penname.write.generate import generate_batch
from penname.write.word_balance import balanced

Begun = Callable[[], tuple[Device | None, LoadedModel | None]]
"""Waits for the device and the network that were begun while the posts were read; None for what was not."""
_CPU_MINUTES = 30.0
"""At most, where nothing is said; less where the full plan needs less."""


class _Job:
    """One training: the device, the network, the encoded texts."""

    def __init__(self, prepared: Prepared, options: TrainOptions, begun: Begun) -> None:
        self.prepared, self.options, self.started = prepared, options, time.monotonic()
        device, loaded = begun()
        self.device = device or pick_device(options.device, options.steps is not None)
        events.note(
            f"Device: {self.device.name}, {self.device.reason}; "
            f"{self.device.precision}, {self.device.precision_reason}."
        )
        if options.memory:
            # CudaGraphs steps keep their activations: memory that is limited is not for that.
            self.device = replace(self.device, records=False)
        self.loaded = loaded or self._load()
        posts = prepared.side("train")
        with events.task("Encoding the blog"):
            self.blog = encode(self.loaded.tokenizer, [post.document for post in posts], self.loaded.end)

    def _load(self) -> "LoadedModel":

        if not self.options.from_scratch:
            return load_base(self.options.base)

        folder = self.prepared.workspace.folder
        tokenizer = load_tokenizer(folder)
        words = sum(post.words for post in self.prepared.side("train"))
        config = small_shape(words, tokenizer.get_vocab_size())
        model = GPT(config).initialise(self.options.seed)
        return LoadedModel(model, tokenizer, end_id(tokenizer), config, folder, "", {})

    def put_back(self, model: "GPT") -> None:
        """Give `model` the weights again that it had before training."""
        model.load_state_dict(self._load().model.state_dict())

    @property
    def open(self) -> bool:
        """Whether the base is an open model: not the one that came with penname, nor one made like it."""

        return is_open(self.options.base)

    @cached_property
    def twin(self) -> "GPT":
        """A copy of the network as it was before training: made when first asked for."""
        return copy.deepcopy(self.loaded.model).requires_grad_(False)

    def base_weights(self, teacher: "GPT | None" = None) -> "dict[str, Tensor]":
        """The weights that the network had before training: those of a copy, or read again."""
        return dict((teacher or self._load().model).named_parameters())

    def look_around(self, plan: "Plan") -> "tuple[Look | None, float | None]":
        """A look at general text, and what the base sees there; None where it is not needed or there is none."""

        if self.options.interpolation is not None or self.options.from_scratch:
            return None, None
        # An open model brings no text of its own: modern prose and books that the shipped base did not see serve.
        texts = general_texts(base_folder() if self.open else self.options.base or base_folder())
        context, tokens = plan.settings.context, plan.general_tokens
        loaded = self.loaded
        look = validator(loaded.tokenizer, texts, self.device, loaded.end, tokens, context)
        return look, None if look is None else look(loaded.model.eval())

    def plan(self) -> "Plan":
        """Measure every part of a run and fit the run to time and memory."""

        options, device, config = self.options, self.device, self.loaded.config
        context = min(config.max_position_embeddings, 512 if device.slow else 1024)
        fit = self.fit(context)
        wishes = self.wishes()
        teacher = None if options.from_scratch or fit.low_memory or self.open else self.twin
        with low_rank(self.loaded.model, fit.lora_rank, options.seed, fit.half), events.task("Measuring the speed"):
            speeds = measure_speeds(
                self.loaded.model.to(device.torch),
                device,
                context,
                fit.micro_rows,
                teacher=teacher,
                sample=_sampler(self.loaded, self.prepared, device),
                folder=self.prepared.workspace.folder,
                checkpointing=fit.checkpointing,
                seconds=wishes.seconds,
            )
        if wishes.seconds is not None:
            # What was spent since the start counts, and so does what comes after: encoding the replay, saving.
            left = wishes.seconds - (time.monotonic() - self.started) - 1.0 - speeds.save_seconds / 4
            wishes = replace(wishes, seconds=max(left, 1.0))
        plan = self.plan_for(wishes, speeds, context, fit, teacher is not None)
        full = self.plan_for(replace(wishes, seconds=None, steps=None), speeds, context, fit, teacher is not None)
        plan = replace(plan, full_seconds=full.seconds, full_passes=full.passes)
        reasons = (*plan.reasons, *filter(None, [fit.reason]))
        return replace(plan, low_memory=fit.low_memory, lora_rank=fit.lora_rank, half=fit.half, reasons=reasons)

    def plan_for(self, wishes: Wishes, speeds: Speeds, context: int, fit: "Fit", with_teacher: bool) -> "Plan":
        """The plan for these wishes at these speeds."""
        size = int(self.blog.ids.size)
        if self.options.from_scratch:
            return make_scratch_plan(
                blog_tokens=size, speeds=speeds, device=self.device, wishes=wishes, context=context
            )
        known = self.loaded.config.parameters()
        return make_plan(
            blog_tokens=size,
            speeds=speeds,
            device=self.device,
            wishes=wishes,
            context=context,
            with_teacher=with_teacher,
            rule=open_rule(size, known, fit.lora_rank > 0) if self.open else None,
        )

    def fit(self, context: int) -> "Fit":
        """How the run goes into memory, the network moved to the device if its weights go there whole."""

        device, config, most = self.device, self.loaded.config, int((self.options.memory or 0) * 1e9)
        if self.options.memory:
            spare()
        copies = 1 if self.open or self.options.from_scratch else 2
        fit = fit_device(config, context, device, most, there=device.kind == "cpu", copies=copies)
        if fit.low_memory:
            spare()
        return fit

    def wishes(self) -> Any:
        """What the user set."""

        o = self.options
        minutes = o.minutes
        if minutes is None and o.steps is None and self.device.kind == "cpu":
            minutes = _CPU_MINUTES
        seconds = minutes * 60 if minutes is not None and o.steps is None else None
        return Wishes(seconds, o.steps, o.passes, o.share, o.rate, o.dropout, o.goldfish, False, o.seed)


def train_prepared(prepared: Prepared, options: TrainOptions, inputs: dict[str, Any], begun: Begun) -> None:
    """Plan, adapt (or train from scratch), settle how far to go, save: `model/` and `training.json`."""
    workspace = prepared.workspace
    job = _Job(prepared, options, begun)
    plan, fingerprint = _kept_plan(workspace, job, content_hash(inputs))
    loaded, device = job.loaded, job.device
    if plan.low_memory:
        spare()
    events.headline(say_time(plan, where(device)))
    for reason in plan.reasons:
        events.note(reason)
    replay = None
    if not options.from_scratch and plan.share < 1:
        with events.task("Encoding the replay"):
            needed = plan.settings.steps * plan.settings.rows * plan.settings.context * (1 - plan.share)
            replay = encode_replay(loaded.tokenizer, enough_text(replay_texts(), needed), loaded.end)
    held = [post.document for post in prepared.side("validation")]
    context = plan.settings.context
    validate = validator(loaded.tokenizer, held, device, loaded.end, plan.validation_tokens, context)
    look, before = job.look_around(plan)
    teacher = job.twin if plan.settings.teacher_share else None
    with (
        low_rank(loaded.model, plan.lora_rank, options.seed, plan.half) as change,
        _usable_if_stopped(prepared, job, plan),
    ):
        fitted = adapt(
            loaded.model,
            job.blog,
            replay,
            plan,
            device,
            teacher=teacher,
            cap=options.cap,
            folder=workspace.checkpoints,
            fingerprint=fingerprint,
            validate=validate,
            sample=_sampler(loaded, prepared, device),
            restart=lambda model: change.begin_again() if change else job.put_back(model),
        )
        record = as_record(fitted, plan) | {"strength": options.interpolation}
        if not options.from_scratch:
            base = change.go if change else job.base_weights(teacher)
            record |= _settled(options, plan, fitted, base, validate, look, before)
    record["reasons"] = [*record["reasons"], *filter(None, [record.pop("settled", "")])]
    _save(prepared, job, plan, record, fitted.model)
    shutil.rmtree(workspace.checkpoints, ignore_errors=True)


@contextlib.contextmanager
def _usable_if_stopped(prepared: Prepared, job: _Job, plan: "Plan") -> Iterator[None]:
    """Save what a stopped run has learned as the model, where there is none yet; the same command still goes on.

    Changes of low rank lie beside the weights and are left in the checkpoint.
    """
    try:
        yield
    except Interrupted:
        checkpoint = newest_checkpoint(prepared.workspace.checkpoints)
        if checkpoint is None or plan.lora_rank or (prepared.workspace.model / "config.json").is_file():
            raise
        state = read_state(checkpoint)
        if step := int(state["step"]):
            done = step / max(1, plan.settings.steps)
            tokens = step * plan.settings.rows * plan.settings.context
            fitted = Fitted(job.loaded.model, step, tokens, state["seconds"], float("inf"), 0, [], [])
            _save(prepared, job, plan, as_record(fitted, replace(plan, passes=plan.passes * done)), job.loaded.model)
        raise


def _settled(
    options: TrainOptions,
    plan: "Plan",
    fitted: "Fitted",
    base: "dict[str, Tensor] | Go",
    validate: "Look | None",
    look: "Look | None",
    before: float | None,
) -> dict[str, Any]:
    """Go back towards the base, as far as was asked or as is best; what the record says of it."""

    if options.interpolation is not None:
        (base if callable(base) else partial(go_back, fitted.model, base))(options.interpolation)
        return {}
    limit, weight = plan.forgetting
    with events.task("Settling how far to go from the base"):
        settled = settle(
            fitted.model,
            base,
            validate=validate,
            at_end=fitted.best if validate else None,
            look=look,
            before=before,
            limit=limit,
            weight=weight,
        )
    events.note(settled.reason)
    return {
        "strength": round(settled.interpolation, 3),
        "best_validation_bits_per_byte": settled.bits_per_byte,
        "settled": settled.reason,
    }


def where(device: Device) -> str:
    """The device in a sentence for people."""
    return "on this processor" if device.kind == "cpu" else f"on this graphics card ({device.name})"


def plan_prepared(prepared: Prepared, options: TrainOptions, begun: Begun) -> "Plan":
    """What training on these posts would do: the speed is measured, nothing is trained."""
    job = _Job(prepared, options, begun)
    plan = job.plan()
    return replace(plan, reasons=(say_time(plan, where(job.device)), *plan.reasons))


def _kept_plan(workspace: Workspace, job: _Job, key: str) -> "tuple[Plan, str]":
    """The plan of a run that was stopped, so that it goes on as it began; else a new one."""

    path = workspace.checkpoints / "plan.json"
    if path.is_file() and newest_checkpoint(workspace.checkpoints) is not None:
        found = read_json(path, "the plan of a run")
        if found.get("key") == key:
            values = found["plan"] | {"reasons": tuple(found["plan"]["reasons"])}
            # The faster precision is measured anew each time; a run keeps the one that it began with.
            job.device = replace(job.device, precision=found.get("precision", job.device.precision))
            return Plan(**values | {"settings": TrainSettings(**values["settings"])}), key
        events.headline("The run that was stopped had other settings or posts: starting anew.")
    shutil.rmtree(workspace.checkpoints, ignore_errors=True)
    plan = job.plan()
    write_json(path, {"key": key, "plan": asdict(plan), "precision": job.device.precision})
    return plan, key


def _sampler(loaded: "LoadedModel", prepared: Prepared, device: Device) -> "Callable[[GPT], str]":
    """A function that shows how the model would begin a post: the same title and seed each time."""

    training = prepared.side("train")
    title = (prepared.side("validation") or training)[0].title or "Notes"
    settings = SamplingSettings(max_tokens=60, seed=1)
    shown = Examples(loaded.tokenizer, [(post.title, post.text) for post in training], loaded.end).before(title)

    def sample(model: "GPT") -> str:
        drafts = generate_batch(
            model, loaded.tokenizer, [f"{title}\n\n"], settings, device, end=loaded.end, examples=[shown]
        )
        return f"{title}\n\n{drafts[0].text.strip()}"

    return sample


def _save(prepared: Prepared, job: _Job, plan: "Plan", record: dict[str, Any], model: "GPT") -> None:

    workspace = prepared.workspace
    card = _card(prepared, job, record)
    tokens = plan.balance_tokens
    loaded = job.loaded
    generation = balanced(
        RECOMMENDED, model, loaded.tokenizer, job.blog, job.device, end=loaded.end, most_tokens=tokens
    )
    save_model(
        workspace.model,
        model.cpu(),
        job.loaded.tokenizer,
        card=card,
        generation=generation,
        end=job.loaded.end,
        origin=job.loaded.origin,
    )
    device = job.device
    about = {"device": device.name, "precision": device.precision, "threads": device.threads, "seed": job.options.seed}
    write_json(workspace.folder / "training.json", record | about)
    workspace.write(settings=workspace.read().get("settings", {}) | {"train": deciding(job.options)})
    best = record["best_validation_bits_per_byte"]
    figure = f", {best:.3f} bits per byte on held-out posts" if best else ""
    events.headline(f"Trained {record['steps']:,} steps in {record['seconds']:.0f} s{figure}: {workspace.model}.")


def _card(prepared: Prepared, job: _Job, record: dict[str, Any]) -> str:
    """A model card with honest figures."""
    training = prepared.side("train")
    words = sum(post.words for post in training)
    how = "trained from scratch" if job.options.from_scratch else "adapted from penname's base"
    if job.options.base is not None:
        how = f"adapted from {job.options.base.name}"
    best = record["best_validation_bits_per_byte"]
    held = f"{best:.3f} bits per byte" if best else "not measured"
    return f"""# The voice of {prepared.workspace.folder.stem}

A private language model made by penname {__version__}: {how} on {words:,} words of {len(training):,} posts, in
{record["passes"]:g} passes. Held-out posts: {held}.

It was made from one person's writing, for that person. It writes drafts in a voice; it knows no facts, and what it says
of people, dates and figures is invented. Ask the author before passing it on.
"""
