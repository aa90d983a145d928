"""HTML to pieces of text, by one walk over the tree that the Lexbor parser builds.

    gathered = Gathered()
    gather_html("<p>Hello, <b>world</b>.</p>", gathered)
    gathered.pieces                      # [Piece(kind="text", text="Hello, world.", run=0)]

In: any string, broken markup too. Out: paragraphs, headings, list items (`- ` or `1. `), rows of data tables
and, with `code=True`, code blocks. White space is folded as a browser folds it; nothing here looks at markup
with regular expressions, and nothing recurses over the depth of the tree.
"""

from typing import TYPE_CHECKING

from penname.blog import html_skip, html_tables
from penname.blog.pieces import Gathered, Piece

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_BLOCKS = html_skip.names(
    "html body p div section article header footer main aside nav address blockquote figure figcaption "
    "details summary h1 h2 h3 h4 h5 h6 hr ul ol menu dir li dl dt dd table caption thead tbody tfoot tr "
    "td th colgroup col form fieldset label legend hgroup center search dialog"
)
_HEADINGS = frozenset(["h1", "h2", "h3", "h4", "h5", "h6"])
_LISTS = frozenset(["ul", "ol", "menu", "dir"])
_VERBATIM = frozenset(["pre", "xmp", "listing", "plaintext"])
_BREAK = "\0"  # stands for <br>; the parser never lets a NUL through
_RAISED = str.maketrans("0123456789+-=()n", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ")
_EMOJI_CLASSES = ("emoji", "wp-smiley")


def gather_html(source: str, into: Gathered, *, code: bool = False, kind: str = "text") -> None:
    """Add the text of an HTML fragment to `into`; text in no block of its own becomes a `kind` piece.

    Dropped: scripts, styles, frames, media, form controls, comments, hidden elements, tables of contents,
    embedded tweets and the like, footnote markers, pictures (counted) and their captions, code blocks unless
    `code`.
    """
    from selectolax.lexbor import LexborHTMLParser

    # An explicit <body> keeps a leading <title>, <style> or <frameset> from being read as a page's head.
    body = LexborHTMLParser("<body>" + source.encode("utf-8", "ignore").decode("utf-8")).body
    if body is not None:
        _Walk(into, code, kind, html_skip.may_hold_contents(source)).run(body)


class _Walk:
    """The state of one walk: the open line of text and the lists it stands in."""

    def __init__(self, into: Gathered, code: bool, kind: str = "text", contents: bool = False) -> None:
        self.into = into
        self.contents = html_skip.ContentsFinder() if contents else None
        self.code = code
        self.default_kind = kind
        self.kind = kind
        self.text: list[str] = []
        self.lists: list[int] = []  # the next number of each open list; 0 for bullets
        self.run_id = 0
        self.prefix = ""
        self.forms = 0

    def run(self, top: "LexborNode") -> None:
        """Walk everything below `top` in document order, without recursion."""
        open_: list[tuple[LexborNode, str]] = []
        line = self.text
        node = top.child
        while True:
            if node is None:
                if not open_:
                    break
                node, tag = open_.pop()
                self.leave(tag)
            else:
                tag = node.tag or "-unknown"
                if tag == "-text":
                    text = node.text_content or ""
                    if line or not text.isspace():  # white space between blocks is nothing
                        line.append(text)
                elif tag[0] != "-" and self.enter(node, tag):
                    open_.append((node, tag))
                    node = node.child
                    continue
            node = node.next
        self.flush()

    def enter(self, node: "LexborNode", tag: str) -> bool:
        """Begin an element; True when its children are to be walked."""
        if tag in html_skip.DROPPED or (self.forms and tag in html_skip.FORM_PARTS):
            return False
        if tag == "br":
            self.text.append(_BREAK)
            return False
        attributes = node.attributes
        if html_skip.is_unseen(attributes):
            return False
        if self.contents and self.contents.is_contents(node, tag, attributes):
            self.flush()
            self.drop_contents_title()
            return False
        if tag in _BLOCKS:
            return self.enter_block(node, tag, attributes)
        return self.enter_inline(node, tag, attributes)

    def enter_block(self, node: "LexborNode", tag: str, attributes: dict[str, str | None]) -> bool:
        """Begin an element that stands on lines of its own."""
        self.flush()
        if tag in _HEADINGS:
            self.kind = "heading"
        elif tag in _LISTS:
            self.open_list(tag, attributes)
        elif tag == "li":
            self.open_item(attributes)
        elif tag == "table" and html_tables.is_data_table(node):
            self.add_table(node)
            return False
        elif tag == "form":
            self.forms += 1
        elif tag == "figcaption":
            return _has_own_text(node.parent)
        elif tag == "dialog":
            return "open" in attributes
        return True

    def enter_inline(self, node: "LexborNode", tag: str, attributes: dict[str, str | None]) -> bool:
        """Begin an element within a line, or one that is known whole."""
        if tag == "img":
            self.add_image(attributes)
            return False
        if tag == "a":
            return self.enter_link(node, attributes)
        if tag in _VERBATIM:
            self.add_code(node)
            return False
        if tag == "code":
            return self.enter_code(node)
        if tag == "sup":
            return self.enter_raised(node)
        if tag == "q":
            self.text.append('"')
        return True

    def leave(self, tag: str) -> None:
        """End an element that was entered."""
        if tag in _BLOCKS:
            self.flush()
            self.kind = self.default_kind
            if tag in _LISTS:
                self.lists.pop()
                if not self.lists:
                    self.run_id = 0
            elif tag == "li":
                self.prefix = ""
            elif tag == "form":
                self.forms -= 1
        elif tag == "q":
            self.text.append('"')

    def flush(self) -> None:
        """End the open line and add it as a piece, folding white space as a browser does."""
        if not self.text:
            return
        raw = "".join(self.text)
        self.text.clear()
        if _BREAK in raw:
            text = "\n".join(" ".join(line.split()) for line in raw.split(_BREAK)).strip("\n")
        else:
            text = " ".join(raw.split())
        if not text:
            return
        if self.prefix:
            self.into.add("item", self.prefix + _without_bullet(text), self.run_id)
            self.prefix = ""
        else:
            self.into.add(self.kind, text)

    def open_list(self, tag: str, attributes: dict[str, str | None]) -> None:
        """Begin a list; all lists within one outermost list are one run of lines."""
        if not self.lists:
            self.run_id = self.into.new_run()
        self.lists.append(_number(attributes.get("start"), 1) if tag == "ol" else 0)

    def open_item(self, attributes: dict[str, str | None]) -> None:
        """Begin a list item; its bullet or number waits for its first text."""
        number = self.lists[-1] if self.lists else 0
        if not number:
            self.prefix = "- "
            return
        number = _number(attributes.get("value"), number)
        self.prefix = f"{number}. "
        self.lists[-1] = number + 1

    def add_image(self, attributes: dict[str, str | None]) -> None:
        """Count a picture; a picture of an emoji stands for its character."""
        name, alt = attributes.get("class") or "", attributes.get("alt") or ""
        if alt and len(alt) <= 12 and not alt.isascii() and any(word in name for word in _EMOJI_CLASSES):
            self.text.append(alt)
            return
        self.into.images += 1
        self.text.append(" ")

    def enter_link(self, node: "LexborNode", attributes: dict[str, str | None]) -> bool:
        """Count a link to another page; drop footnote markers, arrows back and anchor signs."""
        href = (attributes.get("href") or "").strip()
        if html_skip.is_fragment(href):
            if not html_skip.is_marker(node.text()):
                return True
            if self.text:  # the marker took a space before it
                self.text[-1] = self.text[-1].rstrip()
            return False
        if href and not href.lower().startswith("javascript:"):
            self.into.links += 1
        return True

    def enter_code(self, node: "LexborNode") -> bool:
        """Take inline code; a single tag quoted in it (`<video>`) keeps its name without the brackets."""
        child = node.child
        if child is None or child.next is not None or child.tag != "-text":
            return True
        text = child.text_content or ""
        bare = text.strip()
        if bare[:1] == "<" and bare[-1:] == ">" and bare.count("<") == bare.count(">") == 1:
            text = bare.strip("</> ")
        self.text.append(text)
        return False

    def enter_raised(self, node: "LexborNode") -> bool:
        """Take a superscript: figures become raised figures (10⁶), lest they glue to the number before."""
        text = node.text().strip()
        if len(text) > 4 or not text.lstrip("+-").isdecimal() or not text.isascii():
            return True
        if node.css_first("a[href^='#']") is None:
            self.text.append(text.translate(_RAISED))
        return False

    def add_code(self, node: "LexborNode") -> None:
        """Add a code block with its white space when code is wanted."""
        self.flush()
        if self.code:
            self.into.add("code", _verbatim(node).strip("\n"))

    def add_table(self, node: "LexborNode") -> None:
        """Add a line for each row of a data table, under the table's caption."""
        if (caption := node.css_first("caption")) is not None:
            self.into.add("text", self.cell_text(caption))
        run = self.into.new_run()
        for cells in html_tables.rows(node):
            heading_first = len(cells) > 1 and cells[0].tag == "th" and cells[1].tag == "td"
            line = html_tables.row_line([self.cell_text(cell) for cell in cells], heading_first)
            self.into.add("row", line, run)

    def cell_text(self, cell: "LexborNode") -> str:
        """Return the text of a table's cell on one line; its links and pictures are counted."""
        if html_skip.is_unseen(cell.attributes):
            return ""
        inner = Gathered()
        _Walk(inner, code=False).run(cell)
        self.into.links += inner.links
        self.into.images += inner.images
        return " ".join(" ".join(piece.text for piece in inner.pieces).split())

    def drop_contents_title(self) -> None:
        """Take back the heading "Contents" that stood before a table of contents."""
        last = self.into.pieces[-1] if self.into.pieces else Piece("", "")
        if last.kind != "item" and html_skip.is_contents_title(last.text):
            self.into.pieces.pop()


def _has_own_text(figure: "LexborNode | None") -> bool:
    """Whether a figure holds text, so that its caption names a speaker or a table and not a picture."""
    return figure is not None and figure.css_first("blockquote, table") is not None


def _verbatim(top: "LexborNode") -> str:
    """Return the text below `top` as it stands; a <br> is a line end."""
    parts: list[str] = []
    todo = [top.child]
    while todo:
        node = todo.pop()
        if node is None:
            continue
        todo.append(node.next)
        if node.tag == "-text":
            parts.append(node.text_content or "")
        elif node.tag == "br":
            parts.append("\n")
        elif node.tag not in html_skip.DROPPED:
            todo.append(node.child)
    return "".join(parts)


def _without_bullet(text: str) -> str:
    """Drop a bullet that the writer typed into a list item."""
    if text[0] in "•●▪◦‣·∙" or text[:2] in ("- ", "– ", "— ", "* "):
        return text[1:].lstrip() or text
    return text


def _number(value: str | None, otherwise: int) -> int:
    """Read an attribute such as `start`; anything but a small number is `otherwise`."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else otherwise
