"""Tokenizers of GGUF files: the ids are llama.cpp's for every way of splitting, and what is not known is refused."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from gguf_files import HARD_TEXTS, LlamaCpp, small_gguf, tokenizer_values
from tiny_models import VERSE
from tokenizers import Tokenizer, models, normalizers, trainers

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.corpus.tokenizer_gguf import (
    BYTE,
    CONTROL,
    NORMAL,
    SPLITTINGS,
    UNKNOWN,
    USER_DEFINED,
    gguf_tokenizer,
    gguf_values,
    special_id,
    start_id,
)

FILE = Path("model.gguf")


@pytest.mark.parametrize("pre", sorted(SPLITTINGS))
def test_ids_are_those_of_llama_cpp(tmp_path: Path, pre: str) -> None:
    small_gguf(tmp_path / "model.gguf", pre=pre)
    theirs = LlamaCpp(tmp_path / "model.gguf")
    values = tokenizer_values(pre)
    ours = gguf_tokenizer(values, FILE)
    for text in (VERSE, *HARD_TEXTS):
        assert encode_plain(ours, text) == theirs.ids(text), text
    start = start_id(values)
    assert theirs.ids("owl", special=True) == [*([] if start is None else [start]), *encode_plain(ours, "owl")]


def test_a_word_that_is_a_token_is_taken_whole_where_llama_cpp_does(tmp_path: Path) -> None:
    values = tokenizer_values("llama-bpe")
    # Nothing merges to it.
    values["tokenizer.ggml.tokens"][-1] = "zqxj"
    merges = [
        merge
        for merge in values["tokenizer.ggml.merges"]
        if "".join(merge.split(" ")) in values["tokenizer.ggml.tokens"]
    ]
    values["tokenizer.ggml.merges"] = merges
    for pre, whole in (("llama-bpe", True), ("smaug-bpe", False)):
        path = tmp_path / f"{pre}.gguf"
        small_gguf(path, values={**values, "tokenizer.ggml.pre": pre})
        ids = encode_plain(gguf_tokenizer({**values, "tokenizer.ggml.pre": pre}, FILE), "zqxj")
        assert ids == LlamaCpp(path).ids("zqxj")
        assert (len(ids) == 1) == whole


def pieces(prefix: bool, marks: tuple[str, ...] = ()) -> dict[str, Any]:
    """A small tokenizer of SentencePiece's kind: bytes, letters, and merged pieces with falling scores."""
    trained = Tokenizer(models.BPE())
    trained.normalizer = normalizers.Replace(" ", "▁")
    trained.train_from_iterator([VERSE] * 3, trainers.BpeTrainer(vocab_size=400, show_progress=False))
    vocab = trained.get_vocab()
    special = ["<unk>", "<s>", "</s>", *marks]
    found = [piece for piece in sorted(vocab, key=lambda piece: vocab[piece]) if piece not in special]
    tokens = [*special, *(f"<0x{number:02X}>" for number in range(256)), *found]
    kinds = [UNKNOWN, CONTROL, CONTROL, *[USER_DEFINED] * len(marks), *[BYTE] * 256, *[NORMAL] * len(found)]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.pre": None,
        "tokenizer.ggml.merges": None,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.scores": np.array([0.0] * (len(tokens) - len(found)) + [-1.0 - i for i in range(len(found))]),
        "tokenizer.ggml.token_type": np.array(kinds, np.int32),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.add_space_prefix": prefix,
    }


