"""Folders of Markdown: Hugo, Jekyll, Astro, Eleventy, Zola, Obsidian, or just files.

    with open_source(Path("my-hugo-site")) as source: ...

In: a folder (or a `.zip` of one, or one file). Out: a post for each `.md`, `.markdown` and `.mdx` file, and for each
`.html` file with front matter; drafts and pages by their marks. Where a generator is known by its settings, its own
folder of texts is read and its settings give the title, the language and the addresses.
"""

import contextlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote

from penname.core import events
from penname.sources.archive import BROKEN, Given, files_of, is_zip
from penname.sources.front_matter import Head, day_of, parse_toml, parse_yaml, split_head
from penname.sources.markdown_text import plain_markdown
from penname.sources.post import DRAFT, PAGE, Platform, Post, Wanted

ENDINGS = (".md", ".markdown", ".mdown", ".mdx")
_HTML = (".html", ".htm")
_SETTINGS = {
    "Hugo": ("hugo.toml", "hugo.yaml", "hugo.yml", "hugo.json", "config/_default/hugo.toml"),
    "Zola": (),
    "Jekyll": ("_config.yml", "_config.yaml", "_config.toml"),
    "Astro": ("astro.config.mjs", "astro.config.ts", "astro.config.js"),
    "Eleventy": (".eleventy.js", "eleventy.config.js", "eleventy.config.mjs", "eleventy.config.cjs"),
    "Obsidian": (".obsidian",),
}
_ROOTS = {"Hugo": "content", "Zola": "content", "Astro": "src/content"}
_NO_POSTS = re.compile(
    r"(?:^|/)(?:node_modules|themes|archetypes|layouts|_includes|_layouts|_data|_sass|_site|_plugins|public|dist|build"
    r"|vendor|static|templates|resources)/"
)
_ABOUT_CODE = ("readme", "changelog", "contributing", "license", "code_of_conduct", "security", "todo")
_DATES = ("date", "pubdate", "published", "publishdate", "publish_date", "date_published", "published_at", "created")
_FILE_DAY = re.compile(r"(\d{4}[-_.]\d{1,2}[-_.]\d{1,2})(?:[-_ ]|$)")
_NAME_DAY = re.compile(r"(?<!\d)(\d{4}[-_.]\d{1,2}[-_.]\d{1,2})(?!\d)")
_PATH_DAY = re.compile(r"(?:^|/)(\d{4}/\d{1,2}/\d{1,2})/")
_ABOUT_DRAFTS = frozenset({"published", "publish", "permalink", "draft", "private", "hidden_draft", "status"})
_ADDRESSES = ("canonical_url", "canonicalurl", "permalink", "url")
_TAG_NAMES = ("tags", "tag", "categories", "category")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
_HEADING = re.compile(r"\s*#[ \t]+([^\n]+?)[ \t#]*(?:\n|\Z)")
_LARGEST = 64 * 2**20
_LOOKED_AT = 20_000


@dataclass(frozen=True)
class Site:
    """What the settings of a generator say."""

    generator: str = ""
    settings: Head = field(default_factory=dict)

    def text(self, *names: str) -> str:
        """The first of some settings that is a text."""
        found = (self.settings.get(name) for name in names)
        return " ".join(next((value for value in found if isinstance(value, str) and value), "").split())[:200]

    @property
    def base(self) -> str:
        """The address of the site without a slash at its end; empty where it is not known."""
        base = self.text("baseurl", "base_url") if self.generator != "Jekyll" else self.text("url")
        if self.generator == "Jekyll":
            base = base.rstrip("/") + "/" + self.text("baseurl").strip("/")
        base = base.rstrip("/")
        return base if base.lower().startswith(("https://", "http://")) and base != "example" else ""


