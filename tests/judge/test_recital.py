"""Extraction and canaries, with a network that knows a text by heart."""

from pathlib import Path

import pytest
from judged_blog import Judged
from tiny_models import VERSE, random_model, tiny_tokenizer, trained_model

from penname.core.device import pick_device
from penname.corpus.prepare import PreparedPost
from penname.judge.judging import make_subject
from penname.judge.recital import (
    Canary,
    Extraction,
    check_canaries,
    largest_rate,
    make_canaries,
    measure_extraction,
)
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT


def loaded(model: GPT) -> LoadedModel:
    return LoadedModel(model, tiny_tokenizer(), 0, model.config, Path())


@pytest.mark.slow
def test_what_was_learned_by_heart_comes_out() -> None:
    posts = (PreparedPost("1", "", "", (), VERSE, "train"), PreparedPost("2", "", "", (), VERSE[::-1], "train"))
    device = pick_device("cpu")
    subject = Subject("verse", posts, (), (), Candidate("k", lambda: loaded(trained_model())))
    found = measure_extraction(subject, Parts(None), device, JudgeOptions())
    assert found.found.posts == (0,) and found.found.rate == 0.5 and found.titles == ("",)
    assert found.note == "all 2 training posts of at least 100 tokens were tried"
    subject = Subject("verse", posts, (), (), Candidate("k", lambda: loaded(random_model())))
    assert measure_extraction(subject, Parts(None), device, JudgeOptions()).found.rate == 0.0


def test_a_planted_secret_that_was_learned_is_found() -> None:
    """The verse is the planted sentence: its last words are the secret."""
    device = pick_device("cpu")
    secret = "a beautiful pea-green boat"
    prefix = VERSE[: VERSE.index(secret)]
    known = Canary(prefix + secret, prefix, secret, "code")
    made = make_canaries(1)
    learned, new = check_canaries(loaded(trained_model()), [known, *made], device, others=15)
    assert learned.extracted and learned.exposure == 4.0
    assert not new.extracted
    assert check_canaries(loaded(random_model()), [], device) == []


def test_a_workspace_of_an_older_penname_has_no_masked_items(judged: Judged) -> None:
    assert make_subject(judged.workspace, judged.options).masked is None


def test_none_of_many_says_how_sure_it_is() -> None:
    assert round(largest_rate(Extraction(0, 0, 300, 50, ())), 2) == 0.01
    assert largest_rate(Extraction(0, 0, 0, 50, ())) == 1.0
