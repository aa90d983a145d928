"""Edges of what is told from a text: the letters that tell a language, and shapes of telephone numbers."""

import pytest

from penname.corpus.private_phones import digit_runs, find_phones, flatten
from penname.corpus.stats import UNKNOWN, language_of


def test_a_language_is_told_from_forty_letters_on() -> None:
    text = "thequickbrownfoxjumpsoverthelazydogtoday"
    assert len(text) == 40
    assert language_of(text[:39] + " 1234567890 ...") == UNKNOWN
    assert language_of(text) != UNKNOWN


def test_a_chinese_sign_says_as_much_as_four_letters() -> None:
    assert language_of("天下大勢分久必合合") == UNKNOWN
    assert language_of("天下大勢分久必合合久") != UNKNOWN


def phones(text: str) -> list[str]:
    flat = flatten(text)
    return [text[start:end] for start, end in find_phones(flat, digit_runs(flat))]


@pytest.mark.parametrize("number", ["612 34 56 78", "91 234 56 78", "722 34 56 78"])
def test_spanish_groups(number: str) -> None:
    assert phones(f"Llámame al teléfono {number} mañana.") == [number]
    assert phones(f"Filas {number} y ya.") == [number]


@pytest.mark.parametrize("text", ["Totals 512 34 56 78 and so on", "Code 0000 123 4567 it is", "Rows 612 34 56 7890"])
def test_other_groups_are_numbers(text: str) -> None:
    assert phones(text) == []


def test_a_plus_at_the_very_start_has_nothing_before_it() -> None:
    assert phones("+49 30 1234567 (") == phones("+49 30 1234567") == ["+49 30 1234567"]
