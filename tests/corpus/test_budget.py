"""One post has a budget: beyond it the post is left out with a reason, and the others are read."""

import re
import signal
import threading
from pathlib import Path

import pytest
from publii_site import make_site, post

from penname.corpus import read
from penname.corpus.budget import OverBudget, budget
from penname.corpus.clean import CleanBody, clean_body
from penname.corpus.read import LeftOut, ReadOptions, read_blog


def count_for_ever() -> None:
    number = 0
    while True:
        number += 1


def test_work_that_does_not_end_is_ended() -> None:
    with pytest.raises(OverBudget), budget(0.05):
        count_for_ever()
    assert signal.getitimer(signal.ITIMER_VIRTUAL) == (0.0, 0.0)


def test_a_pattern_is_ended() -> None:
    with pytest.raises(OverBudget), budget(0.05):
        while True:
            re.sub("(?:a|b)*c", "", "ab" * 2000)


def test_work_that_ends_is_let_be() -> None:
    with budget(5.0):
        found = sum(range(1000))
    assert found == 499500
    with pytest.raises(ValueError), budget(5.0):
        raise ValueError


def test_in_another_thread_time_is_looked_at_afterwards() -> None:
    found: list[str] = []

    def work() -> None:
        try:
            with budget(-1.0):  # however coarse the clock is
                found.append(str(sum(range(100_000))))
        except OverBudget:
            found.append("over")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found[1:] == ["over"]


def test_a_post_over_budget_is_left_out_with_its_title_and_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(source: str, editor: str, *, code: bool = False) -> CleanBody:
        if "slow" in source:
            count_for_ever()
        if "deep" in source:
            raise RecursionError
        return clean_body(source, editor, code=code)

    monkeypatch.setattr(read, "clean_body", slow)
    monkeypatch.setattr(read, "MOST_SECONDS", 0.05)
    monkeypatch.setattr(read, "MOST_CHARACTERS", 5000)
    texts = ["One.", "slow", "deep", "long " * 2000, "Two."]
    site = make_site(tmp_path / "s", [post(n, text=f"<p>{text}</p>") for n, text in enumerate(texts, 1)])
    reading = read_blog(site, ReadOptions())
    assert [entry.text for entry in reading.posts] == ["One.", "Two."]
    tangled = "too tangled: reading it took more than 0 seconds or all memory"
    assert reading.left_out == (
        LeftOut("2", "Post 2", tangled),
        LeftOut("3", "Post 3", tangled),
        LeftOut("4", "Post 4", "too long: 0 million characters, at most 0 are read"),
    )
