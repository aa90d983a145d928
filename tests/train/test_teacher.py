"""A teacher in training: what it changes, what it leaves alone, what is refused, and going on after a stop."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_several import RECIPE, losses, two, write_books

from penname.core.device import Device
from penname.core.errors import InputError, Interrupted, PennameError
from penname.corpus.tokenizer import load_tokenizer, train_tokenizer
from penname.model.folder import save_model
from penname.model.gpt import GPT, GPTConfig
from penname.train import pretrain as module
from penname.train.batches import Mixture, Stream
from penname.train.checkpoint import list_checkpoints
from penname.train.loop import Fitted, Run, train
from penname.train.loss import Objective
from penname.train.pretrain import Pretrained, PretrainOptions, pretrain, weights_mark
from penname.train.settings import TrainSettings

STUDENT = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)
TEACHER = GPTConfig(64, 48, 96, 2, 3, 1, 16, 32)
CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
TAUGHT = "teacher_share = 0.5\nteacher_temperature = 2.0"


def drawn(tokens: int, seed: int) -> np.ndarray:
    """Ids of a chain in which each has three likely followers."""
    generator = np.random.default_rng(seed)
    ids = [0]
    for step in generator.integers(0, 3, tokens - 1):
        ids.append((ids[-1] * 7 + int(step) * 11 + 1) % 64)
    return np.array(ids)


def run_of(seed: int = 0, **changes: Any) -> Run:
    teacher = changes.pop("teacher", None)
    mixture = Mixture([(Stream(drawn(1500, seed), np.arange(100, 1501, 100), 16, 1), 1.0)], 8)
    settings = TrainSettings(**({"steps": 30, "rows": 8, "context": 16, "seed": 3} | changes))
    return Run(settings, mixture, CPU, micro_rows=8, teacher=teacher)


def fit(**changes: Any) -> Fitted:
    return train(GPT(STUDENT).initialise(1), run_of(**changes))


@pytest.fixture(scope="module")
def teacher() -> GPT:
    return train(GPT(TEACHER).initialise(0), run_of(steps=150)).model


def gap(student: GPT, teacher: GPT) -> float:
    """KL(teacher || student) on text that neither has seen, nats a token."""
    ids = torch.from_numpy(drawn(320, 9)).view(-1, 16)
    with torch.no_grad():
        ours, theirs = (network(ids).log_softmax(-1) for network in (student, teacher))
    return float((theirs.exp() * (theirs - ours)).sum(-1).mean())


@pytest.mark.slow
def test_a_student_comes_nearer_to_its_teacher(teacher: GPT) -> None:
    before = weights_mark(teacher)
    alone, taught = fit(steps=100), fit(steps=100, teacher=teacher, teacher_share=0.8)
    assert gap(taught.model, teacher) < 0.8 * gap(alone.model, teacher)
    assert weights_mark(teacher) == before
    assert not teacher.training


def test_a_share_of_nothing_is_no_teacher(teacher: GPT) -> None:
    alone, beside = fit(steps=6, dropout=0.1), fit(steps=6, dropout=0.1, teacher=teacher)
    assert alone.losses == beside.losses
    assert weights_mark(alone.model) == weights_mark(beside.model)


def test_masked_steps_and_hidden_inputs(teacher: GPT) -> None:
    """A masked step's loss is that without a teacher; where inputs are hidden the teacher sees the text."""
    torch.manual_seed(0)
    settings = TrainSettings(steps=1, rows=2, context=16, masked=0.5, input_mask=0.5, teacher_share=0.5)
    student = GPT(STUDENT).initialise(1)
    taught = Objective(student, settings, sliced=True, teacher=teacher)
    alone = Objective(student, TrainSettings(1, 2, 16, masked=0.5), sliced=True)
    ids = torch.from_numpy(drawn(34, 5)).view(2, 17)
    hide = torch.rand(2, 16) < 0.5
    inputs, targets = ids[:, :-1].contiguous(), ids[:, 1:].contiguous()
    assert torch.equal(taught(inputs, targets, hide, False), alone(inputs, targets, hide, False))
    assert not torch.equal(taught(inputs, targets, hide, True), alone(inputs, targets, hide, True))
    torch.testing.assert_close(taught.taught(inputs).hidden, teacher.hidden(inputs).flatten(0, 1))


def test_a_teacher_is_no_part_of_what_is_trained_and_saved(teacher: GPT) -> None:
    settings = TrainSettings(steps=1, rows=2, context=16, teacher_share=0.5)
    objective = Objective(GPT(STUDENT), settings, sliced=True, teacher=teacher)
    names = [name for name, _ in objective.named_parameters()]
    assert len(names) == len(list(GPT(STUDENT).named_parameters()))
    assert not any(weight.requires_grad for weight in teacher.parameters())


