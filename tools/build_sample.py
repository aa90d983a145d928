"""Lay the diary of Samuel Pepys into a real Publii site of 943 posts, the sample blog of penname.

In: `pepys.jsonl`, one `{date, title, html}` a line (Standard Ebooks' edition, public domain, CC0).
Out: `input/db.sqlite` and `input/config/site.config.json` in the folder given, the same bytes each time.

    python tools/build_sample.py pepys.jsonl src/penname/data/sample

The posts are the diary's entries from 1 April 1665 (old style) on, plague, fire and the Dutch in the Medway
included; entries of under 150 words are passed over. `created_at` is the new-style day at noon, in the 1660s
and thus negative; titles carry the diary's own old-style day. Pepys's words are not changed; what is added is
mark-up: the three editors in turn, a heading on the first entry of a month, a read-more mark, links on words
that a tag matches. Four rows that are no live posts (a draft, two in the trash, a page) keep a reader honest.
"""

import argparse
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html import escape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from penname.core.files import replacing, write_json

POSTS = 943
FIRST_DAY = "1665-04-11"  # new style, 1 April 1665 in the diary
LEAST_WORDS = 150
EDITORS = ("tinymce", "blockeditor", "markdown")
# A fixed library version for bytes 96 to 99 of the file, else the bytes change with SQLite's version.
SQLITE_VERSION = 3_040_001
TAGS = {
    "Navy": r"Navy|fleet|shipps?|Admiral|victualling|Deptford|Woolwich|Chatham|dockyard",
    "Plague": r"plague|pest-?house|bills? of mortality",
    "The Fire": r"burned|burning|the fire|ruines|ruins",
    "The Dutch": r"Dutch|Hollanders?|De Ruyter",
    "Theatre": r"playhouse|play-house|Duke of York’s house|King’s house|a play|the play",
    "Music": r"musique|musick|sing|singing|sang|song|viall?|viol|flageolet|lute",
    "Church": r"church|sermon|parson",
    "Court": r"Duke of York|the King|the Queen|White Hall|Whitehall|Castlemayne|Castlemaine",
    "Money": r"Exchequer|goldsmith|accounts|tallys|tallies|bills of exchange",
    "Books": r"bookseller|booksellers|book|books|library",
    "Health": r"sick|sickness|physique|pain|the stone|surgeon|physician|my eyes",
}
MOST_TAGS = 4
_ID = "'id' INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL"
# Publii's tables, in its order and its words.
SCHEMA = {
    "posts": (
        f"{_ID}, 'title' TEXT, 'authors' TEXT, 'slug' TEXT, 'text' TEXT, 'featured_image_id' INTEGER, "
        "'created_at' DATETIME, 'modified_at' DATETIME, 'status' TEXT, 'template' TEXT"
    ),
    "posts_additional_data": f"{_ID}, 'post_id' INTEGER, 'key' TEXT, 'value' TEXT",
    "posts_images": (f"{_ID}, 'post_id' INTEGER, 'url' TEXT, 'title' TEXT, 'caption' TEXT, 'additional_data' TEXT"),
    "posts_tags": "'tag_id' INTEGER NOT NULL, 'post_id' INTEGER NOT NULL, PRIMARY KEY ('tag_id', 'post_id')",
    "tags": f"{_ID}, 'name' TEXT, 'slug' TEXT, 'description' TEXT, 'additional_data' TEXT",
    "authors": (f"{_ID}, 'name' TEXT, 'username' TEXT, 'password' TEXT, 'config' TEXT, 'additional_data' TEXT"),
}
CONFIG = {
    "name": "pepys",
    "displayName": "The Diary of Samuel Pepys",
    "domain": "https://pepys.example",
    "language": "en",
    "theme": "",
    "advanced": {"urls": {"cleanUrls": True, "addIndex": False, "tagsPrefix": "tags", "postsPrefix": ""}},
}
ABOUT = (
    "Samuel Pepys (1633–1703) kept this diary while he was Clerk of the Acts to the Navy Board. "
    "It is the sample site of penname, laid out from the public-domain text of Standard Ebooks."
)


