"""Feeds kept as files, RSS, Atom and JSON Feed, and Blogger's exports, which are Atom of a kind of their own.

    with open_source(Path("feed.xml")) as source: ...

In: a `.xml`, `.atom`, `.rss` or `.json` file, a `.zip` of them, a Takeout folder. Nothing is fetched. Out: the
posts as HTML; of Blogger also pages, drafts and the trash by their marks, while comments, settings and templates are no
posts. What is an excerpt only is read, and said to be one.
"""

import contextlib
import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import ijson

from penname.core import events
from penname.core.errors import InputError
from penname.sources.archive import BROKEN, Given, files_of
from penname.sources.feed_entries import BrokenFeedError, Entry, iter_entries
from penname.sources.front_matter import day_of
from penname.sources.post import DRAFT, PAGE, TRASHED, Platform, Post, Wanted, under_its_own_id

_ROOT = re.compile(
    rb"(?:\s|<\?(?:(?!\?>).)*\?>|<!--(?:(?!-->).)*-->|<!DOCTYPE[^>\[]*(?:\[[^\]]*\]\s*)?>)*<(?:\w+:)?(?:rss|feed|RDF)[\s>]",
    re.DOTALL,
)
_JSON = re.compile(rb'"version"\s*:\s*"https?:(?:\\?/){2}(?:www\.)?jsonfeed\.org')
_ENDINGS = (".xml", ".atom", ".rss", ".json")
_TAKEOUT = ("", "*/", "Blogs/*/", "Blogger/Blogs/*/", "Takeout/Blogger/Blogs/*/")
_CUT = re.compile(r"(?:\[?(?:…|\.\.\.)\]?|(?:read|continue) (?:more|reading|on)\W{0,4})\s*$", re.IGNORECASE)
_APPEARED = re.compile(r"<p>\s*The post\s.{0,1000}?appeared first on\s.{0,600}?</p>\s*$", re.DOTALL)
_BREAKS = re.compile(r"<br\s*/?>(?:\s*<br\s*/?>)+", re.IGNORECASE)
_TAGS = re.compile(r"<[^<>]*>")
_BLOCKS = re.compile(r"</p\s*>|<br|</li", re.IGNORECASE)
_STATUS = {"DRAFT": DRAFT, "SCHEDULED": DRAFT, "SOFT_TRASHED": TRASHED, "LIVE": "", "": ""}
_SHORT = 600
_MOST_FILES = 1_000


