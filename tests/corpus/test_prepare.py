"""Preparing: what lands in text.json and tokenizer.json, what is said, what is not done again."""

import json
import sqlite3
import tracemalloc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from publii_site import make_site, post

from penname.core import events
from penname.core.errors import InputError
from penname.core.workspace import Workspace
from penname.corpus.prepare import (
    PrepareOptions,
    _plain_id,
    choose_vocabulary,
    iter_text,
    load_text,
    prepare,
    workspace_for,
)
from penname.corpus.read import ReadOptions
from penname.sources.find import open_source, sample_site
from penname.sources.post import LIVE, Wanted

KEYS = ["id", "url", "title", "date", "tags", "text", "split"]
WORDS = ("sea", "sky", "harbour", "wind", "letter", "garden", "window", "table", "river", "cloud", "morning")


def sentence(number: int, words: int = 40) -> str:
    """Text of its own for every number."""
    picks = range(words)
    return " ".join(f"{WORDS[(number * 7 + i * (number % 10 + 1)) % len(WORDS)]}{number * i % 97}" for i in picks)


def blog(folder: Path, count: int = 40, **more: Any) -> Path:
    posts = [post(n, text=f"<p>{sentence(n)}</p><p>{sentence(n + 1000)}</p>", tags=("a", "b")) for n in range(1, count)]
    return make_site(folder, [*posts, post(count, **more)] if more else posts)


@contextmanager
def heard() -> Iterator[list[str]]:
    texts: list[str] = []
    with events.listening(lambda event: texts.append(event.text) if event.kind in ("note", "warning") else None):
        yield texts


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return blog(tmp_path / "my-blog")


@pytest.fixture
def workspace(site: Path, tmp_path: Path) -> Workspace:
    return workspace_for(site, tmp_path / "w")


def test_text_json_holds_every_post_with_its_side(site: Path, workspace: Workspace) -> None:
    prepared = prepare(site, workspace)
    written = json.loads(workspace.text.read_text(encoding="utf-8"))
    assert list(written) == ["format", "masked", "posts"] and written["format"] == 2
    found = written["posts"]
    assert [list(item) for item in found] == [KEYS] * 39
    assert [item["id"] for item in found] == list(range(1, 40))
    assert {item["split"] for item in found} == {"train", "validation", "test"}
    assert prepared.posts[0].document.startswith("Post 1\n\n")
    assert prepared.posts[0].tags == ("a", "b") and prepared.posts[0].date == "1970-01-02"
    assert len(prepared.side("train")) + len(prepared.side("validation")) + len(prepared.side("test")) == 39
    assert not workspace.tokenizer.exists()


def test_text_json_has_a_line_for_each_post_and_is_read_a_post_at_a_time(site: Path, workspace: Workspace) -> None:
    prepare(site, workspace)
    written = workspace.text.read_text(encoding="utf-8")
    assert len(written.splitlines()) == 41 and len(json.loads(written)["posts"]) == 39
    posts = iter_text(workspace)
    first = next(posts)
    assert (first, *posts) == load_text(workspace)
    workspace.text.write_text(json.dumps(json.loads(written)), encoding="utf-8")
    workspace.write(steps={})
    assert len(load_text(workspace)) == 39
    workspace.text.write_text(written[: written.index('"id": 30')], encoding="utf-8")
    with pytest.raises(InputError, match="not readable"):
        load_text(workspace)


def test_a_flipped_bit_is_told_and_mended(site: Path, workspace: Workspace) -> None:
    """The copy guard and the judge read `text.json`: what they read is what `prepare` wrote."""
    prepare(site, workspace)
    whole = workspace.text.read_bytes()
    place = whole.index(b"word") if b"word" in whole else len(whole) // 2
    workspace.text.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(InputError, match=r"is not what `penname prepare` wrote there: a bit has flipped.*--again"):
        load_text(workspace)
    prepare(site, workspace)
    assert workspace.text.read_bytes() == whole
    workspace.write(begun="prepare")  # as a kill leaves it
    workspace.text.write_bytes(whole + b"\n")
    assert load_text(workspace)


