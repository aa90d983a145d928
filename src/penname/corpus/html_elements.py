"""Which elements of a post's HTML are not its text: scripts and controls, hidden ones, tables of contents.

    look = look_of(node.attributes)
    if look & UNSEEN: ...
    if ContentsFinder().is_contents(node, node.tag, node.attributes): ...

All functions look at parsed nodes (selectolax's Lexbor tree), never at markup.

What the walk over HTML does with each element: drop it, end a line, end a paragraph, look at it more closely.

    role, tag = roles().get(node.tag_id) or role_of(node.tag)

Lexbor numbers the elements that it knows; asking for the number is many times quicker than asking for the name.

Tables: data or layout? A data table becomes a line a row; a layout table is read like any other blocks.

    if is_data_table(node): lines = [row_line(cells) for cells in rows(node)]

A row becomes `cell; cell; cell`, or `name: cell; cell` when its first cell is a heading or ends with a colon.
The row of column headings is a line of its own: repeating it in each row would teach a model little else.
"""

import functools
import itertools
import re
from dataclasses import dataclass

from selectolax.lexbor import LexborHTMLParser, LexborNode

from penname.corpus.pieces import Piece


def names(text: str, separator: str | None = None) -> frozenset[str]:
    """Return the set of the names written in `text`."""
    return frozenset(text.split(separator))


DROPPED = names(
    "script style template noscript iframe frame frameset noframes noembed object embed applet svg canvas "
    "audio video map head title meta link base input textarea select option optgroup datalist button "
    "output progress meter keygen annotation annotation-xml rt rp publii-amp"
)
"""Elements that go with all they hold. `publii-amp` is the part of a post that only the AMP edition shows."""

FORM_PARTS = frozenset(["label", "legend"])
"""Dropped inside a form; elsewhere themes use `label` for the headings of an accordion."""

_CONTENTS_NAMES = names(
    "toc post__toc table-of-contents tableofcontents table_of_contents contents-list page-toc "
    "ez-toc-container toc_container toc-container markdown-toc lwptoc"
)
_CONTENTS_TITLES = names(
    "contents|content|table of contents|on this page|in this article|in this post|jump to|índice|"
    "indice|contenido|índex|continguts|sumário|sommaire|table des matières|inhalt|inhaltsverzeichnis|"
    "inhoud|inhoudsopgave|spis treści|содержание|оглавление|目录|目次|目錄",
    "|",
)
_EMBEDS = names(
    "twitter-tweet twitter-video instagram-media tiktok-embed bluesky-embed mastodon-embed "
    "reddit-embed-bq reddit-card fb-post fb-video fb-root sharedaddy jp-relatedposts "
    "addtoany_share_save_container wp-embedded-content"
)
_HIDDEN_CLASSES = names(
    "sr-only screen-reader-text screen-reader-only screenreader-text screenreader-only screen-reader screenreader "
    "visually-hidden visuallyhidden visually-hidden-focusable sr-only-focusable is-visually-hidden u-visually-hidden "
    "u-sr-only hidden-visually show-for-sr element-invisible assistive-text a11y-hidden a11y-only only-sr sronly "
    "sr_only visually_hidden cdk-visually-hidden govuk-visually-hidden usa-sr-only offscreen off-screen "
    "accessibly-hidden accessibility-hidden clip-text skip-link skip-to-content aural-only"
)
_CAPTION_CLASSES = names(
    "wp-caption-text wp-caption-dd wp-element-caption gallery-caption blocks-gallery-caption figure-caption "
    "blocks-gallery-item__caption image-caption img-caption imgcaption photo-caption picture-caption tr-caption "
    "image__caption post__image-caption kg-image-caption graf--imagecaption imagecaption"
)
_CODE_CLASS = re.compile(
    r"(?:^|\s)(?:lang(?:uage)?-(?!(?:text|txt|plain|plaintext|none|nohighlight|no-highlight)\b)|brush:|hljs|highlight|"
    r"prettyprint|prism|source-?code|codehilite|crayon|enlighter|syntax|line-numbers|linenos|code(?:\s|$|[-_])|wp-block-code|"
    r"shiki|chroma|rouge|codemirror|cm-|ql-syntax|astro-code|gist|programlisting|src(?:\s|$|-)|snippet|terminal|console)",
    re.IGNORECASE,
)
_VERSE_CLASS = re.compile(
    r"(?:^|[\s_-])(?:verse|poem|poems|poetry|poesia|poema|gedicht|lyrics?|stanza|haiku|song)(?:$|[\s_-])", re.IGNORECASE
)

