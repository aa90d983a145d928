"""What every platform hands on: posts as they were written, and the open source that they come from.

    with open_source(Path("my-blog")) as source:            # see `sources/find.py`
        for post in source.posts(): print(post.date, post.title)
        source.name, source.digest, source.language

In: a platform's `Reader`, which yields all that it finds, and what is `Wanted` of it. Out: `Post`s, one at a time, and
a digest of them. The reader is asked once: whoever needs the digest first (`penname prepare`) and the posts later gets
them from a temporary file without a name, which is gone with the process however it ends.
"""

import contextlib
import hashlib
import json
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Protocol

from penname.core import events
from penname.core.files import telling_full_disk

PAGE, DRAFT, PRIVATE, TRASHED = "page", "draft", "private", "trashed"
"""What a post may be besides a live one; a draft of a page is both."""
_KINDS = ((TRASHED, "trashed"), (DRAFT, "drafts"), (PRIVATE, "private"), (PAGE, "pages"))
_IN_MEMORY = 4 << 20
"""Bytes of posts that are held before a file is made."""


@dataclass(frozen=True, slots=True)
class Post:
    """One post as it was written.

    `id` is the source's own and no other post's; `url` its public address where that is known; `date` the ISO day of
    publication, in the writer's zone where the source tells it, or empty; `language` what the source declares, or
    empty. `body` is in the `format` of its editor: `tinymce` and `html` are HTML, `blockeditor` is Publii's JSON,
    `markdown` and `text` are what they say. `marks` is empty for a live post.
    """

    id: str
    url: str | None
    title: str
    date: str
    language: str
    tags: tuple[str, ...]
    body: str
    format: str
    author: str = ""
    marks: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Wanted:
    """What is read besides live posts."""

    pages: bool = False
    """Pages too."""
    drafts: bool = False
    """Drafts, scheduled and private posts too."""
    trashed: bool = False
    """What lies in the trash too."""

    def takes(self, post: Post) -> bool:
        """Whether `post` is wanted: a draft of a page only where both are."""
        allowed = {PAGE: self.pages, DRAFT: self.drafts, PRIVATE: self.drafts, TRASHED: self.trashed}
        return all(allowed.get(mark, False) for mark in post.marks)


LIVE = Wanted()


@dataclass(frozen=True)
class Counts:
    """How much there is of each kind; each post counts once: trashed before draft before private before page."""

    live: int = 0
    pages: int = 0
    drafts: int = 0
    trashed: int = 0
    private: int = 0


class Reader(Protocol):
    """What a platform's file makes of a path: the head of a blog, and its posts."""

    @property
    def name(self) -> str:
        """A short name, fit for a folder."""

    @property
    def title(self) -> str:
        """What the blog calls itself; the name where it has none."""

    @property
    def language(self) -> str:
        """What the blog says of its language, or empty."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What was met when it was opened, for the user."""

    def total(self, wanted: Wanted) -> int | None:
        """About how many posts are `wanted`, where that is known before they are read."""

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield everything, each with its marks; what is not `wanted` may lack its text."""


@dataclass(frozen=True)
class Platform:
    """One kind of source: how it is called, how it is known, how it is opened for the length of a block."""

    name: str
    knows: Callable[[Path], bool]
    open: Callable[[Path], AbstractContextManager[Reader]]


class Source:
    """An open source; `counts` tells what was met once the posts have been read."""

    def __init__(self, platform: str, path: Path, reader: Reader, wanted: Wanted = LIVE) -> None:
        self.platform, self.path, self.wanted = platform, path, wanted
        self.name, self.title, self.language = reader.name, reader.title or reader.name, reader.language
        self.notes = reader.notes
        self.counts = Counts()
        self._reader = reader
        self._kept: _Kept | None = None

    @property
    def total(self) -> int | None:
        """How many posts there are to read, as far as that is known."""
        return len(self._kept) if self._kept is not None else self._reader.total(self.wanted)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that is wanted, as it was written: another one whenever a word of it changes."""
        total = hashlib.sha256(repr((self.name, self.language, asdict(self.wanted))).encode("utf-8", "replace"))
        with contextlib.ExitStack() as failing:
            kept = _Kept()
            failing.callback(kept.close)
            for post in self.posts():
                total.update(kept.add(post))
            failing.pop_all()
        self._kept = kept
        return total.hexdigest()

    def close(self) -> None:
        """Let go of what was kept of the posts."""
        if self._kept is not None:
            self._kept.close()

    def posts(self) -> Iterator[Post]:
        """Yield what is wanted, in the order of the source; memory does not grow with the number of posts."""
        if self._kept is not None:
            yield from self._kept
            return
        for note in self.notes:
            events.note(note)
        counts: Counter[str] = Counter()
        for post in self._reader.posts(self.wanted):
            counts[kind_of(post.marks)] += 1
            if self.wanted.takes(post):
                yield post
        self.counts = Counts(**counts)


def kind_of(marks: frozenset[str]) -> str:
    """`live`, `pages`, `drafts`, `private` or `trashed`: what a post with these marks counts as."""
    return next((kind for mark, kind in _KINDS if mark in marks), "live") if marks else "live"


def under_its_own_id(post: Post, seen: dict[str, bytes], text: str) -> Post | None:
    """The post, under an id that no other has; None where the same id and `text` came before."""
    mark = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).digest()
    key, turn = post.id or mark.hex(), 1
    while key in seen:
        if seen[key] == mark:
            return None
        turn += 1
        key = f"{post.id}-{turn}"
    seen[key] = mark
    return post if key == post.id else replace(post, id=key)


class _Kept:
    """Posts on disk (small blogs: in memory), a line each."""

    def __init__(self) -> None:
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="penname-")  # noqa: SIM115
        self._count = 0
        self.close = self._file.close

    def add(self, post: Post) -> bytes:
        """Keep a post; return its line."""
        fields = (post.id, post.url, post.title, post.date, post.language, post.tags, post.body, post.format)
        line = json.dumps([*fields, post.author, sorted(post.marks)]).encode("ascii") + b"\n"
        with telling_full_disk("the posts"):
            self._file.write(line)
        self._count += 1
        return line

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Post]:
        self._file.seek(0)
        for line in self._file:
            key, url, title, date, language, tags, body, kind, author, marks = json.loads(line)
            yield Post(key, url, title, date, language, tuple(tags), body, kind, author, frozenset(marks))
