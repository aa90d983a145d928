"""The whole reader: rows to clean posts, what is left out, what is masked, and flat memory."""

import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from publii_site import add_posts, make_database, make_site, post
from test_publii import REAL

from penname.core import events
from penname.core.errors import InputError
from penname.corpus.read import LeftOut, Reading, ReadOptions, count_words, iter_posts, read_blog, tell
from penname.corpus.repeats import Boilerplate
from penname.sources.find import sample_site
from penname.sources.publii import iter_rows
from penname.sources.publii_site import open_site

LEFTOVERS = (
    "<p",
    "</",
    "#INTERNAL_LINK#",
    "#DOMAIN_NAME#",
    "publii-",
    '"content":',
    "READMORE",
    "\u00a0",
    "\u00ad",
)


def blog(tmp_path: Path, *posts: dict[str, Any], **config: Any) -> Path:
    return make_site(tmp_path / "blog", posts, **config)


def test_posts_in_each_editor(tmp_path: Path) -> None:
    blocks = '[{"id":1,"type":"publii-paragraph","content":"A <b>block</b>.","config":{}}]'
    site = blog(
        tmp_path,
        post(1, text="<p>Some <em>HTML</em>.</p><p>Two.</p>", tags=("b", "a"), title=" A\u00a0title "),
        post(2, text=blocks, core='{"editor":"blockeditor"}'),
        post(3, text="Some *Markdown*.", core='{"editor":"markdown"}'),
    )
    first, second, third = iter_posts(site)
    assert (first.id, first.title, first.date, first.tags) == ("1", "A title", "1970-01-02", ("a", "b"))
    assert (first.text, first.words) == ("Some HTML.\n\nTwo.", 3)
    assert (second.text, third.text) == ("A block.", "Some Markdown.")


def test_reading_counts_and_lists_the_empty_posts(tmp_path: Path) -> None:
    site = blog(
        tmp_path,
        post(1, text='<p>Hello <a href="https://a.example">you</a>.</p>'),
        post(2, text=""),
        post(3, text=None),
        post(4, text='<p><img src="x.jpg" alt=""></p>'),
        post(5, text="<p>&nbsp;</p>"),
        post(6, status="draft"),
        domain="https://a.example",
        displayName="Ann's\u200b blog",
    )
    reading = read_blog(site)
    assert [entry.id for entry in reading.posts] == ["1"]
    assert reading.left_out == (
        LeftOut("2", "Post 2", "empty: it has a title only"),
        LeftOut("3", "Post 3", "empty: it has a title only"),
        LeftOut("4", "Post 4", "no text: it holds a picture only"),
        LeftOut("5", "Post 5", "no text is left after cleaning"),
    )
    assert (reading.selected, reading.links, reading.images, reading.words) == (5, 1, 1, 2)
    assert reading.editors == {"tinymce": 5}
    assert reading.counts.drafts == 1
    assert reading.posts[0].url == "https://a.example/post-1.html"
    assert (reading.name, reading.display_name, reading.language) == ("blog", "Ann's blog", "en")


def test_options(tmp_path: Path) -> None:
    site = blog(
        tmp_path,
        post(1, text="<p>Code:</p><pre><code>x = 1</code></pre><p>Write to ann@example.org.</p>"),
        post(2, status="published,is-page", title="Ask bob@example.org"),
        post(3, status="draft"),
        post(4, status="published,trashed"),
    )
    plain = read_blog(site)
    assert [entry.id for entry in plain.posts] == ["1"]
    assert "x = 1" not in plain.posts[0].text and "ann@" not in plain.posts[0].text
    assert plain.masked == {"e-mail": 1}
    all_of_it = read_blog(site, ReadOptions(pages=True, drafts=True, trashed=True, code=True, keep_private=True))
    assert [entry.id for entry in all_of_it.posts] == ["1", "2", "3", "4"]
    assert "x = 1" in all_of_it.posts[0].text and "ann@example.org" in all_of_it.posts[0].text
    assert not all_of_it.masked
    pages = read_blog(site, ReadOptions(pages=True))
    assert pages.masked == {"e-mail": 2} and "bob@" not in pages.posts[1].title


