"""Synonyms of English words, from WordNet, and which words are English.

    synonyms("purchas")      # ("buy",), by the stem of "purchase"

In: a stem, as FTS5's Porter stemmer makes it. Out: words that mean nearly the same, the commonest sense first.
"""

import lzma
from functools import lru_cache
from pathlib import Path

_DATA = Path(__file__).resolve().parents[1] / "data"
_FILE, _PIECES = _DATA / "thesaurus" / "en.txt.xz", _DATA / "minilm" / "vocab.txt.xz"


def synonyms(stem: str) -> tuple[str, ...]:
    """Words that mean nearly what a word of this stem means; none of a stem that WordNet does not know."""
    text = _text()
    start = text.find(f"\n{stem}\t")
    return () if start < 0 else tuple(text[start + len(stem) + 2 : text.index("\n", start + 1)].split())


def is_english(word: str) -> bool:
    """Whether a word stands in the word list of WordPiece, which holds some twenty thousand whole English words."""
    return word in word_pieces()


@lru_cache(maxsize=1)
def word_pieces() -> dict[str, int]:
    """The vocabulary of BERT's tokenizer, in its order, each with its number."""
    words = lzma.decompress(_PIECES.read_bytes()).decode("utf-8").split("\n")
    return {word: number for number, word in enumerate(words)}


@lru_cache(maxsize=1)
def _text() -> str:
    return "\n" + lzma.decompress(_FILE.read_bytes()).decode("utf-8")
