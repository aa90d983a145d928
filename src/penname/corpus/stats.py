"""In which language each post is written, told from its text: a site's setting is often just `en`.

In: posts. Out: for each language the number of posts and of words.

    languages_of(posts)  ->  (Language("en", posts=40, words=20112), Language("ca", posts=3, words=900))

The classifier is py3langid (Lui and Baldwin 2012, "langid.py: an off-the-shelf language identification
tool"). It reads every post until the blog has shown its language; from then on only the posts that are not made of the
same common words.

Whether a blog is enough to learn from, and for what, said before any training.

In: words, the share of the largest post, the languages. Out: a level and sentences.

    judge_corpus(words=18_000, posts=40, largest_share=0.34, languages=...)  ->  Verdict("tone", (...,))

The levels are rules of thumb, stated so that a user can weigh them: under 2,000 words nothing; to 5,000 a
taste; to 20,000 the tone; to 100,000 the voice; above, good.

The tables of a blog: how much there is, of what, what was left out, and whether it is enough.

In: a `Reading`. Out: `Stats`, for programs (`to_json`) and for people (`print_stats` in `stats_table`).

    stats = blog_stats(read_blog(path))
    print(stats.words, stats.verdict.level)
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import py3langid

from penname.core import events
from penname.core.terminal import many
from penname.corpus.read import CleanPost, Head, LeftOut, Reading
from penname.corpus.repeats import Boilerplate

UNKNOWN = "unknown"
_LEAST_LETTERS = 40
_READ = 4000  # characters from the middle of a post are enough to tell
_LOOKED_AT = 60
"""Texts that the main language is told from."""
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


def languages_of(posts: Iterable[CleanPost]) -> tuple[Language, ...]:
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

    return str(py3langid.classify(part)[0])


def main_language(texts: Iterable[str]) -> str:
    """The language that most words are in of the 60 longest texts; `en` where there are none."""
    words = Counter[str]()
    for text in sorted(texts, key=len, reverse=True)[:_LOOKED_AT]:
        words[language_of(text)] += len(text.split())
    return max(words, key=lambda code: words[code], default="en")


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


REFUSE, TASTE, TONE, VOICE, GOOD = "refuse", "taste", "tone", "voice", "good"
LEVELS = (
    (2_000, REFUSE, "too little: under 2,000 words a model learns the words by heart and nothing else"),
    (5_000, TASTE, "enough for a taste (2,000 to 5,000 words): favourite words, no style yet"),
    (20_000, TONE, "enough for the tone (5,000 to 20,000 words): the manner of a sentence, not of a post"),
    (
        100_000,
        VOICE,
        "enough for the voice (20,000 to 100,000 words): sentences and turns that sound like you",
    ),
)
ENOUGH = "good (over 100,000 words): voice, subjects and the way a post is built"
LARGE_SHARE = 0.25
FEW_POSTS = 10
_FEW_SPACES = frozenset({"zh", "ja", "th", "lo", "km", "my"})


@dataclass(frozen=True)
class Verdict:
    """`level` is `refuse`, `taste`, `tone`, `voice` or `good`; `sentences` say why, and what else to mind."""

    level: str
    sentences: tuple[str, ...]


def judge_corpus(
    words: int, posts: int, largest_share: float, languages: tuple[Language, ...], setting: str = ""
) -> Verdict:
    """Judge `posts` posts of `words` words in all; `setting` is the language in the site's settings."""
    level, meaning = next(((level, text) for limit, level, text in LEVELS if words < limit), (GOOD, ENOUGH))
    sentences = [f"{words:,} words are {meaning}."]
    if posts > 1 and largest_share > LARGE_SHARE:
        sentences.append(
            f"One post holds {largest_share:.0%} of all words (over {LARGE_SHARE:.0%}): "
            "its share of the training is capped, else the model would learn that post."
        )
    if 0 < posts < FEW_POSTS:
        number = many(posts, "post")
        sentences.append(f"Only {number} with text: too few to hold some back and measure honestly.")
    sentences += _on_languages(words, languages, setting)
    return Verdict(level, tuple(sentences))


