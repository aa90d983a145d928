"""Open text files, compressed or not, as UTF-8 with or without a byte order mark.

with open_text(Path("gutenberg-0.txt.bz2")) as file: ...
"""

import bz2
import gzip
import lzma
from pathlib import Path
from typing import IO


def open_text(path: Path) -> IO[str]:
    """Open `path` for reading as UTF-8 text; `.bz2`, `.gz` and `.xz` are decompressed on the way."""
    if path.suffix == ".bz2":
        return bz2.open(path, "rt", encoding="utf-8-sig")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")