@dataclass(frozen=True)
class Entry:
    """One entry of the diary: the new-style day, the diary's own heading, and HTML."""

    day: str
    heading: str
    html: str

    @property
    def words(self) -> int:
        """White-space separated words of the text."""
        return len(re.sub(r"<[^>]*>", " ", self.html).split())


@dataclass(frozen=True)
class Span:
    """A run of text in a paragraph: `kind` is `text`, `sup` or `link`."""

    kind: str
    text: str
    target: str = ""


@dataclass(frozen=True)
class Block:
    """A paragraph, a heading, a list or a table: `lines` of spans; a table's lines are its cells."""

    kind: str
    lines: tuple[tuple[Span, ...], ...]
    columns: int = 1


class _Blocks(HTMLParser):
    """Collects the blocks of an entry; the edition uses p, li, td, sup and wrappers without meaning here."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[Block] = []
        self._spans: list[Span] = []
        self._lines: list[tuple[Span, ...]] = []
        self._raised = False
        self._columns = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Start a line of a block, or raise what follows."""
        if tag == "sup":
            self._raised = True
        elif tag == "tr":
            self._columns = 0
        elif tag in ("p", "li", "td"):
            self._spans = []

    def handle_endtag(self, tag: str) -> None:
        """Finish a line; finish the block where the line is all of it."""
        if tag == "sup":
            self._raised = False
        elif tag in ("li", "td"):
            self._lines.append(tuple(self._spans))
            self._columns += tag == "td"
        elif tag == "p":
            self.blocks.append(Block("paragraph", (tuple(self._spans),)))
        elif tag in ("ol", "ul", "table") and self._lines:
            kind = "table" if tag == "table" else "list"
            self.blocks.append(Block(kind, tuple(self._lines), max(1, self._columns)))
            self._lines = []

    def handle_data(self, data: str) -> None:
        """Keep the text as it stands."""
        if data:
            self._spans.append(Span("sup" if self._raised else "text", data))


def blocks_of(html: str) -> list[Block]:
    """The paragraphs, lists and tables of an entry."""
    parser = _Blocks()
    parser.feed(html)
    parser.close()
    return [block for block in parser.blocks if any(span.text.strip() for line in block.lines for span in line)]


def title_of(heading: str) -> str:
    """`2nd (Lord’s day), September 1666` becomes `2 September 1666`."""
    day = re.search(r"\d+", heading)
    month = re.search(r"([A-Z][a-z]+) (\d{4}(?:–\d\d)?)$", heading)
    if day is None or month is None:
        raise SystemExit(f"The heading {heading!r} has no day or no month.")
    return f"{day[0]} {month[1]} {month[2]}"


def tags_of(text: str) -> list[str]:
    """The topics whose words stand in the text, the most frequent first, at most `MOST_TAGS`."""
    counts = {name: len(re.findall(rf"\b(?:{words})\b", text)) for name, words in TAGS.items()}
    found = [name for name in sorted(counts, key=lambda name: -counts[name]) if counts[name]]
    return found[:MOST_TAGS]


def with_link(blocks: list[Block], pattern: str, target: str) -> list[Block]:
    """The blocks with a link on the first match of `pattern` in a paragraph."""
    for at, block in enumerate(blocks):
        for place, span in enumerate(block.lines[0] if block.kind == "paragraph" else ()):
            match = re.search(rf"\b(?:{pattern})\b", span.text) if span.kind == "text" else None
            if match:
                before, after = span.text[: match.start()], span.text[match.end() :]
                new = (Span("text", before), Span("link", match[0], target), Span("text", after))
                line = block.lines[0][:place] + new + block.lines[0][place + 1 :]
                return [*blocks[:at], Block("paragraph", (line,)), *blocks[at + 1 :]]
    return blocks


def as_html(spans: Iterable[Span]) -> str:
    """Spans as HTML."""
    wrap = {"text": "{0}", "sup": "<sup>{0}</sup>", "link": '<a href="{1}">{0}</a>'}
    return "".join(wrap[span.kind].format(escape(span.text, quote=False), span.target) for span in spans)


def as_markdown(spans: Iterable[Span]) -> str:
    """Spans as Markdown; what would be read as mark-up is escaped."""
    wrap = {"text": "{0}", "sup": "<sup>{0}</sup>", "link": "[{0}]({1})"}
    return "".join(
        wrap[span.kind].format(re.sub(r"([\\`*_\[\]<>#])", r"\\\1", span.text), span.target) for span in spans
    )


