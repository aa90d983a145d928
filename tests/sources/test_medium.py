"""Medium exports: posts, drafts, responses that are no posts, and what is broken."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.corpus.clean import clean_body
from penname.sources.find import open_source
from penname.sources.medium import PLATFORM
from penname.sources.post import Counts, Post, Wanted

ALL = Wanted(drafts=True)
TIME = '<time class="dt-published" datetime="2018-08-11T11:23:34.123Z">August 11, 2018</time>'
LINK = '<a href="https://medium.com/@a/title-efefef121212" class="p-canonical">Canonical link</a>'


def page(title: str, body: str, summary: str = "", footer: str = TIME + LINK) -> str:
    return (
        f'<!DOCTYPE html><html><head><title>{title}</title></head><body><article class="h-entry"><header>'
        f'<h1 class="p-name">{title}</h1></header>{summary}'
        f'<section data-field="body" class="e-content">{body}</section>'
        f'<footer><p>Tagged in <a class="p-tag">Things</a> <a class="p-author h-card">Ann</a></p>{footer}</footer>'
        "</article></body></html>"
    )


PAGES = {
    "2018-08-11_Title-efefef121212.html": page(
        "Title", '<h3 class="graf graf--title">Title</h3><p>One.</p><p>Two.</p>'
    ),
    "2018-08-12_I-agree-aaaaaa121212.html": page("I agree", "<p>I agree with all.</p>"),
    "draft_Later-bbbbbb121212.html": page("Later", "<p>One day.</p>", footer=""),
    "2018-08-13_Title-efefef121212.html": page("Again", "<h4>Head</h4><p>Same address.</p>"),
    "2019-01-02_None-cccccc121212.html": page("None", "<h4>Head</h4><p>No date.</p>", footer=LINK),
}


def read(path: Path) -> tuple[list[Post], Counts]:
    with open_source(path, ALL) as source:
        return list(source.posts()), source.counts


@pytest.mark.parametrize("is_packed", [False, True])
def test_posts_drafts_and_responses(tmp_path: Path, is_packed: bool) -> None:
    folder = tmp_path / "export"
    (folder / "posts").mkdir(parents=True)
    for name, text in PAGES.items():
        (folder / "posts" / name).write_text(text, encoding="utf-8")
    path = folder
    if is_packed:
        path = tmp_path / "export.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in PAGES.items():
                archive.writestr(f"posts/{name}", text)
            archive.writestr("profile/profile.html", page("Secret", "<h3>x</h3>"))
    posts, counts = read(path)
    assert counts == Counts(live=3, drafts=1)
    assert [(post.id, post.title, post.date) for post in posts] == [
        ("efefef121212", "Title", "2018-08-11"),
        (posts[1].id, "Again", "2018-08-11"),
        ("cccccc121212", "None", "2019-01-02"),
        ("bbbbbb121212", "Later", ""),
    ]
    assert posts[1].id.endswith("2018-08-13_Title-efefef121212.html")
    first = posts[0]
    assert (first.url, first.tags) == ("https://medium.com/@a/title-efefef121212", ("Things",))
    assert first.author == "Ann"
    assert clean_body(first.body, "html").text == "One.\n\nTwo."


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_any_change_is_read_or_passed_over(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(list(PAGES.values())))
    start = data.draw(st.integers(0, len(text)))
    changed = text[:start] + data.draw(st.text(max_size=12)) + text[data.draw(st.integers(start, len(text))) :]
    path = tmp_path_factory.mktemp("medium") / "x.html"
    path.write_bytes(changed.encode("utf-8", "surrogatepass"))
    PLATFORM.knows(path)
    with PLATFORM.open(path) as reader:
        for post in reader.posts(ALL):
            clean_body(post.body, post.format)
