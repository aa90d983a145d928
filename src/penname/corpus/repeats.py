"""Texts as sets of numbers: a hash for each run of five words, and the MinHash signature of such a set.

    one, other = shingles_of("The boat left at six."), shingles_of("the boat left, at six")   # equal arrays

Words are found and hashed in arrays of characters, so a text costs no Python call for each word. Memory is bounded
however long the text is: characters are looked at 65,536 at a time.

What a blog says more than once: posts that are nearly the same, paragraphs that stand in many posts.

    duplicates = find_duplicates([(post.id, post.text) for post in posts])
    boilerplate = find_boilerplate([(post.id, post.text) for post in posts])
    text = remove_boilerplate(post.text, boilerplate)

Near-duplicates are sought with MinHash and banding (Broder 1997; Leskovec, Rajaraman and Ullman, "Mining of
Massive Datasets", chapter 3) over shingles of five words, and with paragraphs that two posts share; each pair
found is then compared exactly. The texts may be any sequence, one on disk too: they are taken one at a time, and
what is kept of each is a signature and 16 bytes a paragraph, about 1 KB a post.
"""

import functools
import itertools
import math
import re
from array import array
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hashes = NDArray[np.uint64]
    import numpy as np
    from numpy.typing import NDArray


SHINGLE = 5  # words
# A word; in scripts without spaces (Thai, Lao, kana, Han) a character.
_NO_SPACES = r"\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff"
_KINDS = re.compile(rf"(?P<single>[{_NO_SPACES}]+)|[^\W{_NO_SPACES}]+")
_WORD, _SINGLE = 1, 2
_AT_ONCE = 65_536  # characters
_BLOCK = 512  # shingles whose values under the random functions are held at once: they stay in the cache
_BASE = 0x9E3779B97F4A7C15  # odd, so it has an inverse modulo 2**64
_MIX = np.uint64(0xD6E8FEB86659FD93)


def shingles_of(text: str) -> "Hashes":
    """Return a 64-bit hash of each run of five words, or of all words when there are fewer; case is folded."""
    parts = [_word_hashes(part) for part in _parts(text.casefold())]
    words = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if not len(words):
        return np.empty(0, dtype=np.uint64)
    width = min(SHINGLE, len(words))
    hashes = np.full(len(words) - width + 1, width, dtype=np.uint64)
    for offset in range(width):
        hashes ^= words[offset : offset + len(hashes)]
        hashes *= np.uint64(_BASE)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def signature_of(shingles: "Hashes", functions: int, seed: int) -> "NDArray[np.uint32]":
    """Return the MinHash signature of shingles: the least of their values under each of some random functions.

    The functions multiply by an odd number and add, modulo 2**32, so each is a permutation (Broder et al. 1998,
    "Min-wise independent permutations").
    """
    factors, offsets = random_functions(functions, seed)
    values = (shingles >> np.uint64(32)).astype(np.uint32)
    least = np.full(functions, 2**32 - 1, dtype=np.uint32)
    for start in range(0, len(values), _BLOCK):
        images = values[None, start : start + _BLOCK] * factors
        images += offsets
        np.minimum(least, images.min(axis=1), out=least)
    return least


@functools.cache
def random_functions(count: int, seed: int) -> "tuple[NDArray[np.uint32], NDArray[np.uint32]]":
    """Return the factors and the offsets of the random functions, each a column."""
    drawn = np.random.default_rng(seed).integers(2**32, size=(2, count, 1), dtype=np.uint32)
    return drawn[0] | np.uint32(1), drawn[1]


def _parts(text: str) -> Iterator[str]:
    """Cut a long text at spaces; a stretch without any is cut where it is."""
    start = 0
    while len(text) - start > _AT_ONCE:
        cut = text.rfind(" ", start + 1, start + _AT_ONCE)
        cut = cut if cut > start else start + _AT_ONCE
        yield text[start:cut]
        start = cut
    yield text[start:]


def _word_hashes(text: str) -> "Hashes":
    """Return a hash of each word: a polynomial in its characters, taken from sums over the whole text."""
    codes = _codes(text)
    padded = np.zeros(len(codes) + 2, dtype=np.uint8)
    padded[1:-1] = _kinds(len(_ASCII) if text.isascii() else 0x110000)[codes]
    kinds, inside = padded[1:-1], padded == _WORD
    single = kinds == _SINGLE
    starts = np.flatnonzero((inside[1:-1] & ~inside[:-2]) | single)
    ends = np.flatnonzero((inside[1:-1] & ~inside[2:]) | single) + 1
    powers, inverses = _powers()
    sums = np.zeros(len(codes) + 1, dtype=np.uint64)
    np.cumsum((codes + np.uint64(1)) * powers[: len(codes)], out=sums[1:])
    hashes: Hashes = (sums[ends] - sums[starts]) * inverses[starts]
    hashes ^= hashes >> np.uint64(32)
    hashes *= _MIX
    hashes ^= hashes >> np.uint64(32)
    return hashes