UNSEEN, LINE, CAPTION, KEPT_LINES = 1, 2, 4, 8
"""What attributes say: not to be seen; stands on a line of its own; a picture's caption; line ends are shown."""

_CONTENTS_CANDIDATES = frozenset(["ul", "ol", "nav", "p", "dl"])
_PATIENCE = 200_000
_MOST_OTHER_WORDS = 12  # the title of a labelled table of contents
_TELLING = frozenset(["hidden", "aria-hidden", "class", "style"])
_STYLES = {
    "display": {"none": UNSEEN} | dict.fromkeys(
        ["block", "flex", "grid", "list-item", "table", "table-row", "table-caption", "flow-root", "block-flow"], LINE
    ),
    "visibility": {"hidden": UNSEEN, "collapse": UNSEEN},
    "white-space": dict.fromkeys(["pre", "pre-wrap", "pre-line", "break-spaces"], KEPT_LINES),
    "opacity": dict.fromkeys(["0", "0.0", "0%"], UNSEEN),
    "font-size": dict.fromkeys(["0", "0px", "0pt", "0em", "0rem", "0%"], UNSEEN),
    "clip": dict.fromkeys(["rect(0000)", "rect(1px1px1px1px)", "rect(0px0px0px0px)"], UNSEEN),
    "clip-path": dict.fromkeys(["inset(50%)", "inset(100%)"], UNSEEN),
}  # fmt: skip
_FAR_AWAY = re.compile(r"(?:left|top|right|text-indent|margin-left)\s*:\s*-\d{4,}(?:\.\d+)?(?:px|em|rem)")
_LONGEST_CACHED = 200  # characters of an attribute
_WORD = re.compile(r"[^\W\d_]+")
_MARKER = re.compile(r"[\s\[(]*(?:\d{1,3}|[*†‡§¶#^↩↑⏎⤴←\ufe0e\ufe0f]{1,3}|[a-z])?[\s\])]*")


def look_of(attributes: dict[str, str | None]) -> int:
    """Return what the attributes of an element say about how it looks: UNSEEN, LINE, CAPTION, KEPT_LINES, or 0.

    Unseen: `hidden`, `aria-hidden=true` (an icon, an anchor sign, the second copy of a formula), `display: none`
    and other styles that hide, the classes that themes keep for screen readers. So are embedded tweets and rows
    of share buttons, known by their class, as they stand without script.
    """
    if _TELLING.isdisjoint(attributes):
        return 0
    if "hidden" in attributes or attributes.get("aria-hidden") == "true":
        return UNSEEN
    look = 0
    if classes := attributes.get("class"):
        look = _look_of_classes(classes) if len(classes) < _LONGEST_CACHED else _look_of_classes.__wrapped__(classes)
    if style := attributes.get("style"):
        look |= _look_of_style(style) if len(style) < _LONGEST_CACHED else _look_of_style.__wrapped__(style)
    return look


@functools.lru_cache(1024)
def _look_of_classes(classes: str) -> int:
    words = classes.lower().split()
    if not _EMBEDS.isdisjoint(words) or not _HIDDEN_CLASSES.isdisjoint(words):
        return UNSEEN
    return 0 if _CAPTION_CLASSES.isdisjoint(words) else CAPTION


@functools.lru_cache(1024)
def _look_of_style(style: str) -> int:
    look, style = 0, style.lower()
    for declaration in style.split(";"):
        name, _, value = declaration.partition(":")
        if values := _STYLES.get(name.strip()):
            value = "".join(value.replace("!important", "").replace(",", " ").split())
            look |= values.get(value, 0)
    return look | UNSEEN if _FAR_AWAY.search(style) else look


