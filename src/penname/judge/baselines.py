"""What needs no network: a 5-gram model and xz on the held-out posts, beside the networks' work where that is possible.

    with beside(device, lambda: measure_baselines(subject, posts, parts, options)) as baselines:
        ...                                    # the networks' turn
        found = baselines()

In: a subject and the posts that are scored. Out: bits of each post under the 5-gram model, bits per byte of xz.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, TypeVar

from penname.core import events
from penname.core.device import Device
from penname.judge.ngram import KneserNey, xz_bits_per_byte
from penname.judge.parts import Parts, texts_key
from penname.judge.subject import JudgeOptions, Subject
from penname.text.tokenizer import encode_all

Found = TypeVar("Found")


@dataclass(frozen=True)
class Baselines:
    """Bits of each post under a 5-gram model of the training posts, and bits per byte of xz; None if not wanted."""

    ngram: list[float] | None = None
    xz: float | None = None


def measure_baselines(subject: Subject, posts: Sequence[str], parts: Parts, options: JudgeOptions) -> Baselines:
    """Fit the 5-gram model on the training posts, over the model's own tokens, and let xz see them."""
    if not options.baselines:
        return Baselines()
    training = [post.document for post in subject.training]
    key: dict[str, Any] = {"training": texts_key(training), "texts": texts_key(list(posts))}
    loaded = subject.adapted.loaded
    written = loaded.tokenizer.to_str()

    def ngram() -> list[float]:
        from tokenizers import Tokenizer

        # One of its own: encoding changes a flag of the tokenizer, and another thread may be encoding.
        tokenizer = Tokenizer.from_str(written)
        model = KneserNey(encode_all(tokenizer, training), loaded.config.vocab_size, loaded.end)
        return [model.bits(ids) for ids in encode_all(tokenizer, posts)]

    with events.task("Fitting a 5-gram model and xz"):
        return Baselines(
            parts.get("5-gram", key | {"tokenizer": texts_key([written])}, ngram),
            parts.get("xz", key, lambda: xz_bits_per_byte("\n\n".join(training), "\n\n".join(posts))),
        )


@contextlib.contextmanager
def beside(device: Device, work: Callable[[], Found]) -> Iterator[Callable[[], Found]]:
    """Do `work` in another thread while the block runs, if the networks are not on the CPU too; else when asked.

    The yielded function gives the result, or raises what `work` raised.
    """
    if device.kind == "cpu":
        yield work
        return
    pool = ThreadPoolExecutor(1)
    try:
        yield pool.submit(work).result
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
