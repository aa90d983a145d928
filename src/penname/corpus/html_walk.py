"""The walk over a post's HTML: what each element does to the open line and to the pieces gathered so far.

    walk = Walk(gathered, code=False)
    walk.run(body.child)               # body: a node of the tree that the Lexbor parser builds

In: a node. Out: pieces of text in `gathered`. White space is folded as a browser folds it, and nothing recurses over
the depth of the tree. `html_plain` calls the same methods for markup that needs no parser.
"""

import re
from collections.abc import Callable

from selectolax.lexbor import LexborNode

from penname.corpus import html_elements, html_math
from penname.corpus.html_elements import (
    BLOCK,
    BLOCK_PLUS,
    CAPTION,
    COMMENT,
    INLINE,
    INLINE_CODE,
    KEPT_LINES,
    LINE,
    LINE_END,
    LISTS,
    PLAIN,
    TEXT,
    UNSEEN,
    role_of,
    roles,
)
from penname.corpus.pieces import Gathered, Piece, fold, quote
from penname.corpus.prose import is_prose, is_sentence

BREAK = "\0"
"""Stands for <br> in the open line; the parser never lets a NUL through."""
_EDGE = "\1"  # ends a line where there is one: elements that a style makes blocks
_EMOJI_CLASSES = ("emoji", "wp-smiley")
_FORMULA_CLASSES = re.compile(r"\b(?:latex|tex|mwe-math-fallback-image\S*|ql-img\S*)\b")
_LONGEST_CELL_CODE = 100  # characters of code that stay in a table's cell


