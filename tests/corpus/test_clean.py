"""The cleaner as a whole: properties over arbitrary posts of the three editors, and every post of the real sites."""

import html
import json
import re
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from real_sites import posts, text_of

from penname.corpus.clean import clean_body, clean_title

EDITORS = ("tinymce", "blockeditor", "markdown")
MARKS = ("#DOMAIN_NAME#", "#INTERNAL_LINK#", "---READMORE---")


def leftovers(text: str) -> list[str]:
    """What must not stand in clean text."""
    found = [mark for mark in MARKS if mark in text]
    found += [f"space {sign!r}" for sign in set(text) if sign.isspace() and sign not in " \n"]
    found += ["  "] * ("  " in text) + ["blank lines"] * ("\n\n\n" in text)
    found += ["ends of lines"] * any(line != line.strip() for line in text.split("\n"))
    return found + ["not NFC"] * (not unicodedata.is_normalized("NFC", text))


SEEN = st.integers(0, 10**6).map(lambda number: "seen" + "".join(chr(97 + int(digit)) for digit in str(number)))
UNSEEN = SEEN.map(lambda word: "un" + word)
TAGS = (
    "p div span b i em strong u s code blockquote h2 h3 ul ol li section article main a font center small sub del ins "
    "td th details summary address x-unknown form figure"
)
VISIBLE_TAGS = st.sampled_from(TAGS.split())
ATTRIBUTES = st.lists(
    st.sampled_from(
        [
            "class='x hidden'",
            'title="<p>"',
            'data-x=\'{"type":"publii-x"}\'',
            "href='https://x.org/?a=1&b'",
            "href=#INTERNAL_LINK#/post/1",
            "style='color:red;border-style: hidden'",
            "onclick='if (a<b) f()'",
            "=",
        ]
    ),
    max_size=2,
).map(" ".join)
UNSEEN_SHAPES = [
    "<script>var a = '<p>WORD</p>';</script>",
    "<style>.WORD{}</style>",
    "<!-- WORD -->",
    "<div hidden>WORD</div>",
    "<span style='display: none'>WORD</span>",
    "<iframe src=x>WORD</iframe>",
    "<template>WORD</template>",
    "<img src='data:image/png;base64,WORD' alt='WORD'>",
    "<noscript>WORD</noscript>",
    "<svg><text>WORD</text></svg>",
    "<textarea><p>WORD</p></textarea>",
    "<button>WORD</button>",
    "<pre>WORD</pre>",
    "<input value='WORD'>",
]
HIDDEN = st.builds(str.replace, st.sampled_from(UNSEEN_SHAPES), st.just("WORD"), UNSEEN)
FILLING = st.sampled_from(
    [
        "&nbsp;",
        "&amp;",
        "&lt;3",
        "&lt;script&gt;",
        "&lt;/script&gt;",
        "&lt;!--",
        "&amp;lt;",
        "<br>",
        "<hr>",
        "\n",
        "\u00ad",
        "\u200b",
        "é",
        "<wbr>",
        "&#0;",
        "👩‍👧",
    ]
)


