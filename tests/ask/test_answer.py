"""Answers: quoted word for word, cited, linked to the passage; refused where the blog does not say."""

import json
from pathlib import Path

import pytest
from asked import POSTS, make_workspace

from penname.ask.answer import REFUSAL, AskOptions, ask, link_to
from penname.ask.show import answer_lines
from penname.cli import main
from penname.core.errors import InputError


def test_the_sentence_that_answers_is_quoted_and_cited(tmp_path: Path) -> None:
    answer = ask(make_workspace(tmp_path), "When did I build the shed?")
    first = answer.citations[0]
    assert first.quote == "I built the shed in April 2019 from larch planks."
    assert (first.passage.source.title, first.passage.source.date) == ("The shed", "2019-05-02")
    assert (
        first.link
        == "https://blog.example/shed.html#:~:text=I%20built%20the%20shed%20in%20April%202019%20from%20larch%20planks."
    )


def test_every_quotation_stands_in_its_post(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    texts = {post["title"]: " ".join(post["text"].split()) for post in POSTS}
    for question in ("shed", "the dough", "What did I write in C++?", "What cost 840 euros?", "802.11 radio"):
        answer = ask(workspace, question)
        assert answer.citations, question
        for citation in answer.citations:
            assert citation.quote in texts[citation.passage.source.title]


@pytest.mark.parametrize(
    "question",
    ["Who won the football championship?", "What is the capital of Mongolia?", "xyzzy", "Elephants in the zoo"],
)
def test_the_blog_does_not_say(tmp_path: Path, question: str) -> None:
    workspace = make_workspace(tmp_path)
    answer = ask(workspace, question)
    assert answer.refused and answer.text == REFUSAL and not answer.citations and not answer.nearest
    assert answer.to_json()["answered"] is False


def test_anyway_shows_the_nearest_and_still_answers_nothing(tmp_path: Path) -> None:
    answer = ask(make_workspace(tmp_path), "Which football boots did Anselm wear in Mongolia?", AskOptions(anyway=True))
    assert answer.refused and "Anselm" in answer.nearest[0].quote
    shown = "\n".join(answer_lines(answer))
    assert shown.startswith(REFUSAL) and "Anselm" in shown
    assert answer.to_json()["answered"] is False and answer.to_json()["passages"]


@pytest.mark.parametrize(
    ("question", "title"),
    [
        ("C++", "Languages I have used"),
        (".NET", "Languages I have used"),
        ("802.11", "Languages I have used"),
        ("the craust of the bread", "Bread without kneading"),
        ("KNEADING dough", "Bread without kneading"),
    ],
)
def test_names_numbers_and_misspelt_words_are_found(tmp_path: Path, question: str, title: str) -> None:
    assert ask(make_workspace(tmp_path), question, AskOptions(anyway=True)).citations[0].passage.source.title == title


@pytest.mark.parametrize(
    "question",
    [
        '"',
        "shed OR",
        "NEAR(shed dough, 2)",
        "title:shed",
        "shed*",
        "^shed",
        "(shed",
        "shed AND NOT",
        "'; DROP TABLE posts",
    ],
)
def test_no_sign_reaches_the_parser_of_the_index(tmp_path: Path, question: str) -> None:
    workspace = make_workspace(tmp_path)
    try:
        answer = ask(workspace, question, AskOptions(anyway=True))
    except InputError as error:
        assert "word" in str(error)
    else:
        assert not answer.refused or answer.nearest or "shed" not in question


def test_no_more_than_two_quotations_come_from_a_post_and_the_same_is_quoted_once(tmp_path: Path) -> None:
    filler = "\n".join(f"Paragraph {number} speaks about gardens, ponds and herons. " * 12 for number in range(6))
    same = "The heron came to the pond every morning at six and ate the goldfish."
    posts = [
        {"id": "1", "title": "Pond", "text": f"{filler}\n{same}"},
        {"id": "2", "title": "Again", "text": same},
        {"id": "3", "title": "Third", "text": "Our heron took the goldfish out of another pond in winter, they say."},
    ]
    answer = ask(make_workspace(tmp_path, posts), "heron goldfish pond", AskOptions(count=5, anyway=True))
    shown = answer.citations or answer.nearest
    assert max(sum(each.passage.source.post_id == number for each in shown) for number in "123") <= 2
    assert [each.quote for each in shown].count(same) == 1
    assert any(each.also for each in shown)


def test_json_for_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = make_workspace(tmp_path)
    with pytest.raises(SystemExit) as end:
        main(["ask", "Who helped with the rafters?", "--workspace", str(workspace.folder), "--json"])
    assert end.value.code in (0, None)
    found = json.loads(capsys.readouterr().out)
    assert found["answered"] is True
    assert {"post_id", "title", "date", "url", "text", "score"} <= set(found["passages"][0])
    assert found["passages"][0]["post_id"] == "1" and "Anselm" in found["passages"][0]["text"]


@pytest.mark.parametrize("question", ["", "  ", "?!", '""'])
def test_a_question_without_a_word_is_refused(tmp_path: Path, question: str) -> None:
    with pytest.raises(InputError, match="word"):
        ask(make_workspace(tmp_path), question)


def test_links_name_the_ends_of_a_long_quotation() -> None:
    quote = "one two three four five six-seven, eight & nine ten eleven twelve"
    assert (
        link_to("https://b.example/a", quote)
        == "https://b.example/a#:~:text=one%20two%20three%20four%20five,%26%20nine%20ten%20eleven%20twelve"
    )
    assert link_to("https://b.example/a", "write to [e-mail]") == "https://b.example/a#:~:text=write%20to"
    assert link_to(None, quote) is None