def tinymce(blocks: list[Block]) -> str:
    """A post as the visual editor stores it."""
    parts = []
    for block in blocks:
        if block.kind == "paragraph":
            parts.append(f"<p>{as_html(block.lines[0])}</p>")
        elif block.kind == "header":
            parts.append(f"<h2>{as_html(block.lines[0])}</h2>")
        elif block.kind == "more":
            parts.append('<hr id="read-more" />')
        else:
            parts.append(_list_or_table(block))
    return "\n".join(parts)


def markdown(blocks: list[Block]) -> str:
    """A post as the Markdown editor stores it; a table is raw HTML."""
    parts = []
    for block in blocks:
        if block.kind == "paragraph":
            parts.append(as_markdown(block.lines[0]))
        elif block.kind == "header":
            parts.append(f"## {as_markdown(block.lines[0])}")
        elif block.kind == "more":
            parts.append("---READMORE---")
        elif block.kind == "list":
            parts.append("\n".join(f"- {as_markdown(line)}" for line in block.lines))
        else:
            parts.append(_list_or_table(block))
    return "\n\n".join(parts)


def block_json(blocks: list[Block], first_id: int) -> str:
    """A post as the block editor stores it: JSON with an id a block."""
    out: list[dict[str, Any]] = []
    for number, block in enumerate(blocks):
        config: dict[str, Any] = {"advanced": {"cssClasses": "", "id": ""}}
        if block.kind == "paragraph":
            kind, content = "publii-paragraph", as_html(block.lines[0])
            config["textAlign"] = "left"
        elif block.kind == "header":
            kind, content = "publii-header", as_html(block.lines[0])
            config |= {"headingLevel": 2, "textAlign": "left"}
        elif block.kind == "more":
            kind, content = "publii-readmore", ""
        elif block.kind == "list":
            kind = "publii-list"
            content = "".join(f"<li>{as_html(line)}</li>" for line in block.lines)
            config["listType"] = "ul"
        else:
            kind, content = "publii-html", _list_or_table(block)
        out.append({"id": first_id + number, "type": kind, "content": content, "config": config})
    return json.dumps(out, ensure_ascii=False)


def _list_or_table(block: Block) -> str:
    if block.kind == "list":
        return "<ul>" + "".join(f"<li>{as_html(line)}</li>" for line in block.lines) + "</ul>"
    cells = [f"<td>{as_html(line)}</td>" for line in block.lines]
    rows = ("".join(cells[at : at + block.columns]) for at in range(0, len(cells), block.columns))
    return "<table><tbody>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</tbody></table>"


class Writer:
    """Writes posts, tags and editors into a new database."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.tags: dict[str, int] = {}
        self.next_block = 1_500_000_000_000
        for table, columns in SCHEMA.items():
            connection.execute(f"CREATE TABLE '{table}' ({columns})")
        connection.execute("INSERT INTO authors VALUES (1, 'Samuel Pepys', 'samuel-pepys', '', '', '')")

    def tag(self, name: str) -> int:
        """The id of a tag, made when it is new."""
        if name not in self.tags:
            self.tags[name] = len(self.tags) + 1
            row = (self.tags[name], name, name.lower().replace(" ", "-"), "", "")
            self.connection.execute("INSERT INTO tags VALUES (?, ?, ?, ?, ?)", row)
        return self.tags[name]

    def post(self, title: str, day: str, blocks: list[Block], status: str, editor: str, tags: list[str]) -> None:
        """Add one post with its editor and tags."""
        if editor == "blockeditor":
            text = block_json(blocks, self.next_block)
            self.next_block += len(blocks)
        else:
            text = tinymce(blocks) if editor == "tinymce" else markdown(blocks)
        slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
        row = (title, "1", slug, text, 0, milliseconds(day), milliseconds(day), status, "")
        columns = "title, authors, slug, text, featured_image_id, created_at, modified_at, status, template"
        insert = f"INSERT INTO posts ({columns}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
        id_ = self.connection.execute(insert, row).lastrowid
        core = {
            "metaTitle": "",
            "metaDesc": "",
            "metaRobots": "index, follow",
            "canonicalUrl": "",
            "mainTag": "",
        }
        # Rows from before Publii had a second editor name none: every seventh visual post is such a row.
        if editor != "tinymce" or (id_ or 0) % 7:
            core["editor"] = editor
        self.connection.execute(
            "INSERT INTO posts_additional_data (post_id, key, value) VALUES (?, '_core', ?)",
            (id_, json.dumps(core, separators=(",", ":"))),
        )
        for name in tags:
            self.connection.execute("INSERT INTO posts_tags VALUES (?, ?)", (self.tag(name), id_))


def milliseconds(day: str) -> int:
    """Noon of an ISO day (UTC) in milliseconds since 1970; negative before."""
    noon = datetime.combine(date.fromisoformat(day), datetime.min.time(), UTC).timestamp() + 43_200
    return int(noon) * 1000


def read_entries(path: Path) -> Iterator[Entry]:
    """The entries of `pepys.jsonl` in the order of the file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        yield Entry(row["date"], row["title"].replace("\u00a0", " "), row["html"])


