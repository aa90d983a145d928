import numpy as np
from tiny_models import tiny_tokenizer

from penname.corpus.tokenizer import encode, encode_replay
from penname.train.batches import Stream

TEXTS = ["The owl went to sea.", "", "In a boat."]


def test_replayed_texts_stand_between_two_ends_and_posts_do_not() -> None:
    tokenizer = tiny_tokenizer()
    plain, marked = encode(tokenizer, TEXTS, 0), encode_replay(tokenizer, TEXTS, 0)
    starts = np.concatenate([[0], plain.ends[:-1]])
    documents = [plain.ids[start:end].tolist() for start, end in zip(starts, plain.ends, strict=True)]
    assert marked.ids.tolist() == [token for document in documents for token in [0, *document]]
    assert marked.ids.dtype == plain.ids.dtype
    assert marked.ends.tolist() == [end + number + 1 for number, end in enumerate(plain.ends)]
    assert marked.text_bytes == plain.text_bytes
    for number, start in enumerate([0, *marked.ends[:-1]]):
        document = marked.ids[start : marked.ends[number]].tolist()
        assert document[0] == document[-1] == 0


def test_in_whatever_order_a_mark_stands_before_each_replayed_text() -> None:
    tokenizer = tiny_tokenizer()
    marked = encode_replay(tokenizer, TEXTS * 5, 0)
    firsts = [encode(tokenizer, [text], 0).ids[0] for text in TEXTS if text]
    seen = 0
    for row in Stream(marked.ids, marked.ends, 12, 1).windows(0, 20):
        begun = [place for place in range(2, row.size) if row[place] in firsts and row[place - 1] == 0]
        seen += len(begun)
        assert all(row[place - 2] == 0 for place in begun)
    assert seen