def _codes(text: str) -> "NDArray[np.integer]":
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.dtype("<u4"))


_ASCII = "".join(map(chr, range(128)))


@functools.cache
def _kinds(size: int) -> "NDArray[np.uint8]":
    """Return for each character below `size` whether it belongs to a word, is a word of its own, or neither."""
    table = np.zeros(size, dtype=np.uint8)
    for match in _KINDS.finditer("".join(map(chr, range(size)))):
        table[match.start() : match.end()] = _SINGLE if match["single"] else _WORD
    return table


@functools.cache
def _powers() -> "tuple[Hashes, Hashes]":
    """Return the powers of the base and of its inverse, modulo 2**64, for as many characters as are looked at once."""
    tables = []
    for base in (_BASE, pow(_BASE, -1, 2**64)):
        table = np.full(_AT_ONCE, base, dtype=np.uint64)
        table[0] = 1
        tables.append(np.cumprod(table))
    return tables[0], tables[1]


Texts = Sequence[tuple[str, str]]
"""Pairs of a post's id and its clean text."""

_BANDS, _ROWS = 20, 3  # finds 99% of pairs at a Jaccard similarity of 0.6, 93% at 0.5, 2% at 0.1
_LEAST_JACCARD = 0.6
_LEAST_CONTAINMENT = 0.8
_FEW_WORDS = 8  # fewer make a short line; a paragraph of as many makes two posts that share it worth comparing
_MOST_NEIGHBOURS = 8  # comparisons a post for each band or paragraph; keeps hostile input from being quadratic
_MOST_SHARERS = 20  # a paragraph in more posts is boilerplate, not a copy
_SEED = 1
_CACHED = 32 << 20  # bytes of shingles held while pairs are compared

_FEWEST_POSTS = 3
_LEAST_SHARE = 0.02
_LEAST_SHARE_OF_LINES = 0.1
_ENOUGH_POSTS = 50
_EDGE = 2  # paragraphs that open a post, and that end it
ANYWHERE, START, END = "anywhere", "start", "end"
_CALL = re.compile(
    r"subscri|newsletter|follow (?:me|us)|share (?:this|on)|read more|sign up|leave a comment|copyright|©"
    r"|cookie|rights reserved|abonnier|abonne|suscr[ií]b|inscreva|s'abonner|iscriviti|подпи[сш]",
)


@dataclass(frozen=True)
class Duplicate:
    """Post `id` says what post `of`, which is kept, says; `similarity` (0 to 1) is the larger of the Jaccard
    similarity of their shingles and the share of the shorter post's shingles that the longer one holds."""

    id: str
    of: str
    similarity: float


@dataclass(frozen=True)
class Boilerplate:
    """A paragraph, as it is written where it first stands, and the number of posts that hold it.

    `place` is `anywhere`, or `start` or `end` for a short line that is boilerplate only where it opens or ends a post.
    """

    paragraph: str
    posts: int
    place: str = ANYWHERE


def find_duplicates(texts: Texts) -> list[Duplicate]:
    """Return the posts that repeat another post, given `(id, clean text)` pairs.

    Two posts repeat each other when 60% of their five-word shingles are common to both, or 80% of the shorter
    post's stand in the longer one. The longest post is kept, of equally long ones the first. Posts without
    words are passed over. The result depends on the texts and their order only. A short post inside a long
    one is found when the two share a paragraph of eight words or more.
    """
    sketch = _Sketch(texts)
    order = sorted(range(len(sketch.lengths)), key=lambda place: (-sketch.lengths[place], place))
    rank = {place: position for position, place in enumerate(order)}
    neighbours: dict[int, set[int]] = {}
    for later, earlier in _pairs(sketch, rank):
        neighbours.setdefault(later, set()).add(earlier)
    shingles = _Shingles(texts)
    repeated: dict[int, Duplicate] = {}
    for place in sorted(neighbours, key=rank.__getitem__):
        kept = [other for other in neighbours[place] if other not in repeated]
        alike = [(_similarity(shingles.of(place), shingles.of(other)), -rank[other], other) for other in kept]
        similarity, _, other = max(alike, default=(0.0, 0, 0))
        if similarity:
            repeated[place] = Duplicate(texts[place][0], texts[other][0], round(similarity, 4))
    return [repeated[place] for place in sorted(repeated)]


