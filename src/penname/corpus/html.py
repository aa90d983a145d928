"""HTML to pieces of text.

    gathered = Gathered()
    gather_html("<p>Hello, <b>world</b>.</p>", gathered)
    gathered.pieces                      # [Piece(kind="text", text="Hello, world.", run=0)]

In: any string, broken markup too. Out: paragraphs, headings, list items (`- ` or `1. `), rows of data tables and, with
`code=True`, code blocks. What is written as editors write it needs no parser (`html_plain`), the rest is walked as a
tree (`html_walk`), and what no parser should be asked to read is read without its tags (`html_guard`).
"""

from collections.abc import Iterator

from selectolax.lexbor import LexborHTMLParser

from penname.corpus import html_elements, html_guard
from penname.corpus.html_plain import MARKS, read_plain
from penname.corpus.html_walk import Walk
from penname.corpus.pieces import Gathered


def gather_html(source: str, into: Gathered, *, code: bool = False, kind: str = "text") -> None:
    """Add the text of an HTML fragment to `into`; text in no block of its own becomes a `kind` piece.

    Dropped: scripts, styles, frames, media, form controls, comments, hidden elements, tables of contents,
    embedded tweets and the like, footnote markers, pictures (counted) and the labels under them, code blocks
    unless `code`. What is nested or tangled beyond measure is read without its tags (`html_guard`).
    """
    if len(source) > html_guard.MOST_WALKED and source.count("<") > html_guard.MOST_WALKED:
        for text in html_guard.without_tags(source).split("\n\n"):
            into.add(kind, " ".join(text.split()))
        return
    walk = Walk(into, code, kind)
    done, asked = read_plain(source, walk)
    rest = source[done:]
    if asked or (rest and not rest.isspace()):
        _parse(walk, asked, rest)


def _parse(walk: Walk, asked: list[tuple[int, str]], rest: str) -> None:
    """Go on over what was left to the parser: blocks, each behind as many pieces as are named, and what follows all."""
    source = "".join([*(block for _, block in asked), rest])
    if "-break" in source or "<linebr" in source or "<lb" in source or "<newl" in source or "w:br" in source:
        source = MARKS.sub("<br>", source)
    if html_guard.is_too_much(source):
        for text in _interleaved(walk, asked, rest):
            html_guard.gather_plainly(text, walk.into, code=walk.code, kind=walk.default_kind)
        return
    if html_elements.may_hold_contents(source):
        walk.contents = html_elements.ContentsFinder()
    # An explicit <body> keeps a leading <title>, <style> or <frameset> from being read as a page's head.
    try:
        body = LexborHTMLParser("<body>" + source).body
    except UnicodeEncodeError:  # lone surrogates
        body = LexborHTMLParser("<body>" + source.encode("utf-8", "ignore").decode("utf-8")).body
    node = body.child if body is not None else None
    for _ in _interleaved(walk, asked):
        while node is not None and node.tag == "-text":
            node = node.next
        if node is not None:
            walk.run(node, alone=True)
            node = node.next
    walk.run(node)


def _interleaved(walk: Walk, asked: list[tuple[int, str]], *rest: str) -> Iterator[str]:
    """Yield what is to be read, when the pieces that stand before it are those gathered so far."""
    pieces, done = walk.into.pieces, 0
    walk.into.pieces = []
    for place, text in asked:
        walk.into.pieces += pieces[done:place]
        done = place
        yield text
    walk.into.pieces += pieces[done:]
    yield from rest
