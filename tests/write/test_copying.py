"""The copy index against brute force, the report, and extraction."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.corpus.words import parts
from penname.write.copying import CopyIndex, copy_report, run_quantiles, smoothed_ratio, suffix_array

POSTS = [
    "I quit my job as a developer at Google. Every year, I post an update about how that's going.",
    "The best keyboard is the one you build yourself, said nobody ever.",
    "",
    "... --- ...",
    "Every year I post photographs of the garden.",
]

few_words = st.lists(st.sampled_from(["a", "b", "c"]), max_size=40).map(" ".join)

alike_words = st.lists(st.sampled_from(["a", "ab", "abc", "b"]), max_size=12).map(" ".join)


def holds(posts: Sequence[str], sequence: Sequence[str]) -> bool:
    """Whether a post holds `sequence`, looked up one by one."""
    spaced = f" {' '.join(sequence)} "
    return not sequence or any(spaced in f" {' '.join(parts(post))} " for post in posts)


@given(st.lists(st.integers(0, 3), max_size=60))
def test_suffix_array_sorts_suffixes(ids: list[int]) -> None:
    found = suffix_array(np.array(ids, np.int32)).tolist()
    assert found == sorted(range(len(ids)), key=lambda start: ids[start:])


@given(st.lists(few_words, max_size=5), few_words)
def test_match_lengths_equal_brute_force(posts: list[str], text: str) -> None:
    index = CopyIndex(posts)
    found = parts(text)
    lengths = index.match_lengths(text)
    for start, length in enumerate(lengths):
        assert holds(posts, found[start : start + length])
        assert start + length == len(found) or not holds(posts, found[start : start + length + 1])
    run = index.longest_run(text)
    assert run.words == max(lengths, default=0)
    if run.words:
        assert parts(run.text) == parts(posts[run.post])[run.source_start : run.source_start + run.words]
        assert text[run.start : run.start + len(run.text)] == run.text


@given(st.lists(alike_words, max_size=4), few_words)
def test_contains_with_a_prefix_equals_brute_force(posts: list[str], text: str) -> None:
    index, sequence = CopyIndex(posts), parts(text)[:3]
    assert index.contains(sequence) == holds(posts, sequence)
    for prefix in ("", "a", "ab", "abcd", "b", "c"):
        expected = any(holds(posts, [*sequence, word]) for word in index.vocabulary if word.startswith(prefix))
        assert index.contains(sequence, prefix) == expected


def test_a_run_ignores_case_and_punctuation_and_names_its_source() -> None:
    index = CopyIndex(POSTS)
    text = "Well... EVERY YEAR I post an “update”, about how that’s said."
    run = index.longest_run(text)
    # "that's" counts as two.
    assert run.words == 10
    assert run.text == "EVERY YEAR I post an “update”, about how that’s"
    assert run.post == 0
    source = index.source(run, around=2)
    assert source.run == "Every year, I post an update about how that's"
    assert source.before == "at Google. "
    assert source.after == " going"


def test_a_run_does_not_cross_posts() -> None:
    assert CopyIndex(["one two", "three four"]).longest_run("one two three four").words == 2


def test_a_run_longer_than_one_look_up_is_found_whole() -> None:
    post = " ".join(f"w{number}" for number in range(500))
    run = CopyIndex(["w0 w1 w2", post]).longest_run(f"before {post} after")
    assert (run.words, run.post, run.source_start) == (500, 1, 0)


def test_nothing_in_nothing_out() -> None:
    assert CopyIndex([]).longest_run("a text").words == 0
    assert CopyIndex(POSTS).longest_run("").post == -1
    assert CopyIndex(POSTS).longest_run("zzz qqq").words == 0
    assert CopyIndex(POSTS).share_of_ngrams("too short") == 0.0
    assert len(CopyIndex([])) == 0


def test_share_of_ngrams() -> None:
    index = CopyIndex(["a b c d e f g h i"])
    assert index.share_of_ngrams("a b c d e f g h") == 1.0
    assert index.share_of_ngrams("a b c d e f g h i x") == pytest.approx(2 / 3)
    assert index.share_of_ngrams("a b x c d", n=2) == pytest.approx(2 / 4)
    assert len(index) == 9


def test_the_report_sets_generated_beside_held_out() -> None:
    index = CopyIndex(POSTS)
    generated = [
        "Today I quit my job as a developer at Google and ran.",
        "Nothing of this was ever written there.",
    ]
    report = copy_report(generated, ["A held out post, every year I post an essay."], index, worst=1)
    assert report.longest == 9
    assert report.runs[0] == 9
    assert report.longest_heldout == 5
    assert report.share == pytest.approx(2 / 5)
    assert report.heldout_share == 0.0
    assert report.ratio > 1.5
    (worst,) = report.worst
    assert (worst.passage, worst.post, worst.words) == (0, 0, 9)
    assert worst.generated.run == "I quit my job as a developer at Google"
    assert worst.source.after.startswith(". Every year")
    assert report.rows()[0] == ("longest run, words", 9, 5)


def test_a_copy_of_held_out_text_has_ratio_one() -> None:
    text = POSTS[0] + " And then something else was written that no other post of mine has."
    report = copy_report([text], [text], CopyIndex(POSTS))
    assert report.ratio == pytest.approx(1.0)
    assert report.runs == report.heldout_runs


def test_the_ratio_is_finite_where_held_out_posts_share_nothing() -> None:
    assert smoothed_ratio(0, 100, 0, 100) == 1.0
    assert smoothed_ratio(10, 100, 0, 100) == pytest.approx(21.0)
    assert copy_report([], [], CopyIndex([])).ratio == 1.0


def test_quantiles_of_few_runs() -> None:
    assert run_quantiles([])["median"] == 0.0
    assert run_quantiles([4])["90th percentile"] == 4.0
    assert run_quantiles([1, 2, 3])["median"] == 2.0


def test_a_report_may_be_made_with_lengths_that_are_remembered() -> None:
    index, asked = CopyIndex(POSTS), []

    def match(text: str) -> list[int]:
        asked.append(text)
        return index.match_lengths(text)

    plain = copy_report([POSTS[0], "all of this is new"], [POSTS[0]], index)
    assert copy_report([POSTS[0], "all of this is new"], [POSTS[0]], index, match=match) == plain
    assert asked == [POSTS[0], "all of this is new", POSTS[0]]
