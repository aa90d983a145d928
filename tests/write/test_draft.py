import numpy as np
import pytest
from taught import END, tokenizer

from penname.model.folder import SamplingSettings
from penname.write.draft import Row
from penname.write.sampling import Candidates


def candidate(token):
    return Candidates(np.array([token]), np.array([1.0]))


@pytest.mark.parametrize("length", [1, 4, 5, 6, 12])
def test_the_penalty_sees_the_tokens_written_last(length):
    start = list(range(10, 10 + length))
    row = Row(tokenizer(), SamplingSettings(penalty_window=5), start, draft=0, end=END)
    for token in range(30, 42):
        assert sorted(each for each in row.recent if each >= 0) == sorted(row.tokens[-5:])
        row.take(candidate(token), lambda: pytest.fail("nothing was refused"))
    assert row.tokens == [*start, *range(30, 42)]


def test_drafts_that_share_what_tokens_are_write_what_they_would_alone():
    known: dict[int, str] = {}
    ids = tokenizer().encode("The garden — né café 🐈 was dry.").ids
    texts = []
    for more in ({"known": known}, {"known": known}, {}):
        row = Row(tokenizer(), SamplingSettings(), [END], draft=0, end=END, **more)
        shown = "".join(row.take(candidate(token), list) for token in [*ids, END])
        texts.append((shown, row.text, row.finish))
    assert texts[0] == texts[1] == texts[2]
    assert texts[0][0] == "The garden — né café 🐈 was dry."
    assert len(known) <= len(set(ids))
