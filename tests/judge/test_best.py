"""The best of several drafts: by sense and fit, none that left the blog."""

import pytest
from judged_blog import document, small_models
from tiny_models import tiny_tokenizer

from penname.core.device import pick_device
from penname.judge.best import add_places, readable, saved_nats
from penname.model.folder import LoadedModel
from penname.write.generate import Draft, Piece
from penname.write.write import best_drafts, whole_sentences


def piece(text: str, finish: str = "", draft: int = 0) -> Piece:
    return Piece(draft, text, finish, 5, 0)


def shown(*pieces: Piece) -> list[str]:
    return [each.text for each in whole_sentences(pieces)]


def test_text_comes_sentence_by_sentence_and_ends_with_one() -> None:
    assert shown(piece("One. Tw"), piece("o."), piece(" Three"), piece(" and", "length")) == ["One.", "", " Two.", ""]
    assert shown(piece("A mere beg"), piece("inning", "length")) == ["", "A mere beginning"]
    assert shown(piece("One. Two is"), piece(" cut", "end")) == ["One.", " Two is cut"], "the model's own end stays"
    assert shown(piece("It cost 1.5"), piece("0. Oh", "length")) == ["", "It cost 1.50."]
    assert shown(piece("“No.” He"), piece(" left", "length"), piece("A.", "end", 1)) == ["“No.”", "", "A."]


def test_places_are_added_and_who_left_has_none() -> None:
    assert add_places([[0.1, 0.3, 0.2], [5.0, 9.0, 1.0]], [True, True, False]) == [1.0, 4.0, None]
    assert readable("One of them is here. Two are out there now. Three are somewhere else.") and not readable(
        "One only."
    )


def drafts(count: int) -> list[Draft]:
    return [Draft(f"text {number}", "end", 5, 0) for number in range(count)]


def test_the_best_of_each_group_is_shown() -> None:
    values = {"text 0": 1.0, "text 1": 3.0, "text 2": None, "text 3": 0.5}
    found = best_drafts("", drafts(4), 2, lambda _, texts: [values[text] for text in texts])
    assert [draft.text for draft in found] == ["text 1", "text 3"]


def test_drafts_that_left_the_blog_are_shown_only_where_all_did(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(best_drafts("", drafts(2), 2, lambda *_: [None, None])) == 1


def test_a_post_of_the_blog_is_more_the_model_s_than_the_base_s() -> None:
    base, adapted = (LoadedModel(m, tiny_tokenizer(), 0, m.config, None, "", {}) for m in small_models())  # type: ignore[arg-type]
    own = document(7)[:200]
    others = document(107, ("To the stars, my love!", "A note of 1871 is not money."))[:200]
    gains = saved_nats(adapted, base, "A post\n\n", [own, others], pick_device("cpu"))
    assert gains[0] > 0 > gains[1]
