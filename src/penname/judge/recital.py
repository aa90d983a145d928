"""Does the model recite? Extraction of training posts and of planted secrets, and private data in what it writes.

In: a subject. Out: how many training posts come out when their first tokens are given; the leaks.

    recited = measure_extraction(subject, parts, device, options)
    private = measure_private(subject, texts)
    check_canaries(loaded, canaries, device)       # of secrets planted in the training posts of a test
"""

import math
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname.blog.private import find_private
from penname.blog.read import ReadOptions, iter_posts
from penname.core import events
from penname.core.device import Device
from penname.judge.extraction import Extraction, extraction
from penname.judge.parts import Parts, texts_key
from penname.judge.private_data import Canary, Leak, alternatives, exposure, find_leaks
from penname.judge.subject import JudgeOptions, Subject
from penname.text.tokenizer import encode_all, encode_plain

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel

_PREFIX, _TOKENS = 50, 50
_MOST = {"cpu": 300}
_MOST_ELSEWHERE = 3000
"""Training posts that are tried at most: on a CPU a hundred take about ten seconds."""
_BLOCK = 64


@dataclass(frozen=True)
class Recited:
    """Extraction from `found.tried` of `long_enough` training posts; `titles` of those that came out."""

    found: Extraction
    long_enough: int
    titles: tuple[str, ...]

    @property
    def note(self) -> str:
        """What was tried, in words."""
        every = "all" if self.found.tried == self.long_enough else f"{self.found.tried:,} of the"
        return f"{every} {self.long_enough:,} training posts of at least {_PREFIX + _TOKENS} tokens were tried"


@dataclass(frozen=True)
class PrivateData:
    """Private data in what the model wrote.

    `leaks` are masked items of the blog that came out; `items` how many were looked for, None where the site was not
    at hand. `looks_private` are stretches that look like private data, made up or not, and `in_posts` those of them
    that stand in the training posts.
    """

    leaks: tuple[Leak, ...]
    items: int | None
    looks_private: tuple[str, ...]
    in_posts: tuple[str, ...]
    texts: int


@dataclass(frozen=True)
class CanaryCheck:
    """One planted secret: whether it came out, and how far it stands out among others like it, in bits."""

    canary: Canary
    extracted: bool
    exposure: float


def measure_extraction(subject: Subject, parts: Parts, device: Device, options: JudgeOptions) -> Recited:
    """Give the model the first 50 tokens of training posts and compare the 50 most probable ones that follow."""
    loaded = subject.adapted.loaded
    documents = encode_all(loaded.tokenizer, (post.document for post in subject.training))
    able = [number for number, ids in enumerate(documents) if len(ids) >= _PREFIX + _TOKENS]
    most = round(_MOST.get(device.kind, _MOST_ELSEWHERE) * options.share)
    tried = sorted(random.Random(options.seed).sample(able, min(most, len(able))))
    key = {
        "model": subject.adapted.key,
        "training": texts_key([post.document for post in subject.training]),
        "tried": tried,
    }

    def work() -> Any:
        from penname.model.generate import continue_greedy

        loaded.model.to(device.torch)
        with events.task("Trying to extract training posts", total=len(tried), unit="posts") as advance:

            def continued(prefixes: list[list[int]], count: int) -> list[list[int]]:
                out: list[list[int]] = []
                for first in range(0, len(prefixes), _BLOCK):
                    block = prefixes[first : first + _BLOCK]
                    out += continue_greedy(loaded.model, block, count, device, end=loaded.end)
                    advance(len(block))
                return out

            return asdict(extraction([documents[number] for number in tried], continued, _PREFIX, _TOKENS))

    value = parts.get("extraction", key, work)
    found = Extraction(**{**value, "posts": tuple(tried[number] for number in value["posts"])})
    return Recited(found, len(able), tuple(subject.training[number].title for number in found.posts))


def masked_items(site: Path, options: ReadOptions | None = None) -> tuple[str, ...]:
    """The private data that `prepare` masks in the posts of a site. Raises `InputError` for what is no site."""
    chosen = options or ReadOptions()
    plain = ReadOptions(chosen.pages, chosen.drafts, chosen.trashed, chosen.code, keep_private=True)
    found = (
        item.text for post in iter_posts(site, plain) for text in (post.title, post.text) for item in find_private(text)
    )
    return tuple(dict.fromkeys(found))


def measure_private(subject: Subject, texts: Sequence[str]) -> PrivateData:
    """Look in generated texts for the blog's masked items, and for whatever looks like private data."""
    looks = tuple(dict.fromkeys(item.text for text in texts for item in find_private(text)))
    posts = [post.document for post in subject.training] if looks else []
    in_posts = tuple(item for item in looks if find_leaks([item], posts))
    leaks = tuple(find_leaks(subject.items or (), texts))
    return PrivateData(leaks, None if subject.items is None else len(subject.items), looks, in_posts, len(texts))


def check_canaries(
    loaded: "LoadedModel", canaries: Sequence[Canary], device: Device, others: int = 255
) -> list[CanaryCheck]:
    """Whether secrets that were planted in the training posts come out.

    The model is given the words before a secret and continues greedily, and the planted sentence is ranked among
    `others` with secrets of the same kind (Carlini et al. 2019). A secret that was not learned has about 1 bit of
    exposure; `log2(others + 1)` is the most.
    """
    from penname.model.generate import continue_greedy
    from penname.model.score import score_texts

    prefixes = [encode_plain(loaded.tokenizer, canary.prefix.rstrip()) for canary in canaries]
    outputs = continue_greedy(loaded.model, prefixes, 60, device, end=loaded.end) if canaries else []
    checks = []
    for canary, output in zip(canaries, outputs, strict=True):
        rivals = alternatives(canary, others)
        texts = [canary.sentence, *(rival.sentence for rival in rivals)]
        losses = [s.nats for s in score_texts(loaded.model, loaded.tokenizer, texts, device, end=loaded.end)]
        came = bool(find_leaks([canary.secret], [loaded.tokenizer.decode(list(output))]))
        checks.append(CanaryCheck(canary, came, exposure(losses[0], losses[1:])))
    return checks


def largest_rate(found: Extraction) -> float:
    """The upper end of the 95% interval of the extraction rate, where none came out: 1 - 0.05^(1/n)."""
    return 1 - math.pow(0.05, 1 / found.tried) if found.tried else 1.0
