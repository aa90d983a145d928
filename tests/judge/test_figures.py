"""The figures: documented, rounded to what they carry."""

import math
from pathlib import Path

import pytest

from penname.judge.figures import MEANINGS, mean_error
from penname.judge.fit import choose_texts
from penname.judge.subject import Parts, read_training

DOCS = Path(__file__).resolve().parents[2] / "docs" / "report.md"


def test_every_figure_is_documented() -> None:
    text = DOCS.read_text(encoding="utf-8")
    for name, meaning in MEANINGS.items():
        assert f"| `{name}` | {meaning} |" in text, name
    named = [line.split("`")[1] for line in text.splitlines() if line.startswith("| `")]
    assert named == list(MEANINGS)


def test_the_error_of_a_mean() -> None:
    assert mean_error([1.0, 2.0, 3.0, 4.0]) == pytest.approx(1.96 * math.sqrt(5 / 3 / 4))
    assert mean_error([0.5] * 10) == 0
    assert mean_error([1.0]) == math.inf


def test_some_texts_are_drawn_from_all() -> None:
    texts = [f"{number:03}" + "x" * 997 for number in range(200)]
    assert choose_texts(texts, 1.0) == texts
    some = choose_texts(texts, 0.2)
    assert 40 <= len(some) <= 41 and len(set(some)) == len(some) and set(some) <= set(texts)
    assert some == choose_texts(texts, 0.2)
    assert {text[0] for text in some} == {"0", "1"}
    assert len(choose_texts(texts, 1.0, most=50_000)) == 50
    assert len(choose_texts(texts, 0.01)) == 20, "never so few that they say nothing"
    assert choose_texts(texts[:5], 0.2) == texts[:5]
    assert len(choose_texts(["y" * 30_000] * 9, 0.2)) == 3


def test_parts_are_kept_until_their_key_changes(tmp_path: Path) -> None:
    done: list[int] = []

    def work() -> list[int]:
        done.append(1)
        return [1, 2]

    parts = Parts(tmp_path / "judge")
    assert parts.get("a", {"k": 1}, work) == parts.get("a", {"k": 1}, work) == [1, 2]
    assert len(done) == 1
    parts.get("a", {"k": 2}, work)
    assert len(done) == 2
    (tmp_path / "judge" / "a.json").write_text('{"key": "torn', encoding="utf-8")
    parts.get("a", {"k": 2}, work)
    assert len(done) == 3
    Parts(None).get("a", {"k": 2}, work)
    assert len(done) == 4


@pytest.mark.parametrize("text", [None, "", "[1]", "{", '{"losses": 3, "curve": [[1], ["a", 2], [3, NaN], [1, 2]]}'])
def test_what_training_left_may_be_anything(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "training.json"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    training = read_training(path)
    assert training.losses == () and training.curve in ((), ((1.0, 2.0),))
    assert training.best is None
