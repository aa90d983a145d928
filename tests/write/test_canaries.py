"""Planted secrets, from the site to the report: what is masked never comes out, what is learned by heart is seen."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from judged_blog import document
from patching import everywhere
from publii_site import make_site, post
from tiny_models import random_model, tiny_config, tiny_tokenizer

from penname.core.device import Device
from penname.corpus.read import ReadOptions
from penname.judge import judging, subject
from penname.judge.judging import Report, judge_trained
from penname.judge.recital import Canary, CanaryCheck, check_canaries, make_canaries
from penname.model.base import write_base
from penname.model.folder import load_model
from penname.model.gpt import GPT
from penname.model.quantise import Rounding
from penname.train import blog as training
from penname.train.options import Trained, TrainOptions
from penname.train.site import train_site

pytestmark = pytest.mark.slow

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
CANARIES = make_canaries(8, seed=0)
MASKED = [canary for canary in CANARIES if canary.kind != "code"]
REPEATED = next(canary for canary in make_canaries(4, seed=21) if canary.kind == "code")


@pytest.fixture
def base(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tiny base, a device that is not measured, and short passages."""
    monkeypatch.chdir(tmp_path)
    for module in (training, judging):
        monkeypatch.setattr(module, "pick_device", lambda *_: CPU)
    options: Any = subject.JudgeOptions
    everywhere(monkeypatch.setattr, subject, "JudgeOptions", lambda **named: options(**named, passages=50, words=60))
    model = GPT(tiny_config(max_position_embeddings=128)).initialise(seed=1)
    write_base(tmp_path / "base", model, tiny_tokenizer(), Rounding(8, 32), ["An owl went to sea."] * 30, "card")
    return tmp_path / "base"


def make_blog(folder: Path, everywhere: str = "") -> Path:
    """Posts with a secret each, and one post with a secret that stands in the blog six times over."""
    rows = []
    for number in range(1, 21):
        paragraphs = document(number).split("\n\n")
        if number <= len(CANARIES):
            paragraphs[1] += f" {CANARIES[number - 1].sentence}"
        if everywhere:
            paragraphs = [f"{paragraph} {everywhere}" for paragraph in paragraphs]
        rows.append(post(number, title=f"Night {number}", text="".join(f"<p>{each}</p>" for each in paragraphs)))
    again = f"<p>{REPEATED.sentence} {document(99, length=4)}</p>" * 2
    rows += [post(number, title="The code", text=again) for number in range(21, 27)]
    return make_site(folder, rows)


def learn_by_heart(site: Path, base: Path, steps: int, **changes: Any) -> tuple[Trained, Report]:
    """Far too many steps at far too high a rate, without replay."""
    chosen = {"steps": steps, "rate": 5e-3, "share": 1.0, "passes": 20.0, "dropout": 0.0, "base": base, "anyway": True}
    options = TrainOptions(**{**chosen, **changes})
    trained = train_site(site, options)
    return trained, judge_trained(trained, options)


def checked(trained: Trained, canaries: list[Canary]) -> list[CanaryCheck]:
    return check_canaries(load_model(trained.workspace.model), canaries, CPU, others=63)


def test_masked_secrets_never_come_out_and_what_is_learned_by_heart_is_reported(base: Path, tmp_path: Path) -> None:
    site = make_blog(tmp_path / "owl")
    trained, report = learn_by_heart(site, base, steps=120, read=ReadOptions(keep_boilerplate=True))
    figures = report.figures
    text = trained.workspace.text.read_text(encoding="utf-8")
    assert not [canary.secret for canary in MASKED if canary.secret in text]
    assert figures["private_items"] == len(MASKED) == 6
    assert figures["private_leaks"] == 0 and figures["private_in_posts"] == 0
    hidden = checked(trained, MASKED)
    assert not any(check.extracted for check in hidden)
    assert sum(check.exposure for check in hidden) / len(hidden) < 3, "as if they had never been there"
    # The other side of the scales: a secret that is not masked, in six posts, is learned, and that is seen.
    (known,) = checked(trained, [REPEATED])
    assert known.extracted and known.exposure == 6
    assert figures["extraction_rate"] > 0
    assert "The code" in report.page.read_text(encoding="utf-8").partition('id="copying"')[2]
    assert report.verdict[0].startswith("It recites posts")
    assert json.loads((trained.workspace.folder / "report.json").read_text(encoding="utf-8")) == figures


def test_a_secret_that_was_left_in_and_comes_out_is_reported(base: Path, tmp_path: Path) -> None:
    mail = "Write to kestrel77@example.org today."
    site = make_blog(tmp_path / "owl", everywhere=mail)
    trained, report = learn_by_heart(site, base, steps=120, read=ReadOptions(keep_private=True))
    assert "kestrel77@example.org" in trained.workspace.text.read_text(encoding="utf-8")
    assert report.figures["private_leaks"] > 0 and report.figures["private_in_posts"] > 0
    assert any("masked items of private data came out" in sentence for sentence in report.verdict)
    assert "kestrel77@example.org" in report.page.read_text(encoding="utf-8").partition('id="private"')[2]


def test_a_network_that_learned_nothing_gives_nothing_away() -> None:
    """The figure of exposure is not high by itself: over random networks it is about a bit."""
    from penname.model.folder import LoadedModel

    model = random_model()
    loaded = LoadedModel(model, tiny_tokenizer(), 0, model.config, Path())
    found = check_canaries(loaded, make_canaries(24, seed=random.Random(5).randrange(99)), CPU, others=63)
    assert not any(check.extracted for check in found)
    assert 0.5 < sum(check.exposure for check in found) / len(found) < 2.5
