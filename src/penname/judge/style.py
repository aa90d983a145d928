"""Sentence length, punctuation and function words: figures of style.

In: texts. Out: a figure for each habit, by name.

    measure_style(passages, function_words=["the", "of", "and"])["commas per 1,000 words"]
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from penname.judge.words import words

_SENTENCE_END = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)|\n\s*\n""")
_MARKS = {
    "commas": ",",
    "full stops": r"(?<!\.)\.(?![.\w])",
    "colons": r":(?!//)",
    "semicolons": ";",
    "dashes": r"[—–]|(?<=\s)--?(?=\s)|(?<=\w)--(?=\w)",
    "hyphens": r"(?<=\w)-(?=\w)",
    "parentheses": r"\(",
    "exclamation marks": "!",
    "question marks": r"\?",
    "quotation marks": '["“”„«»]',
    "apostrophes": r"(?<=\w)['’](?=\w)",
    "ellipses": r"…|\.\.\.",
    "paragraph breaks": r"\n\s*\n",
}
PUNCTUATION = {f"{name} per 1,000 words": re.compile(pattern) for name, pattern in _MARKS.items()}


def sentence_lengths(text: str) -> list[int]:
    """Words of each sentence; sentences end at `.`, `!`, `?`, `…` before white space, and at blank lines.

    Pieces without a word do not count. The last one counts although a passage may cut it.
    """
    return [count for piece in _SENTENCE_END.split(text) if (count := len(words(piece)))]


def measure_style(texts: Sequence[str], function_words: Sequence[str]) -> dict[str, float]:
    """The mean sentence length and its spread in words, and rates per 1,000 words of marks and of words."""
    found = Counter(word for text in texts for word in words(text))
    lengths = [length for text in texts for length in sentence_lengths(text)]
    scale = 1000 / max(1, found.total())
    mean = sum(lengths) / max(1, len(lengths))
    variance = sum((length - mean) ** 2 for length in lengths) / max(1, len(lengths))
    figures = {"sentence length, words": mean, "sentence length, spread": variance**0.5}
    for name, pattern in PUNCTUATION.items():
        figures[name] = scale * sum(len(pattern.findall(text)) for text in texts)
    for word in function_words:
        figures[word_figure(word)] = scale * found[word]
    return figures


def word_figure(word: str) -> str:
    """The name of the figure for a function word."""
    return f"“{word}” per 1,000 words"


def find_function_words(passages: Iterable[str], count: int = 50) -> list[str]:
    """The `count` words that occur in the most passages, whatever the language: nearly all function words.

    Counting passages, not occurrences, keeps out the words that a few posts use often.
    """
    spread = Counter(word for passage in passages for word in set(words(passage)))
    return [word for word, _ in sorted(spread.items(), key=lambda item: (-item[1], item[0]))[:count]]
