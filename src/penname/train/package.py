"""From a trained base to the folder that the package ships: packed weights, tokenizer, card, replay and general text.

    package_base(Path("base"), books=[Path("books")], trained=result)

The replay is a sample of the training text: whole short documents and excerpts of long ones. The general text is a
sample of the documents that pre-training held out, on which adaptation measures what the base forgot. No document is in
both.

Weights with row steps are rounded twice, to the nearest and with error compensation; what scores better on the general
text is kept.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from penname.core import events
from penname.corpus.tokenizer import encode_plain, end_id, read_documents
from penname.model.base import write_base
from penname.model.compensate import compensated
from penname.model.quantise import RoundedRows, restore_rows, round_rows
from penname.model.score import score_texts, total
from penname.model.weights import copied, put_back
from penname.train.pretrain import Pretrained, find_texts, is_held_out
from penname.train.settings import Recipe

_LENGTH = 8_000
"""Characters of an excerpt."""
_SHORTEST = 400
_WINDOWS, _WINDOWS_ON_CPU = 256, 32
"""Windows of text whose inputs decide how errors of rounding are made up for."""


def package_base(
    out: Path, books: Sequence[Path], trained: Pretrained, replay_bytes: int = 16_000_000
) -> dict[str, int]:
    """Write `out/base`, ready to stand in the package or to be given to `--base`; return the bytes of each file."""
    with events.task("Choosing what to replay"):
        replay, general = sample_texts(find_texts(books), trained.recipe, trained.tokenizer, replay_bytes)
    curve = trained.fitted.curve
    rounded = choose_rounding(trained, replay, general)
    return write_base(
        out / "base",
        trained.model,
        trained.tokenizer,
        trained.recipe.rounding(),
        replay,
        base_card(trained, [path.name for path in find_texts(books)]),
        rounded=rounded,
        about={"recipe": trained.recipe.name, "held_out_bits_per_byte": curve[-1][1] if curve else None},
        general_texts=general,
        largest=None if trained.recipe.largest_mib is None else trained.recipe.largest_mib * 2**20,
    )


def choose_rounding(trained: Pretrained, seen: Sequence[str], held: Sequence[str]) -> dict[str, RoundedRows] | None:
    """The matrices rounded to row steps: with error compensation where that scores better on `held`, or the nearest.

    `seen` is text that was trained on, whose inputs the errors are made up for. None where there is no step a row.
    """
    model, row_step = trained.model, trained.recipe.row_step
    if not row_step:
        return None
    matrices = {name: weight.detach() for name, weight in model.named_parameters() if weight.ndim == 2}
    plain = {name: round_rows(weight, row_step) for name, weight in matrices.items()}
    windows = _windows(trained, seen)
    if not held or not windows.size(0):
        return plain
    better = plain | compensated(model, windows, row_step)
    figures = [_rounded_score(trained, each, held) for each in (plain, better)]
    events.note(f"Rounded to the nearest: {figures[0]:.4f} bits per byte, with compensation: {figures[1]:.4f}.")
    return better if figures[1] < figures[0] else plain


def _windows(trained: Pretrained, texts: Sequence[str]) -> Tensor:
    """The first windows of the texts joined, as (n, context) ids."""
    context = trained.model.config.max_position_embeddings
    most = _WINDOWS_ON_CPU if trained.device.slow else _WINDOWS
    ids: list[int] = []
    for text in texts:
        if len(ids) >= most * context:
            break
        ids += [*encode_plain(trained.tokenizer, text), end_id(trained.tokenizer)]
    count = min(most, len(ids) // context)
    return torch.tensor(ids[: count * context], dtype=torch.long).view(count, context)


def _rounded_score(trained: Pretrained, rounded: Mapping[str, RoundedRows], texts: Sequence[str]) -> float:
    """Bits per byte of the model with matrices as they are stored; its own weights are put back."""
    model, end = trained.model, end_id(trained.tokenizer)
    kept = copied(model)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if name in rounded:
                weight.copy_(restore_rows(*rounded[name]))
    scores = score_texts(model, trained.tokenizer, texts, trained.device, end=end)
    put_back(model, kept)
    return total(scores).bits_per_byte


def sample_texts(
    paths: Sequence[Path],
    recipe: Recipe,
    tokenizer: "Tokenizer",
    replay_bytes: int,
    general_bytes: int = 400_000,
) -> tuple[list[str], list[str]]:
    """Texts to replay (`replay_bytes` in all, the shelves in their shares) and held-out general texts."""
    shelves = [recipe.shelf_of(path.name) for path in paths]
    whole = sum(recipe.shelves[shelf].share for shelf in {s for s in shelves if s is not None})
    replay: list[str] = []
    general: list[str] = []
    for path, shelf in zip(paths, shelves, strict=True):
        if shelf is None:
            continue
        share = recipe.shelves[shelf].share / whole / shelves.count(shelf)
        kept, held = _sample_file(path, tokenizer, int(replay_bytes * share))
        replay.extend(kept)
        general.extend(_shortened(held, int(general_bytes * share)))
    order = np.random.default_rng(1).permutation(len(replay))
    return [replay[index] for index in order], general


def _sample_file(path: Path, tokenizer: "Tokenizer", size: int) -> tuple[list[str], list[str]]:
    """Excerpts of the documents that were trained on, evenly over the file, and the held-out documents."""
    texts: list[str] = []
    held: list[str] = []
    for text in read_documents(path):
        start = np.array(encode_plain(tokenizer, text[:2_000])[:64], np.uint32)
        (held if is_held_out(start) else texts).append(text)
    generator = np.random.default_rng(int.from_bytes(hashlib.sha256(path.name.encode()).digest()[:4], "big"))
    kept: list[str] = []
    room = size
    while room > 0 and texts:
        for index in generator.permutation(len(texts)):
            piece = _excerpt(texts[index], generator)
            if len(piece) >= _SHORTEST:
                kept.append(piece)
                room -= len(piece.encode("utf-8"))
            if room <= 0:
                break
        if sum(map(len, texts)) < size:
            break
    return kept, held


def _excerpt(text: str, generator: np.random.Generator) -> str:
    """The text, or some paragraphs from a random place of a long one."""
    if len(text) <= _LENGTH:
        return text.strip()
    start = text.find("\n\n", int(generator.integers(0, len(text) - _LENGTH)))
    start = 0 if start < 0 else start + 2
    end = text.rfind("\n\n", start, start + _LENGTH)
    return text[start : end if end > start else start + _LENGTH].strip()


def _shortened(texts: Sequence[str], size: int) -> Iterator[str]:
    """The beginnings of texts, up to `size` characters in all."""
    for text in texts:
        if size <= 0:
            return
        piece = text[: min(_LENGTH, size)].strip()
        size -= len(piece)
        if len(piece) >= _SHORTEST:
            yield piece


def base_card(trained: Pretrained, sources: Sequence[str], **figures: Any) -> str:
    """A model card with what is known of a base that was trained from any text."""
    fitted, config = trained.fitted, trained.model.config
    held = f"{fitted.curve[-1][1]:.3f}" if fitted.curve else "not measured"
    return (
        f"# {trained.recipe.name}\n\nA base model made by `penname pretrain`: a plain Qwen3 decoder with "
        f"{config.parameters() / 1e6:.1f} M parameters ({config.num_hidden_layers} layers of {config.hidden_size}, "
        f"{config.vocab_size:,} tokens, {config.max_position_embeddings} tokens of context).\n\n"
        f"Trained on {', '.join(sources)}: {fitted.tokens / 1e6:,.0f} M tokens in {fitted.seconds / 60:.1f} minutes.\n"
        f"Held-out documents of the same shelves: {held} bits per byte.\n"
    )
