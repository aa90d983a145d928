"""The look before the parser: that it decides, and that a post read plainly keeps its text. Harmless sizes only."""

import pytest

from penname.corpus import html_guard
from penname.corpus.blocks import gather_blocks
from penname.corpus.clean import clean_body, clean_title
from penname.corpus.html_guard import DEEPEST, MOST_ATTRIBUTES, gather_plainly, is_too_much, unescape
from penname.corpus.pieces import Gathered, join_pieces


def plain(source: str, *, code: bool = False) -> str:
    gathered = Gathered()
    gather_plainly(source, gathered, code=code)
    return join_pieces(gathered.pieces)


@pytest.fixture
def always_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small posts are counted too, so that no large ones are needed here."""
    monkeypatch.setattr(html_guard, "_SMALL", 0)
    monkeypatch.setattr(html_guard, "_FEW_TAGS", 0)


@pytest.mark.usefixtures("always_counted")
@pytest.mark.parametrize(
    "source",
    [
        "<div>" * (DEEPEST + 1),
        "<table><tr><td>" * (DEEPEST + 1),
        "<b><div></b>" * (DEEPEST + 1),
        "<span><div></span>" * (DEEPEST + 1),
        "<p " + " ".join(f"a{number}" for number in range(MOST_ATTRIBUTES + 9)) + ">",
        "<p title='<!--'>" + "<div>" * (DEEPEST + 1),
        "<svg><style>" + "<div>" * (DEEPEST + 1) + "</style></svg>",
        "".join(f"<i class=c{number}><p>" for number in range(DEEPEST + 100)),
        "<select>" + "<option>a" * 2100,
    ],
)
def test_what_is_nested_or_tangled_is_too_much(source: str) -> None:
    assert is_too_much(source)


@pytest.mark.usefixtures("always_counted")
@pytest.mark.parametrize(
    "source",
    [
        "<p>One <b>two</b> <a href='#x'>three</a></p>" * 2000,
        "<p>" * 2000,
        "<ul>" + "<li>a" * 2000 + "</ul>",
        "<table>" + "<tr><td><font color=red>a<td>b" * 2000 + "</table>",
        "<p><font color=red>a" * 2000,
        "<div><p>a</div>" * 2000,
        "<img src=x><br><hr>" * 2000,
        "<script>" + "if (a <b) f(); " * 2000 + "</script><p>x</p>",
        "<h2>a<h2>b" * 1000,
        "<p>a < b " * 2000,
    ],
)
def test_long_posts_as_people_write_them_are_not(source: str) -> None:
    assert not is_too_much(source)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>One &amp; <b>two</b>.<p>Three<br>four", "One & two.\n\nThree\nfour"),
        ("<ul><li>a<li>b</ul>c", "- a\n\n- b\n\nc"),
        ("a<script>if (x < y) '</p>'</script>b<style>p{}</style>c<!-- <p>no --> d", "abc d"),
        ("<p title='>' alt=\"<b>\">x</p>", "x"),
        ("a <svg><text>no</text></svg>b <button>no</button>c", "a b c"),
        ("<pre>The sea is grey,\nand so am I.</pre><pre>if x:\n  y()</pre>", "The sea is grey,\nand so am I."),
        ("a < b and &amp;lt; 3", "a < b and &lt; 3"),
        ("x<svg>never closed", "xnever closed"),
    ],
)
def test_a_post_read_plainly_keeps_its_text(source: str, expected: str) -> None:
    assert plain(source) == expected


def test_a_post_read_plainly_counts_and_keeps_code_on_request() -> None:
    gathered = Gathered()
    gather_plainly("<a href='https://x.org'>a</a><img src=x><pre>if x:\n  y()</pre>", gathered, code=True)
    assert (gathered.links, gathered.images) == (1, 1)
    assert [piece.kind for piece in gathered.pieces] == ["text", "code"]


def test_the_walk_asks_the_guard() -> None:
    assert clean_body("<div>" * 1200 + "<p>in<b>side</b></p>", "tinymce").text == "inside"


def test_a_reference_to_an_endless_number_is_no_error() -> None:
    assert unescape("&lt;&#65;&#" + "1" * 5000 + ";") == "<A\ufffd"
    assert clean_title("a &#" + "1" * 5000 + ";")[:1] == "a"
    gather_blocks('[{"id": 1, "type": "publii-paragraph", "content": "&#' + "1" * 5000 + '"}]', Gathered())


def test_a_post_of_very_many_tags_keeps_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(html_guard, "MOST_WALKED", 20)
    source = "<p>One <b>two</b>.</p><script>a<b</script>" + "<table><tr><td>1</td><td>2 &lt; 3</td></tr></table>" * 9
    assert clean_body(source, "tinymce").text == "\n\n".join(["One two.", *["1 2 < 3"] * 9])
    assert html_guard.without_tags("<script>" * 3 + "a") == "a"
