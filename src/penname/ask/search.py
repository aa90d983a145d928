"""Ranking: which passages answer a question.

    ranking = search(index, "When was the plague in London?")
    ranking.found[0].number, ranking.found[0].score

In: an index and a question. Out: passages, best first, each with its score. Each word is quoted, so that FTS5's
operators never reach its parser.

A word counts with its irregular forms; in an English blog its synonyms count less, and where the index holds vectors,
passages and whole posts that are near in meaning gain (`meaning.py`): standard scores are summed, since ranks forget
by how much the first is ahead. Words that the blog does not know are read as its nearest word, one letter away
(Norvig's spelling corrector).
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from penname.ask.index import ENGLISH, Index, stems_of
from penname.ask.meaning import MODEL, load_meaning
from penname.ask.passages import question_words, searchable
from penname.ask.question_words import asking_words, other_forms
from penname.ask.thesaurus import is_english, synonyms
from penname.ask.vectors import Nearness, nearness

_TITLE_WEIGHT, _TEXT_WEIGHT = 2.0, 1.0
SYNONYM = 0.4
"""What a synonym counts beside the word itself."""
_COMMON = 0.05
"""Share of the passages beyond which a word's synonyms are not looked up."""
_MEANING, _MEANING_OF_POST = 0.5, 0.3
"""What a standard deviation of nearness counts beside one of words: of the passage, and of its whole post."""
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SHORTEST_MISSPELT = 5
_MOST_WORDS = 64
"""Of a question; more are passed over, the rarest stay."""
_MOST_ROWS = 150_000
"""Rows that the words of one question may bring in all; the commonest words are left out first."""
_LOOKED_AT = 50
"""Passages that are looked at closely."""
_CANDIDATES = 200
"""Passages of each kind of score that are compared by both."""


@dataclass(frozen=True)
class Term:
    """A word of a question: its forms, their stems, the passages it stands in, how much it says."""

    words: tuple[str, ...]
    stems: frozenset[str]
    spread: int
    weight: float
    near: tuple[str, ...] = ()
    """Synonyms that stand in the blog."""
    near_stems: frozenset[str] = frozenset()
    read_as: str = ""
    """The word of the blog that it was taken for, where the blog does not know it."""


@dataclass(frozen=True)
class Found:
    """A passage and its score."""

    number: int
    score: float


@dataclass(frozen=True)
class Ranking:
    """Passages, best first; `nearness` holds the cosine of each, and is None where the index holds no vectors."""

    terms: tuple[Term, ...]
    found: tuple[Found, ...]
    nearness: dict[int, float] | None = None


def search(index: Index, question: str, limit: int = _LOOKED_AT) -> Ranking:
    """Rank the passages of `index` for `question`; none where nothing of it stands in the blog."""
    terms = read_question(index, question)
    scores = _by_words(index, terms)
    near = _nearness(index, question)
    ranked = scores if near is None else _fused(index.count, scores, near)
    best = sorted(ranked, key=lambda number: (-ranked[number], number))[:limit]
    nearest = None if near is None else near.of(best)
    return Ranking(tuple(terms), tuple(Found(number, ranked[number]) for number in best), nearest)


def read_question(index: Index, question: str) -> list[Term]:
    """The words of a question as the index knows them, the rarest first."""
    languages = tuple(index.meta("languages") or ())
    words = _subject(question, languages)
    stems, count = stems_of(words), index.count
    spread = index.spread(stems.values())
    terms: dict[str, Term] = {}
    for word in words:
        if (stem := stems.get(word)) is None or stem in terms:
            continue
        read_as = "" if spread.get(stem) or is_english(word) else _nearest_word(index, word)
        terms[stem] = _term(index, read_as or word, count, languages[:1] == ENGLISH, read_as)
    return sorted(terms.values(), key=lambda term: term.spread)[:_MOST_WORDS]


def weight(count: int, spread: int) -> float:
    """The inverse document frequency of a word that stands in `spread` of `count` passages."""
    return math.log(1 + (count - spread + 0.5) / (spread + 0.5))


def _subject(question: str, languages: Iterable[str]) -> list[str]:
    """The words of a question without those that only ask; of a text that asks nothing, all of them.

    In a title or a sentence the small words help to find its like. In a question they are of another person than the
    blog's and lead astray.
    """
    words = [word.lower() for word in question_words(question)]
    asking = asking_words(languages)
    if not (question.rstrip().endswith("?") or _ASKS.match(question)):
        return words
    return [word for word in words if word not in asking] or words


_ASKS = re.compile(
    r"\W*(?:who|whom|whose|what|which|when|where|why|how|is|are|was|were|do|does|did|can|could|has|have|had|will|should|"
    r"wer|wen|wem|was|wann|wo|warum|wie|welche\w*|qui|que|quoi|quand|où|pourquoi|comment|combien|qu[eé]|qui[eé]n\w*|"
    r"cu[aá]ndo|d[oó]nde|c[oó]mo|cu[aá]nt\w*|por qu[eê]|quem|quando|onde|como|quant\w*|qual|quais|chi|cosa|dove|perché|"
    r"quale|wie|wat|wanneer|waar|waarom|hoe)\b",
    re.IGNORECASE,
)


