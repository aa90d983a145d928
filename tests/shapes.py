"""Nasty shapes: texts of any size that ask more of a cleaner than a writer's text does, one generator for each.

    SHAPES["brackets"](1000)      # about 1,000 characters

In: a size in characters. Out: a text of about that size, the same one each time. They are read through penname, whose
guards stand before the parsers; none is meant for a parser alone.
"""

import itertools
import json
import random
from collections.abc import Callable
from hashlib import sha256

_WORDS = ["the", "of", "and", "a", "garden", "in", "letter", "it", "was", "river", "with", "as", "morning", "had"]


def _again(unit: str) -> Callable[[int], str]:
    return lambda size: (unit * (size // len(unit) + 1))[:size]


def _nested(start: str, end: str, middle: str = "word ") -> Callable[[int], str]:
    def made(size: int) -> str:
        depth = size // (len(start) + len(end) + len(middle))
        return start * depth + middle * depth + end * depth

    return made


def _numbered(form: str) -> Callable[[int], str]:
    """Units that all differ: `form` with a number in it."""

    def made(size: int) -> str:
        count = size // max(1, len(form.format(size // 10)))
        return "".join(form.format(number) for number in range(count))

    return made


def prose(size: int) -> str:
    rng = random.Random(1)
    words = rng.choices(_WORDS, k=size // 4)
    return "\n\n".join(" ".join(words[start : start + 60]) + "." for start in range(0, len(words), 60))[:size]


def key_blocks(size: int) -> str:
    """Heads of private keys that never end."""
    return _again("-----BEGIN PRIVATE KEY-----\nMIIabc\n")(size)


def hashes(size: int) -> str:
    return " ".join(sha256(str(number).encode()).hexdigest() for number in range(size // 65))


def blocks(size: int) -> str:
    """Publii's block editor: many blocks, each with little."""
    unit = {"id": 1, "type": "publii-paragraph", "content": "A <b>word</b> or two.", "config": {}}
    return json.dumps([unit] * (size // 95 + 1))


def broken_blocks(size: int) -> str:
    """Block JSON with an error at every block."""
    return "[" + _again('{"id": 1, "type": "publii-paragraph", "content": "x", },')(size)


def misnested(size: int) -> str:
    return "".join(itertools.islice(itertools.cycle(("<b>a", "<i>b", "</b>c", "<p>d", "</i>e", "</p>")), size // 4))


SHAPES: dict[str, Callable[[int], str]] = {
    "prose": prose,
    "paragraphs": _again("<p>Some words <b>of</b> mine.</p>"),
    "deep divs": _nested("<div>", "</div>"),
    "deep quotes": _nested("<blockquote>", "</blockquote>"),
    "deep lists": _nested("<ul><li>", "</li></ul>"),
    "nested tables": _nested("<table><tr><td>", "</td></tr></table>"),
    "nested formatting": _nested("<b>", "</b>"),
    "open formatting": _numbered("<b class=x{}>w "),
    "misnested": misnested,
    "many attributes": lambda size: "<p " + _numbered("a{}=1 ")(size) + ">Word</p>",
    "long attribute": lambda size: f'<p title="{_again("a b ")(size)}">Word</p>',
    "superscripts": _nested("<sup>", "</sup>"),
    "raised": _again("x<sup>2</sup> "),
    "figures": _again("<figure><img src=a><figcaption>A label</figcaption></figure>"),
    "nested captions": _nested("<figure><figcaption>", "</figcaption></figure>"),
    "open captions": _again("<figcaption>a "),
    "rows": lambda size: f"<table>{_again('<tr><td>a<td>b<td>c')(size)}</table>",
    "wide row": lambda size: f"<table><tr>{_again('<td>a')(size)}</table>",
    "preformatted": lambda size: f"<pre>{_again('a line of verse' + chr(10))(size)}</pre>",
    "open tags": _again("<"),
    "half tags": _again("<a "),
    "open comments": _again("<!--"),
    "entities": _again("&amp;"),
    "bare entities": _again("&"),
    "brackets": _again("["),
    "bracket pairs": _again("[a]"),
    "nested brackets": _nested("[", "]"),
    "links": _again("[a](b) "),
    "half links": _again("[a]("),
    "pictures": _again("![a](b.jpg) "),
    "shortcodes": _again("[quote a=1]so[/quote] "),
    "open shortcodes": _numbered("[code{} a=1]"),
    "braces": _again("{{ a "),
    "emphasis": _again("*a"),
    "emphasis both": _again("**a_b "),
    "underscores": _again("_"),
    "backticks": lambda size: " ".join("`" * number for number in range(1, int((2 * size) ** 0.5))),
    "tildes": _again("~a"),
    "quote marks": _again("> "),
    "list marks": _again("- "),
    "headings": _again("# a\n"),
    "rules": _again("---\n"),
    "pipes": _again("|"),
    "pipe tables": lambda size: "|a|b|\n|-|-|\n" + _again("|1|2|\n")(size),
    "notes": _numbered("a[^{}] "),
    "references": _numbered("[{0}]: /b\n"),
    "one letter": _again("a"),
    "long word": lambda size: "".join(random.Random(2).choices("abcdefghijklmnopqrstuvwxyz", k=size)),
    "long words": lambda size: " ".join(_again("abcdefghij")(250) for _ in range(size // 250)),
    "base64": lambda size: "".join(random.Random(3).choices("ABCDEFabcdef0123456789+/", k=size)),
    "spaces": _again(" "),
    "line ends": _again("\n"),
    "combining marks": lambda size: "a" + _again("\u0301\u0323")(size),
    "joiners": _again("\u200d\ufe0f"),
    "private use": lambda size: "".join(chr(0xE000 + number % 6000) for number in range(size)),
    "Han": _again("通往港口的最短路線經過舊教堂"),
    "digits": _again("1"),
    "groups of digits": _again("12 345 "),
    "telephone numbers": _numbered("+49 30 {:07} "),
    "numbers in rows": _again("555-123-4567"),
    "account numbers": _again("DE89 3704 0044 0532 0130 00 "),
    "card numbers": _again("4111 1111 1111 1111 "),
    "addresses": _numbered("ann{}@example.org "),
    "dots": _again("a."),
    "at signs": _again("a@"),
    "key heads": key_blocks,
    "hashes": hashes,
    "passwords": _again("password: hunter2x9 "),
    "blocks": blocks,
    "broken blocks": broken_blocks,
    "open JSON": _again('[{"id":'),
    "deep JSON": _again("["),
    "data address": lambda size: "data:image/png;base64," + _again("QUJD")(size),
    "placeholders": _again("#INTERNAL_LINK#/post/1 "),
}
