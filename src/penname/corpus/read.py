"""From a source to clean posts: posts as they were written, then text, then `CleanPost`.

In: a path that `open_source` takes, or an open source, and `ReadOptions`. Out: `CleanPost`s, one at a time
(`iter_posts`), or a `Reading` of the whole blog with what was left out, what was masked and what repeats (`read_blog`).

    for post in iter_posts(Path("my-blog")): print(post.title, post.words)
    reading = read_blog(Path("my-blog"), ReadOptions(pages=True))

Posts that are kept on disk, so that a blog of any size is read in the same memory.

    store = PostStore()
    store.add(post)
    store[0].text, store.heads[0].words, len(store)

In: `CleanPost`s, one at a time. Out: a sequence of them; what is short (id, title, date, tags, words) is also at hand
in `heads` without a read. Texts lie in a temporary file without a name, which is gone with the process however it ends
(on Windows: deleted when it is closed); small blogs never reach the disk.
"""

import tempfile
import weakref
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import overload

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import telling_full_disk
from penname.core.terminal import many
from penname.corpus.budget import MOST_CHARACTERS, MOST_SECONDS, OverBudget, budget
from penname.corpus.clean import clean_body, clean_plainly, clean_title
from penname.corpus.pieces import normalise
from penname.corpus.private import find_private, mask_items, mask_plainly, mask_private
from penname.corpus.repeats import Boilerplate, Duplicate, Paragraphs, find_duplicates, remove_boilerplate
from penname.sources.find import opened
from penname.sources.post import Counts, Post, Source, Wanted


@dataclass(frozen=True)
class CleanPost:
    """One post in clean text.

    `date` is the ISO day of publication, `url` the public address where it is known, `text` holds paragraphs separated
    by a blank line (list items and headings on lines of their own), `words` counts white-space separated words of it.
    """

    id: str
    title: str
    date: str
    tags: tuple[str, ...]
    text: str
    words: int
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """A `CleanPost` without its text."""

    id: str
    title: str
    date: str
    tags: tuple[str, ...]
    words: int
    url: str | None = None


_IN_MEMORY = 4 << 20
"""Bytes of text that are held before the file is made."""


