"""The sections of the report: each takes what was found and gives the values of its template.

render_page("owl: report", report_sections(Findings(judgement, figures, headline, verdict, checks, training)))
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from penname.core.terminal import many
from penname.corpus.words import words
from penname.judge import charts
from penname.judge.first_screen import four_questions, pairs
from penname.judge.judgement import Judgement
from penname.judge.page import Plot, Section, make_section
from penname.judge.recital import largest_rate
from penname.judge.style import PUNCTUATION, Distance
from penname.judge.subject import Training
from penname.judge.target import Check, in_words
from penname.judge.verdict import GOOD, HELP, LEAST, NOT, Sentence, ordinal
from penname.judge.voice import Figure
from penname.write.copying import Copied

_SAMPLES = 6
_COPIES = 5
_STYLES = {
    "adapted": "b",
    "base before adaptation": "c",
    "network from scratch": "d",
}
_TILES = (
    ("{side}_bits_per_byte", "{:.2f}", "bits per byte", "base_{side}_bits_per_byte", "base {:.2f}"),
    ("real_vs_generated_auc", "{:.2f}", "told from real posts (AUC)", "halves_auc", "halves of the blog {:.2f}"),
    ("delta_percentile", "{:.0f}", "Delta, percentile", "", "of the blog's own distances"),
    (
        "longest_copied_run",
        "{:.0f}",
        "longest copied run, words",
        "longest_copied_run_unguarded",
        "{:.0f} without the guard",
    ),
    ("copy_ratio_8gram", "{:.2g}", "8-word copying ratio", "", "1 is what held-out posts do"),
    ("extraction_rate", "{:.1%}", "of posts extractable", "extraction_tried", "of {:,.0f} that were tried"),
    ("rep_4", "{:.3f}", "repeated 4-word sequences", "heldout_rep_4", "real posts {:.3f}"),
    ("known_word_rate", "{:.1%}", "known words", "heldout_known_word_rate", "real posts {:.1%}"),
    ("forgetting_bits_per_byte", "{:+.3f}", "bits per byte forgotten", "", "on general English"),
)
"""The figures at the top: a name, its form, what it is; the name and the form of what stands beside it."""

_OF_PASSAGES = ("real_vs_generated_auc", "delta_percentile", "copy_ratio_8gram", "rep_4", "known_word_rate")
"""Figures that are measured on passages."""
_COPY = 8
"""Words of the shortest run that is shown as a copy."""


@dataclass(frozen=True)
class Findings:
    """Everything that the page shows."""

    judgement: Judgement
    figures: dict[str, Any]
    headline: str
    verdict: Sequence[Sentence]
    checks: Sequence[Check]
    training: Training


def report_sections(findings: Findings, others: Sequence[Section] = ()) -> list[Section]:
    """The first screen, then everything else, folded; `others` stand before the last: how all was measured."""
    return [_first(findings), *(replace(each, folded=True) for each in _details(findings, others))]


def _first(findings: Findings) -> Section:
    """Four answers, and passages beside the posts."""
    return make_section(
        "first",
        "",
        headline=findings.headline,
        questions=four_questions(findings.figures, findings.verdict),
        pairs=pairs(findings.judgement.passages),
    )


def _details(findings: Findings, others: Sequence[Section]) -> list[Section]:
    judgement = findings.judgement
    return [
        _verdict(findings),
        make_section(
            "samples",
            "Six samples, as they came",
            example=judgement.passages.settings.get("example"),
            passages=judgement.passages.guarded[:_SAMPLES],
        ),
        make_section("fit", "Fit", fit=judgement.fit, plots=_fit_plots(judgement, findings.training)),
        _voice(judgement),
        _copying(judgement),
        make_section("fluency", "Fluency", rows=_fluency_rows(judgement)),
        _private(judgement),
        make_section("targets", "Targets", rows=[_target_row(check) for check in findings.checks]),
        *others,
        _method(findings),
    ]


def intro(findings: Findings) -> str:
    """What the page says of itself below its heading."""
    figures = findings.figures
    base = f"; the base is {figures['base']}" if figures.get("base") else ""
    return (
        f"Judged on {str(figures['date'])[:10]} by penname {figures['penname']}: {_read(figures)}{base}; "
        f"{findings.judgement.fit.posts_in_all:,} other posts were held back. This page "
        "quotes passages of the posts and of what the model wrote: whoever has the "
        "page can read them."
    )


def _read(figures: dict[str, Any]) -> str:
    """What training read, which is not always what was there."""
    there = f"{figures['training_words']:,} words of {many(figures['training_posts'], 'post')}"
    passes = figures.get("passes")
    if passes is None:
        return f"{there} were there to learn from"
    if passes < 0.995:
        return f"{100 * passes:.0f}% of {there} were read, once"
    return f"{there} were read {passes:.1f} times"


def _verdict(findings: Findings) -> Section:
    cards = [
        (title, [each.text for each in findings.verdict if each.kind == kind])
        for kind, title in ((GOOD, "Good for"), (NOT, "Not for"), (HELP, "What would help most"))
    ]
    return make_section("verdict", "Good for, and not for", cards=cards, tiles=list(_tiles(findings)))


def _tiles(findings: Findings) -> Iterator[tuple[str, str, str, Check | None]]:
    figures = findings.figures
    checks = {check.limit.name: check for check in findings.checks}
    for names, form, title, beside, told in _TILES:
        name, other = names.format(side=figures["side"]), beside.format(side=figures["side"])
        if (value := figures.get(name)) is not None:
            near = figures.get(other)
            text = told if not other else "" if near is None else told.format(near)
            # A mark is a verdict, and none rests on fewer than ten samples.
            marked = name not in _OF_PASSAGES or (figures.get("samples") or 0) >= LEAST
            yield form.format(value), title, text, checks.get(name) if marked else None


def _fit_plots(judgement: Judgement, training: Training) -> list[Plot]:
    """Bits per byte, and how training went."""
    found = judgement.fit
    given = [
        charts.Bar(name, interval.value, interval.low, interval.high, _STYLES.get(name, "a"))
        for name, interval in found.rows()
    ]
    share = "all" if found.posts == found.posts_in_all else f"{found.posts} of {found.posts_in_all}"
    curve = charts.Line("held-out posts", training.curve, "b", dots=True)
    losses = charts.Line("training text, blog and replay", training.losses, "a")
    return [
        (
            "How well held-out posts are predicted",
            charts.bars(given, "bits per byte"),
            (
                f"Bits per byte on {share} held-out posts ({found.size / 1000:,.0f} kB); fewer is better. "
                "Lines are 95% intervals over posts: how far other posts of this blog may differ."
            ),
        ),
        (
            "Held-out posts while it learned",
            charts.lines([curve], "step", "bits per byte"),
            "The state with the least is the one that is kept.",
        ),
        (
            "Training loss",
            charts.lines([losses], "step", "nats per token"),
            "Of the mixture of blog and replayed text.",
        ),
    ]


def _voice(judgement: Judgement) -> Section:
    """How near generated text is to real posts, beside how near these are to each other."""
    found = judgement.voice
    rows = [[name, *map(_three, values)] for name, *values in found.rows()] if found.passages else []
    return make_section(
        "voice",
        "Voice",
        plots=_voice_plots(judgement) if found.passages else [],
        near=[row for row in rows if _is_closeness(row[0])],
        rows=[row for row in rows if not row[0].startswith("“") and not _is_closeness(row[0])],
        words=[row for row in rows if row[0].startswith("“")],
    )


def _is_closeness(name: str) -> bool:
    """Whether a row is about the whole of the text; a column that means another thing there is another table."""
    return "AUC" in name or "Delta" in name


def _voice_plots(judgement: Judgement) -> list[Plot]:
    found = judgement.voice
    plots = [_delta("Burrows's Delta", found.delta.burrows)] if found.delta else []
    if found.delta and found.delta.cosine:
        plots.append(_delta("Cosine Delta", found.delta.cosine))
    mine, theirs = judgement.sentences
    groups = [charts.Values("held-out posts", theirs, "a"), charts.Values("generated", mine, "b")]
    marks = [_ratio(each) for each in found.figures if each.name in PUNCTUATION]
    return [
        *plots,
        (
            "Length of sentences",
            charts.histogram(groups, "words in a sentence", whole=True),
            "Share of the sentences, in percent.",
        ),
        (
            "Punctuation, generated over real",
            charts.ratios(marks, ("real posts", "generated")),
            "How many times as often as in held-out posts. The band is how far two halves of the real blog are apart.",
        ),
    ]


def _copying(judgement: Judgement) -> Section:
    """Runs, extraction, and the worst copies beside their posts."""
    found = judgement.copying
    free, guarded = found.free, found.guarded
    groups = [
        charts.Values("held-out posts", free.heldout_runs, "a"),
        charts.Values("without the guard", free.runs, "c"),
        charts.Values("with the guard", guarded.runs, "b"),
    ]
    drawing = charts.histogram(groups, "words of the longest run shared with a training post", whole=True)
    rows = [
        [name, _three(with_guard), _three(without), _three(real)]
        for (name, without, real), (_, with_guard, _) in zip(free.rows(), guarded.rows(), strict=True)
    ]
    rows.append(["the same share over the held-out posts' own", f"{guarded.ratio:.2g}", f"{free.ratio:.2g}", "1"])
    training = judgement.subject.training
    return make_section(
        "copying",
        "Copying",
        found=found,
        passages=judgement.passages,
        plots=[("Longest copied run of each passage", drawing, "Share of the passages, in percent.")],
        rows=rows,
        most=largest_rate(found.recited.found),
        copies=[
            (training[each.post].title or "untitled", each, len(words(each.source.run)))
            for each in _different(free.worst)
            if len(words(each.source.run)) >= _COPY
        ],
    )


def _fluency_rows(judgement: Judgement) -> list[list[str]]:
    """Known words, repetition, ends."""
    rows = [
        [name, _three(mine), _three(theirs)]
        for (name, mine), (_, theirs) in zip(judgement.fluency.rows(), judgement.heldout_fluency.rows(), strict=True)
    ]
    rows[-1][2] = _three(judgement.heldout_ended)
    bits, base = judgement.base_bits, judgement.fit.base
    if bits:
        rows.append(["bits per byte under the base", _three(bits.value), _three(base.value if base else None)])
    return rows


def _private(judgement: Judgement) -> Section:
    """Masked items that came out, and whatever looks private."""
    found = judgement.private
    return make_section(
        "private",
        "Private data",
        found=found,
        leaks=[[leak.item, leak.excerpt] for leak in found.leaks[:20]],
        looks=[[item, "yes" if item in found.in_posts else "no"] for item in found.looks_private[:20]],
    )


def _target_row(check: Check) -> list[str]:
    state = "not measured" if check.met is None else "met" if check.met else check.missed
    figure = "" if check.figure is None else in_words(check.limit.name, check.figure)
    return [check.limit.name, figure, check.wanted, state]


def _method(findings: Findings) -> Section:
    judgement, figures = findings.judgement, findings.figures
    options, writing = judgement.options, judgement.passages.settings
    note = judgement.copying.recited.note
    notes = [
        (
            f"{len(judgement.passages.guarded):,} passages of up to {options.words} words go on from the openings of "
            f"{len(judgement.passages.openings):,} held-out posts, and are judged without them. Temperature "
            f"{writing['temperature']:g}, min-p {writing['min_p']:g}, "
            f"{writing['word_min_p'] or writing['min_p']:g} for tokens that begin a word, seed {options.seed}."
        ),
        f"Voice is compared at {judgement.voice.words} words a passage; posts never stand in two folds at once.",
        f"{note[0].upper()}{note[1:]}, without the guard.",
        *judgement.fit.notes,
        (
            f"{judgement.weights / 1e6:.0f} million weights, on {judgement.device.name}. Judging took "
            f"{figures['judging_seconds']:.0f} seconds."
        ),
    ]
    if options.quick:
        notes.insert(0, "A quick judgement, with a fifth of the usual text: its figures are less sure.")
    return make_section(
        "method",
        "How this was measured",
        notes=notes,
        figures=[
            [name, f"{value:,}" if isinstance(value, int) else str(value)]
            for name, value in figures.items()
            if name != "verdict" and value is not None
        ],
        settings=[[name, str(value)] for name, value in sorted(findings.training.settings.items())],
    )


def _delta(name: str, distance: Distance) -> Plot:
    groups = [
        charts.Values("the blog's own samples", distance.own_samples, "a"),
        charts.Values("generated samples", distance.samples, "b"),
    ]
    caption = (
        f"Generated text is {distance.value:.2f} from the blog, the blog's own samples {distance.own:.2f}: "
        f"the {ordinal(distance.percentile)} percentile. Share of the samples, in percent."
    )
    return name, charts.histogram(groups, f"{name} to the blog"), caption


def _ratio(figure: Figure) -> charts.Ratio:
    name = figure.name.removesuffix(" per 1,000 words")
    apart = figure.halves / figure.heldout if figure.heldout else 0.0
    return charts.Ratio(name, figure.heldout, figure.generated, apart)


def _different(copies: Sequence[Copied]) -> list[Copied]:
    """The first five whose runs begin differently: a phrase that many posts share would fill the list."""
    first: dict[tuple[str, ...], Copied] = {}
    for each in copies:
        first.setdefault(tuple(words(each.source.run)[:5]), each)
    return list(first.values())[:_COPIES]


def _three(value: float | None) -> str:
    """Three digits, and no more decimals than three; nothing where nothing was measured."""
    if value is None:
        return ""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