@pytest.mark.parametrize("marks", [(), ("[MARK]", "\n\n")], ids=["plain", "marks"])
@pytest.mark.parametrize("prefix", [True, False], ids=["prefix", "none"])
def test_sentence_piece(tmp_path: Path, prefix: bool, marks: tuple[str, ...]) -> None:
    """As Llama 2, TinyLlama, Mistral and Gemma have it; and what is written of it gives the same ids."""
    values = pieces(prefix, marks)
    ours = gguf_tokenizer(values, FILE)
    written = gguf_values(ours, len(values["tokenizer.ggml.tokens"]) + 2)
    assert written["tokenizer.ggml.token_type"][:-2] == values["tokenizer.ggml.token_type"].tolist()
    started = {name: values[f"tokenizer.ggml.{name}"] for name in ("bos_token_id", "eos_token_id")}
    again = {**{f"tokenizer.ggml.{name}": value for name, value in started.items()}, **written}
    for number, said in enumerate((values, again)):
        path = tmp_path / f"{number}.gguf"
        size = len(said["tokenizer.ggml.tokens"])
        small_gguf(path, values={"tokenizer.ggml.pre": None, "tokenizer.ggml.merges": None, **said}, vocab_size=size)
        theirs = LlamaCpp(path)
        for text in (VERSE, *HARD_TEXTS):
            assert encode_plain(ours, text) == theirs.ids(text), text
            # Behind a mark another space is put before the text, in llama.cpp too.
            assert ours.decode(encode_plain(ours, text)) == text or (prefix and marks)
        assert theirs.ids("owl", special=True) == [1, *encode_plain(ours, "owl")]
    assert ours.encode("owl").ids == theirs.ids("owl", special=True)


def test_no_text_becomes_a_control_token(tmp_path: Path) -> None:
    """llama.cpp itself merges letters to one where the pieces between are tokens: a blog's word must not end a text."""
    values = pieces(True)
    values["tokenizer.ggml.tokens"][-2:] = ["</s", "</"]
    ours = gguf_tokenizer(values, FILE)
    assert 2 not in encode_plain(ours, "</s> and </s>")
    assert ours.decode(encode_plain(ours, "</s>")) == "</s>"


@pytest.mark.parametrize("pre", sorted(SPLITTINGS))
def test_what_is_written_is_what_was_read(pre: str) -> None:
    values = tokenizer_values(pre)
    ours = gguf_tokenizer(values, FILE)
    written = gguf_values(ours, ours.get_vocab_size())
    assert SPLITTINGS[written["tokenizer.ggml.pre"]] == SPLITTINGS[pre]
    for name in ("tokens", "merges"):
        assert written[f"tokenizer.ggml.{name}"] == values[f"tokenizer.ggml.{name}"]


@pytest.mark.parametrize(
    ("changes", "start", "end"),
    [
        ({}, None, 0),
        ({"tokenizer.ggml.pre": "llama-bpe"}, 0, 0),
        ({"tokenizer.ggml.add_bos_token": True, "tokenizer.ggml.bos_token_id": 5}, 5, 0),
        ({"tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.add_bos_token": False}, None, 0),
        ({"tokenizer.ggml.pre": "llama-bpe", "tokenizer.ggml.bos_token_id": 10**6}, 11, 0),
        ({"tokenizer.ggml.eos_token_id": "two"}, None, 11),
    ],
    ids=str,
)
def test_which_tokens_start_and_end_a_text(changes: dict[str, Any], start: int | None, end: int) -> None:
    values = {**tokenizer_values("qwen2"), **changes}
    assert (start_id(values), special_id(values, "eos")) == (start, end)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"tokenizer.ggml.pre": "deepseek-llm"}, "splits text as 'deepseek-llm' does.*smollm.*can be used"),
        ({"tokenizer.ggml.pre": None}, "does not say how it splits"),
        ({"tokenizer.ggml.pre": ["qwen2"]}, "does not say how it splits"),
        ({"tokenizer.ggml.model": "t5"}, "of the kind 't5'"),
        ({"tokenizer.ggml.model": None}, "of the kind 'None'"),
        ({"tokenizer.ggml.tokens": None}, "holds no tokenizer"),
        ({"tokenizer.ggml.tokens": ["a", "b", "a"]}, "a token stands twice"),
        ({"tokenizer.ggml.merges": None}, "holds no merges"),
        ({"tokenizer.ggml.merges": ["no such"]}, "The tokenizer in model.gguf is not .* can be read .*no"),
        ({"tokenizer.ggml.token_type": "all"}, "token_type is not a list of"),
    ],
    ids=str,
)
def test_what_is_not_known_is_refused_by_name(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gguf_tokenizer({**tokenizer_values("qwen2"), **changes}, FILE)
