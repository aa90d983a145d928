"""One post has a budget: beyond it the post is read in a plainer way, or left out with a reason; others are read."""

import re
import signal
import threading
from pathlib import Path

import pytest
from publii_site import make_site, post

from penname.core import events
from penname.corpus import read
from penname.corpus.budget import OverBudget, budget
from penname.corpus.clean import CleanBody, clean_body, clean_plainly
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
            with budget(-1.0):  # less than none, so that no clock decides
                found.append("done")
        except OverBudget:
            found.append("over")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == ["done", "over"]


def test_a_post_over_budget_keeps_its_words_or_is_left_out_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(source: str, editor: str, *, code: bool = False) -> CleanBody:
        if "slow" in source:
            raise OverBudget
        if "deep" in source:
            raise RecursionError
        return clean_body(source, editor, code=code)

    def plainly(source: str) -> CleanBody:
        if "stuck" in source:
            raise OverBudget
        return clean_plainly(source)

    monkeypatch.setattr(read, "clean_body", slow)
    monkeypatch.setattr(read, "clean_plainly", plainly)
    monkeypatch.setattr(read, "MOST_CHARACTERS", 5000)
    texts = [
        "One.",
        "A <b>slow</b> post: ann@example.org, +49 30 1234567.",
        "deep",
        "slow, stuck",
        "long " * 2000,
        "Two.",
    ]
    site = make_site(tmp_path / "s", [post(n, text=f"<p>{text}</p>") for n, text in enumerate(texts, 1)])
    told: list[events.Event] = []
    with events.listening(told.append):
        reading = read_blog(site, ReadOptions())
    assert [entry.text for entry in reading.posts] == ["One.", "A slow post: [e-mail] [phone].", "deep", "Two."]
    assert reading.masked == {"e-mail": 1, "phone": 1}
    assert [event.text for event in told if "takes too long" in event.text] == [
        "The post “Post 2” takes too long to read as it is written: its words are read without the markup.",
        "The post “Post 3” takes too long to read as it is written: its words are read without the markup.",
    ]
    assert reading.left_out == (
        LeftOut("4", "Post 4", "too tangled: reading it took more than 5 seconds or all memory"),
        LeftOut("5", "Post 5", "too long: 0 million characters, at most 0 are read"),
    )


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "<h2>A</h2><p>One <em>two</em>.<br>Three<p>b &amp; c<script>x < 1</script></p>",
            "A\n\nOne two.\n\nThree\n\nb & c",
        ),
        ('[{"type": "publii-paragraph", "content": "A <b>block</b> \\"said\\".", "config": {}}]', 'A block "said".'),
        ("# Title\n\nSome *words*, a < b.", "# Title\n\nSome *words*, a < b."),
        ("<p>" * 9 + "a<!-- b -->", "a"),
    ],
)
def test_the_plainer_way(source: str, text: str) -> None:
    assert clean_plainly(source).text == text
