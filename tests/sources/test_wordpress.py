"""WordPress exports: counted exactly, recovered where they are broken, read as a reader sees them."""

import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.corpus.clean import clean_body
from penname.corpus.read import ReadOptions, read_blog
from penname.sources import wordpress_items
from penname.sources.find import open_source
from penname.sources.post import Counts, Post, Wanted
from penname.sources.wordpress_text import body_of

ALL = Wanted(pages=True, drafts=True, trashed=True)
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/"
 xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:wp="http://wordpress.org/export/1.2/">
<channel><title>A &amp; B</title><link>https://a.example</link><language>en-GB</language>
<wp:wxr_version>1.2</wp:wxr_version><wp:base_blog_url>https://a.example</wp:base_blog_url>
<wp:author><wp:author_login><![CDATA[ann]]></wp:author_login>
<wp:author_display_name><![CDATA[Ann Bell]]></wp:author_display_name></wp:author>
"""
FOOT = "</channel></rss>\n"


def item(
    number: int, content: str = "Text.", *, title: str = "<![CDATA[A title]]>", more: str = "", **fields: str
) -> str:
    values = {
        "post_date": f"2020-01-{number:02} 23:30:00",
        "post_date_gmt": f"2020-01-{number + 1:02} 04:30:00",
        "status": "publish",
        "post_type": "post",
        "post_password": "",
    } | fields
    inner = "".join(f"<wp:{name}><![CDATA[{value}]]></wp:{name}>" for name, value in values.items())
    return (
        f"<item><title>{title}</title><link>https://a.example/p{number}/</link><dc:creator><![CDATA[ann]]></dc:creator>"
        f"<content:encoded><![CDATA[{content}]]></content:encoded><wp:post_id>{number}</wp:post_id>{inner}{more}</item>\n"
    )


def export(folder: Path, *items: str, head: str = HEAD, foot: str = FOOT, name: str = "blog.xml") -> Path:
    path = folder / name
    path.write_text(head + "".join(items) + foot, encoding="utf-8")
    return path


def posts_of(path: Path, wanted: Wanted = ALL) -> list[Post]:
    with open_source(path, wanted) as source:
        return list(source.posts())


def texts_of(path: Path) -> list[str]:
    return [post.text for post in read_blog(path).posts]


def said_by(path: Path) -> list[str]:
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        posts_of(path)
    return said


def counted_by_patterns(text: str) -> Counter[str]:
    """Another way to the same numbers: patterns over each item."""
    found: Counter[str] = Counter()
    for each in re.findall(r"<item\b.*?</item>", text, re.DOTALL):
        kind, status, secret = (
            re.search(rf"<wp:{name}>(?:<!\[CDATA\[)?([^<\]]*)", each)
            for name in ("post_type", "status", "post_password")
        )
        if kind is None or kind[1] not in ("post", "page"):
            continue
        if status and status[1] in ("draft", "future", "pending"):
            found["drafts"] += 1
        elif (status and status[1] == "private") or (secret and secret[1].strip()):
            found["private"] += 1
        else:
            found["pages" if kind[1] == "page" else "live"] += 1
    return found


def test_real_exports_are_counted_exactly(shared_data: Path) -> None:
    paths = sorted((shared_data / "sources" / "wxr").glob("*/*.xml"))
    assert len(paths) > 40
    for path in paths:
        with open_source(path) as source:
            found = list(source.posts())
            assert source.platform == "WordPress"
        expected = counted_by_patterns(path.read_text(encoding="utf-8", errors="replace"))
        assert {kind: count for kind, count in vars(source.counts).items() if count} == dict(expected), path.name
        assert len(found) == expected["live"]
        for post in found:
            assert post.url is None or post.url.startswith("http")
            assert not post.date or re.fullmatch(r"\d{4}-\d\d-\d\d", post.date)
            text = clean_body(post.body, post.format).text
            assert not re.search(r"<!--|wp:|\[/?(?:caption|gallery|embed)|</(?:p|div|figure)>|<br", text), (
                path.name,
                post.id,
            )


def test_the_test_data_of_themes_is_read_as_it_is_shown(shared_data: Path) -> None:
    (path,) = (shared_data / "sources" / "wxr").glob("*/*theme-unit-test-data.xml")
    by_title = {post.title: post for post in read_blog(path).posts}
    comments = by_title["Template: Comments"]
    assert comments.text.startswith("This post tests comments in the following ways.\n\n- Threaded comments up to 10")
    assert (comments.date, comments.url) == (
        "2012-01-03",
        "https://wpthemetestdata.wordpress.com/2012/01/03/template-comments/",
    )
    assert "comments" in comments.tags and "Uncategorized" not in comments.tags


def test_a_post_has_all_that_the_export_has(tmp_path: Path) -> None:
    tags = (
        '<category domain="category" nicename="news"><![CDATA[News]]></category>'
        '<category domain="post_tag" nicename="sea"><![CDATA[The Sea]]></category>'
        '<category domain="post_format" nicename="post-format-aside"><![CDATA[Aside]]></category>'
        '<category domain="category" nicename="uncategorized"><![CDATA[Allgemein]]></category>'
        "<wp:comment><wp:comment_content><![CDATA[Never read.]]></wp:comment_content></wp:comment>"
    )
    path = export(tmp_path, item(3, "One.\n\nTwo.", more=tags))
    (post,) = posts_of(path)
    assert post == Post(
        "3", "https://a.example/p3/", "A title", "2020-01-03", "en-GB", ("News", "The Sea"),
        "One.<p></p>Two.", "html", "Ann Bell",
    )  # fmt: skip
    with open_source(path) as source:
        assert (source.name, source.title, source.language) == ("blog", "A & B", "en-GB")


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({}, Counts(live=1)),
        ({"post_type": "page"}, Counts(pages=1)),
        ({"status": "draft"}, Counts(drafts=1)),
        ({"status": "future"}, Counts(drafts=1)),
        ({"status": "pending", "post_type": "page"}, Counts(drafts=1)),
        ({"status": "private"}, Counts(private=1)),
        ({"status": "trash"}, Counts(trashed=1)),
        ({"post_password": "secret"}, Counts(private=1)),
        ({"status": "inherit", "post_type": "attachment"}, Counts()),
        ({"post_type": "nav_menu_item"}, Counts()),
        ({"post_type": "post_slider"}, Counts()),
    ],
)
def test_what_is_published_is_live(tmp_path: Path, fields: dict[str, str], counts: Counts) -> None:
    path = export(tmp_path, item(1, **fields))
    with open_source(path) as source:
        assert len(list(source.posts())) == counts.live
        assert source.counts == counts
    wanted = sum(vars(counts).values())
    assert len(posts_of(path)) == wanted and all(post.body == "Text." for post in posts_of(path))


def test_private_posts_are_read_when_drafts_are(tmp_path: Path) -> None:
    path = export(tmp_path, item(1, "The secret text.", post_password="x"))
    with pytest.raises(InputError, match=r"1 private post.*add --drafts"):
        read_blog(path)
    assert read_blog(path, ReadOptions(drafts=True)).words == 3


@pytest.mark.parametrize(
    ("local", "gmt", "day"),
    [
        ("2020-01-31 23:59:00", "2020-02-01 04:59:00", "2020-01-31"),
        ("0000-00-00 00:00:00", "2020-02-01 04:59:00", "2020-02-01"),
        ("2020-01-31 23:59:00", "0000-00-00 00:00:00", "2020-01-31"),
        ("0000-00-00 00:00:00", "0000-00-00 00:00:00", "2019-07-04"),
        ("2020-02-31 00:00:00", "", "2019-07-04"),
    ],
)
def test_dates_are_those_of_the_writer(tmp_path: Path, local: str, gmt: str, day: str) -> None:
    made = item(1, post_date=local, post_date_gmt=gmt)
    made = made.replace("<wp:post_id>", "<pubDate>Thu, 04 Jul 2019 23:00:00 +0000</pubDate><wp:post_id>")
    assert posts_of(export(tmp_path, made))[0].date == day


BROKEN = {
    "bare ampersand": (item(2, title="Fish & Chips"), "Fish & Chips", "Text."),
    "named entity": (item(2, title="Fish&mdash;Chips"), "Fish—Chips", "Text."),
    "end of CDATA in a text": (item(2, "a [[b]]> c"), "A title", "a [[b]]> c"),
    "CDATA in CDATA": (item(2, "a <![CDATA[ b ]]> c"), "A title", "a <![CDATA[ b ]]> c"),
    "control characters": (item(2, "a\x0bb\x01c"), "A title", "a\x0bb\x01c"),
    "an open tag": (item(2, more="<wp:meta><b>"), "A title", "Text."),
    "an entity of its own": (item(2, title="&lol;").replace("<item>", "<item><!ENTITY lol 'x'>"), "&lol;", "Text."),
    "an undeclared prefix": (item(2, more="<foo:bar>x</foo:bar>"), "A title", "Text."),
}


@pytest.mark.parametrize("name", sorted(BROKEN))
def test_a_broken_item_takes_no_other_with_it(tmp_path: Path, name: str) -> None:
    made, title, body = BROKEN[name]
    path = export(tmp_path, item(1), made, item(3))
    found = posts_of(path)
    assert [post.id for post in found] == ["1", "2", "3"]
    assert (found[1].title, found[1].body) == (title, body)
    assert any("not well-formed" in text for text in said_by(path))


def test_both_ways_of_reading_agree(tmp_path: Path, shared_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = sorted((shared_data / "sources" / "wxr").glob("*/*.xml"))
    by_expat = [posts_of(path) for path in paths]

    def refuse(*_: object) -> None:
        raise ValueError

    monkeypatch.setattr(wordpress_items._Parse, "run", refuse)
    same = total = 0
    for path, expected in zip(paths, by_expat, strict=True):
        for one, other in zip(expected, posts_of(path), strict=True):
            total += 1
            same += (one.title, one.date, one.tags, one.body) == (other.title, other.date, other.tags, other.body)
    assert same >= total - 2, (same, total)


def test_an_entity_bomb_is_not_expanded(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE rss [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY f SYSTEM "file:///etc/hostname">]>\n<rss'
    path = export(tmp_path, item(1, title="&b;&f;"), head=HEAD.replace("<rss", bomb, 1))
    assert [post.title for post in posts_of(path)] == ["&b;&f;"]


@pytest.mark.parametrize("cut", ["<content:encoded>", "<![CDATA[Second", "</item>"])
def test_a_file_that_is_cut_off_gives_what_is_whole(tmp_path: Path, cut: str) -> None:
    whole = HEAD + item(1, "First.") + item(2, "Second.")
    path = tmp_path / "blog.xml"
    path.write_text(whole[: whole.rindex(cut) + 3], encoding="utf-8")
    assert [post.id for post in posts_of(path)] == ["1"]
    assert any("cut off" in text and "1 item was skipped" in text for text in said_by(path))


def test_an_open_cdata_costs_one_item_at_most(tmp_path: Path) -> None:
    open_one = item(1).replace("Text.]]></content:encoded>", "Text.</content:encoded>")
    assert [post.id for post in posts_of(export(tmp_path, open_one, item(2)))] == ["1", "2"]
    last = (
        "<item><title>Last</title><wp:post_id>9</wp:post_id><content:encoded><![CDATA[Text.</content:encoded></item>\n"
    )
    assert [post.id for post in posts_of(export(tmp_path, item(1), last))] == ["1", "9"]


def test_tags_of_items_in_a_text_are_text(tmp_path: Path) -> None:
    path = export(tmp_path, item(1, "<pre>&lt;item> </item> <item></pre><p>Feeds.</p>"), item(2))
    assert [post.id for post in posts_of(path)] == ["1", "2"]
    assert texts_of(path)[0] == "Feeds."


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = HEAD.replace("UTF-8", encoding.removesuffix("-sig")) + item(1, "Café naïve.") + FOOT
    path = tmp_path / "blog.xml"
    path.write_bytes(text.encode(encoding))
    assert posts_of(path)[0].body == "Café naïve."


def test_split_exports_are_one_blog(tmp_path: Path) -> None:
    folder = tmp_path / "my-blog"
    folder.mkdir()
    export(folder, item(1), item(2), name="a.xml")
    export(folder, item(2), item(3), name="b.xml")
    (folder / "other.xml").write_text("<feed/>", encoding="utf-8")
    assert [post.id for post in posts_of(folder)] == ["1", "2", "3"]
    with zipfile.ZipFile(tmp_path / "my-blog.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("a.xml", "b.xml"):
            archive.write(folder / name, f"export/{name}")
        archive.writestr("__MACOSX/export/._a.xml", "junk")
    with open_source(tmp_path / "my-blog.zip") as source:
        assert source.name == "my-blog" and [post.id for post in source.posts()] == ["1", "2", "3"]


def test_other_texts_under_one_number_are_both_read(tmp_path: Path) -> None:
    posts = posts_of(export(tmp_path, item(1, "One."), item(1, "Another."), item(1, "One.")))
    assert [(post.id, post.body) for post in posts] == [("1", "One."), ("1-2", "Another.")]


def test_a_member_that_is_far_larger_than_it_can_be_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "b.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.xml", HEAD + " " * 3_000_000 + FOOT)
    with pytest.raises(InputError, match="zip"):
        posts_of(tmp_path / "b.zip")


TEXTS = [
    ("One.\n\nTwo\nlines.", "One.\n\nTwo\nlines."),
    ("One.\r\n\r\nTwo.", "One.\n\nTwo."),
    ("<strong>One</strong>\n\n\n<em>Two</em>.", "One\n\nTwo."),
    ("<p>One.</p>\n\n<p>Two.</p>", "One.\n\nTwo."),
    ("<h2>Head</h2>\nText.\n<ul>\n<li>a</li>\n<li>b</li>\n</ul>\nEnd.", "Head\n\nText.\n\n- a\n- b\n\nEnd."),
    ("a < b\n\nc > d", "a < b\n\nc > d"),
    (
        'Classic.\n\nText.\n<!-- wp:paragraph {"a":"b-c"} -->\n<p>Block.</p>\n<!-- /wp:paragraph -->\nAgain.\n\nEnd.',
        "Classic.\n\nText.\n\nBlock.\n\nAgain.\n\nEnd.",
    ),
    ("<!-- wp:freeform -->One.\n\nTwo.<!-- /wp:freeform -->", "One.\n\nTwo."),
    ("<!-- wp:spacer /-->\nOne.\n\nTwo.", "One.\n\nTwo."),
    (
        ('<!-- wp:embed {"url":"x"} --><figure class="wp-block-embed"><div>\nhttps://v.example/1\n</div></figure>'
         "<!-- /wp:embed --><!-- wp:paragraph --><p>T.</p><!-- /wp:paragraph -->"),
        "T.",
    ),
    ("One.\n\nhttps://v.example/watch?v=1\n\nTwo.", "One.\n\nTwo."),
    ('A.\n\n[caption id="a" width="1"]<a href="x"><img src="y" /></a> A label[/caption]\n\nB.', "A.\n\nB."),
    ('A. [gallery ids="1,2"]\n\n[embed width="3"]https://v.example/[/embed] B.', "A.\n\nB."),
    ("A.<!--more-->\n\nB.<!--nextpage-->", "A.\n\nB."),
    ("Open [caption and nothing", "Open [caption and nothing"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "text"), TEXTS)
def test_text_is_read_as_it_is_shown(content: str, text: str) -> None:
    assert clean_body(body_of(content), "html").text == text


def test_code_keeps_its_lines() -> None:
    content = "Look:\n\n[code language='x']a\n\nb[/code]\n\n<pre>c\n\nd</pre>"
    assert clean_body(body_of(content), "html", code=True).text == "Look:\n\na\n\nb\n\nc\n\nd"
    assert clean_body(body_of(content), "html").text == "Look:"


@pytest.mark.parametrize("unit", ["[caption]", "[", "<!-- wp:a ", "<", "\n ", " ", "<p\n", "[code]", "https://", "&"])
def test_a_long_text_of_anything_takes_no_long_time(unit: str) -> None:
    assert isinstance(body_of(unit * (200_000 // len(unit)) + "[/x]"), str)


PIECES = [
    "<item>",
    "</item>",
    "<![CDATA[",
    "]]>",
    "&",
    "<",
    "\x00",
    "</rss>",
    "<wp:status>",
    "-->",
    "[caption]",
    "\ud83d",
]


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_change_to_a_file_ends_in_a_traceback(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    text = HEAD + "".join(item(n, "One.\n\n<b>Two</b> [caption]x[/caption]") for n in (1, 2, 3)) + FOOT
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(text)))
        text = text[:at] + data.draw(st.sampled_from(["", *PIECES])) + text[at + data.draw(st.integers(0, 60)) :]
    path = tmp_path_factory.mktemp("wxr") / "blog.xml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        for post in posts_of(path):
            assert post.id and isinstance(clean_body(post.body, post.format).text, str)
    except PennameError:
        pass
