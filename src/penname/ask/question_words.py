"""Words that ask and do not name what is asked, and words whose other forms no stemmer knows: `words.toml`.

    "when" in asking_words(["en"])   # True: it says nothing of the subject
    other_forms("build")             # ("built",)

In: languages, or a word in small letters. Out: words.
"""

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path


def asking_words(languages: Iterable[str]) -> frozenset[str]:
    """The words of `languages` that ask and do not name what is asked."""
    lists = by_language()
    return frozenset().union(*(lists[name] for name in languages if name in lists))


@lru_cache(maxsize=1)
def by_language() -> dict[str, frozenset[str]]:
    """The words that ask, by language."""
    return {name: frozenset(words.split()) for name, words in _read()["asking"].items()}


def other_forms(word: str) -> tuple[str, ...]:
    """The other forms of an English word that is bent irregularly; none of any other word."""
    return _forms().get(word, ())


@lru_cache(maxsize=1)
def _forms() -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for group in map(str.split, _read()["forms"]["en"].splitlines()):
        for word in group:
            found[word] = found.get(word, ()) + tuple(other for other in group if other != word)
    return found


@lru_cache(maxsize=1)
def _read() -> dict[str, dict[str, str]]:
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))
