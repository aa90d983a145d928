"""The split: whole posts, stable, fair in words, never a copy of a training post."""

import hashlib
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.core.errors import InputError
from penname.corpus.split import LARGEST, SIDES, TEST, TRAIN, VALIDATION, split_posts


@dataclass(frozen=True)
class Item:
    id: int
    words: int
    date: str = ""


@st.composite
def blogs(draw: st.DrawFn, fewest: int = 1, shortest: int = 0) -> list[Item]:
    sizes = draw(st.lists(st.integers(shortest, 3000), min_size=fewest, max_size=120))
    ids = draw(st.permutations(range(1, len(sizes) + 1)))
    return [Item(i, n, f"2020-01-{1 + i % 28:02}") for i, n in zip(ids, sizes, strict=True)]


def even_blog(count: int, words: int = 500) -> list[Item]:
    return [Item(number, words, f"{2000 + number // 12}-{1 + number % 12:02}-01") for number in range(1, count + 1)]


@given(blogs(), st.sampled_from(["hash", "newest"]), st.floats(0, 0.25), st.floats(0, 0.25))
def test_every_post_has_one_side_and_training_keeps_some(
    posts: list[Item], how: str, validation: float, test: float
) -> None:
    split = split_posts(posts, how=how, validation=validation, test=test)
    assert set(split.sides) == {post.id for post in posts}
    assert set(split.sides.values()) <= set(SIDES)
    assert split.figures[TRAIN].posts >= 1
    assert sum(side.posts for side in split.figures.values()) == len(posts)
    assert sum(side.words for side in split.figures.values()) == sum(post.words for post in posts)


@given(blogs(), st.data())
def test_no_post_that_repeats_another_is_held_out(posts: list[Item], data: st.DataObject) -> None:
    ids = [post.id for post in posts]
    groups = data.draw(st.lists(st.lists(st.sampled_from(ids), min_size=2, max_size=4), max_size=10))
    split = split_posts(posts, groups)
    assert all(split.sides[number] == TRAIN for group in groups for number in group)


@given(blogs(), st.sampled_from(["hash", "newest"]))
def test_the_order_of_the_posts_does_not_matter(posts: list[Item], how: str) -> None:
    assert split_posts(posts, how=how).sides == split_posts(posts[::-1], how=how).sides


@given(blogs(fewest=12, shortest=1), st.data())
def test_a_new_post_never_moves_one_between_validation_and_test(posts: list[Item], data: st.DataObject) -> None:
    extra = Item(1000 + data.draw(st.integers(0, 10_000)), data.draw(st.integers(1, 3000)))
    before, after = split_posts(posts).sides, split_posts([*posts, extra]).sides
    for number, side in before.items():
        assert TRAIN in (side, after[number]) or side == after[number]


@given(blogs())
def test_a_huge_post_is_never_held_out(posts: list[Item]) -> None:
    total = sum(post.words for post in posts)
    huge = Item(5000, 3 * total + 3001)
    split = split_posts([*posts, huge, Item(5001, 10), Item(5002, 10)])
    assert split.sides[5000] == TRAIN
    assert split.too_large >= 1


def test_a_blog_of_two_giants_and_small_posts_is_not_all_held_out() -> None:
    posts = [Item(1, 50_000), Item(2, 50_000), *(Item(number, 10) for number in range(3, 43))]
    figures = split_posts(posts).figures
    assert figures[TRAIN].posts == 22 and figures[VALIDATION].posts == figures[TEST].posts == 10


@given(st.integers(200, 1500), st.floats(0.02, 0.2), st.sampled_from(["hash", "newest"]))
def test_shares_are_kept_in_words(count: int, share: float, how: str) -> None:
    posts = [Item(number, 50 + (number * 7919) % 1000, f"20{number % 24:02}-01-01") for number in range(count)]
    figures = split_posts(posts, how=how, validation=share, test=share).figures
    for name in (VALIDATION, TEST):
        assert abs(figures[name].share - share) < LARGEST / 2 + 1e-9


@pytest.mark.parametrize(("posts", "validation", "test"), [(1, 0, 0), (2, 1, 0), (3, 1, 1), (12, 1, 1), (30, 2, 2)])
def test_small_blogs_have_some_on_each_side(posts: int, validation: int, test: int) -> None:
    figures = split_posts(even_blog(posts)).figures
    assert (figures[VALIDATION].posts, figures[TEST].posts) == (validation, test)


def test_editing_dates_and_few_words_moves_next_to_nothing() -> None:
    before = even_blog(400)
    after = [Item(post.id, post.words + post.id % 3, "1999-01-01") for post in before]
    old, new = split_posts(before).sides, split_posts(after).sides
    assert sum(old[number] != new[number] for number in old) <= 2


