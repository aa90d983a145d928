"""Answers: the sentences of the blog that answer a question, quoted and cited, or a refusal.

    answer = ask(workspace, "When did he build the shed?")
    answer.refused, answer.citations[0].quote, answer.citations[0].link

In: a workspace with clean text, and a question. Out: `Answer`; one without a citation is a refusal by its type. What is
quoted stands in the blog word for word; at most two quotations come from a post, and what says nearly the same is
quoted once.
"""

import math
import re
import urllib.parse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from penname.ask.index import Cited, Index, Passage, remember, stems_of, with_index
from penname.ask.passages import count_words, question_words, searchable, sentences
from penname.ask.refusal import Refusal, calibrate, surety
from penname.ask.search import SYNONYM, Ranking, Term, search
from penname.core import events
from penname.core.errors import InputError
from penname.core.workspace import Workspace

REFUSAL = "The blog does not say."
_PER_POST = 2
_SAME = 0.7
"""Share of the rarer words that two quotations have in common when they say nearly the same."""
_SHORT = 8
"""Words of a sentence that is quoted with the one behind it."""
_LINKED = 5
"""Words of a quotation that its link names at each end."""
_MASKED = re.compile(r"\[[^\]]*\]")


@dataclass(frozen=True)
class AskOptions:
    """How a question is answered."""

    count: int = 3
    """The most quotations."""
    anyway: bool = False
    """Show the nearest passages although the blog does not say."""


@dataclass(frozen=True)
class Citation:
    """A quotation and where it stands."""

    quote: str
    passage: Passage
    score: float
    also: tuple[Cited, ...] = ()
    """Other posts that say nearly the same."""

    @property
    def link(self) -> str | None:
        """The address of the very passage, a text fragment (WICG) that browsers scroll to; None without an address."""
        return link_to(self.passage.source.url, self.quote)

    def to_json(self) -> dict[str, Any]:
        """A plain object for `--json`."""
        source = self.passage.source
        return {
            "post_id": source.post_id,
            "title": source.title,
            "date": source.date,
            "url": self.link,
            "text": self.passage.text,
            "quote": self.quote,
            "score": round(self.score, 4),
            "also": [{"post_id": each.post_id, "title": each.title} for each in self.also],
        }


@dataclass(frozen=True)
class Answer:
    """An answer: its text, what it cites, and whether the blog does not say.

    `nearest` holds what `--anyway` shows; it answers nothing.
    """

    question: str
    text: str
    citations: tuple[Citation, ...] = ()
    nearest: tuple[Citation, ...] = ()
    surety: float = 0.0
    threshold: float = 0.0

    @property
    def refused(self) -> bool:
        """Whether the blog does not say: nothing is cited."""
        return not self.citations

    def to_json(self) -> dict[str, Any]:
        """A plain object for `--json`."""
        return {
            "question": self.question,
            "answered": not self.refused,
            "answer": self.text,
            "passages": [citation.to_json() for citation in self.citations or self.nearest],
            "surety": round(self.surety, 4),
            "threshold": round(self.threshold, 4),
        }


def ask(workspace: Workspace, question: str, options: AskOptions | None = None) -> Answer:
    """Answer `question` from the blog of `workspace`.

    Raises `InputError` for a question without a word, and when there is no clean text.
    """
    options = options or AskOptions()
    if options.count < 1:
        raise InputError(f"--count must be at least 1, not {options.count}.")
    question = " ".join(question.encode("utf-8", "replace").decode().split())
    if not question_words(question):
        raise InputError('A question needs a word: give one in quotation marks, such as "When did I move house?"')

    def answered(index: Index) -> Answer:
        return answer_from(index, question, options, refusal_of(workspace, index))

    return with_index(workspace, answered)


def answer_from(index: Index, question: str, options: AskOptions, refusal: Refusal) -> Answer:
    """Answer `question` from an open index."""
    ranking = search(index, question)
    _tell_spelling(ranking.terms)
    sure = surety(index, ranking)
    cited = tuple(citations(index, question, ranking, options.count))
    if sure < refusal.threshold or not cited:
        return Answer(question, REFUSAL, (), cited if options.anyway else (), sure, refusal.threshold)
    return Answer(question, "\n".join(each.quote for each in cited), cited, (), sure, refusal.threshold)


def refusal_of(workspace: Workspace, index: Index) -> Refusal:
    """The threshold of a blog, chosen when it is first asked and kept with its index."""
    if (known := index.meta("refusal")) is not None:
        return Refusal(**known)
    found = calibrate(index)
    remember(workspace, "refusal", found.to_json())
    if found.foreign_refused is not None and found.own_refused is not None:
        events.note(
            f"Answers from a surety of {found.threshold:.2f} on: that refuses {found.foreign_refused:.0%} of questions "
            f"from elsewhere and {found.own_refused:.0%} of the blog's own sentences, their passages left out."
        )
    return found


