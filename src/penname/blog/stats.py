"""The tables of a blog: how much there is, of what, what was left out, and whether it is enough.

In: a `Reading`. Out: `Stats`, for programs (`to_json`) and for people (`print_stats` in `stats_table`).

    stats = blog_stats(read_blog(path))
    print(stats.words, stats.verdict.level)
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from penname.blog.languages import Language, languages_of
from penname.blog.post import Head, Post
from penname.blog.read import LeftOut, Reading
from penname.blog.repeats import Boilerplate
from penname.blog.verdict import Verdict, judge_corpus
from penname.core import events

LONGEST = 10


@dataclass(frozen=True)
class Long:
    """One of the longest posts; `date` is an ISO day or empty."""

    date: str
    title: str
    words: int


@dataclass(frozen=True)
class Year:
    """What was written in one year; `year` is empty for posts without a date."""

    year: str
    posts: int
    words: int


@dataclass(frozen=True)
class Tag:
    """How many posts carry a tag."""

    name: str
    posts: int


@dataclass(frozen=True)
class Repeat:
    """A post that repeats another one; `similarity` is 0 to 1."""

    id: int
    title: str
    of: int
    of_title: str
    similarity: float


@dataclass(frozen=True)
class Stats:
    """The figures of one blog.

    `posts` counts all posts that were asked for, those without text too; `average_words` is words by `posts`;
    `links` is an estimate: what the mark-up holds. `largest_post_share` is a fraction of all words, 0 to 1.
    """

    site: str
    posts: int
    posts_with_text: int
    words: int
    average_words: float
    links: int
    images: int
    caption_words: int
    longest: tuple[Long, ...]
    largest_post_share: float
    years: tuple[Year, ...]
    tags: tuple[Tag, ...]
    editors: dict[str, int]
    languages: tuple[Language, ...]
    language_setting: str
    counts: dict[str, int]
    left_out: tuple[LeftOut, ...]
    masked: dict[str, int]
    duplicates: tuple[Repeat, ...]
    boilerplate: tuple[Boilerplate, ...]
    verdict: Verdict

    def to_json(self) -> dict[str, Any]:
        """The figures as plain lists, dictionaries, strings and numbers."""
        return asdict(self)


def blog_stats(reading: Reading) -> Stats:
    """Count everything in `reading`; telling the languages takes about a millisecond a post."""
    posts = reading.heads
    longest = sorted(posts, key=lambda post: (-post.words, post.id))[:LONGEST]
    words = reading.words
    share = longest[0].words / words if words else 0.0
    with events.task("Telling the languages"):
        languages = languages_of(reading.posts)
    return Stats(
        site=reading.display_name,
        posts=reading.selected,
        posts_with_text=len(posts),
        words=words,
        average_words=round(words / reading.selected, 1) if reading.selected else 0.0,
        links=reading.links,
        images=reading.images,
        caption_words=reading.caption_words,
        longest=tuple(Long(post.date, post.title, post.words) for post in longest),
        largest_post_share=round(share, 4),
        years=years_of(posts),
        tags=tags_of(posts),
        editors=dict(reading.editors.most_common()),
        languages=languages,
        language_setting=reading.language,
        counts=asdict(reading.counts),
        left_out=reading.left_out,
        masked=dict(reading.masked.most_common()),
        duplicates=repeats_of(reading),
        boilerplate=reading.boilerplate,
        verdict=judge_corpus(words, len(posts), share, languages, reading.language),
    )


def years_of(posts: Sequence[Head | Post]) -> tuple[Year, ...]:
    """Posts and words by year, in order; posts without a date come first."""
    counts, words = Counter[str](), Counter[str]()
    for post in posts:
        counts[post.date[:4]] += 1
        words[post.date[:4]] += post.words
    return tuple(Year(year, counts[year], words[year]) for year in sorted(counts))


def repeats_of(reading: Reading) -> tuple[Repeat, ...]:
    """The duplicates with their titles, in the order of the posts."""
    titles = {post.id: post.title for post in reading.heads}
    return tuple(
        Repeat(found.id, titles[found.id], found.of, titles[found.of], found.similarity) for found in reading.duplicates
    )


def tags_of(posts: Sequence[Head | Post]) -> tuple[Tag, ...]:
    """Tags by the number of posts that carry them, the most used first."""
    counts = Counter(tag for post in posts for tag in post.tags)
    return tuple(Tag(name, counts[name]) for name in sorted(counts, key=lambda name: (-counts[name], name)))
