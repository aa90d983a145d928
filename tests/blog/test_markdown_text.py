"""Markdown to text: CommonMark, what Publii adds to it, and raw HTML inside."""

import pytest

from penname.blog.clean import CleanBody, clean_body


def text(source: str, *, code: bool = False) -> str:
    return clean_body(source, "markdown", code=code).text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# Title\n\nOne *two* **three** ~~four~~.", "Title\n\nOne two three four."),
        ("Title\n===\ntext", "Title\n\ntext"),
        ("one\ntwo", "one two"),
        ("one  \ntwo\\\nthree", "one\ntwo\nthree"),
        ("- a\n- b\n\n  more\n- c", "- a\n- b\n\nmore\n\n- c"),
        ("3. a\n4. b", "3. a\n4. b"),
        ("* [ ] open\n* [x] done", "- open\n- done"),
        ("> said\n> so", "said so"),
        ("`<script>` and `a < b`", "script and a < b"),
        ('[link](https://x.org "title") and <https://y.org>', "link and https://y.org"),
        ("[ref][1] text\n\n[1]: https://x.org", "ref text"),
        ("a[^1] b[^note].\n\n[^1]: The note.", "a b.\n\nThe note."),
        ("one\n\n---READMORE---\n\ntwo", "one\n\ntwo"),
        ("one\n---READMORE---\ntwo", "one\n\ntwo"),
        ("a &amp; b &copy; \\*c\\*", "a & b © *c*"),
        ("| a | b |\n|---|---|\n| c | d |\n| e | f |", "a; b\nc; d\ne; f"),
        ("---\ntitle: T\ntags:\n  - a\n---\ntext", "text"),
        ("---\n\ntext", "text"),
        ("", ""),
    ],
)
def test_prose(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize(
    "image",
    [
        "![alt](photo.jpg)",
        "![alt](#DOMAIN_NAME#photo.jpg =994x960)",
        "![alt](#DOMAIN_NAME#photo.jpg =50%x)",
        "![alt](#DOMAIN_NAME#photo.jpg =x300)",
        '![alt](#DOMAIN_NAME#photo.jpg =480x480 "A title")',
        "![alt](<a b.jpg> =100x100)",
        "![alt](data:image/svg+xml;base64,AAAA)",
        "![alt [nested]](photo.jpg =1x1)",
        "![alt][ref]\n\n[ref]: photo.jpg",
    ],
)
def test_images_go_and_are_counted(image: str) -> None:
    assert clean_body(f"before\n\n{image}\n\nafter", "markdown") == CleanBody("before\n\nafter", links=0, images=1)


def test_an_image_with_a_size_that_no_parser_reads() -> None:
    assert text("before ![alt](#DOMAIN_NAME#my photo.jpg =994x960) after") == "before after"


def test_a_link_may_carry_a_size() -> None:
    source = "[some *text*](https://x.org =10x10) and a =10x10 b"
    assert clean_body(source, "markdown") == CleanBody("some text and a b", links=1, images=0)


def test_raw_html() -> None:
    script = "<script>\nvar a = 'F0RTH<br>SP4CE';\n\n\nalert(1)\n</script>"
    hidden = "<div style='display:none'>\n\n**no**\n\n</div>"
    source = f"one\n\n{script}\n\n{hidden}\n\ntwo <span hidden>no</span>"
    assert text(source) == "one\n\ntwo"


def test_code_goes_or_stays_whole() -> None:
    source = 'one\n\n```python\nif x:\n\n    y = "<p>"\n```\n\n    indented\n      more\n\ntwo'
    assert text(source) == "one\n\ntwo"
    assert text(source, code=True) == 'one\n\nif x:\n\n    y = "<p>"\n\nindented\n  more\n\ntwo'


def test_shortcodes_and_template_tags_go() -> None:
    source = 'a {{< figure src="x.png" >}} b {{% note %}} c {% include x.html %} d {{ site.url }} e'
    assert text(source) == "a b c d e"


def test_placeholders_go() -> None:
    source = "[in](#INTERNAL_LINK#/post/12) #DOMAIN_NAME#x.jpg #INTERNAL_LINK#/tag/3 end"
    assert clean_body(source, "markdown") == CleanBody("in end", links=1, images=0)


@pytest.mark.parametrize("opening", [">", "- ", "[", "![", "**", "<b>", "1. ", "`", "[^"])
def test_deep_nesting_raises_nothing(opening: str) -> None:
    text(opening * 3000 + "inside")
