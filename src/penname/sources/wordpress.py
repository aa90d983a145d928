"""WordPress exports (WXR 1.0 to 1.2): one `.xml`, several, or a `.zip` of them; Squarespace writes them too.

    with open_source(Path("my-blog.WordPress.2026-01-01.xml")) as source: ...

In: the files. Out: posts as HTML with paragraphs (`wordpress_text.py`), pages, drafts, private ones and the trash by
their marks; attachments, menus and custom types are no posts, comments are never read.

The text is cut at its items, and each item is parsed on its own, so that memory holds one of them, a file that is cut
off gives what is whole, and an item that is not well-formed (a bare ampersand, `]]>` in a text, a control character)
does not take the others with it: such an item is read tag by tag instead. An item cannot define an entity, and the
head of a file is looked at for its names only, so there is nothing to expand.
"""

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urljoin

from penname.core import events
from penname.core.errors import InputError
from penname.sources.archive import BROKEN, Given, files_of
from penname.sources.post import DRAFT, PAGE, PRIVATE, TRASHED, Platform, Post, Wanted, under_its_own_id
from penname.sources.wordpress_items import Fields, Item, iter_items, value_of
from penname.sources.wordpress_text import body_of

_SIGN = re.compile(rb"<wp:wxr_version|xmlns:wp\s*=|wordpress\.org/export/")
_STATUS = {"publish": "", "": "", "private": PRIVATE, "trash": TRASHED}
_NO_POSTS = ("inherit",)
_DAY = re.compile(r"\s*([0-9]{4})-([0-9]{2})-([0-9]{2})")
_LONGEST = 200
_MOST_FILES = 1_000
"""Files of a split export."""


class WordpressReader:
    """The items of WXR files, in the order of the files and in theirs."""

    def __init__(self, path: Path, files: list[Given]) -> None:
        self._path, self._files = path, files
        head = files[0].head().decode("utf-8", "replace").partition("<item")[0]
        self._link = value_of(head, "wp:base_blog_url") or value_of(head, "link")
        self.title, self.language = (
            " ".join(value_of(head, name).split())[:_LONGEST] for name in ("title", "language")
        )
        self.name = path.name.removesuffix(".zip").removesuffix(".xml") or "wordpress"
        self.notes: tuple[str, ...] = ()

    def total(self, wanted: Wanted) -> None:
        """Not known before the end."""

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield the posts and pages; one that is not wanted has its marks only."""
        seen: dict[str, bytes] = {}
        mended = skipped = 0
        for file in self._files:
            authors: dict[str, str] = {}
            for item in _items_of(file, self._path, authors):
                skipped += item is None
                mended += item is not None and not item.whole
                post = self._post(item, authors, wanted) if item is not None else None
                if item and post and (post := _own(post, item.fields, seen)):
                    yield post
        _tell(self._path, mended, skipped)

    def _post(self, item: Item, authors: dict[str, str], wanted: Wanted) -> Post | None:
        fields = item.fields
        kind = fields.get("wp:post_type", "").strip() or ("post" if fields.get("content:encoded", "").strip() else "")
        status = fields.get("wp:status", "").strip().lower()
        if kind not in ("post", "page") or status in _NO_POSTS:
            return None
        marks = {_STATUS.get(status, DRAFT), PAGE if kind == "page" else ""} - {""}
        if fields.get("wp:post_password", "").strip():
            marks.add(PRIVATE)
        url = self._address(fields)
        key = fields.get("wp:post_id", "").strip() or fields.get("guid", "").strip() or url or ""
        post = Post(key, url, "", "", self.language, (), "", "html", marks=frozenset(marks))
        if not wanted.takes(post):
            return post
        author = fields.get("dc:creator", "").strip()
        return Post(
            id=key,
            url=url,
            title=fields.get("title", "").strip(),
            date=_day(fields),
            language=self.language,
            tags=item.tags,
            body=body_of(fields.get("content:encoded", "").strip()),
            format="html",
            author=authors.get(author, author),
            marks=frozenset(marks),
        )

    def _address(self, fields: Fields) -> str | None:
        link = fields.get("link", "").strip()
        if link.startswith("/") and self._link:
            with contextlib.suppress(ValueError):
                link = urljoin(self._link.strip(), link)
        return link if link.lower().startswith(("https://", "http://")) else None


def _tell(path: Path, mended: int, skipped: int) -> None:
    if mended:
        posts = "1 item is" if mended == 1 else f"{mended:,} items are"
        events.note(f"{posts} not well-formed XML in {path.name}: read tag by tag instead.")
    if skipped:
        events.warn(
            f"{path.name} is cut off in the middle or broken: {skipped:,} "
            f"item{' was' if skipped == 1 else 's were'} skipped. What is whole is read; export the blog again for the "
            "rest."
        )


def _own(post: Post, fields: Fields, seen: dict[str, bytes]) -> Post | None:
    return under_its_own_id(post, seen, f"{fields.get('title')}\0{fields.get('content:encoded')}")


def _day(fields: Fields) -> str:
    """The ISO day in the writer's zone; drafts, and some published posts, have zeros in one of their dates."""
    for name in ("wp:post_date", "wp:post_date_gmt"):
        if found := _DAY.match(fields.get(name, "")):
            with contextlib.suppress(ValueError):
                return date(*map(int, found.groups())).isoformat()
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        return parsedate_to_datetime(fields.get("pubDate", "").strip()).date().isoformat()
    return ""


def _items_of(file: Given, path: Path, authors: dict[str, str]) -> Iterator[Item | None]:
    try:
        with file.open() as opened:
            yield from iter_items(opened, authors)
    except BROKEN as error:
        raise InputError(f"{file.name} in {path} cannot be read ({error}): export the blog again.") from error


# -- the platform ------------------------------------------------------------------------------------------------------


def _is_export(head: bytes) -> bool:
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode()
    return head.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] == b"<" and bool(_SIGN.search(head))


def _knows(path: Path) -> bool:
    with contextlib.suppress(OSError, InputError, ValueError), _exports(path) as files:
        return bool(files)
    return False


@contextmanager
def _exports(path: Path) -> Iterator[list[Given]]:
    """The exports at `path`: of a folder those that lie in it, not deeper."""
    if path.is_dir():
        found = [_given(each) for each in sorted(path.glob("*.xml"))[:_MOST_FILES] if each.is_file()]
        yield [file for file in found if _is_export(file.head())]
    elif path.is_file():
        with files_of(path, (".xml",)) as files:
            yield [file for file in files[:_MOST_FILES] if _is_export(file.head())]
    else:
        yield []


def _given(path: Path) -> Given:
    return Given(path.name, path.stat().st_size, lambda: path.open("rb"))


@contextmanager
def _open(path: Path) -> Iterator[WordpressReader]:
    with _exports(path) as files:
        yield WordpressReader(path, files)


PLATFORM = Platform("WordPress", _knows, _open)