def _term(index: Index, word: str, count: int, english: bool, read_as: str) -> Term:
    """A word with its irregular forms, which count as the same word, and with synonyms, which count less."""
    forms = other_forms(word) if english else ()
    stems = frozenset(stems_of([word, *forms]).values())
    spread = max(index.spread(stems).values(), default=0)
    near: dict[str, str] = {}
    if english and spread <= _COMMON * count + 1:
        listed = stems_of(other for stem in sorted(stems) for other in synonyms(stem))
        known = index.spread(listed.values())
        near = {other: stem for other, stem in listed.items() if stem in known and stem not in stems}
    score = weight(count, spread)
    return Term((word, *forms), stems, spread, score, tuple(near), frozenset(near.values()), read_as)


def _by_words(index: Index, terms: list[Term]) -> dict[int, float]:
    """BM25 of each passage; what synonyms bring counts less."""
    asked = _affordable(terms)
    scores = dict(_rows(index, [word for term in asked for word in term.words]))
    for number, score in _rows(index, [word for term in asked for word in term.near]):
        scores[number] = scores.get(number, 0.0) + SYNONYM * score
    return scores


def _affordable(terms: list[Term]) -> list[Term]:
    """The rarest words that together stand in few enough passages; one word is always affordable."""
    kept: list[Term] = []
    rows = 0
    for term in terms:
        rows += term.spread
        if kept and rows > _MOST_ROWS:
            break
        kept.append(term)
    return kept


def _rows(index: Index, words: Iterable[str]) -> list[tuple[int, float]]:
    """The passages that hold any of `words`, with BM25."""
    quoted = " OR ".join('"' + word.replace('"', '""') + '"' for word in words)
    if not quoted:
        return []
    rows = index.connection.execute(
        "SELECT rowid, -bm25(words, ?, ?) FROM words WHERE words MATCH ?", (_TITLE_WEIGHT, _TEXT_WEIGHT, quoted)
    )
    return rows.fetchall()


def support_of(index: Index, terms: Sequence[Term], numbers: Iterable[int]) -> float:
    """The share of the question's information that the best of these passages holds, its title included."""
    passages = [index.passage(number) for number in numbers]
    texts = [f"{passage.source.title}\n{passage.text}" for passage in passages]
    listed = [question_words(searchable(text).lower()) for text in texts]
    stems = stems_of(word for words in listed for word in words)
    total = math.fsum(term.weight for term in terms) or 1.0
    held = [0.0]
    for words in listed:
        found = {stems[word] for word in words if word in stems}
        shares = (1.0 if term.stems & found else SYNONYM if term.near_stems & found else 0.0 for term in terms)
        held.append(math.fsum(share * term.weight for share, term in zip(shares, terms, strict=True)))
    return max(held) / total


def _nearness(index: Index, question: str) -> Nearness | None:
    """How near each passage is in meaning; None where the index holds no vectors or the extra is missing."""
    if index.meta("meaning") != MODEL or (meaning := load_meaning()) is None:
        return None
    return nearness(index.connection, meaning, question)


def _fused(count: int, words: dict[int, float], near: Nearness) -> dict[int, float]:
    """Standard scores of words, of the passage's nearness and of its post's, summed, for the best of each."""
    mean = math.fsum(words.values()) / count
    spread = math.sqrt(math.fsum(score * score for score in words.values()) / count - mean * mean) or 1.0
    meant = _MEANING * _standard(near.values) + _MEANING_OF_POST * _standard(near.posts)
    by_words = sorted(words, key=lambda number: (-words[number], number))[:_CANDIDATES]
    by_meaning = np.argsort(-meant, kind="stable")[:_CANDIDATES]
    places = sorted({*near.places(by_words), *by_meaning.tolist()})
    numbers = near.numbers[places].tolist()
    return {
        number: (words.get(number, 0.0) - mean) / spread + float(meant[place])
        for number, place in zip(numbers, places, strict=True)
    }


def _standard(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray((values - values.mean()) / (values.std() or 1.0), np.float32)


def _nearest_word(index: Index, word: str) -> str:
    """The commonest word of the blog that is one letter away from `word`; empty where none is, or it is short."""
    if len(word) < _SHORTEST_MISSPELT or not word.isalpha() or not word.isascii():
        return ""
    near = stems_of(sorted(_one_letter_away(word)))
    spread = index.spread(near.values())
    return max(near, key=lambda each: (spread.get(near[each], 0), each)) if spread else ""


def _one_letter_away(word: str) -> set[str]:
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    deletes = {left + right[1:] for left, right in splits if right}
    swaps = {left + right[1] + right[0] + right[2:] for left, right in splits if len(right) > 1}
    replaces = {left + letter + right[1:] for left, right in splits if right for letter in _LETTERS}
    inserts = {left + letter + right for left, right in splits for letter in _LETTERS}
    return (deletes | swaps | replaces | inserts) - {word}
