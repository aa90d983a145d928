"""Parts of a judgement that cost time, kept until what they depend on changes.

    parts = Parts(workspace.folder / "judge")
    scores = parts.get("base", {"model": key, "texts": digest}, lambda: slow())

In: a name, a key of JSON values, the work. Out: what the work gave, a JSON value. So a judgement that was killed goes
on where it was, and what a retrained model does not change (the base, the 5-gram model) is not measured again.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from penname import __version__
from penname.core.files import parse_json, read_text, write_json
from penname.core.workspace import content_hash


class Parts:
    """A folder with one file for each part; without a folder nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    def get(self, name: str, key: dict[str, Any], work: Callable[[], Any]) -> Any:
        """What `work` gave for this `key`, now or in an earlier run."""
        if self.folder is None:
            return work()
        path, wanted = self.folder / f"{name}.json", content_hash({"penname": __version__, **key})
        kept = _read(path)
        if kept.get("key") == wanted and "value" in kept:
            return kept["value"]
        value = work()
        write_json(path, {"key": wanted, "value": value}, indent=None)
        return value


def texts_key(texts: "list[str] | tuple[str, ...]") -> str:
    """A key that changes whenever a text does."""
    return content_hash(list(texts))


def _read(path: Path) -> dict[str, Any]:
    """The kept part; a missing or broken file is as good as none."""
    try:
        value = parse_json(read_text(path))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
