"""What a blog says more than once: posts that are nearly the same, paragraphs that stand in many posts.

    duplicates = find_duplicates([(post.id, post.text) for post in posts])
    boilerplate = find_boilerplate([(post.id, post.text) for post in posts])
    text = remove_boilerplate(post.text, boilerplate)

Near-duplicates are sought with MinHash and banding (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3) over shingles of five words, and with paragraphs that two posts share; each pair
found is then compared exactly. The bands are sorted arrays and not tables of sets, so memory is about 1 KB a
post.
"""

import functools
import hashlib
import itertools
import math
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]

_SHINGLE = 5  # words
_BANDS, _ROWS = 20, 3  # finds 99% of pairs at a Jaccard similarity of 0.6, 93% at 0.5, 2% at 0.1
_LEAST_JACCARD = 0.6
_LEAST_CONTAINMENT = 0.8
_FEWEST_WORDS_SHARED = 8  # in a paragraph that makes two posts worth comparing
_MOST_NEIGHBOURS = 8  # comparisons a post for each band or paragraph; keeps hostile input from being quadratic
_MOST_SHARERS = 20  # a paragraph in more posts is boilerplate, not a copy
_SEED = 1
_AT_ONCE = 4096  # shingles whose values under the random functions are held at once

_FEWEST_POSTS = 3
_LEAST_SHARE = 0.02
_ENOUGH_POSTS = 50
# A word; in scripts without spaces (Thai, Lao, kana, Han) a character.
_NO_SPACES = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_NO_SPACES}]|[^\W{_NO_SPACES}]+")
_CALL = re.compile(
    r"subscri|newsletter|follow (?:me|us)|share (?:this|on)|read more|sign up|leave a comment|copyright|©"
    r"|cookie|rights reserved|abonnier|abonne|suscr[ií]b|inscreva|s'abonner|iscriviti|подпи[сш]",
)


@dataclass(frozen=True)
class Duplicate:
    """Post `id` says what post `of`, which is kept, says; `similarity` (0 to 1) is the larger of the Jaccard
    similarity of their shingles and the share of the shorter post's shingles that the longer one holds."""

    id: int
    of: int
    similarity: float


@dataclass(frozen=True)
class Boilerplate:
    """A paragraph, as it is written where it first stands, and the number of posts that hold it."""

    paragraph: str
    posts: int


def find_duplicates(texts: Sequence[tuple[int, str]]) -> list[Duplicate]:
    """Return the posts that repeat another post, given `(id, clean text)` pairs.

    Two posts repeat each other when 60% of their five-word shingles are common to both, or 80% of the shorter
    post's stand in the longer one. The longest post is kept, of equally long ones the first. Posts without
    words are passed over. The result depends on the texts and their order only. A short post inside a long
    one is found when the two share a paragraph of eight words or more.
    """
    import numpy as np

    order = sorted(range(len(texts)), key=lambda place: (-len(texts[place][1]), place))
    rank = {place: position for position, place in enumerate(order)}
    shingles = functools.lru_cache(maxsize=256)(lambda place: np.unique(_shingles(texts[place][1])))
    neighbours: dict[int, set[int]] = {}
    for later, earlier in _pairs(texts, rank):
        neighbours.setdefault(later, set()).add(earlier)
    repeated: dict[int, Duplicate] = {}
    for place in sorted(neighbours, key=rank.__getitem__):
        kept = [other for other in neighbours[place] if other not in repeated]
        alike = [(_similarity(shingles(place), shingles(other)), -rank[other], other) for other in kept]
        similarity, _, other = max(alike, default=(0.0, 0, 0))
        if similarity:
            repeated[place] = Duplicate(texts[place][0], texts[other][0], round(similarity, 4))
    return [repeated[place] for place in sorted(repeated)]


def find_boilerplate(texts: Sequence[tuple[int, str]]) -> list[Boilerplate]:
    """Return the paragraphs that many posts hold word for word, most frequent first; `texts` as above.

    Many: at least 3 posts and 2% of all, 50 posts in any case. Case and white space are folded. Headings are
    no boilerplate: a paragraph of fewer than eight words counts only when it ends like a sentence, or calls
    on the reader ("Subscribe to my newsletter").
    """
    import numpy as np

    wanted = max(_FEWEST_POSTS, min(_ENOUGH_POSTS, math.ceil(_LEAST_SHARE * len(texts))))
    hashes = np.fromiter((key for _, text in texts for key in set(_paragraph_keys(text))), dtype=np.uint64)
    keys, counts = np.unique(hashes, return_counts=True)
    frequent = dict(zip(keys[counts >= wanted].tolist(), counts[counts >= wanted].tolist(), strict=True))
    first: dict[int, str] = {}
    for _, text in texts if frequent else ():
        for paragraph in text.split("\n\n"):
            key = _key(_fold(paragraph))
            if key in frequent and key not in first:
                first[key] = paragraph
    found = [Boilerplate(first[key], frequent[key]) for key in first]
    return sorted(found, key=lambda item: -item.posts)


def remove_boilerplate(text: str, boilerplate: Iterable[Boilerplate]) -> str:
    """Return `text` without the paragraphs of `boilerplate`; the rest stays as it is."""
    folded = {_fold(item.paragraph) for item in boilerplate}
    paragraphs = text.split("\n\n")
    kept = [paragraph for paragraph in paragraphs if _fold(paragraph) not in folded]
    return text if len(kept) == len(paragraphs) else "\n\n".join(kept)


