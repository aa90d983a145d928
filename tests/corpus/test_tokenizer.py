"""Encoding: many texts at once as one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import VERSE, tiny_tokenizer

from penname.corpus import tokenizer as module
from penname.corpus.tokenizer import encode_all, encode_plain, train_tokenizer


@given(st.lists(st.text(max_size=40) | st.sampled_from([VERSE, "", "<|endoftext|>"]), max_size=6))
def test_many_texts_are_encoded_as_each_alone(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    assert encode_all(tiny_tokenizer(), texts) == [encode_plain(tiny_tokenizer(), text) for text in texts]


def test_long_texts_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are encoded in pieces, between others that are not."""
    monkeypatch.setattr(module, "_PIECE", 50)
    found = encode_all(tiny_tokenizer(), ["short", VERSE * 3, "", VERSE])
    assert [tiny_tokenizer().decode(ids) for ids in found] == ["short", VERSE * 3, "", VERSE]


@pytest.mark.parametrize("sign", ["q", "ж", "=", "_", " ", "\n"])
def test_words_of_very_many_letters_stay_out_of_training(sign: str) -> None:
    """Runs of one character too; what is learned is what is learned without them, and they are encoded all the same."""
    long = sign * 600
    with_long = train_tokenizer([f"{VERSE} {long} end"] * 3, 400)
    learned = [with_long.decode([number]) for number in range(with_long.get_vocab_size())]
    assert max(entry.count(sign) for entry in learned) <= 2
    assert with_long.decode(encode_plain(with_long, f"so {long} far")) == f"so {long} far"


def test_words_of_ordinary_length_stay_in_training() -> None:
    word = "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft"
    learned = train_tokenizer([f"die {word} und"] * 20, 400)
    assert learned.token_to_id("Ġ" + word.replace("ä", "Ã¤")) is not None


def test_a_run_is_passed_over_whole() -> None:
    texts = ["a" * 257, "a" * 256, "x " + "ab" * 200 + " y", "-" * 300 + "b", "\n" * 300 + "c"]
    assert [module._TOO_LONG.sub(" ", text) for text in texts] == [" ", "a" * 256, "x   y", " b", " c"]


def test_a_long_text_is_learned_from_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is learned is the same: pieces begin where a word does."""
    text = " ".join(VERSE.split() * 9)
    whole = train_tokenizer([text], 400).to_str()
    monkeypatch.setattr(module, "_LEARNED_AT_ONCE", 100)
    assert train_tokenizer([text], 400).to_str() == whole
