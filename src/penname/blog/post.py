"""`Post`, the one thing that leaves `blog/`; another CMS later is another reader of `Post`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Post:
    """One live post in clean text.

    `date` is the ISO day of publication (UTC), `text` holds paragraphs separated by a blank line
    (list items and headings on lines of their own), `words` counts white-space separated words of `text`.
    """

    id: int
    title: str
    date: str
    tags: tuple[str, ...]
    text: str
    words: int


@dataclass(frozen=True, slots=True)
class Head:
    """A `Post` without its text."""

    id: int
    title: str
    date: str
    tags: tuple[str, ...]
    words: int