def names_code(attributes: dict[str, str | None]) -> bool:
    """Whether the classes of an element say that it holds a program: `language-css`, `hljs`, `highlight`."""
    return _CODE_CLASS.search((attributes.get("class") or "")[:400]) is not None


def holds_code(node: "LexborNode", attributes: dict[str, str | None]) -> bool:
    """Whether a preformatted element, the element in it or one of the three around it names a program by its class."""
    if names_code(attributes):
        return True
    inner = next(iter(node.iter()), None)
    if inner is not None and names_code(inner.attributes):
        return True
    around = node.parent
    for _ in range(3):
        if around is None or around.tag in ("body", "-document"):
            break
        if names_code(around.attributes):
            return True
        around = around.parent
    return False


def marks_note(node: "LexborNode", attributes: dict[str, str | None]) -> bool:
    """Whether a superscript is the mark of a note: a link within the page, or a class or id that says so."""
    name = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".lower()
    if "footnote" in name or "fnref" in name or "reference" in name:
        return True
    return node.css_first("a[href^='#']") is not None


def names_verse(attributes: dict[str, str | None]) -> bool:
    """Whether the classes of an element say that it holds verse: `wp-block-verse`, `poem`."""
    return _VERSE_CLASS.search((attributes.get("class") or "")[:400]) is not None


def short_text(top: "LexborNode", most: int) -> str | None:
    """Return the text below `top`; None when it is longer than `most` characters or in many pieces."""
    parts: list[str] = []
    length, patience = 0, 60
    todo = [top.child]
    while todo:
        node = todo.pop()
        if node is None:
            continue
        patience -= 1
        todo.append(node.next)
        if node.tag == "-text":
            text = node.text_content or ""
            length += len(text)
            parts.append(text)
        else:
            todo.append(node.child)
        if length > most or patience < 0:
            return None
    return "".join(parts)


def verbatim(top: "LexborNode") -> str:
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
        elif node.tag not in DROPPED:
            todo.append(node.child)
    return "".join(parts)


def number_of(value: str | None, otherwise: int) -> int:
    """Read an attribute such as `start`; anything but a small number is `otherwise`."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else otherwise


def is_fragment(href: str) -> bool:
    """Whether a link stays on its own page; Publii's placeholders start with `#` too and do not."""
    href = href.strip()
    return href.startswith("#") and not href.startswith(("#INTERNAL_LINK#", "#DOMAIN_NAME#"))


def is_marker(text: str) -> bool:
    """Whether a link within the page reads only as a footnote's number, an arrow back or an anchor sign."""
    return len(text) <= 12 and _MARKER.fullmatch(text) is not None


def is_contents_title(text: str) -> bool:
    """Whether a heading says no more than "table of contents", in any of a dozen languages."""
    return text.strip(" :*\n").casefold() in _CONTENTS_TITLES


def may_hold_contents(source: str) -> bool:
    """Whether a post's source has a `#` that could begin a link within the page; most have none."""
    placeholders = source.count("#INTERNAL_LINK#") + source.count("#DOMAIN_NAME#")
    return source.count("#") > 2 * placeholders + source.count("&#")


