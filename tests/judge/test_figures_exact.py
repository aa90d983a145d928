"""The figures of a report, one by one, from a judgement whose every number is another."""

import math
from types import SimpleNamespace as Made
from typing import Any

import numpy as np
import pytest

from penname.judge.figures import (
    MEANINGS,
    Interval,
    _drawn,
    bits_per_byte_interval,
    decimals,
    list_figures,
    mean_error,
    noise_floor,
)

HALF = "a b c d e f g h"
LOOP = "a b a b a b a b"


def judgement(**changes: Any) -> Any:
    interval = Interval
    fit = Made(
        adapted=interval(1.23456, 1.2, 1.3),
        base=interval(1.5, 1.4, 1.6),
        gain=interval(-0.26544, -0.3, -0.2),
        scratch=interval(1.7777, 1, 2),
        ngram=interval(2.2222, 2, 3),
        xz=2.55555,
        forgetting=interval(0.01234, 0, 1),
        posts=41,
    )
    voice = Made(
        auc=Made(value=0.71234, low=0.651, high=0.789),
        halves_auc=(0.5, 0.56),
        delta=Made(
            burrows=Made(percentile=76.6, value=1.0, samples=(0.9, 1.1), own_samples=(0.8, 0.95, 1.2, 2.0)),
            cosine=Made(percentile=12.4),
            size=1200,
        ),
        heldout_delta=Made(burrows=Made(percentile=33.3)),
        control_auc=Made(value=0.97111, low=0.952, high=0.991),
        control_delta=Made(burrows=Made(percentile=99.7)),
        figures=[Made(generated=14.1234, heldout=15.9876)],
        function_words=Made(generated=1.23456, halves=0.98765),
        passages=12,
        words=200,
    )
    report = Made(longest=9, longest_heldout=7, ratio=0.12345, share=0.04567, heldout_share=0.05678)
    free = Made(longest=14, longest_heldout=8, ratio=1.23456, share=0.06789, heldout_share=0.0789)
    texts = [Made(text=text, opening=opening) for text, opening in ((HALF, "a"), (LOOP, "b"), (HALF, "a"), (HALF, "c"))]
    fluency = Made(
        known_word_rate=0.98765, rep={2: 0.21, 3: 0.17, 4: 0.12345}, distinct={2: 0.876}, looping=0.0456, ended=0.1678
    )
    values: dict[str, Any] = {
        "subject": Made(name="owl", training=[1, 2, 3], training_words=4321, base_name="nest", base_is_open=True),
        "options": Made(side="test", seed=5),
        "device": Made(name="a device"),
        "fit": fit,
        "voice": voice,
        "sentences": ([14.0, 15.0, 13.0, 14.5], [15.0, 17.0]),
        "copying": Made(
            free=free,
            guarded=report,
            surely=0.98765,
            recited=Made(found=Made(rate=0.01666, near_rate=0.0333, tried=60)),
        ),
        "passages": Made(guarded=texts, stopped=1),
        "fluency": fluency,
        "heldout_fluency": Made(known_word_rate=0.99111, rep={4: 0.0111}, distinct={2: 0.923}),
        "vocabulary": frozenset("abcd"),
        "base_bits": interval(1.11119, 1.0, 1.2),
        "heldout_ended": 0.20004,
        "private": Made(items=3, leaks=["x"], looks_private=["y", "z"], in_posts=["z"]),
        "seconds": 12.34,
        "sense": Made(value=81.4, low=66.7, high=99.2),
        "base_sense": Made(value=55.2, low=40.4, high=70.3),
    }
    return Made(**{**values, **changes})


def figures(**changes: Any) -> dict[str, Any]:
    return list_figures(judgement(**changes), "2026-11-28", before=100.0, verdict=["One.", "Two."])


