import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import pytest
from patching import everywhere
from publii_site import make_site, post
from tiny_models import random_model, tiny_tokenizer

from penname.core import events
from penname.core.device import pick_device
from penname.core.errors import InputError, Interrupted
from penname.model import base as shipped
from penname.model.base import write_base
from penname.model.folder import load_model
from penname.model.gpt import GPTConfig
from penname.model.quantise import Rounding
from penname.train import adapt as adapting
from penname.train import options as asked
from penname.train.interpolate import INTERPOLATIONS
from penname.train.measure import largest_micro_batch
from penname.train.options import TrainOptions
from penname.train.site import plan_site, train_site

WORDS = "the owl sea boat honey money star guitar note pig ring hill moon quince spoon sand wind tree".split()  # noqa: SIM905


def blog(folder: Path, posts: int = 24, words: int = 120) -> Path:
    generator = random.Random(0)
    rows = []
    for number in range(1, posts + 1):
        text = " ".join(generator.choice(WORDS) for _ in range(words))
        rows.append(post(number, title=f"On the {generator.choice(WORDS)} {number}", text=f"<p>I saw {text}.</p>"))
    return make_site(folder, rows)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    tiny = GPTConfig(0, 64, 128, 2, 1, 1, 64, 64)
    everywhere(
        monkeypatch.setattr, adapting, "small_shape", lambda words, size: dataclasses.replace(tiny, vocab_size=size)
    )
    return blog(tmp_path / "owl")


def scratch(**changes: Any) -> TrainOptions:
    return TrainOptions(**{"from_scratch": True, "steps": 6, "anyway": True, "device": "cpu"} | changes)


@pytest.mark.slow
def test_from_scratch_the_model_loads_and_the_losses_are_kept(site: Path) -> None:
    trained = train_site(site, scratch())
    assert trained.done
    loaded = load_model(trained.workspace.model)
    assert loaded.config.num_hidden_layers == 2
    record = json.loads((trained.workspace.folder / "training.json").read_text(encoding="utf-8"))
    assert record["steps"] == 6
    assert len(record["losses"]) == 6
    assert record["curve"][-1][0] == 6
    assert not trained.workspace.checkpoints.exists()
    assert not train_site(site, scratch()).done
    assert train_site(site, scratch(seed=2)).done


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_with_the_same_command(site: Path, tmp_path: Path) -> None:
    whole = train_site(site, scratch(workspace=tmp_path / "whole"))

    class Stop(KeyboardInterrupt):
        pass

    def stop(event: events.Event) -> None:
        if event.kind == "train" and event.data["step"] == 3:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    with events.listening(stop), pytest.raises(Interrupted, match="step 3 of 6"):
        train_site(site, scratch(workspace=tmp_path / "cut"))
    assert (tmp_path / "cut" / "model" / "config.json").is_file()
    cut = train_site(site, scratch(workspace=tmp_path / "cut"))
    records = [json.loads((t.workspace.folder / "training.json").read_text()) for t in (whole, cut)]
    assert records[0]["losses"] == records[1]["losses"]


@pytest.mark.slow
def test_a_base_is_adapted_with_its_replay(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = tiny_tokenizer()
    texts = [f"Once upon a time, in year {number}, an owl went to sea." for number in range(30)]
    write_base(tmp_path / "base", random_model(), tokenizer, Rounding(8, 32), texts, "card")
    everywhere(monkeypatch.setattr, shipped, "base_folder", lambda: tmp_path / "base")
    options = TrainOptions(steps=3, device="cpu", anyway=True)
    seen: list[str] = []
    with events.listening(lambda event: seen.append(event.kind)):
        trained = train_site(site, options)
    assert {"sample", "evaluation", "train"} <= set(seen)
    assert trained.workspace.model.is_dir()
    record = json.loads((trained.workspace.folder / "training.json").read_text(encoding="utf-8"))
    assert record["strength"] in INTERPOLATIONS
    assert "of the way from the base" in record["reasons"][-1]
    untouched = train_site(site, TrainOptions(steps=3, device="cpu", anyway=True, interpolation=0.0))
    ours = load_model(untouched.workspace.model).model
    theirs = shipped.load_base().model
    assert (ours.model.embed_tokens.weight - theirs.model.embed_tokens.weight).abs().max() < 1e-5


def test_a_blog_that_is_too_small_is_refused_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"fewer than 2,000.*--anyway"):
        train_site(blog(tmp_path / "small", posts=5), TrainOptions(device="cpu"))


def test_another_language_is_refused_before_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    german = "<p>" + "Heute ging ich durch den Wald und sah einen alten Mann, der ein Lied sang. " * 20 + "</p>"
    rows = [post(number, text=german.replace("alten", f"{number} alten")) for number in range(1, 12)]
    monkeypatch.setattr(asked, "LEAST_WORDS", 100)
    with pytest.raises(InputError, match=r"mostly in German.*--base.*--anyway.*--from-scratch"):
        train_site(make_site(tmp_path / "wald", rows), TrainOptions(device="cpu"))


def test_all_wrong_options_are_told_at_once(site: Path) -> None:
    with pytest.raises(InputError, match=r"--minutes.*--steps.*--interpolation.*--from-scratch and --base"):
        train_site(site, TrainOptions(minutes=0, steps=0, interpolation=2, from_scratch=True, base=Path("x")))


def test_a_plan_trains_nothing(site: Path) -> None:
    plan = plan_site(site, scratch())
    assert plan.settings.steps == 6
    assert any("tokens a second" in reason for reason in plan.reasons)
    assert not (Path("owl.penname") / "model").exists()


@pytest.mark.parametrize(
    ("kind", "precision", "gibibytes", "rows"),
    [("cpu", "fp32", 64, 2), ("cpu", "bf16", 64, 8), ("cuda", "bf16", 15, 16), ("cuda", "bf16", 139, 32)],
)
def test_many_windows_go_through_a_large_device_at_once(kind: str, precision: str, gibibytes: int, rows: int) -> None:
    device = dataclasses.replace(pick_device("cpu"), kind=kind, precision=precision, memory=gibibytes * 2**30)
    assert largest_micro_batch(device) == rows