def test_memory_does_not_grow_with_the_posts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("penname.corpus.read._IN_MEMORY", 1)
    monkeypatch.setattr("penname.sources.post._IN_MEMORY", 1)

    def peak(count: int) -> int:
        site = make_site(tmp_path / f"s{count}", [post(n, text=f"<p>{sentence(n, 600)}</p>") for n in range(count)])
        workspace = workspace_for(site, tmp_path / f"w{count}")
        tracemalloc.start()
        assert prepare(site, workspace).count == count
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(2)
    assert peak(150) < peak(15) + 300_000  # 700 kB of text more


def test_the_tokenizer_learns_from_training_posts_only(tmp_path: Path) -> None:
    site = make_site(tmp_path / "s", [post(n, text=f"<p>{f'word{n:03} ' * 30}</p>") for n in range(1, 41)])
    workspace = workspace_for(site, tmp_path / "w")
    prepared = prepare(site, workspace, PrepareOptions(tokenizer=True, vocabulary=2000))
    vocabulary = json.loads(workspace.tokenizer.read_text(encoding="utf-8"))["model"]["vocab"]
    assert "<|endoftext|>" in vocabulary and len(vocabulary) > 257
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(workspace.tokenizer))
    for item in prepared.posts:
        assert tokenizer.decode(tokenizer.encode(item.document).ids) == item.document


def test_nothing_is_done_again_until_the_blog_changes(site: Path, workspace: Workspace) -> None:
    options = PrepareOptions(tokenizer=True)
    first = prepare(site, workspace, options)
    stamp = workspace.text.stat().st_mtime_ns, workspace.tokenizer.stat().st_mtime_ns
    with heard() as said:
        assert prepare(site, workspace, options) == first
    assert (workspace.text.stat().st_mtime_ns, workspace.tokenizer.stat().st_mtime_ns) == stamp
    assert len(said) == 2 and all("nothing has changed" in text for text in said)
    with closing(sqlite3.connect(site / "input" / "db.sqlite")) as connection:
        connection.execute("UPDATE posts SET text = '<p>Quite another text by now.</p>' WHERE id = 3")
        connection.commit()
    second = prepare(site, workspace, options)
    assert second.corpus != first.corpus
    assert second.posts[2].text == "Quite another text by now."
    assert [p.split for p in second.posts].count("train") >= [p.split for p in first.posts].count("train") - 1


def digest(site: Path, wanted: Wanted = LIVE) -> str:
    with open_source(site, wanted) as source:
        return source.digest


def test_what_publii_changes_besides_does_not_count(site: Path) -> None:
    before = digest(site)
    with closing(sqlite3.connect(site / "input" / "db.sqlite")) as connection:
        connection.execute("UPDATE posts SET modified_at = 5, authors = '2'")
        connection.execute("INSERT INTO posts (id, title, text, status) VALUES (90, 'Draft', 'x', 'draft')")
        connection.commit()
    assert digest(site) == before
    assert digest(site, Wanted(drafts=True)) != before


def test_workspace_json_says_how_it_was_made(site: Path, workspace: Workspace) -> None:
    prepared = prepare(site, workspace, PrepareOptions(how="newest"))
    about = workspace.read()
    assert about["site"] == "my-blog" and about["corpus"] == prepared.corpus
    assert about["settings"]["prepare"]["how"] == "newest"
    assert {"python", "torch"} <= set(about["versions"])


