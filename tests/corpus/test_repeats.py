"""Near-duplicate posts and boilerplate paragraphs."""

import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_sites import live_texts
from shapes import SHAPES

from penname.corpus import repeats
from penname.corpus.repeats import (
    Boilerplate,
    Duplicate,
    Paragraphs,
    find_boilerplate,
    find_duplicates,
    remove_boilerplate,
    shingles_of,
)

FIRST, LAST = "badefigolumaneporisa", "beldorfingulham"
WORDS = [FIRST[i : i + 2] + LAST[j : j + 3] for i in range(0, 20, 2) for j in range(0, 15, 3)]


def paragraph(seed: int, words: int = 40) -> str:
    chosen = random.Random(seed).choices(WORDS, k=words)
    return " ".join(chosen).capitalize() + "."


def post(*seeds: int) -> str:
    return "\n\n".join(map(paragraph, seeds))


def pairs(found: Sequence[Duplicate]) -> list[tuple[int, int]]:
    return [(item.id, item.of) for item in found]


def test_the_same_text_twice() -> None:
    texts = [(7, post(1, 2)), (3, post(3, 4)), (9, post(1, 2))]
    assert find_duplicates(texts) == [Duplicate(id=9, of=7, similarity=1.0)]


def test_case_and_punctuation_do_not_matter() -> None:
    assert pairs(find_duplicates([(1, post(1)), (2, post(1).upper().replace(" ", ", "))])) == [(1, 2)]


def test_an_edited_copy_the_longest_is_kept() -> None:
    words = post(1, 2, 3).split(" ")
    words[10:12] = ["changed", "here"]
    texts = [(1, " ".join(words)), (2, post(1, 2, 3) + " With an afterword.")]
    (found,) = find_duplicates(texts)
    assert (found.id, found.of) == (1, 2) and 0.8 < found.similarity < 1


def test_a_short_post_inside_a_long_one() -> None:
    texts = [(1, post(1)), (2, post(*range(1, 30))), (3, post(40))]
    assert pairs(find_duplicates(texts)) == [(1, 2)]


def test_different_posts_are_left_alone() -> None:
    assert find_duplicates([(number, post(number, number + 1000)) for number in range(200)]) == []


def test_posts_that_share_a_paragraph_are_left_alone() -> None:
    assert find_duplicates([(number, post(0, number + 1, number + 1000)) for number in range(50)]) == []


def test_posts_without_words_are_passed_over() -> None:
    assert find_duplicates([(1, ""), (2, ""), (3, "..."), (4, "...")]) == []
    assert find_duplicates([]) == []
    assert find_duplicates([(1, "> > > > > > > > >"), (2, "> > > > > > > > >"), (3, "a"), (4, "- - - - - - - -")]) == []


def test_short_posts_must_be_the_same() -> None:
    texts = [(1, "See you there."), (2, "See you there!"), (3, "See you here."), (4, "Hello")]
    assert pairs(find_duplicates(texts)) == [(2, 1)]


def test_scripts_without_spaces() -> None:
    chinese = "最近我開始使用新的工具來寫程式，發現它可以幫我節省很多時間。"
    assert pairs(find_duplicates([(1, chinese), (2, chinese.replace("很多", "不少")), (3, chinese[::-1])])) == [(2, 1)]


def test_a_chain_leaves_nobody_out_for_a_post_that_went_itself() -> None:
    copies = [(number, post(1, 2, 3)) for number in range(30)]
    assert pairs(find_duplicates(copies)) == [(number, 0) for number in range(1, 30)]


@settings(deadline=None, max_examples=30)
@given(st.lists(st.lists(st.integers(0, 6), min_size=0, max_size=4), max_size=12), st.randoms())
def test_what_repeats_is_found_and_what_is_kept_repeats_nothing(seeds: list[list[int]], order: random.Random) -> None:
    texts = [(number, post(*chosen)) for number, chosen in enumerate(seeds)]
    gone = {item.id: item.of for item in find_duplicates(texts)}
    assert not set(gone.values()) & set(gone)
    kept = [text for number, text in texts if number not in gone and text]
    assert len(kept) == len(set(kept))
    assert {text for _, text in texts if text} >= set(kept)
    assert find_duplicates([item for item in texts if item[0] not in gone]) == []
    assert find_duplicates(texts) == find_duplicates(list(texts))


FOOTER = "Thank you for reading my humble blog."


def test_boilerplate_is_found_whatever_its_case_and_spaces() -> None:
    texts = [
        (1, f"{post(1)}\n\n{FOOTER}"),
        (2, f"{FOOTER.upper()}\n\n{post(2)}"),
        (3, FOOTER.replace(" ", "  ")),
        (4, post(3)),
    ]
    assert find_boilerplate(texts) == [Boilerplate(FOOTER, posts=3)]
    assert [remove_boilerplate(text, find_boilerplate(texts)) for _, text in texts] == [
        post(1),
        post(2),
        "",
        post(3),
    ]


def test_twice_in_one_post_counts_once() -> None:
    assert find_boilerplate([(1, f"{FOOTER}\n\n{FOOTER}\n\n{FOOTER}"), (2, FOOTER)]) == []


@pytest.mark.parametrize("paragraph", ["Subscribe to my newsletter", "Follow me on Mastodon", "© 2019 Ann", FOOTER])
def test_calls_and_sentences_are_boilerplate(paragraph: str) -> None:
    assert len(find_boilerplate([(number, paragraph) for number in range(3)])) == 1


