"""The cleaner on files of every age, written in the real formats, and on whatever else it may be handed."""

import bz2
import io
import re
import textwrap
import time
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.books.charset import decode
from penname.books.clean import clean_book, clean_html, clean_text, cleanest, roughness
from penname.books.licence import is_licence
from penname.core.errors import InputError

FILES = Path(__file__).parent / "files"
OURS = re.compile(r"gutenberg|etext|small print|pgdp|produced by|proofread|trademark|license", re.IGNORECASE)
HEADERS = {name: (FILES / name).read_bytes() for name in ("old.txt", "middle.txt", "new.txt")}
STORY = [
    "The carrier stood in the yard with his hat pushed back, and looked at the sky for a long time.",
    '"She\'ll bite to-night," he said, and nobody thought to contradict him until it was much too late.',
    "It was a fortnight before she understood him, and by then the letter had been answered.",
    "Every night he lit the lamp, and every night he saw the window go dark a minute after.",
]


def clean(name: str) -> str:
    kind = "html" if name.endswith("html") else "txt"
    return clean_book((FILES / name).read_bytes(), kind).text


@pytest.mark.parametrize("name", ["old.txt", "middle.txt", "new.txt", "page.html"])
def test_nothing_of_the_distributor_is_left_in_a_file_of_any_age(name: str) -> None:
    assert not OURS.search(clean(name))


@pytest.mark.parametrize("name", ["old.txt", "middle.txt", "new.txt", "page.html"])
def test_cleaning_what_is_clean_changes_nothing(name: str) -> None:
    text = clean(name)
    assert clean_text(text).text == text


def test_an_etext_of_the_1990s_keeps_its_story_from_title_to_last_word() -> None:
    text = clean("old.txt")
    assert text.startswith("THE LAMP AT GULL POINT\n\nby A. Marlowe\n\nI.\n\nThe keeper of the light")
    assert text.endswith("And at that they both began to laugh, and could not leave off.")
    assert "one evening in the autumn" in text
    assert '"It is a good-natured sort of silence," said the doctor' in text
    assert "go dark a minute after—as though somebody" in text
    assert "\n\n* * *\n\nIn the twelfth winter" in text


def test_paragraphs_marked_by_an_indent_alone_are_told_apart() -> None:
    paragraphs = clean("old.txt").split("\n\n")
    assert '"Who is it?" said a voice from above.' in paragraphs


def test_verse_keeps_its_lines() -> None:
    verse = '"Set the lamp and trim the wick,\nMind the oil and mind the weather;\n'
    assert f'\n\n{verse}Them that goes and them that stick\nAll come home to port together."\n\n' in clean("old.txt")
    assert "\n\nThe ship goes up, the ship goes down,\nAnd never a wave to bear her;\n" in clean("page.html")


def test_contents_illustrations_notes_and_index_go() -> None:
    text = clean("middle.txt")
    for gone in (
        "CONTENTS",
        "PAGE",
        "Illustration",
        "PRIZE-GIVING",
        "FACING",
        "Transcriber",
        "this ebook",
        "Footnote",
        "INDEX",
    ):
        assert gone not in text
    for gone in ("[1]", "[Pg", "account-book", "alternate years", "Apples, keeping", "Copyright, 1909", "_"):
        assert gone not in text
    assert "CHAPTER I\n\nTHE COMING OF THE FROST\n\nThe first of the frost" in text
    assert text.endswith("because there was nobody there to see.")


def test_a_sentence_cut_by_a_page_number_is_whole_again() -> None:
    assert "like a river in a picture, and the trees stood up" in clean("middle.txt")
    assert "nobody's asked me before.\" He went along" in clean("new.txt")
    assert "\n\n13\n\n" not in clean("new.txt")


def test_words_torn_at_the_end_of_a_line_are_mended_and_compounds_are_not() -> None:
    text = clean("middle.txt")
    assert "in my innocence, that one" in text
    assert "children at a prize-giving" in text
    torn = (
        "As the people of that part of the country were used to say, he was a good-\n"
        "tempered man, and for all his learning and the years he had spent on it a be-\n"
        "nighted one, as the saying went in those days."
    )
    assert "was a good-tempered man" in clean_text(torn).text
    assert "spent on it a benighted one" in clean_text(torn).text