class ContentsFinder:
    """Tells tables of contents from other elements; its `patience`, in nodes looked at, bounds the work a post."""

    def __init__(self) -> None:
        self.patience = _PATIENCE

    def is_contents(self, node: "LexborNode", tag: str, attributes: dict[str, str | None]) -> bool:
        """Whether the element is a table of contents: its links stay on the page, little else stands in it.

        An element that is named so (class or id) may have one link and a title; a bare list, paragraph or
        `nav` needs two links or more and no other text.
        """
        labelled = bool(attributes) and _is_labelled(attributes)
        if not labelled and (tag not in _CONTENTS_CANDIDATES or _begins_with_a_word(node)):
            return False
        links = self._count_links(node, _MOST_OTHER_WORDS if labelled else 0)
        return links >= (1 if labelled else 2)

    def _count_links(self, top: "LexborNode", words_allowed: int) -> int:
        """Count the links below `top`; 0 when one leaves the page, or when too much text is outside links."""
        links = words = 0
        todo = [child for child in [top.child] if child is not None]
        while todo:
            node = todo.pop()
            self.patience -= 1
            if self.patience < 0:
                return 0
            if (follower := node.next) is not None:
                todo.append(follower)
            if node.tag == "-text":
                text = node.text_content or ""
                self.patience -= len(text) // 100
                words += _count_words(text, words_allowed + 1)
                if words > words_allowed:
                    return 0
            elif node.tag == "a" and (href := node.attributes.get("href")):
                if not is_fragment(href):
                    return 0
                label = short_text(node, 12)
                links += label is None or not is_marker(label)
            elif node.child is not None:
                todo.append(node.child)
        return links


def _begins_with_a_word(node: "LexborNode") -> bool:
    """Whether an element begins with text of its own, as nearly all paragraphs do."""
    child = node.child
    return child is not None and child.tag == "-text" and _WORD.search((child.text_content or "")[:40]) is not None


def _count_words(text: str, most: int) -> int:
    """Count words, but not further than `most`."""
    return sum(1 for _ in itertools.islice(_WORD.finditer(text), most))


def _is_labelled(attributes: dict[str, str | None]) -> bool:
    for name in ("class", "id"):
        value = attributes.get(name)
        if value and not _CONTENTS_NAMES.isdisjoint(value.lower().split()):
            return True
    return attributes.get("role") == "doc-toc"


def without_bullet(text: str) -> str:
    """Drop a bullet that the writer typed into a list item."""
    if text[0] in "•●▪◦‣·∙" or text[:2] in ("- ", "– ", "— ", "* "):
        return text[1:].lstrip() or text
    return text


BLOCKS = names(
    "html body p div section article header footer main aside nav address blockquote figure figcaption "
    "details summary h1 h2 h3 h4 h5 h6 hr ul ol menu dir li dl dt dd table caption thead tbody tfoot tr "
    "td th colgroup col form fieldset label legend hgroup center search dialog"
)
_SPECIAL_BLOCKS = names(
    "h1 h2 h3 h4 h5 h6 ul ol menu dir li table form label legend figcaption figure blockquote details dialog"
)
INLINE_CODE = names("code tt kbd samp")
_SPECIAL_INLINES = names("img a pre xmp listing plaintext sup sub q math") | INLINE_CODE
_PLAIN_NAMES = names(
    "b strong i em u s strike del ins small big span font var cite abbr acronym dfn mark time bdi "
    "bdo ruby rb wbr nobr data slot picture source track area"
)
LISTS = frozenset(["ul", "ol", "menu", "dir"])
TEXT, COMMENT = 2, 4  # Lexbor's numbers for text and comments
MOST_KNOWN = 1000  # larger numbers are addresses: elements that HTML does not know
DROP, LINE_END, PLAIN, INLINE, BLOCK, BLOCK_PLUS = range(6)


@functools.cache
def roles() -> dict[int, tuple[int, str]]:
    """Return what is to be done with each element that Lexbor knows, by its number there."""

    parser, tags = LexborHTMLParser("<p>"), [*BLOCKS, *DROPPED, *_SPECIAL_INLINES, *_PLAIN_NAMES, "br"]
    numbered = {parser.create_node(tag).tag_id: role_of(tag) for tag in tags}
    return {number: role for number, role in numbered.items() if number < MOST_KNOWN}


def role_of(tag: str) -> tuple[int, str]:
    """Return what is to be done with an element, and its name."""
    if tag in _SPECIAL_INLINES or tag == "script":
        return INLINE, tag
    if tag in DROPPED or tag[:1] in ("-", "!"):
        return DROP, tag
    if tag == "br":
        return LINE_END, tag
    if tag in BLOCKS:
        return (BLOCK_PLUS if tag in _SPECIAL_BLOCKS else BLOCK), tag
    return PLAIN, tag


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
