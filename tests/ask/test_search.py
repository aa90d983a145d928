"""Ranking: synonyms, irregular forms, words that only ask, and from where on a question is answered."""

from pathlib import Path

import pytest
from asked import make_workspace

from penname.ask.index import open_index
from penname.ask.refusal import USUAL, calibrate, surety
from penname.ask.search import read_question, search
from penname.ask.thesaurus import is_english, synonyms

SUBJECTS = [
    "kettles",
    "barges",
    "lanterns",
    "orchards",
    "violins",
    "bridges",
    "glaciers",
    "bakeries",
    "harbours",
    "owls",
]


def posts(count: int = 40) -> list[dict[str, str]]:
    return [
        {
            "id": str(number),
            "title": f"On {SUBJECTS[number % 10]} {number}",
            "text": f"I went to see the {SUBJECTS[number % 10]} of the town and they were old. We bought one for "
            f"{number} euros from a man who has repaired {SUBJECTS[(number + 3) % 10]} all his life.",
        }
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("question", "title"),
    [("automobiles", "Car"), ("Where did he purchase it?", "Buying"), ("Who was ill?", "Malady")],
)
def test_a_synonym_is_found(tmp_path: Path, question: str, title: str) -> None:
    texts = {
        "Car": "The car stood in the rain, and the owner of it was away.",
        "Buying": "I bought it in the shop at the corner that was open.",
        "Malady": "My brother had an ailment for a week and was in his bed.",
    }
    listed = [{"id": name, "title": name, "text": text} for name, text in texts.items()]
    with open_index(make_workspace(tmp_path, listed)) as index:
        assert index.passage(search(index, question).found[0].number).source.title == title


def test_the_word_itself_counts_more_than_its_synonym(tmp_path: Path) -> None:
    listed = [
        {"id": "1", "title": "", "text": "It was the automobile that I sold to him in the end."},
        {"id": "2", "title": "", "text": "It was the car that I sold to him in the end."},
    ]
    with open_index(make_workspace(tmp_path, listed)) as index:
        assert index.passage(search(index, "car").found[0].number).source.post_id == "2"


def test_words_that_only_ask_count_in_a_sentence_and_not_in_a_question(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path)) as index:
        asked = {word for term in read_question(index, "When did he build the shed?") for word in term.words}
        said = {word for term in read_question(index, "the shed that he built") for word in term.words}
        assert {"build", "built", "shed"} <= asked and not asked & {"when", "did", "he", "the"}
        assert {"the", "that", "he"} <= said
        assert [term.words for term in read_question(index, "Who was it?")]


def test_an_english_word_is_not_taken_for_a_misspelt_one(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path)) as index:
        assert [term.read_as for term in read_question(index, "spring sheds roofs")] == ["", "", ""]
        assert [term.read_as for term in read_question(index, "raftrs")] == ["rafters"]
        assert [term.read_as for term in read_question(index, "brother bother")] == ["", ""]


def test_synonyms_are_of_english_and_known_by_stem() -> None:
    assert "car" in synonyms("automobil") and synonyms("no such stem") == () and synonyms("") == ()
    assert is_english("brother") and not is_english("raftrs")


def test_a_small_blog_has_the_usual_threshold(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path)) as index:
        assert calibrate(index).threshold == USUAL


def test_the_threshold_is_chosen_on_the_blog(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path, posts())) as index:
        refusal = calibrate(index)
        assert refusal == calibrate(index)
        assert refusal.foreign_refused is not None and refusal.foreign_refused >= 0.9
        assert surety(index, search(index, "Who repaired the violins?")) > refusal.threshold
        assert surety(index, search(index, "What is the capital of Mongolia?")) < refusal.threshold
