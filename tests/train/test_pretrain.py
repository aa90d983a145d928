import random
from pathlib import Path

import pytest

from penname.core.errors import InputError, Interrupted
from penname.model.base import general_texts, load_base
from penname.train.batches import open_shard, open_shards
from penname.train.package import package_base
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
