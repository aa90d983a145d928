"""HTML into blocks: the transcriber's mark-up says what is a page number, a note, a verse.

In: a page's mark-up. Out: blocks with their kind, and what the page's header says.

    header, blocks = read_markup("<h2>I</h2><p>It was<span class='pagenum'>12</span> late.</p>")

EPUB into one page of mark-up, chapter after chapter.

In: the file's bytes. Out: the mark-up of its spine, and the title, author and language of its package file.
Nothing is unpacked to disk; entries are bounded in size and number, paths stay inside the archive, and XML
entities are never expanded (both XML files are read by the HTML parser).

    header, pages = read_epub(path.read_bytes())
"""

import io
import posixpath
import re
import zipfile
import zlib
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from selectolax.lexbor import LexborHTMLParser

from penname.books.blocks import BREAK, CHAPTER_GAP, HEADING, PROSE, VERSE, Block, read_plain
from penname.books.charset import decode
from penname.books.licence import Header, read_header
from penname.books.marks import drop_bracketed, drop_page_marks, is_power, plain_characters
from penname.core.errors import InputError
from penname.corpus.html_elements import short_text
from penname.corpus.html_guard import gather_plainly, is_too_much
from penname.corpus.html_math import is_before_sub, math_text, next_text, raised
from penname.corpus.pieces import Gathered

# fmt: off
_DROPPED_TAGS = frozenset({
    "head", "style", "script", "noscript", "template", "img", "svg", "figure", "picture", "object",
    "iframe", "embed", "form", "nav", "map", "audio", "video", "button", "input", "select",
    "textarea", "canvas", "aside", "rp", "rt",
})
_BLOCK_TAGS = frozenset({
    "p", "div", "blockquote", "li", "ul", "ol", "dl", "dt", "dd", "section", "article", "main", "header",
    "footer", "center", "address", "table", "tbody", "thead", "tr", "td", "th", "caption", "h1", "h2", "h3",
    "h4", "h5", "h6", "body", "html", "pre", "hr", "fieldset", "details", "summary",
})
_HEADINGS = frozenset({
    "h1", "h2", "h3", "h4", "h5", "h6",
})
_DROPPED_IDS = frozenset({
    "pg-header", "pg-footer", "pg-machine-header", "pg-start-separator", "pg-end-separator", "toc",
    "contents", "index",
})
# fmt: on
_DROPPED_CLASSES = re.compile(
    r"pagenum|pageno|pgnum|page-?num(?:ber)?s?|folionum|fnanchor|fnmarker|footnotes?|footnote-ref|fn|fns|"
    r"fnref|endnotes?|noteref|note-?anchor|annotation|transnote|trans-?note|transcribers?-?notes?|tnotes?|"
    r"tnbox|tn|mynote|"
    r"notebox|covernote|toc\d?|toc-?(?:list|table|entry|box)|tocch|tocpg|contents|index|sidenotes?|side|"
    r"marginnote|caption|"
    r"figcenter|figleft|figright|figure|fig|illus(?:tration)?|illo|image|imgcenter|linenum|lineno|hidden|"
    r"pg-?boilerplate|pgheader|pgfooter|boilerplate|covercaption|screenonly",
    re.IGNORECASE,
)
_DROPPED_IF_SHORT = re.compile(r"page|pb|pagebreak|ln|num|number|folio|nr|pg", re.IGNORECASE)
_VERSE_CLASSES = re.compile(
    r"poem|poetry(?:-container)?|poetryctr|verse|stanza|linegroup|lg|lg-container.*|epigraph-verse|hymn|"
    r"song|ballad",
    re.IGNORECASE,
)
_STANZA_CLASSES = re.compile(r"stanza|linegroup|lg", re.IGNORECASE)
_NUMBER = re.compile(r"[\[({]*(?:p(?:g|age)?\.? ?)?(?:\d{1,4}|[ivxlcdm]{1,8})?[\])}]*", re.IGNORECASE)
_MOST_OF_IT = 0.5
_DEEPEST = 100


