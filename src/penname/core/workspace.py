"""The workspace: one folder for each blog, with everything that was made of it. Deleting it deletes everything.

    workspace = open_workspace(Path("my-blog.penname"), site="my-blog")
    with workspace.lock("penname prepare"):
        run_step(workspace, PREPARE, inputs, work)

In: a folder. Out: `Workspace`, which knows where each file is, and `workspace.json`: the settings, the seed, the
versions, the content hash of the corpus, and for each step the hash of what went in and of what came out. A step whose
hashes still agree is not done again, and what a step has written is compared with its hash before it is used.

A workspace is its owner's alone: folders are 0700 and files 0600 for as long as a run is in it, and what others could
read before is closed to them. One that cannot be written to is read all the same.
"""

import contextlib
import hashlib
import json
import os
import platform
import re
import shutil
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from penname.core import events
from penname.core.errors import InputError, PennameError
from penname.core.files import locked, read_json, remove_leftovers, write_json

FORMAT = 1
"""Of `workspace.json`; a newer one is refused, not guessed at."""
SUFFIX = ".penname"
_ABOUT = "workspace.json"
_ANEW = "move the folder away and run `penname train SITE` again, all in it is made from the blog"
_PACKAGES = ("penname", "torch", "numpy", "tokenizers", "safetensors")


@dataclass(frozen=True)
class Workspace:
    """A folder that belongs to one blog."""

    folder: Path

    @property
    def about(self) -> Path:
        """Settings, seed, versions, content hashes."""
        return self.folder / _ABOUT

    @property
    def text(self) -> Path:
        """The clean posts: a JSON list."""
        return self.folder / "text.json"

    @property
    def tokenizer(self) -> Path:
        """The tokenizer of a model that is trained from scratch."""
        return self.folder / "tokenizer.json"

    @property
    def model(self) -> Path:
        """The trained model: a Hugging Face folder."""
        return self.folder / "model"

    @property
    def checkpoints(self) -> Path:
        """Where a run that was stopped goes on."""
        return self.folder / "checkpoints"

    @property
    def report(self) -> Path:
        """The judgement, for people: HTML. For programs it stands in `report.json` beside it."""
        return self.folder / "report.html"

    @property
    def results(self) -> Path:
        """The table of the tuning loop."""
        return self.folder / "results.csv"

    @property
    def passages(self) -> Path:
        """The search index."""
        return self.folder / "passages.sqlite"

    @property
    def log(self) -> Path:
        """Every event of every run, one JSON object a line."""
        return self.folder / "log.jsonl"

    def read(self) -> dict[str, Any]:
        """What `workspace.json` holds. Raises `InputError` when it is missing, broken or of a newer penname."""
        return _read_about(self.folder)

    def write(self, **changes: Any) -> None:
        """Change some keys of `workspace.json`; the others stay. What is so already is not written again."""
        before = self.read()
        if before != (after := before | changes):
            write_json(self.about, after)

    def check(self, step: "Step") -> None:
        """Compare what `step` wrote with its hashes. Raises `InputError` for a file that is not as it was written.

        Nothing is known of a file whose step was never done, or was killed.
        """
        about = self.read() if self.about.is_file() else {}
        known = about.get("steps", {}).get(step.name, {}).get("writes", {})
        for name in step.writes if about.get("begun") != step.name else ():
            digest = known.get(name)
            if digest and _path_hash(self.folder / name) not in ("", digest):
                raise InputError(
                    f"{self.folder / name} is not what `penname {step.name}` wrote there: a bit has flipped, or it was "
                    f"edited. Run `penname {step.name} SITE --again --workspace {self.folder}` to write it anew."
                )

    @contextlib.contextmanager
    def lock(self, who: str, shared: bool = False) -> Iterator[None]:
        """Keep other runs out for the length of the block, with `shared` only those that do not share it.

        What a killed run was writing is deleted, and nobody but the owner can look in. A `PennameError` says when
        another run is in. A folder that cannot be written to needs no lock: a step with work to do in it is refused.
        """
        if not is_writable(self.folder):
            events.note(f"{self.folder} can be read only: what is there is used, nothing is written, no log is kept.")
            yield
            return
        with locked(self.folder / ".lock", who, shared=shared), private_files():
            keep_private(self.folder)
            if not shared:
                remove_leftovers(self.folder)
            yield

    @contextlib.contextmanager
    def at_work(self, who: str, shared: bool = False) -> Iterator[None]:
        """Hold the lock and keep the log for the length of the block."""
        with self.lock(who, shared), self.logged():
            events.emit("command", who, versions=versions())
            yield

    @contextlib.contextmanager
    def logged(self) -> Iterator[None]:
        """Keep the log for the length of the block, where it can be written."""
        if not is_writable(self.folder):
            yield
            return
        with events.listening(events.LogFile(self.log)):
            yield


