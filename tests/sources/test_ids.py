"""Whatever stands in `posts.id`, each post is read under one whole number of its own, the same each time."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publii_site import SCHEMA, make_database, post

from penname.core.workspace import Workspace, open_workspace
from penname.corpus.prepare import PrepareOptions, load_text, prepare
from penname.sources.ids import Numbers, whole_number
from penname.sources.publii import count_rows, iter_rows
from penname.sources.publii_site import open_site

ID = SCHEMA["posts"].partition(",")[0]
WORDS = " ".join(f"word{number}" for number in range(80))


def odd_database(path: Path, *ids: Any, kind: str = "") -> Path:
    """A database whose `posts.id` is no key and holds `ids`; every post has a tag and an editor of its own."""
    make_database(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE posts")
        connection.execute(f"CREATE TABLE posts ({SCHEMA['posts'].replace(ID, f'id {kind}')})")
        connection.execute("DROP TABLE posts_additional_data")
        connection.execute("CREATE TABLE posts_additional_data (id INTEGER PRIMARY KEY, post_id, key, value)")
        connection.execute("DROP TABLE posts_tags")
        connection.execute("CREATE TABLE posts_tags (tag_id, post_id)")
        for number, value in enumerate(ids, 1):
            made = post(number, text=f"<p>{WORDS} of {number}</p>")
            fields = [value, *(made[key] for key in ("title", "slug", "text", "created_at", "status"))]
            connection.execute(
                "INSERT INTO posts (id, title, slug, text, created_at, status) VALUES (?, ?, ?, ?, ?, ?)", fields
            )
            connection.execute("INSERT INTO tags (id, name) VALUES (?, ?)", (number, f"tag {number}"))
            connection.execute("INSERT INTO posts_tags VALUES (?, ?)", (number, value))
            core = (value, "_core", '{"editor": "markdown"}')
            connection.execute("INSERT INTO posts_additional_data (post_id, key, value) VALUES (?, ?, ?)", core)
        connection.commit()
    return path


ODD = [
    ("abc", "TEXT"),
    ("12b", ""),
    ("", ""),
    (" 7", ""),
    ("07", ""),
    (b"\x00\xff", ""),
    (b"5", "BLOB"),
    (1.5, "REAL"),
    (1e300, ""),
    (float("inf"), ""),
    ("9" * 40, "TEXT"),
    ("\ud83d\ude00".encode("utf-16", "surrogatepass").decode("utf-16"), ""),
    ("x" * 100_000, ""),
]


@pytest.mark.parametrize(("value", "kind"), ODD)
def test_an_odd_id_is_read_under_a_number_that_stays(tmp_path: Path, value: Any, kind: str) -> None:
    database = odd_database(tmp_path / "db.sqlite", value, 3, kind=kind)
    found = []
    for _ in range(2):
        with open_site(database) as site:
            rows = list(iter_rows(site))
            assert any("no whole number of their own" in note for note in site.notes)
            assert count_rows(site).live == 2
        found.append([row.id for row in rows])
        assert [(row.title, row.tags, row.editor) for row in rows] == [
            ("Post 1", ("tag 1",), "markdown"),
            ("Post 2", ("tag 2",), "markdown"),
        ]
    assert found[0] == found[1] and len(set(found[0])) == 2
    assert 2**52 <= found[0][0] < 2**53 and found[0][1] == 3


def test_nothing_and_equal_ids_are_read_too(tmp_path: Path) -> None:
    with open_site(odd_database(tmp_path / "db.sqlite", None, None, 4, 4, "4")) as site:
        rows = list(iter_rows(site))
        assert any(note.startswith("4 posts have no whole number") for note in site.notes)
    assert len({row.id for row in rows}) == 5 and rows[2].id == 4
    assert [row.title for row in rows] == [f"Post {number}" for number in range(1, 6)]


@pytest.mark.parametrize(("value", "kind"), [("12", "TEXT"), (12.0, "REAL"), ("12", ""), (12, "")])
def test_what_spells_a_whole_number_is_that_number(tmp_path: Path, value: Any, kind: str) -> None:
    with open_site(odd_database(tmp_path / "db.sqlite", value, 9, kind=kind)) as site:
        assert [(row.id, row.tags) for row in iter_rows(site)] == [(12, ("tag 1",)), (9, ("tag 2",))]
        assert not site.notes


@pytest.mark.parametrize("number", [0, -1, 2**63 - 1, -(2**63)])
def test_any_number_of_64_bits_is_itself(tmp_path: Path, number: int) -> None:
    with open_site(make_database(tmp_path / "db.sqlite", [post(1, id=number)])) as site:
        assert [row.id for row in iter_rows(site)] == [number]
        assert not site.notes


@pytest.mark.slow
@given(st.lists(st.one_of(st.none(), st.integers(-5, 5), st.floats(), st.text(max_size=3), st.binary(max_size=3))))
def test_numbers_are_unique_and_repeatable(values: list[object]) -> None:
    first, second = ([numbers.of(value) for value in values] for numbers in (Numbers(), Numbers()))
    assert first == second and len(set(first)) == len(values)
    for value, number in zip(values, first, strict=True):
        assert number in (whole_number(value), number) and -(2**63) <= number < 2**63


def test_a_text_id_goes_all_the_way(tmp_path: Path) -> None:
    """`text.json` is written, is read again, and nothing is done twice."""
    database = odd_database(tmp_path / "db.sqlite", "a-text", b"\x01", None, 2.5, 5, 6, 7, 8)
    workspace = open_workspace(tmp_path / "w", "site")
    first = prepare(database, workspace, PrepareOptions())
    assert len(first.posts) == 8 == len(load_text(workspace))
    written = json.loads(workspace.text.read_text(encoding="utf-8"))
    assert all(str(each["id"]).isdecimal() for each in written["posts"])
    before = Workspace(workspace.folder).read()["steps"]
    assert prepare(database, workspace, PrepareOptions()).corpus == first.corpus
    assert workspace.read()["steps"] == before
