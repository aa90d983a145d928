"""Bits per byte: how well a model predicts text, whatever its tokenizer.

In: a network, its tokenizer, texts. Out: bits per byte, bytes, tokens; nats per token for each text.

    figure = score_texts(model, tokenizer, ["One post.", "Another."], device).bits_per_byte

Bits per byte is the sum of -log2 p(token) over a text, divided by the bytes of its UTF-8. Each text is scored on its
own, after an end-of-text token, in windows that overlap by half, so that a token sees at least half a context.

Bits per byte of text files under any model: what `penname score` prints.

In: text files, a loaded model, a device. Out: a plain object, ready for JSON.

    score_files([Path("post.txt")], load_base(None), pick_device())
    # {"bits_per_byte": 1.31, "bytes": 5120, "tokens": 1234, "files": [{"path": "post.txt", ...}]}
"""

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain, read_documents
from penname.model.folder import LoadedModel
from penname.model.gpt import GPT

Floats = npt.NDArray[np.float32]
_LARGE_ROOM = 4 * 2**30
_LONGEST = 4096
"""Tokens of context at most, unless said otherwise: a base may allow 100,000, which no CPU gets through."""

_LEAST_HELD = 0.25
"""Share of a text's letters that its tokens must have: a normaliser may put three letters into one, but not more."""
_UNKNOWN = ("<unk>", "[UNK]", "<UNK>", "<|unk|>")


@dataclass(frozen=True)
class Score:
    """How well some text was predicted."""

    nats: float
    bytes: int
    tokens: int

    @property
    def bits_per_byte(self) -> float:
        """Bits per byte of UTF-8 text; NaN for empty text."""
        return self.nats / math.log(2) / self.bytes if self.bytes else math.nan

    def __add__(self, other: "Score") -> "Score":
        return Score(self.nats + other.nats, self.bytes + other.bytes, self.tokens + other.tokens)


def score_texts(
    model: GPT,
    tokenizer: "Tokenizer",
    texts: Sequence[str],
    device: Device,
    *,
    end: int = 0,
    context: int | None = None,
    show: bool = False,
) -> list[Score]:
    """Score each text. Sum the scores for the figure of a collection: long texts then weigh by their length.

    Raises `InputError` when the tokens do not hold the texts: what is not predicted would count as predicted perfectly.
    """
    encoded = [np.array(encode_plain(tokenizer, text), np.int64) for text in texts]
    _check_tokens(tokenizer, texts, encoded)
    nats = token_nats(model, encoded, device, end=end, context=context, show=show)
    return [
        Score(float(values.sum(dtype=np.float64)), len(text.encode("utf-8")), ids.size)
        for text, ids, values in zip(texts, encoded, nats, strict=True)
    ]


def _check_tokens(tokenizer: "Tokenizer", texts: Sequence[str], encoded: Sequence[npt.NDArray[np.int64]]) -> None:
    """Compare the letters of all texts with those of their tokens; a token for what is unknown has none."""
    letters = sum(len(text) - sum(map(str.isspace, text)) for text in texts)
    numbers, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *encoded]), return_counts=True)
    unknown = {tokenizer.token_to_id(name) for name in _UNKNOWN}
    held = sum(
        count * len(tokenizer.id_to_token(number) or "")
        for number, count in zip(numbers.tolist(), counts.tolist(), strict=True)
        if number not in unknown
    )
    if held < _LEAST_HELD * letters:
        raise InputError(
            f"The tokenizer makes {int(counts.sum()):,} tokens of {letters:,} letters, and they "
            "hold less than a quarter of the text, so there is no fair figure: use another base."
        )


def total(scores: Sequence[Score]) -> Score:
    """The score of a collection."""
    return sum(scores, Score(0.0, 0, 0))


