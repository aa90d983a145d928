"""EPUB into one page of mark-up, chapter after chapter.

In: the file's bytes. Out: the mark-up of its spine, and the title, author and language of its package file.
Nothing is unpacked to disk; entries are bounded in size and number, paths stay inside the archive, and XML
entities are never expanded (both XML files are read by the HTML parser).

    header, pages = read_epub(path.read_bytes())
"""

import io
import posixpath
import zipfile
import zlib
from typing import Any
from urllib.parse import unquote

from penname.blog.html_guard import is_too_much
from penname.core.errors import InputError
from penname.text.books.charset import decode
from penname.text.books.licence import Header

_LARGEST_ENTRY = 32 * 2**20
_LARGEST_BOOK = 256 * 2**20
_MOST_ENTRIES = 20_000


def read_epub(data: bytes) -> tuple[Header, list[str]]:
    """The package's header and the pages of its spine. Raises `InputError` when it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > _MOST_ENTRIES:
                raise InputError(f"The EPUB holds more than {_MOST_ENTRIES} entries: that is no book.")
            return _read(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise InputError(f"The EPUB cannot be read: {error}.") from error
    except ValueError as error:
        raise InputError(f"The EPUB's directory is broken: {error}.") from error


def _read(archive: zipfile.ZipFile) -> tuple[Header, list[str]]:
    package_path = _package_path(archive)
    package = _parse(_entry(archive, package_path))
    manifest = {
        item.attributes.get("id"): item.attributes
        for item in package.css("item")
        if "html" in (item.attributes.get("media-type") or "html")
    }
    pages, size = [], 0
    for reference in package.css("itemref"):
        item = manifest.get(reference.attributes.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        page = _entry(archive, _inside(posixpath.dirname(package_path), item.get("href") or ""))
        size += len(page)
        if size > _LARGEST_BOOK:
            raise InputError(f"The EPUB unpacks to more than {_LARGEST_BOOK >> 20} MiB.")
        pages.append(decode(page))
    if not pages:
        raise InputError("The EPUB names no page to read.")
    return _header(package), pages


def _package_path(archive: zipfile.ZipFile) -> str:
    container = _parse(_entry(archive, "META-INF/container.xml"))
    root = container.css_first("rootfile")
    path = root.attributes.get("full-path") if root else None
    if not path:
        raise InputError("The EPUB's container names no package file.")
    return _inside("", path)


def _inside(folder: str, href: str) -> str:
    """The archive's own name for `href`; a path that leaves the archive is refused."""
    path = posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0])))
    if path.startswith(("/", "..")) or "\\" in path or ":" in path:
        raise InputError(f"The EPUB points outside itself ({href!r}).")
    return path


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """One entry, read no further than its limit whatever its header claims."""
    with archive.open(name) as file:
        data = file.read(_LARGEST_ENTRY + 1)
    if len(data) > _LARGEST_ENTRY:
        raise InputError(f"The EPUB's entry {name!r} unpacks to more than {_LARGEST_ENTRY >> 20} MiB.")
    return data


def _parse(data: bytes) -> Any:
    from selectolax.lexbor import LexborHTMLParser

    source = decode(data).replace("\x00", "")
    if is_too_much(source):
        raise InputError("The EPUB's own files are nested or tangled beyond what can be read.")
    return LexborHTMLParser(source)


def _header(package: Any) -> Header:
    found: dict[str, str] = {}
    for node in package.root.traverse() if package.root else ():
        name = (node.tag or "").lower().removeprefix("dc:")
        if (node.tag or "").lower().startswith("dc:") and name not in found:
            found[name] = " ".join((node.text() or "").split())
    return Header(found.get("title", ""), found.get("creator", ""), found.get("language", ""))
