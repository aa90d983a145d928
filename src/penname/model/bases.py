"""The bases that are on this machine already: which files there are, and what each says of itself.

    for base in find_bases(): print(base.name, base.where, base.problem or base.architecture)
    path = base_named("smollm2")                 # what `--base smollm2` means

Looked at: the shipped base, GGUF files inside installed Python packages, and the folders where LM Studio, Ollama,
llama.cpp and Hugging Face's tools keep what they fetched. Files are opened to read their headers; nothing is
downloaded, written or run.
"""

import itertools
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from penname.core.errors import InputError, PennameError
from penname.core.files import parse_json, read_text
from penname.model.base import SMOLLM2, base_folder, base_is_shipped, packed_config
from penname.model.gguf_file import GGUFFile, open_gguf
from penname.model.gguf_read import gguf_config
from penname.model.gpt import GPTConfig
from penname.model.hf_config import read_config, read_json_file

SHIPPED = "penname"
"""The name of the base that came with penname."""
_MOST = 500
"""Files that are looked at in one place."""
_DEEP = 6
"""Folders below one another that are searched."""
_SHARDED = "-00001-of-"


@dataclass(frozen=True)
class Base:
    """A base on this machine."""

    name: str
    """What `--base` takes."""
    path: Path
    where: str
    """Who keeps it there."""
    architecture: str = ""
    licence: str = ""
    """As its metadata say; empty where they do not."""
    config: GPTConfig | None = None
    """Its shape; None where it cannot be read."""
    problem: str = ""
    """Why it cannot be used; empty where it can."""


@dataclass(frozen=True)
class _Found:
    """A file or folder, before it is opened."""

    name: str
    path: Path
    where: str
    licence: str = ""


def find_bases() -> list[Base]:
    """Every base on this machine, the shipped one first, each file once, names unique."""
    return [_shipped(), *map(_described, _listed())]


def base_named(wanted: str) -> Path:
    """The path of the base with that name, or of the only one whose name holds it.

    Raises `InputError` where there is none, several, or one that cannot be used.
    """
    low, listed = wanted.lower(), _listed()
    if low == SHIPPED:
        return base_folder()
    whole = [each for each in listed if each.name.lower() == low]
    fitting = whole or [each for each in listed if low in each.name.lower()]
    if len(fitting) > 1:
        raise InputError(f"{wanted} may be any of {', '.join(each.name for each in fitting)}: give the whole name.")
    if not fitting:
        hint = f" To get it: {SMOLLM2}, then the same command." if "smol" in low else ""
        raise InputError(
            f"There is no file, folder or base called {wanted!r}: `penname bases` lists the names there are.{hint}"
        )
    base = _described(fitting[0])
    if base.problem:
        raise InputError(f"The base {base.name} cannot be used: {base.problem}")
    return base.path


def is_listed(word: str) -> bool:
    """Whether a word is, whole, the name of a base on this machine."""
    if not word.strip() or word.startswith("-") or len(word.split()) > 1:
        return False
    return word.lower() in {SHIPPED, *(each.name.lower() for each in _listed())}


def _listed() -> list[_Found]:
    """What there is beside the shipped base, not opened yet."""
    seen, names = {base_folder().resolve()}, {SHIPPED}
    found = []
    for each in _everything():
        real = each.path.resolve()
        if real not in seen:
            seen.add(real)
            found.append(replace(each, name=_unused(each.name, names)))
            names.add(found[-1].name)
    return found


def _shipped() -> Base:
    folder = base_folder()
    if not base_is_shipped():
        return Base(SHIPPED, folder, "penname", problem="this installation of penname holds no base")
    return Base(SHIPPED, folder, "penname", "qwen3", "MIT", config=packed_config(folder))


def _everything() -> Iterator[_Found]:
    yield from _packages()
    for where, folders in (("LM Studio", _lm_studio()), ("llama.cpp", _llama_cpp())):
        for folder in folders:
            yield from (_Found(_stem(path), path, where) for path in _ggufs(folder))
    for folder in _ollama():
        yield from _ollama_models(folder)
    for folder in _hugging_face():
        yield from _hub_models(folder)