def test_all_figures_in_their_order() -> None:
    found = figures()
    assert list(found) == list(MEANINGS)
    expected = {
        "blog": "owl",
        "side": "test",
        "seed": 5,
        "training_posts": 3,
        "training_words": 4321,
        "heldout_posts": 41,
        "test_bits_per_byte": 1.235,
        "test_bits_per_byte_low": 1.2,
        "test_bits_per_byte_high": 1.3,
        "base_test_bits_per_byte": 1.5,
        "scratch_test_bits_per_byte": 1.778,
        "ngram_test_bits_per_byte": 2.222,
        "xz_test_bits_per_byte": 2.556,
        "validation_bits_per_byte": None,
        "gain_bits_per_byte": -0.265,
        "gain_percent": -17.7,
        "forgetting_bits_per_byte": 0.012,
        "real_vs_generated_auc": 0.71,
        "real_vs_generated_auc_low": 0.65,
        "real_vs_generated_auc_high": 0.79,
        "gain_percent_low": -20.0,
        "gain_percent_high": -13.3,
        "base_real_vs_generated_auc": 0.97,
        "base_real_vs_generated_auc_low": 0.95,
        "base_real_vs_generated_auc_high": 0.99,
        "sense": 81,
        "sense_low": 67,
        "sense_high": 99,
        "base_sense": 55,
        "base_sense_low": 40,
        "base_sense_high": 70,
        "delta_percentile_low": 25,
        "delta_percentile_high": 50,
        "base_delta_percentile": 100,
        "samples": 3,
        "halves_auc": 0.53,
        "delta_percentile": 77,
        "cosine_delta_percentile": 12,
        "heldout_delta_percentile": 33,
        "sentence_words": 14.1,
        "heldout_sentence_words": 16.0,
        "function_words_difference": 1.23,
        "halves_function_words_difference": 0.99,
        "longest_copied_run": 9,
        "longest_copied_run_unguarded": 14,
        "heldout_longest_copied_run": 8,
        "copy_ratio_8gram": 0.12,
        "copy_ratio_8gram_unguarded": 1.2,
        "copy_ratio_8gram_unguarded_low": 0.99,
        "copied_8gram_share": 0.068,
        "heldout_copied_8gram_share": 0.079,
        "guarded_rate": 0.25,
        "extraction_rate": 0.0167,
        "extraction_near_rate": 0.0333,
        "extraction_tried": 60,
        "distinct_2": 0.88,
        "heldout_distinct_2": 0.92,
        "looping_rate": 0.046,
        "ended_rate": 0.168,
        "heldout_ended_rate": 0.2,
        "generated_base_bits_per_byte": 1.1,
        "private_items": 3,
        "private_leaks": 1,
        "private_looking": 2,
        "private_in_posts": 1,
        "passages": 4,
        "passage_words": 200,
        "judging_seconds": 12.3,
        "seconds": 112.3,
        "verdict": ["One.", "Two."],
    }
    assert {name: found[name] for name in expected} == expected


def test_a_rate_has_the_digits_that_its_passages_carry() -> None:
    found = figures()
    # Of four passages one repeats itself: 5 of 7, 4 of 6 and 3 of 5 sequences, half a word in two is known.
    assert (found["rep_2"], found["rep_3"], found["rep_4"]) == (0.2, 0.2, 0.1)
    assert (found["known_word_rate"], found["heldout_known_word_rate"], found["heldout_rep_4"]) == (1.0, 1.0, 0.0)
    alike = figures(passages=Made(guarded=[Made(text=HALF, opening="a")] * 4, stopped=0))
    assert (alike["rep_4"], alike["known_word_rate"], alike["heldout_known_word_rate"]) == (0.123, 0.988, 0.991)
    assert alike["guarded_rate"] == 0


def test_what_was_not_measured_is_null() -> None:
    nothing = Made(found=Made(rate=0.0, near_rate=0.0, tried=0))
    copying = judgement().copying
    found = figures(
        copying=Made(**{**vars(copying), "recited": nothing}),
        private=Made(items=None, leaks=[], looks_private=[], in_posts=[]),
        base_bits=None,
        passages=Made(guarded=[], stopped=0),
        fluency=Made(**{**vars(judgement().fluency), "ended": None}),
    )
    for name in ("extraction_rate", "extraction_near_rate", "private_items", "private_leaks", "ended_rate"):
        assert found[name] is None, name
    assert found["generated_base_bits_per_byte"] is None and found["guarded_rate"] == 0 and found["passages"] == 0