@dataclass(frozen=True)
class Step:
    """One step of the way: its name, and the files of the workspace that it reads and writes."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def default_folder(site: str, where: Path | None = None) -> Path:
    """`<site>.penname` in the current directory (or `where`); a name's odd characters become hyphens.

    No more of it is taken than 80 characters and 120 bytes: file systems know limits for both.
    """
    name = re.sub(r"[^\w.-]+", "-", site).strip(".-")[:80]
    name = name.encode("utf-8", errors="ignore")[:120].decode("utf-8", errors="ignore")
    return (where or Path.cwd()) / f"{name.rstrip('.-') or 'blog'}{SUFFIX}"


def open_workspace(folder: Path, site: str) -> Workspace:
    """Open the workspace of `site` at `folder`; make it when the folder is new or empty.

    Raises `InputError` when `folder` is a file, holds other files, or is the workspace of another blog.
    """
    workspace = Workspace(folder)
    if not workspace.about.exists():
        _make(workspace, site)
    owner = workspace.read().get("site")
    if owner != site:
        raise InputError(
            f"{folder} is the workspace of the blog {owner!r}, not of {site!r}: give each blog a folder of its "
            "own with --workspace."
        )
    return workspace


def find_workspace(wanted: Path | None = None, where: Path | None = None) -> Workspace:
    """The workspace `wanted`, or the only one in the current directory (or `where`).

    Raises `InputError` when there is none, or when there are several: the sentence lists them.
    """
    if wanted is not None:
        return _found(wanted)
    here = where or Path.cwd()
    if (here / _ABOUT).is_file():
        return _found(here)
    found = sorted(path.parent for path in here.glob(f"*{SUFFIX}/{_ABOUT}"))
    # A run that was refused, or only prepared, leaves a folder too: who writes, judges or exports means a model.
    with_model = [folder for folder in found if holds_model(folder)]
    if len(with_model) == 1:
        found = with_model
    if not found:
        raise InputError(
            f"There is no workspace in {here}: run `penname train SITE` here first, or name one with --workspace."
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"There are several workspaces here ({names}): name one with --workspace.")
    return _found(found[0])


def _found(folder: Path) -> Workspace:
    """The workspace at `folder`, closed to others from now on."""
    _read_about(folder)
    _close(folder)
    return Workspace(folder)


def holds_model(folder: Path) -> bool:
    """Whether the workspace at `folder` has a model to write with."""
    return (Workspace(folder).model / "config.json").is_file()


@contextlib.contextmanager
def unless_refused(folder: Path) -> Iterator[None]:
    """Take `folder` away again when the block made it and its input was refused: a refused command leaves nothing."""
    there = folder.exists()
    try:
        yield
    except InputError:
        learned = any((folder / name).exists() for name in ("model", "checkpoints"))
        if not there and not learned and (folder / _ABOUT).is_file():
            shutil.rmtree(folder, ignore_errors=True)
        raise


def model_in(wanted: Path | None = None, where: Path | None = None) -> Path | None:
    """The model folder of the workspace that `find_workspace` finds, or None where no workspace is meant.

    Raises `InputError` when the workspace is named and holds no model, or when there are several.
    """
    here = where or Path.cwd()
    if wanted is None and not (here / _ABOUT).is_file() and not any(here.glob(f"*{SUFFIX}/{_ABOUT}")):
        return None
    workspace = find_workspace(wanted, where)
    if holds_model(workspace.folder):
        return workspace.model
    if wanted is None:
        return None
    raise InputError(f"{workspace.folder} holds no model yet: run `penname train SITE --workspace {wanted}` first.")


def run_step(
    workspace: Workspace,
    step: Step,
    inputs: Mapping[str, Any],
    work: Callable[[], object],
    again: bool = False,
) -> bool:
    """Do `work`, unless `inputs` and the step's files are what they were; say so. Returns whether it was done.

    `inputs` are the settings and content hashes that decide the result, as JSON values; the files that the step
    reads and writes are hashed here. With `again` the step is done in any case.
    """
    key = content_hash({"inputs": inputs, "reads": file_hashes(workspace.folder, step.reads)})
    before = workspace.read().get("steps", {}).get(step.name, {})
    written = file_hashes(workspace.folder, step.writes)
    if not again and before.get("key") == key and before.get("writes") == written and all(written.values()):
        events.headline(f"{step.name}: nothing has changed, {_listed(step.writes)} stays as it is.")
        return False
    if not is_writable(workspace.folder):
        raise InputError(
            f"{workspace.folder} cannot be written to, and {step.name} has work to do in it: copy it to where you may "
            "write and name the copy with --workspace. Writing and scoring only read it."
        )
    started = time.monotonic()
    with _begun(workspace, step):
        work()
    done = {
        "key": key,
        "writes": file_hashes(workspace.folder, step.writes),
        "seconds": round(time.monotonic() - started, 1),
    }
    steps = workspace.read().get("steps", {}) | {step.name: done}
    workspace.write(steps=steps, versions=versions(), begun=None)
    return True


@contextlib.contextmanager
def _begun(workspace: Workspace, step: Step) -> Iterator[None]:
    """Mark the step as begun: when a kill leaves the mark, its hashes may be older than its files."""
    workspace.write(begun=step.name)
    try:
        yield
    except Exception:
        with contextlib.suppress(OSError, PennameError):
            workspace.write(begun=None)
        raise


@contextlib.contextmanager
def private_files() -> Iterator[None]:
    """What this process makes while the block runs is for its owner only, whichever library makes it."""
    mask = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(mask)


def keep_private(folder: Path) -> None:
    """Take the rights of others from `folder` and all that is in it; links are not followed."""
    _close(folder)
    # Another process may take files away meanwhile.
    with contextlib.suppress(OSError):
        for path in folder.rglob("*"):
            _close(path)


def _close(path: Path) -> None:
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        if mode & 0o077 and (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            path.chmod(stat.S_IMODE(mode) & 0o700)


def is_writable(folder: Path) -> bool:
    """Whether files can be made in `folder`; one that is not there is not known to refuse."""
    return os.access(folder, os.W_OK) or not folder.exists()


def content_hash(value: Any) -> str:
    """SHA-256 of a JSON value, whatever the order of its keys."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", errors="replace")).hexdigest()