def test_duplicates_boilerplate_private_and_huge_posts_are_told(tmp_path: Path) -> None:
    call = "These pages are written by hand on a boat that lies in Oslo."
    posts = [post(n, text=f"<p>{sentence(n, 60)}</p><p>{call}</p>") for n in range(1, 31)]
    posts.append(post(31, title="Copy", text=f"<p>{sentence(5, 60)}</p>"))
    posts.append(post(32, title="Huge", text="".join(f"<p>{sentence(n, 60)}</p>" for n in range(100, 130))))
    posts.append(post(33, title="Empty", text=""))
    posts.append(post(34, text=f"<p>Write to ann@example.org about it. {sentence(77)}</p>"))
    site = make_site(tmp_path / "s", posts)
    workspace = workspace_for(site, tmp_path / "w")
    with heard() as said:
        prepared = prepare(site, workspace)
    everything = "\n".join(said)
    for part in (
        "33 of 34 posts hold text",
        "Empty (empty",
        "e-mail 1",
        "“Copy” repeats",
        "These pages are written by hand",
    ):
        assert part in everything, part
    assert "“Huge” holds" in everything and "20% of a pass" in everything
    by_id = {item.id: item for item in prepared.posts}
    assert by_id["5"].split == by_id["31"].split == by_id["32"].split == "train"
    assert not any("on a boat" in item.text for item in prepared.posts)
    assert "[e-mail]" in by_id["34"].text
    kept = prepare(site, workspace, PrepareOptions(read=ReadOptions(keep_boilerplate=True, keep_private=True)))
    assert sum("on a boat" in item.text for item in kept.posts) == 30
    assert any("ann@example.org" in item.text for item in kept.posts)


def test_one_post_is_a_corpus_without_a_held_out_side(tmp_path: Path) -> None:
    site = make_site(tmp_path / "s", [post(1)])
    with heard() as said:
        assert [item.split for item in prepare(site, workspace_for(site, tmp_path / "w")).posts] == ["train"]
    assert any("nothing can be measured" in text for text in said)


@pytest.mark.parametrize("options", [{"cap": 0}, {"how": "odd"}, {"tokenizer": True, "vocabulary": 5}])
def test_bad_options(site: Path, workspace: Workspace, options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        prepare(site, workspace, PrepareOptions(**options))


def test_an_empty_blog_is_an_error(tmp_path: Path) -> None:
    site = make_site(tmp_path / "s", [post(1, text="")])
    with pytest.raises(InputError, match="no text to learn from"):
        prepare(site, workspace_for(site, tmp_path / "w"))


GOOD = '{"id": 1, "title": "t", "date": "", "tags": [], "text": "x", "split": "train"}'


@pytest.mark.parametrize(
    "text",
    ["", "{}", "[1]", '[{"id": 1}]', f"[{GOOD},{GOOD}]", f"[{GOOD[:-1]}"]
    + [f"[{GOOD.replace(old, new)}]" for old, new in (("train", "dev"), ('"id": 1', '"id": 1.5'), ("[]", "0"))],
)
def test_a_broken_text_json_is_an_error(workspace: Workspace, text: str) -> None:
    workspace.text.write_text(text, encoding="utf-8")
    with pytest.raises(InputError):
        load_text(workspace)


def test_a_missing_text_json_is_an_error(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load_text(workspace)


@pytest.mark.parametrize(
    ("words", "size"), [(500, 512), (20_000, 512), (100_000, 2048), (410_000, 8192), (10**8, 16_384)]
)
def test_the_vocabulary_grows_with_the_blog(words: int, size: int) -> None:
    assert choose_vocabulary(words)[0] == size


def test_the_sample_blog(tmp_path: Path) -> None:
    workspace = workspace_for(sample_site(), tmp_path / "w")
    prepared = prepare(sample_site(), workspace)
    assert len(prepared.posts) == 943
    held = [item for item in prepared.posts if item.split != "train"]
    assert 0.08 < sum(item.words for item in held) / sum(item.words for item in prepared.posts) < 0.12
    assert not any(mark in item.text for item in prepared.posts for mark in ("<p", "</", '{"', "#DOMAIN_NAME#"))


def test_an_id_is_a_number_in_the_file_where_posts_are_counted() -> None:
    """Programs that read `text.json` look a post up by the number that Publii shows; inside, each id is a text."""
    ids = ["7", "0", "07", "-1", "1.0", "a7", "", "²", "9" * 15, "9" * 16]
    assert [_plain_id(each) for each in ids] == [7, 0, *ids[2:8], int("9" * 15), ids[9]]
    assert [str(_plain_id(each)) for each in ids] == ids
