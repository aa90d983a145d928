"""Bits per byte of text files under any model: what `penname score` prints.

In: text files, a loaded model, a device. Out: a plain object, ready for JSON.

    score_files([Path("post.txt")], load_base(None), pick_device())
    # {"bits_per_byte": 1.31, "bytes": 5120, "tokens": 1234, "files": [{"path": "post.txt", ...}]}
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from penname.core.device import Device
from penname.core.errors import InputError
from penname.model.folder import LoadedModel
from penname.model.score import Score, score_texts, total
from penname.text.tokenizer import read_documents


def score_files(
    paths: Sequence[Path],
    loaded: LoadedModel,
    device: Device,
    *,
    context: int | None = None,
    show: bool = False,
) -> dict[str, Any]:
    """Bits per byte, bytes of UTF-8 and tokens of each file and of all together.

    A file holds documents separated by lines that hold only `<|endoftext|>`; each is scored on its own, without its
    blank edges. Raises `InputError` for a path that is no file, text that is not UTF-8, and a file without text.
    """
    if not paths:
        raise InputError("No text file was given: name at least one.")
    documents = [_read(path) for path in paths]
    loaded.model.to(device.torch)
    scores = score_texts(
        loaded.model,
        loaded.tokenizer,
        [text for texts in documents for text in texts],
        device,
        end=loaded.end,
        context=context,
        show=show,
    )
    per_file: list[Score] = []
    for texts in documents:
        per_file.append(total(scores[: len(texts)]))
        scores = scores[len(texts) :]
    if not math.isfinite(total(per_file).nats):
        raise InputError(f"The model in {loaded.source} gives no numbers: its weights are damaged. Fetch it again.")
    files = [{"path": str(path), **_figures(score)} for path, score in zip(paths, per_file, strict=True)]
    return {**_figures(total(per_file)), "files": files}


def _read(path: Path) -> list[str]:
    if path.is_dir():
        raise InputError(f"{path} is a folder: give text files.")
    if not path.is_file():
        raise InputError(f"{path} is not a file: give text files that exist.")
    texts = list(read_documents(path))
    if not texts:
        raise InputError(f"{path} holds no text: there is nothing to score.")
    return texts


def _figures(score: Score) -> dict[str, Any]:
    return {"bits_per_byte": score.bits_per_byte, "bytes": score.bytes, "tokens": score.tokens}
