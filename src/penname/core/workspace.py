"""The workspace: one folder for each blog, with everything that was made of it. Deleting it deletes everything.

    workspace = open_workspace(Path("my-blog.penname"), site="my-blog")
    with workspace.lock("penname prepare"):
        run_step(workspace, PREPARE, inputs, work)

In: a folder. Out: `Workspace`, which knows where each file is, and `workspace.json`: the settings, the seed, the
versions, the content hash of the corpus, and for each step the hash of what went in and of what came out. A step whose
hashes still agree is not done again.
"""

import contextlib
import hashlib
import json
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import read_json, remove_leftovers, write_json
from penname.core.lock import locked

FORMAT = 1
"""Of `workspace.json`; a newer one is refused, not guessed at."""
SUFFIX = ".penname"
_ABOUT = "workspace.json"
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
        """Change some keys of `workspace.json`; the others stay."""
        write_json(self.about, self.read() | changes)

    @contextlib.contextmanager
    def lock(self, who: str, shared: bool = False) -> Iterator[None]:
        """Keep other runs out for the length of the block, with `shared` only those that do not share it.

        What a killed run was writing is deleted. A `PennameError` says when another run is in.
        """
        with locked(self.folder / ".lock", who, shared=shared):
            if not shared:
                remove_leftovers(self.folder)
            yield

    @contextlib.contextmanager
    def at_work(self, who: str, shared: bool = False) -> Iterator[None]:
        """Hold the lock and keep the log for the length of the block."""
        with self.lock(who, shared), events.listening(events.LogFile(self.log)):
            events.emit("command", who, versions=versions())
            yield


@dataclass(frozen=True)
class Step:
    """One step of the way: its name, and the files of the workspace that it reads and writes."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]


def default_folder(site: str, where: Path | None = None) -> Path:
    """`<site>.penname` in the current directory (or `where`); a name's odd characters become hyphens."""
    name = re.sub(r"[^\w.-]+", "-", site).strip(".-")[:80] or "blog"
    return (where or Path.cwd()) / f"{name}{SUFFIX}"


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
        _read_about(wanted)
        return Workspace(wanted)
    here = where or Path.cwd()
    if (here / _ABOUT).is_file():
        _read_about(here)
        return Workspace(here)
    found = sorted(path.parent for path in here.glob(f"*{SUFFIX}/{_ABOUT}"))
    if not found:
        raise InputError(
            f"There is no workspace in {here}: run `penname train SITE` here first, or name one with --workspace."
        )
    if len(found) > 1:
        names = ", ".join(path.name for path in found)
        raise InputError(f"There are several workspaces here ({names}): name one with --workspace.")
    _read_about(found[0])
    return Workspace(found[0])


def model_in(wanted: Path | None = None, where: Path | None = None) -> Path | None:
    """The model folder of the workspace that `find_workspace` finds, or None where no workspace is meant.

    Raises `InputError` when the workspace is named and holds no model, or when there are several.
    """
    here = where or Path.cwd()
    if wanted is None and not (here / _ABOUT).is_file() and not any(here.glob(f"*{SUFFIX}/{_ABOUT}")):
        return None
    workspace = find_workspace(wanted, where)
    if (workspace.model / "config.json").is_file():
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
        events.note(f"{step.name}: nothing has changed, {_listed(step.writes)} stays as it is.")
        return False
    started = time.monotonic()
    work()
    done = {
        "key": key,
        "writes": file_hashes(workspace.folder, step.writes),
        "seconds": round(time.monotonic() - started, 1),
    }
    steps = workspace.read().get("steps", {}) | {step.name: done}
    workspace.write(steps=steps, versions=versions())
    return True


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
    about = read_json(folder / _ABOUT, "a workspace's description")
    if not isinstance(about, dict) or not isinstance(about.get("format"), int) or "site" not in about:
        raise InputError(f"{folder} is no workspace: its workspace.json is of some other program.")
    if about["format"] > FORMAT:
        raise InputError(f"{folder} was made by a newer penname: bring penname up to date, or name another folder.")
    return about


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
