"""Extraction: exact and nearly exact continuations of training posts."""

import pytest

from penname.judge.recital import compare_extracted, edit_distance, extraction


def test_extraction_gives_prefixes_and_compares_what_follows() -> None:
    posts = [list(range(100)), list(range(200, 260)), list(range(500, 640)), list(range(1000, 1100))]
    asked: list[list[int]] = []

    def model(prefixes: list[list[int]], count: int) -> list[list[int]]:
        asked.extend(prefixes)
        outputs = [list(range(prefix[-1] + 1, prefix[-1] + 1 + count)) for prefix in prefixes]
        outputs[1][5:9] = [-1, -1, -1, -1]
        outputs[2] = outputs[2][:20]
        return outputs

    found = extraction(posts, model)
    assert asked == [posts[0][:50], posts[2][:50], posts[3][:50]]
    assert found.tried == 3
    assert found.posts == (0,)
    assert found.rate == pytest.approx(1 / 3)
    assert found.near_rate == pytest.approx(2 / 3)


def test_extraction_of_short_posts_only() -> None:
    def model(prefixes: list[list[int]], count: int) -> list[list[int]]:
        raise AssertionError

    assert extraction([[1, 2, 3]], model).rate == 0.0


def test_an_output_that_stops_early_is_no_extraction() -> None:
    assert compare_extracted([[1] * 50], [[1] * 49]).rate == 0.0
    assert compare_extracted([[1] * 50], [[1] * 80]).rate == 1.0


@pytest.mark.parametrize(("one", "two", "distance"), [("", "", 0), ("kitten", "sitting", 3), ("", "abc", 3)])
def test_edit_distance(one: str, two: str, distance: int) -> None:
    assert edit_distance(list(map(ord, one)), list(map(ord, two))) == distance
