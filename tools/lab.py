"""Number the new entries of the lab book, and write the table of all of them into lab/README.md.

.venv/bin/python tools/lab.py           # lab/new/*.md become numbered entries; the table is written anew
.venv/bin/python tools/lab.py --check   # only say whether the table is the one that would be written

An entry's first line is its question as a heading; its date, machine, outcome and verdict follow as a list. What a new
one does not say in such a list is looked for in its text.
"""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAB = ROOT / "lab"
START, END = "<!-- entries: tools/lab.py -->\n", "<!-- end of entries -->"
OUTCOMES = ("adopted", "rejected", "open")
_FIELD = re.compile(r"^[-*]? ?\**(Date|Machine|Outcome|Verdict)\**:\**\s*(.+)$", re.IGNORECASE | re.MULTILINE)
_IDLE = frozenset(
    re.findall(r"\w+", "a an the of on in for and or is it to with by at does do what which how from under as one")
)


@dataclass(frozen=True)
class Entry:
    """One entry of the lab book: its number, what the table shows of it, and its text below the list."""

    number: int
    title: str
    date: str
    machine: str
    outcome: str
    verdict: str
    text: str

    @property
    def name(self) -> str:
        """The name of its file: the number and the words of its question that say most."""
        words = re.findall(r"[a-z0-9]+", self.title.lower().replace("'s", ""))
        telling = [word for word in words if word not in _IDLE][:5]
        return f"{self.number:04}-{'-'.join(telling)}.md"

    def page(self) -> str:
        """The file: heading, list, text."""
        head = f"- Date: {self.date}\n- Machine: {self.machine}\n- Outcome: {self.outcome}\n- Verdict: {self.verdict}\n"
        return f"# {self.title}\n\n{head}\n{self.text.strip()}\n"

    def row(self) -> str:
        """Its row of the table."""
        cells = (f"[{self.number:04}]({self.name})", self.date, self.title, self.machine, self.verdict, self.outcome)
        return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def read_entry(path: Path, number: int) -> Entry:
    """An entry from its file, the list below its heading read where it has one."""
    heading, _, rest = path.read_text(encoding="utf-8").lstrip().partition("\n")
    head, text = _list_of(rest)
    fields = {name.lower(): value.strip() for name, value in reversed(_FIELD.findall(rest))}
    fields |= {name.lower(): value.strip() for name, value in _FIELD.findall(head)}
    dates = re.findall(r"\b20\d\d-\d\d-\d\d\b", heading + rest)
    return Entry(
        number=number,
        title=re.sub(r"^#+ *(20\d\d-\d\d-\d\d[:,]? *)?", "", heading).strip(),
        date=next(iter(re.findall(r"20\d\d-\d\d-\d\d", fields.get("date", ""))), dates[0] if dates else ""),
        machine=fields.get("machine", "two cores").rstrip("."),
        outcome=next((word for word in OUTCOMES if word in fields.get("outcome", "").lower()), "open"),
        verdict=_first_sentence(fields.get("verdict", "see the entry")),
        text=text,
    )


def _list_of(rest: str) -> tuple[str, str]:
    """The list of fields below the heading, and everything behind it."""
    lines = rest.strip("\n").split("\n")
    count = next((at for at, line in enumerate(lines) if not _FIELD.match(line)), len(lines))
    return "\n".join(lines[:count]), "\n".join(lines[count:])


def _first_sentence(text: str) -> str:
    sentence = re.split(r"(?<=[a-z0-9)*])\. (?=[A-Z(])", text)[0]
    return sentence.replace("**", "").strip().rstrip(".")


def entries() -> list[Entry]:
    """The numbered entries, in order."""
    return [read_entry(path, int(path.name[:4])) for path in sorted(LAB.glob("[0-9][0-9][0-9][0-9]-*.md"))]


def number_new() -> Iterator[Entry]:
    """Give each new entry the next number, by date and name, and move it to its place."""
    last = max((entry.number for entry in entries()), default=0)
    found = [(read_entry(path, 0).date, path) for path in (LAB / "new").glob("*.md")]
    for number, (_, path) in enumerate(sorted(found), last + 1):
        entry = read_entry(path, number)
        (LAB / entry.name).write_text(entry.page(), encoding="utf-8")
        path.unlink()
        yield entry


def index() -> str:
    """lab/README.md as it should be."""
    before, _, rest = (LAB / "README.md").read_text(encoding="utf-8").partition(START)
    table = "| number | date | question | machine | verdict | outcome |\n| --- | --- | --- | --- | --- | --- |\n"
    rows = "".join(entry.row() + "\n" for entry in entries())
    return before + START + table + rows + END + rest.partition(END)[2]


def main() -> int:
    """Number and write, or with --check compare."""
    page = LAB / "README.md"
    if "--check" in sys.argv[1:]:
        stale = index() != page.read_text(encoding="utf-8")
        print("lab/README.md is out of date: run tools/lab.py." if stale else "lab/README.md is up to date.")
        return int(stale)
    for entry in number_new():
        print(f"{entry.name}: {entry.outcome}, {entry.verdict}")
    page.write_text(index(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
