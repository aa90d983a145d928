"""Checkpoints that hold everything: weights, optimizer states, schedule and position; safetensors and JSON only.

    save_checkpoint(folder, model, optimizers, state, part_size=512 * 2**20)
    state = load_checkpoint(newest_checkpoint(folder), model, optimizers)

A checkpoint is a folder `step-00001200`, written under a temporary name and renamed, so that it is whole or absent.
"""

import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from penname.core.errors import PennameError

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
    folder.mkdir(parents=True, exist_ok=True)
    final = folder / f"step-{state['step']:08d}"
    temporary = folder / f".{final.name}.{os.getpid()}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir()
        tensors = {f"model/{name}": weight for name, weight in _named(model).items()}
        plain = _collect_optimizers(model, optimizers, tensors)
        tensors.update({f"extra/{name}": value for name, value in (extra or {}).items()})
        parts = _write_parts(temporary, tensors, part_size)
        text = json.dumps({"state": state, "optimizers": plain, "parts": parts})
        (temporary / "state.json").write_text(text, encoding="utf-8")
        for name in (*parts, "state.json"):
            with (temporary / name).open("rb+") as file:
                os.fsync(file.fileno())
        if final.exists():
            shutil.rmtree(final)
        temporary.replace(final)
    except (OSError, RuntimeError) as error:
        if _is_disk_full(error):
            raise PennameError(
                f"The disk that holds {folder} is full: this checkpoint was not written, the one before it is "
                "unharmed. Make room and run the same command again; it goes on from there."
            ) from error
        raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    for old in list_checkpoints(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def list_checkpoints(folder: Path) -> list[Path]:
    """The whole checkpoints in `folder`, oldest first."""
    return sorted(path for path in folder.glob("step-*") if (path / "state.json").is_file())


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint, or None."""
    found = list_checkpoints(folder)
    return found[-1] if found else None


def read_state(checkpoint: Path) -> dict[str, Any]:
    """The `state` that was saved, without loading tensors."""
    state: dict[str, Any] = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))["state"]
    return state


def load_checkpoint(
    checkpoint: Path, model: nn.Module, optimizers: list[torch.optim.Optimizer]
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Put weights and optimizer states back; return the saved `state` and the extra tensors."""
    saved = json.loads((checkpoint / "state.json").read_text(encoding="utf-8"))
    tensors: dict[str, Tensor] = {}
    for part in saved["parts"]:
        tensors.update(load_file(checkpoint / part))
    with torch.no_grad():
        for name, weight in _named(model).items():
            weight.copy_(tensors[f"model/{name}"])
    _restore_optimizers(model, optimizers, tensors, saved["optimizers"])
    extra = {
        name.removeprefix("extra/"): value for name, value in tensors.items() if name.startswith("extra/")
    }
    return saved["state"], extra


def _named(model: nn.Module) -> dict[str, Tensor]:
    """Parameters by name, tied ones once."""
    return {name: weight.detach() for name, weight in model.named_parameters()}


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


def _write_parts(folder: Path, tensors: dict[str, Tensor], part_size: int) -> list[str]:
    groups: list[dict[str, Tensor]] = [{}]
    size = 0
    for name, value in tensors.items():
        weight = value.numel() * value.element_size()
        if groups[-1] and size + weight > part_size:
            groups.append({})
            size = 0
        groups[-1][name] = value.contiguous().cpu()
        size += weight
    names = [f"part-{index:04d}.safetensors" for index in range(len(groups))]
    for name, group in zip(names, groups, strict=True):
        save_file(group, folder / name)
    return names


def _is_disk_full(error: BaseException) -> bool:
    full = isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
    return full or "No space left" in str(error) or "os error 28" in str(error)
