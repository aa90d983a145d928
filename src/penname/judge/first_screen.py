"""The first screen of the report: four questions of a blogger, each with a word, a sentence and a picture, and pairs.

    questions = four_questions(figures, verdict)

In: the figures of `report.json` and the sentences of the verdict. Out: values for the template `first.html.j2`. The
words rest on the same intervals as the headline (`verdict.py`), so that the two cannot disagree.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from penname.core.terminal import many
from penname.judge import charts
from penname.judge.passages import Passages
from penname.judge.verdict import (
    HELP,
    LEAST,
    NO,
    YES,
    Sentence,
    has_its_words,
    makes_sense,
    passes_for_real,
    rambles,
    recites,
)

UNKNOWN = "Not sure"
_PAIRS, _WORDS = 3, 90


@dataclass(frozen=True)
class Question:
    """A question, its answer in a word and in a sentence, a drawing and what that shows."""

    asked: str
    word: str
    told: str
    drawing: Markup
    caption: str


def four_questions(figures: Mapping[str, Any], verdict: Sequence[Sentence]) -> list[Question]:
    """Does it sound like me, does it make sense, does it copy me, what now."""
    return [_sounds(figures), _sense(figures), _copies(figures), _now(figures, verdict)]


@dataclass(frozen=True)
class Pair:
    """One opening, how the post goes on, and how the model does."""

    title: str
    opening: str
    real: str
    generated: str


def pairs(passages: Passages) -> list[Pair]:
    """The first passages, not the best, beside the posts whose openings they go on from."""
    known = {(each.post, each.text): each for each in passages.openings}
    found = []
    for written in passages.guarded:
        source = known.get((written.post, written.opening))
        if source is not None and source.real:
            found.append(Pair(source.title or "untitled", source.text, _short(source.real), _short(written.text)))
    return found[:_PAIRS]


def _short(text: str) -> str:
    """The first words of `text`, its paragraphs kept."""
    ends = [place for place, sign in enumerate(text) if sign.isspace() and not text[place - 1 : place].isspace()]
    return text if len(ends) < _WORDS else f"{text[: ends[_WORDS - 1]]} […]"


def _sounds(figures: Mapping[str, Any]) -> Question:
    voice, near = passes_for_real(figures), has_its_words(figures)
    word, told = UNKNOWN, "There is too little text to tell: try penname blind, and trust your own eyes."
    if voice == YES and near != NO:
        word, told = "Yes", "A program that learned to tell your posts from its drafts can hardly do so."
    elif voice == NO and near != NO:
        word, told = "In part", "It uses your words, and who knows your blog will still notice the difference."
    elif NO in (voice, near):
        word, told = "Not yet", "Its drafts are easily told from your posts."
    drawing = _bars(
        figures,
        (
            ("this model's drafts", "real_vs_generated_auc", "b"),
            ("the base before your blog", "base_real_vs_generated_auc", "c"),
            ("one half of your posts from the other", "halves_auc", "a"),
        ),
        "share of pairs told apart",
    )
    return Question("Does it sound like me?", word, told, drawing, "How surely it is told from yours: 0.5 is chance.")


def _sense(figures: Mapping[str, Any]) -> Question:
    answers = {
        YES: ("Yes", "One sentence follows from another nearly as in your posts. Facts are invented all the same."),
        NO: ("No", "Its sentences do not follow from each other: take phrases from it, not paragraphs."),
    }
    unsure = (UNKNOWN, "There is too little text to tell: read each draft to its end before you use it.")
    word, told = answers.get(_holds(figures), unsure)
    if word == "Yes" and passes_for_real(figures) != YES:
        # The measure sees links between sentences, and those can be another writer's.
        word, told = "In part", "By measure its sentences follow from each other; read a draft to its end to see."
    drawing = _bars(
        figures,
        (("this model's drafts", "sense", "b"), ("the base before your blog", "base_sense", "c")),
        "sense, in percent",
    )
    return Question("Does it make sense?", word, told, drawing, "How well sentences follow: your own posts are 100.")


def _holds(figures: Mapping[str, Any]) -> str:
    """Whether it makes sense, as the headline has it: too few samples say nothing."""
    return NO if (figures.get("samples") or 0) >= LEAST and rambles(figures) else makes_sense(figures)


def _copies(figures: Mapping[str, Any]) -> Question:
    run, free = figures.get("longest_copied_run"), figures.get("longest_copied_run_unguarded")
    rate = figures.get("extraction_rate")
    word, told = UNKNOWN, "It was not measured."
    if run is not None:
        word = "Yes" if recites(figures) else "A little" if rate else "No"
        told = f"The longest run of words that a draft shares with a post is {many(round(run), 'word')}."
        if rate:
            told += f" Asked to, it gives back parts of {rate:.1%} of your posts: keep the model to yourself."
    shown = (("with the copy guard", "longest_copied_run", "b"), ("without it", "longest_copied_run_unguarded", "c"))
    drawing = _bars(figures, shown if free is not None else shown[:1], "words in a row")
    return Question("Does it copy me?", word, told, drawing, "The longest run of words that stands in a post too.")


def _now(figures: Mapping[str, Any], verdict: Sequence[Sentence]) -> Question:
    helps = [each.text for each in verdict if each.kind == HELP]
    passes = figures.get("passes")
    drawing = Markup()
    if passes is not None:
        given = [charts.Bar("this run read your blog", passes, 0, 0, "b"), charts.Bar("once through", 1.0, 0, 0, "a")]
        drawing = charts.bars(given, "times")
    told = helps[0] if helps else 'Write: penname write "Your title" --title -n 3. Read each draft before you use it.'
    return Question(
        "What now?",
        "Train on" if _says_minutes(helps) else "Improve it" if helps else "Write",
        told,
        drawing,
        "How many times your blog was read.",
    )


def _says_minutes(helps: Sequence[str]) -> bool:
    return bool(helps) and "--minutes" in helps[0]


def _bars(figures: Mapping[str, Any], rows: Sequence[tuple[str, str, str]], unit: str) -> Markup:
    """A bar with its interval for each figure that was measured."""
    found = []
    for name, key, style in rows:
        value = figures.get(key)
        if value is not None:
            low, high = figures.get(f"{key}_low"), figures.get(f"{key}_high")
            found.append(charts.Bar(name, value, value if low is None else low, value if high is None else high, style))
    return charts.bars(found, unit)