def test_a_voice_of_too_little_text_is_null_but_its_halves() -> None:
    voice = Made(
        **{
            **vars(judgement().voice),
            "auc": None,
            "delta": None,
            "heldout_delta": None,
            "control_auc": None,
            "control_delta": None,
            "halves_auc": (),
            "passages": 0,
        }
    )
    found = figures(voice=voice)
    for name in ("real_vs_generated_auc", "delta_percentile", "cosine_delta_percentile", "heldout_delta_percentile"):
        assert found[name] is None, name
    for name in ("halves_auc", "sentence_words", "heldout_sentence_words", "function_words_difference"):
        assert found[name] is None, name
    without = Made(**{**vars(judgement().voice), "delta": Made(**{**vars(judgement().voice.delta), "cosine": None})})
    assert figures(voice=without)["cosine_delta_percentile"] is None


def test_figures_of_the_validation_posts_have_their_own_names() -> None:
    found = figures(options=Made(side="validation", seed=1))
    assert found["validation_bits_per_byte"] == 1.235 and found["base_validation_bits_per_byte"] == 1.5
    assert found["test_bits_per_byte"] is None and found["test_bits_per_byte_low"] is None
    assert found["test_bits_per_byte_high"] is None


def test_a_model_from_scratch_has_no_base_to_gain_on() -> None:
    fit = Made(**{**vars(judgement().fit), "base": None, "gain": None, "forgetting": None, "xz": None})
    found = figures(fit=fit)
    for name in ("base_test_bits_per_byte", "gain_bits_per_byte", "gain_percent", "forgetting_bits_per_byte"):
        assert found[name] is None
    assert found["xz_test_bits_per_byte"] is None
    assert figures(fit=Made(**{**vars(judgement().fit), "gain": None}))["gain_percent"] is None


@pytest.mark.parametrize(
    ("error", "digits"), [(0.0, 6), (-1.0, 0), (math.inf, 0), (9.9, 0), (1.0, 0), (0.99, 1), (0.1, 1), (0.01, 2)]
)
def test_digits_up_to_the_first_of_the_error(error: float, digits: int) -> None:
    assert decimals(error) == digits
    assert decimals(1e-9) == 6 and decimals(500.0) == 0


@pytest.mark.parametrize(
    ("runs", "factor"), [(2, 12.706), (3, 4.303), (10, 2.262), (11, 1.96 + 0.27), (28, 1.96 + 0.1)]
)
def test_the_noise_of_any_number_of_runs(runs: int, factor: float) -> None:
    values = [float(number % 2) for number in range(runs)]
    noise = noise_floor(values)
    assert noise.spread == pytest.approx(np.std(values, ddof=1)) and noise.runs == runs
    assert noise.floor == pytest.approx(factor * noise.spread * math.sqrt(1 + 1 / runs))


def test_the_mean_of_no_run_is_no_number() -> None:
    assert math.isnan(noise_floor([]).mean) and noise_floor([2.0]).mean == 2.0
    assert mean_error([0.0, 2.0]) == pytest.approx(1.96)


def test_an_interval_is_the_middle_nineteen_twentieths_of_two_thousand_draws() -> None:
    for posts in (3, 700):
        totals = np.array([np.arange(posts) % 5, np.ones(posts)])
        drawn = _drawn(totals, 0)
        assert len(drawn) == 2000 and drawn.mean() == pytest.approx(totals[0].mean(), rel=0.02)
        found = bits_per_byte_interval(totals[0].tolist(), totals[1].astype(int).tolist())
        assert (found.low, found.high) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])))
        assert found.error == pytest.approx((found.high - found.low) / 2)


def test_posts_without_a_byte_are_left_out_of_the_draws() -> None:
    drawn = _drawn(np.array([[1.0, 0.0], [1.0, 0.0]]), 0)
    assert 1300 < len(drawn) < 1700 and set(drawn) == {1.0}
