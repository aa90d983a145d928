"""Print a blog's figures as tables in a terminal.

In: `Stats` and a rich `Console`. Out: text on the console, nothing else.

    print_stats(stats, Console())
"""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table
from rich.text import Text

from penname.corpus.stats import GOOD, REFUSE, VOICE, Stats

_BAR = 30  # characters of the longest bar
_TAGS = 12
_LEFT_OUT = 15
_REPEATS = 10
_PREVIEW = 90  # characters of a paragraph


def print_stats(stats: Stats, console: "Console") -> None:
    """Print totals, longest posts, years, tags, editors, languages, what was left out, and the verdict."""
    _show(console, stats.site, _totals(stats))
    _show(console, "Longest posts", _longest(stats))
    _show(console, "Years", _years(stats, console))
    _show(console, "Tags", _tags(stats))
    _show(console, "Editors and languages", _makeup(stats))
    _show(console, "Left out and masked", _left_out(stats))
    _show(console, "Posts that repeat another", _duplicates(stats))
    _show(console, "Paragraphs that many posts repeat", _boilerplate(stats))
    _print_verdict(stats, console)


def _show(console: "Console", title: str, table: "Table") -> None:
    """Print a table below its title, or nothing when it has no rows."""

    if table.row_count:
        console.print(Text(f"\n{title}", style="bold"))
        console.print(table)


def _table(*columns: str) -> "Table":
    """A plain table; a column whose name starts with `>` is aligned to the right."""

    table = Table(box=None, pad_edge=False, padding=(0, 3, 0, 0))
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.lstrip(">"), justify="right" if right else "left", overflow="fold")
    return table


def _add(table: "Table", *cells: object) -> None:
    """Add a row of plain text: what a blogger wrote in brackets is not mark-up for the terminal."""

    table.add_row(*(Text(f"{cell:,}" if isinstance(cell, int) else str(cell)) for cell in cells))


def _totals(stats: Stats) -> "Table":
    table = _table("", ">")
    table.show_header = False
    _add(table, "Posts", stats.posts)
    if stats.posts_with_text != stats.posts:
        _add(table, "Posts with text", stats.posts_with_text)
    _add(table, "Words", stats.words)
    _add(table, "Average words a post", f"{stats.average_words:,.1f}")
    _add(table, "Estimated links", stats.links)
    _add(table, "Pictures", stats.images)
    if stats.caption_words:
        _add(table, "Words of labels left out", stats.caption_words)
    _add(table, "Largest post's share", f"{stats.largest_post_share:.1%}")
    return table


def _longest(stats: Stats) -> "Table":
    table = _table("Date", "Title", ">Words")
    for post in stats.longest:
        _add(table, post.date or "no date", post.title or "(no title)", post.words)
    return table


def _years(stats: Stats, console: "Console") -> "Table":
    table = _table("Year", ">Posts", ">Words", "")
    block = "█" if (console.encoding or "").lower().startswith("utf") else "#"
    most = max((year.words for year in stats.years), default=0) or 1
    for year in stats.years:
        bar = block * max(1 if year.words else 0, round(_BAR * year.words / most))
        _add(table, year.year or "no date", year.posts, year.words, bar)
    return table


def _tags(stats: Stats) -> "Table":
    table = _table("Tag", ">Posts")
    for tag in stats.tags[:_TAGS]:
        _add(table, tag.name, tag.posts)
    if len(stats.tags) > _TAGS:
        _add(table, f"and {len(stats.tags) - _TAGS} more", "")
    return table


def _makeup(stats: Stats) -> "Table":
    """Editors and languages, one below the other."""
    table = _table("", ">Posts", ">Words")
    for editor, count in stats.editors.items():
        _add(table, editor, count, "")
    for language in stats.languages:
        _add(table, language.name, language.posts, language.words)
    return table


def _left_out(stats: Stats) -> "Table":
    table = _table("What", ">How many")
    for kind, count in stats.counts.items():
        if kind != "live" and count:
            _add(table, f"{kind} on the site (not read unless asked for)", count)
    for reason, count in _count(entry.reason for entry in stats.left_out).items():
        _add(table, f"posts left out: {reason}", count)
    for entry in stats.left_out[:_LEFT_OUT]:
        _add(table, f"    {entry.title or '(no title)'}", "")
    if len(stats.left_out) > _LEFT_OUT:
        _add(table, f"    and {len(stats.left_out) - _LEFT_OUT} more", "")
    for kind, count in stats.masked.items():
        _add(table, f"masked: {kind}", count)
    return table


def _duplicates(stats: Stats) -> "Table":
    table = _table("Post", "Repeats", ">Alike")
    for repeat in stats.duplicates[:_REPEATS]:
        _add(table, repeat.title or "(no title)", repeat.of_title or "(no title)", f"{repeat.similarity:.0%}")
    if len(stats.duplicates) > _REPEATS:
        _add(table, f"and {len(stats.duplicates) - _REPEATS} more", "", "")
    return table


def _boilerplate(stats: Stats) -> "Table":
    table = _table(">Posts", "Paragraph")
    for found in stats.boilerplate[:_REPEATS]:
        line = " ".join(found.paragraph.split())
        _add(table, found.posts, line if len(line) <= _PREVIEW else f"{line[:_PREVIEW]}...")
    if len(stats.boilerplate) > _REPEATS:
        _add(table, "", f"and {len(stats.boilerplate) - _REPEATS} more")
    return table


def _count(reasons: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return counts


def _print_verdict(stats: Stats, console: "Console") -> None:

    colour = {GOOD: "green", VOICE: "green", REFUSE: "red"}.get(stats.verdict.level, "yellow")
    console.print(Text("\nIs it enough?", style="bold"))
    for sentence in stats.verdict.sentences:
        console.print(Text(sentence, style=colour))