def write_entry(writer: Writer, entry: Entry, number: int, *, opens_month: bool) -> None:
    """Add one live post; most are plainly published, some featured, hidden or kept off the front page."""
    blocks = blocks_of(entry.html)
    text = " ".join(span.text for block in blocks for line in block.lines for span in line)
    topics = tags_of(text)
    title = title_of(entry.heading)
    if number % 3 == 0 and topics:
        target = f"#INTERNAL_LINK#/tag/{writer.tag(topics[0])}"
        blocks = with_link(blocks, TAGS[topics[0]], target)
    if len(blocks) > 1:
        blocks = [blocks[0], Block("more", ((Span("text", ""),),)), *blocks[1:]]
    if opens_month:
        blocks = [Block("header", ((Span("text", title.split(" ", 1)[1]),),)), *blocks]
    status = {100: "published,featured", 200: "hidden,published", 300: "published,excluded_homepage"}
    editor = EDITORS[number % 3] if number % 12 else "tinymce"
    year = entry.day[:4]
    writer.post(title, entry.day, blocks, status.get(number % 400, "published"), editor, [year, *topics])


def build(source: Path, folder: Path) -> int:
    """Write the site into `folder`; returns the number of live posts."""
    entries = list(read_entries(source))
    chosen = [entry for entry in entries if entry.day >= FIRST_DAY and entry.words >= LEAST_WORDS][:POSTS]
    if len(chosen) != POSTS:
        raise SystemExit(f"{source} has {len(chosen)} entries to choose from; {POSTS} are needed.")
    with replacing(folder / "input" / "db.sqlite") as temporary:
        with closing(sqlite3.connect(temporary)) as connection:
            writer = Writer(connection)
            about = [Block("paragraph", ((Span("text", ABOUT),),))]
            writer.post("About this diary", "1660-01-11", about, "published,is-page", "tinymce", [])
            first, second = blocks_of(entries[0].html), blocks_of(entries[1].html)
            writer.post("The first day", entries[0].day, first, "published,trashed", "tinymce", ["1660"])
            writer.post("The second day", entries[1].day, second, "draft,trashed", "markdown", [])
            month = ""
            for number, entry in enumerate(chosen):
                this = title_of(entry.heading).split(" ", 1)[1]
                write_entry(writer, entry, number, opens_month=this != month)
                month = this
            last = blocks_of(entries[-1].html)
            writer.post("The last day, to be copied out fair", entries[-1].day, last, "draft", "blockeditor", [])
            connection.commit()
            connection.execute("VACUUM")
        with temporary.open("rb+") as file:
            file.seek(96)
            file.write(SQLITE_VERSION.to_bytes(4, "big"))
    write_json(folder / "input" / "config" / "site.config.json", CONFIG, indent=4)
    return len(chosen)


def main() -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(description="Build penname's sample site from Pepys's diary.")
    parser.add_argument("source", type=Path, help="pepys.jsonl")
    parser.add_argument("folder", type=Path, help="the site folder to write")
    arguments = parser.parse_args()
    print(build(arguments.source, arguments.folder), "live posts in", arguments.folder)


if __name__ == "__main__":
    main()
