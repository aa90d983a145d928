"""The report as one page: `report.html` stands alone, in light and dark, on a screen or a telephone.

In: all that a judgement found. Out: HTML as text. Nothing is loaded and nothing runs: the page holds no script and no
address of its own, forbids both, and every text from a post or a model is escaped.

    write_text(path, render_page(Findings(judgement, figures, verdict, checks, training)))
"""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from typing import Any

from penname.judge.judgement import Judgement
from penname.judge.page_sections import copying, fit, fluency, private, samples, table, voice
from penname.judge.target import Check
from penname.judge.training import Training
from penname.judge.verdict import GOOD, HELP, NOT, Sentence

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


@dataclass(frozen=True)
class Findings:
    """Everything that the page shows."""

    judgement: Judgement
    figures: dict[str, Any]
    headline: str
    verdict: Sequence[Sentence]
    checks: Sequence[Check]
    training: Training
    tuning: str = ""
    """The section of a tuning run, as HTML, where there was one."""


def render_page(findings: Findings) -> str:
    """The whole page."""
    judgement, figures = findings.judgement, findings.figures
    title = f"{judgement.subject.name}: report"
    sections = [
        ("verdict", "", _top(findings)),
        ("samples", "Six samples, as they came", samples(judgement)),
        ("fit", "Fit", fit(judgement, findings.training)),
        ("voice", "Voice", voice(judgement)),
        ("copying", "Copying", copying(judgement)),
        ("fluency", "Fluency", fluency(judgement)),
        ("private", "Private data", private(judgement)),
        ("targets", "Targets", _targets(findings.checks)),
        *([("tuning", "Tuning", findings.tuning)] if findings.tuning else []),
        ("method", "How this was measured", _method(findings)),
    ]
    links = "".join(f'<a href="#{name}">{escape(text)}</a>' for name, text, _ in sections if text)
    body = [
        f"<h1>{escape(judgement.subject.name)}</h1>",
        (
            f'<p class="soft">Judged on {escape(str(figures["date"])[:10])} by penname '
            f"{escape(str(figures['penname']))}: "
            f"{figures['training_words']:,} words of {figures['training_posts']:,} posts were learned from, "
            f"{judgement.fit.posts_in_all:,} other posts were held back. This page quotes passages of the posts and of "
            "what the model wrote: whoever has the page can read them.</p>"
        ),
    ]
    for name, text, content in sections:
        heading = f"<h2>{escape(text)}</h2>" if text else ""
        body.append(f'<section id="{name}">{heading}{content}</section>')
        if not text:
            body.append(f"<nav>{links}</nav>")
    style = files("penname.judge").joinpath("report.css").read_text(encoding="utf-8")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex"><title>{escape(title)}</title><style>{style}</style></head>\n'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _top(findings: Findings) -> str:
    cards = []
    for kind, title in ((GOOD, "Good for"), (NOT, "Not for"), (HELP, "What would help most")):
        found = "".join(f"<li>{escape(each.text)}</li>" for each in findings.verdict if each.kind == kind)
        if found:
            cards.append(f'<div class="card"><h3>{title}</h3><ul>{found}</ul></div>')
    return (
        f'<p class="lead"><strong>{escape(findings.headline)}</strong></p>'
        f'<div class="verdict">{"".join(cards)}</div>{_tiles(findings)}'
    )


