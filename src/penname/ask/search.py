"""Ranking: which passages answer a question.

    ranking = search(index, "When was the plague in London?")
    ranking.found[0].number, ranking.support

In: an index and a question. Out: passages, best first, each with its score, and how much of the question the best of
them hold. Each word is looked up by itself and quoted, so that FTS5's operators never reach its parser.

Words that the blog does not know are read as its nearest word, one letter away (Norvig's spelling corrector).
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from penname.ask.index import Index, stems_of
from penname.ask.passages import question_words
from penname.ask.question_words import asking_words, other_forms

_TITLE_WEIGHT, _TEXT_WEIGHT = 2.0, 1.0
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_MISSPELT = 5
_MOST_WORDS = 64
"""Of a question; more are passed over, the rarest stay."""
_MOST_ROWS = 40_000
"""Rows that the words of one question may bring in all; the commonest words are left out first."""
_LOOKED_AT = 50
"""Passages that are looked at closely."""


@dataclass(frozen=True)
class Term:
    """A word of a question: its forms, their stems, the passages it stands in, how much it says."""

    words: tuple[str, ...]
    stem: str
    stems: frozenset[str]
    spread: int
    weight: float
    read_as: str = ""
    """The word of the blog that it was taken for, where the blog does not know it."""


@dataclass(frozen=True)
class Found:
    """A passage and its score."""

    number: int
    score: float


@dataclass(frozen=True)
class Ranking:
    """Passages, best first; `support` is the share of the question's information that the best passage holds."""

    terms: tuple[Term, ...]
    found: tuple[Found, ...]
    support: float


def search(index: Index, question: str, limit: int = _LOOKED_AT) -> Ranking:
    """Rank the passages of `index` for `question`; none where no word of it stands in the blog."""
    terms = read_question(index, question)
    held: dict[int, set[str]] = {}
    scores: dict[int, float] = {}
    for term in _affordable(terms):
        for number, score in _rows(index, term):
            scores[number] = scores.get(number, 0.0) + score
            held.setdefault(number, set()).add(term.stem)
    best = sorted(scores, key=lambda number: (-scores[number], number))[:limit]
    asked = {term.stem: term.weight for term in terms}
    total = math.fsum(asked.values()) or 1.0
    support = max((math.fsum(asked[stem] for stem in held[number]) / total for number in best[:5]), default=0.0)
    return Ranking(tuple(terms), tuple(Found(number, scores[number]) for number in best), support)


def read_question(index: Index, question: str) -> list[Term]:
    """The words of a question as the index knows them."""
    words = [word.lower() for word in question_words(question)]
    # Where nothing else is asked ("The Who") these words are the question.
    asking = asking_words(index.meta("languages") or ())
    words = [word for word in words if word not in asking] or words
    count = index.count
    stems = stems_of(words)
    spread = index.spread(stems.values())
    terms: dict[str, Term] = {}
    for word in words:
        stem = stems.get(word)
        if stem is None or stem in terms:
            continue
        near = "" if spread.get(stem) else _nearest(index, word)
        known = stems_of([near])[near] if near else stem
        rows = spread.get(known) or index.spread([known]).get(known, 0)
        terms[stem] = _term(index, near or word, known, rows, count, near)
    return sorted(terms.values(), key=lambda term: term.spread)[:_MOST_WORDS]


def _term(index: Index, word: str, stem: str, rows: int, count: int, read_as: str) -> Term:
    """A word with its irregular forms, which count as the same word."""
    forms = other_forms(word)
    stems = frozenset(stems_of(forms).values()) | {stem} if forms else frozenset({stem})
    rows = max([rows, *index.spread(stems).values()]) if forms else rows
    return Term((word, *forms), stem, stems, rows, weight(count, rows), read_as)


def weight(count: int, spread: int) -> float:
    """The inverse document frequency of a word that stands in `spread` of `count` passages."""
    return math.log(1 + (count - spread + 0.5) / (spread + 0.5))


def _affordable(terms: list[Term]) -> list[Term]:
    """The rarest words that together stand in few enough passages; one word is always affordable."""
    kept: list[Term] = []
    rows = 0
    for term in terms:
        rows += term.spread
        if kept and rows > _MOST_ROWS:
            break
        if term.spread:
            kept.append(term)
    return kept


def _rows(index: Index, term: Term) -> Iterable[tuple[int, float]]:
    quoted = " OR ".join('"' + word.replace('"', '""') + '"' for word in term.words)
    rows = index.connection.execute(
        "SELECT rowid, -bm25(words, ?, ?) FROM words WHERE words MATCH ?", (_TITLE_WEIGHT, _TEXT_WEIGHT, quoted)
    )
    return rows.fetchall()


def _nearest(index: Index, word: str) -> str:
    """The commonest word of the blog that is one letter away from `word`; empty where none is, or it is short."""
    if len(word) < _SHORTEST_MISSPELT or not word.isalpha() or not word.isascii():
        return ""
    near = stems_of(sorted(_one_letter_away(word.lower())))
    spread = index.spread(near.values())
    return max(near, key=lambda each: (spread.get(near[each], 0), each)) if spread else ""


def _one_letter_away(word: str) -> set[str]:
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    deletes = {left + right[1:] for left, right in splits if right}
    swaps = {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    replaces = {left + letter + right[1:] for left, right in splits if right for letter in _LETTERS}
    inserts = {left + letter + right for left, right in splits for letter in _LETTERS}
    return (deletes | swaps | replaces | inserts) - {word}