class MarkdownReader:
    """The files of a folder, in the order of their names."""

    def __init__(self, path: Path, files: list[Given], site: Site) -> None:
        self._files, self._site = files, site
        name = path.name or path.resolve().name
        self.name = name.removesuffix(".zip") if is_zip(path) else name
        self.title = site.text("title", "name")
        self.language = site.text("languagecode", "lang", "language", "default_language", "defaultcontentlanguage")
        self.notes: tuple[str, ...] = (f"Read as a {site.generator} site.",) if site.generator else ()

    def total(self, wanted: Wanted) -> int:
        """The number of files; drafts and pages among them are seen on the way."""
        return len(self._files)

    def posts(self, wanted: Wanted) -> Iterator[Post]:
        """Yield a post for each file."""
        unread: list[str] = []
        for file in self._files:
            text = _text_of(file)
            if text is None:
                unread.append(file.name)
            elif (post := self._post(file.name, text)) is not None:
                yield post
        if unread:
            some = ", ".join(unread[:5]) + (f" and {len(unread) - 5} more" if len(unread) > 5 else "")
            events.warn(f"{len(unread):,} files cannot be read or are over 64 MiB ({some}): they were skipped.")

    def _post(self, name: str, text: str) -> Post | None:
        head, body = split_head(text)
        path = PurePosixPath(name)
        if not head and (path.suffix.lower() in _HTML or self._is_about_code(path)):
            return None
        day = next((found for key in _DATES if key in head and (found := day_of(head[key]))), "") or _day_in(path)
        title, body = _title_and_body(path, head, body)
        is_html = path.suffix.lower() in _HTML
        return Post(
            id=name,
            url=self._address(path, head, day),
            title=title,
            date=day,
            language=_first(head.get("lang") or head.get("language")) or self.language,
            tags=self._tags(head, bool(_NAME_DAY.search(path.name))),
            body=body if is_html else plain_markdown(body, path.suffix.lower() == ".mdx"),
            format="html" if is_html else "markdown",
            author=_author(head),
            marks=self._marks(path, head, day),
        )

    def _is_about_code(self, path: PurePosixPath) -> bool:
        return bool(self._site.generator) and len(path.parts) == 1 and path.stem.lower() in _ABOUT_CODE

    def _marks(self, path: PurePosixPath, head: Head, day: str) -> frozenset[str]:
        marks = set()
        if _is_draft(head) or "_drafts" in path.parts:
            marks.add(DRAFT)
        if self._is_page(path, head, day):
            marks.add(PAGE)
        return frozenset(marks)

    def _is_page(self, path: PurePosixPath, head: Head, day: str) -> bool:
        kind = _first(head.get("layout")) or _first(head.get("type"))
        if path.stem == "_index" or kind.lower() in ("page", "home", "archive", "archives", "search"):
            return True
        if self._site.generator == "Jekyll":
            return not any(part.startswith("_") for part in path.parts[:-1]) and not day
        at_top = len(path.parts) <= (2 if self._site.generator in ("Hugo", "Zola") else 1)
        return bool(self._site.generator) and self._site.generator != "Obsidian" and at_top and not day

    def _tags(self, head: Head, dated: bool) -> tuple[str, ...]:
        taxonomies = head.get("taxonomies")
        groups = [head, *([taxonomies] if isinstance(taxonomies, dict) else [])]
        found: list[str] = []
        for group in groups:
            for name in (each for each in _TAG_NAMES if each in group):
                spaced = (self._site.generator == "Jekyll" or dated) and name in ("tags", "categories")
                found += _listed(group.get(name), spaced)
        if self._site.generator == "Eleventy":
            found = [name for name in found if name.lower() not in ("post", "posts", "all")]
        return tuple(dict.fromkeys(found))

    def _address(self, path: PurePosixPath, head: Head, day: str) -> str | None:
        given = next((value for name in _ADDRESSES if (value := _first(head.get(name)))), "")
        if given.lower().startswith(("https://", "http://")):
            return given
        base, generator = self._site.base, self._site.generator
        if not base or _is_draft(head):
            return None
        if given.startswith("/") and ":" not in given:
            return base + quote(given)
        slug = _first(head.get("slug"))
        if generator in ("Hugo", "Zola") and "permalinks" not in self._site.settings and path.parts[0] == "content":
            stem = path.parent.name if path.stem in ("index", "_index") else path.stem
            folders = path.parts[1:-2] if path.stem in ("index", "_index") else path.parts[1:-1]
            if generator == "Zola":
                stem = _FILE_DAY.sub("", stem, count=1) if _FILE_DAY.match(stem) else stem
            parts = [part if generator == "Zola" else part.lower() for part in (*folders, slug or stem)]
            return f"{base}/{quote('/'.join(part.replace(' ', '-') for part in parts))}/"
        if generator == "Jekyll" and day and "_posts" in path.parts:
            return base + quote(_jekyll_path(self._site.text("permalink"), path, head, day))
        return None


# -- one file ----------------------------------------------------------------------------------------------------------


def _text_of(file: Given) -> str | None:
    if file.size > _LARGEST:
        return None
    try:
        with file.open() as opened:
            data = opened.read(_LARGEST)
    except BROKEN:
        return None
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        utf16 = data[:2] in (b"\xff\xfe", b"\xfe\xff")
        return data.decode("utf-16" if utf16 else "cp1252", "replace")


def _title_and_body(path: PurePosixPath, head: Head, body: str) -> tuple[str, str]:
    """The title, and the body without a first heading that says the same."""
    title = _first(head.get("title"))
    heading = _HEADING.match(body) if path.suffix.lower() in ENDINGS else None
    if heading and (not title or heading[1].strip().casefold() == title.casefold()):
        return title or heading[1].strip(), body[heading.end() :]
    if title:
        return title, body
    stem = path.parent.name if path.stem in ("index", "_index") and path.parent.name else path.stem
    stem = _FILE_DAY.sub("", stem, count=1) if _FILE_DAY.match(stem) else stem
    return (stem if " " in stem else stem.replace("-", " ").replace("_", " ")).strip(), body