def test_a_thousand_posts_and_one_more() -> None:
    old, new = split_posts(even_blog(1000)).sides, split_posts(even_blog(1001)).sides
    assert sum(old[number] != new[number] for number in old) <= 2


def test_the_newest_posts_are_the_test_and_those_before_the_validation() -> None:
    posts = even_blog(100)
    sides = split_posts(posts, how="newest").sides
    assert [number for number, side in sides.items() if side == TEST] == [96, 97, 98, 99, 100]
    assert [number for number, side in sides.items() if side == VALIDATION] == [91, 92, 93, 94, 95]


def test_undated_posts_count_as_old() -> None:
    posts = [*even_blog(40), *(Item(100 + number, 500) for number in range(40))]
    sides = split_posts(posts, how="newest").sides
    assert all(sides[100 + number] == TRAIN for number in range(40))


def test_a_side_of_no_share_stays_empty() -> None:
    figures = split_posts(even_blog(50), validation=0.1, test=0).figures
    assert figures[TEST].posts == 0 and figures[VALIDATION].posts == 5


def test_all_copies_of_each_other_means_no_side_is_held_out() -> None:
    split = split_posts(even_blog(10), [range(1, 11)])
    assert split.figures[TRAIN].posts == 10 and split.repeated == 10


@pytest.mark.parametrize("bad", [{"how": "random"}, {"validation": -0.1}, {"validation": 0.4, "test": 0.4}])
def test_bad_options(bad: dict[str, object]) -> None:
    with pytest.raises(InputError):
        split_posts(even_blog(10), **bad)  # type: ignore[arg-type]


def test_the_sentence_gives_the_figures() -> None:
    assert split_posts(even_blog(100)).sentence() == (
        "train 90 posts, 45,000 words (90.0%); validation 5 posts, 2,500 words (5.0%); test 5 posts, 2,500 words (5.0%)"
    )


def digest(sides: dict[int, str]) -> str:
    return hashlib.sha256(repr(sorted(sides.items())).encode()).hexdigest()[:16]


def test_an_ordinary_blog_is_split_as_it_always_was() -> None:
    """Figures of all experiments stand on these sides; 943 posts are as many as the sample has."""
    posts = [Item(number, 200 + (number * 7919) % 700) for number in range(1, 944)]
    assert digest(split_posts(posts).sides) == "950af5fba1765ecd"
    posts = [Item(number, 300 + (number * 104729) % 3400) for number in range(1, 250)]
    assert digest(split_posts(posts, [(3, 17), (40, 41)]).sides) == "c57f295d62c467fd"


@given(blogs(fewest=20, shortest=20))
def test_no_large_post_is_held_out_while_small_ones_do(posts: list[Item]) -> None:
    """Small posts of more than twice what is wanted do."""
    total = sum(post.words for post in posts)
    small = sum(post.words for post in posts if post.words <= LARGEST * total)
    split = split_posts(posts)
    large = [post.words / total for post in posts if split.sides[post.id] != TRAIN and post.words > LARGEST * total]
    for name in (VALIDATION, TEST):
        assert split.figures[name].share <= 0.15 or not small
    if small > 0.5 * total:
        assert not large


@pytest.mark.parametrize(
    "sizes",
    [
        [2] * 30 + [1000] * 10,
        [2, 3, 5, 4, 900, 1200, 800, 700, 1000, 1100, 600, 900],
        [16, 2] * 8 + [300] * 25,
        [40, 900] * 7,
    ],
)
def test_a_side_is_not_measured_on_a_handful_of_words_where_there_are_others(sizes: list[int]) -> None:
    split = split_posts([Item(number, words) for number, words in enumerate(sizes, 1)])
    for name in (VALIDATION, TEST):
        assert 0.025 <= split.figures[name].share <= 0.15


@pytest.mark.parametrize("sizes", [[1, 1, 1, 5000, 6000, 4000], [3000, 10, 10, 10], [10] * 6 + [400] * 6])
def test_too_little_to_measure_on_is_said_and_not_used(sizes: list[int]) -> None:
    split = split_posts([Item(number, words) for number, words in enumerate(sizes, 1)])
    assert split.figures[VALIDATION].words == split.figures[TEST].words == 0
    assert "too few to measure anything" in split.thin() and split.thin().endswith("with --pages and --drafts.")


def test_few_words_are_warned_of_with_their_number() -> None:
    assert split_posts(even_blog(200)).thin() == ""
    said = split_posts(even_blog(60, 100)).thin()
    assert "the validation posts hold 300 words" in said and "the test posts hold 300 words" in said
