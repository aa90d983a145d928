"""What all trials of a study share: the device, the base, the encoded posts, what is judged, the size of a trial.

    ground = Ground(subject, load_base(None), device, options)
    about = ground.describe(seconds=70)               # defaults, tunables and the size of a trial, for the study
    plan = ground.plan(about, values, seed=1)

In: the training and the validation posts; no test post comes here. Out: plans, and networks with the base's weights.
A trial is measured in tokens, not in seconds, so that trials compare whatever else the machine does.
"""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, replace
from functools import cached_property
from typing import Any

from penname.core import events
from penname.core.device import Device
from penname.corpus.tokenizer import Encoded, encode, encode_replay
from penname.judge.subject import JudgeOptions, Subject
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT
from penname.model.weights import put_back
from penname.train.adapt import enough_text, validator
from penname.train.interpolate import go_back
from penname.train.measure import Speeds, fit_device, measure_speed
from penname.train.plan import Plan, Wishes, make_plan
from penname.train.rule import Rule, open_rule, shipped_rule
from penname.tune.tunables import Values, default_values, tunables_for
from penname.write.word_balance import balanced

_EVALUATIONS = 4
"""Times that a trial looks at held-out posts, so that it can be stopped early."""
_BALANCED = {False: 60_000, True: 8_000}
"""Tokens of the blog that a trial reads to balance words; by whether the device is slow."""
_GENERAL = 12_000
"""Characters of general text that a trial is judged on where a CPU does it."""


class Ground:
    """What is trained on, and how large a trial is."""

    def __init__(
        self, subject: Subject, loaded: "LoadedModel", device: Device, options: JudgeOptions, cap: float = 0.2
    ) -> None:
        self.loaded, self.device, self.options, self.cap = loaded, device, options, cap
        self.subject = replace(subject, general=_shortened(subject.general)) if device.slow else subject
        self.model: GPT = loaded.model.to(device.torch)
        self.teacher: GPT = copy.deepcopy(self.model).requires_grad_(False)
        self.weights = dict(self.teacher.named_parameters())
        with events.task("Encoding the blog"):
            self.blog = encode(loaded.tokenizer, [post.document for post in subject.training], loaded.end)
        self.replayed: tuple[int, Encoded | None] = (0, None)

    @cached_property
    def rule(self) -> Rule:
        """How the base is adapted."""
        tokens = int(self.blog.ids.size)
        return open_rule(tokens, self.model.config.parameters()) if self.subject.base_is_open else shipped_rule(tokens)

    @cached_property
    def context(self) -> int:
        """Tokens of a window, as `penname train` takes them."""
        return min(self.model.config.max_position_embeddings, 512 if self.device.slow else 1024)

    @cached_property
    def micro_rows(self) -> int:
        """Windows that go through the network at once, as `penname train` has them: one by one is many times slower."""
        return fit_device(self.model.config, self.context, self.device).micro_rows

    def describe(self, seconds: float, wanted: tuple[str, ...] = ()) -> dict[str, Any]:
        """The size of a trial of so many seconds of training here, the defaults and the ranges, as JSON values."""
        with events.task("Measuring the speed"):
            speed = measure_speed(self.model, self.device, self.context, self.micro_rows)
        self.refresh()
        plan = make_plan(
            blog_tokens=int(self.blog.ids.size),
            speeds=Speeds.flat(speed, self.context, self.micro_rows),
            device=self.device,
            wishes=Wishes(seconds=seconds),
            context=self.context,
            with_teacher=True,
            rule=self.rule,
        )
        for reason in plan.reasons:
            events.note(f"The default: {reason}")
        defaults = default_values(plan, self.loaded.generation)
        size = plan.settings.steps * plan.settings.rows * plan.settings.context
        return {
            "defaults": defaults,
            "tunables": [asdict(tunable) for tunable in tunables_for(defaults, wanted)],
            "speed": speed,
            # More than the default, if the time allows it: more passes, or more replay.
            "tokens": int(max(size, min(2 * size, 0.88 * speed * seconds))),
            "validation_tokens": plan.validation_tokens,
            "context": plan.settings.context,
            "seconds": seconds,
            "device": self.device.name,
        }

    def plan(self, about: Mapping[str, Any], values: Values, seed: int) -> Plan:
        """The plan of a trial with these settings."""
        most = about["tokens"] * values["share"] / self.blog.ids.size
        tuned = any(tunable["name"] == "passes" for tunable in about["tunables"])
        plan = make_plan(
            blog_tokens=int(self.blog.ids.size),
            speeds=Speeds.flat(about["speed"], about["context"], self.micro_rows),
            device=self.device,
            wishes=Wishes(
                passes=min(values["passes"], most) if tuned else most,
                share=values["share"],
                matrix_lr=values["rate"],
                dropout=values["dropout"],
                seed=seed,
            ),
            context=about["context"],
            with_teacher=True,
            rule=self.rule,
        )
        settings = replace(plan.settings, table_lr=values["table_rate"], weight_decay=values["weight_decay"])
        return replace(
            plan,
            settings=settings,
            validation_tokens=about["validation_tokens"],
            # Trials compare at the same places, and each does all its steps, however long they take.
            evaluations=_EVALUATIONS,
            samples=0,
            most_steps=0,
            limit=0.0,
        )

    def replay(self, plan: Plan, texts: Callable[[], Iterable[str]]) -> Encoded | None:
        """As much of the base's own text as `plan` reads; encoded once, and again when more is needed."""
        if plan.share >= 1:
            return None
        settings = plan.settings
        needed = int(settings.steps * settings.rows * settings.context * (1 - plan.share))
        if self.replayed[1] is None or self.replayed[0] < needed:
            wanted = 2 * needed
            found = encode_replay(self.loaded.tokenizer, enough_text(texts(), wanted), self.loaded.end)
            self.replayed = (wanted, found if found.ids.size else None)
        return self.replayed[1]

    def validate(self, plan: Plan) -> "Callable[[GPT], float] | None":
        """Held-out bits per byte of the validation posts, for the run to look at."""
        held = [post.document for post in self.subject.heldout]
        loaded, context = self.loaded, plan.settings.context
        return validator(loaded.tokenizer, held, self.device, loaded.end, plan.validation_tokens, context)

    def refresh(self) -> GPT:
        """The network with the base's weights in it, as if it had just been loaded."""
        put_back(self.model, self.weights)
        self.model.zero_grad(set_to_none=True)
        self.model.dropout = 0.0
        return self.model.eval()

    def balanced(self, values: Values) -> dict[str, Any]:
        """What the model folder would say of writing, with the words of the network as it is now balanced."""
        written = {"temperature": round(values["temperature"], 3), "min_p": round(values["min_p"], 4)}
        generation = {**self.loaded.generation, **written}
        tokens = _BALANCED[self.device.slow]
        loaded = self.loaded
        return balanced(
            generation, self.model, loaded.tokenizer, self.blog, self.device, end=loaded.end, most_tokens=tokens
        )

    def weaken(self, interpolation: float) -> None:
        """Go only so far from the base (0) to the trained network (1)."""
        go_back(self.model, self.weights, interpolation)


def _shortened(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The beginnings of the texts, of as many characters together as a CPU can score at every trial."""
    some = texts[:6]
    return tuple(text[: _GENERAL // len(some)] for text in some)
