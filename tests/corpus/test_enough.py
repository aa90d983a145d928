"""The verdict: its levels at their edges, and what else it warns of."""

import pytest

from penname.corpus.stats import Language, judge_corpus


def english(words: int, posts: int = 100) -> tuple[Language, ...]:
    return (Language("en", posts, words),)


@pytest.mark.parametrize(
    ("words", "level"),
    [
        (0, "refuse"),
        (1_999, "refuse"),
        (2_000, "taste"),
        (4_999, "taste"),
        (5_000, "tone"),
        (19_999, "tone"),
        (20_000, "voice"),
        (99_999, "voice"),
        (100_000, "good"),
        (10**7, "good"),
    ],
)
def test_levels(words: int, level: str) -> None:
    verdict = judge_corpus(words, 100, 0.01, english(words), "en")
    assert verdict.level == level
    assert len(verdict.sentences) == 1 and f"{words:,} words" in verdict.sentences[0]


def said(words: int, posts: int, share: float, languages: tuple[Language, ...], setting: str = "en") -> str:
    return " ".join(judge_corpus(words, posts, share, languages, setting).sentences)


def test_one_large_post() -> None:
    assert "One post" not in said(50_000, 100, 0.25, english(50_000))
    assert "One post holds 26% of all words (over 25%)" in said(50_000, 100, 0.26, english(50_000))


def test_few_posts() -> None:
    assert "Only 9 posts with text" in said(50_000, 9, 0.2, english(50_000))
    assert "Only 1 post with text" in said(50_000, 1, 1.0, english(50_000))
    assert "Only" not in said(50_000, 10, 0.2, english(50_000))


def test_not_english() -> None:
    text = said(1_000, 20, 0.1, (Language("es", 15, 800), Language("en", 5, 200)), "en")
    assert "Most of it is in Spanish (80% of the words), not in English" in text
    assert "The site's settings say en, the text says es" in text


def test_partly_english() -> None:
    text = said(1_000, 20, 0.1, (Language("en", 15, 800), Language("es", 5, 200)))
    assert "Only 80% of the words are in English" in text
    assert "settings" not in text


def test_regional_setting_is_the_same_language() -> None:
    assert "settings" not in said(1_000, 20, 0.1, english(1_000), "en-GB")


def test_words_without_spaces() -> None:
    assert "Chinese has few" in said(1_000, 20, 0.1, (Language("zh", 20, 1_000),), "")


def test_unknown_languages_say_nothing() -> None:
    assert "language" not in said(100, 20, 0.1, (Language("unknown", 20, 100),), "en")
