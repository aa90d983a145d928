"""Passages: their openings, and that the guard's passages are as if all had been written with it."""

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from judged_blog import Judged
from patching import everywhere

from penname.corpus.prepare import PreparedPost
from penname.judge import passages
from penname.judge.judging import make_subject
from penname.judge.passages import Opening, behind_opening, find_openings
from penname.judge.subject import JudgeOptions, Parts
from penname.write.copying import CopyIndex
from penname.write.guard import CopyGuard


def post(text: str, number: int = 1, title: str = "A title") -> PreparedPost:
    return PreparedPost(number, title, "", (), text, "test")


def test_an_opening_ends_with_a_sentence_or_a_line() -> None:
    words = " ".join(f"w{n}" for n in range(33))
    (found,) = find_openings([post(f"{words}. And then {words}.")])
    assert found.text == f"A title\n\n{words}." and found.rest == 35
    (found,) = find_openings([post(f"{words}\nAnd then {words}.")])
    assert found.text == f"A title\n\n{words}"
    (found,) = find_openings([post(" ".join(f"w{n}" for n in range(100)), title="")])
    assert len(found.text.split()) == 40 and found.rest == 60


def test_a_post_that_is_over_with_its_opening_has_none() -> None:
    assert find_openings([post("Too short."), post(""), post("word " * 40)]) == []


@given(st.text(alphabet="ab .!?\n\t", max_size=400))
def test_an_opening_is_the_beginning(text: str) -> None:
    for found in find_openings([post(text)]):
        opening = found.text.removeprefix("A title\n\n")
        assert text.startswith(opening) and 30 <= len(opening.split()) <= 50
        assert behind_opening(text).split() == text.split()[len(opening.split()) :]
        assert found.rest == len(text.split()) - len(opening.split())


SOURCE = "the quick brown fox jumps over the lazy dog and runs far away from here today"


def drafts(texts: list[str]) -> Any:
    """A `generate_batch` that plays back `texts`, word by word, and takes "else" where a word is refused."""
    calls: list[list[str]] = []

    def generate_batch(model: Any, tokenizer: Any, prompts: list[str], *_a: Any, blocked: Any, **_n: Any) -> Any:
        calls.append(prompts)
        out = []
        for number, (prompt, refuse) in enumerate(zip(prompts, blocked, strict=True)):
            whole = texts[number] if len(calls) == 1 else next(t for t in texts if prompt.startswith("Opening"))
            written = prompt.partition("|")[2]
            text = ""
            for word in whole[len(written) :].split():
                piece = f" {word}"
                text += " else" if refuse(text, piece) else piece
            out.append(SimpleNamespace(text=text, ended=True))
        return out

    return generate_batch, calls


def test_only_what_the_guard_would_have_stopped_is_written_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from penname.write import generate

    texts = [f" {SOURCE}", " all of this is new and nothing was ever said like it before now"]
    fake, calls = drafts(texts)
    everywhere(monkeypatch.setattr, generate, "generate_batch", fake)
    guard = CopyGuard(CopyIndex([SOURCE]), 5)
    openings = [Opening(1, "", "Opening|", 99), Opening(2, "", "Opening|", 99)]
    loaded: Any = SimpleNamespace(model=None, tokenizer=None, end=0)
    settings: Any = None
    device: Any = None
    free, guarded = passages._write_both(loaded, openings, [(), ()], settings, guard, device, 200)
    assert [each.text for each in free] == [text.strip() for text in texts]
    assert calls[1] == ["Opening| the quick brown fox jumps"], "from where the guard steps in, and this one alone"
    assert guarded[1] == free[1]
    assert guarded[0].text.startswith("the quick brown fox jumps else the lazy") and guarded[0].stopped
    assert guard.index.longest_run(guarded[0].text).words <= 5


def test_passages_are_cut_and_the_cut_ones_have_not_ended() -> None:
    opening = Opening(1, "", "x", 9)
    assert passages._written(opening, " one two\n\nthree ", True, False, 3).text == "one two\n\nthree"
    assert passages._written(opening, " one two\n\nthree ", True, False, 3).ended
    cut = passages._written(opening, " one two\n\nthree", True, False, 2)
    assert cut.text == "one two" and not cut.ended


@pytest.mark.slow
def test_the_guard_keeps_its_promise_with_a_real_network(judged: Judged) -> None:
    """A model that knows its posts by heart, and a guard of three words."""
    subject = make_subject(judged.workspace, judged.options)
    guard = CopyGuard(CopyIndex([each.document for each in subject.training]), 3)
    options = JudgeOptions(passages=10, words=40, device="cpu")
    from penname.core.device import pick_device

    found = passages.write_passages(subject, Parts(None), guard, pick_device("cpu"), options)
    runs = [guard.index.longest_run(each.text).words for each in found.guarded]
    assert max(runs) <= 3 < max(guard.index.longest_run(each.text).words for each in found.free)
    assert found.stopped == sum(one != two for one, two in zip(found.free, found.guarded, strict=True)) > 0
    assert {each.post for each in found.free} == set("01234"), "few test posts: the validation posts open too"
