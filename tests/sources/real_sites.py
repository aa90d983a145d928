"""The real sites' posts, read straight from their databases, for the tests of the cleaner."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from penname.corpus.clean import clean_body


def posts(path: Path) -> Iterator[tuple[int, str, str, bool]]:
    """Yield id, editor, source and whether it is live, of every row."""
    query = """
        SELECT posts.id, posts.text, posts.status, extra.value FROM posts
        LEFT JOIN posts_additional_data AS extra ON extra.post_id = posts.id AND extra.key = '_core'"""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        for number, source, status, core in connection.execute(query):
            tokens = set(status.split(","))
            editor = json.loads(core or "{}").get("editor") or "tinymce"
            yield (
                number,
                editor,
                source,
                "published" in tokens and not tokens & {"trashed", "draft", "is-page"},
            )
    connection.close()


def text_of(shared_data: Path, name: str, number: int, *, code: bool = False) -> str:
    (path,) = (shared_data / "publii").glob(f"{name}*.sqlite")
    ((editor, source),) = [(row[1], row[2]) for row in posts(path) if row[0] == number]
    return clean_body(source, editor, code=code).text


def live_texts(shared_data: Path, name: str) -> list[tuple[int, str]]:
    """Return `(id, clean text)` of each live post of the site whose file name starts with `name`."""
    (path,) = [
        *(shared_data / "publii").glob(f"{name}*.sqlite"),
        *(shared_data / "blogs").glob(f"{name}*.sqlite"),
    ]
    return [(number, clean_body(source, editor).text) for number, editor, source, live in posts(path) if live]