def find_boilerplate(texts: Texts) -> list[Boilerplate]:
    """Return the paragraphs that many posts hold word for word, most frequent first; `texts` as above.

    Many: at least 3 posts and 2% of all, 50 posts in any case. Case and white space are folded. A paragraph of fewer
    than eight words counts when it ends like a sentence, or calls on the reader ("Subscribe to my newsletter"), or
    when it opens or ends a tenth of all posts ("Cheers, Ann").
    """
    paragraphs = Paragraphs()
    for _, text in texts:
        paragraphs.add(text)
    return paragraphs.boilerplate(texts)


def remove_boilerplate(text: str, boilerplate: Iterable[Boilerplate]) -> str:
    """Return `text` without the paragraphs of `boilerplate`; the rest stays as it is."""
    unwanted = _by_place(tuple(boilerplate))
    if not unwanted:
        return text
    folded, firsts = unwanted
    paragraphs = text.split("\n\n")
    kept = []
    for number, part in enumerate(text.casefold().split("\n\n")):
        first = part.split(None, 1)
        if first and first[0] in firsts:
            line = _fold(part)
            if any((line, place) in folded for place in _places(number, len(paragraphs))):
                continue
        kept.append(paragraphs[number])
    return text if len(kept) == len(paragraphs) else "\n\n".join(kept)


class Paragraphs:
    """Counts the paragraphs of posts, which are added one at a time, and tells what many of them share."""

    def __init__(self) -> None:
        self._posts, self._sentences, self._lines = 0, _holdings(), _holdings()

    def add(self, text: str, headings: Collection[str] = ()) -> None:
        """Count the paragraphs of one post; a short line that is one of its `headings` is no boilerplate."""
        seen: set[tuple[int, str]] = set()
        for key, place, paragraph in _candidates(text):
            if (key, place) in seen or (place != ANYWHERE and paragraph in headings):
                continue
            seen.add((key, place))
            keys, posts = self._sentences if place == ANYWHERE else self._lines
            keys.append(key)
            posts.append(self._posts)
        self._posts += 1

    def boilerplate(self, texts: Texts) -> list[Boilerplate]:
        """Return what `find_boilerplate` returns; `texts` are those that were added, in the same order."""
        counts: dict[int, int] = {}
        holders: set[int] = set()
        for (keys, posts), share in ((self._sentences, _LEAST_SHARE), (self._lines, _LEAST_SHARE_OF_LINES)):
            many = max(_FEWEST_POSTS, min(_ENOUGH_POSTS, math.ceil(share * self._posts)))
            for key, group in _groups_of_equals(_numbers(keys), _numbers(posts), fewest=many):
                counts[key] = len(group)
                holders.add(group[0])
        found: list[Boilerplate] = []
        for holder in sorted(holders):
            for key, place, paragraph in _candidates(texts[holder][1]):
                if posts_with := counts.pop(key, 0):
                    found.append(Boilerplate(paragraph, posts_with, place))
        return sorted(found, key=lambda item: -item.posts)

    def clear(self) -> None:
        """Let the counts go."""
        self._posts, self._sentences, self._lines = 0, _holdings(), _holdings()


def _holdings() -> "tuple[array[int], array[int]]":
    """Return room for which paragraphs stand in which posts: a hash, and the number of the post, for each."""
    return array("q"), array("I")


def _candidates(text: str) -> Iterator[tuple[int, str, str]]:
    """Yield a hash, the place and the text of each paragraph that could be boilerplate."""
    paragraphs = text.split("\n\n")
    for number, part in enumerate(text.casefold().split("\n\n")):
        folded = _fold(part)
        words = folded.count(" ") + 1
        is_sentence = words >= _FEW_WORDS or (words >= 4 and folded.endswith((".", "!", ":")))
        if is_sentence or _CALL.search(folded):
            yield hash(folded), ANYWHERE, paragraphs[number]
        elif folded:
            for place in _places(number, len(paragraphs))[1:]:
                yield hash((folded, place)), place, paragraphs[number]


