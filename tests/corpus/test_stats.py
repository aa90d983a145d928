"""The figures of a blog, as numbers, as JSON and as tables."""

import io
import json
from collections import Counter
from pathlib import Path

import pytest
from rich.console import Console

from penname.corpus.read import CleanPost, LeftOut, Reading, read_blog
from penname.corpus.repeats import Boilerplate, Duplicate
from penname.corpus.stats import blog_stats
from penname.corpus.stats_table import print_stats
from penname.sources.find import sample_site
from penname.sources.post import Counts

ENGLISH = "We walked along the river in the morning and talked about the books that we had read. "


def post(number: int, words: int, date: str = "2020-05-05", tags: tuple[str, ...] = ()) -> CleanPost:
    text = " ".join((ENGLISH.split() * (words // 17 + 1))[:words])
    return CleanPost(str(number), f"Post {number}", date, tags, text, words)


def reading(*posts: CleanPost, left_out: tuple[LeftOut, ...] = (), **fields: object) -> Reading:
    values: dict[str, object] = {
        "name": "blog",
        "display_name": "My [bold]blog[/bold]",
        "language": "en",
        "counts": Counts(live=len(posts) + len(left_out), pages=2),
        "selected": len(posts) + len(left_out),
        "posts": posts,
        "left_out": left_out,
        "links": 7,
        "images": 3,
        "masked": Counter({"e-mail": 4}),
        "editors": Counter({"tinymce": 2, "markdown": 1}),
    }
    return Reading(**(values | fields))  # type: ignore[arg-type]


def printed(of: Reading, encoding: str = "utf-8") -> str:
    buffer = io.BytesIO()
    console = Console(file=io.TextIOWrapper(buffer, encoding=encoding, errors="strict"), width=100)
    print_stats(blog_stats(of), console)
    console.file.flush()
    return buffer.getvalue().decode(encoding)


def test_figures() -> None:
    made = reading(
        post(1, 100, "2019-01-01", ("a", "b")),
        post(2, 300, "2020-01-01", ("b",)),
        post(3, 100, ""),
        left_out=(LeftOut("4", "Empty", "empty: it has a title only"),),
    )
    stats = blog_stats(made)
    assert (stats.posts, stats.posts_with_text, stats.words, stats.average_words) == (4, 3, 500, 125.0)
    assert (stats.links, stats.images, stats.largest_post_share) == (7, 3, 0.6)
    assert [(entry.date, entry.title, entry.words) for entry in stats.longest] == [
        ("2020-01-01", "Post 2", 300),
        ("2019-01-01", "Post 1", 100),
        ("", "Post 3", 100),
    ]
    assert [(year.year, year.posts, year.words) for year in stats.years] == [
        ("", 1, 100),
        ("2019", 1, 100),
        ("2020", 1, 300),
    ]
    assert [(tag.name, tag.posts) for tag in stats.tags] == [("b", 2), ("a", 1)]
    assert [(language.code, language.posts, language.words) for language in stats.languages] == [("en", 3, 500)]
    assert stats.verdict.level == "refuse"


def test_ten_longest_at_most() -> None:
    stats = blog_stats(reading(*(post(number, number) for number in range(1, 31))))
    assert [entry.words for entry in stats.longest] == list(range(30, 20, -1))


def test_json() -> None:
    stats = blog_stats(reading(post(1, 50), left_out=(LeftOut("2", "Empty", "why"),)))
    back = json.loads(json.dumps(stats.to_json()))
    for key in ("posts", "words", "average_words", "links", "longest", "largest_post_share"):
        assert key in back
    assert back["longest"] == [{"date": "2020-05-05", "title": "Post 1", "words": 50}]
    assert back["left_out"] == [{"id": "2", "title": "Empty", "reason": "why"}]
    assert back["counts"] == {"live": 2, "pages": 2, "drafts": 0, "trashed": 0}
    assert back["verdict"]["level"] == "refuse" and back["verdict"]["sentences"]


def test_repeats_are_shown_with_their_titles() -> None:
    made = reading(
        post(1, 100),
        post(2, 90),
        duplicates=(Duplicate("2", "1", 0.934),),
        boilerplate=(Boilerplate("Subscribe to my [b]newsletter[/b]!\n" + "word " * 40, 12),),
    )
    back = json.loads(json.dumps(blog_stats(made).to_json()))
    assert back["duplicates"] == [{"id": "2", "title": "Post 2", "of": "1", "of_title": "Post 1", "similarity": 0.934}]
    assert back["boilerplate"][0]["posts"] == 12
    text = printed(made)
    assert "93%" in text and "Subscribe to my [b]newsletter[/b]! word" in text and "..." in text


def test_blog_of_empty_posts_only() -> None:
    made = reading(left_out=(LeftOut("1", "", "empty: it has a title only"),))
    stats = blog_stats(made)
    assert (stats.posts, stats.words, stats.average_words, stats.largest_post_share) == (1, 0, 0.0, 0.0)
    assert stats.verdict.level == "refuse"
    assert "(no title)" in printed(made)


def test_table_shows_everything() -> None:
    made = reading(
        post(1, 100, "2019-01-01", ("[red]tag",)),
        post(2, 3000, "2020-01-01"),
        post(3, 10, ""),
        left_out=tuple(LeftOut(9 + n, f"Gone {n}", "empty: it has a title only") for n in range(20)),
    )
    text = printed(made)
    for expected in (
        "My [bold]blog[/bold]",
        "3,110",
        "Average words a post",
        "Estimated links",
        "no date",
        "2020-01-01",
        "[red]tag",
        "tinymce",
        "English",
        "pages on the site",
        "empty: it has a title only",
        "Gone 14",
        "and 5 more",
        "masked: e-mail",
        "Is it enough?",
        "One post holds 96% of all words",
        "█" * 30,
    ):
        assert expected in text, expected


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_table_on_a_terminal_without_unicode(encoding: str) -> None:
    text = printed(reading(post(1, 3000), post(2, 100)), encoding)
    assert "#" * 30 in text


def test_sample_blog() -> None:
    stats = blog_stats(read_blog(sample_site()))
    assert (stats.posts, stats.posts_with_text) == (943, 943)
    assert stats.longest[0].title == "29 July 1667"
    assert stats.largest_post_share < 0.01
    assert {year.year: year.posts for year in stats.years} == {
        "1665": 220,
        "1666": 321,
        "1667": 339,
        "1668": 63,
    }
    assert [language.code for language in stats.languages] == ["en"]
    assert stats.verdict.level == "good" and len(stats.verdict.sentences) == 1


def test_one_post_dominates_a_real_site(shared_data: Path) -> None:
    stats = blog_stats(read_blog(shared_data / "publii" / "oacu-antropologia__weboacu.sqlite"))
    assert stats.posts == 116
    assert 0.3 < stats.largest_post_share < 0.4
    assert {language.code for language in stats.languages} >= {"es", "ca", "en"}
    said = " ".join(stats.verdict.sentences)
    assert "One post holds 3" in said and "Spanish" in said
