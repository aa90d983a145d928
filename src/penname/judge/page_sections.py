"""The sections of the report: each takes a judgement and gives HTML, every foreign text escaped."""

from collections.abc import Sequence
from html import escape

from penname.judge import charts
from penname.judge.copying import Copied, Excerpt
from penname.judge.delta import Distance
from penname.judge.judgement import Judgement
from penname.judge.recital import largest_rate
from penname.judge.style import PUNCTUATION
from penname.judge.training import Training
from penname.judge.verdict import ordinal
from penname.judge.voice import Figure
from penname.judge.words import words

_SAMPLES = 6
_COPIES = 5
_STYLES = {
    "adapted": "b",
    "base before adaptation": "c",
    "network from scratch": "d",
}


def table(header: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> str:
    """A table; `numbers` are the columns that are set flush right."""

    def cell(tag: str, place: int, text: str) -> str:
        style = ' class="number"' if place in numbers else ""
        return f"<{tag}{style}>{escape(text)}</{tag}>"

    head = "".join(cell("th", place, text) for place, text in enumerate(header))
    lines = "".join(
        "<tr>" + "".join(cell("td", place, text) for place, text in enumerate(row)) + "</tr>" for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{lines}</tbody></table></div>'


def plot(title: str, drawing: str, caption: str) -> str:
    """A drawing with its title and its explanation; nothing where there is no drawing."""
    if not drawing:
        return ""
    return f"<figure><h3>{escape(title)}</h3>{drawing}<figcaption>{escape(caption)}</figcaption></figure>"


def samples(judgement: Judgement) -> str:
    """The first passages, unchosen, each behind the opening of the held-out post that it goes on from."""
    shown = judgement.passages.settings.get("example")
    example = " The model had read the beginning of a training post with a similar title." if shown else ""
    out = [
        (
            "<p>Each goes on from the opening of a post that the model has not seen (set apart), with the "
            f"copy guard on.{example} They are the first ones, not the best.</p>"
        )
    ]
    for each in judgement.passages.guarded[:_SAMPLES]:
        end = "" if each.ended else " […]"
        out.append(
            f'<div class="sample"><div class="opening">{escape(each.opening)}</div>'
            f'<div class="text">{escape(each.text)}{end}</div></div>'
        )
    return "".join(out)


def fit(judgement: Judgement, training: Training) -> str:
    """Bits per byte, and how training went."""
    found = judgement.fit
    given = [
        charts.Bar(name, interval.value, interval.low, interval.high, _STYLES.get(name, "a"))
        for name, interval in found.rows()
    ]
    share = "all" if found.posts == found.posts_in_all else f"{found.posts} of {found.posts_in_all}"
    caption = (
        f"Bits per byte on {share} held-out posts ({found.size / 1000:,.0f} kB); fewer is better. "
        "Lines are 95% intervals over posts: how far other posts of this blog may differ."
    )
    plots = [
        plot("How well held-out posts are predicted", charts.bars(given, "bits per byte"), caption),
        plot(
            "Held-out posts while it learned",
            charts.lines([charts.Line("held-out posts", training.curve, "b", dots=True)], "step", "bits per byte"),
            "The state with the least is the one that is kept.",
        ),
        plot(
            "Training loss",
            charts.lines(
                [charts.Line("training text, blog and replay", training.losses, "a")],
                "step",
                "nats per token",
            ),
            "Of the mixture of blog and replayed text.",
        ),
    ]
    out = [f'<div class="plots">{"".join(plots)}</div>']
    if found.gain and found.base:
        gain = found.gain
        out.append(
            f"<p>Adapting changed it by {gain.value:+.3f} bits per byte on the same posts (95% "
            f"interval {gain.low:+.3f} to {gain.high:+.3f}), {100 * gain.value / found.base.value:+.1f}%.</p>"
        )
    if found.forgetting and found.general_base is not None:
        lost = found.forgetting
        out.append(
            f"<p>On general English it changed by {lost.value:+.3f} ({lost.low:+.3f} to "
            f"{lost.high:+.3f}) from the base's {found.general_base:.3f}: that is what was forgotten.</p>"
        )
    return "".join(out)


def voice(judgement: Judgement) -> str:
    """How near generated text is to real posts, beside how near these are to each other."""
    found = judgement.voice
    if not found.passages:
        return "<p>The generated passages are too short to be compared with the blog's.</p>"
    rows = [[name, *("" if value is None else _three(value) for value in values)] for name, *values in found.rows()]
    plots = [_delta("Burrows's Delta", found.delta.burrows)] if found.delta else []
    if found.delta and found.delta.cosine:
        plots.append(_delta("Cosine Delta", found.delta.cosine))
    mine, theirs = judgement.sentences
    groups = [charts.Values("held-out posts", theirs, "a"), charts.Values("generated", mine, "b")]
    plots.append(
        plot(
            "Length of sentences",
            charts.histogram(groups, "words in a sentence", whole=True),
            "Share of the sentences, in percent.",
        )
    )
    marks = charts.ratios(
        [_ratio(each) for each in found.figures if each.name in PUNCTUATION], ("real posts", "generated")
    )
    plots.append(
        plot(
            "Punctuation, generated over real",
            marks,
            "How many times as often as in held-out posts. The band is how far two halves of the real blog are apart.",
        )
    )
    header = ["", "generated", "held-out posts", "halves of the blog"]
    single = [row for row in rows if row[0].startswith("“")]
    other = [row for row in rows if row not in single]
    return (
        "<p>Every figure stands beside the same one between two halves of the real blog at the same amount of text: "
        "that is what good looks like for this blog.</p>"
        f'<div class="plots">{"".join(plots)}</div>{table(header, other, numbers=(1, 2, 3))}'
        f"<details><summary>The {len(single)} function words</summary>"
        f"{table(header, single, numbers=(1, 2, 3))}</details>"
    )


def copying(judgement: Judgement) -> str:
    """Runs, extraction, and the worst copies beside their posts."""
    found = judgement.copying
    free, guarded, recited = found.free, found.guarded, found.recited
    drawing = charts.histogram(
        [
            charts.Values("held-out posts", free.heldout_runs, "a"),
            charts.Values("without the guard", free.runs, "c"),
            charts.Values("with the guard", guarded.runs, "b"),
        ],
        "words of the longest run shared with a training post",
        whole=True,
    )
    rows = [
        [name, _three(with_guard), _three(without), _three(real)]
        for (name, without, real), (_, with_guard, _) in zip(free.rows(), guarded.rows(), strict=True)
    ]
    rows.append(["the same share over the held-out posts' own", f"{guarded.ratio:.2g}", f"{free.ratio:.2g}", "1"])
    out = [
        (
            f"<p>The guard of <code>penname write</code> stops a run longer than {found.max_copy} words. "
            f"It stepped in in {judgement.passages.stopped} of {len(judgement.passages.guarded)} passages.</p>"
        ),
        '<div class="plots">',
        plot("Longest copied run of each passage", drawing, "Share of the passages, in percent."),
        "</div>",
        table(["", "with the guard", "without", "held-out posts"], rows, numbers=(1, 2, 3)),
        "<h3>Extraction</h3>",
        (
            f"<p>{escape(recited.note[0].upper() + recited.note[1:])}: given the first 50 tokens, the "
            f"most probable 50 that follow were those of the post in {len(recited.found.posts)} cases "
            f"({recited.found.rate:.1%}), and nearly so in {recited.found.near_rate:.1%}.</p>"
        ),
    ]
    if not recited.titles and recited.found.tried < recited.long_enough:
        most = largest_rate(recited.found)
        out.append(f"<p>None of these came out: with 95% confidence fewer than {most:.1%} of all would.</p>")
    if recited.titles:
        shown = "; ".join(title or "untitled" for title in recited.titles[:10])
        out.append(f"<p>They came out of: {escape(shown)}.</p>")
    out.append("<h3>The five longest copies, without the guard</h3>")
    out += [_copy(each, judgement) for each in _different(free.worst)] or ["<p>There are none.</p>"]
    return "".join(out)


def fluency(judgement: Judgement) -> str:
    """Known words, repetition, ends."""
    rows = [
        [name, "" if mine is None else _three(mine), "" if theirs is None else _three(theirs)]
        for (name, mine), (_, theirs) in zip(judgement.fluency.rows(), judgement.heldout_fluency.rows(), strict=True)
    ]
    rows[-1][2] = _three(judgement.heldout_ended)
    bits, base = judgement.base_bits, judgement.fit.base
    if bits:
        rows.append(["bits per byte under the base", _three(bits.value), _three(base.value) if base else ""])
    return table(["", "generated", "held-out posts"], rows, numbers=(1, 2)) + (
        "<p class='soft'>Known words stand in the base's text or in the training posts. rep-n is the "
        "share of repeated n-word "
        "sequences within a passage, distinct-n that of different ones over all passages. Text that is "
        "easier for the base than real posts are says less; text that is harder rambles.</p>"
    )


def private(judgement: Judgement) -> str:
    """Masked items that came out, and whatever looks private."""
    found = judgement.private
    if found.items is None:
        out = [
            ("<p>The site was not at hand, so its masked items were not looked for: judge with the site to do so.</p>")
        ]
    else:
        out = [
            (
                f"<p>{found.items:,} masked items of the blog were looked for in {found.texts:,} generated texts: "
                f"{len(found.leaks):,} came out.</p>"
            )
        ]
    if found.leaks:
        out.append(table(["item", "where"], [[leak.item, leak.excerpt] for leak in found.leaks[:20]]))
    if found.looks_private:
        out.append(
            f"<p>{len(found.looks_private):,} stretches look like private data, "
            f"{len(found.in_posts):,} of them stand in the training posts; the others are made up.</p>"
        )
        out.append(
            table(
                ["looks private", "in the posts"],
                [[item, "yes" if item in found.in_posts else "no"] for item in found.looks_private[:20]],
            )
        )
    else:
        out.append("<p>Nothing in them looks like an address, a telephone number, a key or an account.</p>")
    return "".join(out)


def _delta(name: str, distance: Distance) -> str:
    drawing = charts.histogram(
        [
            charts.Values("the blog's own samples", distance.own_samples, "a"),
            charts.Values("generated samples", distance.samples, "b"),
        ],
        f"{name} to the blog",
    )
    caption = (
        f"Generated text is {distance.value:.2f} from the blog, the blog's own samples {distance.own:.2f}: "
        f"the {ordinal(distance.percentile)} percentile. Share of the samples, in percent."
    )
    return plot(name, drawing, caption)


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


def _copy(each: Copied, judgement: Judgement) -> str:
    title = judgement.subject.training[each.post].title or "untitled"
    return (
        f'<div class="pair"><div><small>Generated, {each.words} words '
        f"copied</small>{_marked(each.generated)}</div>"
        f"<div><small>{escape(title)}</small>{_marked(each.source)}</div></div>"
    )


def _marked(excerpt: Excerpt) -> str:
    return (
        f'<div class="text">… {escape(excerpt.before)}<mark>{escape(excerpt.run)}</mark>{escape(excerpt.after)} …</div>'
    )


def _three(value: float) -> str:
    """Three digits, and no more decimals than three."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    if float(value).is_integer() and abs(value) >= 2:
        return f"{value:.0f}"
    return f"{value:.3f}" if abs(value) < 1 else f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
