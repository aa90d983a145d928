"""Make small Publii sites for tests, in Publii's own schema."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

ID = "'id' INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"
SCHEMA = {
    "posts": f"{ID}, 'title' TEXT, 'authors' TEXT, 'slug' TEXT, 'text' TEXT, 'featured_image_id' INTEGER, "
    "'created_at' DATETIME, 'modified_at' DATETIME, 'status' TEXT, 'template' TEXT",
    "posts_additional_data": f"{ID}, 'post_id' INTEGER, 'key' TEXT, 'value' TEXT",
    "posts_images": f"{ID}, 'post_id' INTEGER, 'url' TEXT",
    "posts_tags": "'tag_id' INTEGER NOT NULL, 'post_id' INTEGER NOT NULL, PRIMARY KEY ('tag_id', 'post_id')",
    "tags": f"{ID}, 'name' TEXT, 'slug' TEXT, 'description' TEXT, 'additional_data' TEXT",
    "authors": f"{ID}, 'name' TEXT, 'username' TEXT, 'password' TEXT, 'config' TEXT",
}
DAY = 86_400_000


def post(number: int, **fields: Any) -> dict[str, Any]:
    """A row of `posts` plus `core` (the text of `_core`, or None for no row) and `tags`."""
    row = {
        "id": number,
        "title": f"Post {number}",
        "slug": f"post-{number}",
        "text": f"<p>This is the text of post {number}, which is short.</p>",
        "created_at": number * DAY,
        "status": "published",
        "core": json.dumps({"editor": "tinymce"}),
        "tags": (),
    }
    return row | fields


def make_database(path: Path, posts: Iterable[dict[str, Any]] = (), **pragmas: Any) -> Path:
    """Write a Publii database with `posts`; `pragmas` are set before the tables are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as connection:
        for name, value in pragmas.items():
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
        for table, columns in SCHEMA.items():
            connection.execute(f"CREATE TABLE '{table}' ({columns})")
        add_posts(connection, posts)
        connection.commit()
    return path


def add_posts(connection: sqlite3.Connection, posts: Iterable[dict[str, Any]]) -> None:
    for row in posts:
        connection.execute(
            "INSERT INTO posts (id, title, slug, text, created_at, status) VALUES (?, ?, ?, ?, ?, ?)",
            [row[key] for key in ("id", "title", "slug", "text", "created_at", "status")],
        )
        if row["core"] is not None:
            connection.execute(
                "INSERT INTO posts_additional_data (post_id, key, value) VALUES (?, '_core', ?)",
                (row["id"], row["core"]),
            )
        for name in row["tags"]:
            found = connection.execute("SELECT id FROM tags WHERE name IS ?", (name,)).fetchone()
            tag = found[0] if found else connection.execute("INSERT INTO tags (name) VALUES (?)", (name,)).lastrowid
            connection.execute("INSERT INTO posts_tags VALUES (?, ?)", (tag, row["id"]))


def make_site(folder: Path, posts: Iterable[dict[str, Any]] = (), **config: Any) -> Path:
    """Write a site folder: `input/db.sqlite` and `input/config/site.config.json`."""
    make_database(folder / "input" / "db.sqlite", posts)
    settings = {"name": folder.name, "displayName": "My Blog", "language": "en", "domain": ""} | config
    target = folder / "input" / "config" / "site.config.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(settings), encoding="utf-8")
    return folder


def leave_hot_journal(path: Path, title: str) -> None:
    """Change every title to `title`, spill that into the file, and stop in the middle of the save.

    The files are taken away under the writer's hands and put back when it has rolled back.
    """
    journal = path.with_name(path.name + "-journal")
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA cache_size = 2")
    connection.execute("PRAGMA cache_spill = 1")
    connection.execute("BEGIN")
    connection.execute("UPDATE posts SET title = ?", (title,))
    kept = path.read_bytes(), journal.read_bytes()
    connection.execute("ROLLBACK")
    connection.close()
    path.write_bytes(kept[0])
    journal.write_bytes(kept[1])