@pytest.mark.parametrize("paragraph", ["Lessons learned", "What got done?", "Goals for next month", "Thanks!", ""])
def test_headings_are_not(paragraph: str) -> None:
    assert find_boilerplate([(number, paragraph) for number in range(30)]) == []


def opened_by(line: str, many: int, count: int) -> list[tuple[int, str]]:
    lines = [line if number < many else paragraph(number, 5)[:-1] for number in range(count)]
    return [(number, f"{line}\n\n{post(number)}\n\n{post(number + 500)}") for number, line in enumerate(lines)]


@pytest.mark.parametrize("line", ["Dear diary,", "Ahoy!", "By Ann Example", "Notes from Oslo", "早安"])
def test_a_short_line_that_opens_many_posts_is_boilerplate(line: str) -> None:
    texts = opened_by(line, 9, 26)
    found = find_boilerplate(texts)
    assert found == [Boilerplate(line, 9, "start")]
    assert remove_boilerplate(texts[0][1], found) == f"{post(0)}\n\n{post(500)}"
    assert find_boilerplate(opened_by(line, 2, 26)) == []


def test_a_short_line_that_ends_many_posts_is_boilerplate_there_only() -> None:
    texts = [(n, f"{post(n)}\n\n{post(n + 100)}\n\n{post(n + 200)}\n\nCheers, Ann") for n in range(12)]
    found = find_boilerplate([*texts, *((20 + n, post(n + 300)) for n in range(30))])
    assert found == [Boilerplate("Cheers, Ann", 12, "end")]
    quoted = "\n\n".join([post(1), post(2), "Cheers, Ann", post(3), post(4), "cheers,  Ann"])
    assert remove_boilerplate(quoted, found) == quoted.rsplit("\n\n", 1)[0]


def test_no_shape_breaks_anything() -> None:
    """Each shape as posts that share what they happen to share."""
    for shape in SHAPES.values():
        text = shape(3000)
        texts = [(number, text[number * 500 : number * 500 + 1000]) for number in range(6)]
        found = find_boilerplate(texts)
        assert all(len(remove_boilerplate(text, found)) <= len(text) for _, text in texts)
        assert {item.of for item in find_duplicates(texts)} <= set(range(6))


def test_headings_and_lines_in_the_middle_are_not() -> None:
    middle = [(n, "\n\n".join([post(n), post(n + 100), "Highlights", post(n + 200), post(n + 300)])) for n in range(20)]
    assert find_boilerplate(middle) == []
    paragraphs = Paragraphs()
    opened = opened_by("Highlights", 20, 20)
    for _, text in opened:
        paragraphs.add(text, headings={"Highlights"})
    assert paragraphs.boilerplate(opened) == []


def test_in_a_large_blog_three_posts_are_not_many() -> None:
    texts = [(number, post(number)) for number in range(400)] + [(1000 + number, FOOTER) for number in range(7)]
    assert find_boilerplate(texts) == []
    assert len(find_boilerplate([*texts, (2000, FOOTER), (2001, FOOTER)])) == 1


def test_what_is_no_boilerplate_keeps_its_white_space() -> None:
    code = "    indented\n\n\n\ttabs"
    assert remove_boilerplate(code, [Boilerplate(FOOTER, 3)]) == code


def test_the_real_duplicates(shared_data: Path) -> None:
    assert pairs(find_duplicates(live_texts(shared_data, "FLINT-Camp"))) == [(11, 2)]
    assert pairs(find_duplicates(live_texts(shared_data, "DAHCommons"))) == [(20, 5), (29, 5), (35, 5)]
    assert pairs(find_duplicates(live_texts(shared_data, "tartley"))) == []


def test_the_real_boilerplate(shared_data: Path) -> None:
    found = find_boilerplate(live_texts(shared_data, "mtlynch"))
    assert found[0].paragraph.startswith("At the start of each month, I declare what I'd like to accomplish.")
    assert found[0].posts == 77 and 5 <= len(found) <= 20


@settings(deadline=None, max_examples=100)
@given(st.text(alphabet="ab é.-\u0e01\u4e00\n_'\U0001f600"), st.text(alphabet="ab é.\u4e00 "))
def test_shingles_are_equal_where_words_are(one: str, other: str) -> None:
    """The arrays of characters find the words that a pattern finds."""
    word = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]|[^\W\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]+")
    words = [word.findall(text.casefold()) for text in (one, other)]
    assert (shingles_of(one).tolist() == shingles_of(other).tolist()) == (words[0] == words[1])
    assert len(shingles_of(one)) == max(min(len(words[0]), 1), len(words[0]) - 4)


def test_a_long_text_has_the_shingles_of_its_words() -> None:
    words = [WORDS[number * number % len(WORDS)] for number in range(40_000)]
    assert shingles_of(" ".join(words)).tolist() == shingles_of(", ".join(words).upper()).tolist()


def test_signatures_agree_as_often_as_texts_are_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    source = np.random.default_rng(0)
    monkeypatch.setattr(repeats, "_BANDS", 400)
    for common in (0, 2_000, 5_000, 9_000):
        shared = source.integers(2**64, size=common, dtype=np.uint64)
        own = source.integers(2**64, size=(2, 9_000 - common), dtype=np.uint64)
        one, other = (repeats._signature(np.concatenate([shared, each])) for each in own)
        jaccard = common / (18_000 - common)
        assert np.mean(one == other) == pytest.approx(jaccard, abs=0.06)
