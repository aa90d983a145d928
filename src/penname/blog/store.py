"""Posts that are kept on disk, so that a blog of any size is read in the same memory.

    store = PostStore()
    store.add(post)
    store[0].text, store.heads[0].words, len(store)

In: `Post`s, one at a time. Out: a sequence of `Post`s; what is short (id, title, date, tags, words) is also at hand in
`heads` without a read. Texts lie in a temporary file without a name, which is gone with the process however it ends
(on Windows: deleted when it is closed); small blogs never reach the disk.
"""

import contextlib
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from typing import overload

from penname.blog.post import Head, Post
from penname.core.errors import PennameError
from penname.core.folders import is_disk_full

_IN_MEMORY = 4 << 20
"""Bytes of text that are held before the file is made."""


class PostStore(Sequence[Post]):
    """Posts in the order in which they were added; not for several threads at once."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self._spans: list[tuple[int, int]] = []
        self._end = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="penname-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def add(self, post: Post) -> None:
        """Append a post."""
        self._spans.append(self._write(post.text))
        self.heads.append(Head(post.id, post.title, post.date, post.tags, post.words))

    def replace(self, place: int, post: Post) -> None:
        """Put `post` where another one was."""
        self._spans[place] = self._write(post.text)
        self.heads[place] = Head(post.id, post.title, post.date, post.tags, post.words)

    def drop(self, places: set[int]) -> None:
        """Take some posts out; those behind them move up."""
        kept = [place for place in range(len(self.heads)) if place not in places]
        self._spans = [self._spans[place] for place in kept]
        self.heads = [self.heads[place] for place in kept]

    def text(self, place: int) -> str:
        """Read the text of one post."""
        start, size = self._spans[place]
        with _telling_full_disk():
            self._file.seek(start)
            return self._file.read(size).decode("utf-8", "surrogatepass")

    @property
    def texts(self) -> "Texts":
        """Pairs of id and text, as `find_duplicates` takes them."""
        return Texts(self)

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, place: int) -> Post: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Post, ...]: ...
    def __getitem__(self, place: int | slice) -> Post | tuple[Post, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        head = self.heads[place]
        return Post(head.id, head.title, head.date, head.tags, self.text(place), head.words)

    def __iter__(self) -> Iterator[Post]:
        return (self[place] for place in range(len(self)))

    def _write(self, text: str) -> tuple[int, int]:
        data = text.encode("utf-8", "surrogatepass")
        with _telling_full_disk():
            self._file.seek(self._end)
            self._file.write(data)
        span = (self._end, len(data))
        self._end += len(data)
        return span


class Texts(Sequence[tuple[int, str]]):
    """The texts of a store with the ids of their posts, read when they are asked for."""

    def __init__(self, store: PostStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    @overload
    def __getitem__(self, place: int) -> tuple[int, str]: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[tuple[int, str], ...]: ...
    def __getitem__(self, place: int | slice) -> tuple[int, str] | tuple[tuple[int, str], ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        return self._store.heads[place].id, self._store.text(place)


@contextlib.contextmanager
def _telling_full_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if not is_disk_full(error):
            raise
        raise PennameError(
            f"The disk that holds {tempfile.gettempdir()} is full: the clean text of the blog is kept there for a "
            "while. Make room, or set TMPDIR to a folder on another disk, and run the same command again."
        ) from error
