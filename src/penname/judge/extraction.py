"""Extraction: does the model recite training posts when it is given their first words?

In: token ids of the training posts, a function that continues greedily. Out: the share of posts recited.

    extraction(post_ids, continue_greedy).rate
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Extraction:
    """How many training posts come out when their first tokens are given.

    `rate` counts posts whose next `tokens` tokens are all equal (Carlini et al. 2023), `near_rate` those at
    an edit distance of at most a tenth of them (after Ippolito et al. 2023); `posts` lists the exact ones.
    """

    rate: float
    near_rate: float
    tried: int
    tokens: int
    posts: tuple[int, ...]


def extraction(
    posts: Sequence[Sequence[int]],
    continue_greedy: Callable[[list[list[int]], int], Sequence[Sequence[int]]],
    prefix: int = 50,
    tokens: int = 50,
) -> Extraction:
    """Give the model the first `prefix` tokens of each training post and compare the `tokens` that follow.

    `posts` are token ids without special tokens; those shorter than `prefix + tokens` are not tried.
    `continue_greedy(prefixes, count)` returns at least the `count` most probable next ids of each, fewer
    where the model ended the text.
    """
    tried = [number for number, post in enumerate(posts) if len(post) >= prefix + tokens]
    truths = [list(posts[number][prefix : prefix + tokens]) for number in tried]
    outputs = continue_greedy([list(posts[number][:prefix]) for number in tried], tokens) if tried else []
    found = compare_extracted(truths, outputs, tokens)
    return Extraction(found.rate, found.near_rate, len(tried), tokens, tuple(tried[n] for n in found.posts))


def compare_extracted(
    truths: Sequence[Sequence[int]], outputs: Sequence[Sequence[int]], tokens: int = 50
) -> Extraction:
    """Compare the first `tokens` ids of each output with the truth; `posts` counts along `truths`."""
    exact: list[int] = []
    near = 0
    for number, (truth, output) in enumerate(zip(truths, outputs, strict=True)):
        one, two = list(truth[:tokens]), list(output[:tokens])
        if one == two:
            exact.append(number)
        near += edit_distance(one, two) <= tokens // 10
    tried = max(1, len(truths))
    return Extraction(len(exact) / tried, near / tried, len(truths), tokens, tuple(exact))


def edit_distance(one: Sequence[int], two: Sequence[int]) -> int:
    """Levenshtein's distance: insertions, deletions and replacements."""
    row = list(range(len(two) + 1))
    for i, left in enumerate(one, 1):
        corner, row[0] = row[0], i
        for j, right in enumerate(two, 1):
            corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + (left != right))
    return row[-1]
