import random
import re
from pathlib import Path

import pytest
import torch

from penname.core import events
from penname.core.errors import InputError, Interrupted
from penname.model.base import general_texts, load_base
from penname.model.quantise import round_rows
from penname.train.batches import open_shard, open_shards
from penname.train.package import choose_rounding, package_base
from penname.train.pretrain import Pretrained, PretrainOptions, find_texts, pretrain

RECIPE = """
name = "tiny"
[shape]
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 2
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
[tokenizer]
vocab_size = 300
[[shelf]]
pattern = "new*"
share = 0.5
[[shelf]]
pattern = "*"
share = 0.5
[train]
passes = 0.4
rows = 4
context = 32
masked = 0.25
[package]
bits = 6
group = 32
"""
WORDS = [
    "the",
    "owl",
    "sea",
    "boat",
    "honey",
    "money",
    "star",
    "guitar",
    "note",
    "pig",
    "ring",
    "hill",
    "moon",
]


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    generator = random.Random(0)
    for name in ("old-1", "new"):
        texts = [" ".join(generator.choice(WORDS) for _ in range(150)) + "." for _ in range(40)]
        (tmp_path / "books").mkdir(exist_ok=True)
        (tmp_path / "books" / f"{name}.txt").write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def run(shelf: Path, out: str = "out", **changes: object) -> Pretrained:
    options = PretrainOptions(out=shelf / out, recipe=str(shelf / "tiny.toml"), device="cpu", **changes)  # type: ignore[arg-type]
    return pretrain([shelf / "books"], options)


def test_books_become_a_base_that_loads(shelf: Path) -> None:
    result = run(shelf)
    assert result.fitted.steps == round(0.4 * sum(s.ids.size for s in open_shards(shelf / "out" / "shards")) / 128)
    sizes = package_base(shelf / "out", [shelf / "books"], result, replay_bytes=5_000)
    assert sizes["weights.safetensors"] > 1_000
    loaded = load_base(shelf / "out" / "base")
    assert loaded.config == result.model.config
    assert isinstance(general_texts(shelf / "out" / "base"), list)


def test_shards_are_encoded_once_and_hold_the_text(shelf: Path) -> None:
    result = run(shelf)
    shard = open_shard(shelf / "out" / "shards", "new")
    texts = (shelf / "books" / "new.txt").read_text(encoding="utf-8").split("\n<|endoftext|>\n")
    assert shard.ends.size == len(texts)
    first = result.tokenizer.decode(shard.ids[: shard.ends[0] - 1].tolist())
    assert first == texts[0]
    assert shard.text_bytes == sum(len(text.encode()) for text in texts)
    before = (shelf / "out" / "shards" / "new.ids.npy").stat().st_mtime_ns
    run(shelf)
    assert (shelf / "out" / "shards" / "new.ids.npy").stat().st_mtime_ns == before


def test_bad_books_are_input_errors(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        find_texts([tmp_path / "none"])
    with pytest.raises(InputError, match="There is no text"):
        find_texts([tmp_path])
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "a.txt").write_text("a")
    with pytest.raises(InputError, match="Two files are called a"):
        find_texts([tmp_path])


def test_a_cut_run_goes_on(shelf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from penname.train import pretrain as module

    whole = run(shelf, "whole")
    build = module.build_run

    def cut(*arguments: object) -> object:
        made, model = build(*arguments)  # type: ignore[arg-type]
        made.stop_after = 5
        return made, model

    monkeypatch.setattr(module, "build_run", cut)
    with pytest.raises(Interrupted):
        run(shelf, "cut")
    monkeypatch.setattr(module, "build_run", build)
    rest = run(shelf, "cut")
    assert [loss for _, loss in rest.fitted.losses] == [loss for _, loss in whole.fitted.losses]


def by_rows(shelf: Path, **shape: int) -> None:
    """The recipe with a step a row, and with other sizes."""
    text = RECIPE.replace("bits = 6\ngroup = 32\n", "row_step = 0.3\n").replace(
        "[train]\n", "[train]\nquantise_from = 0.5\n"
    )
    for name, size in shape.items():
        text = re.sub(rf"{name} = \d+", f"{name} = {size}", text)
    (shelf / "tiny.toml").write_text(text, encoding="utf-8")


def test_a_base_of_rows_is_rounded_in_the_better_way(shelf: Path) -> None:
    by_rows(shelf)
    said: list[str] = []
    result = run(shelf)
    with events.listening(lambda event: said.append(event.text)):
        package_base(shelf / "out", [shelf / "books"], result, replay_bytes=5_000)
        held = (shelf / "books" / "new.txt").read_text(encoding="utf-8").split("\n<|endoftext|>\n")
        chosen = choose_rounding(result, held[:20], held[20:30])
    weights = dict(load_base(shelf / "out" / "base").model.named_parameters())
    for name, weight in result.model.named_parameters():
        assert (weights[name] - weight).detach().abs().max() < 0.35 * weight.detach().square().mean(-1).sqrt().max()
    figures = re.findall(
        r"Rounded to the nearest: (\d+\.\d+) bits per byte, with compensation: (\d+\.\d+)", " ".join(said)
    )
    assert figures
    assert chosen is not None
    plain = {
        name: round_rows(weight.detach(), 0.3)[0]
        for name, weight in result.model.named_parameters()
        if weight.ndim == 2
    }
    same = all(torch.equal(chosen[name][0], plain[name]) for name in plain)
    assert same == (float(figures[-1][0]) <= float(figures[-1][1]))


def test_a_base_begins_where_a_narrower_one_ended(shelf: Path) -> None:
    first = run(shelf, passes=2.0)
    package_base(shelf / "out", [shelf / "books"], first, replay_bytes=5_000)
    by_rows(shelf, hidden_size=48, intermediate_size=96)
    fresh = run(shelf, "fresh")
    later = run(shelf, "later", start=shelf / "out" / "base")
    assert later.model.config.hidden_size == 48
    assert later.fitted.losses[0][1] < fresh.fitted.losses[0][1] - 0.3
