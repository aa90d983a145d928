"""Whether a blog is enough to learn from, and for what, said before any training.

In: words, the share of the largest post, the languages. Out: a level and sentences.

    judge_corpus(words=18_000, posts=40, largest_share=0.34, languages=...)  ->  Verdict("tone", (...,))

The levels are rules of thumb, stated so that a user can weigh them: under 2,000 words nothing; to 5,000 a
taste; to 20,000 the tone; to 100,000 the voice; above, good.
"""

from dataclasses import dataclass

from penname.blog.languages import UNKNOWN, Language

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
        number = "1 post" if posts == 1 else f"{posts} posts"
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
