"""HTML that is closed in order is read without a parser, and comes out as the walk over the parser's tree has it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.corpus import html, html_plain
from penname.corpus.clean import CleanBody, clean_body
from penname.corpus.html_plain import read_plain
from penname.corpus.html_walk import Walk
from penname.corpus.pieces import Gathered, Piece

PLAIN = (
    '<p class="a">One <strong>two <em>and</em></strong> three&nbsp;four &mdash; '
    '<a href="#INTERNAL_LINK#/post/3">five</a>.</p>\n<!--more-->\n'
    "<h2>A part</h2><ul>\n<li>one<br>more</li>\n<li>two <em>three</em><ol><li>a</li><li>b</li></ol></li></ul>"
    '<p style="text-align: justify;">So  <code>[on]</code></p><p><img src="a.jpg" alt="b"></p><hr id="read-more">'
    '<figure><img src="b.jpg"><figcaption>A label</figcaption></figure><script src="a.js"></script>'
    '<blockquote><p>Said.</p></blockquote><pre class="language-css">a { }</pre>'
)


def test_a_plain_post_needs_no_parser() -> None:
    into = Gathered()
    assert read_plain(PLAIN, Walk(into, code=False)) == (len(PLAIN), [])
    assert into.pieces == [
        Piece("text", "One two and three four — five."),
        Piece("heading", "A part"),
        Piece("item", "- one\nmore", 1),
        Piece("item", "- two three", 1),
        Piece("item", "1. a", 1),
        Piece("item", "2. b", 1),
        Piece("text", "So \ufdd0on]"),
        Piece("text", "Said."),
    ]
    assert (into.links, into.images, into.caption_words) == (1, 2, 2)


@pytest.mark.parametrize(
    "rest",
    [
        "<p>open",
        "<p>a<p>b</p></p>",
        "<p><b>a</p></b>",
        "<p><a href='/a'>a <a href='/b'>b</a></a></p>",
        "<p><div>a</div></p>",
        "<ul>a<li>b</li></ul>",
        "<ul><li>a<li>b</li></li></ul>",
        "<li>a</li>",
        "<h2>a<h3>b</h3></h2>",
        '<p title="a>b">c</p>',
        "<p>a < b</p>",
        "<p/>a</p>",
        "<svg><p>a</p></svg>",
        "<textarea><p>a</p></textarea>",
        "<script>a = '<p>b</p>'</script>",
        "<!-- <p>a</p> -->",
        "<!-->a-->",
        "<p>a</p",
        "</p>",
        "<table><tr><td>a<table></td></tr></table>",
        "<table><p>a</p><tr><td>a</td></tr></table>",
    ],
)
def test_what_is_not_in_order_is_left(rest: str) -> None:
    into = Gathered()
    assert read_plain(f"<p>one</p>{rest}<p>two</p>", Walk(into, code=False)) == (len("<p>one</p>"), [])
    assert into.pieces == [Piece("text", "one")] and (into.links, into.images) == (0, 0)


@pytest.mark.parametrize(
    "block",
    [
        "<p>a<sup>2</sup></p>",
        '<p style="display:none">a</p>',
        '<p hidden="">a</p>',
        '<p>a <span class="sr-only">b</span></p>',
        '<p>a <a href="#b">b</a></p>',
        '<p class="wp-caption&#45;text">a</p>',
        "<table><tbody><tr><td>a</td><td><ul><li>b</li></ul></td></tr></tbody></table>",
        "<div><p>a</p><table><tr><td>b</td></tr></table></div>",
        "<pre>The sea is grey tonight,\nand so am I.</pre>",
        "<pre>a <b>b</b></pre>",
        "<ul><li>a <button><b>b</b></button></li></ul>",
    ],
)
def test_a_block_that_asks_for_more_is_parsed_and_reading_goes_on(block: str) -> None:
    into = Gathered()
    source = f"<p>one</p>{block}<p>two</p>"
    assert read_plain(source, Walk(into, code=False)) == (len(source), [(1, block)])
    assert into.pieces == [Piece("text", "one"), Piece("text", "two")]
    assert clean_body(source, "tinymce") == by_the_parser(source)


def test_a_nul_leaves_all_to_the_parser() -> None:
    assert read_plain("<p>a\0b</p>", Walk(Gathered(), code=False)) == (0, [])


def test_a_reference_is_not_put_together_across_tags() -> None:
    assert clean_body("<p>&am<b>p;lt</b> &<i>amp;</i></p>", "tinymce").text == "&amp;lt &amp;"


BLOCKS = [
    "<p>one</p>",
    '<p class="a">a <b>b <i>c</i></b> d</p>',
    "<h2>Head</h2>",
    "<ul><li>a</li><li>b<ol start='3'><li>c</li></ol></li></ul>",
    "<hr>",
    "<p></p>",
    "<!--more-->",
    "<blockquote><p>q</p></blockquote>",
    "<figure><img src='a.jpg'><figcaption>This one says something.</figcaption></figure>",
    "<figure><blockquote>q</blockquote><figcaption>Ann</figcaption></figure>",
    "<pre><code class='language-a'>x = 1\n</code></pre>",
    "<pre>What is read\nends in a stop.</pre>",
    "<table><tr><th>a</th><td>b</td></tr><tr><th>c</th><td>d<ul><li>e</li><li>f</li></ul></td></tr></table>",
    "<p>x<sup>2</sup> H<sub>2</sub>O</p>",
    "<div>a<p>b</p>c</div>",
    "<dl><dt>a</dt><dd>b</dd></dl>",
    "<p>a <code>[b] {{c}}</code> d</p>",
    "<p><a href='/a'>a</a> <a href='#b'>1</a></p>",
    "<ul><li><a href='#a'>a</a></li><li><a href='#b'>b</a></li></ul>",
    "<p class='wp-caption-text'>Label</p>",
    "<details><summary>a</summary>b</details>",
    "<iframe src='a'></iframe>",
    "<script type='math/tex'>x</script>",
    "plain <b>text</b>",
    "word <table>",
]
PARTS = [
    *("<p>", "</p>", "<p style='x'>", "<h2>", "</h2>", "<b>", "</b>", "<em>", "</em>", "<ol>", "</ol>", "<ul>"),
    *("</ul>", "<li>", "</li>", "<a href='http://x.y'>", "<a href=''>", "<a href='javascript:x'>", "</a>"),
    *("<span style='display:none'>", "<span style='display:block'>", "</span>", "<br>", "<div>", "</div>"),
    *("<table>", "<tr>", "<td>", "</td>", "</tr>", "</table>", "<pre>", "</pre>", "<code>", "</code>", "<sup>"),
    *("</sup>", "<button>", "</button>", "<q>", "</q>", "<hr/>", "<p hidden>", "<li value=7>", "<img src=a.jpg>"),
    *("word ", "two  words", "&amp;", "&nbsp;", "&#8217;", "&am", "p;", "- x", "\n", "\t", " ", "\x01", "\x0c"),
    *("\ud800", "<p><img src='a.jpg' alt='x'></p>", "a<b", "[x]", "<line-break>", "\u200b", "e\u0301", "\r\n"),
]


def by_the_parser(source: str, code: bool = False) -> CleanBody:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html, "read_plain", lambda source, walk: (0, []))
        return clean_body(source, "tinymce", code=code)


@settings(deadline=None, max_examples=300)
@given(
    st.lists(st.sampled_from(BLOCKS) | st.sampled_from(PARTS), max_size=9).map("".join), st.sampled_from([9, 1 << 16])
)
def test_both_ways_are_one(source: str, window: int) -> None:
    expected = by_the_parser(source, code=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html_plain, "_WINDOW", window)
        found = clean_body(source, "tinymce", code=True)
    assert found == expected and found.headings == expected.headings
    assert found.caption_words == expected.caption_words
