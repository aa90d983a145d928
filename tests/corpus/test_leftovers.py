"""Leftovers in plain text, and what only looks like them."""

import time

import pytest

from penname.corpus.leftovers import is_lonely, strip_leftovers


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("see #DOMAIN_NAME#a.jpg here", "see here"),
        ("see #INTERNAL_LINK#/post/12, here", "see here"),
        ("see #DOMAIN_NAME#a.jpg =994x960 here", "see here"),
        ("[text](#INTERNAL_LINK#/file/my file.pdf) x", "text x"),
        ("![alt](#DOMAIN_NAME#my photo.jpg =994x960) x", "x"),
        ("before ---READMORE--- after", "before\n\nafter"),
        (f"data:image/png;base64,{'A' * 80} x", "x"),
        (f"see DATA:text/html,{'<p>x</p>' * 9} y", "see y"),
        (f"a {'q1Z/' * 60} b", "a b"),
        ("| a | b |\n| --- | :-: |\n| c | d |", "| a | b |\n| c | d |"),
        ("| a | b | | ---- | :----: | | c | d |", "| a | b | | c | d |"),
        ("Title\n________\ntext", "Title\ntext"),
        ('[{"id":1,"type":"publii-paragraph","content":"x"}]', ""),
        ('{"type":"publii-paragraph","content":"cut o', ""),
        ('{{< figure src="x.png" >}}', ""),
        ("{{% note %}} {{< youtube abc >}}", ""),
    ],
)
def test_leftovers_go(text: str, expected: str) -> None:
    assert strip_leftovers(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "a < b and b > c, a<b<c",
        "<3 and </3 and <- and <=",
        "Vec<u8>, Map<String, Object>, #include <stdio.h>",
        "Begin with <html> and a <script> element; end it with </script>",
        "the <video> tag, a <b> tag, <br>",
        "a comment <!-- so --> and <?php echo 1 ?>",
        "dear <Your Name>, write <me@x.org>",
        "Write &lt; and &nbsp; and &#8220;",
        "{{ title }} and ${{ secrets.KEY }} and {% raw %} and {{< ref >}} in Hugo",
        "{% include x.html %}",
        "[sic] [1] [...] [where n=10] [Editor's note: x = 5]",
        "the class [^a-z] and [^1]",
        "a link is [text](https://x.org), a picture ![alt](https://x.org/a.png)",
        "[x] done",
        "a table's rule is |---|---| or so",
        "data:image/png;base64,... is an address",
        "set =640x480 there",
        'the block {"id":1,"type":"publii-paragraph"} is JSON',
        "#hashtag and C# and #1",
        "AT&T; R&D; a&b;",
        "f(x) {return} {a}",
        "x = 5 and 1024x768",
        "price -- or so",
        "use .gitignore",
        "metadata: image",
        "a_b__c and 2**3",
        ":-|\nhe said",
    ],
)
def test_what_only_looks_like_one_stays(text: str) -> None:
    assert strip_leftovers(text) == text


LONELY = (
    "* * *;--;.;. . .;~~~;-----;_____;• • •;•;~*~*~;=-=-=;---\n---;<>;[];:::;|---|---|;| :-: | - |;|;};{;];"
    "https://youtu.be/x;- https://x.org/a;www.x.org;"
)


@pytest.mark.parametrize("text", [*LONELY.split(";"), "};", "]);"])
def test_lonely(text: str) -> None:
    assert is_lonely(text)


SAID = '?! "..." ... :-) ;) :( :-/ :-| :\'( =) =/ >:( ^^ ^_^ -_- >_< ♥ (...) [...] ))) ;( "--" ! ? 1. a 😀 é (?) "!"'


@pytest.mark.parametrize("text", [*SAID.split(), "see https://x.org", "http is a protocol"])
def test_signs_that_somebody_says_stay(text: str) -> None:
    assert not is_lonely(text)
    assert strip_leftovers(text) == text


HOSTILE = "< <a. <!-- ![ [a]( [a](#DOMAIN_NAME# #DOMAIN_NAME#x. {{ {{< {{<> data:image/a, =1x1. |--- :-| - # [^ * ~"


@pytest.mark.parametrize("part", HOSTILE.split())
def test_one_sign_repeated_stays_quick(part: str) -> None:
    text = "a " + part.replace(".", " ") * (200_000 // len(part))
    began = time.process_time()
    strip_leftovers(text)
    assert time.process_time() - began < 1