def _packages() -> Iterator[_Found]:
    """GGUF files inside installed Python packages."""
    for package in distributions():
        for entry in package.files or ():
            if entry.suffix.lower() == ".gguf":
                path = Path(str(package.locate_file(entry)))
                if path.is_file():
                    yield _Found(_stem(path), path, str(package.metadata["Name"]))


def _ggufs(folder: Path) -> Iterator[Path]:
    """The GGUF files below a folder, those of the parts of one model once."""
    number = 0
    for root, folders, files in os.walk(folder):
        depth = len(Path(root).relative_to(folder).parts)
        folders[:] = sorted(each for each in folders if not each.startswith(".")) if depth < _DEEP else []
        for name in sorted(files):
            parts = "-of-" in name and _SHARDED not in name
            if name.lower().endswith(".gguf") and not parts and not name.startswith("."):
                number += 1
                if number > _MOST:
                    return
                yield Path(root, name)


def _from(variables: Iterable[str], usual: Iterable[Path]) -> list[Path]:
    """The folder that the first variable which is set names, or the usual ones; only those there are."""
    named = next((Path(os.environ[name]).expanduser() for name in variables if os.environ.get(name)), None)
    return [folder for folder in ([named] if named else usual) if folder.is_dir()]


def _cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _lm_studio() -> list[Path]:
    """Where LM Studio keeps models: its settings may name another folder than the usual ones."""
    home = Path.home() / ".lmstudio"
    pointer = Path.home() / ".lmstudio-home-pointer"
    if pointer.is_file():
        home = Path(_text(pointer).strip() or home)
    named = _json(home / "settings.json").get("downloadsFolder")
    folders = [Path(named)] if isinstance(named, str) and named else []
    folders += [home / "models", Path.home() / ".cache" / "lm-studio" / "models"]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]


def _llama_cpp() -> list[Path]:
    return _from(["LLAMA_CACHE"], [_cache() / "llama.cpp"])


