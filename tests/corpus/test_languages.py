"""Languages are told from text, not from settings."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.corpus import stats as languages
from penname.corpus.read import CleanPost
from penname.corpus.stats import Language, language_of, languages_of

SAMPLES = {
    "en": "The quick way to the harbour leads past the old church and over the bridge.",
    "de": "Der kurze Weg zum Hafen führt an der alten Kirche vorbei und über die Brücke.",
    "fr": "Le chemin le plus court vers le port passe devant la vieille église et le pont.",
    "es": "El camino más corto hasta el puerto pasa por delante de la iglesia vieja.",
    "ru": "Самый короткий путь к гавани ведёт мимо старой церкви и через мост.",
    "zh": "通往港口的最短路線經過舊教堂，然後過橋。我們早上常常走這條路。",
}


@pytest.mark.parametrize("code", sorted(SAMPLES))
def test_language_of(code: str) -> None:
    assert language_of(SAMPLES[code]) == code


@pytest.mark.parametrize("text", ["", "Hi", "12345 67890 " * 20, "!!! ??? ..."])
def test_too_little_to_tell(text: str) -> None:
    assert language_of(text) == "unknown"


@settings(max_examples=50, deadline=None)
@given(st.text())
def test_any_text_has_an_answer(text: str) -> None:
    assert language_of(text)


def test_counts_by_words() -> None:
    texts = [SAMPLES["de"], SAMPLES["en"] * 3, SAMPLES["de"], "Hi"]
    posts = [CleanPost(n, "", "", (), text, len(text.split())) for n, text in enumerate(texts)]
    english, german, unknown = languages_of(posts)
    assert (english.code, english.posts, english.name) == ("en", 1, "English")
    assert (german.code, german.posts, german.words) == ("de", 2, 30)
    assert unknown == Language("unknown", 1, 1)


def written_in(code: str, number: int) -> CleanPost:
    """A post of eighty words, some of them its own."""
    rng = random.Random(f"{code}{number}")
    words = rng.choices(SAMPLES[code].rstrip(".").split(), k=70) + [
        f"{rng.choice('bcdfg')}{rng.randrange(999)}" for _ in "1234567890"
    ]
    rng.shuffle(words)
    return CleanPost(number, "", "", (), " ".join(words), len(words))


def test_a_blog_that_has_shown_its_language_is_not_guessed_at_for_every_post(monkeypatch: pytest.MonkeyPatch) -> None:
    guessed: list[str] = []
    classify = languages.language_of
    monkeypatch.setattr(languages, "language_of", lambda text: guessed.append(text) or classify(text))
    posts = [written_in("en", number) for number in range(300)]
    others = [written_in(code, number) for code in ("de", "es", "fr", "ru") for number in range(5)]
    found = languages_of([*posts, *others, CleanPost(999, "", "", (), "Hi", 1)])
    assert {item.code: item.posts for item in found} == {"en": 300, "de": 5, "es": 5, "fr": 5, "ru": 5, "unknown": 1}
    assert len(guessed) < 100


def test_two_languages_in_turn_are_told_apart() -> None:
    posts = [written_in("de" if number % 2 else "en", number) for number in range(300)]
    assert {item.code: item.posts for item in languages_of(posts)} == {"de": 150, "en": 150}
