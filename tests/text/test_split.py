"""The split: whole posts, stable, fair in words, never a copy of a training post."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.core.errors import InputError
from penname.text.split import LARGEST, SIDES, TEST, TRAIN, VALIDATION, split_posts


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
