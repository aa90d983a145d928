"""What a site is called and what it says, without cleaning it: enough to know whether anything has changed.

    known = identify(Path("my-blog"), ReadOptions())
    known.name, known.digest      # "my-blog", "5f0c..."

In: a site in any form, and what of it is read. Out: its name and a content hash over exactly the rows that the reader
would read. What Publii changes besides (its own tables, the order of bytes in the file) does not count.
"""

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path

from penname.blog.publii import iter_rows
from penname.blog.read import ReadOptions
from penname.blog.site import open_site
from penname.core import events


@dataclass(frozen=True)
class Known:
    """The folder name that Publii gave the site, and the SHA-256 of what the reader would read."""

    name: str
    digest: str


def site_name(path: Path) -> str:
    """The folder name that Publii gave the site. Raises `InputError` when `path` is no usable site."""
    with events.subdued(), open_site(path) as site:
        return site.name


def identify(path: Path, options: ReadOptions) -> Known:
    """Hash the rows of the site that `options` ask for, one at a time.

    Raises `InputError` when `path` is no usable site.
    """
    # What is met on the way is told when the posts are read; here it is a detail.
    with events.subdued(), open_site(path) as site:
        total = hashlib.sha256(repr((site.name, site.language, asdict(options))).encode("utf-8", "replace"))
        for row in iter_rows(site, pages=options.pages, drafts=options.drafts, trashed=options.trashed):
            parts = (row.id, row.title, row.date, row.source, row.editor, row.tags)
            total.update(repr(parts).encode("utf-8", "replace"))
        return Known(site.name, total.hexdigest())
