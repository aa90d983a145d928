"""Medium exports: the `posts` of the archive, one HTML file a post.

    with open_source(Path("medium-export.zip")) as source: ...

In: the `.zip`, its folder, its `posts` folder or one file. Out: posts as HTML without the title that the text
repeats; drafts by their mark. Responses lie among the posts and are none: a response has no subtitle and no heading,
and its title is the beginning of its own text. Profile, claps, bookmarks and the like are never read.
"""

import contextlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath

from selectolax.lexbor import LexborHTMLParser, LexborNode

from penname.core import events
from penname.core.errors import InputError
from penname.sources.archive import BROKEN, Given, files_of
from penname.sources.front_matter import day_of
from penname.sources.post import DRAFT, Platform, Post, Wanted

_LARGEST = 16 << 20
_NUMBER = re.compile(r"([0-9a-f]{8,16})(?:\.html)?$")
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})_")
_SIGN = re.compile(rb"""class=["']h-entry\b""")
_MARK = re.compile(rb"""class=["']p-name\b""")
_HEADINGS = ".graf--title, h1, h2, h3, h4"


class MediumReader:
    """The posts of an export, in the order of their names."""

    language = ""

    def __init__(self, path: Path, files: Sequence[Given]) -> None:
        self._path, self._files = path, files
        self.name = self.title = path.name.removesuffix(".zip").removesuffix(".html") or "medium"
        self.notes: tuple[str, ...] = ()

    def total(self, wanted: Wanted) -> int:
        """About: responses are among them."""
        return len(self._files)

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield every post; responses are left out, and their number is told."""
        responses = broken = 0
        seen: set[str] = set()
        for file in self._files:
            if not _is_post(file):
                continue
            page = self._page(file)
            if page is None:
                broken += 1
            elif _is_response(page):
                responses += 1
            else:
                post = _post(file, page)
                yield replace(post, id=file.name) if post.id in seen else post
                seen.add(post.id)
        if responses:
            events.note(f"{responses:,} of Medium's files are responses to others' posts: left out.")
        if broken:
            events.warn(
                f"{broken:,} of Medium's files cannot be read or are too large: skipped. Export again for them."
            )

    def _page(self, file: Given) -> LexborHTMLParser | None:
        if file.size > _LARGEST:
            return None
        with contextlib.suppress(*BROKEN), file.open() as opened:
            return LexborHTMLParser(opened.read().decode("utf-8-sig", "replace"))
        return None


def _text(node: LexborNode | None) -> str:
    return " ".join(node.text(deep=True, separator="").split()) if node is not None else ""


def _is_response(page: LexborHTMLParser) -> bool:
    """Whether a page is a response: untitled on Medium, so that its title was made of the beginning of its text."""
    body = page.css_first(".e-content")
    if body is None or page.css_first(".p-summary") is not None or body.css_first(_HEADINGS) is not None:
        return False
    title, text = _text(page.css_first(".p-name")).rstrip(".… "), _text(body)
    return bool(title) and text.startswith(title)


def _post(file: Given, page: LexborHTMLParser) -> Post:
    stem = PurePosixPath(file.name).name
    link = page.css_first("a.p-canonical")
    url = ((link.attributes.get("href") or "") if link is not None else "").strip()
    time = page.css_first("time.dt-published")
    day = day_of(time.attributes.get("datetime")) if time is not None else ""
    found = _DAY.search(stem)
    number = _NUMBER.search(stem) or _NUMBER.search(url)
    title = _text(page.css_first(".p-name"))
    is_draft = "draft_" in stem or "draft-" in stem or (time is None and not url)
    return Post(
        id=number[1] if number else stem,
        url=url if url.lower().startswith(("https://", "http://")) else None,
        title=title,
        date=day or (day_of(found[1]) if found else ""),
        language="",
        tags=tuple(dict.fromkeys(tag for node in page.css("a.p-tag") if (tag := _text(node)))),
        body=_body(page, title),
        format="html",
        author=_text(page.css_first("a.p-author")),
        marks=frozenset({DRAFT} if is_draft else ()),
    )


def _body(page: LexborHTMLParser, title: str) -> str:
    """The text of a post without the heading that says its title again."""
    body = page.css_first(".e-content")
    if body is None:
        return ""
    first = body.css_first(_HEADINGS)
    if first is not None and _text(first) == title:
        first.decompose()
    return body.html or ""


# -- the platform ------------------------------------------------------------------------------------------------------


def _is_post(file: Given) -> bool:
    head = file.head()
    return bool(_SIGN.search(head) and _MARK.search(head))


@contextmanager
def _pages(path: Path) -> Iterator[list[Given]]:
    """The files of an export: those that lie in a folder called `posts`, or the ones given themselves."""
    if not path.exists() or (path.is_file() and not path.name.lower().endswith((".zip", ".html"))):
        yield []
        return
    folder = path / "posts" if (path / "posts").is_dir() else path
    if path.is_dir() and not any(folder.glob("*.html")):
        yield []
        return
    with files_of(folder, (".html",)) as files:
        inside = [file for file in files if PurePosixPath(file.name).parent.name == "posts"]
        yield inside or [file for file in files if "/" not in file.name]


def _knows(path: Path) -> bool:
    with contextlib.suppress(OSError, InputError, ValueError), _pages(path) as files:
        return any(_is_post(file) for file in files[:20])
    return False


@contextmanager
def _open(path: Path) -> Iterator[MediumReader]:
    with _pages(path) as files:
        yield MediumReader(path, files)


PLATFORM = Platform("Medium", _knows, _open)
