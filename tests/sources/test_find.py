"""One open source for all that needs a blog: opened once, read once, known by a digest."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from publii_site import make_site, post

from penname.core import events
from penname.core.errors import InputError
from penname.corpus.prepare import PrepareOptions, load_masked, load_text, prepare, workspace_for
from penname.corpus.read import ReadOptions, read_blog
from penname.sources import post as kept
from penname.sources import publii, publii_site
from penname.sources.find import open_source, opened
from penname.sources.post import Counts, Post, Wanted
from penname.train import blog
from penname.train.options import TrainOptions
from penname.train.site import train_site

TEXT = "<p>The boat left the harbour in the morning, and the wind was with us until the evening of that day.</p>"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    posts = [post(number, text=TEXT + f"<p>{number} gulls. Write to ann{number}@example.org.</p>") for number in (1, 2)]
    more = [post(3, status="draft"), post(4, status="published,is-page"), post(5, status="trashed,published")]
    urls = {"urls": {"cleanUrls": True, "postsPrefix": "blog", "addIndex": True}}
    return make_site(tmp_path / "my-blog", [*posts, *more], domain="https://a.example/", advanced=urls)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is done with a site's database."""
    done: list[str] = []
    copy, rows = publii_site.copy_database, publii._rows

    def copied(source: Path, folder: Path) -> tuple[str, ...]:
        done.append("copy")
        return copy(source, folder)

    def read(*given: object) -> object:
        done.append("read")
        return rows(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(publii_site, "copy_database", copied)
    monkeypatch.setattr(publii, "_rows", read)
    yield done


def test_a_source_tells_what_the_contract_names(site: Path) -> None:
    with open_source(site) as source:
        assert (source.platform, source.name, source.title, source.language) == ("Publii", "my-blog", "My Blog", "en")
        first, second = source.posts()
        assert source.counts == Counts(live=2, pages=1, drafts=1, trashed=1)
        assert len(source.digest) == 64
    assert first == Post(
        id="1",
        url="https://a.example/blog/post-1/index.html",
        title="Post 1",
        date="1970-01-02",
        language="en",
        tags=(),
        body=TEXT + "<p>1 gulls. Write to ann1@example.org.</p>",
        format="tinymce",
    )
    assert second.id == "2"


def test_what_is_wanted_is_read(site: Path) -> None:
    with open_source(site, Wanted(pages=True, drafts=True, trashed=True)) as source:
        assert [(each.id, sorted(each.marks)) for each in source.posts()] == [
            ("1", []),
            ("2", []),
            ("3", ["draft"]),
            ("4", ["page"]),
            ("5", ["trashed"]),
        ]
    with open_source(site) as source, pytest.raises(ValueError, match="opened for"), opened(source, Wanted(True)):
        pass


def test_posts_come_again_and_the_digest_stays(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_IN_MEMORY", 1)
    with open_source(site) as source:
        fresh = list(source.posts())
        assert list(source.posts()) == fresh
        digest = source.digest
        assert list(source.posts()) == fresh == list(source.posts()) and source.total == 2
    with closing(sqlite3.connect(site / "input" / "db.sqlite")) as connection:
        connection.execute("UPDATE posts SET title = 'Another' WHERE id = 2")
        connection.commit()
    with open_source(site) as source:
        assert source.digest != digest


def test_prepare_copies_and_reads_once(site: Path, looks: list[str], tmp_path: Path) -> None:
    for _ in range(2):
        with open_source(site) as source:
            workspace = workspace_for(source, tmp_path / "w")
            prepare(source, workspace)
        assert looks == ["copy", "read"]
        looks.clear()


def test_train_and_judge_together_copy_and_read_once(
    site: Path, looks: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The judge takes what was masked from `text.json`: it is not given the site."""
    monkeypatch.setattr(blog, "train_prepared", lambda *_: None)
    trained = train_site(site, TrainOptions(workspace=tmp_path / "w", anyway=True, device="cpu"))
    masked = load_masked(trained.workspace)
    assert masked is not None and len(masked.digests) == 2
    assert [masked.found_in(text) for text in ("Ann1@example.org!", "ann3@example.org")] == [[(0, 16)], []]
    assert looks == ["copy", "read"]


def test_addresses_and_numbers_go_into_text_json(site: Path, tmp_path: Path) -> None:
    prepared = prepare(site, workspace_for(site, tmp_path / "w"))
    assert [(each.id, each.url) for each in prepared.posts] == [
        (number, f"https://a.example/blog/post-{number}/index.html") for number in ("1", "2")
    ]


def test_a_workspace_of_an_older_penname_is_read_and_prepared_again(site: Path, tmp_path: Path) -> None:
    workspace = workspace_for(site, tmp_path / "w")
    fresh = prepare(site, workspace).posts
    names = ("title", "date", "tags", "text", "split")
    old = [{"id": int(each.id), **{name: getattr(each, name) for name in names}} for each in fresh]
    workspace.text.write_text(json.dumps(old), encoding="utf-8")
    workspace.write(steps={})
    assert load_text(workspace) == tuple(replace(each, url=None) for each in fresh) and load_masked(workspace) is None
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        assert prepare(site, workspace).posts == fresh
    assert "text.json is of an older penname (format 1, now 2): the blog is prepared again." in said
    workspace.text.write_text('{"format": 3, "posts": []}', encoding="utf-8")
    workspace.write(steps={})
    with pytest.raises(InputError, match="newer penname"):
        load_text(workspace)


def test_no_post_moves_because_its_number_is_text_now(tmp_path: Path) -> None:
    """The sides that a penname with numbers as ids gave to the same posts."""
    posts = [post(number, text=f"<p>{' '.join(f'w{number}x{i}' for i in range(200))}</p>") for number in range(1, 31)]
    site = make_site(tmp_path / "s", posts)
    prepared = prepare(site, workspace_for(site, tmp_path / "w"), PrepareOptions())
    held = {each.id: each.split for each in prepared.posts if each.split != "train"}
    assert held == SIDES


SIDES = {"4": "test", "9": "test", "18": "validation", "25": "validation"}


def test_what_a_path_is_taken_for_is_said(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "a.md").write_text("# A\n\nText of a note.", encoding="utf-8")
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        assert read_blog(tmp_path / "notes").words == 4
    assert "notes is read as Markdown." in said


def test_addresses_that_are_not_known_are_left_out(tmp_path: Path) -> None:
    for domain, expected in (("", None), ("//a.example", "https://a.example/post-1.html"), ("file:///x", None)):
        site = make_site(tmp_path / f"s{len(domain)}", [post(1)], domain=domain)
        assert read_blog(site).posts[0].url == expected
    site = make_site(tmp_path / "p", [post(1, status="published,is-page")], domain="https://a.example")
    assert read_blog(site, ReadOptions(pages=True)).posts[0].url == "https://a.example/post-1.html"
    (site / "input" / "config" / "pages.config.json").write_text("[]")
    assert read_blog(site, ReadOptions(pages=True)).posts[0].url is None
