"""Transcriber's notes go, whatever their form, and not one sentence of the book goes with them."""

import pytest

from penname.books.clean import clean_html, clean_text

HEAD = "Title: The Box\n\n*** START OF THE PROJECT GUTENBERG EBOOK THE BOX ***\n\n\n"
FOOT = "\n\n\n*** END OF THE PROJECT GUTENBERG EBOOK THE BOX ***\n"
# A story that uses a transcriber's words as anybody may, half of it in short lines of dialogue.
STORY = [
    "The carrier stood in the yard with his hat pushed back, and looked at the sky for a long time before he spoke.",
    "The letter was kept in a box, and the box was moved to the attic when the house was changed into a school.",
    '"How is it spelt?" she said.',
    '"As it was."',
    '"Page 7 is gone," he told her.',
    "He had learned his letters late, and his spelling was a thing that the whole village spoke of with wonder.",
    '"No."',
    '"Yes," said the carrier, and that was the end of it.',
    "Every night he lit the lamp, and every night he saw the window go dark a minute after.",
] * 6
NOTES = [
    "Transcriber's Note: Spelling kept.",
    "Transcriber's Notes: None.",
    "TRANSCRIBER'S NOTE.--Spelling as in the original.",
    "Transcriber's Note",
    "[Transcriber's Note: Obvious errors have been corrected.]",
    "[Transcriber's note: this has no end",
    "Transcriber's Note: Obvious printer's errors were corrected, and the original spelling has been retained.",
    "Transcriber's Notes:\n\nItalic text is enclosed in _underscores_.\n\nSmall capitals were changed to capitals.",
    'Transcriber\'s Note\n\nThe spelling was kept, but:\n\nPage 3: "teh" changed to "the".\n\np. 9 cta for cat',
    "Transcriber's Notes\nInconsistent hyphenation and spelling have been retained as printed.",
    "E-text Notes: Accents were added.",
    "Transcriber's Notes:\n\nThe spelling was kept.\n\nOther notes will be found near the end of this ebook.",
    "*Transcriber's Notes*\n\nFootnotes were moved to the end.",
    "The transcriber's note: punctuation was normalised.",
    "Note du transcripteur: orthographe conservée.",
    "Anmerkungen zur Transkription\n\nHtml und Ascii.",
    "[Note: images of the original pages are available.]",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 20, 50, len(STORY)])
@pytest.mark.parametrize("note", NOTES)
def test_a_note_goes_and_the_book_behind_it_stays(note: str, place: int) -> None:
    parts = [*STORY[:place], note, *STORY[place:]]
    assert clean_text(HEAD + "\n\n".join(parts) + FOOT).text.split("\n\n") == STORY
    assert clean_text("\n\n".join(parts)).text.split("\n\n") == STORY
    if "\n" not in note and "[" not in note:
        page = "".join(f"<p>{part}</p>" for part in parts)
        assert clean_html(page).text.split("\n\n") == STORY


def test_a_list_of_changes_at_the_end_goes_whole() -> None:
    changes = "\n\n(teh man came)\n\n".join(f'Page {n}: "teh" was changed to "the"' for n in range(1, 30))
    text = "\n\n".join(STORY) + f"\n\n\nTRANSCRIBER'S NOTES\n\nPunctuation has been corrected.\n\nCHANGES\n\n{changes}"
    assert clean_text(HEAD + text + FOOT).text.split("\n\n") == STORY


def test_a_note_in_words_of_its_own_ends_at_the_next_heading() -> None:
    note = "TRANSCRIBER'S NOTE\n\nMiss Hale wrote this for her nephews, and it was never meant for print."
    book = clean_text(HEAD + note + "\n\n\n\nCHAPTER I\n\n" + "\n\n".join(STORY) + FOOT).text
    assert book.split("\n\n") == ["CHAPTER I", *STORY]


@pytest.mark.parametrize(
    "own",
    [
        "[Editor's note: the manuscript is torn here, and nobody has found the rest.]",
        "Editor's Note: the letters are given as Miss Hale wrote them, with her spelling retained.",
        "EDITOR'S NOTE",
        "Author's Note: no person in this book is drawn from life.",
        "The transcriber's notes lay open on the desk, and the lamp beside them was still warm.",
        "Transcribers note everything, said the old clerk, and forget it again by supper.",
        "Note: the illustrations in his own copy were coloured by hand.",
        "The digital notes of the organ sounded flat.",
    ],
)
def test_notes_of_the_author_and_the_editor_stay(own: str) -> None:
    kept = clean_text(HEAD + "\n\n".join([*STORY[:3], own, *STORY[3:]]) + FOOT).text.split("\n\n")
    assert kept == [*STORY[:3], own, *STORY[3:]]