def test_the_whole_loss_and_the_sliced_one_train_alike(teacher: GPT) -> None:
    figures = []
    for sliced in (True, False):
        settings = TrainSettings(steps=1, rows=2, context=16, teacher_share=0.5, teacher_temperature=2.0)
        objective = Objective(GPT(STUDENT).initialise(1), settings, sliced, teacher)
        ids = torch.from_numpy(drawn(34, 5)).view(2, 17)
        objective(ids[:, :-1].contiguous(), ids[:, 1:].contiguous(), None, True).backward()
        figures.append([weight.grad for weight in objective.parameters()])
    for left, right in zip(*figures, strict=True):
        torch.testing.assert_close(left, right, atol=1e-5, rtol=1e-4)


def test_a_share_without_a_teacher_is_refused() -> None:
    with pytest.raises(InputError, match="there is no teacher"):
        fit(teacher_share=0.5)
    with pytest.raises(InputError, match=r"teacher_share is a share.*teacher_temperature must be more than 0"):
        TrainSettings(1, 1, 1, teacher_share=2.0, teacher_temperature=0.0).check()


# -- penname pretrain --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Books, a tokenizer, two teachers that have it, one with another, and recipes with and without a share."""
    folder = tmp_path_factory.mktemp("taught")
    texts = write_books(folder)
    for name, more in (("plain", "dropout = 0.1"), ("taught", f"dropout = 0.1\n{TAUGHT}"), ("tiny", TAUGHT)):
        recipe = RECIPE.replace("[package]", f"{more}\n[package]")
        (folder / f"{name}.toml").write_text(recipe, encoding="utf-8")
    for name, seed, tokenizer in (
        ("teacher", 1, train_tokenizer(texts, 300)),
        ("other", 2, train_tokenizer(texts, 300)),
        ("foreign", 1, train_tokenizer([text.upper() for text in texts], 300)),
    ):
        config = GPTConfig(tokenizer.get_vocab_size(), 48, 96, 2, 3, 1, 16, 64)
        save_model(folder / name, GPT(config).initialise(seed), tokenizer, card="", generation={})
    return folder


def taught(here: Path, out: str, teacher: str | None = "teacher", recipe: str = "taught.toml") -> Pretrained:
    options = PretrainOptions(
        here / out,
        str(here / recipe),
        "cpu",
        tokenizer=here / "teacher" / "tokenizer.json",
        teacher=here / teacher if teacher else None,
    )
    return pretrain([here / "books"], options)


@pytest.fixture(autouse=True)
def plain_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "pick_device", lambda *_: CPU)


@pytest.mark.slow
def test_a_taught_run_goes_on_to_the_same_losses_and_with_no_other_teacher(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = taught(here, "whole")
    assert whole.fitted.losses != taught(here, "second", "other").fitted.losses
    build = module.build_run

    def cut(*arguments: Any) -> Any:
        made, model = build(*arguments)
        made.stop_after = 5
        return made, model

    monkeypatch.setattr(module, "build_run", cut)
    with pytest.raises(Interrupted):
        taught(here, "cut")
    monkeypatch.setattr(module, "build_run", build)
    (checkpoint,) = list_checkpoints(here / "cut" / "checkpoints")
    with pytest.raises(PennameError, match="holds another run"):
        taught(here, "cut", "other")
    rest = taught(here, "cut")
    assert rest.fitted.losses == whole.fitted.losses
    assert weights_mark(rest.model) == weights_mark(whole.model)
    size = sum(path.stat().st_size for path in checkpoint.glob("*.safetensors"))
    assert size < 4 * 4 * whole.model.config.parameters(), "a teacher in a checkpoint"


@pytest.mark.slow
def test_two_processes_learn_from_a_teacher_what_one_does(here: Path) -> None:
    taught(here, "one", recipe="tiny.toml")
    tokenizer = str(here / "teacher" / "tokenizer.json")
    code, said = two(here, "both", "", "--teacher", str(here / "teacher"), "--tokenizer", tokenizer)
    assert code == 0, said[-2000:]
    np.testing.assert_allclose(losses(here / "both"), losses(here / "one"), rtol=2e-3)


def test_teacher_and_share_go_together(here: Path) -> None:
    with pytest.raises(InputError, match="name its model folder with --teacher DIR"):
        taught(here, "none", teacher=None)
    with pytest.raises(InputError, match="no share of the loss: set teacher_share"):
        taught(here, "none", recipe="plain.toml")
    assert not (here / "none").exists()


def test_a_teacher_needs_the_tokenizer_of_the_run(here: Path) -> None:
    with pytest.raises(InputError, match=r"foreign cannot teach: it has another tokenizer.*--tokenizer"):
        taught(here, "foreign-out", "foreign")
    with pytest.raises(InputError, match="does not exist"):
        taught(here, "nowhere-out", "nowhere")
    tokenizer = load_tokenizer(here / "teacher")
    config = GPTConfig(tokenizer.get_vocab_size() + 4, 48, 96, 2, 3, 1, 16, 64)
    save_model(here / "wider", GPT(config).initialise(1), tokenizer, card="", generation={})
    with pytest.raises(InputError, match="wider cannot teach: its network has"):
        taught(here, "wider-out", "wider")