def file_hashes(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """SHA-256 of each file, or of the names and contents of all files below a folder; empty where there is none."""
    return {name: _path_hash(folder / name) for name in names}


def versions() -> dict[str, str]:
    """The versions that decide results: Python, penname and the packages under it that are installed."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _make(workspace: Workspace, site: str) -> None:
    folder = workspace.folder
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            what = "holds other files" if folder.is_dir() else "is a file"
            raise InputError(f"{folder} {what} and is no workspace: give --workspace a new or an empty folder.")
        folder.mkdir(parents=True, exist_ok=True)
        keep_private(folder)
        write_json(workspace.about, {"format": FORMAT, "site": site, "versions": versions(), "steps": {}})
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(
            f"{folder} cannot be made ({reason}): name a folder that you may write to with --workspace."
        ) from error


def _read_about(folder: Path) -> dict[str, Any]:
    if not (folder / _ABOUT).is_file():
        what = "does not exist" if not folder.exists() else "is no workspace (it has no workspace.json)"
        raise InputError(f"{folder} {what}: `penname train SITE --workspace {folder}` makes one.")
    try:
        about = read_json(folder / _ABOUT, "a workspace's description")
    except InputError as error:
        raise InputError(f"{str(error).removesuffix('.')}: {_ANEW}.") from error
    if not isinstance(about, dict) or type(about.get("format")) is not int or "site" not in about:
        raise InputError(f"{folder} is no workspace: its workspace.json is of some other program.")
    if about["format"] > FORMAT:
        raise InputError(f"{folder} was made by a newer penname: bring penname up to date, or name another folder.")
    if wrong := _odd(about):
        raise InputError(f"{folder / _ABOUT} is not as penname writes it ({wrong}): {_ANEW}.")
    return about


def _odd(about: dict[str, Any]) -> str:
    """What is of another kind in `workspace.json` than it should be; empty where nothing is."""
    kinds = {"site": str, "versions": dict, "steps": dict, "settings": dict, "corpus": str, "begun": str | None}
    for name, kind in kinds.items():
        if name in about and not isinstance(about[name], kind):
            return f"its {name!r} is no {'object' if kind is dict else 'text'}"
    for name, step in about.get("steps", {}).items():
        writes = step.get("writes", {}) if isinstance(step, dict) else None
        if not isinstance(writes, dict) or not all(isinstance(each, str) for each in writes.values()):
            return f"its step {name!r} is no object with hashes"
        if not all(_is_inside(each) for each in writes):
            return f"its step {name!r} names a file that is not in it"
    for name, settings in about.get("settings", {}).items():
        if not isinstance(settings, dict):
            return f"its settings of {name!r} are no object"
        if not isinstance(settings.get("base"), str | None):
            return f"the base in its settings of {name!r} is no text"
    return ""


def _is_inside(name: str) -> bool:
    path = PurePath(name)
    return not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _path_hash(path: Path) -> str:
    if path.is_dir():
        files = sorted(child for child in path.rglob("*") if child.is_file())
        return content_hash({child.relative_to(path).as_posix(): _path_hash(child) for child in files})
    if not path.is_file():
        return ""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _listed(names: tuple[str, ...]) -> str:
    return " and ".join(names)
