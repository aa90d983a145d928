"""Encoding: many texts at once as one by one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny_models import VERSE, tiny_tokenizer

from penname.text import tokenizer as module
from penname.text.tokenizer import encode_all, encode_plain


@given(st.lists(st.text(max_size=40) | st.sampled_from([VERSE, "", "<|endoftext|>"]), max_size=6))
def test_many_texts_are_encoded_as_each_alone(texts: list[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    assert encode_all(tiny_tokenizer(), texts) == [encode_plain(tiny_tokenizer(), text) for text in texts]


def test_long_texts_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts that are encoded in pieces, between others that are not."""
    monkeypatch.setattr(module, "_PIECE", 50)
    found = encode_all(tiny_tokenizer(), ["short", VERSE * 3, "", VERSE])
    assert [tiny_tokenizer().decode(ids) for ids in found] == ["short", VERSE * 3, "", VERSE]
