"""Answers and related posts as the terminal shows them.

    print("\\n".join(answer_lines(answer)))

In: an `Answer`. Out: lines of text, wrapped.
"""

import textwrap
from collections.abc import Iterator, Sequence

from penname.ask.answer import Answer, Citation
from penname.ask.related import Related

_WIDTH = 100


def answer_lines(answer: Answer) -> Iterator[str]:
    """The quotations, each with its title, date and link; or that the blog does not say."""
    if answer.refused:
        yield answer.text
        if answer.nearest:
            yield "\nThe nearest passages, which may say something else:"
        else:
            yield "--anyway shows the nearest passages."
    for number, citation in enumerate(answer.citations or answer.nearest, start=1):
        if number > 1 or answer.refused:
            yield ""
        yield from _quotation(number, citation)


def related_lines(posts: Sequence[Related]) -> Iterator[str]:
    """Each post with its nearest others and the words that they share."""
    for post in posts:
        yield f"{post.source.title or 'Untitled'}, {post.source.date[:10]}"
        for near in post.others:
            where = f"  {near.source.url}" if near.source.url else ""
            yield f"   {near.nearness:.2f}  {near.source.title or 'Untitled'} ({', '.join(near.shared)}){where}"
        if not post.others:
            yield "         no post is near"


def _quotation(number: int, citation: Citation) -> Iterator[str]:
    source = citation.passage.source
    quote = f"“{' '.join(citation.quote.split())}”"
    yield from textwrap.wrap(
        quote, _WIDTH, initial_indent=f"{number}. ", subsequent_indent="   ", break_long_words=False
    )
    yield f"   — {source.title or 'Untitled'}, {source.date[:10]}" + (
        f" (post {source.post_id})" if not source.url else ""
    )
    if citation.link:
        yield f"   {citation.link}"
    if citation.also:
        yield "   Nearly the same in: " + "; ".join(f"{each.title}, {each.date[:10]}" for each in citation.also)
