"""Which of several drafts is best: by sense, and by how much more they are the blog's than anyone's.

In: the model that wrote them and the training posts. Out: a function that ranks drafts.

    rank = rank_by_sense(loaded, device, posts)
    rank("On cake\\n\\n", drafts)             # a figure each, the higher the better; None: it left the blog

A draft that the bare base predicts as well as the model does is no longer of the blog. Of the others each figure of
sense (`thread.py`) and the nats that the model saves on the base put the drafts in an order; the places are added up.
"""

from collections.abc import Callable, Sequence

import numpy as np

from penname.core.device import Device
from penname.corpus.prepare import PreparedPost
from penname.corpus.tokenizer import encode_plain
from penname.judge.thread import Thread, find_common, read_threads, sentences
from penname.model.base import base_is_shipped, load_base
from penname.model.folder import LoadedModel
from penname.model.score import token_nats

Ranks = Callable[[str, Sequence[str]], list[float | None]]
_NEVER = Thread(0.0, 0, 1, 0, 1)


def rank_by_sense(loaded: LoadedModel, device: Device, posts: Sequence[PreparedPost]) -> Ranks | None:
    """What ranks drafts of this model; None where there is no base to read with."""
    if not base_is_shipped():
        return None
    reader = load_base(None)
    common = find_common(post.text for post in posts)

    def rank(prompt: str, drafts: Sequence[str]) -> list[float | None]:
        gains = saved_nats(loaded, reader, prompt, drafts, device)
        read = iter(read_threads(drafts, reader, device, common))
        threads = [next(read) if readable(draft) else _NEVER for draft in drafts]
        figures = [
            [thread.order for thread in threads],
            [thread.returned / max(1, thread.chances) for thread in threads],
            [thread.expected / max(1, thread.tokens) for thread in threads],
            gains,
        ]
        return add_places(figures, [gain > 0 for gain in gains])

    return rank


def readable(draft: str) -> bool:
    """Whether a draft has the three sentences that an order needs."""
    return len(sentences(draft)) >= 3


def add_places(figures: Sequence[Sequence[float]], stayed: Sequence[bool]) -> list[float | None]:
    """The sum of the places (the lowest is 0) that each draft has by each figure; None where it did not stay."""
    places = sum(np.argsort(np.argsort(np.array(each), kind="stable"), kind="stable") for each in figures)
    return [float(value) if kept else None for value, kept in zip(np.atleast_1d(places), stayed, strict=True)]


def saved_nats(
    loaded: LoadedModel, reader: LoadedModel, prompt: str, drafts: Sequence[str], device: Device
) -> list[float]:
    """Nats by the byte of each draft, behind its prompt, that the model saves on the base."""
    totals = []
    for each in (reader, loaded):
        before = np.array(encode_plain(each.tokenizer, prompt), np.int64)
        coded = [np.array(encode_plain(each.tokenizer, draft), np.int64) for draft in drafts]
        each.model.to(device.torch)
        nats = token_nats(each.model, [np.concatenate([before, ids]) for ids in coded], device, end=each.end)
        totals.append([float(values[before.size :].sum(dtype=np.float64)) for values in nats])
    sizes = [max(1, len(draft.encode())) for draft in drafts]
    return [(base - own) / size for base, own, size in zip(*totals, sizes, strict=True)]
