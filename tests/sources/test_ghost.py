"""Ghost exports: the posts and their tags, from each of three forms of text; members and secrets are never touched."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core import events
from penname.core.errors import PennameError
from penname.core.workspace import open_workspace
from penname.corpus.clean import clean_body
from penname.corpus.prepare import prepare
from penname.sources.find import open_source
from penname.sources.ghost_text import body_of
from penname.sources.post import Counts, Post, Wanted

ALL = Wanted(pages=True, drafts=True, trashed=True)
SECRETS = (
    "member@example.org",
    "5f0c9e7a1b2c3d4e5f60718293a4b5c6",
    "$2a$10$hashedhashedhashed",
    "Owner Name",
    "tok_secret",
)


def row(number: int, **fields: Any) -> dict[str, Any]:
    usual = {
        "id": f"id{number}",
        "uuid": f"u{number}",
        "title": f"Post {number}",
        "slug": f"post-{number}",
        "html": f"<p>Text {number}.</p>",
        "lexical": None,
        "mobiledoc": None,
        "type": "post",
        "status": "published",
        "visibility": "public",
        "published_at": "2020-01-31T23:30:00.000Z",
        "created_at": "2019-01-01T00:00:00.000Z",
        "codeinjection_head": "tok_secret",
    }
    return usual | fields


def data_of(*rows: dict[str, Any]) -> dict[str, Any]:
    return {
        "members": [{"id": "m", "email": SECRETS[0], "name": "Owner Name"}],
        "api_keys": [{"secret": SECRETS[1]}],
        "posts": list(rows),
        "posts_tags": [
            {"id": "2", "post_id": "id1", "tag_id": "t2", "sort_order": 1},
            {"id": "1", "post_id": "id1", "tag_id": "t1", "sort_order": 0},
            {"id": "3", "post_id": "id1", "tag_id": "t3", "sort_order": 2},
        ],
        "settings": [{"key": "stripe_secret_key", "value": SECRETS[4]}],
        "tags": [{"id": "t1", "name": "Sea"}, {"id": "t2", "name": "Two words"}, {"id": "t3", "name": "#internal"}],
        "users": [{"id": "1", "name": SECRETS[3], "password": SECRETS[2], "email": SECRETS[0]}],
    }


def export(folder: Path, *rows: dict[str, Any], shape: str = "db") -> Path:
    data, meta = data_of(*rows), {"exported_on": 1_600_000_000_000, "version": "5.0.0"}
    shapes: dict[str, Any] = {
        "db": {"db": [{"meta": meta, "data": data}]},
        "data": {"meta": meta, "data": data},
        "flat": {"exported_on": 1, **data},
    }
    path = folder / "blog.ghost.json"
    path.write_text(json.dumps(shapes[shape]), encoding="utf-8")
    return path


def posts_of(path: Path, wanted: Wanted = ALL) -> list[Post]:
    with open_source(path, wanted) as source:
        assert source.platform == "Ghost"
        return list(source.posts())


def test_real_exports_are_counted_exactly(shared_data: Path) -> None:
    for name, count in (("ghost.json", 3), ("ghost-flat.json", 1)):
        (path,) = (shared_data / "sources" / "ghost").glob(f"*/*fixtures__{name}")
        with open_source(path) as source:
            found = list(source.posts())
            assert source.counts == Counts(live=count) and len(found) == count
        assert found[0].date == "2025-01-01"
    assert clean_body(posts_of(path)[0].body, "html").text == "An image:"


@pytest.mark.parametrize("shape", ["db", "data", "flat"])
def test_a_post_has_all_that_the_export_has(tmp_path: Path, shape: str) -> None:
    path = export(tmp_path, row(1, canonical_url="https://a.example/x/"), row(2), shape=shape)
    assert posts_of(path) == [
        Post("id1", "https://a.example/x/", "Post 1", "2020-01-31", "", ("Sea", "Two words"), "<p>Text 1.</p>", "html"),
        Post("id2", None, "Post 2", "2020-01-31", "", (), "<p>Text 2.</p>", "html"),
    ]


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"status": "draft"}, Counts(drafts=1)),
        ({"status": "scheduled"}, Counts(drafts=1)),
        ({"visibility": "members"}, Counts(private=1)),
        ({"visibility": "paid"}, Counts(private=1)),
        ({"status": "sent"}, Counts(private=1)),
        ({"type": "page"}, Counts(pages=1)),
        ({"type": None, "page": 1}, Counts(pages=1)),
        ({"published_at": 1_580_513_400_000}, Counts(live=1)),
    ],
)
def test_what_is_public_is_live(tmp_path: Path, fields: dict[str, Any], counts: Counts) -> None:
    path = export(tmp_path, row(1, **fields))
    with open_source(path) as source:
        assert len(list(source.posts())) == counts.live and source.counts == counts
    assert posts_of(path)[0].date == "2020-01-31"


def test_secrets_are_never_read_kept_or_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    long = " ".join(f"word{number}" for number in range(300))
    path = export(tmp_path, *(row(number, html=f"<p>{number} {long}</p>") for number in range(1, 4)))
    workspace = open_workspace(tmp_path / "w", "blog")
    with events.listening(lambda event: said.append(repr(event))), workspace.at_work("test"):
        prepare(path, workspace)
    written = "\n".join(each.read_text(encoding="utf-8") for each in workspace.folder.rglob("*") if each.is_file())
    for secret in SECRETS:
        assert secret not in written and secret not in "\n".join(said)
    assert "word299" in written


def text_node(text: str, style: int = 0) -> dict[str, Any]:
    return {"type": "extended-text", "text": text, "format": style}


LEXICAL = {
    "root": {
        "children": [
            {"type": "paragraph", "children": [text_node("One "), {"type": "linebreak"}, text_node("<b> & two.")]},
            {"type": "extended-heading", "tag": "h2", "children": [text_node("Head")]},
            {"type": "list", "listType": "number", "children": [{"type": "listitem", "children": [text_node("a")]}]},
            {"type": "paragraph", "children": [{"type": "link", "url": "https://x", "children": [text_node("here")]}]},
            {"type": "image", "src": "x.jpg", "caption": "A label"},
            {"type": "bookmark", "url": "https://x", "metadata": {"title": "Other site"}},
            {"type": "button", "buttonText": "Subscribe"},
            {"type": "codeblock", "code": "x = 1"},
            {"type": "callout", "calloutText": "<p>Mind <b>this</b>.</p>", "calloutEmoji": "!"},
            {"type": "toggle", "heading": "More", "content": "<p>Inside.</p>"},
            {"type": "markdown", "markdown": "Some words.\n\nMore words."},
            {"type": "html", "html": "<p>Own HTML.</p>"},
        ]
    }
}
MOBILEDOC = {
    "version": "0.3.1",
    "atoms": [["soft-return", "", {}]],
    "cards": [["image", {"src": "x"}], ["html", {"html": "<p>Own.</p>"}], ["embed", {"html": "<iframe>"}]],
    "markups": [["em"]],
    "sections": [
        [1, "p", [[0, [0], 1, "One"], [0, [], 0, " & two"], [1, [], 0, 0], [0, [], 0, "lines."]]],
        [10, 0],
        [3, "ul", [[[0, [], 0, "a"]], [[0, [], 0, "b"]]]],
        [10, 1],
        [10, 2],
        [10, 99],
    ],
}


def test_lexical_and_mobiledoc_are_read_where_there_is_no_html(tmp_path: Path) -> None:
    lexical = row(1, html=None, lexical=json.dumps(LEXICAL))
    mobiledoc = row(2, html=None, mobiledoc=json.dumps(MOBILEDOC))
    first, second = (clean_body(post.body, post.format).text for post in posts_of(export(tmp_path, lexical, mobiledoc)))
    assert first.split("\n\n") == [
        "One\n<b> & two.", "Head", "1. a", "here", "Mind this.", "More", "Inside.", "Some words.", "More words.",
        "Own HTML.",
    ]  # fmt: skip
    assert second == "One & two\nlines.\n\n- a\n- b\n\nOwn."


def test_cards_go_with_what_is_in_them() -> None:
    card = (
        '<p>A.</p><figure class="kg-card kg-bookmark-card"><a><div class="kg-bookmark-title">Other</div></a></figure>'
        '<div class="kg-card kg-button-card"><a class="kg-btn">Subscribe</a></div>'
        '<div class="kg-card kg-callout-card"><div class="kg-callout-emoji">!</div><div>Mind.</div></div>'
    )
    assert clean_body(body_of(card), "html").text == "A.\n\nMind."


@pytest.mark.parametrize("source", ["{", "[]", "null", '{"root": 1}', '{"root": {"children": [1, {}]}}', "[" * 5000])
def test_a_broken_form_is_no_text(source: str) -> None:
    assert body_of("", source, source, "Plain.\n\nText.") == "<p>Plain.</p><p>Text.</p>"


def test_deep_lexical_ends() -> None:
    node: dict[str, Any] = text_node("deep")
    for _ in range(300):
        node = {"type": "list", "children": [node]}
    assert isinstance(body_of("", json.dumps({"root": {"children": [node]}})), str)


def test_a_file_that_is_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    path = export(tmp_path, row(1), row(2), row(3))
    text = path.read_text(encoding="utf-8")
    path.write_text(text[: text.index("Text 3")], encoding="utf-8")
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        assert [post.id for post in posts_of(path)] == ["id1", "id2"]
    assert any("cut off" in line for line in said)


def test_a_zip_of_the_export(tmp_path: Path) -> None:
    path = export(tmp_path, row(1))
    with zipfile.ZipFile(tmp_path / "blog.zip", "w") as archive:
        archive.write(path, "data/blog.ghost.json")
        archive.writestr("content/images/x.png", b"\x89PNG")
    assert [post.id for post in posts_of(tmp_path / "blog.zip")] == ["id1"]


PIECES = ["{", "}", "[", "]", '"', ",", "null", "\\", "\x00", "1e999", '"posts":[', "\ud83d"]


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_no_change_to_a_file_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("ghost")
    rows = [row(1), row(2, html=None, lexical=json.dumps(LEXICAL)), row(3, html=None, mobiledoc=json.dumps(MOBILEDOC))]
    text = export(folder, *rows).read_text(encoding="utf-8")
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + data.draw(st.integers(0, 20)) :]
    (folder / "blog.ghost.json").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        with open_source(folder / "blog.ghost.json", ALL) as source:
            for post in source.posts():
                assert isinstance(clean_body(post.body, post.format).text, str) and post.id
    except PennameError:
        pass
