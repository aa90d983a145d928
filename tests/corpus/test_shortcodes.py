"""Shortcodes against the author's own brackets."""

import time

import pytest

from penname.corpus.clean import clean_body, clean_title
from penname.corpus.leftovers import strip_shortcodes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[dropcap]O[/dropcap]nce upon", "Once upon"),
        ("[highlight color=yellow]all[/highlight] was well", "all was well"),
        ('[accordion][item title="Why"]Because.[/item][/accordion] [quote]Words[/quote]', "Because. Words"),
        ("[b]bold[/b], [url=https://x.org]here[/url] and [i]so[/i]", "bold, here and so"),
        ("[B]bold[/b]", "bold"),
        ("[q]one [q]two[/q] three[/q]", "one two three"),
        ('[gallery ids="1,2"] x', "x"),
        ("a [gallery ids=1,2 link=none] x", "a x"),
        ("[youtube https://youtu.be/abc] [vimeo 123456] [youtube dQw4w9WgXcQ] x", "x"),
        ("[youtube=https://youtu.be/abc] x", "x"),
        ("[video]https://x.org/a.mp4[/video] x [img]https://x.org/a.png[/img]", "x"),
        ("[embed]https://x.org[/embed] x [playlist][/playlist]", "x"),
        ("[caption id=a width=30]Photo by me[/caption] x", "x"),
        (
            "[caption id=a]We went there, and it rained.[/caption] x",
            "We went there, and it rained. x",
        ),
        ('[contact-form-7 id="1" title="Contact"] [instagram-feed num="9" cols=3] x', "x"),
        ("[vc_row][vc_column width=1/2]kept[/vc_column] x", "kept x"),
        ("[/et_pb_text][/et_pb_column] kept [et_pb_text admin_label=x]", "kept"),
        ("[divider /] x [spacer size=3/]", "x"),
        ("(see [quote]this[/quote]) .", "(see this)."),
    ],
)
def test_shortcodes_go(text: str, expected: str) -> None:
    assert strip_shortcodes([text]) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "I shouted at the door all night. [/rant]",
        "My talk about cats [video]",
        "[gallery of rogues] [more] [toc] [caption] [gallery]",
        "[rant] that never ends",
        "[/rant] first, then [rant]",
        "[sic] [1] [...] [where n=10] [Editor's note: x = 5] [laughs]",
        "the selectors [data-x='y'] and a[href=\"x\"]",
        "[[gallery ids='1']] is how WordPress escapes it",
        "map[string]int, result[i], [a, b]",
        "[video: three minutes] [audio only] [youtube channel]",
        "[his/hers]",
        "an  odd  gap [so]",
    ],
)
def test_the_authors_brackets_stay(text: str) -> None:
    assert strip_shortcodes([text]) == [text]


def test_a_pair_may_stand_in_different_paragraphs() -> None:
    assert strip_shortcodes(["[box]", "kept [/rant]", "[/box]", "[/box]"]) == ["", "kept [/rant]", "", "[/box]"]


def test_in_posts_and_titles() -> None:
    assert clean_body("<p>[quote]</p><p>so</p><p>[/quote]</p>", "tinymce").text == "so"
    assert clean_body("[quote]\n\n*so* [sic]\n\n[/quote]", "markdown").text == "so [sic]"
    assert clean_title("My talk [video]") == "My talk [video]"
    assert clean_title("[b]My[/b] talk") == "My talk"


def test_quoted_in_code_they_stay() -> None:
    source = '<p>Write <code>[gallery ids="1"]</code> or <kbd>[b]x[/b]</kbd>; not [b]so[/b].</p>'
    assert clean_body(source, "tinymce").text == 'Write [gallery ids="1"] or [b]x[/b]; not so.'
    assert clean_body("`{{< figure >}}`", "markdown").text == "{{< figure >}}"
    assert clean_body("`[caption id='a']x[/caption]` é  “q”", "markdown").text == "[caption id='a']x[/caption] é \"q\""


HOSTILE = "[ [a [/a [a] [/a] [[ [a.b=' [a.b='c'] [a.b='c'.d= [caption] [caption]x[/caption] [youtube.1 [vc_row] [a/]"


@pytest.mark.parametrize("part", HOSTILE.split())
def test_one_sign_repeated_stays_quick(part: str) -> None:
    text = part.replace(".", " ") * (200_000 // len(part))
    began = time.process_time()
    strip_shortcodes([text])
    assert time.process_time() - began < 1