def _on_languages(words: int, languages: tuple[Language, ...], setting: str) -> list[str]:
    known = [language for language in languages if language.code != UNKNOWN]
    if not known or not words:
        return []
    main, sentences = known[0], []
    english = sum(language.words for language in known if language.code == "en") / words
    if main.code != "en":
        sentences.append(
            f"Most of it is in {main.name} ({main.words / words:.0%} of the words), not in English: the base "
            "that comes with penname knows English only, so give --base a model of that language."
        )
        if main.code in _FEW_SPACES:
            sentences.append(f"Words are counted by the spaces between them; {main.name} has few, so it holds more.")
    elif english < 0.9:
        sentences.append(
            f"Only {english:.0%} of the words are in English: what is in other languages is learned badly."
        )
    if setting and setting.lower().split("-")[0] != main.code:
        sentences.append(f"The site's settings say {setting}, the text says {main.code}; the text is believed.")
    return sentences


LONGEST = 10


@dataclass(frozen=True)
class Long:
    """One of the longest posts; `date` is an ISO day or empty."""

    date: str
    title: str
    words: int


@dataclass(frozen=True)
class Year:
    """What was written in one year; `year` is empty for posts without a date."""

    year: str
    posts: int
    words: int


@dataclass(frozen=True)
class Tag:
    """How many posts carry a tag."""

    name: str
    posts: int


@dataclass(frozen=True)
class Repeat:
    """A post that repeats another one; `similarity` is 0 to 1."""

    id: str
    title: str
    of: str
    of_title: str
    similarity: float


@dataclass(frozen=True)
class Stats:
    """The figures of one blog.

    `posts` counts all posts that were asked for, those without text too; `average_words` is words by `posts`;
    `links` is an estimate: what the mark-up holds. `largest_post_share` is a fraction of all words, 0 to 1.
    """

    site: str
    posts: int
    posts_with_text: int
    words: int
    average_words: float
    links: int
    images: int
    caption_words: int
    longest: tuple[Long, ...]
    largest_post_share: float
    years: tuple[Year, ...]
    tags: tuple[Tag, ...]
    editors: dict[str, int]
    languages: tuple[Language, ...]
    language_setting: str
    counts: dict[str, int]
    left_out: tuple[LeftOut, ...]
    masked: dict[str, int]
    duplicates: tuple[Repeat, ...]
    boilerplate: tuple[Boilerplate, ...]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The figures as plain lists, dictionaries, strings and numbers."""
        return asdict(self)


def blog_stats(reading: Reading) -> Stats:
    """Count everything in `reading`; telling the languages takes about a millisecond a post."""
    posts = reading.heads
    longest = sorted(posts, key=lambda post: (-post.words, post.id))[:LONGEST]
    words = reading.words
    share = longest[0].words / words if words else 0.0
    with events.task("Telling the languages"):
        languages = languages_of(reading.posts)
    return Stats(
        site=reading.display_name,
        posts=reading.selected,
        posts_with_text=len(posts),
        words=words,
        average_words=round(words / reading.selected, 1) if reading.selected else 0.0,
        links=reading.links,
        images=reading.images,
        caption_words=reading.caption_words,
        longest=tuple(Long(post.date, post.title, post.words) for post in longest),
        largest_post_share=round(share, 4),
        years=years_of(posts),
        tags=tags_of(posts),
        editors=dict(reading.editors.most_common()),
        languages=languages,
        language_setting=reading.language,
        counts={kind: count for kind, count in asdict(reading.counts).items() if count or kind != "private"},
        left_out=reading.left_out,
        masked=dict(reading.masked.most_common()),
        duplicates=repeats_of(reading),
        boilerplate=reading.boilerplate,
        verdict=judge_corpus(words, len(posts), share, languages, reading.language),
    )


def years_of(posts: Sequence[Head | CleanPost]) -> tuple[Year, ...]:
    """Posts and words by year, in order; posts without a date come first."""
    counts, words = Counter[str](), Counter[str]()
    for post in posts:
        counts[post.date[:4]] += 1
        words[post.date[:4]] += post.words
    return tuple(Year(year, counts[year], words[year]) for year in sorted(counts))


def repeats_of(reading: Reading) -> tuple[Repeat, ...]:
    """The duplicates with their titles, in the order of the posts."""
    titles = {post.id: post.title for post in reading.heads}
    return tuple(
        Repeat(found.id, titles[found.id], found.of, titles[found.of], found.similarity) for found in reading.duplicates
    )


def tags_of(posts: Sequence[Head | CleanPost]) -> tuple[Tag, ...]:
    """Tags by the number of posts that carry them, the most used first."""
    counts = Counter(tag for post in posts for tag in post.tags)
    return tuple(Tag(name, counts[name]) for name in sorted(counts, key=lambda name: (-counts[name], name)))
