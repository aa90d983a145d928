"""Tables: data or layout? A data table becomes a line a row; a layout table is read like any other blocks.

    if is_data_table(node): lines = [row_line(cells) for cells in rows(node)]

A row becomes `cell; cell; cell`, or `name: cell; cell` when its first cell is a heading or ends with a colon.
The row of column headings is a line of its own: repeating it in each row would teach a model little else.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from penname.blog.html_skip import names
from penname.blog.pieces import Piece

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_LAYOUT = names("table h1 h2 h3 h4 h5 h6")
_SECTIONS = {"thead": 0, "tbody": 1, "tr": 1, "tfoot": 2}
"""The parts of a table in the order in which they are shown, whatever the order in which they were written."""
_LONG_CELL = 400  # characters; a longer cell is an article laid out in columns


@dataclass
class _Shape:
    rows: int = 0
    widest: int = 0
    cells: int = 0
    headings: int = 0
    characters: int = 0


def is_data_table(table: "LexborNode") -> bool:
    """Whether a table holds data: two rows and two columns or more, and short cells.

    A list, paragraphs, a picture or code in a cell change nothing; headings in cells, `role=presentation` and tables
    within tables mean layout. A heading cell lets a table of one column pass.
    """
    if table.attributes.get("role") in ("presentation", "none"):
        return False
    shape = _measure(table)
    if shape is None or shape.characters == 0:
        return False
    if shape.headings:
        return shape.rows >= 2
    return shape.rows >= 2 and shape.widest >= 2


def rows(table: "LexborNode") -> list[list["LexborNode"]]:
    """Return the cells of each row, in the order shown; the table must have none inside (`is_data_table`)."""
    parts = sorted((part for part in table.iter() if part.tag in _SECTIONS), key=lambda part: _SECTIONS[part.tag or ""])
    found = []
    for part in parts:
        lines = [part] if part.tag == "tr" else [row for row in part.iter() if row.tag == "tr"]
        found += [[cell for cell in row.iter() if cell.tag in ("td", "th")] for row in lines]
    return found


def caption_of(table: "LexborNode") -> "LexborNode | None":
    """Return the caption of a table."""
    return next((part for part in table.iter() if part.tag == "caption"), None)


def put_foot_last(table: "LexborNode") -> None:
    """Move the foot of a table to its end, where it is shown."""
    last = ""
    for part in list(table.iter()):
        if last == "tfoot" and part.tag in ("thead", "tbody"):
            foot = next(part for part in table.iter() if part.tag == "tfoot")
            table.insert_child(foot)
            foot.remove()
            return
        last = part.tag or ""


def cell_line(pieces: list[Piece]) -> str:
    """Return the pieces of a cell on one line, the items of a list parted by commas."""
    parts: list[str] = []
    last = Piece("", "")
    for piece in pieces:
        if parts:
            listed = piece.kind == last.kind == "item" and last.text[-1:] not in ".,;:!?…"
            parts.append(", " if listed else " ")
        parts.append(piece.text)
        last = piece
    return " ".join("".join(parts).split())


def row_line(cells: list[str], heading_first: bool = False) -> str:
    """Return one line for a row: empty cells go; `heading_first` says that the first cell names the row."""
    first, *others = cells or [""]
    others = [cell for cell in others if cell]
    if first and others and (heading_first or first.endswith(":")):
        return f"{first.rstrip(': ')}: {'; '.join(others)}"
    return "; ".join([first, *others] if first else others)


def _measure(table: "LexborNode") -> _Shape | None:
    """Count rows, cells and heading cells; None as soon as something shows that the table is layout."""
    shape, width, length, heading = _Shape(), 0, 0, False
    open_: list[LexborNode] = []
    node = table.child
    while node is not None:
        tag = node.tag or ""
        if tag in _LAYOUT and (tag == "table" or not heading):
            return None
        if tag == "tr":
            shape.rows += 1
            width = 0
        elif tag in ("td", "th"):
            width, length = width + 1, 0
            shape.cells += 1
            heading = tag == "th"
            shape.headings += heading
            shape.widest = max(shape.widest, width)
        elif tag == "-text":
            text = (node.text_content or "").strip()
            length += len(text)
            shape.characters += len(text)
            if length > _LONG_CELL:
                return None
        node = _following(node, open_)
    return shape


def _following(node: "LexborNode", open_: list["LexborNode"]) -> "LexborNode | None":
    """Return the next node in document order; `open_` holds the ancestors entered so far."""
    if node.child is not None:
        open_.append(node)
        return node.child
    follower = node.next
    while follower is None and open_:
        follower = open_.pop().next
    return follower