class Walk:
    """The state of one walk: the open line of text and the lists, figures and forms it stands in."""

    def __init__(self, into: Gathered, code: bool, kind: str = "text", in_cell: bool = False) -> None:
        self.into = into
        self.contents: html_elements.ContentsFinder | None = None  # looks for tables of contents where there may be any
        self.code = code
        self.in_cell = in_cell
        self.in_code = False
        self.default_kind = kind
        self.kind = kind
        self.text: list[str] = []
        self.broken = False  # whether the open line holds a break or an edge
        self.lists: list[int] = []  # the next number of each open list; 0 for bullets
        self.run_id = 0
        self.prefix = ""
        self.forms = 0
        self.kept = 0  # elements around that show line ends
        self.figures: list[Figure] = []
        self.captions: list[int] = []  # how many pieces there were when each open caption began
        self.formula_read = False  # whether the formula whose TeX comes next has been read

    def run(self, node: LexborNode | None, *, alone: bool = False) -> None:
        """Walk a node and what follows it, unless it is to be `alone`, in document order and without recursion."""
        known, line, enter = roles(), self.text, self.enter
        open_: list[tuple[LexborNode, _Leave]] = []
        while True:
            if node is None:
                if not open_:
                    break
                node, leave = open_.pop()
                if leave is not None:
                    leave()
            elif (number := node.tag_id) == TEXT:
                text = node.text_content or ""
                if line or not text.isspace():  # white space between blocks is nothing
                    line.append(text if not self.kept else self.with_breaks(text))
            elif number != COMMENT:
                role, tag = known.get(number) or role_of(node.tag or "")
                if role == LINE_END:
                    line.append(BREAK)
                    self.broken = True
                elif role and (leave := enter(node, role, tag)) is not skipped:
                    open_.append((node, leave))
                    node = node.child
                    continue
            if alone and not open_:
                break
            node = node.next
        self.flush()

    def forget(self) -> None:
        """Forget the open line and the elements around it."""
        self.text.clear()
        self.lists.clear()
        self.figures.clear()
        self.captions.clear()
        self.kind, self.prefix, self.run_id = self.default_kind, "", 0
        self.broken = self.in_code = False

    def enter(self, node: LexborNode, role: int, tag: str) -> "_Leave":
        """Begin an element; return what is to be done at its end, or `skipped` when it is not to be walked."""
        attributes = node.attributes
        look = html_elements.look_of(attributes) if attributes else 0
        if look & UNSEEN:
            return skipped
        if self.contents and self.contents.is_contents(node, tag, attributes):
            self.flush()
            self.drop_contents_title()
            return skipped
        if role == BLOCK:
            if self.text:
                self.flush()
            leave: _Leave = self.leave_block
        elif role == PLAIN:
            leave = None
        elif role == BLOCK_PLUS:
            self.flush()
            leave = self.enter_block(node, tag, attributes)
        else:
            leave = self.enter_inline(node, tag, attributes)
        if look and leave is not skipped:
            return self.enter_styled(look, leave, role, tag)
        return leave

    def enter_block(self, node: LexborNode, tag: str, attributes: "_Attributes") -> "_Leave":
        """Begin an element that stands on lines of its own and asks for more than that."""
        if tag in LISTS:
            self.open_list(tag, attributes)
            return self.leave_list
        if tag == "li":
            self.open_item(attributes)
            return self.leave_item
        if tag == "table":
            return self.enter_table(node)
        if tag == "figure":
            self.figures.append(Figure(len(self.into.pieces)))
            return self.leave_figure
        if tag == "figcaption":
            self.captions.append(len(self.into.pieces))
            return self.leave_caption
        if tag in ("blockquote", "details"):
            self.tell_figure()
        elif tag == "form":
            self.forms += 1
            return self.leave_form
        elif tag in html_elements.FORM_PARTS:
            return skipped if self.forms else self.leave_block
        elif tag == "dialog":
            return self.leave_block if "open" in attributes else skipped
        else:
            self.kind = "heading"
        return self.leave_block

    def enter_inline(self, node: LexborNode, tag: str, attributes: "_Attributes") -> "_Leave":
        """Begin an element within a line, or one that is known whole."""
        if tag == "a":
            return self.enter_link(node, attributes)
        if tag == "img":
            self.add_image(attributes)
        elif tag == "sup":
            return self.enter_raised(node, attributes)
        elif tag == "sub":
            return self.enter_lowered(node)
        elif tag == "q":
            self.text.append('"')
            return lambda: self.text.append('"')
        elif tag in INLINE_CODE:
            if self.in_code:
                return None
            self.in_code, start = True, len(self.text)
            return lambda: self.leave_code(start)
        elif tag == "math":
            self.add_formula(html_math.math_text(node), attributes.get("display") == "block")
        elif tag == "script":
            self.add_tex(node, attributes)
        else:
            return self.enter_preformatted(node, attributes)
        return skipped

    def enter_styled(self, look: int, leave: "_Leave", role: int, tag: str) -> "_Leave":
        """Begin what the attributes of an element ask for; its own end comes first."""
        ends = [leave] if leave is not None else []
        if look & LINE and role in (PLAIN, INLINE):
            self.edge()
            ends.append(self.edge)
        if look & KEPT_LINES:
            self.kept += 1
            ends.append(self.leave_kept)
        if look & CAPTION and tag != "figcaption":
            self.flush()
            self.captions.append(len(self.into.pieces))
            ends.append(self.leave_caption)
        return ends[0] if len(ends) == 1 else lambda: [end() for end in ends] and None

    def leave_block(self) -> None:
        """End an element that stands on lines of its own."""
        if self.text:
            self.flush()
        self.kind = self.default_kind

    def leave_list(self) -> None:
        """End a list; a run of lines ends with its outermost list."""
        self.leave_block()
        self.lists.pop()
        if not self.lists:
            self.run_id = 0

    def leave_item(self) -> None:
        """End a list item, with a bullet that found no text."""
        self.leave_block()
        self.prefix = ""

    def leave_form(self) -> None:
        """End a form."""
        self.leave_block()
        self.forms -= 1

    def leave_code(self, start: int) -> None:
        """End inline code: a bracket in it is never a shortcode's."""
        self.text[start:] = map(quote, self.text[start:])
        self.in_code = False

    def leave_kept(self) -> None:
        """End an element that shows line ends."""
        self.kept -= 1

    def leave_preformatted(self) -> None:
        """End preformatted prose."""
        self.leave_block()
        self.kept -= 1

    def leave_caption(self) -> None:
        """End a caption: one that says something stays, a label goes unless its figure proves to hold text."""
        self.leave_block()
        start, pieces = self.captions.pop(), self.into.pieces
        words = [piece.text for piece in pieces[start : start + 8]]
        if not words or len(pieces) > start + 8 or is_sentence(" ".join(words)):
            return
        if self.figures:
            pieces[start:] = [Piece("caption", piece.text) for piece in pieces[start:]]
            self.figures[-1].has_caption = True
        else:
            self.into.drop_caption(start)

    def leave_figure(self) -> None:
        """End a figure: the labels in it go, unless it holds a quotation, a table or verse that they name."""
        self.leave_block()
        figure = self.figures.pop()
        if figure.has_text:
            self.tell_figure()
        if figure.has_caption:
            self.into.settle_captions(figure.start, figure.has_text)

    def tell_figure(self) -> None:
        """Note that the figure around, if any, holds text, so that its caption names a speaker or a table."""
        if self.figures:
            self.figures[-1].has_text = True

    def edge(self) -> None:
        """End the line where there is one: what comes next begins a new one within the same paragraph."""
        if self.text:
            self.text.append(_EDGE)
            self.broken = True

    def with_breaks(self, text: str) -> str:
        """Return text with its line ends as breaks."""
        if "\n" not in text:
            return text
        self.broken = True
        return text.replace("\n", BREAK)

    def flush(self) -> None:
        """End the open line and add it as a piece, folding white space as a browser does."""
        line = self.text
        if not line:
            return
        raw = line[0] if len(line) == 1 else "".join(line)
        line.clear()
        if self.broken:
            text = _lines(raw)
            self.broken = False
        else:
            text = fold(raw)
        if not text:
            return
        if self.prefix:
            text = html_elements.without_bullet(text)
            self.into.pieces.append(Piece("item", text if self.in_cell else self.prefix + text, self.run_id))
            self.prefix = ""
        else:
            self.into.pieces.append(Piece(self.kind, text))

    def open_list(self, tag: str, attributes: "_Attributes") -> None:
        """Begin a list; all lists within one outermost list are one run of lines."""
        if not self.lists:
            self.run_id = self.into.new_run()
        self.lists.append(html_elements.number_of(attributes.get("start"), 1) if tag == "ol" else 0)

    def open_item(self, attributes: "_Attributes") -> None:
        """Begin a list item; its bullet or number waits for its first text."""
        number = self.lists[-1] if self.lists else 0
        if not number:
            self.prefix = "- "
            return
        number = html_elements.number_of(attributes.get("value"), number)
        self.prefix = f"{number}. "
        self.lists[-1] = number + 1

    def add_image(self, attributes: "_Attributes") -> None:
        """Count a picture; a picture of an emoji or a formula stands for its characters."""
        name, alt = attributes.get("class") or "", attributes.get("alt") or ""
        if alt and name:
            emoji = len(alt) <= 12 and not alt.isascii() and any(word in name for word in _EMOJI_CLASSES)
            if emoji or _FORMULA_CLASSES.search(name[:200]):
                self.text.append(alt)
                return
        self.into.images += 1
        self.text.append(" ")

    def enter_link(self, node: LexborNode, attributes: "_Attributes") -> "_Leave":
        """Count a link to another page; drop footnote markers, arrows back and anchor signs."""
        href = (attributes.get("href") or "").strip()
        if html_elements.is_fragment(href):
            text = html_elements.short_text(node, 12)
            if text is None or not html_elements.is_marker(text):
                return None
            self.drop_space()
            return skipped
        if href and not href[:11].lower().startswith("javascript:"):
            self.into.links += 1
        return None

    def drop_space(self) -> None:
        """Take back the space before a marker that goes."""
        if self.text:
            self.text[-1] = self.text[-1].rstrip(" \n\t\xa0")

    def enter_raised(self, node: LexborNode, attributes: "_Attributes") -> "_Leave":
        """Take a superscript: a power becomes raised figures (10⁶), lest it glue to the number; marks of notes go."""
        text = (html_elements.short_text(node, 40) or "").strip()
        if not text:
            return None
        if html_elements.is_marker(text) and html_elements.marks_note(node, attributes):
            self.drop_space()
            return skipped
        before, after = self.tail(), html_math.next_text(node)
        if text.isdigit() and after.strip() in ("/", "⁄") and html_math.is_before_sub(node):
            self.text.append(f" {text}" if before[-1:].isdigit() else text)
            return skipped
        if len(text) > 1 and any(inner.tag in ("sup", "sub") for inner in node.iter()):
            self.text.append("^(")
            return lambda: self.text.append(")")
        said = html_math.raised(text, before, after)
        if said is None:
            return None
        if said:
            self.text.append(said)
        else:
            self.drop_space()
        return skipped

    def enter_lowered(self, node: LexborNode) -> "_Leave":
        """Take a subscript: H2O as it is, but log₂8 and V_max."""
        text = (html_elements.short_text(node, 40) or "").strip()
        said = html_math.lowered(text, self.tail(), html_math.next_text(node)) if text else None
        if said is None:
            return None
        self.text.append(said)
        return skipped

    def tail(self) -> str:
        """Return the end of the open line, some 60 characters."""
        end = ""
        for part in reversed(self.text):
            end = part[-60:] + end
            if len(end) >= 60:
                break
        return end.rpartition(BREAK)[2]

    def add_formula(self, text: str, on_its_own: bool) -> None:
        """Add a formula to the line, or on a line of its own; an empty one is nothing."""
        if on_its_own and text:
            self.edge()
        self.text.append(text)
        if on_its_own and text:
            self.edge()
        self.formula_read = bool(text)

    def add_tex(self, node: LexborNode, attributes: "_Attributes") -> None:
        """Add the TeX that a script holds for MathJax, unless the formula has been read from MathML before it."""
        kind = attributes.get("type") or ""
        if kind.startswith("math/tex"):
            if not self.formula_read:
                self.add_formula((node.text() or "").strip(), "display" in kind)
            self.formula_read = False

    def enter_preformatted(self, node: LexborNode, attributes: "_Attributes") -> "_Leave":
        """Take preformatted text: verse and letters with their line ends, a program only when code is wanted."""
        if self.kept:  # within prose already
            return None
        self.flush()
        text = html_elements.verbatim(node).strip("\n")
        if self.in_cell and "\n" not in text and len(text) <= _LONGEST_CELL_CODE:
            return self.leave_block
        if html_elements.holds_code(node, attributes) or not (html_elements.names_verse(attributes) or is_prose(text)):
            if self.code:
                self.into.add("code", text)
            return skipped
        self.tell_figure()
        self.kept += 1
        return self.leave_preformatted

    def enter_table(self, node: LexborNode) -> "_Leave":
        """Add a data table whole; a layout table is walked."""
        self.tell_figure()
        if not html_elements.is_data_table(node):
            html_elements.put_foot_last(node)
            return self.leave_block
        if (caption := html_elements.caption_of(node)) is not None:
            self.into.add("text", self.cell_text(caption))
        run = self.into.new_run()
        for cells in html_elements.rows(node):
            heading_first = len(cells) > 1 and cells[0].tag == "th" and cells[1].tag == "td"
            line = html_elements.row_line([self.cell_text(cell) for cell in cells], heading_first)
            self.into.add("row", line, run)
        return skipped

    def cell_text(self, cell: LexborNode) -> str:
        """Return the text of a table's cell on one line; its links and pictures are counted."""
        if (attributes := cell.attributes) and html_elements.look_of(attributes) & UNSEEN:
            return ""
        child = cell.child
        if child is not None and child.next is None and child.tag_id == TEXT:
            return " ".join((child.text_content or "").split())
        inner = Gathered()
        Walk(inner, code=False, in_cell=True).run(cell.child)
        self.into.links += inner.links
        self.into.images += inner.images
        return html_elements.cell_line(inner.pieces)

    def drop_contents_title(self) -> None:
        """Take back the heading "Contents" that stood before a table of contents."""
        last = self.into.pieces[-1] if self.into.pieces else Piece("", "")
        if last.kind != "item" and html_elements.is_contents_title(last.text):
            self.into.pieces.pop()


class Figure:
    """A figure that is being walked: where its pieces begin, and what it holds."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.has_text = False
        self.has_caption = False


_Attributes = dict[str, str | None]
_Leave = Callable[[], object] | None


def skipped() -> None:
    """Stands for the end of an element that is not walked."""


def _lines(raw: str) -> str:
    """Return text with breaks and edges as lines; an edge where a line ends or begins anyway is nothing."""
    lines = []
    for stretch in raw.split(BREAK):
        parts = [" ".join(part.split()) for part in stretch.split(_EDGE)]
        lines.append("\n".join(filter(None, parts)))
    return "\n".join(lines).strip("\n")
