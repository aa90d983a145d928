"""Bits per byte of files: the figure is the one that `transformers` gives, and bad files are refused clearly."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import VERSE, hugging_face_folder, random_model, tiny_tokenizer

from penname.core.device import Device, pick_device, threads
from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.model.folder import LoadedModel, load_model
from penname.model.score import score_files


@pytest.fixture
def device() -> Device:
    return replace(pick_device("cpu"), precision="fp32")


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedModel, Any]:
    folder = tmp_path_factory.mktemp("llama")
    theirs = hugging_face_folder(folder, "llama", initializer_range=0.1)
    return load_model(folder), theirs


@torch.no_grad()
def bits_by_transformers(theirs: Any, text: str) -> float:
    """Sum of -log2 p over the tokens of `text` after an end-of-text token."""
    ids = torch.tensor([[0, *encode_plain(tiny_tokenizer(), text)]])
    probabilities = torch.log_softmax(theirs(ids[:, :-1]).logits[0].double(), dim=-1)
    return float(-probabilities.gather(1, ids[0, 1:, None]).sum() / math.log(2))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_figure_is_that_of_transformers(tmp_path: Path, llama: tuple[LoadedModel, Any], device: Device) -> None:
    loaded, theirs = llama
    found = score_files([write(tmp_path, "a.txt", VERSE)], loaded, device)
    text = VERSE.strip()
    assert found["bits_per_byte"] == pytest.approx(bits_by_transformers(theirs, text) / len(text.encode()), rel=1e-5)
    assert found["bytes"] == len(text.encode())
    assert found["tokens"] == len(encode_plain(tiny_tokenizer(), text))
    assert found["files"] == [{"path": str(tmp_path / "a.txt"), **{k: v for k, v in found.items() if k != "files"}}]


def test_documents_are_scored_on_their_own(tmp_path: Path, llama: tuple[LoadedModel, Any], device: Device) -> None:
    loaded, theirs = llama
    first, second, third = (
        "The owl looked up.",
        "A note of five pounds – in honey.",
        "It's 1871 <|endoftext|> here.",
    )
    one = write(tmp_path, "one.txt", f"{first}\n<|endoftext|>\n\n{second}\n<|endoftext|>\n")
    two = write(tmp_path, "two.txt", third)
    found = score_files([one, two], loaded, device)
    bits = [bits_by_transformers(theirs, text) for text in (first, second, third)]
    sizes = [len(text.encode()) for text in (first, second, third)]
    assert found["bits_per_byte"] == pytest.approx(sum(bits) / sum(sizes), rel=1e-5)
    assert found["bytes"] == sum(sizes)
    assert found["files"][0]["bits_per_byte"] == pytest.approx(sum(bits[:2]) / sum(sizes[:2]), rel=1e-5)
    assert found["files"][1]["bits_per_byte"] == pytest.approx(bits[2] / sizes[2], rel=1e-5)
    assert [file["path"] for file in found["files"]] == [str(one), str(two)]
    assert sum(file["tokens"] for file in found["files"]) == found["tokens"]


def test_a_book_in_one_document(tmp_path: Path, device: Device) -> None:
    """Windows overlap by half: the figure stays near that of a part of the same text."""
    model = random_model(num_hidden_layers=1, hidden_size=32, max_position_embeddings=512)
    loaded = LoadedModel(model, tiny_tokenizer(), 0, model.config, tmp_path)
    book = write(tmp_path, "book.txt", VERSE * 400)
    with threads(1):
        found = score_files([book], loaded, device)
    assert found["bytes"] == len((VERSE * 400).strip().encode()) > 120_000
    assert found["tokens"] == len(encode_plain(tiny_tokenizer(), (VERSE * 400).strip()))
    again = score_files([write(tmp_path, "part.txt", VERSE * 30)], loaded, device)
    assert found["bits_per_byte"] == pytest.approx(again["bits_per_byte"], rel=0.01)


def test_windows_of_a_long_document(tmp_path: Path, llama: tuple[LoadedModel, Any], device: Device) -> None:
    """Token by token: each is predicted from the window that a plain reading of the rule gives it."""
    loaded, theirs = llama
    ids = [0, *encode_plain(tiny_tokenizer(), VERSE.strip())]
    context, stride, scored, bits = 32, 16, 0, 0.0
    length = len(ids) - 1
    while scored < length:
        stop = min(length, context if scored == 0 else scored + stride)
        start = max(0, stop - context)
        window = torch.tensor([ids[start : stop + 1]])
        with torch.no_grad():
            logs = torch.log_softmax(theirs(window[:, :-1]).logits[0].double(), dim=-1)
        picked = logs.gather(1, window[0, 1:, None])[scored - start :]
        bits -= float(picked.sum()) / math.log(2)
        scored = stop
    found = score_files([write(tmp_path, "a.txt", VERSE)], loaded, device, context=context)
    assert found["bits_per_byte"] == pytest.approx(bits / found["bytes"], rel=1e-5)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "holds no text"),
        (b" \n<|endoftext|>\n\n", "holds no text"),
        (b"caf\xe9", "not UTF-8 text"),
        (b"\xff\xfeh\x00i\x00", "not UTF-8 text"),
    ],
)
def test_files_that_cannot_be_scored(
    tmp_path: Path, llama: tuple[LoadedModel, Any], device: Device, data: bytes, message: str
) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(data)
    good = write(tmp_path, "good.txt", VERSE)
    with pytest.raises(InputError, match=f"bad.txt.*{message}"):
        score_files([good, path], llama[0], device)


def test_paths_that_are_no_files(tmp_path: Path, llama: tuple[LoadedModel, Any], device: Device) -> None:
    with pytest.raises(InputError, match="is a folder"):
        score_files([tmp_path], llama[0], device)
    with pytest.raises(InputError, match="is not a file"):
        score_files([tmp_path / "absent.txt"], llama[0], device)
    with pytest.raises(InputError, match="No text file"):
        score_files([], llama[0], device)


def test_damaged_weights_are_said(tmp_path: Path, device: Device) -> None:
    model = random_model()
    with torch.no_grad():
        model.model.norm.weight.fill_(math.nan)
    loaded = LoadedModel(model, tiny_tokenizer(), 0, model.config, tmp_path / "model")
    with pytest.raises(InputError, match="gives no numbers"):
        score_files([write(tmp_path, "a.txt", VERSE)], loaded, device)
