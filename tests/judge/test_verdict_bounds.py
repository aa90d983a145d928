"""Where each sentence of the verdict begins and ends: just on one side of its figure, and just on the other."""

from types import SimpleNamespace as Made
from typing import Any

import pytest
from test_verdict import FAR, GOOD_FIGURES

from penname.judge.subject import Training
from penname.judge.target import AT_LEAST, AT_MOST, Check, Limit, check_figures, find_limits
from penname.judge.verdict import GOOD, HELP, NOT, find_verdict, headline, ordinal
from penname.judge.voice import Figure

SMALL, LARGE = 44_000_000, 300_000_000


def sentences(kind: str, weights: int = SMALL, training: Training | None = None, **changes: Any) -> list[str]:
    found = find_verdict(GOOD_FIGURES | changes, training or Training(), FAR, weights)
    return [each.text for each in found if each.kind == kind]


@pytest.mark.parametrize(
    ("kind", "name", "told", "not_told"),
    [
        (GOOD, "gain_percent_high", -2.0, -1.9),
        (GOOD, "real_vs_generated_auc_high", 0.85, 0.851),
        (GOOD, "base_real_vs_generated_auc_low", 0.851, 0.85),
        (GOOD, "delta_percentile_high", 90, 90.1),
        (GOOD, "base_delta_percentile", 91, 90),
        (GOOD, "sense_low", 60, 59),
        (GOOD, "extraction_rate", 0.0, None),
        (GOOD, "extraction_tried", 10, 9),
        (NOT, "real_vs_generated_auc_low", 0.851, 0.85),
        (NOT, "delta_percentile_low", 90.1, 90),
        (NOT, "sense_low", 59, 60),
        (NOT, "known_word_rate", 0.969, 0.9701),
        (NOT, "looping_rate", 0.021, 0.02),
        (NOT, "private_leaks", 1, 0),
        (NOT, "forgetting_bits_per_byte", 0.051, 0.05),
        (NOT, "copy_ratio_8gram_unguarded_low", 2.01, 2.0),
        (NOT, "extraction_rate", 0.0101, 0.01),
    ],
)
def test_a_sentence_more_beyond_its_figure(kind: str, name: str, told: Any, not_told: Any) -> None:
    beyond, before = (sentences(kind, **{name: value}) for value in (told, not_told))
    assert len(beyond) == len(before) + 1


def test_every_good_sentence_needs_all_its_figures() -> None:
    for name in ("gain_percent", "test_bits_per_byte", "base_test_bits_per_byte"):
        assert len(sentences(GOOD, **{name: None})) == 3, name
    assert len(sentences(GOOD, side="validation")) == 3, "figures of the side that was judged"
    other = {"validation_bits_per_byte": 1.31, "base_validation_bits_per_byte": 1.5}
    assert "1.31" in sentences(GOOD, side="validation", **other)[0]
    assert len(sentences(GOOD, halves_auc=None)) == 4 and "52" not in "".join(sentences(GOOD, halves_auc=None))


def test_of_a_large_network_nothing_is_said_about_facts() -> None:
    assert len(sentences(NOT, 200_000_000)) == 0 and len(sentences(NOT, 199_999_999)) == 1
    assert "2 million" in sentences(NOT, 2_000_000)[0]
    assert "1,999,999" in sentences(NOT, 1_999_999)[0]


def test_reciting_is_two_posts_and_one_in_a_hundred_or_twice_the_usual() -> None:
    def recites(**changes: Any) -> bool:
        return headline(GOOD_FIGURES | changes) == headline(GOOD_FIGURES | {"copy_ratio_8gram_unguarded_low": 9})

    assert not recites(extraction_rate=0.01, extraction_tried=1000)
    assert recites(extraction_rate=0.0101, extraction_tried=1000)
    assert not recites(extraction_rate=0.05, extraction_tried=30), "a post and a half is no more than one"
    assert recites(extraction_rate=0.05, extraction_tried=31)
    assert not recites(extraction_rate=0.05, extraction_tried=None)
    assert not recites(copy_ratio_8gram_unguarded_low=2.0) and recites(copy_ratio_8gram_unguarded_low=2.1)
    assert not recites(copy_ratio_8gram_unguarded=9), "a few finds are no habit"


