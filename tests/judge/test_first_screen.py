"""The words of the first screen rest on whole intervals, and agree with the headline."""

from typing import Any

import pytest

from penname.judge.first_screen import UNKNOWN, four_questions
from penname.judge.verdict import HELP, Sentence, headline

GOOD: dict[str, Any] = {
    "samples": 30,
    "gain_percent": -9.0,
    "real_vs_generated_auc": 0.7,
    "real_vs_generated_auc_low": 0.6,
    "real_vs_generated_auc_high": 0.8,
    "base_real_vs_generated_auc": 0.96,
    "base_real_vs_generated_auc_low": 0.93,
    "delta_percentile": 40,
    "delta_percentile_low": 20,
    "delta_percentile_high": 60,
    "base_delta_percentile": 99,
    "sense": 90,
    "sense_low": 80,
    "sense_high": 97,
    "longest_copied_run": 9,
    "longest_copied_run_unguarded": 14,
    "extraction_rate": 0.0,
    "passes": 0.25,
}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ["Yes", "Yes", "No"]),
        ({"samples": 3}, [UNKNOWN, UNKNOWN, "No"]),
        ({"sense_low": 10, "sense_high": 40}, ["Yes", "No", "No"]),
        ({"sense_low": 40}, ["Yes", UNKNOWN, "No"]),
        ({"real_vs_generated_auc_low": 0.9, "real_vs_generated_auc_high": 0.99}, ["In part", "In part", "No"]),
        ({"base_delta_percentile": 40, "base_real_vs_generated_auc_low": 0.5}, [UNKNOWN, "In part", "No"]),
        ({"extraction_rate": 0.05, "extraction_tried": 200}, ["Yes", "Yes", "Yes"]),
    ],
)
def test_words(change: dict[str, Any], words: list[str]) -> None:
    figures = GOOD | change
    assert [each.word for each in four_questions(figures, [])][:3] == words
    assert headline(figures).startswith("Good") == (words == ["Yes", "Yes", "No"])


def test_what_now_is_the_first_thing_that_helps() -> None:
    helps = [Sentence(HELP, "More minutes: --minutes 40."), Sentence(HELP, "A stronger base.")]
    assert four_questions(GOOD, helps)[3].told == helps[0].text
    assert four_questions(GOOD, [])[3].word == "Write"


def test_nothing_measured_is_no_answer() -> None:
    assert {each.word for each in four_questions({}, [])[:3]} == {UNKNOWN}