def _fold(paragraph: str) -> str:
    return " ".join(paragraph.casefold().split())


def _key(folded: str) -> int:
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest(), "little")


def _paragraph_keys(text: str) -> Iterator[int]:
    """Yield a hash of each paragraph that could be boilerplate."""
    for paragraph in text.split("\n\n"):
        folded = _fold(paragraph)
        words = folded.count(" ") + 1
        is_sentence = words >= 8 or (words >= 4 and folded.endswith((".", "!", ":")))
        if is_sentence or _CALL.search(folded):
            yield _key(folded)


def _shingles(text: str) -> "Hashes":
    """Return a 64-bit hash of each run of five words, or of all words when there are fewer."""
    import numpy as np

    words = [zlib.crc32(word.encode("utf-8", "replace")) for word in _WORD.findall(text.casefold())]
    if not words:
        return np.empty(0, dtype=np.uint64)
    codes = np.array(words, dtype=np.uint64)
    width = min(_SHINGLE, len(words))
    hashes = np.full(len(words) - width + 1, width, dtype=np.uint64)
    for offset in range(width):
        hashes = (hashes ^ codes[offset : offset + len(hashes)]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def _signature(shingles: "Hashes") -> "NDArray[np.uint32]":
    """Return the MinHash signature of shingles: the least of their values under each of some random functions.

    The functions multiply by an odd number and add, modulo 2**64; the upper half counts (Dietzfelbinger et al. 1997).
    """
    import numpy as np

    factors, offsets = _functions()
    parts = [shingles[start : start + _AT_ONCE, None] for start in range(0, len(shingles), _AT_ONCE)]
    least = np.min([(part * factors + offsets).min(axis=0) for part in parts], axis=0)
    signature: NDArray[np.uint32] = (least >> np.uint64(32)).astype(np.uint32)
    return signature


@functools.cache
def _functions() -> "tuple[Hashes, Hashes]":
    import numpy as np

    factors, offsets = np.random.default_rng(_SEED).integers(2**64, size=(2, _BANDS * _ROWS), dtype=np.uint64)
    return factors | np.uint64(1), offsets


def _similarity(one: "Hashes", other: "Hashes") -> float:
    """Return the similarity of two sets of shingles (`Duplicate`), 0 when it is below both limits."""
    import numpy as np

    common = len(np.intersect1d(one, other, assume_unique=True))
    jaccard = common / (len(one) + len(other) - common)
    containment = common / min(len(one), len(other))
    if jaccard >= _LEAST_JACCARD or containment >= _LEAST_CONTAINMENT:
        return max(jaccard, containment)
    return 0.0


def _pairs(texts: Sequence[tuple[int, str]], rank: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places worth comparing, the one of higher `rank` first."""
    for group in itertools.chain(_groups_of_bands(texts), _groups_of_paragraphs(texts)):
        ranked = sorted(group, key=rank.__getitem__)
        for position, place in enumerate(ranked):
            for other in ranked[: min(position, _MOST_NEIGHBOURS)]:
                yield place, other


def _groups_of_bands(texts: Sequence[tuple[int, str]]) -> Iterator[list[int]]:
    """Yield groups of places whose MinHash signatures agree in all rows of a band."""
    import numpy as np

    signatures, places = [], []
    for place, (_, text) in enumerate(texts):
        shingles = _shingles(text)
        if len(shingles):
            signatures.append(_signature(shingles))
            places.append(place)
    if not places:
        return
    table = np.stack(signatures)
    for band in range(_BANDS):
        rows = np.ascontiguousarray(table[:, band * _ROWS : (band + 1) * _ROWS])
        keys = rows.view([("", rows.dtype)] * _ROWS).ravel()
        yield from _groups_of_equals(keys, np.array(places))


def _groups_of_paragraphs(texts: Sequence[tuple[int, str]]) -> Iterator[list[int]]:
    """Yield groups of places that share a paragraph of some length, unless very many do."""
    import numpy as np

    keys: list[int] = []
    places: list[int] = []
    for place, (_, text) in enumerate(texts):
        folded = {_fold(paragraph) for paragraph in text.split("\n\n")}
        shared = {_key(paragraph) for paragraph in folded if paragraph.count(" ") + 1 >= _FEWEST_WORDS_SHARED}
        keys += shared
        places += [place] * len(shared)
    for group in _groups_of_equals(np.array(keys, dtype=np.uint64), np.array(places, dtype=np.int64)):
        if len(group) <= _MOST_SHARERS:
            yield group


def _groups_of_equals(keys: "NDArray[np.generic]", places: "NDArray[np.int64]") -> Iterator[list[int]]:
    """Yield, for each key that occurs twice or more, the places where it occurs."""
    import numpy as np

    if not len(keys):
        return
    by_key = np.argsort(keys, kind="stable")
    ordered = keys[by_key]
    edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts, ends = np.concatenate(([0], edges)), np.concatenate((edges, [len(keys)]))
    for start, end in zip(starts[ends - starts > 1], ends[ends - starts > 1], strict=True):
        yield places[by_key[start:end]].tolist()
