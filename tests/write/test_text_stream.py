from hypothesis import given, settings
from hypothesis import strategies as st
from taught import tokenizer

from penname.corpus.tokenizer import encode_plain
from penname.write.draft import TextStream

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufffd"), max_size=40)


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_pieces_are_whole_characters_and_add_up(text):
    stream = TextStream(tokenizer())
    pieces = [stream.push(token) for token in encode_plain(tokenizer(), text)]
    assert "".join(pieces) + stream.flush() == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_peeking_changes_nothing():
    stream = TextStream(tokenizer())
    ids = encode_plain(tokenizer(), "né 🐈 é")
    shown = ""
    for token in ids:
        peeked = stream.peek(token)
        assert peeked == stream.peek(token)
        pushed = stream.push(token)
        assert pushed in ("", peeked)
        shown += pushed
    assert shown == "né 🐈 é"


def test_what_never_becomes_a_character_is_shown_in_the_end():
    lone = encode_plain(tokenizer(), "🐈")[0]
    stream = TextStream(tokenizer())
    assert stream.push(lone) == ""
    assert stream.flush() == "\ufffd"
    assert stream.flush() == ""
    shown = [stream.push(lone) for _ in range(20)]
    assert any(shown)


def test_tokenizers_that_drop_the_first_space_keep_it_here():
    from tokenizers import Tokenizer, decoders, models, normalizers

    vocabulary = {"<unk>": 0, "▁a": 1, "▁b": 2, "c": 3, "a": 4}
    other = Tokenizer(models.BPE(vocabulary, [], unk_token="<unk>"))
    other.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    other.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    stream = TextStream(other)
    assert "".join(stream.push(token) for token in (2, 3, 1)) == " bc a"
