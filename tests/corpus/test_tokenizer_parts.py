"""A stranger's tokenizer: what models have is let through, what may make text grow or hold a search up is not."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from tiny_models import VERSE, tiny_tokenizer

from penname.core.errors import InputError
from penname.corpus import tokenizer as module
from penname.corpus.tokenizer import encode_plain, load_tokenizer
from penname.corpus.tokenizer_parts import check_pattern, checked_parts

GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CASED = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
LLAMA_3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
DEEPSEEK = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"
DIGITS = r"\d{1,3}(?=(?:\d{3})*\b)"
METASPACE = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
LLAMA_2: dict[str, Any] = {
    "normalizer": {
        "type": "Sequence",
        "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ],
    },
    "pre_tokenizer": None,
    "decoder": {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"},
            {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    },
    "post_processor": {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    },
    "added_tokens": [],
    "model": {
        "type": "BPE",
        "unk_token": "<unk>",
        "byte_fallback": True,
        "vocab": {
            token: number
            for number, token in enumerate(
                ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", "t", "h", "e", "th", "▁the"]
            )
        },
        "merges": ["t h", ["th", "e"]][:1],
    },
}


def described(**changes: Any) -> dict[str, Any]:
    return {**json.loads(tiny_tokenizer().to_str()), **changes}


def loaded(folder: Path, value: dict[str, Any]) -> Any:
    (folder / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8")
    return load_tokenizer(folder)


@pytest.mark.parametrize(
    "pattern", [GPT_2, CASED, LLAMA_3, DEEPSEEK, BLOOM, DIGITS, r"\s++$", "[一-龥]+", " {2,}", "(?i)a"]
)
def test_patterns_of_well_known_models_are_let_through(pattern: str) -> None:
    check_pattern(pattern)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (r"(?:\w?){3}", "many forms"),
        (r"(ab|c)*", "many forms"),
        (r"a+b+c+", "more than 2 things"),
        (r"(a+)(b+c*)", "more than 2 things"),
        (r"a{2,}b{1,40}c+", "more than 2 things"),
        (r"(a)\1", "cannot be followed"),
        (r"(?<name>a)", "cannot be followed"),
        (r"(?x:a)", "cannot be followed"),
        ("(a", "bracket too many or too few"),
        ("a)", "bracket too many or too few"),
        ("(" * 12 + "a" + ")" * 12, "nested too deeply"),
        ("x" * 5_000, "5,000 characters"),
    ],
)
def test_patterns_that_may_take_long_are_refused(pattern: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_pattern(pattern)


def test_a_tokenizer_of_ours_is_what_it_was(tmp_path: Path) -> None:
    tokenizer = loaded(tmp_path, described())
    assert encode_plain(tokenizer, VERSE) == encode_plain(tiny_tokenizer(), VERSE)
    assert tokenizer.to_str() == tiny_tokenizer().to_str()


def test_a_tokenizer_in_the_style_of_llama_2(tmp_path: Path) -> None:
    tokenizer = loaded(tmp_path, LLAMA_2)
    assert tokenizer.decode(encode_plain(tokenizer, "the owl, naïve")) == "the owl, naïve"


def test_a_file_that_names_no_kind_of_model_and_begins_with_a_mark(tmp_path: Path) -> None:
    value = described()
    del value["model"]["type"]
    (tmp_path / "tokenizer.json").write_text(json.dumps(value), encoding="utf-8-sig")
    assert encode_plain(load_tokenizer(tmp_path), VERSE) == encode_plain(tiny_tokenizer(), VERSE)


def test_it_neither_cuts_nor_pads(tmp_path: Path) -> None:
    tokenizer = described()
    tokenizer["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}
    assert len(encode_plain(loaded(tmp_path, tokenizer), VERSE)) > 8


REPLACE = {"type": "Replace", "pattern": {"String": "q"}, "content": "12345678"}
TEMPLATE = LLAMA_2["post_processor"]
TABLE = base64.b64encode((4).to_bytes(4, "little") + b"\0" * 4 + b"y" * 65).decode()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"normalizer": {"type": "Sequence", "normalizers": [REPLACE] * 3}}, "normalizer makes text more than 32"),
        ({"decoder": {"type": "Sequence", "decoders": [REPLACE] * 3}}, "decoder makes text more than 32"),
        ({"normalizer": {**REPLACE, "content": "1" * 17}}, "content of its Replace"),
        ({"normalizer": {**REPLACE, "pattern": {"String": ""}}}, "neither a text of 1 to 16"),
        ({"normalizer": {**REPLACE, "pattern": {"Regex": "(ab?)+"}}}, "many forms"),
        ({"normalizer": {**REPLACE, "pattern": {"Regex": "q*"}}}, "may find nothing"),
        ({"decoder": {"type": "Strip", "content": " ", "start": 1, "stop": 1}}, "off both ends"),
        ({"normalizer": {"type": "Prepend", "prepend": "p" * 17}}, "prepend of its Prepend"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "?"}}, "table of normalisations is damaged"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": TABLE}}, "more than 64 bytes"),
        ({"normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}] * 17}}, "more than 16 parts"),
        ({"normalizer": {"type": "Other"}}, "the kind 'Other'"),
        ({"normalizer": []}, "normalizer is not an object"),
        ({"pre_tokenizer": {"type": "FixedLength", "length": 3}}, "the kind 'FixedLength'"),
        ({"decoder": {"type": "Strip", "content": " ", "start": -1, "stop": 0}}, "start of its Strip"),
        ({"post_processor": {**TEMPLATE, "single": TEMPLATE["pair"]}}, "repeats or drops the text"),
        ({"post_processor": {**TEMPLATE, "single": []}}, "repeats or drops the text"),
        ({"post_processor": {**TEMPLATE, "single": TEMPLATE["single"] + TEMPLATE["single"][1:]}}, "repeats or drops"),
        ({"added_tokens": [{"id": 0, "content": "x" * 1_001}]}, "1 to 1,000 characters"),
        ({"added_tokens": [{"id": -1, "content": "x"}]}, "has no number"),
        ({"model": {"type": "Other"}}, "of the kind 'Other'"),
        ({"model": {"type": "BPE", "vocab": {"a": 0, "b": 0}, "merges": []}}, "each its own"),
        ({"model": {"type": "BPE", "vocab": {"a": 2**40}, "merges": []}}, "each its own"),
        ({"model": {"type": "BPE", "vocab": {"a" * 1_001: 0}, "merges": []}}, "1,001 characters"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": [], "dropout": 0.5}}, "by chance"),
        ({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": ["a b"]}}, "not a tokenizer that can be read"),
        ({"model": {"type": "WordPiece", "vocab": {"a": 0}, "max_input_chars_per_word": 10**6}}, "up to 1,000"),
        ({"model": {"type": "Unigram", "vocab": [["a", float("nan")]]}}, "token with its weight"),
        ({"model": {"type": "Unigram", "vocab": [["a", 0.0]], "unk_id": 1}}, "unk_id is no token"),
    ],
    ids=str,
)
def test_parts_that_are_refused(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=f"(?s){message}.*use another base"):
        loaded(tmp_path, described(**changes))


def test_a_key_that_stands_twice_means_the_last(tmp_path: Path) -> None:
    text = tiny_tokenizer().to_str()
    doubled = '{"normalizer": {"type": "Lowercase"},' + text[1:]
    assert json.loads(checked_parts(doubled))["normalizer"] is None
    (tmp_path / "tokenizer.json").write_text(doubled, encoding="utf-8")
    assert encode_plain(load_tokenizer(tmp_path), VERSE) == encode_plain(tiny_tokenizer(), VERSE)


def test_json_that_is_deep_and_files_that_are_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tokenizer.json").write_text("[" * 100_000)
    with pytest.raises(InputError, match="nested too deeply"):
        load_tokenizer(tmp_path)
    monkeypatch.setattr(module, "LARGEST", 50_000)
    with pytest.raises(InputError, match=r"has 0 MB, more than a tokenizer can have"):
        load_tokenizer(tmp_path)


class Panic(BaseException):
    """As a panic of the library arrives: no `Exception`."""


Panic.__name__ = "PanicException"


@pytest.mark.parametrize("error", [Panic("index out of bounds"), ValueError("no such token")])
def test_what_the_library_raises_becomes_a_sentence(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    class Failing:
        encode_special_tokens = False

        def encode_batch_fast(self, texts: list[str], add_special_tokens: bool) -> None:
            raise error

    with pytest.raises(InputError, match=r"The tokenizer fails on a text \((index|no such).*use another base"):
        encode_plain(Failing(), "text")  # type: ignore[arg-type]


def test_ctrl_c_goes_through() -> None:
    class Stopped:
        encode_special_tokens = False

        def encode_batch_fast(self, texts: list[str], add_special_tokens: bool) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        encode_plain(Stopped(), "text")  # type: ignore[arg-type]


class Fake:
    """A tokenizer that gives `ids` and `back` for any text, and takes `seconds` of this process's time."""

    encode_special_tokens = False

    def __init__(self, ids: int, back: int, clock: Any, seconds: float) -> None:
        self.ids, self.back, self.clock, self.seconds = ids, back, clock, seconds
        self.tried = 0

    def encode_batch_fast(self, texts: list[str], add_special_tokens: bool) -> list[Any]:
        self.tried += 1
        self.clock[0] += self.seconds
        return [type("Encoding", (), {"ids": [0] * self.ids})() for _ in texts]

    def decode(self, ids: list[int]) -> str:
        return "x" * self.back


@pytest.mark.parametrize(
    ("ids", "back", "seconds", "message"),
    [
        (0, 0, 0.0, "gives no tokens"),
        (50_000, 1, 0.0, "makes 50,000 tokens"),
        (1, 50_000, 0.0, "50,000 characters"),
        (1, 1, 3.0, "takes 3.0 seconds"),
    ],
)
def test_the_trial_stops_at_the_first_that_is_too_much(
    monkeypatch: pytest.MonkeyPatch, ids: int, back: int, seconds: float, message: str
) -> None:
    clock = [0.0]
    monkeypatch.setattr(module.time, "process_time", lambda: clock[0])
    fake = Fake(ids, back, clock, seconds)
    with pytest.raises(ValueError, match=message):
        module._try_out(fake)  # type: ignore[arg-type]
    assert fake.tried == 1
