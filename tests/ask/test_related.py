"""Related posts: the nearest others by shared rare words."""

import json
from pathlib import Path

import pytest
from asked import make_workspace

from penname.ask.index import open_index
from penname.ask.related import related
from penname.cli import main

TEXTS = {
    "a": "The heron stood in the pond and ate a goldfish.",
    "b": "Herons love ponds, and a goldfish is easy prey.",
    "c": "The violin was repaired by an old luthier in Cremona.",
    "d": "A luthier told me how a violin from Cremona is varnished.",
    "e": "Nothing like the others stands here today.",
}
POSTS = [{"id": name, "title": name.upper(), "text": text} for name, text in TEXTS.items()]


def test_the_nearest_other_is_named_with_what_is_shared(tmp_path: Path) -> None:
    with open_index(make_workspace(tmp_path, POSTS)) as index:
        found = {each.source.post_id: each for each in related(index, 1)}
    near = {name: [other.source.post_id for other in each.others] for name, each in found.items()}
    assert near["a"] == ["b"] and near["b"] == ["a"] and near["c"] == ["d"] and near["d"] == ["c"]
    assert "violin" in found["c"].others[0].shared and 0 < found["c"].others[0].nearness <= 1.0001


def test_json_lists_every_post(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = make_workspace(tmp_path, POSTS)
    with pytest.raises(SystemExit):
        main(["related", "--workspace", str(workspace.folder), "--json", "-n", "2"])
    found = json.loads(capsys.readouterr().out)
    assert [each["post_id"] for each in found] == list("abcde")
    assert found[0]["related"][0]["post_id"] == "b" and len(found[0]["related"]) <= 2
