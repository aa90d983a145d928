"""Adapt a base to a blog, or train a small network on the blog alone.

In: texts of posts and a base. Out: the trained network, and what the run was.

    learned = adapt(base, posts, replay, plan, device, folder=workspace.checkpoints)

The adaptation is one more decay phase of the base's own schedule: blog and replayed base text mixed in every batch, the
learning rate falling to zero, the state that is best on held-out posts kept.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer

from penname.core.device import Device
from penname.corpus.tokenizer import Encoded, encode_plain
from penname.model.gpt import GPT, GPTConfig
from penname.model.score import token_nats
from penname.train.batches import Mixture, Stream
from penname.train.loop import Fitted, Run, train
from penname.train.plan import SAVE_EVERY, Plan

_BYTES_PER_TOKEN = 4.3
"""Of the base's own text, roughly."""


def enough_text(texts: Iterable[str], tokens: float) -> list[str]:
    """The first texts that hold about `tokens` tokens: no more is encoded than a run will read."""
    taken: list[str] = []
    size = 0.0
    for text in texts:
        if size > tokens * _BYTES_PER_TOKEN:
            break
        taken.append(text)
        size += len(text)
    return taken


def adapt(
    model: GPT,
    blog: Encoded,
    replay: Encoded | None,
    plan: Plan,
    device: Device,
    *,
    teacher: GPT | None = None,
    cap: float = 0.2,
    folder: Path | None = None,
    fingerprint: str = "",
    validate: "Callable[[GPT], float] | None" = None,
    sample: "Callable[[GPT], str] | None" = None,
    restart: "Callable[[GPT], None] | None" = None,
    stop_after: int | None = None,
) -> Fitted:
    """Train `model` in place by `plan`.

    `teacher` is a copy of the base, which a plan with a `teacher_share` wants: it says what it expects of replayed
    text. Raises `Interrupted` after Ctrl-C, saved in `folder`; the same call goes on from there.
    """
    settings = plan.settings
    if teacher is None or replay is None or plan.share >= 1:
        settings = replace(settings, teacher_share=0.0)
    streams = [(Stream(blog.ids, blog.ends, settings.context, settings.seed * 10 + 1, cap), plan.share)]
    if replay is not None and plan.share < 1:
        streams.append((Stream(replay.ids, replay.ends, settings.context, settings.seed * 10 + 2), 1 - plan.share))
    run = Run(
        settings,
        Mixture(streams, settings.rows),
        device,
        folder=folder,
        validate=validate,
        sample=sample,
        micro_rows=plan.micro_rows,
        evaluations=plan.evaluations,
        samples=plan.samples,
        save_seconds=SAVE_EVERY,
        save_last=False,
        seconds=plan.limit - plan.closing_seconds if plan.limit else None,
        most_steps=plan.most_steps,
        layers_compiled=plan.compiled,
        checkpointing=plan.checkpointing,
        low_memory=plan.low_memory,
        bytes_per_token=blog.text_bytes / max(1, blog.ids.size),
        fingerprint=fingerprint,
        teacher=teacher,
        taught_part=1 if settings.teacher_share else None,
        restart=restart,
        stop_after=stop_after,
    )
    return train(model, run)


def validator(
    tokenizer: "Tokenizer", texts: Sequence[str], device: Device, end: int, most_tokens: int, context: int
) -> "Callable[[GPT], float] | None":
    """A function that gives the bits per byte of held-out texts, or of the first part of each where they are long."""
    if not texts:
        return None
    pieces = shortened([encode_plain(tokenizer, text) for text in texts], most_tokens)
    arrays = [np.array(piece, np.int64) for piece in pieces if piece]
    size = sum(len(tokenizer.decode(list(piece), skip_special_tokens=False).encode("utf-8")) for piece in pieces)

    def validate(model: GPT) -> float:
        nats = token_nats(model, arrays, device, end=end, context=context, stride=context)
        return float(sum(values.sum(dtype=np.float64) for values in nats)) / float(np.log(2)) / max(1, size)

    return validate


def shortened(texts: Iterable[list[int]], most: int) -> list[list[int]]:
    """The beginnings of token lists so that all hold about `most` tokens together, every list kept."""
    listed = list(texts)
    low, high = 1, max((len(text) for text in listed), default=1)
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(len(text), middle) for text in listed) <= most:
            low = middle
        else:
            high = middle - 1
    return [text[:low] for text in listed]


def small_shape(words: int, vocab_size: int) -> GPTConfig:
    """A network for a blog alone: few weights, since a blog cannot teach many."""
    width, layers = (256, 4) if words < 100_000 else (384, 6)
    return GPTConfig(
        vocab_size=vocab_size,
        hidden_size=width,
        intermediate_size=(width * 8 // 3 + 63) // 64 * 64,
        num_hidden_layers=layers,
        num_attention_heads=width // 64,
        num_key_value_heads=max(1, width // 128),
        head_dim=64,
        max_position_embeddings=512,
    )


def as_record(fitted: Fitted, plan: Plan) -> dict[str, Any]:
    """What the report shows of a run: plan, losses, held-out curve."""
    losses = fitted.losses[:: max(1, len(fitted.losses) // 500)]
    return {
        "steps": fitted.steps,
        "tokens": fitted.tokens,
        "seconds": round(fitted.seconds, 1),
        "best_validation_bits_per_byte": fitted.best if np.isfinite(fitted.best) else None,
        "best_step": fitted.best_step,
        "blog_share": round(plan.share, 4),
        "passes": round(plan.passes, 2),
        "full_seconds": round(plan.full_seconds),
        "full_passes": round(plan.full_passes, 2),
        # How much work was done beside the steps, which decides what is kept of them.
        "evaluations": plan.evaluations,
        "validation_tokens": plan.validation_tokens,
        "general_tokens": plan.general_tokens,
        "balance_tokens": plan.balance_tokens,
        "windows_at_once": plan.micro_rows,
        "reasons": list(plan.reasons),
        "settings": vars(plan.settings) | {},
        "losses": [[step, round(loss, 4)] for step, loss in losses],
        "curve": [[step, round(figure, 4)] for step, figure in fitted.curve],
    }
