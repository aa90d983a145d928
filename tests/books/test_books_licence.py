"""Whose words they are: the distributor's licence and credits go, a book that speaks of the distributor stays."""

import re
import textwrap
from pathlib import Path

import pytest

from penname.books.charset import decode
from penname.books.clean import clean_html, clean_text

FILES = Path(__file__).parent / "files"
STORY = [
    "The carrier stood in the yard with his hat pushed back, and looked at the sky for a long time.",
    '"She\'ll bite to-night," he said, and nobody thought to contradict him until it was much too late.',
    "It was a fortnight before she understood him, and by then the letter had been answered.",
    "Every night he lit the lamp, and every night he saw the window go dark a minute after.",
] * 8
ESSAY = [
    "ON FREE BOOKS",
    "Project Gutenberg began in 1971, when Michael S. Hart typed the Declaration of Independence into a computer.",
    "PROJECT GUTENBERG AND AFTER",
    "The Project Gutenberg edition of Moby Dick, which I read on a train, is better than the one on my shelf.",
    "A volunteer of Distributed Proofreaders told me that she had read nine thousand pages for Project Gutenberg.",
    'Each file says that it "is for the use of anyone anywhere at no cost and with almost no restrictions whatsoever".',
    "His slogan was to give away one trillion books, and the Literary Archive Foundation keeps it alive.",
    "The e-text was created by one man, and the next ten thousand by everybody; see www.gutenberg.org for the rest.",
    "The end of Project Gutenberg has been foretold every year since, and we would all be the poorer for it.",
    "I wrote to Hart, who answered within the hour and wanted my grandmother's cookery book, which was scanned at the\n"
    "start of Project Gutenberg's fourth decade.".replace("\n", " "),
    "THE END OF PROJECT GUTENBERG",
    "There will be no end. A trademark license fee is not what keeps a library open; people do, one page a day.",
]
ENDS = {"old.txt": "*Ver.04.29.93*END*\n", "middle.txt": "IN THE HILLS ***\n", "new.txt": "NIECE ***\n"}
STARTS = {"old.txt": "End of The Project", "middle.txt": "End of the Project", "new.txt": "*** END OF THE"}


def wrapped(name: str, parts: list[str]) -> str:
    """A book between the header and the footer of an age."""
    text = decode((FILES / name).read_bytes()).replace("\r", "")
    foot = text[text.index(STARTS[name]) :]
    head = text[: text.index(ENDS[name]) + len(ENDS[name])]
    return f"{head}\n\n\n" + "\n\n".join(textwrap.fill(part, 70) for part in parts) + "\n\n\n" + foot


@pytest.mark.parametrize("age", [*ENDS, "none", "page"])
@pytest.mark.parametrize("place", [0, 3, len(STORY)])
def test_a_book_that_names_the_distributor_keeps_every_paragraph(age: str, place: int) -> None:
    parts = [*STORY[:place], *ESSAY, *STORY[place:]]
    if age == "page":
        text = clean_html("".join(f"<p>{part}</p>" for part in parts)).text
    else:
        text = clean_text(wrapped(age, parts) if age != "none" else "\n\n".join(parts)).text
    assert text.split("\n\n") == parts


@pytest.mark.parametrize("age", ENDS)
def test_the_licence_around_it_goes_without_its_start_and_end_lines_too(age: str) -> None:
    text = wrapped(age, [*STORY[:4], *ESSAY, *STORY[4:]])
    lines = [line for line in text.split("\n") if not re.match(r"\W*(?:START|END|End) (?:OF|of) (?:TH|Th|th)", line)]
    kept = clean_text("\n".join(lines)).text.split("\n\n")
    assert [part for part in kept if part in STORY] == STORY
    assert not [part for part in kept if "no cost" in part and part not in ESSAY]


CREDITS = [
    "Produced by Rick Ames",
    "Produced: Rick Ames and Melissa Gray",
    "Produced by: Rick Ames",
    "E-text prepared by Rick Ames",
    "E-text prepared for the web: Rick Ames",
    "Etext scanned by Rick Ames of Omaha",
    "This etext was prepared from the 1902 edition.",
    "Transcribed from the 1902 Macmillan and Co. edition",
    "Transcribed from the Macmillan edition, email ames@example.org",
    "[Transcribed from the 1898 George Bell edition by Rick Ames]",
    "Transcriber: Rick Ames",
    "Credits: Rick Ames",
    "Credit: Rick Ames and the Internet Archive",
    "Scanned and proofed: Rick Ames",
    "Scanning: Rick Ames. Proofreading: Melissa Gray.",
    "Digitized at the Internet Archive",
    "Digitization: Rick Ames",
    "HTML version: Rick Ames",
    "Proofreaders: Rick Ames, Melissa Gray",
    "This file was produced from images generously made available by The Internet Archive",
    "(This file was made using scans of public domain works from HathiTrust)",
    "Note: Images of the original pages are available through Internet Archive. See https://archive.org/details/box",
    "Many thanks to Melissa Gray for scanning this book",
    "With thanks to the Online Distributed Proofreading Team",
    "Page images courtesy of Google Books",
    "Produced from page images at the Library of Congress",
    "OCR and formatting: Rick Ames",
    "Typed in 1993 for the Internet: ames@example.org",
]


@pytest.mark.parametrize("credit", CREDITS)
def test_credits_of_any_form_go(credit: str) -> None:
    for parts in ([credit, "THE BOX", *STORY], ["THE BOX", credit, *STORY], [*STORY, credit]):
        if parts[-1] == credit and not re.search(r"@|[Ii]mages|Archive|[Ss]can|[Ee]-?text|Proof|Team|HTML|OCR", credit):
            continue  # at the end a line without a sign may be the story's
        text = clean_text(wrapped("new.txt", parts)).text
        assert text.split("\n\n") == [part for part in parts if part != credit]
    assert credit not in clean_html(f"<p>{credit}</p><h1>THE BOX</h1>" + "".join(f"<p>{s}</p>" for s in STORY)).text


@pytest.mark.parametrize(
    "own",
    [
        "Produced in the dark, the wine was never strong, and nobody in the village drank it.",
        "Prepared for the worst, she went down to the harbour.",
        "Typed in haste, the letter said nothing of the box.",
        "Thanks to the volunteers of the fire brigade the house still stands.",
        "My thanks are due to the trustees, who gave me leave to print these letters.",
        "Note: the illustrations in his own copy were coloured by hand.",
        "This text I learned by heart before I was nine.",
        "The credits were hers and the debts were his.",
        "Transcribed from the dead man's lips, it seemed a different story.",
        "Scanning the horizon: nothing.",
    ],
)
def test_sentences_that_open_like_credits_stay(own: str) -> None:
    for parts in (["THE BOX", *STORY[:2], own, *STORY], [*STORY, own, STORY[0]]):
        assert clean_text(wrapped("new.txt", parts)).text.split("\n\n") == parts
