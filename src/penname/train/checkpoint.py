"""The weights that did best on held-out text so far: in memory, or in a file where memory is scarce.

best = Best(None)
best.keep(model)
best.restore(model)

Checkpoints that hold everything: weights, optimizer states, schedule and position; safetensors and JSON only.

    save_checkpoint(folder, model, optimizers, state, part_size=512 * 2**20)
    state = load_checkpoint(newest_checkpoint(folder), model, optimizers)

A checkpoint is a folder `step-00001200`, written under a temporary name and renamed, so that it is whole or absent; a
copy of which a part is missing (a folder that is synced elsewhere, cut off) counts as absent. No part is larger than
`part_size`: a tensor that is goes into several.
"""

import errno
import hashlib
import json
import math
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penname.core.errors import PennameError
from penname.core.files import is_disk_full, parse_json, read_text, replacing


class Best:
    """A copy of a network's weights; none at first."""

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self.held: dict[str, Tensor] | None = None
        self.kept = False

    def keep(self, model: nn.Module) -> None:
        """Copy the weights of `model`, in place of what was kept."""
        weights = _named(model)
        self.put({name: weight.clone() for name, weight in weights.items()} if self.path is None else weights)

    def put(self, weights: dict[str, Tensor]) -> None:
        """Keep these weights."""
        self.kept = True
        if self.path is None:
            self.held = weights
            return

        with replacing(self.path) as temporary:
            save_file({name: weight.contiguous() for name, weight in weights.items()}, temporary)

    def tensors(self) -> dict[str, Tensor]:
        """The kept weights by name; empty when there are none."""
        if not self.kept or self.path is None:
            return self.held or {}

        return load_file(self.path)

    def restore(self, model: nn.Module) -> None:
        """Put the kept weights into `model`, if there are any."""
        found = self.tensors()
        if found:
            with torch.no_grad():
                for name, weight in _named(model).items():
                    weight.copy_(found[name])


PART_SIZE = 512 * 2**20
"""Bytes a part of a checkpoint may have, unless said otherwise."""


def save_checkpoint(
    folder: Path,
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    state: dict[str, Any],
    *,
    extra: dict[str, Tensor] | None = None,
    keep: int = 2,
    part_size: int = PART_SIZE,
) -> Path:
    """Write `folder/step-N` (N is `state["step"]`), then drop all but the newest `keep`.

    Raises `PennameError` when the disk is full; the checkpoints before it are unharmed.
    """
    final = folder / f"step-{state['step']:08d}"
    temporary = folder / f".{final.name}.tmp"
    for left in folder.glob(".step-*.tmp"):
        shutil.rmtree(left, ignore_errors=True)
    tensors = {f"model/{name}": weight for name, weight in _named(model).items()}
    plain = _collect_optimizers(model, optimizers, tensors)
    tensors.update({f"extra/{name}": value for name, value in (extra or {}).items()})
    try:
        temporary.mkdir(parents=True)
        parts = _write_parts(temporary, tensors, part_size)
        shapes = {name: list(value.shape) for name, value in tensors.items()}
        text = json.dumps({"state": state, "optimizers": plain, "parts": parts, "shapes": shapes})
        (temporary / "state.json").write_text(text, encoding="utf-8")
        for name in (*parts, "state.json"):
            with (temporary / name).open("rb+") as file:
                os.fsync(file.fileno())
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
    except Exception as error:  # safetensors has a class of its own for a full disk
        if is_disk_full(error) or _is_file_too_large(error):
            shutil.rmtree(temporary, ignore_errors=True)
            raise PennameError(_no_room(final, tensors, is_disk_full(error))) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if _is_whole(path))


