"""Plain HTML is read without a parser, and comes out as the walk over the parser's tree would have it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.corpus import html as html_text
from penname.corpus.clean import CleanBody, clean_body
from penname.corpus.html_plain import gather_plain_blocks
from penname.corpus.pieces import Gathered, Piece

PLAIN = (
    '<p class="a">One <strong>two</strong> three&nbsp;four &mdash; <a href="#INTERNAL_LINK#/post/3">five</a>.</p>\n'
    "<h2>A part</h2><ul>\n<li>one</li>\n<li>two <em>three</em></li></ul><ol><li>a</li><li>b</li></ol>"
    '<p style="text-align: justify;">So  on</p><p><img src="a.jpg" alt="b"></p><hr id="read-more">'
)


def test_a_plain_post_needs_no_parser() -> None:
    into = Gathered()
    assert gather_plain_blocks(PLAIN, into) == len(PLAIN)
    assert into.pieces == [
        Piece("text", "One two three four — five."),
        Piece("heading", "A part"),
        Piece("item", "- one", 1),
        Piece("item", "- two three", 1),
        Piece("item", "1. a", 2),
        Piece("item", "2. b", 2),
        Piece("text", "So on"),
    ]
    assert (into.links, into.images) == (1, 1)


@pytest.mark.parametrize(
    "rest",
    [
        "<p>a<br>b</p>",
        "<p>a <b>b <i>c</i></b></p>",
        "<p>open",
        "<div><p>a</p></div>",
        '<p style="display:none">a</p>',
        '<p hidden="">a</p>',
        '<p>a <span class="sr-only">b</span></p>',
        '<p class="a" class="b">a</p>',
        "<p>a<sup>2</sup></p>",
        "<p><b>a</p></b>",
        "<ul><li>a<ul><li>b</li></ul></li></ul>",
        "<ul><li>• a</li></ul>",
        "<ul><li></li></ul>",
        "<P>a</P>",
        "text",
        '<p title="a>b">c</p>',
        "<p>a\0b</p>",
    ],
)
def test_what_is_not_plain_is_left(rest: str) -> None:
    into = Gathered()
    assert gather_plain_blocks(f"<p>one</p>{rest}<p>two</p>", into) == len("<p>one</p>")
    assert into.pieces == [Piece("text", "one")] and (into.links, into.images) == (0, 0)


BLOCKS = [
    "<p>one</p>",
    '<p class="a">a <b>b</b> c</p>',
    "<h2>Head</h2>",
    "<ul><li>a</li><li>b</li></ul>",
    "<hr>",
    "<p></p>",
]
PARTS = [
    *(
        "<p>",
        "</p>",
        "<p style='x'>",
        "<h2>",
        "</h2>",
        "<b>",
        "</b>",
        "<em>",
        "</em>",
        "<ol>",
        "</ol>",
        "<ul>",
        "</ul>",
        "<li>",
        "</li>",
    ),
    *(
        '<a href="http://x.y">',
        '<a href="">',
        '<a href="javascript:x">',
        "</a>",
        '<span style="display:none">',
        "</span>",
        "<br>",
        "<div>",
    ),
    *(
        "word ",
        "two  words",
        "&amp;",
        "&nbsp;",
        "&#8217;",
        "- x",
        "\n",
        "\t",
        " ",
        "\x01",
        "\x0c",
        "\ud800",
        '<p><img src="a.jpg" alt="x"></p>',
    ),
]


def by_the_parser(source: str) -> CleanBody:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(html_text, "gather_plain_blocks", lambda source, into: 0)
        return clean_body(source, "tinymce")


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(BLOCKS) | st.sampled_from(PARTS), max_size=9).map("".join))
def test_both_ways_are_one(source: str) -> None:
    found, expected = clean_body(source, "tinymce"), by_the_parser(source)
    assert found == expected and found.headings == expected.headings
