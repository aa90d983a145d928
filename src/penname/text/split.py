"""Choose which posts are held out: whole posts, the same ones each time, never a copy of a training post.

    split = split_posts(posts, duplicates=[(2, 11)])
    split.sides[2]      # "train"

In: posts, and the groups of posts that repeat each other. Out: a side for each post, and the figures to print.

How a post gets its side, with `how="hash"`: a hash of its id and of nothing else (so editing its title, date or text
never moves it) gives it a fixed place between 0 and 1. The validation posts are those nearest to 0, the test posts
those nearest to 1, until each side holds its share of the words, or a quarter of the posts that may be held out. So a
post does not go from test to validation, and a new post moves at most the posts at an edge. With `how="newest"` the
newest posts are the test, the ones before them the validation: what a model of a living blog meets.

Never held out are posts that repeat another one, posts without words, and posts of more than 3% of all words (or of
more words than the median post, where a blog is so small that every post is that large).
"""

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from statistics import median_low
from typing import Protocol

from penname.core.errors import InputError

TRAIN, VALIDATION, TEST = "train", "validation", "test"
SIDES = (TRAIN, VALIDATION, TEST)
LARGEST = 0.03
"""No post of more than this share of all words is held out, if it can be helped."""
_MANY = 30
"""From this many posts on each held-out side has at least two posts, below it at least one."""


class Splittable(Protocol):
    """What a post must have to be split."""

    @property
    def id(self) -> int:
        """Publii's number."""

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

    sides: dict[int, str]
    figures: dict[str, Side]
    repeated: int
    too_large: int

    def sentence(self) -> str:
        """The figures in a line for the user."""
        parts = []
        for name in SIDES:
            side = self.figures[name]
            posts = "1 post" if side.posts == 1 else f"{side.posts:,} posts"
            parts.append(f"{name} {posts}, {side.words:,} words ({side.share:.1%})")
        return "; ".join(parts)


def split_posts(
    posts: Sequence[Splittable],
    duplicates: Iterable[Collection[int]] = (),
    *,
    how: str = "hash",
    validation: float = 0.05,
    test: float = 0.05,
) -> Split:
    """Give every post a side. `validation` and `test` are shares of all words; 0 leaves a side empty.

    At least one post stays for training. From three posts on each side that is wanted has one, from thirty on
    two, as long as enough posts may be held out. Raises `InputError` for an unknown `how`, or shares of more
    than half together.
    """
    _check(how, validation, test)
    total = sum(post.words for post in posts)
    repeated = {number for group in duplicates for number in group}
    limit = _largest_held_out(posts, total)
    whole = [post for post in posts if post.id not in repeated]
    order = _ordered([post for post in whole if 0 < post.words <= limit], how)
    sides, quarter = {post.id: TRAIN for post in posts}, len(order) // 4
    for name, share in _wanted(how, validation, test, scarce=len(order) < 2 or len(posts) < 3):
        fewest = _fewest(len(posts))
        most = min(sum(side == TRAIN for side in sides.values()) - 1, max(fewest, quarter))
        for post in _taken(order, share * total, fewest, most):
            sides[post.id] = name
            order.remove(post)
        if how == "hash":
            order.reverse()
    return Split(
        sides,
        {name: _figure(posts, sides, name, total) for name in SIDES},
        repeated=len(posts) - len(whole),
        too_large=sum(post.words > limit for post in whole),
    )


def _check(how: str, validation: float, test: float) -> None:
    if how not in ("hash", "newest"):
        raise InputError(f"--split is hash or newest, not {how!r}.")
    if not (validation >= 0 and test >= 0 and validation + test <= 0.5):
        raise InputError(
            f"The held-out shares ({validation:g} and {test:g}) must be 0 or more and at most 0.5 together."
        )


def _largest_held_out(posts: Sequence[Splittable], total: int) -> float:
    """The most words a held-out post may have."""
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


def _figure(posts: Sequence[Splittable], sides: dict[int, str], name: str, total: int) -> Side:
    sizes = [post.words for post in posts if sides[post.id] == name]
    return Side(len(sizes), sum(sizes), sum(sizes) / total if total else 0.0)