def test_typographic_characters_become_plain() -> None:
    text = clean("new.txt")
    assert not re.search("[“”‘’‐–…]", text)
    assert "rocked above the dial—\"this one hasn't been right" in text
    assert "in the year '87" in text


def test_latin_1_is_read_as_such() -> None:
    assert "a man with a café in the county town" in clean("middle.txt")


def test_the_header_is_read() -> None:
    header = clean_book(HEADERS["new.txt"], "txt").header
    assert (header.title, header.author, header.number, header.year) == (
        "The Clockmaker's Niece",
        "Ellen Prowse",
        "3456",
        "1921",
    )
    assert clean_book(HEADERS["middle.txt"], "txt").header.title == "An Orchard in the Hills Being the Record of a Year"
    assert clean_book(HEADERS["old.txt"], "txt").header.author == "A. Marlowe"
    page = clean_book((FILES / "page.html").read_bytes(), "html").header
    assert (page.title, page.author, page.language, page.year) == (
        header.title,
        header.author,
        "English",
        "1921",
    )


def test_html_loses_page_numbers_notes_captions_and_contents() -> None:
    text = clean("page.html")
    for gone in (
        "[Pg",
        "[1]",
        "telegraph",
        "BEGAN TO ROCK",
        "CONTENTS",
        "Fourteen Clocks",
        "Bristol, 1",
        "understood him2",
    ):
        assert gone not in text
    assert "been in a hurry." in text
    assert "\n\nI\n\nThere were fourteen clocks" in text
    assert "II\nTHE SHIP" in text
    assert "Wind her up and let her run,\nTwelve of the clock" in text
    assert "\n\n* * *\n\nIt was a fortnight" in text


def test_old_html_carries_its_licence_in_pre() -> None:
    top = "\n".join(HEADERS["middle.txt"].decode("latin-1").splitlines()[:30])
    end = "End of the Project Gutenberg EBook\n\n*** END OF THIS PROJECT GUTENBERG EBOOK ***\n\nAll"
    story = f"<h1>ORCHARDS</h1><p>{STORY[0]}</p><p>{STORY[1]}</p>"
    page = f"<html><body><pre>{top}</pre>{story}<pre>\n\n{end} editions</pre></body></html>"
    book = clean_html(page)
    assert book.text == "\n\n".join(["ORCHARDS", STORY[0], STORY[1]])
    assert book.header.number == "2345"


def epub(files: dict[str, str]) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return data.getvalue()


