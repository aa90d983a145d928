"""The block editor's JSON to text, whole and broken."""

import json
from typing import Any

import pytest

from penname.corpus.clean import CleanBody, clean_body


def block(type_: str, content: Any, **config: Any) -> dict[str, Any]:
    return {"id": 1, "type": type_, "content": content, "config": config}


def clean(*blocks: Any, code: bool = False) -> CleanBody:
    return clean_body(json.dumps(list(blocks)), "blockeditor", code=code)


def test_every_known_block() -> None:
    body = clean(
        block("publii-header", "Head &amp; heart", headingLevel=2),
        block("publii-paragraph", "One <b>two</b><br>three&nbsp;four"),
        block("publii-list", "<li>a<ul><li>b</li></ul></li><li>c</li>", listType="ul"),
        block("publii-list", "<li>d</li><li>e</li>", listType="ol"),
        block("publii-quote", {"text": "Said <i>so</i>.", "author": "Ann"}),
        block("publii-html", "<p>raw</p><script>no()</script>"),
        block("publii-code", "x < 1\n    y"),
        block("publii-image", {"image": "#DOMAIN_NAME#a.jpg", "alt": "no", "caption": "no"}),
        block("publii-gallery", {"images": [{"src": "a", "caption": "no"}, {"src": "b", "caption": "no"}]}),
        block(
            "publii-table",
            {"hasHeader": True, "headers": ["H", "I"], "rows": [["a", "<b>b</b>"], ["c", "d"]]},
        ),
        block("publii-toc", {"title": "Contents", "toc": "<li><a href='#a'>no</a></li>"}),
        block("publii-embed", "https://youtu.be/no"),
        block("publii-separator", {"type": "dots"}),
        block("publii-readmore", ""),
        block("publii-unknown", "no"),
    )
    assert body == CleanBody(
        "Head & heart\n\nOne two\nthree four\n\n- a\n- b\n- c\n\n1. d\n2. e\n\nSaid so.\n\n— Ann\n\nraw\n\n"
        "H; I\na; b\nc; d",
        links=0,
        images=3,
    )


def test_code_on_request() -> None:
    assert clean(block("publii-code", "\nif x:\n\n    <p>\n"), code=True).text == "if x:\n\n    <p>"


def test_a_block_cannot_swallow_the_next() -> None:
    body = clean(
        block("publii-paragraph", "one <span hidden>no"),
        block("publii-html", "<script>no"),
        block("publii-paragraph", "two <!-- no"),
        block("publii-paragraph", "three"),
    )
    assert body.text == "one\n\ntwo\n\nthree"


def test_links_are_counted() -> None:
    body = clean(
        block("publii-paragraph", '<a href="https://x.org">a</a> <a href="#INTERNAL_LINK#/post/1">b</a>'),
        block("publii-header", "c", link={"url": "https://y.org"}),
        block("publii-header", "d", link={"url": ""}),
    )
    assert body.links == 3


@pytest.mark.parametrize("source", ["", " \n", "[]", "{}", "null", '[null, 1, "a"]', '[{"id": 1}]', "[" * 5000])
def test_nothing_in_nothing_out(source: str) -> None:
    assert clean_body(source, "blockeditor").text in ("", "null")


@pytest.mark.parametrize(
    "content", [None, 5, True, [], {}, [["a"]], {"text": 3}, {"rows": 3}, {"images": 4}, {"rows": [3, [4]]}]
)
def test_content_of_the_wrong_kind_is_skipped(content: Any) -> None:
    types = ["paragraph", "header", "list", "html", "code", "quote", "image", "gallery", "table"]
    clean(*[block(f"publii-{type_}", content) for type_ in types], code=True)


@pytest.mark.parametrize("editor", ["tinymce", "markdown", "blockeditor", ""])
def test_blocks_are_known_by_their_looks(editor: str) -> None:
    source = json.dumps([block("publii-paragraph", "Hello.")])
    assert clean_body(source, editor).text == "Hello."
    assert clean_body("\n " + source, editor).text == "Hello."


def test_of_broken_json_the_whole_blocks_are_read() -> None:
    source = json.dumps([block("publii-paragraph", f"Paragraph {number}.") for number in range(3)])
    assert clean_body(source[:-40], "blockeditor").text == "Paragraph 0.\n\nParagraph 1."
    assert clean_body(source.replace('"Paragraph 1."', "Paragraph"), "tinymce").text == "Paragraph 0.\n\nParagraph 2."
    assert clean_body('[{"id": 1, "type": "publii-para', "blockeditor").text == ""


def test_html_filed_as_blocks_is_read_as_html() -> None:
    assert clean_body("<p>Hello.</p>", "blockeditor").text == "Hello."


@pytest.mark.parametrize(
    "source",
    [
        'a <b>b</b><i>c</i> <a href="https://x.org" rel="me">d &lt;e&gt;</a>&nbsp;f',
        'a<a href="#n1">1</a> <a href="#INTERNAL_LINK#/post/1">b</a> <a class="sr-only" href="/c">c</a>',
        "a <b>b <u>c</b> d</u></em> e",
        "a<br>b <b hidden>c</b>",
    ],
)
def test_a_paragraph_without_the_parser_reads_as_with_it(source: str) -> None:
    quick = clean(block("publii-paragraph", source))
    assert quick == clean_body(source, "tinymce") and quick.links == clean_body(source, "tinymce").links
