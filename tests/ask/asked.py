"""A workspace with clean text, as `penname prepare` writes it, for tests that ask it."""

import json
from pathlib import Path
from typing import Any

from penname.core.workspace import Workspace, open_workspace

POSTS = [
    {
        "id": "1",
        "title": "The shed",
        "date": "2019-05-02",
        "url": "https://blog.example/shed.html",
        "text": "Last spring I wanted room for the bicycles.\n"
        "I built the shed in April 2019 from larch planks. It cost 840 euros with the roof.\n"
        "My brother Anselm helped me with the rafters. We finished on a Sunday.",
    },
    {
        "id": "2",
        "title": "Bread without kneading",
        "date": "2020-01-12",
        "text": "The dough rests for eighteen hours in a cold room.\n"
        "I bake it in an iron pot at 240 degrees. The crust sings when it cools.",
    },
    {
        "id": "3",
        "title": "Languages I have used",
        "date": "2021-08-30",
        "text": "I wrote the scanner in C++ and the tests in Python.\n"
        "At work everything was .NET for years. The radio speaks 802.11 and nothing else.",
    },
]


def make_workspace(folder: Path, posts: list[dict[str, Any]] | None = None) -> Workspace:
    """A workspace whose `text.json` holds `posts`."""
    workspace = open_workspace(folder / "blog.penname", "blog")
    write_posts(workspace, POSTS if posts is None else posts)
    return workspace


def write_posts(workspace: Workspace, posts: list[dict[str, Any]]) -> None:
    """Write `posts` as `text.json`."""
    usual = {"tags": [], "split": "train", "date": "2020-01-01", "title": ""}
    workspace.text.write_text(json.dumps([{**usual, **post} for post in posts]), encoding="utf-8")