CONTAINER = '<container><rootfiles><rootfile full-path="OEBPS/content.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?><!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/hostname">]>
<package><metadata><dc:title>The Clockmaker's Niece</dc:title><dc:creator>Ellen Prowse</dc:creator>
<dc:language>en</dc:language></metadata><manifest><item id="nav" href="nav.xhtml" properties="nav"
media-type="application/xhtml+xml"/><item id="b" href="b%20two.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/></manifest>
<spine><itemref idref="nav"/><itemref idref="a"/><itemref idref="b"/></spine></package>"""


def test_an_epub_is_read_in_the_order_of_its_spine() -> None:
    page = (FILES / "page.html").read_text(encoding="utf-8")
    files = {"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": PACKAGE, "OEBPS/a.xhtml": page}
    files |= {
        "OEBPS/b two.xhtml": f"<html><body><p>{STORY[2]} &x;</p></body></html>",
        "OEBPS/nav.xhtml": "<p>Nav</p>",
    }
    book = clean_book(epub(files), "epub")
    assert book.text.startswith(clean("page.html"))
    assert STORY[2] in book.text.split("\n\n")[-1]
    assert "Nav" not in book.text
    assert (book.header.title, book.header.author, book.header.number) == (
        "The Clockmaker's Niece",
        "Ellen Prowse",
        "3456",
    )


@pytest.mark.parametrize(
    "files",
    [
        {"META-INF/container.xml": CONTAINER},
        {"mimetype": "application/epub+zip"},
        {"META-INF/container.xml": CONTAINER.replace("OEBPS/", "../../")},
        {
            "META-INF/container.xml": CONTAINER,
            "OEBPS/content.opf": PACKAGE.replace("a.xhtml", "../../../a.xhtml"),
        },
        {"META-INF/container.xml": CONTAINER, "OEBPS/content.opf": "<package/>"},
        {
            "META-INF/container.xml": CONTAINER,
            "OEBPS/content.opf": PACKAGE,
            "OEBPS/a.xhtml": "x" * (33 << 20),
        },
    ],
)
def test_a_broken_or_hostile_epub_is_refused_with_a_sentence(files: dict[str, str]) -> None:
    with pytest.raises(InputError, match="EPUB"):
        clean_book(epub(files), "epub")


@given(st.binary(max_size=300))
def test_no_bytes_make_an_epub_fail_otherwise(data: bytes) -> None:
    with pytest.raises(InputError):
        clean_book(data, "epub")


def test_small_print_at_the_end_goes_and_the_story_before_it_stays() -> None:
    text = HEADERS["old.txt"].decode("latin-1").replace("\r", "")
    small = text[text.index("***START**THE SMALL") : text.index("*END*THE SMALL")] + "*END*THE SMALL PRINT! Ver.04*END*"
    story = "\n\n".join(STORY * 30)
    cleaned = clean_text(
        f"The Project Gutenberg Etext of Lamps, by A. Marlowe\n\n\nLAMPS\n\n{story}\n\n\n{small}\n"
    ).text
    assert cleaned == f"LAMPS\n\n{story}"


def test_two_etexts_in_one_file_are_both_kept() -> None:
    text = HEADERS["middle.txt"].decode("latin-1").replace("\r", "")
    body = text.split("***\n", 1)[1].split("End of the Project", 1)[0]
    start = f"{text.split('*** START')[0]}*** START OF THIS PROJECT GUTENBERG EBOOK X ***"
    end = "End of the Project Gutenberg EBook of X"
    twice = f"{start}\n{STORY[0]}\n\n{STORY[1]}\n\n{' '.join(STORY * 100)}\n\n{end}\n\n{body}\n\n{end}"
    cleaned = clean_text(twice).text
    assert STORY[0] in cleaned and "The first of the frost" in cleaned and not OURS.search(cleaned)


def test_marks_of_all_kinds_go_and_letters_come_back() -> None:
    text = "He read [Greek: logos] and _Encyclop[ae]dia_, =bold=, na[:i]ve, ma[~n]ana[12], x{14} [Pg 15] and T----."
    assert clean_text(text).text == "He read logos and Encyclopædia, bold, naïve, mañana, x and T——."
    assert clean_text("``Yes,'' he said . . . `and no.'").text == "\"Yes,\" he said ... 'and no.'"


def test_chapter_numbers_stay_where_page_numbers_go() -> None:
    chapters = "\n\n".join(f"{i}\n\n" + "\n\n".join(STORY * 8) for i in range(1, 8))
    assert "\n\n3\n\n" in clean_text(chapters).text
    cut = "\n\n".join(
        f"and so he went on and on with it until the day that\n\n{i}\n\nhe came home." for i in range(1, 30)
    )
    assert not re.search(r"^\d+$", clean_text(cut).text, re.MULTILINE)


def test_tables_go_and_block_quotations_are_joined() -> None:
    rows = (
        "    Chimes          1844     12",
        "    Carol           1843      9",
        "    Bleak House   1852-3   40",
    )
    table = "\n".join(rows)
    quotation = textwrap.indent(textwrap.fill(" ".join(STORY), 56), "    ")
    text = clean_text("\n\n".join([*STORY, table, "| a | b |\n| - | - |\n| 1 | 2 |", quotation, STORY[0]])).text
    assert text == "\n\n".join([*STORY, " ".join(STORY), STORY[0]])


def test_encodings() -> None:
    assert decode("café".encode("utf-16")) == "café"
    assert decode("“café”".encode("cp1252")) == "“café”"
    assert decode(b"Character set encoding: MacRoman\n" + "café".encode("mac_roman")).endswith("café")
    assert decode(b"\xef\xbb\xbfcaf\xc3\xa9") == "café"
    assert decode("é".encode() * 100 + b"\xe9").startswith("é" * 100)


def test_the_cleaner_of_two_formats_wins_unless_it_is_shorter() -> None:
    rough, fine = (
        clean_text("\n\n".join([*STORY, "a | b | c ~ d {x}"])),
        clean_text("\n\n".join([*STORY, "a b c d x"])),
    )
    assert roughness(rough.text) > roughness(fine.text)
    assert cleanest([rough, fine]) is not rough
    assert cleanest([rough, fine]).text == fine.text
    assert cleanest([rough, clean_text(STORY[0])]).text == rough.text


def header_of(name: str) -> str:
    """A fixture's text down to the end of its header."""
    text = decode(HEADERS[name]).replace("\r", "")
    ends = {"old.txt": "*Ver.04.29.93*END*\n", "middle.txt": "IN THE HILLS ***\n", "new.txt": "NIECE ***\n"}
    return text[: text.index(ends[name]) + len(ends[name])]


