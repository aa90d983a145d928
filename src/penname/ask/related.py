"""Related posts: for each post the nearest others by the words that they share and few posts have.

    related(index, 3)[0].others       # links that the first post could carry

In: an index. Out: each post with its nearest others and what they share. The cosine of tf-idf over the rarer half of
each post's words (Salton and Buckley 1988).
"""

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

from penname.ask.index import Cited, Index, stems_of
from penname.ask.passages import question_words, searchable

_WORDS = 40
"""Of a post that are compared: those that say most."""
_COMMON = 0.2
"""Share of the posts beyond which a word tells nothing."""
_LEAST = 0.05
"""Cosine under which a post is not named."""


@dataclass(frozen=True)
class Near:
    """A post that is near another one: how near, from 0 to 1, and the words that they share, the rarest first."""

    source: Cited
    nearness: float
    shared: tuple[str, ...]


@dataclass(frozen=True)
class Related:
    """A post and its nearest others."""

    source: Cited
    others: tuple[Near, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain object for `--json`."""
        others = [
            {
                "post_id": near.source.post_id,
                "title": near.source.title,
                "date": near.source.date,
                "url": near.source.url,
                "nearness": round(near.nearness, 4),
                "shared": list(near.shared),
            }
            for near in self.others
        ]
        source = self.source
        return {"post_id": source.post_id, "title": source.title, "url": source.url, "related": others}


def related(index: Index, count: int = 3) -> list[Related]:
    """The nearest `count` others of every post, in the order of the index."""
    sources, words = _read(index)
    stems = stems_of(word for counted in words.values() for word in counted)
    shown = {stem: word for word, stem in sorted(stems.items(), key=lambda item: -len(item[0]))}
    weights = _weights({post: _by_stem(counted, stems) for post, counted in words.items()})
    holders: dict[str, list[int]] = {}
    for post, held in weights.items():
        for stem in held:
            holders.setdefault(stem, []).append(post)
    found = []
    for post, held in weights.items():
        scores: dict[int, float] = {}
        for stem, weight in held.items():
            for other in holders[stem]:
                scores[other] = scores.get(other, 0.0) + weight * weights[other][stem]
        scores.pop(post, None)
        best = sorted(scores, key=lambda other: (-scores[other], other))[:count]
        near = [
            Near(sources[other], scores[other], _shared(held, weights[other], shown))
            for other in best
            if scores[other] >= _LEAST
        ]
        found.append(Related(sources[post], tuple(near)))
    return found


def _read(index: Index) -> tuple[dict[int, Cited], dict[int, Counter[str]]]:
    """The source of each post, and how often each word stands in it."""
    sources: dict[int, Cited] = {}
    words: dict[int, Counter[str]] = {}
    for (number,) in index.connection.execute("SELECT number FROM passages ORDER BY post, number").fetchall():
        passage = index.passage(number)
        if passage.post not in sources:
            sources[passage.post] = passage.source
            words[passage.post] = Counter(question_words(searchable(passage.source.title).lower()))
        words[passage.post].update(question_words(searchable(passage.text).lower()))
    return sources, words


def _by_stem(counted: Counter[str], stems: dict[str, str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for word, times in counted.items():
        if word in stems and not word.isdigit():
            found[stems[word]] += times
    return found


def _weights(posts: dict[int, Counter[str]]) -> dict[int, dict[str, float]]:
    """The words of each post that say most, with weights whose squares sum to one."""
    spread = Counter(stem for counted in posts.values() for stem in counted)
    most = max(2.0, _COMMON * len(posts))
    found = {}
    for post, counted in posts.items():
        values = {
            stem: (1 + math.log(times)) * math.log(len(posts) / spread[stem])
            for stem, times in counted.items()
            if 2 <= spread[stem] <= most
        }
        best = sorted(values, key=lambda stem: (-values[stem], stem))[:_WORDS]
        length = math.sqrt(math.fsum(values[stem] ** 2 for stem in best)) or 1.0
        found[post] = {stem: values[stem] / length for stem in best}
    return found


def _shared(one: dict[str, float], other: dict[str, float], shown: dict[str, str]) -> tuple[str, ...]:
    common = sorted(one.keys() & other.keys(), key=lambda stem: (-one[stem] * other[stem], stem))
    return tuple(shown[stem] for stem in common[:4])
