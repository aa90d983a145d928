"""The workspace: made once, found again, kept apart, skipped when nothing has changed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.workspace import (
    Step,
    Workspace,
    content_hash,
    default_folder,
    find_workspace,
    model_in,
    open_workspace,
    run_step,
    unless_refused,
    versions,
)

STEP = Step("copy", reads=("in.txt",), writes=("out.txt",))


def copying(workspace: Workspace) -> list[str]:
    """Run the step twice as a user would; returns what was done."""
    done: list[str] = []

    def work() -> None:
        done.append("copied")
        (workspace.folder / "out.txt").write_text((workspace.folder / "in.txt").read_text())

    (workspace.folder / "in.txt").write_text("one")
    for settings in ({"a": 1}, {"a": 1}):
        run_step(workspace, STEP, settings, work)
    return done


def test_a_step_is_skipped_when_nothing_has_changed(tmp_path: Path) -> None:
    assert copying(open_workspace(tmp_path / "w", "blog")) == ["copied"]


@pytest.mark.parametrize("change", ["settings", "input", "output", "gone", "again"])
def test_a_step_is_done_again_when_something_has(tmp_path: Path, change: str) -> None:
    workspace = open_workspace(tmp_path / "w", "blog")
    copying(workspace)
    if change == "input":
        (workspace.folder / "in.txt").write_text("two")
    if change == "output":
        (workspace.folder / "out.txt").write_text("edited by hand")
    if change == "gone":
        (workspace.folder / "out.txt").unlink()
    settings = {"a": 2 if change == "settings" else 1}

    def work() -> None:
        (workspace.folder / "out.txt").write_text((workspace.folder / "in.txt").read_text())

    assert run_step(workspace, STEP, settings, work, again=change == "again")
    assert (workspace.folder / "out.txt").read_text() == ("two" if change == "input" else "one")


def test_skipping_is_said(tmp_path: Path) -> None:
    heard: list[str] = []
    with events.listening(lambda event: heard.append(event.text)):
        copying(open_workspace(tmp_path / "w", "blog"))
    assert heard == ["copy: nothing has changed, out.txt stays as it is."]


def test_a_step_that_fails_is_not_done(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", "blog")
    (workspace.folder / "in.txt").write_text("one")

    def fail() -> None:
        (workspace.folder / "out.txt").write_text("half")
        raise PennameError("full")

    with pytest.raises(PennameError):
        run_step(workspace, STEP, {"a": 1}, fail)
    assert "copy" not in workspace.read()["steps"]


def test_opening_again_keeps_what_is_there(tmp_path: Path) -> None:
    open_workspace(tmp_path / "w", "blog").write(seed=7)
    assert open_workspace(tmp_path / "w", "blog").read()["seed"] == 7


def test_another_blog_a_foreign_folder_and_a_file_are_refused(tmp_path: Path) -> None:
    open_workspace(tmp_path / "w", "blog")
    with pytest.raises(InputError, match="blog 'blog', not of 'other'"):
        open_workspace(tmp_path / "w", "other")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_text("")
    with pytest.raises(InputError, match="holds other files"):
        open_workspace(tmp_path / "photos", "blog")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="is a file"):
        open_workspace(tmp_path / "file", "blog")
    with pytest.raises(InputError, match="cannot be made"):
        open_workspace(tmp_path / "file" / "w", "blog")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "x", "site": "b"}', '{"name": "npm"}', "\0"])
def test_a_broken_description_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "workspace.json").write_text(text)
    with pytest.raises(InputError):
        find_workspace(tmp_path)
    with pytest.raises(InputError):
        open_workspace(tmp_path, "blog")


def test_a_newer_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "workspace.json").write_text(json.dumps({"format": 99, "site": "blog"}))
    with pytest.raises(InputError, match="newer penname"):
        find_workspace(tmp_path)


def test_finding(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no workspace in"):
        find_workspace(where=tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        find_workspace(tmp_path / "none")
    with pytest.raises(InputError, match="is no workspace"):
        find_workspace(tmp_path)
    one = open_workspace(tmp_path / "one.penname", "one")
    assert find_workspace(where=tmp_path) == one == find_workspace(where=one.folder) == find_workspace(one.folder)
    open_workspace(tmp_path / "two.penname", "two")
    with pytest.raises(InputError, match=r"several workspaces here \(one.penname, two.penname\)"):
        find_workspace(where=tmp_path)


@pytest.mark.parametrize(
    ("site", "folder"),
    [
        ("my-blog", "my-blog"),
        ("a/../b: c", "a-..-b-c"),
        ("../..", "blog"),
        ("Žurnál", "Žurnál"),
        ("", "blog"),
    ],
)
def test_the_default_folder(tmp_path: Path, site: str, folder: str) -> None:
    assert default_folder(site, tmp_path) == tmp_path / f"{folder}.penname"


def test_two_runs_do_not_mix(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "w", "blog")
    other = (
        "import sys\nfrom pathlib import Path\nfrom penname.core.workspace import Workspace\n"
        f"with Workspace(Path({str(workspace.folder)!r})).lock('penname train'): print('in', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", other], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout and process.stdout.readline() == "in\n"
        with pytest.raises(PennameError, match="penname train, process"), workspace.lock("penname prepare"):
            pass
        process.kill()
    with workspace.lock("penname prepare"):
        pass


def test_hashes_and_versions() -> None:
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1}) != content_hash({"a": 1})
    assert {"python", "penname", "torch"} <= set(versions())


def test_the_model_that_is_meant(tmp_path: Path) -> None:
    assert model_in(where=tmp_path) is None
    workspace = open_workspace(tmp_path / "one.penname", "one")
    assert model_in(where=tmp_path) is None
    with pytest.raises(InputError, match="holds no model yet"):
        model_in(workspace.folder)
    workspace.model.mkdir()
    (workspace.model / "config.json").write_text("{}")
    assert model_in(where=tmp_path) == model_in(workspace.folder) == workspace.model


def test_what_a_killed_run_was_writing_is_deleted(tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path / "blog.penname", "blog")
    left = workspace.folder / ".workspace.json.xb5el4lh.tmp"
    kept = [workspace.folder / name for name in (".hidden", "notes.tmp", "text.json")]
    for path in (left, *kept):
        path.write_text("{")
    with workspace.lock("penname judge", shared=True):
        assert left.exists()
    with workspace.lock("penname train"):
        assert not left.exists()
    assert all(path.exists() for path in kept)


def test_a_refused_command_leaves_no_folder(tmp_path: Path) -> None:
    folder = tmp_path / "new.penname"
    for learned in (False, True):
        with pytest.raises(InputError), unless_refused(folder):
            open_workspace(folder, "new")
            if learned:
                (folder / "model").mkdir()
            raise InputError("Too few words.")
        assert folder.exists() == learned
    with pytest.raises(InputError), unless_refused(folder):
        raise InputError("What was there before stays.")
    assert folder.exists()


def test_the_only_workspace_with_a_model_is_meant(tmp_path: Path) -> None:
    for name in ("a", "b"):
        open_workspace(tmp_path / f"{name}.penname", name)
    with pytest.raises(InputError):
        find_workspace(where=tmp_path)
    model = tmp_path / "b.penname" / "model"
    model.mkdir()
    (model / "config.json").write_text("{}")
    assert find_workspace(where=tmp_path).folder.name == "b.penname" and model_in(where=tmp_path) == model