class PostStore(Sequence[CleanPost]):
    """Posts in the order in which they were added; not for several threads at once."""

    def __init__(self) -> None:
        self.heads: list[Head] = []
        self._spans: list[tuple[int, int]] = []
        self._end = 0
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="penname-")  # noqa: SIM115
        weakref.finalize(self, self._file.close)

    def add(self, post: CleanPost) -> None:
        """Append a post."""
        self._spans.append(self._write(post.text))
        self.heads.append(_head(post))

    def replace(self, place: int, post: CleanPost) -> None:
        """Put `post` where another one was."""
        self._spans[place] = self._write(post.text)
        self.heads[place] = _head(post)

    def drop(self, places: set[int]) -> None:
        """Take some posts out; those behind them move up."""
        kept = [place for place in range(len(self.heads)) if place not in places]
        self._spans = [self._spans[place] for place in kept]
        self.heads = [self.heads[place] for place in kept]

    def text(self, place: int) -> str:
        """Read the text of one post."""
        start, size = self._spans[place]
        with telling_full_disk("the clean texts"):
            self._file.seek(start)
            return self._file.read(size).decode("utf-8", "surrogatepass")

    @property
    def texts(self) -> "Texts":
        """Pairs of id and text, as `find_duplicates` takes them."""
        return Texts(self)

    def __len__(self) -> int:
        return len(self.heads)

    @overload
    def __getitem__(self, place: int) -> CleanPost: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[CleanPost, ...]: ...
    def __getitem__(self, place: int | slice) -> CleanPost | tuple[CleanPost, ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        head = self.heads[place]
        return CleanPost(head.id, head.title, head.date, head.tags, self.text(place), head.words, head.url)

    def __iter__(self) -> Iterator[CleanPost]:
        return (self[place] for place in range(len(self)))

    def _write(self, text: str) -> tuple[int, int]:
        data = text.encode("utf-8", "surrogatepass")
        with telling_full_disk("the clean texts"):
            self._file.seek(self._end)
            self._file.write(data)
        span = (self._end, len(data))
        self._end += len(data)
        return span


class Texts(Sequence[tuple[str, str]]):
    """The texts of a store with the ids of their posts, read when they are asked for."""

    def __init__(self, store: PostStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    @overload
    def __getitem__(self, place: int) -> tuple[str, str]: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[tuple[str, str], ...]: ...
    def __getitem__(self, place: int | slice) -> tuple[str, str] | tuple[tuple[str, str], ...]:
        if isinstance(place, slice):
            return tuple(self[each] for each in range(*place.indices(len(self))))
        return self._store.heads[place].id, self._store.text(place)


def _head(post: CleanPost) -> Head:
    return Head(post.id, post.title, post.date, post.tags, post.words, post.url)


@dataclass(frozen=True)
class ReadOptions:
    """What is read besides the prose of live posts."""

    pages: bool = False
    """Read pages too."""
    drafts: bool = False
    """Read drafts too."""
    trashed: bool = False
    """Read what lies in the trash too."""
    code: bool = False
    """Keep code blocks."""
    keep_private: bool = False
    """Leave e-mail addresses, telephone numbers, keys and tokens as they are."""
    keep_boilerplate: bool = False
    """Leave paragraphs that stand word for word in many posts."""

    @property
    def wanted(self) -> Wanted:
        """What of a source is read."""
        return Wanted(self.pages, self.drafts, self.trashed)


@dataclass(frozen=True)
class Cleaned:
    """One post made clean (its text may be empty) and what was counted on the way."""

    raw: Post
    post: CleanPost
    links: int
    images: int
    masked: Counter[str]
    headings: frozenset[str] = frozenset()
    reason: str = ""
    """Why it is left out, where that is not for want of text."""
    caption_words: int = 0
    """Words of the labels under pictures that went with them."""
    private: tuple[str, ...] = ()
    """The private data in it, masked or not."""


@dataclass(frozen=True)
class LeftOut:
    """A post that was selected and is not among the posts, with the reason in words."""

    id: str
    title: str
    reason: str


@dataclass(frozen=True)
class Reading:
    """A whole blog, read.

    `posts` may lie on disk: each is read when it is asked for, and what needs no text takes `heads`. `selected`
    counts the posts that the options ask for: `len(posts) + len(left_out)`. `counts` tells what
    else the source holds. `private` are the items of private data that were met. `boilerplate`
    lists the paragraphs that stand in many posts: they are taken out of `posts` unless they are to be kept.
    `duplicates` names the posts that repeat another one: both are still in `posts`, and must not be split
    between training and held-out posts.
    """

    name: str
    display_name: str
    language: str
    counts: Counts
    selected: int
    posts: Sequence[CleanPost]
    left_out: tuple[LeftOut, ...] = ()
    links: int = 0
    images: int = 0
    caption_words: int = 0
    masked: Counter[str] = field(default_factory=Counter)
    editors: Counter[str] = field(default_factory=Counter)
    private: tuple[str, ...] = ()
    boilerplate: tuple[Boilerplate, ...] = ()
    duplicates: tuple[Duplicate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def words(self) -> int:
        """Words in all posts together."""
        return sum(post.words for post in self.heads)

    @property
    def heads(self) -> Sequence[Head | CleanPost]:
        """The posts in order without their texts."""
        return self.posts.heads if isinstance(self.posts, PostStore) else self.posts


DEFAULT = ReadOptions()
_FIRST_SHARE = 0.6  # of the budget; the rest is for a plainer way
_LONGEST_TITLE = 200  # characters of the title of a post that is left out


def iter_posts(site: Path | Source, options: ReadOptions = DEFAULT) -> Iterator[CleanPost]:
    """Yield the posts that hold text, oldest first, one at a time; memory does not grow with their number.

    What needs sight of all posts at once (boilerplate, duplicates) is left to `read_blog`. Raises
    `InputError` when `site` is nothing that can be read, or holds nothing that the options ask for.
    """
    with opened(site, options.wanted) as source:
        for cleaned in iter_cleaned(source, options):
            if cleaned.post.text:
                yield cleaned.post


def iter_cleaned(source: Source, options: ReadOptions = DEFAULT) -> Iterator[Cleaned]:
    """Yield every post that the options ask for, made clean, the empty ones too.

    Raises `InputError` when there is none; the sentence says what the source holds instead.
    """
    selected = 0
    for post in source.posts():
        selected += 1
        yield clean_post(post, options)
    if not selected:
        raise InputError(_nothing(source, options))


def clean_post(raw: Post, options: ReadOptions = DEFAULT) -> Cleaned:
    """Make one post clean: title and text normalised, private data masked unless it is to be kept.

    A post that takes too long in spite of all guards is read and masked in a plainer way, and that is said. One that is
    too long, or takes too long even so, has an empty text and a reason.
    """
    if (size := len(raw.body) + len(raw.title)) > MOST_CHARACTERS:
        return _left_out(
            raw, f"too long: {size / 1e6:.0f} million characters, at most {MOST_CHARACTERS / 1e6:.0f} are read"
        )
    try:
        with budget(MOST_SECONDS * _FIRST_SHARE):
            return _clean_post(raw, options)
    except (OverBudget, MemoryError, RecursionError):
        pass
    try:
        with budget(MOST_SECONDS * (1 - _FIRST_SHARE)):
            return _clean_plainly(raw, options)
    except (OverBudget, MemoryError, RecursionError):
        return _left_out(raw, f"too tangled: reading it took more than {MOST_SECONDS:.0f} seconds or all memory")


def _left_out(raw: Post, reason: str) -> Cleaned:
    title = mask_private(clean_title(raw.title[:_LONGEST_TITLE]))[0]
    return Cleaned(raw, CleanPost(raw.id, title, raw.date, (), "", 0, raw.url), 0, 0, Counter(), reason=reason)


def _clean_plainly(raw: Post, options: ReadOptions) -> Cleaned:
    """Clean a post that took too long: its words are kept, its markup is not looked at closely."""
    body, title = clean_plainly(raw.body), clean_title(raw.title[:_LONGEST_TITLE])
    text, masked = body.text, Counter[str]()
    (masked_title, in_title), (masked_text, in_text) = mask_items(title), mask_plainly(text)
    private = [*in_title, *in_text]
    if not options.keep_private:
        title, text = masked_title, masked_text
        masked.update(item.kind for item in private)
    events.warn(f"The post “{title}” takes too long to read as it is written: its words are read without the markup.")
    post = CleanPost(raw.id, title, raw.date, (), text, count_words(text), raw.url)
    return Cleaned(raw, post, body.links, body.images, masked, private=tuple(item.text for item in private))


def _clean_post(raw: Post, options: ReadOptions) -> Cleaned:
    body = clean_body(raw.body, raw.format, code=options.code)
    title, text, masked = clean_title(raw.title), body.text, Counter[str]()
    if options.keep_private:
        private = [item.text for part in (title, text) for item in find_private(part)]
    else:
        title, in_title = mask_items(title)
        text, in_text = mask_items(text)
        private = [item.text for item in (*in_title, *in_text)]
        masked.update(item.kind for item in (*in_text, *in_title))
    tags = tuple(dict.fromkeys(tag for name in raw.tags if (tag := _line(name))))
    post = CleanPost(raw.id, title, raw.date, tags, text, count_words(text, folded=not options.code), raw.url)
    return Cleaned(
        raw,
        post,
        body.links,
        body.images,
        masked,
        body.headings,
        caption_words=body.caption_words,
        private=tuple(private),
    )


def read_blog(site: Path | Source, options: ReadOptions = DEFAULT) -> Reading:
    """Read the whole blog at `site`; empty posts are listed as left out, repeats are looked for.

    Raises `InputError` as `iter_posts` does.
    """
    store, paragraphs = PostStore(), Paragraphs()
    with (
        opened(site, options.wanted) as source,
        events.task("Reading posts", total=source.total, unit="posts") as step,
    ):
        reading = _gather(source, options, store, paragraphs, step)
    with events.task("Looking for repeats", total=len(store), unit="posts"):
        return _find_repeats(reading, store, paragraphs, options)


def tell(reading: Reading) -> None:
    """Say as events what was left out, taken out, masked and found twice."""
    if reading.left_out:
        events.note(f"Left out {many(len(reading.left_out), 'post')} without text.")
    if reading.caption_words:
        events.note(f"Left out {many(reading.caption_words, 'word')} of labels under pictures.")
    if reading.boilerplate:
        events.note(f"Found {many(len(reading.boilerplate), 'paragraph')} that many posts repeat word for word.")
    if reading.masked:
        kinds = ", ".join(f"{kind}: {count}" for kind, count in reading.masked.most_common())
        events.note(f"Masked private data ({kinds}).")
    if reading.duplicates:
        events.note(f"Found {many(len(reading.duplicates), 'near-duplicate')} among the posts.")


def _gather(
    source: Source,
    options: ReadOptions,
    store: PostStore,
    paragraphs: Paragraphs,
    step: Callable[[int], None],
) -> Reading:
    """Put the posts into `store` and count their paragraphs."""
    left_out: list[LeftOut] = []
    masked, editors = Counter[str](), Counter[str]()
    private: dict[str, None] = {}
    links = images = caption_words = 0
    for cleaned in iter_cleaned(source, options):
        post = cleaned.post
        links, images = links + cleaned.links, images + cleaned.images
        caption_words += cleaned.caption_words
        masked.update(cleaned.masked)
        editors[cleaned.raw.format] += 1
        private.update(dict.fromkeys(cleaned.private))
        if post.text:
            store.add(post)
            paragraphs.add(post.text, cleaned.headings)
        else:
            left_out.append(LeftOut(post.id, post.title, cleaned.reason or _why_empty(cleaned)))
        step(1)
    return Reading(
        name=source.name,
        display_name=_line(source.title) or source.name,
        language=source.language,
        counts=source.counts,
        selected=len(store) + len(left_out),
        posts=store,
        left_out=tuple(left_out),
        links=links,
        images=images,
        caption_words=caption_words,
        masked=masked,
        editors=editors,
        private=tuple(private),
        notes=source.notes,
    )


def count_words(text: str, *, folded: bool = False) -> int:
    """Count the words of clean text between its white space, which is known to be `folded` where no code stands."""
    text = text.strip()
    if not folded and any(odd in text for odd in ("  ", "\n ", " \n", "\n\n\n", "\t")):  # code keeps its spaces
        return len(text.split())
    return text.count(" ") + text.count("\n") - text.count("\n\n") + 1 if text else 0


def _line(text: str) -> str:
    """Normalised, on one line."""
    return " ".join(normalise(text).split())


def _find_repeats(reading: Reading, store: PostStore, paragraphs: Paragraphs, options: ReadOptions) -> Reading:
    """Take boilerplate out first: a footer that all share must not make short posts look alike."""
    boilerplate = tuple(paragraphs.boilerplate(store.texts))
    paragraphs.clear()
    if boilerplate and not options.keep_boilerplate:
        reading = replace(reading, left_out=reading.left_out + _strip(store, boilerplate))
    duplicates = find_duplicates(store.texts)
    return replace(reading, boilerplate=boilerplate, duplicates=tuple(duplicates))


def _strip(store: PostStore, boilerplate: tuple[Boilerplate, ...]) -> tuple[LeftOut, ...]:
    """Take `boilerplate` out of the posts; return those of which nothing is left."""
    emptied: set[int] = set()
    for place, post in enumerate(store):
        text = remove_boilerplate(post.text, boilerplate)
        if not text:
            emptied.add(place)
        elif text != post.text:
            store.replace(place, replace(post, text=text, words=count_words(text)))
    reason = "nothing is left but paragraphs that many posts repeat"
    left_out = tuple(LeftOut(store.heads[place].id, store.heads[place].title, reason) for place in sorted(emptied))
    store.drop(emptied)
    return left_out


def _why_empty(cleaned: Cleaned) -> str:
    if not cleaned.raw.body.strip():
        return "empty: it has a title only"
    if cleaned.images:
        return "no text: it holds pictures only" if cleaned.images > 1 else "no text: it holds a picture only"
    return "no text is left after cleaning"


def _nothing(source: Source, options: ReadOptions) -> str:
    counts, platform = source.counts, source.platform
    others = {
        "page": counts.pages,
        "draft": counts.drafts,
        "private post": counts.private,
        "trashed post": counts.trashed,
    }
    held = [many(count, name) for name, count in others.items() if count]
    if not held:
        return f"{source.path} holds no posts at all: write and publish some in {platform} first."
    hidden = counts.drafts + counts.private
    flags = [("--pages", counts.pages, options.pages), ("--drafts", hidden, options.drafts)]
    advice = " or ".join(flag for flag, count, given in flags if count and not given)
    way = f"add {advice} to read those" if advice else f"publish some in {platform} first"
    return f"{source.path} has no live posts to read (0 live posts; {', '.join(held)}): {way}."
