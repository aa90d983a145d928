"""Scripts that write no spaces between words: Chinese, Japanese, Thai and their kind.

In: a text. Out: how many words it holds, and whether two lines of it join without a space.

    count_words("天下大勢，分久必合")    8
"""

import re

# Bopomofo is left out: it glosses single characters. Hangul has spaces.
_CLASS = (
    "\u0e01-\u0e4e\u0e80-\u0ede\u0f40-\u0fbc\u1000-\u109f\u1780-\u17d3\u1950-\u19df\u1a20-\u1aad"
    "\u1b00-\u1b4b\u3005-\u3007\u3041-\u3096\u309d-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\ua000-\ua48c\ua980-\ua9c0\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
UNSPACED = re.compile(f"[{_CLASS}]+")
"""A run of characters of such scripts."""
_SIGNS_PER_WORD = 4  # of the alphabets among them; each character of Chinese counts as a word
_ALPHABETS = re.compile(r"[\u0e00-\u1cff]+")
_JOINS = re.compile(f"[{_CLASS}\u3001-\u3003\u3008-\u301f\u30fb\uff01-\uff65]")
_BEYOND_ASCII = re.compile(r"[^\W\d_\x00-\x7f]")


def count_words(text: str) -> int:
    """Words between white space; in scripts without spaces a word for each character, or for four of an alphabet."""
    if text.isascii() or not (runs := UNSPACED.findall(text)):
        return len(text.split())
    signs = sum(len(part) for run in runs for part in _ALPHABETS.findall(run))
    characters = sum(map(len, runs)) - signs
    spaced = sum(any(map(str.isalnum, word)) for word in UNSPACED.sub(" ", text).split())
    return spaced + characters + -(-signs // _SIGNS_PER_WORD)


def letters_beyond_ascii(text: str) -> int:
    """How many letters are accented or of another script: a file that was cut down to ASCII has none."""
    return 0 if text.isascii() else len(_BEYOND_ASCII.findall(text))


def joins_without_space(before: str, after: str) -> bool:
    """Whether a line that ends so and one that begins so were broken inside a text without spaces."""
    return bool(_JOINS.match(before[-1:]) and _JOINS.match(after[:1]))
