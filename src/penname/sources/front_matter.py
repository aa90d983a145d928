"""The head of a Markdown file: YAML, TOML, JSON, or bare `Key: value` lines; and dates as people write them.

    head, body = split_head("---\\ntitle: A title\\ndate: 2020-01-02\\n---\\nText.")
    head["title"], day_of(head["date"])          # "A title", "2020-01-02"

In: the text of a file. Out: the head as a dictionary with small keys, whose values are texts, lists and dictionaries as
they are written (a date stays a text: its day is that of the writer), and the text behind it. Simple YAML, which
nearly all of it is, is read line by line; the rest by PyYAML, which makes nothing but texts here. What is broken is
read as far as its lines go.
"""

import contextlib
import json
import re
import tomllib
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import yaml

_LARGEST = 65_536  # characters of a head
_OPENING = re.compile(r"\s*(---|\+\+\+|;;;)[ \t]*\r?\n|\s*(\{)[ \t]*\r?\n")
_CLOSING = {
    "---": re.compile(r"^(?:---|\.\.\.)[ \t]*\r?$", re.MULTILINE),
    "+++": re.compile(r"^\+\+\+[ \t]*\r?$", re.MULTILINE),
    ";;;": re.compile(r"^;;;[ \t]*\r?$", re.MULTILINE),
    "{": re.compile(r"^\}[ \t]*\r?$", re.MULTILINE),
}
_BARE = re.compile(r"(?:title|date|author|tags|category|slug|status|layout|published)[ \t]*:", re.IGNORECASE)
_LINE = re.compile(r"([A-Za-z_][\w.-]*)[ \t]*:(?:[ \t]+(.*?))?[ \t\r]*$")
_PLAIN = re.compile(r"[^\s\-?:,\[\]{}#&*!|>'\"%@`](?:[^:#]|:(?=\S)|(?<=\S)#)*$")
_QUOTED = re.compile(r""""([^"\\]*)"$|'([^']*)'$""")
_LIST = re.compile(r"\[([^\[\]{}#&*!|>%@`]*)\]$")
_ITEM = re.compile(r"[ \t]*-[ \t]+(.*?)[ \t\r]*$")
_MONTHS = {
    "jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11,
    "dec": 12,
}  # fmt: skip
_DAY = re.compile(r"\s*(\d{4})[-/._](\d{1,2})[-/._](\d{1,2})(?!\d)")
_WEEKDAY = r"\s*(?:[A-Za-z]{3,9},?\s+)?"
_MONTH_FIRST = re.compile(_WEEKDAY + r"([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b")
_DAY_FIRST = re.compile(_WEEKDAY + r"(\d{1,2})(?:st|nd|rd|th|\.)?\s+(?:of\s+)?([A-Za-z]{3,9})\.?,?\s+(\d{4})\b")

Head = dict[str, Any]


def split_head(text: str) -> tuple[Head, str]:
    """The head of a file, empty where it has none, and the text behind it."""
    text = text.removeprefix("\ufeff")
    opening = _OPENING.match(text)
    if opening is None:
        return _bare_head(text)
    mark = opening[1] or opening[2]
    closing = _CLOSING[mark].search(text, opening.end(), opening.end() + _LARGEST)
    if closing is None:
        return {}, text
    inner = text[opening.end() : closing.start()]
    head = _parsed(mark, inner)
    if head is None:
        return {}, text
    return head, text[closing.end() :].lstrip("\r\n")


def day_of(value: object) -> str:
    """The ISO day that a value names, as it is written; empty where it is none."""
    if isinstance(value, datetime):
        value = value.date()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value or "")[:100]
    with contextlib.suppress(ValueError, KeyError):
        if found := _DAY.match(text):
            return date(*map(int, found.groups())).isoformat()
        if found := _MONTH_FIRST.match(text):
            return date(int(found[3]), _MONTHS[found[1][:3].lower()], int(found[2])).isoformat()
        if found := _DAY_FIRST.match(text):
            return date(int(found[3]), _MONTHS[found[2][:3].lower()], int(found[1])).isoformat()
    with contextlib.suppress(ValueError, TypeError, IndexError, OverflowError):
        return parsedate_to_datetime(text).date().isoformat()
    return ""


def parse_yaml(text: str) -> Head:
    """A YAML mapping as texts, lists and dictionaries; what is broken is read as far as its lines go."""
    simple = _simple_yaml(text)
    if simple is not None:
        return simple
    try:
        found = yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506: makes texts only
    except (yaml.YAMLError, ValueError, RecursionError):
        found = dict(_lines(text))
    return _small_keys(found)


def parse_toml(text: str) -> Head:
    """A TOML table; empty where it is broken."""
    try:
        return _small_keys(tomllib.loads(text.replace("\r\n", "\n")))
    except (tomllib.TOMLDecodeError, ValueError, RecursionError):
        return {}


def _parsed(mark: str, inner: str) -> Head | None:
    if mark == "---":
        return parse_yaml(inner)
    if mark == "+++":
        return parse_toml(inner)
    try:
        return _small_keys(json.loads(f"{{{inner}}}" if mark == "{" or not inner.lstrip().startswith("{") else inner))
    except (ValueError, RecursionError):
        return None


def _bare_head(text: str) -> tuple[Head, str]:
    """Lines of `Key: value` up to a blank line, as MultiMarkdown and Pelican have them."""
    if not _BARE.match(text):
        return {}, text
    lines, at = [], 0
    for line in text[:_LARGEST].splitlines(keepends=True):
        if not line.strip():
            break
        lines.append(line)
        at += len(line)
    head = dict(_lines("".join(lines)))
    return (head, text[at:].lstrip("\r\n")) if len(head) == len(lines) else ({}, text)


def _lines(text: str) -> list[tuple[str, str]]:
    """The lines that are a key and a value; others are passed over."""
    found = []
    for line in text.splitlines():
        key, sign, value = line.partition(":")
        if sign and key.strip().replace("_", "").replace("-", "").isalnum():
            found.append((key.strip().lower(), value.strip().strip("\"'")))
    return found


def _simple_yaml(text: str) -> Head | None:
    """A mapping of plain and quoted texts and of lists of such; None for anything else."""
    head: Head = {}
    last = ""
    for line in text.split("\n"):
        if not line.strip() or line.startswith("#"):
            continue
        if last and (item := _ITEM.match(line)):
            value = _scalar(item[1])
            if value is None or not isinstance(value, str) or not isinstance(head[last] or [], list):
                return None
            head[last] = [*(head[last] or []), value]
            continue
        found = _LINE.match(line)
        if found is None:
            return None
        value = _scalar(found[2] or "")
        if value is None:
            return None
        last = found[1].lower() if not found[2] else ""
        head[found[1].lower()] = value
    return head


def _scalar(text: str) -> str | list[str] | None:
    """A plain text, a quoted one without escapes, a list of such; None for what needs a parser."""
    if not text:
        return ""
    if quoted := _QUOTED.match(text):
        return quoted[1] if quoted[1] is not None else quoted[2]
    if listed := _LIST.match(text):
        parts = [part.strip() for part in listed[1].split(",") if part.strip()]
        values = [_QUOTED.match(part) or part for part in parts]
        if any(isinstance(value, str) and not _PLAIN.match(value) for value in values):
            return None  # a comma inside quotes, a list in a list
        return [value if isinstance(value, str) else value[0][1:-1] for value in values]
    return text if _PLAIN.match(text) else None


def _small_keys(found: object) -> Head:
    if not isinstance(found, dict):
        return {}
    return {str(key).lower(): value for key, value in found.items()}
