"""From a trained base to the folder that the package ships: packed weights, tokenizer, card, replay and general text.

    package_base(Path("base"), books=[Path("books")], trained=result)

The replay is a sample of the training text: whole short documents and excerpts of long ones. The general text is a
sample of the documents that pre-training held out, on which adaptation measures what the base forgot. No document is in
both.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from penname.core import events
from penname.corpus.tokenizer import encode_plain, read_documents
from penname.model.base import write_base
from penname.train.pretrain import Pretrained, find_texts, is_held_out
from penname.train.settings import Recipe

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_LENGTH = 8_000
"""Characters of an excerpt."""
_SHORTEST = 400


def package_base(
    out: Path, books: Sequence[Path], trained: Pretrained, replay_bytes: int = 16_000_000
) -> dict[str, int]:
    """Write `out/base`, ready to stand in the package or to be given to `--base`; return the bytes of each file."""
    with events.task("Choosing what to replay"):
        replay, general = sample_texts(find_texts(books), trained.recipe, trained.tokenizer, replay_bytes)
    curve = trained.fitted.curve
    return write_base(
        out / "base",
        trained.model,
        trained.tokenizer,
        trained.recipe.bits,
        replay,
        base_card(trained, [path.name for path in find_texts(books)]),
        group=trained.recipe.group,
        about={"recipe": trained.recipe.name, "held_out_bits_per_byte": curve[-1][1] if curve else None},
        general_texts=general,
        largest=None if trained.recipe.largest_mib is None else trained.recipe.largest_mib * 2**20,
    )


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