def footer_of(name: str) -> str:
    text = decode(HEADERS[name]).replace("\r", "")
    starts = {
        "old.txt": "End of The Project",
        "middle.txt": "End of the Project",
        "new.txt": "*** END OF THE",
    }
    return text[text.index(starts[name]) :]


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(sorted(HEADERS)),
    st.sampled_from(sorted(HEADERS)),
    st.lists(st.one_of(st.sampled_from(STORY), st.text(max_size=200)), max_size=12),
    st.integers(0, 3),
)
def test_whatever_stands_between_no_licence_text_is_left(head: str, foot: str, story: list[str], gap: int) -> None:
    space = "\n" * (gap + 2)
    cleaned = clean_text(header_of(head) + space + "\n\n".join(story) + space + footer_of(foot)).text
    assert not any(map(is_licence, cleaned.split("\n\n")))
    for paragraph in re.split(r"\n\s*\n", header_of(head) + "\n\n" + footer_of(foot)):
        words = " ".join(paragraph.split())
        assert len(words) < 40 or words not in " ".join(cleaned.split())


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=2000))
def test_no_text_makes_the_cleaner_raise(text: str) -> None:
    assert isinstance(clean_text(text).text, str)
    assert isinstance(clean_html(text).text, str)


# fmt: off
FRAGMENTS = [
    "<p>", "</p>", "<div class='poem'>", "</div>", "<span class='i0'>", "</span>", "<pre>", "</pre>",
    "<h2>", "</h2>", "<table><tr><td>", "</table>", "<br>", "<hr>", "<a href='#x'>12</a>",
    "*** START OF THE PROJECT GUTENBERG EBOOK X ***", "*** END OF", "[Illustration", "[Footnote 1: ", "]",
    "CONTENTS", "INDEX", "  ", "\n", "\n\n", "_", "--", "word", "I.", "Transcriber's Note:", "12", "<sup>",
    "<ul class=index><li>", "{12}", "\x00", "\ud800", "&#0;", "<!-- x", "<![CDATA[", "²", "٣",
]
# fmt: on


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60))
def test_no_mark_up_makes_the_cleaner_raise(pieces: list[str]) -> None:
    for cleaned in (clean_html("".join(pieces)).text, clean_text("".join(pieces)).text):
        assert "\n\n\n" not in cleaned and not any(map(is_licence, cleaned.split("\n\n")))
        cleaned.encode()


def test_a_page_nested_beyond_the_guard_is_read_without_its_tags(monkeypatch: pytest.MonkeyPatch) -> None:
    nested = "<title>The Box</title>" + "<div>" * 100 + "<h2>I</h2><p>deep<br>down</p>" + "</div>" * 100
    assert clean_html(nested).text == "I\n\ndeep\ndown"
    monkeypatch.setattr("penname.books.markup.is_too_much", lambda source: len(source) > 1000)
    monkeypatch.setattr("selectolax.lexbor.LexborHTMLParser", lambda *_: pytest.fail("the parser was asked"))
    assert clean_html(nested).text == "I\n\ndeep\ndown"
    assert clean_html("<p>" + STORY[0] + "</p>" * 300).text == STORY[0]


def test_an_epub_whose_own_files_are_tangled_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penname.books.markup.is_too_much", lambda _: True)
    with pytest.raises(InputError, match="tangled"):
        clean_book(epub({"META-INF/container.xml": CONTAINER}), "epub")


