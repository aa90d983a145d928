"""Choose which posts are held out: whole posts, the same ones each time, never a copy of a training post.

    split = split_posts(posts, duplicates=[(2, 11)])
    split.sides[2]      # "train"

In: posts, and the groups of posts that repeat each other. Out: a side for each post, and the figures to print.

How a post gets its side, with `how="hash"`: a hash of its id and of nothing else (so editing its title, date or text
never moves it) gives it a fixed place between 0 and 1. The validation posts are those nearest to 0, the test posts
those nearest to 1, until each side holds its share of the words, or a quarter of the posts that may be held out. So a
post does not go from test to validation, and a new post moves at most the posts at an edge. With `how="newest"` the
newest posts are the test, the ones before them the validation: what a model of a living blog meets.

Never held out are posts that repeat another one, posts without words, and, while others will do, posts of more than 3%
of all words. Where the others hold less than half of what is wanted, more of them are taken than a quarter; then larger
ones, up to twice what is wanted; then the smallest of these, up to three times. A blog that has none but larger posts
still holds one out. A side that would hold fewer than 50 words stays empty; `Split.thin` says so, and warns under 500.
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Protocol

from penname.core.errors import InputError
from penname.core.terminal import many

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SIDES = (TRAIN, VALIDATION, TEST)
LARGEST = 0.03
"""No post of more than this share of all words is held out, if it can be helped."""
LEAST_MEASURED, LEAST_HELD = 500, 50
"""Words of a held-out side below which figures say little, as a few sentences decide them; and below which they say
nothing: such posts stay for training."""
_MANY = 30
"""From this many posts on each held-out side has at least two posts, below it at least one."""
_APART = 12
"""From this many posts on each half of the places has its own side, so that no new post moves one across."""
_OVER, _FAR_OVER = 2.0, 3.0
"""How many times what is wanted a side may hold, where it takes posts in turn, and where one post is all of it."""


class Splittable(Protocol):
    """What a post must have to be split."""

    @property
    def id(self) -> str:
        """What the source calls it: Publii's number, say."""

    @property
    def date(self) -> str:
        """The ISO day, or an empty string."""

    @property
    def words(self) -> int:
        """White-space separated words."""


@dataclass(frozen=True)
class Side:
    """How much lies on one side."""

    posts: int
    words: int
    share: float
    """Of all words, 0 to 1."""


@dataclass(frozen=True)
class Split:
    """The side of each post by its id, the figures of each side, and how many posts may not be held out and why."""

    sides: dict[str, str]
    figures: dict[str, Side]
    repeated: int
    too_large: int
    given_up: dict[str, int]
    """Words of the posts that a side would have had, where they are too few to measure anything."""

    def sentence(self) -> str:
        """The figures in a line for the user."""
        parts = []
        for name in SIDES:
            side = self.figures[name]
            posts = many(side.posts, "post")
            parts.append(f"{name} {posts}, {side.words:,} words ({side.share:.1%})")
        return "; ".join(parts)

    def thin(self) -> str:
        """A warning where a side holds too few words to measure on, with what to do; else empty."""
        said = [
            f"the posts that could be held out for {name} have {words:,} words, too few to measure anything (under "
            f"{LEAST_HELD}), and stay for training"
            for name, words in self.given_up.items()
        ]
        said += [
            f"the {name} posts hold {self.figures[name].words:,} words, and under {LEAST_MEASURED} a few sentences "
            "decide a figure"
            for name in (VALIDATION, TEST)
            if 0 < self.figures[name].words < LEAST_MEASURED
        ]
        if not said:
            return ""
        return f"Too little is held out: {'; '.join(said)}. Write more, or read more with --pages and --drafts."


def split_posts(
    posts: Sequence[Splittable],
    duplicates: Iterable[Collection[str]] = (),
    *,
    how: str = "hash",
    validation: float = 0.05,
    test: float = 0.05,
) -> Split:
    """Give every post a side. `validation` and `test` are shares of all words; 0 leaves a side empty.

    At least one post stays for training. From three posts on each side that is wanted has one, from thirty on mostly
    two, as long as enough posts may be held out. Raises `InputError` for an unknown `how`, or shares of more
    than half together.
    """
    _check(how, validation, test)
    total = sum(post.words for post in posts)
    repeated = {number for group in duplicates for number in group}
    whole = [post for post in posts if post.id not in repeated]
    allowed = _largest_held_out(posts, total)
    order = _ordered([post for post in whole if post.words], how)
    sides, room = {post.id: TRAIN for post in posts}, _Room(LARGEST * total, allowed, _fewest(len(posts)), order)
    scarce = sum(post.words <= allowed for post in order) < 2 or len(posts) < 3
    given_up: dict[str, int] = {}
    for name, share in _wanted(how, validation, test, scarce):
        halves = how == "hash" and len(posts) >= _APART
        mine = [post for post in order if not halves or (_place(post) < "8") == (name == VALIDATION)]
        most = sum(side == TRAIN for side in sides.values()) - 1
        found = _chosen(mine or order, share * total, room, most)
        if 0 < _words(found) < LEAST_HELD:
            given_up[name], found = _words(found), []
        for post in found:
            sides[post.id] = name
            order.remove(post)
        if how == "hash":
            order.reverse()
    return Split(
        sides,
        {name: _figure(posts, sides, name, total) for name in SIDES},
        repeated=len(posts) - len(whole),
        too_large=sum(post.words > LARGEST * total and sides[post.id] == TRAIN for post in whole),
        given_up=given_up,
    )