def citations(index: Index, question: str, ranking: Ranking, count: int) -> list[Citation]:
    """The best sentences of the best passages: at most two from a post, near-duplicates merged."""
    best = ranking.found[0].score if ranking.found else 0.0
    near = [found for found in ranking.found[: 4 * count + 8] if found.score >= best / 2]
    passages = [index.passage(found.number) for found in near]
    reader = _Reader(question, ranking.terms, passages)
    kept: list[Citation] = []
    for passage, found in zip(passages, near, strict=True):
        quote = reader.best_sentence(passage.text)
        same = next((place for place, other in enumerate(kept) if reader.alike(quote, other.quote)), None)
        if same is not None:
            kept[same] = _with_also(kept[same], passage.source)
        elif len(kept) < count and sum(each.passage.post == passage.post for each in kept) < _PER_POST:
            kept.append(Citation(quote, passage, found.score))
    return kept


class _Reader:
    """Reads passages for one question: which sentence answers it, which say the same."""

    def __init__(self, question: str, terms: Sequence[Term], passages: Sequence[Passage]) -> None:
        near = {stem: SYNONYM * term.weight for term in terms for stem in term.near_stems}
        self.asked = near | {stem: term.weight for term in terms for stem in term.stems}
        self.expected = next((held for begins, held in _KINDS.items() if begins.search(question)), None)
        self.stems = stems_of(word for passage in passages for word in question_words(searchable(passage.text)))

    def best_sentence(self, text: str) -> str:
        """The sentence that holds most of what is asked, with the one behind it where it is short."""
        listed = sentences(text)
        place = max(range(len(listed)), key=lambda number: (self._score(listed[number]), -number))
        if count_words(listed[place]) < _SHORT and place + 1 < len(listed):
            return _as_it_stands(text, listed[place], listed[place + 1])
        return listed[place]

    def alike(self, one: str, other: str) -> bool:
        """Whether two quotations say nearly the same."""
        first, second = self._stems(one), self._stems(other)
        return len(first & second) >= _SAME * min(len(first), len(second))

    def _score(self, sentence: str) -> float:
        held = math.fsum(self.asked[stem] for stem in sorted(self._stems(sentence) & self.asked.keys()))
        return held * (_EXPECTED if self.expected and self.expected.search(sentence) else 1.0)

    def _stems(self, text: str) -> set[str]:
        return {self.stems[word] for word in question_words(searchable(text)) if word in self.stems}


_EXPECTED = 1.2
"""What a sentence gains that holds a number where the question asks how many, and so on."""
_KINDS = {
    re.compile(r"^(?:when|wann|quando|cuándo|quand|in (?:what|which) year)\b", re.I): re.compile(
        r"\b\d{4}\b|\b\d{1,2}(?:st|nd|rd|th)?\b|\b(?:January|February|March|April|June|July|August|September|October|November|December)\b"
    ),
    re.compile(r"^(?:how (?:much|many|long|old|far|often)|wie ?viele?|cu[aá]nt|quant|combien)\b", re.I): re.compile(
        r"\d"
    ),
    re.compile(r"^(?:who|whom|whose|wer|wen|wem|quem|qui[eé]n|qui)\b", re.I): re.compile(
        r"(?<=[a-z,] )[A-ZÀ-Þ][\w’'-]+"
    ),
}
"""What a sentence holds that answers a question which begins so."""


def _as_it_stands(text: str, first: str, second: str) -> str:
    """Two neighbouring sentences with what stands between them, so that the quotation is true."""
    start = text.find(first)
    end = text.find(second, start + len(first)) + len(second)
    return " ".join(text[start:end].split("\n")) if "\n" in text[start:end] else text[start:end]


def link_to(url: str | None, quote: str) -> str | None:
    """`url` with a text fragment that names the first and the last words of `quote`."""
    if not url:
        return None
    words = max(_MASKED.split(quote), key=len).split()
    if not words:
        return url
    if len(words) <= 2 * _LINKED:
        return f"{url}#:~:text={_fragment(words)}"
    return f"{url}#:~:text={_fragment(words[:_LINKED])},{_fragment(words[-_LINKED:])}"


def _fragment(words: Sequence[str]) -> str:
    return urllib.parse.quote(" ".join(words), safe="").replace("-", "%2D")


def _with_also(citation: Citation, source: Cited) -> Citation:
    if source == citation.passage.source or source in citation.also:
        return citation
    return Citation(citation.quote, citation.passage, citation.score, (*citation.also, source))


def _tell_spelling(terms: Sequence[Term]) -> None:
    for term in terms:
        if term.read_as:
            events.note(f"Looked up “{term.read_as}”: the blog does not know the word as it was asked.")