@dataclass
class _Writer:
    """Blocks as they grow while the tree is walked."""

    blocks: list[Block] = field(default_factory=list)
    pieces: list[str] = field(default_factory=list)
    verse: int = 0
    heading: int = 0
    gap: int = 1

    def write(self, text: str) -> None:
        self.pieces.append(text)

    def end(self) -> None:
        """Close the block being written, if it holds anything."""
        text = plain_characters("".join(self.pieces))
        self.pieces.clear()
        lines = tuple(line for line in (" ".join(part.split()) for part in text.split("\n")) if line)
        if lines:
            kind = HEADING if self.heading else PROSE if len(lines) == 1 else VERSE
            self.blocks.append(Block(lines, self.gap, kind))
            self.gap = 1

    def rule(self) -> None:
        self.end()
        self.blocks.append(Block(("* * *",), 1, BREAK))

    def plain(self, text: str) -> None:
        """A `pre` block: its line breaks count, so it is read as plain text."""
        self.end()
        text = drop_page_marks(drop_bracketed(plain_characters(text)))
        self.blocks += read_plain(text)


def read_markup(markup: str) -> tuple[Header, list[Block]]:
    """Walk the tree once, without recursion: `pre` comes back unshaped, all else as prose, verse, heading.

    A page that is nested or tangled beyond what the parser can be asked to read comes back without its tags.
    """

    markup = re.sub(r"^\s*<\?xml[^>]*>", "", markup.replace("\x00", ""))
    if is_too_much(markup):
        return _read_plainly(markup)
    tree = LexborHTMLParser(markup)
    root = tree.body or tree.root
    if root is None:
        return Header(), []
    writer = _Writer()
    _walk(root, writer, len(root.text() or "") + 1)
    return _page_header(tree), _without_stray_links(writer.blocks)


def _read_plainly(markup: str) -> tuple[Header, list[Block]]:
    gathered = Gathered()
    gather_plainly(markup, gathered)
    writer = _Writer()
    for piece in gathered.pieces:
        writer.heading = piece.kind == "heading"
        writer.gap = CHAPTER_GAP if writer.heading else 1
        writer.write(piece.text)
        writer.end()
    return read_header([line for block in writer.blocks[:400] for line in block.lines]), writer.blocks


def _walk(root: Any, writer: _Writer, total: int) -> None:
    """Every node once, in the order of the page; what is not entered is not left either."""
    node, depth = root, 0
    while True:
        entered = _enter(node, writer, total if depth < _DEEPEST else 0)
        if entered and node.first_child is not None:
            node, depth = node.first_child, depth + 1
            continue
        if entered:
            _leave(node, writer)
        while depth > 0 and node.next is None:
            node, depth = node.parent, depth - 1
            _leave(node, writer)
        if depth == 0:
            writer.end()
            return
        node = node.next


def _enter(node: Any, writer: _Writer, total: int) -> bool:
    """Write what a node opens; whether to go into it. `total` is 0 where it is too deep to look ahead."""
    tag = node.tag or ""
    if tag == "-text":
        writer.write(re.sub(r"\s+", " ", node.text_content or ""))
        return False
    if tag == "br":
        writer.write("\n")
        return False
    if tag == "hr":
        writer.rule()
        return False
    if tag == "pre":
        writer.plain(node.text() or "")
        return False
    if tag.startswith(("-", "!")) or tag in _DROPPED_TAGS or (total and _is_apparatus(node, tag, total)):
        return False
    if tag == "math":
        writer.write(math_text(node))
        return False
    if tag == "sup" and _raise(node, writer):
        return False
    if not writer.heading and _is_number_mark(node, tag):
        return False
    _open(node, tag, writer)
    return True


def _raise(node: Any, writer: _Writer) -> bool:
    """Write a power's figures raised and a fraction's on the line; False for a superscript that is read as any text."""
    text, after = (short_text(node, 40) or "").strip(), next_text(node)
    before = "".join(writer.pieces[-4:])[-40:]
    if text.isdigit() and after.strip() in ("/", "⁄") and is_before_sub(node):
        writer.write(" " * before[-1:].isdigit() + text)
        return True
    said = raised(text, before, after)
    if said and before.strip() and node.css_first("a") is None and is_power(text, before, after):
        writer.write(said)
        return True
    return said is not None and not text.isalpha()


def _open(node: Any, tag: str, writer: _Writer) -> None:
    _edge(node, tag, writer)
    writer.verse += _is_verse(node)
    if tag in _HEADINGS:
        writer.heading += 1
        writer.gap = CHAPTER_GAP


