"""The sample blog that comes with the package: Pepys's diary as a Publii site of 943 posts.

    with open_site(sample_site()) as site: ...

`tools/build_sample.py` made it.
"""

from importlib.resources import files
from pathlib import Path

from penname.core.errors import PennameError


def sample_site() -> Path:
    """The site folder of the sample blog, for reading only.

    Raises `PennameError` where the package was installed without its data.
    """
    site = Path(str(files("penname"))) / "data" / "sample"
    if not (site / "input" / "db.sqlite").is_file():
        raise PennameError(f"The sample blog is missing from this installation ({site}): install penname again.")
    return site
