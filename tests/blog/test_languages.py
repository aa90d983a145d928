"""Languages are told from text, not from settings."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.blog.languages import Language, language_of, languages_of
from penname.blog.post import Post

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
    posts = [Post(n, "", "", (), text, len(text.split())) for n, text in enumerate(texts)]
    english, german, unknown = languages_of(posts)
    assert (english.code, english.posts, english.name) == ("en", 1, "English")
    assert (german.code, german.posts, german.words) == ("de", 2, 30)
    assert unknown == Language("unknown", 1, 1)