def _ollama() -> list[Path]:
    return _from(["OLLAMA_MODELS"], [Path.home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models")])


def _hugging_face() -> list[Path]:
    home = os.environ.get("HF_HOME")
    usual = Path(home).expanduser() / "hub" if home else Path(_usual_cache()) / "huggingface" / "hub"
    return _from(["HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"], [usual])


def _usual_cache() -> Path:
    """Hugging Face's tools keep to ~/.cache on every system."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


def _ollama_models(folder: Path) -> Iterator[_Found]:
    """The models that Ollama's manifests name; each layer is a file in `blobs`, called by its digest."""
    manifests = folder / "manifests"
    for path in sorted(manifests.glob("*/*/*/*"))[:_MOST]:
        host, owner, model, tag = path.relative_to(manifests).parts
        layers = _json(path).get("layers")
        if not isinstance(layers, list):
            continue
        kinds = {str(each.get("mediaType")): each.get("digest") for each in layers if isinstance(each, dict)}
        blob = _blob(folder, kinds.get("application/vnd.ollama.image.model"))
        if blob is None:
            continue
        owned = "" if owner == "library" else f"{owner}/"
        name = f"{owned}{model}:{tag}" if host == "registry.ollama.ai" else f"{host}/{owned}{model}:{tag}"
        said = _blob(folder, kinds.get("application/vnd.ollama.image.license"))
        yield _Found(name, blob, "Ollama", _first_line(said))


def _blob(folder: Path, digest: Any) -> Path | None:
    """The file of a layer; None where there is none, or where its name would lead elsewhere."""
    if not isinstance(digest, str) or not digest.replace(":", "").isalnum():
        return None
    path = folder / "blobs" / digest.replace(":", "-")
    return path if path.is_file() else None


def _hub_models(folder: Path) -> Iterator[_Found]:
    """The newest snapshot of each model in Hugging Face's cache: a folder with weights, or the GGUF files in it."""
    for model in sorted(folder.glob("models--*"))[:_MOST]:
        name = model.name.removeprefix("models--").replace("--", "/")
        snapshot = _snapshot(model)
        if snapshot is None:
            continue
        if (snapshot / "config.json").is_file() and list(snapshot.glob("*.safetensors")):
            yield _Found(name, snapshot, "Hugging Face", _card_licence(snapshot))
        for path in _ggufs(snapshot):
            yield _Found(f"{name}/{path.stem}", path, "Hugging Face", _card_licence(snapshot))


def _snapshot(model: Path) -> Path | None:
    """The snapshot that `main` names, else the one that was fetched last."""
    named = model / "snapshots" / (_text(model / "refs" / "main").strip() or "none")
    if named.is_dir():
        return named
    others = [path for path in (model / "snapshots").glob("*") if path.is_dir()]
    return max(others, key=lambda path: path.stat().st_mtime, default=None)


def _described(found: _Found) -> Base:
    """Open the file or folder and read what it says of itself."""
    base = Base(found.name, found.path, found.where, licence=found.licence)
    try:
        return _folder(base) if found.path.is_dir() else _file(base)
    except (PennameError, OSError) as error:
        return replace(base, problem=str(error))


def _file(base: Base) -> Base:
    with open_gguf(base.path) as file:
        base = replace(base, architecture=_word(file, "general.architecture"), licence=_licence(file) or base.licence)
        try:
            return replace(base, config=gguf_config(file))
        except PennameError as error:
            return replace(base, problem=str(error))


def _folder(base: Base) -> Base:
    path = base.path / "config.json"
    raw = read_json_file(path, "a model's configuration")
    base = replace(base, architecture=str(raw.get("model_type", "") if isinstance(raw, dict) else "")[:40])
    try:
        return replace(base, config=read_config(raw, path))
    except PennameError as error:
        return replace(base, problem=str(error))


def _licence(file: GGUFFile) -> str:
    return _word(file, "general.license.name") or _word(file, "general.license")


def _word(file: GGUFFile, key: str) -> str:
    """A short text of the metadata, one line."""
    value = file.metadata.get(key)
    return " ".join(value.split())[:60] if isinstance(value, str) else ""


def _card_licence(folder: Path) -> str:
    """The licence that the head of a model card names."""
    lines = _text(folder / "README.md")[:10_000].splitlines()
    if not lines or lines[0].strip() != "---":
        return ""
    said = {}
    for line in lines[1:]:
        if line.strip() == "---":
            break
        key, _, value = line.partition(":")
        said[key.strip()] = value.strip().strip("\"'")
    return (said.get("license_name") or said.get("license") or "")[:60]


def _first_line(path: Path | None) -> str:
    lines = [line.strip() for line in _text(path).splitlines()] if path else []
    return next((line[:60] for line in lines if line), "")


def _text(path: Path) -> str:
    """What a small text file holds; empty where it cannot be read."""
    try:
        return read_text(path) if path.is_file() and path.stat().st_size < 2**20 else ""
    except (OSError, ValueError):
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        value = parse_json(_text(path) or "{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


_FORMATS = ("F32", "F16", "BF16", "Q", "IQ")


def _stem(path: Path) -> str:
    """The name of a file without the format of its weights: SmolLM2-135M.Q4_1.gguf is smollm2-135m."""
    stem = path.stem.replace(_SHARDED, "-of-")
    for mark in (".", "-", "_"):
        head, found, tail = stem.rpartition(mark)
        if found and head and tail.upper().startswith(_FORMATS) and any(sign.isdigit() for sign in tail):
            return head.lower()
    return stem.lower()


def _unused(name: str, taken: set[str]) -> str:
    """The name, with a number behind it where another base has it."""
    numbered = (f"{name}-{number}" for number in itertools.count(2))
    return name if name not in taken else next(each for each in numbered if each not in taken)
