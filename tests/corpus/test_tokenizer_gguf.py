"""Tokenizers of GGUF files: the ids are llama.cpp's for every way of splitting, and what is not known is refused."""

from pathlib import Path
from typing import Any

import pytest
from gguf_files import HARD_TEXTS, LlamaCpp, small_gguf, tokenizer_values
from tiny_models import VERSE

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.corpus.tokenizer_gguf import SPLITTINGS, gguf_tokenizer, special_id, start_id

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
