"""The sides of a thousand blogs of all shapes are those that they had: experiments and workspaces stand on them."""

import hashlib
import random
import re
from dataclasses import dataclass
from typing import Any

import pytest

from penname.corpus.split import Split, split_posts


@dataclass(frozen=True)
class Item:
    id: int
    words: int
    date: str = ""


def blog(rng: random.Random) -> list[Item]:
    """Up to sixty posts: of one size, of all sizes, a few giants, many of next to no words, some without a date."""
    count = rng.choice((1, 2, 3, 5, 8, 12, 13, 29, 30, 31, 60))
    shape = rng.choice(("even", "any", "giants", "tiny", "growing"))
    sizes = {
        "even": lambda place: 500,
        "any": lambda place: rng.randrange(3000),
        "giants": lambda place: 20_000 if rng.random() < 0.1 else rng.randrange(20, 200),
        "tiny": lambda place: rng.choice((0, 1, 3, 10, 400)),
        "growing": lambda place: 1 + place * place * 3,
    }
    return [
        Item(number, sizes[shape](number), f"20{rng.randrange(10, 30)}-05-01" if rng.random() < 0.9 else "")
        for number in rng.sample(range(1, 500), count)
    ]


def told(split: Split) -> str:
    sides = " ".join(f"{number}:{side}" for number, side in sorted(split.sides.items()))
    figures = re.findall(r"[\d.,]+\d", f"{split.sentence()} {split.thin()}")
    return f"{sides}; {figures}; {split.repeated}, {split.too_large}, {split.given_up}"


def digest(seed: int, **options: Any) -> str:
    rng, found = random.Random(seed), hashlib.sha256()
    for _ in range(250):
        posts = blog(rng)
        pairs = [[rng.choice(posts).id for _ in range(2)] for _ in range(rng.randrange(3))]
        found.update(told(split_posts(posts, pairs, **options)).encode())
    return found.hexdigest()[:16]


@pytest.mark.parametrize(
    ("seed", "options", "known"),
    [
        (1, {}, "df3c1e30b1c7a413"),
        (2, {"how": "newest"}, "5bdc300b6b477b99"),
        (3, {"validation": 0.1, "test": 0.2}, "f32b88db6879e44b"),
        (4, {"how": "newest", "validation": 0.25, "test": 0.0}, "393ce742db9fa339"),
    ],
    ids=["usual", "newest", "more", "one side"],
)
def test_the_sides_are_those_that_they_were(seed: int, options: dict[str, Any], known: str) -> None:
    assert digest(seed, **options) == known
