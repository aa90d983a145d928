"""In which language each post is written, told from its text: a site's setting is often just `en`.

In: posts. Out: for each language the number of posts and of words.

    languages_of(posts)  ->  (Language("en", posts=40, words=20112), Language("ca", posts=3, words=900))

The classifier is py3langid (Lui and Baldwin 2012, "langid.py: an off-the-shelf language identification
tool"). It reads every post until the blog has shown its language; from then on only the posts that are not made of the
same common words.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from penname.blog.post import Post

UNKNOWN = "unknown"
_LEAST_LETTERS = 40
_READ = 4000  # characters from the middle of a post are enough to tell
_SHOWN = 60
"""Posts of one language after which the words that are common in them are known well enough."""
_COMMON = 60
"""Words that are looked for in later posts."""
_FEWEST_WORDS = 40
_ALONE = frozenset({"de", "el", "en", "et", "eu", "fi", "fr", "hu", "ja", "ko", "la", "tr", "vi", "zh"})
"""Languages that share few of their common words with others that blogs are written in."""

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
    habit = _Habit()
    for post in posts:
        code = habit.language_of(post.text)
        counts[code] += 1
        words[code] += post.words
    order = sorted(counts, key=lambda code: (-words[code], code))
    return tuple(Language(code, counts[code], words[code]) for code in order)


def language_of(text: str) -> str:
    """The ISO 639-1 code of the language of `text`, or `unknown` when it has fewer than 40 letters."""
    part = _middle(text)
    # A Chinese or Japanese character says about as much as four letters.
    weight = sum(4 if "\u3040" <= sign <= "\ud7ff" else 1 for sign in part if sign.isalpha())
    if weight < _LEAST_LETTERS:
        return UNKNOWN
    import py3langid  # loads numpy and its model on first use

    return str(py3langid.classify(part)[0])


class _Habit:
    """Tells the language of one post after another, by the words that most of the posts before had in common."""

    def __init__(self) -> None:
        self._seen: dict[str, list[list[str]]] = {}
        self._main = ""
        self._common: frozenset[str] = frozenset()
        self._least = 1.0

    def language_of(self, text: str) -> str:
        """What `language_of` tells, without the classifier where the post has the words of the blog's own language."""
        words = _middle(text).lower().split()
        if self._main and len(words) >= _FEWEST_WORDS and self._share(words) >= self._least:
            return self._main
        code = language_of(text)
        if not self._main and code != UNKNOWN and len(words) >= _FEWEST_WORDS:
            self._learn(code, words)
        return code

    def _share(self, words: list[str]) -> float:
        return sum(map(self._common.__contains__, words)) / len(words)

    def _learn(self, code: str, words: list[str]) -> None:
        """Keep the words of a post; with enough posts of one language, choose those that set it apart."""
        seen = self._seen.setdefault(code, [])
        seen.append(words)
        if len(seen) < _SHOWN:
            return
        often = Counter(word for post in seen for word in set(post))
        elsewhere = {word for other, posts in self._seen.items() if other != code for post in posts for word in post}
        own = [word for word, _ in often.most_common(2 * _COMMON) if word.isalpha() and word not in elsewhere]
        self._common = frozenset(own[:_COMMON])
        shares = sorted(map(self._share, seen))
        # What nearly every post of the language has; between close relatives (Spanish, Catalan), what most have.
        least = 0.85 * shares[len(shares) // 20] if code in _ALONE else shares[len(shares) // 5]
        self._least = max(least, 0.1)
        self._main = code
        self._seen = {}


def _middle(text: str) -> str:
    start = max(0, len(text) // 2 - _READ // 2)
    return text[start : start + _READ]