def _day_in(path: PurePosixPath) -> str:
    """The day in the name of a file, of its folder (a bundle), or of its folders."""
    for name in (path.name, path.parent.name):
        if (found := _NAME_DAY.search(name)) and (day := day_of(found[1])):
            return day
    found = _PATH_DAY.search(str(path))
    return day_of(found[1]) if found else ""


def _is_draft(head: Head) -> bool:
    if head.keys().isdisjoint(_ABOUT_DRAFTS):
        return False
    is_off = any(_first(head.get(name)).lower() in _FALSE for name in ("published", "publish", "permalink"))
    is_on = any(_first(head.get(name)).lower() in _TRUE for name in ("draft", "private", "hidden_draft"))
    return is_off or is_on or _first(head.get("status")).lower() in ("draft", "private", "hidden")


def _first(value: Any) -> str:
    """A value on one line; of a list its first."""
    if not value:
        return "false" if value is False else ""
    if isinstance(value, str) and value.isprintable() and "  " not in value:
        return value.strip()
    if isinstance(value, list):
        value = value[0] if value else ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(str(value).split()) if isinstance(value, str | int | float) else ""


def _listed(value: Any, spaced: bool) -> list[str]:
    """A list, or a text with commas (or, as Jekyll has it, spaces) as one."""
    if isinstance(value, str):
        value = value.split(",") if "," in value or not spaced else value.split()
    values = value if isinstance(value, list) else []
    return [name for each in values if (name := _first(each).lstrip("#"))]


def _author(head: Head) -> str:
    value = head.get("author") or head.get("authors")
    value = value[0] if isinstance(value, list) and value else value
    return _first(value.get("name")) if isinstance(value, dict) else _first(value)


_JEKYLL = {
    "": "/:categories/:year/:month/:day/:title.html",
    "date": "/:categories/:year/:month/:day/:title.html",
    "pretty": "/:categories/:year/:month/:day/:title/",
    "ordinal": "",
    "weekdate": "",
    "none": "/:categories/:title.html",
}


def _jekyll_path(pattern: str, path: PurePosixPath, head: Head, day: str) -> str:
    year, month, number = day.split("-")
    stem = _FILE_DAY.sub("", path.stem, count=1) if _FILE_DAY.match(path.stem) else path.stem
    slug = _first(head.get("slug")) or stem
    categories = _listed(head.get("categories"), True) + _listed(head.get("category"), False)
    values = {
        ":categories": "/".join(name.lower().replace(" ", "-") for name in categories),
        ":short_year": year[2:], ":year": year, ":i_month": str(int(month)), ":month": month,
        ":i_day": str(int(number)), ":day": number, ":title": slug, ":slug": slug, ":output_ext": ".html",
    }  # fmt: skip
    found = _JEKYLL.get(pattern, pattern)
    for name, value in values.items():
        found = found.replace(name, value)
    return re.sub(r"/{2,}", "/", f"/{found}")


# -- the platform ------------------------------------------------------------------------------------------------------


def _site_of(path: Path) -> Site:
    """The generator of a folder and its settings."""
    if not path.is_dir():
        return Site()
    for generator, names in _SETTINGS.items():
        for name in names:
            if (path / name).exists():
                return Site(generator, _settings(path / name))
    for name in ("config.toml", "config.yaml", "config.yml"):
        if (path / name).is_file() and (path / "content").is_dir():
            settings = _settings(path / name)
            return Site("Zola" if "base_url" in settings else "Hugo", settings)
    return Site("Jekyll" if (path / "_posts").is_dir() else "")


def _settings(path: Path) -> Head:
    with contextlib.suppress(OSError, ValueError):
        if path.is_file() and path.stat().st_size < _LARGEST // 64:
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            if path.suffix == ".toml":
                return parse_toml(text)
            if path.suffix in (".yml", ".yaml", ".json"):
                return parse_yaml(text)
    return {}


def _wanted_files(path: Path, files: list[Given], site: Site) -> list[Given]:
    root = _ROOTS.get(site.generator, "")
    if root and not (path / root).is_dir():
        root = ""
    return [
        file
        for file in files
        if (not root or file.name.startswith(f"{root}/")) and not _NO_POSTS.search(file.name)
    ]  # fmt: skip


def _knows(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        if path.is_dir():
            if (path / "input" / "db.sqlite").exists() or (path / "db.sqlite").exists():
                return False
            with files_of(path, ENDINGS) as files:
                return any(True for _ in _wanted_files(path, files[:_LOOKED_AT], _site_of(path)))
        if is_zip(path):
            with files_of(path, ENDINGS) as files:
                return bool(_wanted_files(path, files, Site()))
        return path.is_file() and path.suffix.lower() in ENDINGS
    return False


@contextmanager
def _open(path: Path) -> Iterator[MarkdownReader]:
    site = _site_of(path)
    with files_of(path, (*ENDINGS, *_HTML)) as files:
        yield MarkdownReader(path, _wanted_files(path, files, site), site)


PLATFORM = Platform("Markdown", _knows, _open)
