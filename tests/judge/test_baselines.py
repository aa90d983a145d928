"""Work beside the networks: in a thread on an accelerator, in turn on a CPU; errors come out where it is asked."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
from judged_blog import Judged

from penname.judge.fit import beside, measure_baselines, scored_posts
from penname.judge.judging import make_subject
from penname.judge.subject import Parts


@pytest.mark.parametrize(("kind", "apart"), [("cpu", False), ("cuda", True)])
def test_where_the_work_is_done(kind: str, apart: bool) -> None:
    device: Any = SimpleNamespace(kind=kind)
    with beside(device, threading.get_ident) as found:
        assert (found() != threading.get_ident()) is apart


@pytest.mark.parametrize("kind", ["cpu", "cuda"])
def test_an_error_comes_out(kind: str) -> None:
    device: Any = SimpleNamespace(kind=kind)
    with beside(device, lambda: 1 // 0) as found, pytest.raises(ZeroDivisionError):
        found()


@pytest.mark.slow
def test_the_same_in_a_thread(judged: Judged) -> None:
    subject = make_subject(judged.workspace, judged.options)
    posts = scored_posts(subject, judged.options)
    device: Any = SimpleNamespace(kind="cuda")
    with beside(device, lambda: measure_baselines(subject, posts, Parts(None), judged.options)) as found:
        apart = found()
    assert apart == measure_baselines(subject, posts, Parts(None), judged.options)
    assert apart.ngram is not None and len(apart.ngram) == 3
    total = sum(len(text.encode()) for text in posts)
    assert judged.report.figures["ngram_test_bits_per_byte"] == pytest.approx(sum(apart.ngram) / total, abs=6e-4)
