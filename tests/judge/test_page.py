"""The page: one file, no network, nothing that runs, foreign text escaped, drawings that are valid."""

import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import pytest
from jinja2 import UndefinedError
from judged_blog import HOSTILE, Judged
from markupsafe import Markup

from penname.judge import page_sections
from penname.judge.judging import judge_workspace
from penname.judge.page import Section, make_section, render_page
from penname.write.copying import Copied, Excerpt

TAGS = """html head meta title style body h1 h2 h3 p strong div ul li b span nav a section figure figcaption svg rect
path text circle i table thead tbody tr th td details summary code small mark"""
ALLOWED = set(TAGS.split())
EMPTY = {"meta"}


class Page(HTMLParser):
    """All elements with their attributes, and the text; unbalanced tags are an error."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


@pytest.fixture(scope="module")
def text(judged: Judged) -> str:
    return judged.report.page.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page(text: str) -> Page:
    return Page(text)


def test_only_known_elements_and_no_address(page: Page) -> None:
    assert {tag for tag, _ in page.elements} <= ALLOWED
    for tag, attributes in page.elements:
        for name, value in attributes.items():
            assert not name.startswith("on"), tag
            assert name not in ("src", "srcset", "style", "action", "xlink:href", "formaction")
            if name == "href":
                assert tag == "a" and (value or "").startswith("#")
            elif name != "aria-label":
                assert "//" not in (value or ""), (tag, name)


def test_the_policy_forbids_everything_but_the_style(page: Page, text: str) -> None:
    policies = [attributes["content"] for tag, attributes in page.elements if "http-equiv" in attributes]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'"]
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style and "@import" not in style and "http" not in style


def test_foreign_text_is_shown_and_not_obeyed(page: Page, text: str) -> None:
    """A post's title holds a script, an image and the end of the style sheet."""
    assert "<script" not in text and "<img" not in text and text.count("</style>") == 1
    assert HOSTILE in "".join(page.texts)


def test_it_says_that_it_holds_passages_of_the_posts(page: Page) -> None:
    assert "quotes passages of the posts" in " ".join("".join(page.texts).split())


def test_light_and_dark_and_a_telephone(text: str) -> None:
    assert "prefers-color-scheme: dark" in text and "color-scheme: light dark" in text
    assert 'name="viewport" content="width=device-width' in text


def test_every_link_leads_to_a_section(page: Page) -> None:
    targets = {attributes["id"] for _, attributes in page.elements if "id" in attributes}
    links = [str(attributes["href"])[1:] for _, attributes in page.elements if "href" in attributes]
    assert links and set(links) <= targets


def test_drawings_are_valid(text: str) -> None:
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    assert len(drawings) >= 5
    for drawing in drawings:
        root = ET.fromstring(drawing)
        _, _, width, height = map(float, root.attrib["viewBox"].split())
        for element in root.iter():
            assert "nan" not in str(element.attrib).lower() and "inf" not in str(element.attrib).lower()
            for name, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                assert -1 <= float(element.attrib.get(name, 0)) <= most + 1


def test_it_says_what_was_found(judged: Judged, page: Page) -> None:
    shown = " ".join(" ".join(page.texts).split())
    for sentence in judged.report.verdict[1:]:
        assert sentence.partition(": ")[2] in shown
    assert judged.report.verdict[0] in shown
    for sample in judged.report.samples:
        assert " ".join(sample.text.split()) in shown
    for name in ("adapted", "base before adaptation", "5-gram", "xz", "Training loss", "Extraction", "good.toml"):
        assert name in shown, name


def test_it_says_how_passages_were_written(page: Page) -> None:
    said = " ".join("".join(page.texts).split())
    assert "read the beginning of a training post with a similar title" in said
    assert "for tokens that begin a word" in said


def test_copies_that_begin_alike_are_shown_once() -> None:
    def copy(run: str) -> Copied:
        return Copied(len(run.split()), 0, 0, Excerpt("", run, ""), Excerpt("", run, ""))

    alike = [copy(f"at the start of each month {end}") for end in ("I sing", "I go", "we")]
    others = [copy(f"{word} b c d e f") for word in "ghijkl"]
    found = page_sections._different([*alike, *others])
    assert [each.source.run.split()[0] for each in found] == ["at", "g", "h", "i", "j"]


def test_foreign_text_is_escaped_in_every_place_of_a_page() -> None:
    rows = [[HOSTILE, "1"]]
    section = make_section("method", HOSTILE, notes=[HOSTILE], figures=rows, settings=rows)
    text = render_page(HOSTILE, [section, section], HOSTILE, HOSTILE)
    page = Page(text)
    assert "<script" not in text and "<img" not in text and text.count("</style>") == 1
    # The title, heading and introduction; twice each the link, the section's title, its note and its two cells.
    assert "".join(page.texts).count(HOSTILE) == 13


def test_a_table_sets_figures_flush_right() -> None:
    page = Page(make_section("targets", "", rows=[["name", "1", "2", "met"]]).content)
    cells = [dict(attributes).get("class") for tag, attributes in page.elements if tag in ("td", "th")]
    assert cells == 2 * [None, "number", "number", None]


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(UndefinedError):
        make_section("targets", "Targets")


def test_a_section_from_elsewhere_stands_before_the_last(owl: Judged) -> None:
    other = Section("tuning", "Of another <kind>", Markup("<p>Handed in.</p>"))
    first = judge_workspace(owl.workspace, owl.options, [other])
    text = first.page.read_text(encoding="utf-8")
    names = [str(attributes["id"]) for tag, attributes in Page(text).elements if tag == "section"]
    assert names[:2] == ["first", "verdict"] and names[-3:] == ["targets", "tuning", "method"]
    assert "<p>Handed in.</p>" in text and "Of another &lt;kind&gt;" in text
    assert first.new and not judge_workspace(owl.workspace, owl.options, [other]).new


def test_the_first_screen_asks_four_questions_and_folds_the_rest(page: Page, text: str) -> None:
    first = text[: text.index('<details class="more">')]
    assert first.count('class="card question"') == 4 and first.count('<p class="word">') == 4
    assert first.count("<section") == 1 and text.count("<section") > 6
    openings = re.findall(r"<mark>(.*?)</mark>", first, re.DOTALL)
    assert 2 <= len(openings) <= 6 and openings[0::2] == openings[1::2]
