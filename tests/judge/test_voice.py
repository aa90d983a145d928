"""All of voice together, on made-up blogs and on the real ones."""

import json
import random
import re
from pathlib import Path

import pytest

from penname.corpus.words import Passage, post_windows
from penname.judge.classifier import real_vs_generated
from penname.judge.voice import Figure, Voice, measure_voice

SHORT = ["The cat sat.", "It was wet!", "Nobody came, of course.", "I made some tea and waited.", "Why?"]
LONG = [
    (
        "Notwithstanding the considerable evidence assembled by the committee, the members of which had "
        "deliberated for the better part of a year; the proposal was, in the event, rejected by the board."
    ),
    (
        "Whereas the former had been regarded as indispensable, the latter was considered, by most of the "
        "authorities who were consulted upon the matter, an ornament of doubtful utility."
    ),
]


def posts(sentences: list[str], count: int, first: int, length: int = 80) -> list[Passage]:
    numbers = range(first, first + count)
    return [Passage(" ".join(random.Random(n).choices(sentences, k=length)), n) for n in numbers]


def test_another_voice_is_far_from_the_blog() -> None:
    training, heldout = posts(SHORT, 40, 0), posts(SHORT, 8, 100)
    prompts = [passage.post for passage in heldout]
    alike = [Passage(p.text, prompts[n % 8]) for n, p in enumerate(posts(SHORT, 40, 300))]
    other = [Passage(p.text, prompts[n % 8]) for n, p in enumerate(posts(LONG, 40, 300, 10))]
    near, far = measure_voice(alike, heldout, training), measure_voice(other, heldout, training)
    assert near.words == 200
    assert near.auc is not None and far.auc is not None
    assert near.auc.value < 0.75
    assert far.auc.value > 0.99
    assert all(0.2 < value < 0.8 for value in near.halves_auc)
    assert far.function_words.generated > 5 * near.function_words.generated
    worst = [figure.name for figure in far.furthest(8)]
    assert "sentence length, words" in worst
    table = far.rows()
    assert table[0][0] == "real against generated, AUC"
    assert len({name for name, *_ in table}) == len(table)


def test_beginnings_are_compared_with_beginnings() -> None:
    """Posts begin in another manner than they go on: what is written behind openings must not be told by that."""

    def whole(count: int, first: int) -> list[Passage]:
        starts, ends = posts(SHORT, count, first, 60), posts(LONG, count, first, 30)
        return [Passage(f"Once. {start.text} {end.text}", start.post) for start, end in zip(starts, ends, strict=True)]

    heldout, training = whole(8, 100), whole(60, 0)
    written = [Passage(p.text, 100 + n % 8) for n, p in enumerate(posts(SHORT, 40, 300))]
    voice = measure_voice(written, heldout, training, behind=lambda text: text.removeprefix("Once. "))
    assert voice.auc is not None and voice.auc.value < 0.75
    assert all(0.2 < value < 0.8 for value in voice.halves_auc)


def test_passages_are_cut_to_what_most_of_them_have() -> None:
    training, heldout = posts(SHORT, 40, 0), posts(SHORT, 8, 100)
    short = [Passage(" ".join(p.text.split()[:110]), 100 + n % 8) for n, p in enumerate(posts(SHORT, 30, 300))]
    voice = measure_voice(short, heldout, training)
    assert (voice.words, voice.passages) == (100, 30)


def test_a_very_small_blog_gives_what_can_be_measured() -> None:
    training, heldout = posts(SHORT, 2, 0), posts(SHORT, 1, 100)
    voice = measure_voice([Passage(heldout[0].text, 100)] * 3, heldout, training)
    assert voice.auc is None
    assert voice.delta is None
    assert voice.rows()
    nothing = measure_voice([], [], [])
    assert nothing.passages == 0
    assert nothing.rows()


def test_the_furthest_habit_is_not_one_of_rare_chance() -> None:
    rare = Figure("a", generated=0.1, heldout=0.0, halves=0.0001)
    real = Figure("b", generated=40.0, heldout=20.0, halves=2.0)
    voice = Voice(None, (), None, None, (rare, real), rare, words=200, passages=100)
    assert voice.furthest(1) == [real]


@pytest.fixture(scope="module")
def diary() -> list[Passage]:
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / "pepys.jsonl"
    if not path.is_file():
        pytest.skip("skipped: data absent")
    lines = path.read_text(encoding="utf-8").splitlines()[::12]
    return [Passage(re.sub(r"<[^>]+>", "", json.loads(line)["html"]), n) for n, line in enumerate(lines)]


def test_a_diary_against_itself_and_against_its_words_shuffled(diary: list[Passage]) -> None:
    training, heldout = diary[::2], diary[1::4]
    rest = diary[3::4]
    real = post_windows([p.text for p in rest], [p.post for p in rest], 200)[:60]
    shuffled = [Passage(" ".join(random.Random(0).sample(p.text.split(), 200)), p.post) for p in real]
    same, mixed = measure_voice(real, heldout, training), real_vs_generated(real, shuffled)
    assert same.auc is not None and mixed is not None
    assert 0.3 < same.auc.value < 0.7
    assert mixed.value > 0.95
    assert same.delta is not None
    assert same.delta.burrows.percentile < 95