def _leave(node: Any, writer: _Writer) -> None:
    tag = node.tag or ""
    writer.verse -= _is_verse(node)
    _edge(node, tag, writer)
    if tag in _HEADINGS:
        writer.heading -= 1


def _edge(node: Any, tag: str, writer: _Writer) -> None:
    """The start or end of a node: inside verse it ends a line, of a stanza a block; elsewhere a paragraph."""
    verse = _is_verse(node)
    if writer.verse and (verse or tag in _BLOCK_TAGS or tag == "span"):
        stanza = any(_STANZA_CLASSES.fullmatch(name) for name in _classes(node))
        if stanza or (tag == "p" and node.css_first("br") is not None):
            writer.end()
        else:
            writer.write("\n")
    elif verse or tag in _BLOCK_TAGS:
        writer.end()


def _classes(node: Any) -> list[str]:
    return (node.attributes.get("class") or "").split()


def _is_verse(node: Any) -> bool:
    return any(_VERSE_CLASSES.fullmatch(name) for name in _classes(node))


def _is_apparatus(node: Any, tag: str, total: int) -> bool:
    """Page numbers, notes, contents, captions, the licence; but never a node that holds most of the book."""
    attributes = node.attributes
    marked = (
        (attributes.get("id") or "").lower() in _DROPPED_IDS
        or any(_DROPPED_CLASSES.fullmatch(name) for name in _classes(node))
        or any(_DROPPED_IF_SHORT.fullmatch(name) and len(node.text() or "") < 20 for name in _classes(node))
        or (attributes.get("epub:type") or attributes.get("role") or "") in _NOTE_TYPES
        or (tag in ("p", "li", "div", "td", "ul", "ol") and _is_link_list(node))
        or (tag == "table" and not _is_layout(node))
    )
    return marked and (total < 2000 or len(node.text() or "") < _MOST_OF_IT * total)


# fmt: off
_NOTE_TYPES = frozenset({
    "noteref", "footnote", "footnotes", "endnote", "endnotes", "rearnote", "rearnotes", "pagebreak", "toc",
    "index", "doc-noteref", "doc-footnote", "doc-endnote", "doc-endnotes", "doc-pagebreak", "doc-toc",
    "doc-index",
})
# fmt: on


def _is_number_mark(node: Any, tag: str) -> bool:
    """`<a id="Page_12">[12]</a>`, `<sup>3</sup>` and their kind: the number of a page or a note."""
    if tag not in ("a", "sup", "span", "small"):
        return False
    text = (short_text(node, 40) or "").strip()
    if not text or len(text) > 13 or not _NUMBER.fullmatch(text):
        return False
    name = (node.attributes.get("id") or node.attributes.get("class") or "").lower()
    return name.startswith(("page", "pg", "p_")) or (tag in ("a", "sup") and not text.isalpha())


def _is_link_list(node: Any) -> bool:
    """Whether a paragraph or list is nothing but links inside the book: an entry of its contents."""
    link = node.css_first('a[href*="#"]')
    if link is None:
        return False
    text = (node.text() or "").strip()
    if len(text) > 20_000:
        return False
    linked = sum(len((a.text() or "").strip()) for a in node.css('a[href*="#"]'))
    return bool(text) and linked > 0.8 * len(re.sub(r"[\s.\divxlcIVXLC]+", "", text))


def _is_layout(table: Any) -> bool:
    """A table that holds paragraphs of prose is there for its looks; one of short cells is a table."""
    cells = table.css("td, th")
    if not cells:
        return True
    words = [len((cell.text() or "").split()) for cell in cells]
    return max(words) >= 60 or sum(words) / len(words) >= 25


def _page_header(tree: Any) -> Header:
    boilerplate = tree.css_first("#pg-header, .pgheader, .pg-boilerplate")
    pre = tree.css_first("pre")
    text = boilerplate.text(separator="\n") if boilerplate else (pre.text() if pre else "")
    lines = [line for line in plain_characters(text or "").split("\n") if line.strip()]
    header = read_header(_rejoin_fields(lines) if boilerplate else lines)
    if header.title:
        return header
    title = tree.css_first("title")
    words = " ".join(((title.text() if title else "") or "").split())
    match = re.match(
        r"(?:the )?(?:project gutenberg'?s? )?(?:e-?(?:book|text) of )?(.+?)(?:,? by (.+))?$",
        words,
        re.IGNORECASE,
    )
    return Header(match[1].strip(" ;,"), (match[2] or "").strip(" .")) if match else header