def test_what_is_recited_is_told_in_figures() -> None:
    both = sentences(NOT, extraction_rate=0.05, copy_ratio_8gram_unguarded=3.5)[1]
    assert "5.0%" in both and "3.5 times" in both
    assert "times" not in sentences(NOT, extraction_rate=0.05, copy_ratio_8gram_unguarded=1.0)[1]
    assert "1.1 times" in sentences(NOT, extraction_rate=0.05, copy_ratio_8gram_unguarded=1.1)[1]
    assert (
        "%"
        not in sentences(NOT, extraction_rate=0.0, copy_ratio_8gram_unguarded=3.5, copy_ratio_8gram_unguarded_low=2.5)[
            1
        ]
    )
    assert "10 of 200" in sentences(GOOD, extraction_rate=0.009, extraction_tried=1_111)[-1].replace("1,111", "200")


@pytest.mark.parametrize(
    ("name", "one", "other"),
    [
        ("gain_percent", -2.0, -1.9),
        ("looping_rate", 0.1, 0.11),
        ("known_word_rate", 0.941, 0.939),
        ("real_vs_generated_auc_high", 0.85, 0.86),
        ("delta_percentile_low", 90, 91),
        ("sense_low", 60, 59),
        ("samples", 10, 9),
    ],
)
def test_the_headline_changes_at_its_figure(name: str, one: float, other: float) -> None:
    good = headline(GOOD_FIGURES)
    assert headline(GOOD_FIGURES | {name: one}) == good != headline(GOOD_FIGURES | {name: other})


def test_the_headline_without_figures() -> None:
    for name in ("real_vs_generated_auc_high", "base_real_vs_generated_auc_low", "sense_high", "samples"):
        assert headline(GOOD_FIGURES | {name: None}) != headline(GOOD_FIGURES), name
    assert headline(GOOD_FIGURES | {"gain_percent": None}) == headline(GOOD_FIGURES)
    assert headline(GOOD_FIGURES | {"heldout_known_word_rate": None}) == headline(GOOD_FIGURES)


def helps(weights: int = LARGE, training: Training | None = None, **changes: Any) -> list[str]:
    return sentences(HELP, weights, training, **changes)


def test_at_most_two_things_help_and_the_last_resort_is_nothing() -> None:
    assert len(helps()) == 1 and "Nothing" in helps()[0]
    assert len(helps(looping_rate=0.5, forgetting_bits_per_byte=0.2, training_words=100)) == 2


@pytest.mark.parametrize(
    ("name", "told", "not_told"),
    [
        ("looping_rate", 0.021, 0.02),
        ("training_words", 59_999, 60_000),
        ("passes", 1.49, 1.5),
        ("forgetting_bits_per_byte", 0.051, 0.05),
    ],
)
def test_what_helps_begins_at_its_figure(name: str, told: float, not_told: float) -> None:
    assert len(helps(**{name: told})) == 2 and len(helps(**{name: not_told})) == 1


def test_minutes_follow_from_what_was_read() -> None:
    once = helps(training=Training(seconds=300), passes=0.5)[0]
    assert "50% of your blog once" in once and "11 minutes" in once and "--minutes 11" in once
    assert "1.0 times" in helps(training=Training(seconds=300), passes=0.996)[0]
    assert "99%" in helps(training=Training(seconds=300), passes=0.994)[0]
    twice = helps(training=Training(seconds=300), passes=1.25)[0]
    assert "reading it twice takes about 9 minutes" in twice
    assert "two to three times" in helps(passes=0.5)[0] and not any("minutes" in text for text in helps(passes=0))


def test_a_stronger_base_helps_a_small_network_that_does_not_pass() -> None:
    assert "stronger base" in helps(199_999_999, sense_low=50)[0]
    assert helps(200_000_000, sense_low=50) == []
    assert "stronger base" in helps(SMALL, real_vs_generated_auc_low=0.9)[0]
    assert "stronger base" in helps(SMALL, delta_percentile_low=95)[0]


