"""Drafts as a WordPress export (WXR), the file that Publii's and WordPress' importers take.

    export_drafts([("On gardens", "The first draft.")], Path("drafts.xml"))

In: pairs of title and text. Out: the path. Publii takes an item as a draft where its status is exactly `draft`, and
reads names with their prefixes as they are spelt; it drops a title that looks like a number, which is warned of.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import write_text
from penname.export.place import check_file

_HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" \
xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:wp="http://wordpress.org/export/1.2/">
<channel>
<title>Drafts by penname</title>
<wp:wxr_version>1.2</wp:wxr_version>
<wp:author><wp:author_id>1</wp:author_id><wp:author_login>penname</wp:author_login>\
<wp:author_display_name><![CDATA[penname]]></wp:author_display_name></wp:author>
"""
_TAIL = "</channel>\n</rss>\n"
_MARK = "Drafts by penname"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LIKE_A_NUMBER = re.compile(r"[-+]?\.?[0-9][0-9.eExXa-fA-F]*")
_LONGEST_TITLE = 80


def check_drafts(path: Path, force: bool) -> None:
    """Raise `InputError` where no drafts can be written to `path`: before an hour of writing, not behind it."""
    if path.suffix != ".xml":
        raise InputError(f"Publii takes only files that end in .xml, not {path.name}: give another name.")
    check_file(path, force, _is_ours, "a file of drafts")


def export_drafts(
    drafts: Sequence[tuple[str, str]], path: Path, force: bool = False, now: datetime | None = None
) -> Path:
    """Write `drafts`, pairs of title and text, to `path` and return it. Raises `InputError` as `check_drafts` does."""
    check_drafts(path, force)
    at = f"{now or datetime.now():%Y-%m-%d %H:%M:%S}"
    items = [_item(number, title, text, at) for number, (title, text) in enumerate(drafts, 1)]
    write_text(path, _HEAD + "".join(items) + _TAIL)
    return path


def titled(prompt: str, text: str, title: bool) -> tuple[str, str]:
    """Title and text of a draft: its prompt where that is a title, else its first words; nothing is lost."""
    if title:
        return prompt.strip(), text.strip()
    whole = (prompt + text).strip()
    first = re.split(r"(?<=[.!?…])\s|\n", whole, maxsplit=1)[0]
    if len(first) > _LONGEST_TITLE:
        first = first[:_LONGEST_TITLE].rpartition(" ")[0] or first[:_LONGEST_TITLE]
        first += " …"
    return first, whole


def _item(number: int, title: str, text: str, at: str) -> str:
    if _LIKE_A_NUMBER.fullmatch(title.strip()):
        events.warn(f"Publii reads the title {title!r} as a number and may change it: give the draft its title anew.")
    body = "\n".join(f"<p>{_lines(each)}</p>" for each in re.split(r"\n\s*\n", text.strip()) if each.strip())
    return (
        f"<item>\n<title>{_cdata(title)}</title>\n<dc:creator>{_cdata('penname')}</dc:creator>\n"
        f"<content:encoded>{_cdata(body)}</content:encoded>\n<wp:post_id>{number}</wp:post_id>\n"
        f"<wp:post_date>{at}</wp:post_date>\n<wp:status>draft</wp:status>\n<wp:post_type>post</wp:post_type>\n</item>\n"
    )


def _lines(paragraph: str) -> str:
    """A paragraph as HTML; a line break stays one."""
    return "<br>".join(escape(line.strip(), quote=False) for line in paragraph.strip().splitlines())


def _cdata(text: str) -> str:
    kept = _NOT_XML.sub("", text).replace("]]>", "]]]]><![CDATA[>")
    return f"<![CDATA[{kept}]]>"


def _is_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return _MARK.encode("ascii") in file.read(len(_HEAD.encode("utf-8")))
