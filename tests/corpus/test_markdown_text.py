"""Markdown to text: as Publii renders it, and raw HTML inside. Expected values are what marked 5.1.1 shows."""

import time

import pytest

from penname.corpus.clean import CleanBody, clean_body
from penname.corpus.markdown import prepare, typeset


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
        ("`<script>` and `a < b`", "<script> and a < b"),
        ('[link](https://x.org "title") and <https://y.org>', "link and https://y.org"),
        ("[ref][1] text\n\n[1]: https://x.org", "ref text"),
        ("a[^1] b [^note].\n\n[^1]: The note.\n[^note]: Ibid.", "a b.\n\nThe note.\n\nIbid."),
        (
            "a[^1] and [^a-z].\n\n[^1]: One.\n\n    Two.\n\n\tThree.\n\nEnd.",
            "a and [^a-z].\n\nOne.\n\nTwo.\n\nThree.\n\nEnd.",
        ),
        ("the class [^a-z] and `[^1]`", "the class [^a-z] and [^1]"),
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
    assert clean_body(source, "markdown") == CleanBody("some text and a =10x10 b", links=1, images=0)


def test_raw_html() -> None:
    script = "<script>\nvar a = 'F0RTH<br>SP4CE';\n\n\nalert(1)\n</script>"
    hidden = "<div style='display:none'>\n\n**no**\n\n</div>"
    source = f"one\n\n{script}\n\n{hidden}\n\ntwo <span hidden>no</span>"
    assert text(source) == "one\n\ntwo"


def test_code_goes_or_stays_whole() -> None:
    source = 'one\n\n```python\nif x:\n\n    y = "<p>"\n```\n\n    indented\n      more\n\ntwo'
    assert text(source) == "one\n\ntwo"
    assert text(source, code=True) == 'one\n\nif x:\n\n    y = "<p>"\n\nindented\n  more\n\ntwo'


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("He came -- and went --- for good.", "He came – and went — for good."),
        ("1990--2000, a---b, *--*", "1990–2000, a—b, –"),
        ("`a -- b` and ``a --- b``", "a -- b and a --- b"),
        ("https://x.org/a--b [so -- so](https://x.org/c--d) <!-- a > b --> end", "https://x.org/a--b so – so end"),
        ("'single' and \"double\" -- and so on...", "'single' and \"double\" – and so on..."),
        ("<p>raw -- H~2~O</p>\n\nread -- so\n\n<div>a --- b</div>", "raw -- H~2~O\n\nread – so\n\na --- b"),
        ("# A -- B\n\n- c -- d", "A – B\n\n- c – d"),
        ("a <span title='--'>b</span> -- c <code>--x</code> -- d", "a b – c --x – d"),
    ],
)
def test_dashes_are_those_that_readers_see(source: str, expected: str) -> None:
    assert text(source) == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("H~2~O and ~5-~10", "H2O and 5-10"),
        ("~x~ and ~~y~~, ~10 and ~/path", "x and y, ~10 and ~/path"),
        ("\\~5\\~ or \\~x", "~5~ or ~x"),
        ("#no heading", "#no heading"),
        ("snake_case_name and 2*3*4", "snake_case_name and 234"),
        ("a | b\n--|--\nc | d", "a; b\nc; d"),
        ("text\n- item", "text\n\n- item"),
        ("text\n1. item", "text\n\n1. item"),
        ("> said\nstill", "said still"),
        ("1) a\n2) b", "1. a\n2. b"),
        ("<div>*raw*</div>", "*raw*"),
        ("<div>\n\n*read*\n\n</div>", "read"),
        ("a\\\nb", "a\nb"),
        ("==hi== :smile: $x$ x^2^", "==hi== :smile: $x$ x^2^"),
        ("Use `{{ title }}` and {% raw %} and {{< ref >}}.", "Use {{ title }} and {% raw %} and {{< ref >}}."),
        ("Vec\\<u8> and a < b and `Map<K, V>`", "Vec<u8> and a < b and Map<K, V>"),
        ("`![a](b.jpg =10x10)` and `[t](https://x.org)`", "![a](b.jpg) and [t](https://x.org)"),
        ("&amp;lt; and `&nbsp;`", "&lt; and &nbsp;"),
    ],
)
def test_signs_are_read_as_publii_reads_them(source: str, expected: str) -> None:
    assert text(source) == expected


def test_the_title_of_a_picture_is_its_caption() -> None:
    source = 'a\n\n![alt](x.jpg =9x9 "We walked there & back -- all day.")\n\n![alt](y.jpg "The lake")\n\nb'
    assert clean_body(source, "markdown") == CleanBody("a\n\nWe walked there & back – all day.\n\nb", links=0, images=2)


def test_a_line_of_hugos_shortcodes_goes() -> None:
    assert text('a\n\n{{< figure src="x.png" >}}\n\nb') == "a\n\nb"


def test_placeholders_go() -> None:
    source = "[in](#INTERNAL_LINK#/post/12) #DOMAIN_NAME#x.jpg #INTERNAL_LINK#/tag/3 end"
    assert clean_body(source, "markdown") == CleanBody("in end", links=1, images=0)


@pytest.mark.parametrize("opening", [">", "- ", "[", "![", "**", "<b>", "1. ", "[^"])
def test_deep_nesting_keeps_the_text(opening: str) -> None:
    assert "inside" in text(opening * 3000 + "inside")


def test_a_line_that_opens_too_many_quotes_is_a_paragraph() -> None:
    source, _ = prepare("before\n" + "> " * 61 + "inside\n" + "> " * 9 + "kept")
    assert source == "before\ninside\n" + "> " * 9 + "kept"


def test_footnotes_in_code_are_code() -> None:
    source = "```\n[^1]: x\n```\n\n[^2]: Note.\n\n    ```\n    [^3]: y\n    ```\n\nEnd"
    assert text(source) == "Note.\n\nEnd"
    assert text(source, code=True) == "[^1]: x\n\nNote.\n\n[^3]: y\n\nEnd"


HOSTILE = "[ ![ ](a. ](< ](a(b ](a.=1x1) [^ \n[^1]:.a >. 1.. \n. ``` ~ ~a * <a <!-- -- a--b http:// <code> </code> ---"


@pytest.mark.parametrize("part", HOSTILE.split(" "))
def test_one_sign_repeated_is_prepared_quickly(part: str) -> None:
    source = "[^1]: a\n\n" + part.replace(".", " ") * (200_000 // len(part))
    began = time.process_time()
    prepare(source)
    typeset(source, frozenset(["1"]), strikes=True)
    assert time.process_time() - began < 1
