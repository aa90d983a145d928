"""The index: only changed posts are done again; what is damaged or old is made anew, and that is said."""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest
from asked import POSTS, make_workspace, write_posts

from penname.ask import index as module
from penname.ask.index import Index, open_index, with_index
from penname.ask.search import search
from penname.core import events
from penname.core.errors import InputError
from penname.core.workspace import Workspace


def told(workspace: Workspace, kind: str = "") -> tuple[list[str], dict[str, Any]]:
    """What is said while the index is brought up to date, and the data of the last note."""
    heard: list[Any] = []
    with events.listening(heard.append), open_index(workspace):
        pass
    notes = [event for event in heard if event.kind in ("note", "warning")]
    return [event.text for event in notes], notes[-1].data if notes else {}


def titles(workspace: Workspace, question: str) -> list[str]:
    def look(index: Index) -> list[str]:
        return [index.passage(found.number).source.title for found in search(index, question).found]

    return with_index(workspace, look)


def test_it_is_made_once(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    assert told(workspace)[1]["changed"] == 3
    before = workspace.passages.stat().st_mtime_ns
    assert told(workspace) == ([], {})
    assert workspace.passages.stat().st_mtime_ns == before


def test_only_changed_posts_are_done_again(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    told(workspace)
    write_posts(workspace, [POSTS[0], {**POSTS[1], "text": "Rye is baked hotter."}])
    assert told(workspace)[1] == {"changed": 1, "removed": 1, "passages": 2}
    assert titles(workspace, "rye") == ["Bread without kneading"]
    assert titles(workspace, "crust scanner") == []
    with open_index(workspace) as index:
        index.connection.execute("SELECT count(*) FROM vocabulary").fetchone()
        assert not index.connection.execute("SELECT * FROM vocabulary WHERE term = 'crust'").fetchall()


def test_numbers_and_texts_serve_as_ids_and_an_address_may_be_missing(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path, [{"id": 7, "text": "Seven geese."}, {"id": "a/b", "text": "Two swans."}])
    with open_index(workspace) as index:
        sources = [index.passage(number).source for number in (1, 2)]
    assert [(source.post_id, source.url) for source in sources] == [("7", None), ("a/b", None)]


def test_another_version_is_made_anew_with_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = make_workspace(tmp_path)
    told(workspace)
    monkeypatch.setattr(module, "VERSION", module.VERSION + 1)
    texts, data = told(workspace)
    assert "another version" in texts[0] and data["changed"] == 3


@pytest.mark.parametrize("size", [0, 1, 100, 5000])
def test_a_damaged_file_is_made_anew_with_a_message(tmp_path: Path, size: int) -> None:
    workspace = make_workspace(tmp_path)
    told(workspace)
    whole = workspace.passages.read_bytes()
    workspace.passages.write_bytes(os.urandom(size) if size < 5000 else whole[:size])
    texts, data = told(workspace)
    assert ("damaged" in texts[0] or "version" in texts[0]) and data["changed"] == 3
    assert titles(workspace, "shed")[0] == "The shed"


def test_a_changed_letter_in_a_passage_is_noticed(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    told(workspace)
    connection = sqlite3.connect(workspace.passages)
    with connection:
        connection.execute("UPDATE passages SET text = replace(text, '840', '940')")
    connection.close()
    heard: list[Any] = []
    with events.listening(heard.append):
        assert titles(workspace, "roof euros") == ["The shed"]
    assert any("damaged" in event.text for event in heard)


def test_a_foreign_database_is_made_anew(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    connection = sqlite3.connect(workspace.passages)
    connection.execute("CREATE TABLE meta (other)")
    connection.close()
    assert told(workspace)[1]["changed"] == 3


@pytest.mark.skipif(os.name == "nt", reason="skipped: Windows has other rights")
def test_the_index_is_its_owners(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    before = os.umask(0o022)
    try:
        told(workspace)
    finally:
        os.umask(before)
    assert stat.S_IMODE(workspace.passages.stat().st_mode) == 0o600


def test_a_workspace_that_can_only_be_read_is_asked_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workspace = make_workspace(tmp_path)
    monkeypatch.setattr(module, "is_writable", lambda folder: False)
    assert titles(workspace, "shed")[0] == "The shed"
    assert not workspace.passages.exists()


def test_without_clean_text_the_remedy_is_named(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path)
    workspace.text.unlink()
    with pytest.raises(InputError, match="penname prepare"), open_index(workspace):
        pass


def test_text_that_no_database_takes_is_indexed_all_the_same(tmp_path: Path) -> None:
    workspace = make_workspace(
        tmp_path, [{"id": "1", "title": "a\ud800b", "text": "A lone \udc00 surrogate\x00 here."}]
    )
    assert titles(workspace, "surrogate") == ["a?b"]
    write_posts(workspace, [{"id": "1", "title": "", "text": "Gone."}])
    assert titles(workspace, "surrogate") == []