def _places(number: int, count: int) -> list[str]:
    """Return the places of paragraph `number` of `count`: at most half of a post opens it, or ends it."""
    edge = min(_EDGE, count // 2)
    return [ANYWHERE] + [START] * (number < edge) + [END] * (number >= count - edge)


@functools.lru_cache(maxsize=8)
def _by_place(boilerplate: tuple[Boilerplate, ...]) -> tuple[frozenset[tuple[str, str]], frozenset[str]] | None:
    """Return the folded paragraphs with their places, and their first words."""
    folded = [(_fold(item.paragraph.casefold()), item.place) for item in boilerplate]
    firsts = frozenset(line.split(" ", 1)[0] for line, _ in folded)
    return (frozenset(folded), firsts) if folded else None


def _fold(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _signature(shingles: "Hashes") -> "NDArray[np.uint32]":

    return signature_of(shingles, _BANDS * _ROWS, _SEED)


def _similarity(one: "Hashes", other: "Hashes") -> float:
    """Return the similarity of two sets of shingles (`Duplicate`), 0 when it is below both limits."""

    common = len(np.intersect1d(one, other, assume_unique=True))
    jaccard = common / (len(one) + len(other) - common)
    containment = common / min(len(one), len(other))
    if jaccard >= _LEAST_JACCARD or containment >= _LEAST_CONTAINMENT:
        return max(jaccard, containment)
    return 0.0


class _Sketch:
    """What is kept of each text: its length, its signature, and a hash of each paragraph of some length."""

    def __init__(self, texts: Texts) -> None:

        self.lengths = array("Q")
        self.signatures, self.signed = bytearray(), array("I")
        self.paragraphs, self.holders = array("q"), array("I")
        for place, (_, text) in enumerate(texts):
            self.lengths.append(len(text))
            shingles = shingles_of(text)
            if not len(shingles):
                continue
            self.signatures += _signature(shingles).tobytes()
            self.signed.append(place)
            keys = {hash(_fold(part)) for part in text.casefold().split("\n\n") if _is_long(part)}
            self.paragraphs.extend(keys)
            self.holders.extend(itertools.repeat(place, len(keys)))


def _is_long(paragraph: str) -> bool:
    return len(paragraph.split(None, _FEW_WORDS - 1)) == _FEW_WORDS


class _Shingles:
    """The distinct shingles of each text, some of them held."""

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._held: dict[int, Hashes] = {}
        self._bytes = 0

    def of(self, place: int) -> "Hashes":

        if place not in self._held:
            found = np.unique(shingles_of(self._texts[place][1]))
            self._bytes += found.nbytes
            if self._bytes > _CACHED:
                self._held, self._bytes = {}, found.nbytes
            self._held[place] = found
        return self._held[place]


def _pairs(sketch: _Sketch, rank: dict[int, int]) -> Iterator[tuple[int, int]]:
    """Yield pairs of places worth comparing, the one of higher `rank` first."""
    for group in itertools.chain(_groups_of_bands(sketch), _groups_of_paragraphs(sketch)):
        ranked = sorted(group, key=rank.__getitem__)
        for position, place in enumerate(ranked):
            for other in ranked[: min(position, _MOST_NEIGHBOURS)]:
                yield place, other


def _groups_of_bands(sketch: _Sketch) -> Iterator[list[int]]:
    """Yield groups of places whose MinHash signatures agree in all rows of a band."""

    table = np.frombuffer(sketch.signatures, dtype=np.uint32).reshape(-1, _BANDS * _ROWS)
    places = _numbers(sketch.signed)
    for band in range(_BANDS):
        keys = np.zeros(len(table), dtype=np.uint64)
        for row in range(band * _ROWS, (band + 1) * _ROWS):
            keys = (keys ^ table[:, row]) * np.uint64(0x9E3779B97F4A7C15)
            keys ^= keys >> np.uint64(32)
        for _, group in _groups_of_equals(keys, places):
            yield group


def _groups_of_paragraphs(sketch: _Sketch) -> Iterator[list[int]]:
    """Yield groups of places that share a paragraph of some length, unless very many do."""
    for _, group in _groups_of_equals(_numbers(sketch.paragraphs), _numbers(sketch.holders)):
        if len(group) <= _MOST_SHARERS:
            yield group


def _numbers(values: "array[int]") -> "NDArray[np.integer]":
    """Look at an array as numpy does, without a copy."""

    return np.frombuffer(values, dtype=values.typecode) if values else np.empty(0, dtype=values.typecode)


def _groups_of_equals(
    keys: "NDArray[np.integer]", places: "NDArray[np.integer]", fewest: int = 2
) -> Iterator[tuple[int, list[int]]]:
    """Yield each key that occurs at least `fewest` times, and the places where it occurs, in order."""

    if not len(keys):
        return
    by_key = np.argsort(keys, kind="stable")
    ordered = keys[by_key]
    edges = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    starts, ends = np.concatenate(([0], edges)), np.concatenate((edges, [len(keys)]))
    often = ends - starts >= fewest
    for start, end in zip(starts[often], ends[often], strict=True):
        yield int(ordered[start]), places[by_key[start:end]].tolist()
