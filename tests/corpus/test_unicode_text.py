"""Spelling of Unicode: what goes, what stays, and that twice is as good as once."""

import re
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penname.corpus.pieces import normalise, normalise_code, normalise_line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Cafe\u0301", "Caf\u00e9"),
        ("22\u00a0EUR", "22 EUR"),
        ("a\u2003b\u202fc\u3000d\te", "a b c d e"),
        ("Silben\u00adtrennung", "Silbentrennung"),
        ("zero\u200bwidth\u2060and\ufeffmarks", "zerowidthandmarks"),
        ("\u202eright\u202c to \u2066left\u2069\u200f", "right to left"),
        ("bell\x07 null\x00 c1\x9f", "bell null c1"),
        ("lone \ud800surrogate", "lone surrogate"),
        ("icon \ue000\uf8ff font", "icon font"),
        ("“curly” ‘quotes’ „unten‟", '"curly" \'quotes\' "unten"'),
        ("don’t wait…", "don't wait..."),
        ("«guillemets» – en — em", "«guillemets» – en — em"),
        ("e\ufb03cient \ufb01le", "efficient file"),
        ("one\r\ntwo\rthree\u2028four\u2029five", "one\ntwo\nthree\nfour\n\nfive"),
        ("a\n\n\n\n  b  \n \n \n c", "a\n\nb\n\nc"),
        ("", ""),
    ],
)
def test_normalise(text: str, expected: str) -> None:
    assert normalise(text) == expected


@pytest.mark.parametrize(
    "sequence",
    [
        "👩‍👩‍👧",
        "❤️",
        "👍🏽",
        "1️⃣",
        "🏳️‍🌈",
        "😵‍💫",
        "🇬🇪",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می‌خواهم",
        "क्‍ष",
        "葛\U000e0100",
    ],
)
def test_sequences_that_need_joiners_stay_whole(sequence: str) -> None:
    assert normalise(f"a {sequence} b") == f"a {unicodedata.normalize('NFC', sequence)} b"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u200db", "ab"),
        ("a\u200cb", "ab"),
        ("a\ufe0f", "a"),
        ("1\ufe0f", "1"),
        ("😵\u200d", "😵"),
        ("\u200d💫", "💫"),
        ("hi\U000e0068\U000e0069dden", "hidden"),
    ],
)
def test_strays_go(text: str, expected: str) -> None:
    assert normalise(text) == expected


def test_quotes_may_stay() -> None:
    assert normalise("“a” ‘b’…", quotes=False) == "“a” ‘b’…"


def test_code_keeps_its_white_space() -> None:
    assert normalise_code("\tif x:\r\n\t\ty = “1”\u200b\n\n\n    z") == "\tif x:\n\t\ty = “1”\n\n\n    z"


ODD = st.characters(
    codec=None,
    categories=["L", "M", "N", "P", "S", "Z", "C"],
)
NEIGHBOURS = st.sampled_from(
    "a1#*\u0301\u200c\u200d\ufe0e\ufe0f\u20e3❤👩🏽🏴\U000e0067\U000e007f\u0627क्葛\U000e0100\n \r\u00a0←\u0338"
)
# Format characters that are part of a script or of musical notation.
NEEDED = (
    "\u200c\u200d\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd"
    "\U00013430-\U0001d17a\U000e0020-\U000e007f"
)
INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Zl", "Zp")


@settings(deadline=None)
@given(st.text(ODD) | st.text(NEIGHBOURS))
@example("\r\u200b\n")
@example("a \u0301")
@example("\u0300\u094d\u200c")
@example("\u2190\u0338\ufe0f")
def test_twice_is_once(text: str) -> None:
    once = normalise(text)
    assert normalise(once) == once
    assert unicodedata.is_normalized("NFC", once)
    assert normalise(text, quotes=False) == normalise(normalise(text, quotes=False), quotes=False)


@settings(deadline=None)
@given(st.text(ODD) | st.text(NEIGHBOURS))
def test_nothing_invisible_is_left(text: str) -> None:
    rest = re.sub(f"[{NEEDED}\n]", "", normalise(text))
    assert not [sign for sign in rest if unicodedata.category(sign) in INVISIBLE]


@settings(deadline=None)
@given(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=0x2FFF)))
def test_the_quick_way_gives_the_same(text: str) -> None:
    folded = " ".join(text.split())
    assert normalise_line(folded) == normalise(folded)


def test_a_long_hidden_chain_is_quick() -> None:
    assert normalise("a" + "\U000e0068" * 200_000 + "b") == "ab"
    assert normalise("😵" + "\u200d\ufe0f" * 100_000) in ("😵", "😵\ufe0f")


def test_marks_without_end_become_thirty() -> None:
    text = normalise("z" + "\u0301\u0316" * 2000 + "a")
    assert text[-1] == "a" and len(text) < 35
    assert normalise("e\u0301 " * 50) == ("é " * 50).strip()


@given(
    st.text(
        alphabet="ab \n\t\u00e9\u0301\u2014\u201c\u200d\ufe0f\U0001f600\u0627\u1100\u1161\u0930\u093c\u2126",
        max_size=12,
    )
)
def test_shortcuts_change_nothing(text: str) -> None:
    """What is skipped for characters that never combine comes out as if it had been done."""
    found = normalise(text)
    assert found == unicodedata.normalize("NFC", found) == normalise(found)
