"""Drafts as WXR: each is a draft, its words survive, and nobody's file is overwritten."""

import xml.etree.ElementTree as ET
from datetime import datetime
from pathlib import Path

import pytest

from penname.core import events
from penname.core.errors import InputError
from penname.export.drafts import export_drafts, titled
from penname.sources.find import open_source
from penname.sources.post import Wanted

NAMES = {"wp": "http://wordpress.org/export/1.2/", "content": "http://purl.org/rss/1.0/modules/content/"}
HARD = 'a < b & c ]]> "d"\nnext line\x07\n\nSecond <script>paragraph</script> – żółw.'


def test_every_item_is_a_draft_and_its_words_survive(tmp_path: Path) -> None:
    path = export_drafts([("On ]]> & <i>", HARD), ("Two", "Text.")], tmp_path / "d.xml", now=datetime(2026, 3, 4, 5, 6))
    items = ET.fromstring(path.read_bytes()).findall("channel/item")
    assert [item.findtext("wp:status", "", NAMES) for item in items] == ["draft", "draft"]
    assert [item.findtext("title") for item in items] == ["On ]]> & <i>", "Two"]
    assert items[0].findtext("wp:post_date", "", NAMES) == "2026-03-04 05:06:00"
    assert items[0].findtext("content:encoded", "", NAMES) == (
        '<p>a &lt; b &amp; c ]]&gt; "d"<br>next line</p>\n<p>Second &lt;script&gt;paragraph&lt;/script&gt; – żółw.</p>'
    )


def test_it_is_read_again_as_drafts(tmp_path: Path) -> None:
    path = export_drafts([("On gardens", HARD)], tmp_path / "d.xml")
    with open_source(path, Wanted(drafts=True)) as source:
        assert [(post.title, sorted(post.marks)) for post in source.posts()] == [("On gardens", ["draft"])]


def test_only_drafts_of_ours_are_replaced_and_only_with_force(tmp_path: Path) -> None:
    path = export_drafts([("One", "Text.")], tmp_path / "d.xml")
    with pytest.raises(InputError, match="--force"):
        export_drafts([("Two", "Text.")], path)
    assert "Two" in export_drafts([("Two", "Text.")], path, force=True).read_text()
    other = tmp_path / "blog.xml"
    other.write_text("<rss>mine</rss>")
    with pytest.raises(InputError, match="not a file of drafts"):
        export_drafts([("Two", "Text.")], other, force=True)
    with pytest.raises(InputError, match=r"end in \.xml"):
        export_drafts([("Two", "Text.")], tmp_path / "d.txt")


@pytest.mark.parametrize(("title", "warned"), [("007", True), ("3.10", True), ("1e5", True), ("2026 in books", False)])
def test_a_title_like_a_number_is_warned_of(tmp_path: Path, title: str, warned: bool) -> None:
    said: list[events.Event] = []
    with events.listening(said.append):
        export_drafts([(title, "Text.")], tmp_path / "d.xml")
    assert any(title in event.text for event in said) is warned


def test_a_draft_without_a_title_is_called_after_its_first_sentence() -> None:
    assert titled("On owls\n\n", " Text.", True) == ("On owls", "Text.")
    assert titled("The owl", " flew. It sang.", False) == ("The owl flew.", "The owl flew. It sang.")
    name, text = titled("", "word " * 60, False)
    assert name.endswith("word …") and len(name) <= 82 and text == ("word " * 60).strip()