@pytest.mark.parametrize(
    ("statuses", "options", "said"),
    [
        ((), ReadOptions(), "holds no posts at all"),
        (("published,is-page",) * 3 + ("draft",) * 2, ReadOptions(), "0 live posts; 3 pages, 2 drafts"),
        (("published,is-page",), ReadOptions(), "1 page): add --pages to read those"),
        (("published,is-page", "draft"), ReadOptions(), "add --pages or --drafts"),
        (("draft",), ReadOptions(pages=True), "add --drafts"),
        (("published,trashed",), ReadOptions(), "1 trashed post): publish some in Publii first"),
    ],
)
def test_no_live_post(tmp_path: Path, statuses: tuple[str, ...], options: ReadOptions, said: str) -> None:
    site = blog(tmp_path, *(post(number, status=status) for number, status in enumerate(statuses, 1)))
    for read in (read_blog, lambda *given: list(iter_posts(*given))):
        with pytest.raises(InputError) as caught:
            read(site, options)
        assert said in str(caught.value) and "\n" not in str(caught.value)


FOOTER = "Thank you for reading this far; subscribe to my newsletter for more of the same."
STORIES = (
    "The boat left the harbour at six and nobody on the quay looked up from the nets.",
    "My grandmother kept bees behind the shed and spoke to them every Sunday evening.",
    "We painted the kitchen yellow in March and have regretted it every morning since.",
    "The library closes next month, so I borrowed everything they would let me carry.",
)


def with_footer(number: int, story: str) -> dict[str, Any]:
    return post(number, text=f"<p>{story}</p><p>{FOOTER}</p>")


def test_boilerplate_is_taken_out_and_listed(tmp_path: Path) -> None:
    made = [with_footer(number, story) for number, story in enumerate(STORIES, 1)]
    site = blog(tmp_path, *made, post(9, text=f"<p>{FOOTER}</p>"))
    reading = read_blog(site)
    assert [(found.paragraph, found.posts) for found in reading.boilerplate] == [(FOOTER, 5)]
    assert [entry.text for entry in reading.posts] == list(STORIES)
    assert [entry.words for entry in reading.posts] == [len(story.split()) for story in STORIES]
    assert [(entry.id, entry.reason) for entry in reading.left_out] == [
        ("9", "nothing is left but paragraphs that many posts repeat")
    ]
    assert reading.selected == 5 and reading.duplicates == ()
    kept = read_blog(site, ReadOptions(keep_boilerplate=True))
    assert kept.posts[0].text == f"{STORIES[0]}\n\n{FOOTER}" and len(kept.boilerplate) == 1


def test_duplicates_stay_and_are_listed(tmp_path: Path) -> None:
    text = "".join(f"<p>{story}</p>" for story in STORIES)
    site = blog(tmp_path, post(1, text=text), post(2, text=text + "<p>One more line.</p>"), post(3))
    reading = read_blog(site)
    assert [entry.id for entry in reading.posts] == ["1", "2", "3"]
    assert [(found.id, found.of) for found in reading.duplicates] == [("1", "2")]


def test_duplicate_in_a_real_site(shared_data: Path) -> None:
    reading = read_blog(shared_data / "publii" / "FLINT-Camp__flint_build.sqlite")
    assert {frozenset((found.id, found.of)) for found in reading.duplicates} >= {frozenset(("2", "11"))}