def _rejoin_fields(lines: list[str]) -> list[str]:
    """`<strong>Title</strong>: X` comes as two pieces of text; put them on one line again."""
    joined: list[str] = []
    for line in (line.strip() for line in lines):
        if joined and (line.startswith(":") or joined[-1].endswith(":")):
            joined[-1] += line
        else:
            joined.append(line)
    return joined


def _without_stray_links(blocks: list[Block]) -> list[Block]:
    stray = re.compile(r"\[?(?:back to )?(?:top|contents|table of contents|return to .{0,30})\]?[.:]?", re.IGNORECASE)
    return [
        block
        for block in blocks
        if block.kind != PROSE or not stray.fullmatch(block.text) or block.text.lower() == "contents"
    ]


_LARGEST_ENTRY = 32 * 2**20
_LARGEST_BOOK = 256 * 2**20
_MOST_ENTRIES = 20_000


def read_epub(data: bytes) -> tuple[Header, list[str]]:
    """The package's header and the pages of its spine. Raises `InputError` when it cannot be read."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if len(archive.infolist()) > _MOST_ENTRIES:
                raise InputError(f"The EPUB holds more than {_MOST_ENTRIES} entries: that is no book.")
            return _read(archive)
    except (
        zipfile.BadZipFile,
        zlib.error,
        KeyError,
        RuntimeError,
        EOFError,
        OSError,
    ) as error:
        raise InputError(f"The EPUB cannot be read: {error}.") from error
    except ValueError as error:
        raise InputError(f"The EPUB's directory is broken: {error}.") from error


def _read(archive: zipfile.ZipFile) -> tuple[Header, list[str]]:
    package_path = _package_path(archive)
    package = _parse(_entry(archive, package_path))
    manifest = {
        item.attributes.get("id"): item.attributes
        for item in package.css("item")
        if "html" in (item.attributes.get("media-type") or "html")
    }
    pages, size = [], 0
    for reference in package.css("itemref"):
        item = manifest.get(reference.attributes.get("idref"))
        if item is None or "nav" in (item.get("properties") or "").split():
            continue
        page = _entry(archive, _inside(posixpath.dirname(package_path), item.get("href") or ""))
        size += len(page)
        if size > _LARGEST_BOOK:
            raise InputError(f"The EPUB unpacks to more than {_LARGEST_BOOK >> 20} MiB.")
        pages.append(decode(page))
    if not pages:
        raise InputError("The EPUB names no page to read.")
    return _header(package), pages


def _package_path(archive: zipfile.ZipFile) -> str:
    container = _parse(_entry(archive, "META-INF/container.xml"))
    root = container.css_first("rootfile")
    path = root.attributes.get("full-path") if root else None
    if not path:
        raise InputError("The EPUB's container names no package file.")
    return _inside("", path)


def _inside(folder: str, href: str) -> str:
    """The archive's own name for `href`; a path that leaves the archive is refused."""
    path = posixpath.normpath(posixpath.join(folder, unquote(href.split("#")[0])))
    if path.startswith(("/", "..")) or "\\" in path or ":" in path:
        raise InputError(f"The EPUB points outside itself ({href!r}).")
    return path


def _entry(archive: zipfile.ZipFile, name: str) -> bytes:
    """One entry, read no further than its limit whatever its header claims."""
    with archive.open(name) as file:
        data = file.read(_LARGEST_ENTRY + 1)
    if len(data) > _LARGEST_ENTRY:
        raise InputError(f"The EPUB's entry {name!r} unpacks to more than {_LARGEST_ENTRY >> 20} MiB.")
    return data


def _parse(data: bytes) -> Any:

    source = decode(data).replace("\x00", "")
    if is_too_much(source):
        raise InputError("The EPUB's own files are nested or tangled beyond what can be read.")
    return LexborHTMLParser(source)


def _header(package: Any) -> Header:
    found: dict[str, str] = {}
    for node in package.root.traverse() if package.root else ():
        name = (node.tag or "").lower().removeprefix("dc:")
        if (node.tag or "").lower().startswith("dc:") and name not in found:
            found[name] = " ".join((node.text() or "").split())
    return Header(found.get("title", ""), found.get("creator", ""), found.get("language", ""))
