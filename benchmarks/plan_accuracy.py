"""Predicted against actual time of an adaptation, over blogs of five sizes cut from one.

    python benchmarks/plan_accuracy.py TEXTS.json [--words 5000 20000 100000 200000 500000] [--minutes 1] [--steps 0]

TEXTS.json holds {"train": [...], "validation": [...]}: lists of posts as plain text. For each size posts are taken (and
taken again where there are too few) until they hold so many words; the run is planned and done as `penname train` plans
and does it, up to the model folder, without reading a site, and without the report. `--minutes` sets the budget, as on
a CPU; without it all passes are taken."""

import copy
import itertools
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, options, read, small_inputs

from penname.core.device import pick_device
from penname.corpus.tokenizer import Encoded, encode, encode_replay
from penname.model.base import general_texts, load_base, replay_texts
from penname.model.folder import RECOMMENDED, SamplingSettings, save_model
from penname.train.adapt import adapt, validator
from penname.train.interpolate import settle
from penname.train.measure import fit_device
from penname.train.plan import Wishes, make_plan, measure_speeds
from penname.write.generate import generate_batch
from penname.write.word_balance import balanced

PARTS = "s of: first look, loop, settling, balancing, saving"
SIZES = (5_000, 20_000, 100_000, 200_000, 500_000)


def cut(texts: list[str], words: int) -> list[str]:
    """Posts that hold about `words` words; the last one is cut."""
    taken, left = [], words
    for text in itertools.cycle(texts):
        parts = text.split(" ")
        taken.append(" ".join(parts[:left]))
        left -= len(parts)
        if left <= 0:
            return taken
    return taken


def one(
    texts: dict[str, list[str]], words: int, wishes: Wishes, device: Any, replay: Encoded
) -> tuple[float, float, int, float, list[float]]:
    """(predicted seconds, actual seconds, steps, passes) of one adaptation, and the actual seconds of its parts."""
    loaded = load_base()
    context = 512 if device.slow else 1024
    blog = encode(loaded.tokenizer, cut(texts["train"], words), loaded.end)
    model = loaded.model.to(device.torch)
    fit = fit_device(loaded.config, context, device)
    teacher = None if fit.low_memory else copy.deepcopy(model).requires_grad_(False)
    settings = SamplingSettings(max_tokens=60, seed=1)

    def sample(network: Any) -> str:
        return generate_batch(network, loaded.tokenizer, ["Notes\n\n"], settings, device, end=loaded.end)[0].text

    with tempfile.TemporaryDirectory() as folder:
        speeds = measure_speeds(
            model,
            device,
            context,
            fit.micro_rows,
            teacher=teacher,
            sample=sample,
            folder=Path(folder),
            seconds=wishes.seconds,
        )
        plan = make_plan(
            blog_tokens=int(blog.ids.size),
            speeds=speeds,
            device=device,
            wishes=wishes,
            context=context,
            with_teacher=teacher is not None,
        )
        held = validator(
            loaded.tokenizer, texts["validation"], device, loaded.end, plan.validation_tokens, plan.settings.context
        )
        clock = [time.monotonic()]
        look = validator(loaded.tokenizer, general_texts(), device, loaded.end, plan.general_tokens, context)
        before = look(model.eval()) if look else None
        clock.append(time.monotonic())
        fitted = adapt(
            model,
            blog,
            replay,
            plan,
            device,
            teacher=teacher,
            folder=Path(folder) / "run",
            validate=held,
            sample=sample,
        )
        clock.append(time.monotonic())
        first = dict((teacher or load_base().model).named_parameters())
        settle(model, first, validate=held, at_end=fitted.best, look=look, before=before)
        clock.append(time.monotonic())
        writing = balanced(
            RECOMMENDED, model, loaded.tokenizer, blog, device, end=loaded.end, most_tokens=plan.balance_tokens
        )
        clock.append(time.monotonic())
        save_model(Path(folder) / "model", model.cpu(), loaded.tokenizer, card="", generation=writing, end=loaded.end)
        clock.append(time.monotonic())
    parts = [later - earlier for earlier, later in itertools.pairwise(clock)]
    return plan.seconds, sum(parts), fitted.steps, fitted.steps / plan.settings.steps * plan.passes, parts


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    parser.add_argument("--words", type=int, nargs="+", default=SIZES)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--plain", action="store_true", help="launch kernels one by one, where steps could be recorded")
    given = read(parser, words=[200], steps=2, device="cpu")
    if given.quick:
        given.texts = small_inputs().texts
    texts = json.loads(given.texts.read_text(encoding="utf-8"))
    device = pick_device(given.device)
    device = replace(device, records=device.records and not given.plain)
    wishes = Wishes(seconds=given.minutes * 60 if given.minutes and not given.steps else None, steps=given.steps)
    print(f"{machine(device)}, {device.threads} threads ({device.precision_reason})")
    print(f"{'words':>9}{'steps':>7}{'passes':>8}{'predicted s':>13}{'actual s':>10}{'off by':>8}  {PARTS}")
    some = list(itertools.islice(replay_texts(), 40 if device.slow else 4_000))
    loaded = load_base()
    replay = encode_replay(loaded.tokenizer, some, loaded.end)
    errors = []
    for words in given.words:
        predicted, actual, steps, passes, parts = one(texts, words, wishes, device, replay)
        errors.append(predicted / actual - 1)
        print(
            f"{words:>9,}{steps:>7}{passes:>8.2f}{predicted:>13.1f}{actual:>10.1f}{errors[-1]:>+8.0%}"
            f"  {', '.join(f'{part:.1f}' for part in parts)}",
            flush=True,
        )
    worst = max(map(abs, errors))
    print(f"largest error {worst:.0%}, median {statistics.median(map(abs, errors)):.0%}")


if __name__ == "__main__":
    main()