def _is_whole(checkpoint: Path) -> bool:
    try:
        parts = parse_json(read_text(checkpoint / "state.json"))["parts"]
        return all((checkpoint / name).stat().st_size == part["bytes"] for name, part in parts.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint, or None."""
    found = list_checkpoints(folder)
    return found[-1] if found else None


def drop_checkpoints(folder: Path | None) -> None:
    """Delete the checkpoints in `folder`, if there is one: the run begins again."""
    for path in folder.glob("step-*") if folder else ():
        shutil.rmtree(path, ignore_errors=True)


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The `state` that was saved, without loading tensors."""
    state: dict[str, Any] = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["state"]
    return state


def load_checkpoint(
    checkpoint: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Put weights and optimizer states back; return the saved `state` and the extra tensors.

    Raises `PennameError` when a part is not what was written.
    """
    saved = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    tensors = _read_parts(checkpoint, saved["parts"], saved["shapes"])
    with torch.no_grad():
        for name, weight in _named(model).items():
            weight.copy_(tensors[f"model/{name}"])
    _restore_optimizers(model, optimizers, tensors, saved["optimizers"])
    extra = {name.removeprefix("extra/"): value for name, value in tensors.items() if name.startswith("extra/")}
    return saved["state"], extra


def _named(model: nn.Module) -> dict[str, Tensor]:
    """What is trained, by name, tied weights once: the others are what they were."""
    return {name: weight.detach() for name, weight in model.named_parameters() if weight.requires_grad}


def _collect_optimizers(
    model: nn.Module, optimizers: list[torch.optim.Optimizer], tensors: dict[str, Tensor]
) -> list[dict[str, Any]]:
    names = {id(weight): name for name, weight in model.named_parameters()}
    plain: list[dict[str, Any]] = []
    for index, optimizer in enumerate(optimizers):
        numbers: dict[str, Any] = {}
        for weight, state in optimizer.state.items():
            for key, value in state.items():
                place = f"optimizer{index}/{names[id(weight)]}/{key}"
                if isinstance(value, Tensor):
                    tensors[place] = value.detach()
                else:
                    numbers[place] = value
        plain.append(numbers)
    return plain


def _restore_optimizers(
    model: nn.Module,
    optimizers: list[torch.optim.Optimizer],
    tensors: dict[str, Tensor],
    plain: list[dict[str, Any]],
) -> None:
    weights = dict(model.named_parameters())
    for index, optimizer in enumerate(optimizers):
        values: dict[str, Any] = {k: v for k, v in tensors.items() if k.startswith(f"optimizer{index}/")}
        values.update(plain[index])
        optimizer.state.clear()
        for place, value in values.items():
            _, name, key = place.split("/")
            weight = weights[name]
            if isinstance(value, Tensor):
                value = value.clone() if value.ndim == 0 else value.to(weight.device)
                if key == "step" and optimizer.defaults.get("fused"):
                    value = value.to(weight.device)
            optimizer.state[weight][key] = value


def _write_parts(folder: Path, tensors: dict[str, Tensor], part_size: int) -> dict[str, dict[str, Any]]:
    """Write `tensors` as files of at most `part_size` bytes of weights; return each file's size and digest."""
    parts: dict[str, dict[str, Any]] = {}
    group: dict[str, Tensor] = {}

    def write() -> None:
        path = folder / f"part-{len(parts):04d}.safetensors"
        save_file(group, path)
        parts[path.name] = {"bytes": path.stat().st_size, "sha256": _digest(path)}
        group.clear()

    room = part_size
    for name, piece in _pieces(tensors, part_size):
        size = piece.numel() * piece.element_size()
        if group and size > room:
            write()
            room = part_size
        group[name] = piece
        room -= size
    if group:
        write()
    return parts


def _pieces(tensors: Mapping[str, Tensor], part_size: int) -> Iterator[tuple[str, Tensor]]:
    """Each tensor as flat pieces `name@0`, `name@1` ... of at most `part_size` bytes."""
    for name, value in tensors.items():
        flat = value.detach().reshape(-1)
        most = max(1, part_size // flat.element_size())
        for number, piece in enumerate(torch.split(flat, most)):
            # A copy: safetensors refuses tensors that share memory.
            yield f"{name}@{number}", piece.to("cpu", copy=True)


def _read_parts(checkpoint: Path, parts: dict[str, dict[str, Any]], shapes: dict[str, list[int]]) -> dict[str, Tensor]:
    pieces: dict[str, Tensor] = {}
    for name, part in parts.items():
        if _digest(checkpoint / name) != part["sha256"]:
            raise PennameError(
                f"{checkpoint / name} is damaged: delete the folder {checkpoint}; the same command then goes on from "
                "the checkpoint before it."
            )
        pieces.update(load_file(checkpoint / name))
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        first = pieces.pop(f"{name}@0")
        flat, missing = [first], math.prod(shape) - first.numel()
        while missing:
            flat.append(pieces.pop(f"{name}@{len(flat)}"))
            missing -= flat[-1].numel()
        tensors[name] = (torch.cat(flat) if len(flat) > 1 else first).reshape(shape)
    return tensors


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_file_too_large(error: BaseException) -> bool:
    """Whether `error` says that a file system, or a limit of the user's, allows no file of this size."""
    return (isinstance(error, OSError) and error.errno == errno.EFBIG) or "os error 27" in str(error)


def _no_room(final: Path, tensors: Mapping[str, Tensor], full: bool) -> str:
    """What could not be written, what it needs, what there is, and what to do."""
    folder = final.parent
    need = math.ceil(sum(value.numel() * value.element_size() for value in tensors.values()) / 1e6)
    before = newest_checkpoint(folder)
    if before is None:
        after = "there is none before it, so the run begins again"
    else:
        after = f"{before.name} before it is whole, and the run goes on from there"
    if not full:
        return (
            f"{final} was not written: a file of it is larger than is allowed here (`ulimit -f`, or the file system); "
            f"all of it needs {need:,} MB. Allow larger files, then run the same command again: {after}."
        )
    free = math.floor(shutil.disk_usage(folder if folder.exists() else folder.anchor).free / 1e6)
    return (
        f"The disk that holds {folder} is full: {final.name} needs {need:,} MB, {free:,} MB are free. Make room, then "
        f"run the same command again: {after}."
    )
