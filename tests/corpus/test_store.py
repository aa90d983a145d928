"""Posts on disk: what goes in comes out, in order, whatever its size."""

import gc
import os
from pathlib import Path

import pytest

from penname.corpus import read as store
from penname.corpus.read import CleanPost, PostStore


def made(number: int, text: str) -> CleanPost:
    return CleanPost(str(number), f"Post {number}", "2020-01-02", ("a",), text, len(text.split()))


@pytest.fixture(params=[0, 1 << 20], ids=["on disk", "in memory"])
def posts(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> PostStore:
    monkeypatch.setattr(store, "_IN_MEMORY", request.param or 1)
    filled = PostStore()
    for number, text in enumerate(["one", "", "trois é\ud800", "four " * 3000]):
        filled.add(made(number, text))
    return filled


def test_what_goes_in_comes_out(posts: PostStore) -> None:
    assert list(posts) == [made(0, "one"), made(1, ""), made(2, "trois é\ud800"), made(3, "four " * 3000)]
    assert posts[-1].words == 3000 and posts[1:3] == (made(1, ""), made(2, "trois é\ud800"))
    assert posts.texts[2] == ("2", "trois é\ud800") and len(posts.texts) == 4
    assert [head.words for head in posts.heads] == [1, 0, 2, 3000]


def test_replaced_and_dropped(posts: PostStore) -> None:
    posts.replace(0, made(0, "longer than before"))
    posts.drop({1, 2})
    assert list(posts) == [made(0, "longer than before"), made(3, "four " * 3000)]
    posts.add(made(9, "nine"))
    assert [post.id for post in posts] == ["0", "3", "9"] and posts.texts[2][1] == "nine"


def test_the_file_has_no_name_and_goes_with_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(store, "_IN_MEMORY", 1)
    filled = PostStore()
    filled.add(made(1, "private"))
    assert filled[0].text == "private"
    if os.name != "nt":
        assert list(tmp_path.iterdir()) == []
    del filled
    gc.collect()
    assert list(tmp_path.iterdir()) == []