def _tiles(findings: Findings) -> str:
    figures, side = findings.figures, findings.figures["side"]
    checks = {check.limit.name: check for check in findings.checks}
    rows: list[tuple[str, str, str, str]] = [
        (
            f"{side}_bits_per_byte",
            "{:.2f}",
            "bits per byte",
            _beside(figures, f"base_{side}_bits_per_byte", "base {:.2f}"),
        ),
        (
            "real_vs_generated_auc",
            "{:.2f}",
            "told from real posts (AUC)",
            _beside(figures, "halves_auc", "halves of the blog {:.2f}"),
        ),
        ("delta_percentile", "{:.0f}", "Delta, percentile", "of the blog's own distances"),
        (
            "longest_copied_run",
            "{:.0f}",
            "longest copied run, words",
            _beside(figures, "longest_copied_run_unguarded", "{:.0f} without the guard"),
        ),
        ("copy_ratio_8gram", "{:.2g}", "8-word copying ratio", "1 is what held-out posts do"),
        (
            "extraction_rate",
            "{:.1%}",
            "of posts extractable",
            _beside(figures, "extraction_tried", "of {:,.0f} that were tried"),
        ),
        (
            "rep_4",
            "{:.3f}",
            "repeated 4-word sequences",
            _beside(figures, "heldout_rep_4", "real posts {:.3f}"),
        ),
        (
            "known_word_rate",
            "{:.1%}",
            "known words",
            _beside(figures, "heldout_known_word_rate", "real posts {:.1%}"),
        ),
        ("forgetting_bits_per_byte", "{:+.3f}", "bits per byte forgotten", "on general English"),
    ]
    out = []
    for name, form, title, beside in rows:
        value = figures.get(name)
        if value is None:
            continue
        check = checks.get(name)
        mark = "" if check is None or check.met is None else _mark(check)
        out.append(
            f'<div class="tile"><b>{form.format(value)}</b><span>{escape(title)}</span>'
            f"<span>{escape(beside)}</span>{mark}</div>"
        )
    return f'<div class="tiles">{"".join(out)}</div>'


def _beside(figures: dict[str, Any], name: str, form: str) -> str:
    value = figures.get(name)
    return "" if value is None else form.format(value)


def _mark(check: Check) -> str:
    word = "at most" if check.limit.bound == "at_most" else "at least"
    if check.met:
        return f'<span class="met">✓ {word} {check.limit.value:g}</span>'
    return f'<span class="short">✗ {word} {check.limit.value:g} is wanted</span>'


def _targets(checks: Sequence[Check]) -> str:
    rows = []
    for check in checks:
        state = "not measured" if check.met is None else "met" if check.met else f"short by {check.short:.3g}"
        figure = "" if check.figure is None else f"{check.figure:g}"
        bound = check.limit.bound.replace("_", " ")
        rows.append([check.limit.name, figure, f"{bound} {check.limit.value:g}", state])
    return (
        "<p>What good looks like for this blog stands in <code>good.toml</code> beside this page: made from the "
        "blog itself, and yours to edit.</p>" + table(["figure", "found", "wanted", ""], rows, numbers=(1, 2))
    )


def _method(findings: Findings) -> str:
    judgement, figures = findings.judgement, findings.figures
    options, writing = judgement.options, judgement.passages.settings
    notes = [
        (
            f"{len(judgement.passages.guarded):,} passages of up to {options.words} words go on from the openings of "
            f"{len(judgement.passages.openings):,} held-out posts, and are judged without them. Temperature "
            f"{writing['temperature']:g}, min-p {writing['min_p']:g}, "
            f"{writing['word_min_p'] or writing['min_p']:g} for tokens that begin a word, seed {options.seed}."
        ),
        (f"Voice is compared at {judgement.voice.words} words a passage; posts never stand in two folds at once."),
        (f"{judgement.copying.recited.note[0].upper()}{judgement.copying.recited.note[1:]}, without the guard."),
        *judgement.fit.notes,
        (
            f"{judgement.weights / 1e6:.0f} million weights, on {judgement.device.name}. Judging took "
            f"{figures['judging_seconds']:.0f} seconds."
        ),
    ]
    if options.quick:
        notes.insert(0, "A quick judgement, with a fifth of the usual text: its figures are less sure.")
    settings = [[name, str(value)] for name, value in sorted(findings.training.settings.items())]
    trained = table(["setting of the training run", ""], settings) if settings else ""
    rows = [[name, _cell(value)] for name, value in figures.items() if name != "verdict" and value is not None]
    return (
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in notes) + "</ul>"
        f"<details><summary>All figures of report.json</summary>{table(['figure', ''], rows, numbers=(1,))}</details>"
        + (f"<details><summary>Settings of the training run</summary>{trained}</details>" if trained else "")
    )


def _cell(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)
