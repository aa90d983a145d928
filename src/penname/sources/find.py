"""Open whatever the user names: each platform is asked whether it knows the path, and the first that does reads it.

    with open_source(Path("Documents/Publii/sites/my-blog")) as source:
        posts = list(source.posts())

In: a path. Out: a `Source` for the length of the block, on a private copy where the source may change meanwhile. A new
platform is one file that makes a `Platform`, and one line here (`docs/sources.md`).

The sample blog that comes with the package: Pepys's diary as a Publii site of 943 posts. `tools/build_sample.py` made
it.

    with open_source(sample_site()) as source: ...
"""

import contextlib
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from penname.core import events
from penname.core.errors import PennameError
from penname.sources import feeds, ghost, markdown_folder, medium, publii, wordpress
from penname.sources.post import LIVE, Platform, Source, Wanted

PLATFORMS: tuple[Platform, ...] = (
    wordpress.PLATFORM,
    ghost.PLATFORM,
    feeds.PLATFORM,
    medium.PLATFORM,
    markdown_folder.PLATFORM,
    publii.PLATFORM,
)
"""In the order in which they are asked. The last one knows everything: it says what a path is instead."""


@contextlib.contextmanager
def open_source(path: Path, wanted: Wanted = LIVE) -> Iterator[Source]:
    """Open the blog at `path` for the length of the block, to read what is `wanted`.

    Raises `InputError` when `path` is nothing that can be read; the sentence says what it is instead.
    """
    platform = next(each for each in PLATFORMS if each.knows(path))
    with contextlib.ExitStack() as stack:
        with events.subdued():  # what was met is told when the posts are read
            reader = stack.enter_context(platform.open(path))
        source = stack.enter_context(contextlib.closing(Source(platform.name, path, reader, wanted)))
        if platform is not PLATFORMS[-1]:
            source.notes = (f"{path.name or path} is read as {platform.name}.", *source.notes)
        yield source


@contextlib.contextmanager
def opened(site: Path | Source, wanted: Wanted = LIVE) -> Iterator[Source]:
    """Open a path; a source that is open already stays as it is, and open.

    Raises `ValueError` where it was opened to read something else.
    """
    if isinstance(site, Source):
        if site.wanted != wanted:
            raise ValueError(f"the source was opened for {site.wanted}, not for {wanted}")
        yield site
        return
    with open_source(site, wanted) as source:
        yield source


def sample_site() -> Path:
    """The site folder of the sample blog, for reading only.

    Raises `PennameError` where the package was installed without its data.
    """
    site = Path(str(files("penname"))) / "data" / "sample"
    if not (site / "input" / "db.sqlite").is_file():
        raise PennameError(f"The sample blog is missing from this installation ({site}): install penname again.")
    return site