@pytest.mark.slow
def test_shelf_text_wrapped_as_an_old_etext_comes_back(shared_data: Path) -> None:
    with bz2.open(shared_data / "books" / "heldout-gutenberg.txt.bz2", "rt", encoding="utf-8") as file:
        documents = file.read(1_500_000).split("<|endoftext|>\n")[:-1]
    lost = total = 0
    for document in documents:
        clean_form = clean_text(document).text
        paragraphs = [
            textwrap.fill(part.replace("—", "--"), 70) if "\n" not in part else textwrap.indent(part, "    ")
            for part in clean_form.split("\n\n")
        ]
        raw = header_of("middle.txt") + "\n\n\n" + "\n\n".join(paragraphs) + "\n\n" + footer_of("old.txt")
        again = set(clean_text(raw).text.split("\n\n"))
        total += len(paragraphs)
        lost += sum(part not in again for part in clean_form.split("\n\n"))
    assert total > 1000 and lost < 0.005 * total


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("the sun is 10<sup>6</sup> times as large", "the sun is 10⁶ times as large"),
        ("a length of 10<sup>-3</sup> or 10<sup>−9</sup> metres", "a length of 10⁻³ or 10⁻⁹ metres"),
        ("1.5 x 10<sup>11</sup> m and 2,000<sup>2</sup>", "1.5 x 10¹¹ m and 2,000²"),
        ("x<sup>2</sup> + y<sup>2</sup> = (a + b)<sup>2</sup>", "x² + y² = (a + b)²"),
        ("six km<sup>2</sup> and E = mc<sup>2</sup>", "six km² and E = mc²"),
        ("<i>r</i><sup>3</sup>", "r³"),
        ("3<sup>1</sup>/<sub>2</sub> miles and <sup>3</sup>&frasl;<sub>4</sub> of one", "3 1/2 miles and 3⁄4 of one"),
        ("a third, <math><mfrac><mn>1</mn><mn>3</mn></mfrac></math>, of it", "a third, 1/3, of it"),
        ("M<sup>r</sup> Hale's 4<sup>th</sup> letter", "Mr Hale's 4th letter"),
        ("he understood him<sup>2</sup>, and said so.<sup>13</sup>", "he understood him, and said so."),
        ("in 1865<sup>2</sup> it was over", "in 1865 it was over"),
        ("on page 10<sup><a href='#n2'>2</a></sup> of it", "on page 10 of it"),
        ("on page 10<a href='#n2'><sup>2</sup></a> of it", "on page 10 of it"),
        ("said I<sup>3</sup> (so he did)<sup>4</sup>", "said I (so he did)"),
        ("<sup>1</sup> See the letter.", "See the letter."),
    ],
)
def test_powers_stay_raised_and_note_marks_go(markup: str, text: str) -> None:
    assert clean_html(f"<p>{markup}</p><p>{STORY[0]}</p>").text == f"{text}\n\n{STORY[0]}"


def test_powers_in_plain_text_stay_too() -> None:
    assert clean_text("10⁶ is x² of 25 cm³, said he.² It was in 1865³ that Mrs. Hale¹ died.").text == (
        "10⁶ is x² of 25 cm³, said he. It was in 1865 that Mrs. Hale died."
    )


# fmt: off
SHAPES = {
    "open notes": "[Footnote 1: a\n\n",
    "end lines": "*** END OF THE PROJECT GUTENBERG EBOOK\n\n" + "word " * 70 + "\n\n",
    "unfinished": "word " * 70 + "\n\n",
    "notes": "Transcriber's Notes\n\nPage 1: a for b\n\n",
    "licence": "Project Gutenberg has almost no restrictions whatsoever.\n\n",
    "credits": "produced and e-text of ",
    "powers": "10⁶ x² said² ",
}
# fmt: on


@pytest.mark.slow
@pytest.mark.parametrize("name", SHAPES)
def test_the_time_of_cleaning_grows_with_the_text(name: str) -> None:
    def seconds(size: int) -> float:
        text = SHAPES[name] * (size // len(SHAPES[name]))
        times = []
        for _ in range(3):
            begun = time.process_time()
            clean_text(text)
            times.append(time.process_time() - begun)
        return min(times)

    assert seconds(80_000) < 8 * seconds(20_000) + 0.05