class _Room:
    """What may be held out: the words of a small post, of any post, and how many small posts of those in `order`."""

    def __init__(self, small: float, largest: float, fewest: int, order: Sequence[Splittable]) -> None:
        self.small, self.largest, self.fewest = small, largest, fewest
        count = sum(post.words <= small for post in order)
        self.usual, self.half = max(fewest, count // 4), max(fewest, count // 2)


def _chosen(order: Sequence[Splittable], wanted: float, room: _Room, most: int) -> list[Splittable]:
    """The posts of a side that is to hold `wanted` words, at most `most`: small ones while they do."""
    small = [post for post in order if post.words <= room.small]
    usual = _taken(small, wanted, room.fewest, min(most, room.usual))
    if abs(_words(usual) - wanted) <= wanted / 2:
        return usual
    more = _taken(small, wanted, 1, min(most, room.half))
    for found in (more, _fitting(order, wanted, min(most, max(1, len(order) // 2))), _smallest(order, most, room)):
        if wanted / 2 <= _words(found) <= _FAR_OVER * wanted:
            return found
    # Nothing comes near: less is better than far more, and a blog of large posts only gives its smallest.
    allowed = [post for post in order if post.words <= room.largest]
    return usual or sorted(allowed, key=lambda post: post.words)[: min(1, most)]


def _fitting(order: Sequence[Splittable], wanted: float, most: int) -> list[Splittable]:
    """The first posts that bring the sum nearer to `wanted` words, none of them more than twice that."""
    taken: list[Splittable] = []
    for post in order:
        held = _words(taken)
        if len(taken) < most and post.words <= _OVER * wanted and held + post.words - wanted <= wanted - held:
            taken.append(post)
    return taken


def _smallest(order: Sequence[Splittable], most: int, room: _Room) -> list[Splittable]:
    """The smallest of the posts that are not small."""
    large = sorted((post for post in order if post.words > room.small), key=lambda post: post.words)
    return large[: min(1, most)]


def _words(posts: Iterable[Splittable]) -> int:
    return sum(post.words for post in posts)


def _check(how: str, validation: float, test: float) -> None:
    if how not in ("hash", "newest"):
        raise InputError(f"--split is hash or newest, not {how!r}.")
    if not (validation >= 0 and test >= 0 and validation + test <= 0.5):
        raise InputError(
            f"The held-out shares ({validation:g} and {test:g}) must be 0 or more and at most 0.5 together."
        )


def _largest_held_out(posts: Sequence[Splittable], total: int) -> float:
    """The most words a held-out post may have where no small ones do."""
    sizes = [post.words for post in posts if post.words]
    return max(LARGEST * total, median_low(sizes)) if sizes else 0.0


def _fewest(posts: int) -> int:
    return 1 if posts < _MANY else 2


def _wanted(how: str, validation: float, test: float, scarce: bool) -> list[tuple[str, float]]:
    """The sides to fill, in turn. Where only one post can be spared it decides when to stop."""
    sides = [(VALIDATION, validation), (TEST, test)]
    if how == "newest":
        sides.reverse()
    sides = [(name, share) for name, share in sides if share]
    return [max(sides)] if scarce and sides else sides  # "validation" > "test"


def _ordered(posts: list[Splittable], how: str) -> list[Splittable]:
    """By place; the newest first, those without a date last, when the newest are wanted."""
    if how == "newest":
        return sorted(posts, key=lambda post: (post.date, _place(post)), reverse=True)
    return sorted(posts, key=_place)


def _place(post: Splittable) -> str:
    """A place between 0 and 1, as hexadecimal digits, that depends on the id alone."""
    return hashlib.sha256(f"penname split {post.id}".encode()).hexdigest()


def _taken(order: Sequence[Splittable], words: float, fewest: int, most: int) -> list[Splittable]:
    """The first of `order`: as many as come nearest to `words` words, at least `fewest`, at most `most`."""
    taken: list[Splittable] = []
    held = 0
    for post in order[: max(0, most)]:
        if len(taken) >= fewest and held + post.words - words > words - held:
            break
        taken.append(post)
        held += post.words
    return taken


def _figure(posts: Sequence[Splittable], sides: dict[str, str], name: str, total: int) -> Side:
    sizes = [post.words for post in posts if sides[post.id] == name]
    return Side(len(sizes), sum(sizes), sum(sizes) / total if total else 0.0)