def elements(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def wrap(tag: str, attributes: str, children: list[str]) -> str:
        return f"<{tag} {attributes}>{' '.join(children)}</{tag}>"

    table = st.lists(inner, min_size=1, max_size=4).map(
        lambda cells: "<table><tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr></table>"
    )
    return st.builds(wrap, VISIBLE_TAGS, ATTRIBUTES, st.lists(inner, max_size=4)) | table


HTML = st.lists(st.recursive(SEEN | SEEN | HIDDEN | FILLING, elements, max_leaves=15), max_size=5).map(" ".join)
BITS = (
    "< > </ <!-- --> <p <script> </script> <table><tr> <td> <li \" ' = & &# &lt; <plaintext> <frameset> "
    "<svg><p> <math> #DOMAIN_NAME#a.jpg #INTERNAL_LINK#/post/1 data:image/png;base64,AA ![a](b [a]( ``` "
    "|--|--| [^1] =1x1) <template> "
    '{{<x>}} ---READMORE--- [{"id":1,"type":"publii-paragraph","content":"a"}] [{"id" "}] \x00 \ud800 <select> </p>'
)
PIECES = st.sampled_from(
    [*BITS.split(" "), " ", "\n", "\n\n", "- ", "1. ", "# ", "> ", "    ", "\t", "\u00a0", "[g a='1']"]
)
BROKEN = st.lists(PIECES | SEEN | st.text(max_size=8), max_size=30).map("".join)


def seen(source: str) -> set[str]:
    """The words that are seen; a cell within a paragraph throws two of them together, in a browser too."""
    return set(re.findall(r"(?<!un)seen(?:(?!seen|unseen)[a-z])+", source))


@settings(deadline=None)
@given(HTML)
def test_of_html_what_is_seen_stays_and_the_rest_goes(source: str) -> None:
    text = clean_body(source, "tinymce").text
    assert seen(text) == seen(source)
    assert "unseen" not in text
    assert not leftovers(text)


@pytest.mark.slow
@settings(deadline=None)
@given(st.lists(HTML, max_size=4))
def test_of_blocks_what_is_seen_stays_and_the_rest_goes(fragments: list[str]) -> None:
    kinds = ("publii-paragraph", "publii-html", "publii-header", "publii-quote")
    blocks = [
        {
            "id": place,
            "type": kinds[place % 4],
            "content": {"text": html} if place % 4 == 3 else html,
            "config": {},
        }
        for place, html in enumerate(fragments)
    ]
    hidden = [{"id": "x", "type": "publii-toc", "content": {"title": "unseena", "toc": "unseenb"}, "config": {}}]
    text = clean_body(json.dumps(blocks + hidden), "blockeditor").text
    assert seen(text) == set().union(*map(seen, fragments))
    assert "unseen" not in text
    assert not leftovers(text)


MARKDOWN_SHAPES = [
    "WORD",
    "# WORD",
    "*WORD*",
    "**WORD** x",
    "- WORD",
    "1. WORD",
    "> WORD",
    "[WORD](https://x.org)",
    "WORD\n===",
    "~~WORD~~",
    "`WORD`",
    "WORD[^1]",
    "[^1]: WORD",
    "{{< x >}} WORD",
    "WORD  \nx",
    "\\*WORD",
    "* [ ] WORD",
    "[WORD](#INTERNAL_LINK#/post/1)",
    "<b>WORD</b>",
    "<div>\n\nWORD\n\n</div>",
    "| a | WORD |\n|---|---|\n| b | c |",
]
MARKDOWN_HIDDEN = [
    "![WORD](x.jpg)",
    "![WORD](#DOMAIN_NAME#x.jpg =994x960)",
    "```\nWORD\n```",
    "    WORD",
    "<!-- WORD -->",
    "<script>\nWORD\n</script>",
    "[x]: https://x.org 'WORD'",
    "<div hidden>WORD</div>",
    "---READMORE---",
]


@settings(deadline=None)
@given(
    st.lists(
        st.builds(str.replace, st.sampled_from(MARKDOWN_SHAPES), st.just("WORD"), SEEN)
        | st.builds(str.replace, st.sampled_from(MARKDOWN_HIDDEN), st.just("WORD"), UNSEEN),
        max_size=8,
    )
)
def test_of_markdown_what_is_seen_stays_and_the_rest_goes(paragraphs: list[str]) -> None:
    # a paragraph between, lest an indented line become part of a list
    text = clean_body("\n\nand\n\n".join(paragraphs), "markdown").text
    assert seen(text) == {word for paragraph in paragraphs for word in seen(paragraph)}
    assert "unseen" not in text
    assert not leftovers(text)


@settings(deadline=None)
@given(BROKEN, st.sampled_from(EDITORS), st.booleans())
def test_anything_at_all_is_read_without_a_leftover(source: str, editor: str, code: bool) -> None:
    text = clean_body(source, editor, code=code).text
    if not code:
        assert not leftovers(text)


@settings(deadline=None)
@given(BROKEN)
def test_titles_are_one_clean_line(title: str) -> None:
    assert not leftovers(clean_title(title))
    assert "\n" not in clean_title(title)


def test_titles() -> None:
    title = "Tom &amp; Jerry's\u00a0“day”: the <video> tag, &amp;lt; and Vec<u8> [video]"
    assert clean_title(title) == 'Tom & Jerry\'s "day": the <video> tag, &lt; and Vec<u8> [video]'


SIGNS = (
    "< > </ <b> </b> <script> </script> <!-- --> <?php ?> &lt; &amp; & {{ }} {% %} {{< >}} [ ] [^1] ( ) ! - ~ * _ a = "
    "\" ' ; / Vec<u8> a<b x &nbsp; [sic] [/rant] [video] data: # | `"
)


@settings(deadline=None)
@given(st.lists(st.sampled_from(SIGNS.split()), max_size=20).map(" ".join))
def test_what_the_parser_gives_as_text_is_text(signs: str) -> None:
    said = f"He wrote {signs}".strip()
    escaped = html.escape(said)
    assert clean_body(f"<p>{escaped}</p>", "tinymce").text == said
    assert clean_body(f"<p>He wrote <code>{html.escape(signs)}</code></p>", "tinymce").text == said
    block = [{"id": 1, "type": "publii-paragraph", "content": escaped, "config": {}}]
    assert clean_body(json.dumps(block), "blockeditor").text == said


# --- the real sites ---------------------------------------------------------------------------------------------


def test_every_real_post_is_clean(shared_data: Path) -> None:
    paths = [*sorted((shared_data / "publii").glob("*.sqlite")), shared_data / "blogs" / "mtlynch.sqlite"]
    live = 0
    for path in paths:
        for number, editor, source, is_live in posts(path):
            text = clean_body(source, editor).text
            assert not leftovers(text), (path.name, number)
            live += is_live
    assert live == 640


def test_scripts_with_data(shared_data: Path) -> None:
    text = text_of(shared_data, "f0rthsp4ce", 12)
    assert text.startswith("You can visit us during public opening times") and "Akaki Khorava Street, 18" in text
    assert not re.search(r"L\.map|navigator|latitude|OpenStreetMap|=480x480", text)
    assert not re.search(r"web3|CDATA|0x[0-9a-f]{8}|function", text_of(shared_data, "dniminenn", 4))


def test_base64_images(shared_data: Path) -> None:
    text = text_of(shared_data, "dniminenn", 2)
    assert "base64" not in text and max(map(len, text.split())) < 60


def test_code(shared_data: Path) -> None:
    for name, number, line in (
        ("azukaar", 4, "docker run -d -p 80:80 -p 443:443"),
        ("f0rthsp4ce", 7, "8:00PM Thursday, October 6\nF0RTHSP4CE, Khorava St, 18"),
    ):
        assert line not in text_of(shared_data, name, number)
        assert line in text_of(shared_data, name, number, code=True)
    indented = [line for line in text_of(shared_data, "martinkaptein", 15, code=True).split("\n") if line[:2] == "  "]
    assert indented and not [line for line in text_of(shared_data, "martinkaptein", 15).split("\n") if line[:1] == " "]


def test_tables(shared_data: Path) -> None:
    assert "Center Hours; RA Hours (Fall 2019)\nMon-Wed 9a-10p; Mon, Wed 11a-1p\n" in text_of(
        shared_data, "DAHCommons", 3
    )
    article = text_of(shared_data, "oacu", 92)
    assert "Traducció al castellà i al català de l'article Squatting, Commons and Conflict" in article
    assert "RESUM: Aquest article desenvolupa" in article and "RESUMEN: Este artículo desarrolla" in article
    assert len(article.split()) > 15_000


def test_hidden_tables_of_contents(shared_data: Path) -> None:
    text = text_of(shared_data, "oacu", 13)
    assert "Continguts de la pàgina" not in text and text.count("Objectius") == 1
    assert text.startswith("Objectius\n\nLa conflictivitat social")
    assert "Artícle en català\n\nArtículo" not in text_of(shared_data, "oacu", 92)


def test_empty_posts(shared_data: Path) -> None:
    (path,) = (shared_data / "publii").glob("svetlova1985*.sqlite")
    assert sum(not clean_body(source, editor).text for _, editor, source, live in posts(path) if live) == 77


def test_pasted_machine_text_leaves_no_attributes(shared_data: Path) -> None:
    text = text_of(shared_data, "oacu", 106)
    assert text.startswith("By Stefano Portelli\n\nA few years before his death") and "data-message" not in text


def test_the_same_text_twice_is_the_same_text(shared_data: Path) -> None:
    assert text_of(shared_data, "FLINT-Camp", 2) == text_of(shared_data, "FLINT-Camp", 11)
