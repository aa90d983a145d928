"""In which language each post is written, told from its text: a site's setting is often just `en`.

In: posts. Out: for each language the number of posts and of words.

    languages_of(posts)  ->  (Language("en", posts=40, words=20112), Language("ca", posts=3, words=900))

The classifier is py3langid (Lui and Baldwin 2012, "langid.py: an off-the-shelf language identification
tool").
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from penname.blog.post import Post

UNKNOWN = "unknown"
_LEAST_LETTERS = 40
_READ = 4000  # characters from the middle of a post are enough to tell

NAMES = {
    "ar": "Arabic", "bg": "Bulgarian", "ca": "Catalan", "cs": "Czech", "da": "Danish", "de": "German",
    "el": "Greek", "en": "English", "es": "Spanish", "et": "Estonian", "eu": "Basque", "fa": "Persian",
    "fi": "Finnish", "fr": "French", "gl": "Galician", "he": "Hebrew", "hi": "Hindi", "hr": "Croatian",
    "hu": "Hungarian", "id": "Indonesian", "it": "Italian", "ja": "Japanese", "ko": "Korean",
    "la": "Latin", "lt": "Lithuanian", "lv": "Latvian", "nb": "Norwegian", "nl": "Dutch", "no": "Norwegian",
    "nn": "Norwegian", "pl": "Polish", "pt": "Portuguese", "ro": "Romanian", "ru": "Russian", "sk": "Slovak",
    "sl": "Slovenian", "sr": "Serbian", "sv": "Swedish", "tr": "Turkish", "uk": "Ukrainian",
    "vi": "Vietnamese", "zh": "Chinese",
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """How much of a blog is in one language; `code` is ISO 639-1, or `unknown` for short texts."""

    code: str
    posts: int
    words: int

    @property
    def name(self) -> str:
        """The language in English."""
        return NAMES.get(self.code, self.code)


def languages_of(posts: Iterable[Post]) -> tuple[Language, ...]:
    """Count posts and words by language, the one with most words first."""
    counts, words = Counter[str](), Counter[str]()
    for post in posts:
        code = language_of(post.text)
        counts[code] += 1
        words[code] += post.words
    order = sorted(counts, key=lambda code: (-words[code], code))
    return tuple(Language(code, counts[code], words[code]) for code in order)


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language of `text`, or `unknown` when it has fewer than 40 letters."""
    start = max(0, len(text) // 2 - _READ // 2)
    part = text[start : start + _READ]
    # A Chinese or Japanese character says about as much as four letters.
    weight = sum(4 if "\u3040" <= sign <= "\ud7ff" else 1 for sign in part if sign.isalpha())
    if weight < _LEAST_LETTERS:
        return UNKNOWN
    import py3langid  # loads numpy and its model on first use

    return str(py3langid.classify(part)[0])