class FeedReader:
    """The entries of feeds, in the order of the files and in theirs."""

    def __init__(self, path: Path, files: list[Given]) -> None:
        self._path, self._files = path, files
        self.name = path.name.rpartition(".")[0] or path.name or "feed"
        head: Entry = {}
        with contextlib.suppress(BrokenFeedError, *BROKEN), files[0].open() as file:
            head = next(_entries(files[0], file))
        self.title = _title(head, is_html=True)
        self.language = head.get("language", "").strip()
        self.notes: tuple[str, ...] = ()

    def total(self, wanted: Wanted) -> None:
        """Not known before the end."""

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield the posts and pages of every file; the same one is not yielded twice."""
        seen: dict[str, bytes] = {}
        excerpts = met = 0
        for file in self._files:
            for post, is_excerpt in self._of_file(file):
                own = under_its_own_id(post, seen, f"{post.title}\0{post.body}")
                if own is None:
                    continue
                if wanted.takes(own):
                    met += 1
                    excerpts += is_excerpt
                yield own
        _tell(self._path, met, excerpts)

    def _of_file(self, file: Given) -> Iterator[tuple[Post, bool]]:
        try:
            with file.open() as opened:
                entries = _entries(file, opened)
                head = next(entries, {})
                for entry in entries:
                    if found := _post(entry, head):
                        yield found
        except BrokenFeedError as error:
            events.warn(
                f"{file.name} is cut off in the middle or broken ({error}): what is whole before that is read. "
                "Save the feed again for the rest."
            )
        except BROKEN as error:
            raise InputError(f"{file.name} in {self._path} cannot be read ({error}): save it again.") from error


def _tell(path: Path, met: int, excerpts: int) -> None:
    if excerpts and excerpts == met:
        events.warn(
            f"All {met:,} posts in {path.name} look like excerpts: this feed does not hold the full text. "
            "Give the blog's own export, or set its feed to full text and save it again."
        )
    elif excerpts:
        events.warn(
            f"{excerpts:,} of {met:,} posts in {path.name} look like excerpts: the feed holds no full text of them. "
            "Give the blog's own export for the rest."
        )


def _entries(file: Given, opened: Any) -> Iterator[Entry]:
    """The head of a feed, and then its entries, whichever kind it is."""
    if file.head().removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        with file.open() as again:
            yield _json_head(again)
        yield from _json_items(opened)
    else:
        yield from iter_entries(opened)


def _json_head(file: Any) -> Entry:
    head: Entry = {}
    with contextlib.suppress(ijson.JSONError, UnicodeDecodeError):
        for prefix, event, value in ijson.parse(file):
            if prefix == "items" and event == "start_array":
                break
            if event == "string" and prefix in ("title", "language", "home_page_url"):
                head["link" if prefix == "home_page_url" else prefix] = value
    return head


def _json_items(file: Any) -> Iterator[Entry]:
    try:
        for row in ijson.items(file, "items.item"):
            if isinstance(row, dict):
                yield _json_entry(row)
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise BrokenFeedError("not whole JSON") from error


def _json_entry(row: dict[str, Any]) -> Entry:
    def text(name: str) -> str:
        value = row.get(name)
        return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""

    authors = row.get("authors") if isinstance(row.get("authors"), list) else [row.get("author")]
    names = [each["name"] for each in authors or () if isinstance(each, dict) and isinstance(each.get("name"), str)]
    tags = row.get("tags")
    entry = {
        "id": text("id"),
        "link": text("url"),
        "title": html.escape(text("title")),
        "content": text("content_html") or _paragraphs(text("content_text")),
        "description": _paragraphs(text("summary")),
        "date": text("date_published"),
        "language": text("language"),
        "author": names[0] if names else "",
        "tags": "\n".join(tag for tag in tags if isinstance(tag, str)) if isinstance(tags, list) else "",
    }
    return {name: value for name, value in entry.items() if value}


def _paragraphs(text: str) -> str:
    parts = re.split(r"\r?\n[ \t]*(?:\r?\n[ \t]*)+", text.strip())
    return "".join(f"<p>{html.escape(part, quote=False)}</p>" for part in parts if part)


def _post(entry: Entry, head: Entry) -> tuple[Post, bool] | None:
    """The post that an entry is, and whether it looks like an excerpt; None for what is no post."""
    kind = entry.get("kind", "post").strip().lower()
    if kind not in ("post", "page"):
        return None
    is_blogger = "kind" in entry
    body, is_excerpt = _body(entry)
    if is_blogger:
        body, is_excerpt = _BREAKS.sub("<p></p>", body), False
    status = _STATUS.get(entry.get("status", "").strip().upper(), DRAFT)
    is_draft = entry.get("draft", "").strip().lower() == "yes"
    marks = {status, DRAFT if is_draft else "", PAGE if kind == "page" else ""} - {""}
    url = _address(entry, head)
    post = Post(
        id=" ".join(entry.get("id", "").split()) or url or "",
        url=url,
        title=_title(entry, is_html=entry.get("title_type", "html") != "text" or "filename" in entry),
        date=_day(entry.get("date", "")) or _day(entry.get("updated", "")),
        language=entry.get("language", head.get("language", "")).strip(),
        tags=tuple(dict.fromkeys(tag.strip() for tag in entry.get("tags", "").split("\n") if tag.strip())),
        body=body,
        format="html",
        author=" ".join(entry.get("author", "").split()),
        marks=frozenset(marks),
    )
    return (post, is_excerpt) if body.strip() or post.title else None


def _body(entry: Entry) -> tuple[str, bool]:
    """The longest text that an entry has, and whether it is no more than an excerpt."""
    content, summary = entry.get("content", "").strip(), entry.get("description", "").strip()
    body = _APPEARED.sub("", content if content else summary)
    plain = html.unescape(_TAGS.sub(" ", body)).strip()
    is_cut = bool(_CUT.search(plain[-200:]))
    if content:
        return body, is_cut and len(plain) < _SHORT
    is_brief = len(plain) < _SHORT and len(_BLOCKS.findall(body)) < 2
    return body, is_cut or is_brief


def _title(entry: Entry, *, is_html: bool) -> str:
    title = entry.get("title", "")
    return " ".join((html.unescape(_TAGS.sub("", html.unescape(title))) if is_html else title).split())


def _address(entry: Entry, head: Entry) -> str | None:
    link = entry.get("link", "").strip() or entry.get("filename", "").strip()
    with contextlib.suppress(ValueError):
        link = urljoin(head.get("link", "").strip(), link) if link else ""
    if not link and entry.get("guid") == "permalink":
        link = entry.get("id", "").strip()
    return link if link.lower().startswith(("https://", "http://")) else None


def _day(value: str) -> str:
    """The ISO day of a time as it was written, in its own zone."""
    value = value.strip()
    if found := day_of(value):
        return found
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        return parsedate_to_datetime(value).date().isoformat()
    return ""


# -- the platform ------------------------------------------------------------------------------------------------------


def _is_feed(file: Given) -> bool:
    head = file.head().removeprefix(b"\xef\xbb\xbf")
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head.decode("utf-16", "replace").encode()
    if head.lstrip().startswith(b"{"):
        return bool(_JSON.search(head))
    return bool(_ROOT.match(head))


@contextmanager
def _feeds(path: Path) -> Iterator[Sequence[Given]]:
    """The feeds at `path`: of a folder, those of a Takeout."""
    if path.is_dir():
        found = [each for inside in _TAKEOUT for each in sorted(path.glob(f"{inside}feed.atom"))]
        given = [_given(each, path) for each in found[:_MOST_FILES] if each.is_file() and not each.is_symlink()]
        yield [file for file in given if b"schemas.google.com/blogger/" in file.head()]
    elif path.is_file():
        with files_of(path, _ENDINGS) as files:
            yield [file for file in files[:_MOST_FILES] if _is_feed(file)]
    else:
        yield []


def _given(file: Path, folder: Path) -> Given:
    return Given(str(file.relative_to(folder)), file.stat().st_size, lambda: file.open("rb"))


def _knows(path: Path) -> bool:
    with contextlib.suppress(OSError, InputError, ValueError), _feeds(path) as files:
        return bool(files)
    return False


@contextmanager
def _open(path: Path) -> Iterator[FeedReader]:
    with _feeds(path) as files:
        yield FeedReader(path, list(files))


PLATFORM = Platform("a feed (RSS, Atom, JSON Feed or Blogger)", _knows, _open)
