"""Feeds and Blogger's exports as files: counts, dates, addresses, excerpts, and what is broken."""

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core import events
from penname.corpus.clean import clean_body
from penname.sources.feeds import PLATFORM
from penname.sources.find import open_source
from penname.sources.post import LIVE, Counts, Post, Wanted

ALL = Wanted(pages=True, drafts=True, trashed=True)
RSS = """<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>A &amp; B</title>
<link>https://a.example/</link><language>en</language><image><title>No</title></image>
<item><title>Cats &amp;amp; dogs</title><link>https://a.example/1</link><guid isPermaLink="false">g1</guid>
<pubDate>Sat, 31 Dec 2022 23:30:00 -0800</pubDate><dc:creator>Ann</dc:creator><category>x</category>
<category>y</category>
<media:title>Not this</media:title><description>Short &#8230;</description>
<content:encoded><![CDATA[<p>One.</p><p>Two.</p>
<p>The post <a href="#">x</a> appeared first on <a>B</a>.</p>]]></content:encoded></item>
<item><title>Two</title><guid>https://a.example/2</guid><pubDate>Sun, 01 Jan 2023 00:10:00 GMT</pubDate>
<description>&lt;p&gt;Whole.&lt;/p&gt;&lt;p&gt;Text.&lt;/p&gt;</description></item>
<item><title>Three</title><guid>3</guid><description>Begins here [...]</description></item></channel></rss>"""
ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>T</title><link href="https://b.example/"/>
<entry><id>i1</id><title type="html">A &amp;lt; B</title><link rel="replies" href="https://b.example/c"/>
<link href="1.html" type="text/html"/><published>2021-03-01T00:30:00+13:00</published><category term="t"/>
<author><name>Bo</name></author><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One &amp;
<em>all</em>.</p><p>Two.</p></div></content></entry>
<entry><id>i2</id><title>&lt;b&gt; in HTML</title><updated>2020-02-29T00:00:00Z</updated>
<summary>Only a line.</summary></entry></feed>"""
TAKEOUT = """<feed xmlns='http://www.w3.org/2005/Atom' xmlns:blogger='http://schemas.google.com/blogger/2018'><title>Mine</title>
{}</feed>"""


def entry(number: int, kind: str, status: str) -> str:
    return (
        f"<entry><id>tag:blogger.com,1999:blog-1.post-{number}</id><blogger:type>{kind}</blogger:type>"
        f"<blogger:status>{status}</blogger:status><title>It&amp;#39;s {number}</title>"
        f"<content type='html'>One.&lt;br /&gt;&lt;br /&gt;Two {number}.</content>"
        f"<published>2011-05-0{number}T08:00:00Z</published><blogger:filename>/2011/05/{number}.html</blogger:filename></entry>"
    )


def read(path: Path, wanted: Wanted = LIVE) -> tuple[list[Post], Counts]:
    with open_source(path, wanted) as source:
        return list(source.posts()), source.counts


def saved(folder: Path, text: str, name: str = "feed.xml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_rss(tmp_path: Path) -> None:
    posts, counts = read(saved(tmp_path, RSS))
    assert counts == Counts(live=3)
    assert [post.title for post in posts] == ["Cats & dogs", "Two", "Three"]
    assert [post.date for post in posts] == ["2022-12-31", "2023-01-01", ""]
    assert [post.url for post in posts] == ["https://a.example/1", "https://a.example/2", None]
    assert (posts[0].id, posts[0].tags, posts[0].author, posts[0].language) == ("g1", ("x", "y"), "Ann", "en")
    assert clean_body(posts[0].body, "html").text == "One.\n\nTwo."


def test_atom(tmp_path: Path) -> None:
    posts, _ = read(saved(tmp_path, ATOM))
    assert [(post.title, post.date) for post in posts] == [("A < B", "2021-03-01"), ("<b> in HTML", "2020-02-29")]
    assert (posts[0].url, posts[0].author, posts[0].tags) == ("https://b.example/1.html", "Bo", ("t",))
    assert clean_body(posts[0].body, "html").text == "One & all.\n\nTwo."


def test_json_feed(tmp_path: Path) -> None:
    items = [
        {"id": "1", "url": "https://c.example/1", "title": "A < B", "content_html": "<p>One.</p><p>Two.</p>"}
        | {"date_published": "2020-01-31T23:30:00-05:00", "tags": ["q"], "authors": [{"name": "Cy"}]},
        {"id": 2, "content_text": "Three < four.\n\nFive."},
    ]
    data = {"version": "https://jsonfeed.org/version/1.1", "title": "C", "language": "de", "items": items}
    posts, _ = read(saved(tmp_path, json.dumps(data), "feed.json"))
    assert [(post.id, post.title, post.date, post.author) for post in posts] == [
        ("1", "A < B", "2020-01-31", "Cy"),
        ("2", "", "", ""),
    ]
    assert posts[0].language == "de"
    assert clean_body(posts[1].body, "html").text == "Three < four.\n\nFive."


def test_excerpts_are_said_to_be_so(tmp_path: Path) -> None:
    told: list[str] = []
    with events.listening(lambda event: told.append(event.text)):
        read(saved(tmp_path, RSS))
    assert any("1 of 3 posts in feed.xml look like excerpts" in each for each in told)


@pytest.mark.parametrize("is_packed", [False, True])
def test_takeout(tmp_path: Path, is_packed: bool) -> None:
    kinds = [("POST", "LIVE"), ("PAGE", "LIVE"), ("COMMENT", "LIVE"), ("POST", "DRAFT"), ("POST", "SCHEDULED")]
    entries = [entry(number, *each) for number, each in enumerate([*kinds, ("POST", "SOFT_TRASHED")], 1)]
    folder = tmp_path / "Takeout" / "Blogger" / "Blogs" / "Mine"
    folder.mkdir(parents=True)
    (folder / "feed.atom").write_text(TAKEOUT.format("".join(entries)), encoding="utf-8")
    path = tmp_path / "Takeout"
    if is_packed:
        path = tmp_path / "takeout.zip"
        with zipfile.ZipFile(path, "w") as archive:
            archive.write(folder / "feed.atom", "Takeout/Blogger/Blogs/Mine/feed.atom")
    posts, counts = read(path)
    assert counts == Counts(live=1, pages=1, drafts=2, trashed=1)
    assert [(post.title, post.date) for post in posts] == [("It's 1", "2011-05-01")]
    assert clean_body(posts[0].body, "html").text == "One.\n\nTwo 1."


def test_a_feed_inside_another_folder_is_not_taken_for_a_takeout(tmp_path: Path) -> None:
    (tmp_path / "public").mkdir()
    saved(tmp_path / "public", ATOM, "feed.atom")
    assert not PLATFORM.knows(tmp_path)


def test_old_backup_with_a_prefix_that_is_not_declared(tmp_path: Path) -> None:
    google = "http://schemas.google.com"
    kind = f"<category scheme='{google}/g/2005#kind' term='{google}/blogger/2008/kind#{{}}'/>"
    draft = "<app:control><app:draft>yes</app:draft></app:control>"
    kinds = [("post", ""), ("post", draft), ("comment", ""), ("settings", ""), ("page", "")]
    text = "".join(
        f"<entry><id>{number}</id>{kind.format(name)}{more}<title>t{number}</title>"
        f"<content type='html'>x</content></entry>"
        for number, (name, more) in enumerate(kinds)
    )
    posts, counts = read(saved(tmp_path, f"<feed xmlns='http://www.w3.org/2005/Atom'>{text}</feed>"), ALL)
    assert counts == Counts(live=1, drafts=1, pages=1)
    assert [post.title for post in posts] == ["t0", "t1", "t4"]


def test_a_feed_that_is_cut_off_gives_what_is_whole(tmp_path: Path) -> None:
    told: list[str] = []
    with events.listening(lambda event: told.append(event.text)):
        posts, _ = read(saved(tmp_path, RSS[: RSS.index("<item><title>Three")]))
    assert len(posts) == 2
    assert any("cut off" in each for each in told)


def test_entities_are_refused(tmp_path: Path) -> None:
    text = RSS.replace("<rss", '<!DOCTYPE rss [<!ENTITY a "b">]><rss', 1)
    told: list[str] = []
    with events.listening(lambda event: told.append(event.text)), PLATFORM.open(saved(tmp_path, text)) as reader:
        assert list(reader.posts(ALL)) == []
    assert any("defines entities" in each for each in told)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([RSS, ATOM, TAKEOUT.format(entry(1, "POST", "LIVE"))]), st.data())
def test_any_change_is_read_or_told(tmp_path_factory: pytest.TempPathFactory, text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 60)))
    path = tmp_path_factory.mktemp("feed") / "feed.xml"
    changed = text[:start] + data.draw(st.text(max_size=12)) + text[end:]
    path.write_bytes(changed.encode("utf-8", "surrogatepass"))
    if not PLATFORM.knows(path):
        return
    with PLATFORM.open(path) as reader:
        for post in reader.posts(ALL):
            clean_body(post.body, post.format)