def test_tell_says_what_was_done(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    text = "".join(f"<p>{story}</p>" for story in STORIES) + "<p>Write to ann@example.org.</p>"
    site = blog(tmp_path, post(1, text=text), post(2, text=text), post(3, text=""))
    with events.listening(heard.append):
        tell(read_blog(site))
    notes = [event.text for event in heard if event.kind == "note"]
    assert notes == [
        "Left out 1 post without text.",
        "Masked private data (e-mail: 2).",
        "Found 1 near-duplicate among the posts.",
    ]


def test_progress_is_told(tmp_path: Path) -> None:
    heard: list[events.Event] = []
    site = blog(tmp_path, post(1), post(2), post(3, status="published,is-page"))
    with events.listening(heard.append):
        read_blog(site, ReadOptions(pages=True))
    start, end = ([event for event in heard if event.kind == kind] for kind in ("start", "end"))
    assert start[0].data["total"] == 3 and end[0].data["done"] == 3


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_sites_leave_no_markup(shared_data: Path, name: str) -> None:
    path = shared_data / "publii" / f"{name}.sqlite"
    if not REAL[name].live:
        with pytest.raises(InputError):
            read_blog(path)
        return
    reading = read_blog(path)
    assert reading.selected == len(reading.posts) + len(reading.left_out) == REAL[name].live
    assert len({entry.id for entry in reading.posts}) == len(reading.posts)
    for entry in reading.posts:
        assert entry.text and entry.words == len(entry.text.split())
        assert not [word for word in LEFTOVERS if word in entry.text + entry.title]


def test_modern_blog(shared_data: Path) -> None:
    reading = read_blog(shared_data / "blogs" / "mtlynch.sqlite")
    assert reading.selected == 249
    assert 400_000 < reading.words < 600_000
    # "Highlights" opens 55 posts, "New here?" 31, above a paragraph that goes as well.
    lines = [item for item in reading.boilerplate if item.place != "anywhere"]
    assert lines == [Boilerplate("New here?", 31, "start")]
    assert sum(entry.text.startswith("Highlights\n") for entry in reading.posts) == 76
    for entry in reading.posts:
        assert not [word for word in LEFTOVERS[2:] if word in entry.text + entry.title]  # some posts quote tags


def test_empty_posts_of_a_real_site(shared_data: Path) -> None:
    reading = read_blog(shared_data / "publii" / "svetlova1985__sinoxby.github.io.sqlite")
    title_only = [entry for entry in reading.left_out if entry.reason == "empty: it has a title only"]
    assert len(title_only) == 76  # 77 of the 86 rows; one of them lies in the trash


@pytest.fixture(scope="module")
def sample() -> Reading:
    return read_blog(sample_site())


def test_sample_blog(sample: Reading) -> None:
    reading = sample
    assert (len(reading.posts), reading.left_out, reading.masked) == (943, (), {})
    assert 400_000 <= reading.words <= 470_000
    assert reading.links == 302
    texts = {entry.title: entry.text for entry in reading.posts}
    assert "Jane called us up about three in the morning, to tell us of a great fire" in texts["2 September 1666"]
    assert not [word for word in LEFTOVERS for text in texts.values() if word in text]


def test_sample_keeps_every_word(shared_data: Path, sample: Reading) -> None:
    """What the tool laid into three editors comes out as the diary's own words."""
    import html
    import json
    import re

    diary = [json.loads(line) for line in (shared_data / "pepys.jsonl").read_text("utf-8").splitlines()]
    by_day = {row["date"]: html.unescape(re.sub(r"<[^>]*>", " ", row["html"])) for row in diary}
    words = re.compile(r"\w+")
    differing = 0
    for entry in sample.posts:
        expected, found = words.findall(by_day[entry.date]), words.findall(entry.text)
        differing += " ".join(expected) not in " ".join(found)
    assert differing <= 5


def test_streaming_is_flat_in_memory(tmp_path: Path) -> None:
    def peak(count: int) -> int:
        database = make_database(tmp_path / f"{count}.sqlite")
        with closing(sqlite3.connect(database)) as connection:
            add_posts(connection, (post(number, text="<p>Some words.</p>" * 20) for number in range(count)))
            connection.commit()
        tracemalloc.start()
        assert sum(1 for _ in iter_posts(database)) == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(20)
    assert peak(800) < 1.5 * peak(80) + 100_000


def test_closing_early_removes_the_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    posts = iter_posts(blog(tmp_path, post(1), post(2)))
    assert isinstance(posts, Iterator) and next(posts).id == "1"
    posts.close()  # type: ignore[attr-defined]
    assert list(temporary.iterdir()) == []


def test_rows_without_editor_are_read_by_their_look(shared_data: Path) -> None:
    with open_site(shared_data / "blogs" / "mtlynch.sqlite") as site:
        sniffed = [row for row in iter_rows(site) if row.editor == "tinymce" and row.source.startswith("[{")]
    assert sniffed == []


@pytest.mark.parametrize("text", ["", "a", "a b", "a\n\nb c\nd", "x\n\n    code  here\n\n\n\tx", " a ", "a \nb"])
def test_words_are_counted_between_white_space(text: str) -> None:
    assert count_words(text) == len(text.split())