def token_nats(
    model: GPT,
    sequences: Sequence[npt.NDArray[Any]],
    device: Device,
    *,
    end: int = 0,
    context: int | None = None,
    stride: int | None = None,
    batch_tokens: int | None = None,
    show: bool = False,
) -> list[Floats]:
    """-ln p of every token of every sequence, each after an end-of-text token.

    Windows hold `context` tokens (the network's own context, at most 4,096, unless said otherwise) and advance by
    `stride` (half the context unless said otherwise). Logits are computed only for the tokens that a window scores.
    """
    context = context or min(_LONGEST, model.config.max_position_embeddings)
    stride = min(context, stride or max(1, context // 2))
    # On a CPU, a few windows at a time: what they leave behind still fits the caches. On a small GPU: the memory.
    small = device.slow or 0 < device.room() < _LARGE_ROOM
    batch_tokens = batch_tokens or (2_048 if small else 32_768)
    results: list[Floats] = [np.zeros(len(sequence), np.float32) for sequence in sequences]
    windows = sorted(_windows([len(s) for s in sequences], context, stride), key=lambda w: w[2] - w[1])
    model.eval()
    with torch.inference_mode(), device.autocast(), _progress(show, sum(map(len, sequences))) as advance:
        for group in _groups(windows, batch_tokens):
            ids, places = _rows(sequences, group, end)
            on_device, places_there = (torch.from_numpy(each).to(device.torch) for each in (ids, places))
            nats = _nats(model, on_device, places_there, 2**22 if small else 2**26)
            done = 0
            for number, _, stop, scored in group:
                results[number][scored:stop] = nats[done : done + stop - scored]
                done += stop - scored
            advance(done)
    return results


def _rows(
    sequences: Sequence[npt.NDArray[Any]], group: Sequence[tuple[int, int, int, int]], end: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Ids (rows, longest + 1) of the windows, and the flat places in (rows, longest) of the tokens they score."""
    longest = max(stop - start for _, start, stop, _ in group)
    ids = np.full((len(group), longest + 1), end, np.int64)
    places = []
    for row, (number, start, stop, scored) in enumerate(group):
        sequence = sequences[number]
        ids[row, 0] = end if start == 0 else sequence[start - 1]
        ids[row, 1 : 1 + stop - start] = sequence[start:stop]
        places.append(row * longest + np.arange(scored - start, stop - start))
    return ids, np.concatenate(places)


def _windows(lengths: Sequence[int], context: int, stride: int) -> list[tuple[int, int, int, int]]:
    """(sequence, start, stop, first token to score) for every window."""
    found = []
    for number, length in enumerate(lengths):
        scored = 0
        while scored < length:
            stop = min(length, context if scored == 0 else scored + stride)
            found.append((number, max(0, stop - context), stop, scored))
            scored = stop
    return found


def _groups(windows: Sequence[tuple[int, int, int, int]], batch_tokens: int) -> list[list[tuple[int, int, int, int]]]:
    groups: list[list[tuple[int, int, int, int]]] = []
    for window in windows:
        length = window[2] - window[1]
        if not groups or (len(groups[-1]) + 1) * length > batch_tokens:
            groups.append([])
        groups[-1].append(window)
    return groups


def _nats(model: GPT, ids: torch.Tensor, places: torch.Tensor, values_at_once: int) -> Floats:
    """ids (rows, n + 1) -> -ln p of the tokens at the flat `places` of their last n; so many logits at once."""
    hidden = model.hidden(ids[:, :-1])
    flat, targets = hidden.flatten(0, 1)[places], ids[:, 1:].flatten()[places]
    rows = max(1, values_at_once // model.config.vocab_size)
    parts = [
        F.cross_entropy(model.lm_head(flat[i : i + rows]).float(), targets[i : i + rows], reduction="none")
        for i in range(0, flat.size(0), rows)
    ]
    values: Floats = torch.cat(parts).float().cpu().numpy()
    return values


def _progress(show: bool, count: int) -> Any:

    return events.task("Scoring", total=count, unit="tokens") if show else contextlib.nullcontext(lambda _count: None)


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