def test_a_run_whose_best_was_in_its_first_three_quarters_was_too_long() -> None:
    def best_at(place: int) -> Training:
        return Training(curve=((0, 2.0), (place, 1.0), (100, 1.5)))

    assert len(helps(training=best_at(74))) == 2 and "74%" in helps(training=best_at(74))[0]
    assert len(helps(training=best_at(75))) == 1


def test_the_two_habits_that_are_furthest_off_are_named() -> None:
    habits = [Figure(name, got, own, 1.0) for name, got, own in (("commas", 50, 20), ("dots", 3, 5), ("colons", 2, 1))]
    found = find_verdict(GOOD_FIGURES | {"delta_percentile_low": 95}, Training(), habits, SMALL)
    text = " ".join(each.text for each in found if each.kind == NOT)
    assert "commas 50.0" in text and "20.0" in text and "dots 3.0" in text and "colons" not in text


def test_an_error_of_two_standard_errors_is_beyond_doubt() -> None:
    limit = Limit("rep_4", AT_MOST, 0.02)
    assert Check(limit, 0.06, False, 0.04, 0.02).beyond == 0
    assert Check(limit, 0.06, False, 0.04, 0.019).beyond == pytest.approx(0.002)
    assert "over by 4%" in Check(limit, 0.06, False, 0.04, 0.02).sentence
    assert [check.met for check in check_figures([limit], {"rep_4": 0.02})] == [True]
    assert [check.met for check in check_figures([Limit("rep_4", AT_LEAST, 0.02)], {"rep_4": 0.02})] == [True]
    assert check_figures([Limit("rep_4", AT_LEAST, 0.5)], {"rep_4": 0.2})[0].short == pytest.approx(0.3)
    assert check_figures([limit], {"rep_4": 0.01})[0].short == 0


def test_ordinals_of_a_hundred_and_more() -> None:
    assert [ordinal(n) for n in (0, 10, 14, 19, 20, 22, 23, 101, 110, 111, 113, 121)] == (
        ["0th", "10th", "14th", "19th", "20th", "22nd", "23rd", "101st", "110th", "111th", "113th", "121st"]
    )


def limits(known: float = 0.97, halves: tuple[float, ...] = (0.5, 0.54), loops: bool = False) -> dict[str, Limit]:
    text = "a b a b a b" if loops else "a b c d e f"
    judgement = Made(
        subject=Made(spare=[Made(text=text)] * 20, training=[Made(text="x")]),
        voice=Made(halves_auc=halves),
        passages=Made(guarded=[Made(text="a b c d e f")]),
        vocabulary=frozenset("abcdef") if known == 1 else frozenset("abcde"),
        options=Made(max_copy=12),
    )
    return {each.name: each for each in find_limits(judgement)}


def test_limits_follow_from_the_blog() -> None:
    found = limits()
    assert found["real_vs_generated_auc"].value == 0.82 and "0.52" in found["real_vs_generated_auc"].reason
    assert limits(halves=())["real_vs_generated_auc"].value == 0.8
    assert limits(halves=(0.3,))["real_vs_generated_auc"].value == 0.8, "never under a half"
    assert limits(halves=(0.9, 0.8))["real_vs_generated_auc"].value == 0.95
    assert found["known_word_rate"].value == 0.745 and found["known_word_rate"].bound == AT_LEAST
    assert limits(known=1)["known_word_rate"].value == 0.995
    assert found["rep_4"].value == 0.005 and limits(loops=True)["rep_4"].value == 0.505
    fixed = (
        "delta_percentile",
        "longest_copied_run",
        "copy_ratio_8gram",
        "extraction_rate",
        "forgetting_bits_per_byte",
    )
    assert [found[name].value for name in fixed] == [90, 12, 1.5, 0.01, 0.03]
    assert all(found[name].bound == AT_MOST for name in fixed)
