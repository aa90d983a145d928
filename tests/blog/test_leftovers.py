"""Leftovers in plain text, and what only looks like them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.blog.leftovers import is_lonely, strip_leftovers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see #DOMAIN_NAME#a.jpg here", "see here"),
        ("see #INTERNAL_LINK#/post/12, here", "see here"),
        ("#DOMAIN_<b></b>NAME#a.jpg x", "x"),
        ("[text](#INTERNAL_LINK#/file/my file.pdf) x", "text x"),
        ("![alt](https://x.org/a.png) x", "x"),
        ("[text](https://x.org) x", "text x"),
        ('[gallery ids="1,2"] x', "x"),
        ("[caption id=a]<img>Photo[/caption] x", "x"),
        ('[su_box title="T"]kept[/su_box] x', "kept x"),
        ("{{< youtube abc >}} x {{ site.title }} {% raw %} y", "x y"),
        ("before ---READMORE--- after", "before\n\nafter"),
        ("a =994x960 b", "a b"),
        ("data:image/png;base64,AAAA x", "x"),
        ("see DATA:text/html,<p>x</p> y", "see y"),
        ("text[^1] and [^note]: more", "text and more"),
        ("- [x] done", "- done"),
        ("<p>double</p> escaped", "double escaped"),
        ("twice&nbsp;&amp;amp; &lt;b&gt;bold&lt;/b&gt; &#8220;q&#8221;", 'twice & bold "q"'),
        ("<script>alert(1)</script> x", "x"),
        ("<SCRIPT src=x>İ</SCRIPT> x", "x"),
        ("<iframe src='x' width=3></iframe> x", "x"),
        ("<!-- note --> x <?php echo 1 ?> y", "x y"),
        ("the <video> tag", "the video tag"),
        ("open <script and stop", "open script and stop"),
        ("write <me@x.org> or <https://x.org/a>", "write me@x.org or https://x.org/a"),
        ("dear <Your Name>", "dear Your Name"),
        ("List<String> x", "List[String] x"),
        ("<<<script>", "script"),
        ("a <b", "a < b"),
        ("| a | b |\n| --- | :-: |\n| c | d |", "| a | b |\n| c | d |"),
        ("Title\n________\ntext", "Title\ntext"),
        ('[{"id":1,"type":"publii-paragraph","content":"x"}]', ""),
    ],
)
def test_leftovers_go(text: str, expected: str) -> None:
    assert strip_leftovers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c",
        "<3 and </3 and <- and <=",
        "[sic] [1] [...] [where n=10] [Editor's note: x = 5]",
        "#hashtag and C# and #1",
        "AT&T; R&D; a&b;",
        "f(x) {return} {a}",
        "x = 5 and 1024x768",
        "price -- or so",
        "use .gitignore",
        "metadata: image",
        "a_b__c and 2**3",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert strip_leftovers(text) == text


@pytest.mark.parametrize("text", ["* * *", "--", ".", "https://youtu.be/x", "- https://x.org/a", "www.x.org", "", "•"])
def test_lonely(text: str) -> None:
    assert is_lonely(text)


@pytest.mark.parametrize("text", ["?!", "1.", "a", "see https://x.org", "😀", "é", "http is a protocol"])
def test_not_lonely(text: str) -> None:
    assert not is_lonely(text)


SIGNS = (
    "< > / script <script> </script> <b> </b> #DOMAIN_NAME# #INTERNAL_LINK#/post/1 #DOMAIN_ NAME# data: image [ ] ( ) !"
    ' gallery ids="1" {{ }} {% %} =10x10 a <!-- --> [/caption] [^1] ---READMORE--- <?php ?> &lt; - _____ |---|'
)
PARTS = st.sampled_from([*SIGNS.split(), " ", "\n"])
LEFTOVERS = ("<script", "#DOMAIN_NAME#", "#INTERNAL_LINK#", "data:image", "<b", "<!--")


@settings(deadline=None)
@given(st.lists(PARTS, max_size=40).map("".join))
def test_nothing_is_left_however_it_is_pieced_together(text: str) -> None:
    clean = strip_leftovers(text)
    assert not [
        mark for mark in ("<script", "#DOMAIN_NAME#", "#INTERNAL_LINK#", "data:image", "<b", "<!--") if mark in clean
    ]
    assert strip_leftovers(clean) == clean


HOSTILE = "< <a. <!-- </script <script> [ ![ [a]( {{ {% data: =1x1. |--- # [caption] [^ _. <?php [a.b="


@pytest.mark.parametrize("part", HOSTILE.split())
def test_long_hostile_text_stays_quick(part: str) -> None:
    strip_leftovers(part.replace(".", " ") * 20_000)
