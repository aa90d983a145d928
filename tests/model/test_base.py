"""The shipped base: written small, read back to the same network, refused clearly where it is absent or damaged."""

import json
from pathlib import Path

import pytest
import torch
from tiny_models import VERSE, hugging_face_folder, random_model, tiny_config, tiny_tokenizer

from penname.core.errors import InputError, PennameError
from penname.corpus.tokenizer import encode_plain
from penname.model import base
from penname.model.base import base_is_shipped, load_base, replay_texts, write_base
from penname.model.quantise import Rounding, restore_groups, round_groups

TEXTS = ["One text.\n\nOf two paragraphs.", "  Another, with edges: café.\n", VERSE]
IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:60]]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_base(tmp_path / "base", random_model(), tiny_tokenizer(), Rounding(5, 32), TEXTS, "# The base\n")
    return tmp_path / "base"


@pytest.fixture
def shipped(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(base, "base_folder", lambda: folder)
    return folder


@pytest.fixture
def absent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base, "base_folder", lambda: tmp_path / "nothing")


def test_the_shipped_base_is_the_rounded_network(shipped: Path) -> None:
    assert base_is_shipped()
    loaded = load_base(None)
    assert loaded.config == tiny_config()
    assert (loaded.end, loaded.source, loaded.card) == (0, shipped, "# The base\n")
    expected = random_model()
    with torch.no_grad():
        for weight in expected.parameters():
            weight.copy_(restore_groups(*round_groups(weight, 5, 32)) if weight.ndim == 2 else weight.half().float())
    assert torch.equal(loaded.model(IDS), expected(IDS))
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight
    assert encode_plain(loaded.tokenizer, VERSE) == encode_plain(tiny_tokenizer(), VERSE)


def test_the_replayed_texts_come_back(shipped: Path) -> None:
    assert list(replay_texts()) == [text.strip() for text in TEXTS]


def test_an_untied_base(tmp_path: Path) -> None:
    model = random_model(tie_word_embeddings=False)
    write_base(tmp_path / "base", model, tiny_tokenizer(), Rounding(8, 32), [], "")
    loaded = load_base(tmp_path / "base")
    assert not loaded.config.tie_word_embeddings
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(IDS), model(IDS), rtol=0.2, atol=0.5)
    assert list(replay_texts(tmp_path / "base")) == []


def test_each_weight_is_stored_once(folder: Path, tmp_path: Path) -> None:
    from safetensors import safe_open

    with safe_open(folder / "weights.safetensors", framework="pt") as file:
        names = list(file.keys())
        about = json.loads(file.metadata()["about"])
    assert not any(name.startswith("lm_head") for name in names)
    assert about["config"]["hidden_size"] == 64
    assert (about["bits"], about["group"]) == (5, 32)
    sizes = write_base(tmp_path / "again", random_model(), tiny_tokenizer(), Rounding(5, 32), TEXTS, "# The base\n")
    assert sizes == {path.name: path.stat().st_size for path in folder.iterdir()}
    assert set(sizes) == {"weights.safetensors", "tokenizer.json", "card.md", "replay.txt.bz2"}


@pytest.mark.slow
def test_a_folder_instead_of_the_shipped_base(tmp_path: Path, absent: None) -> None:
    theirs = hugging_face_folder(tmp_path / "llama", "llama")
    with torch.no_grad():
        torch.testing.assert_close(load_base(tmp_path / "llama").model(IDS), theirs(IDS).logits, rtol=1e-4, atol=1e-4)


def test_no_base_is_shipped(absent: None) -> None:
    assert not base_is_shipped()
    with pytest.raises(PennameError, match=r"holds no base model.*--base PATH") as caught:
        load_base(None)
    assert caught.value.exit_code == 1
    with pytest.raises(PennameError, match="holds no base model"):
        next(replay_texts())


def test_too_large_a_base_is_not_written(folder: Path) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(PennameError, match=r"more than 0\.01 MiB: .*weights\.safetensors"):
        write_base(folder, random_model(), tiny_tokenizer(), Rounding(5, 32), TEXTS, "new", largest=10_000)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_general_text_counts_and_a_large_base_may_be_wanted(tmp_path: Path) -> None:
    sizes = write_base(
        tmp_path / "large",
        random_model(),
        tiny_tokenizer(),
        Rounding(8, 32),
        TEXTS,
        "card",
        general_texts=[VERSE],
        largest=None,
    )
    assert "general.txt.bz2" in sizes
    assert sizes == {path.name: path.stat().st_size for path in (tmp_path / "large").iterdir()}


def test_damage_is_said(shipped: Path) -> None:
    path = shipped / "weights.safetensors"
    data = path.read_bytes()
    for damaged in (data[:-100], data.replace(b"hidden_size", b'hidden_"ize'), b""):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="install penname again"):
            load_base(None)
    path.write_bytes(data)
    (shipped / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="not a tokenizer"):
        load_base(None)


def test_a_base_of_another_version(folder: Path) -> None:
    from safetensors import safe_open
    from safetensors.torch import load_file, save_file

    path = folder / "weights.safetensors"
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
    about = json.loads(metadata["about"])
    weights = load_file(path)
    for change in ({"new_field": 1}, {"hidden_size": 128}, {"num_hidden_layers": 3}):
        changed = {**about, "config": {**about["config"], **change}}
        save_file(weights, path, metadata={**metadata, "about": json.dumps(changed)})
        with pytest.raises(InputError, match="not a base that this version can read"):
            load_base(folder)
