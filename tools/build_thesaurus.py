"""Write src/penname/data/thesaurus/: the synonyms of WordNet by the stem of each word, for `penname ask`.

.venv/bin/python tools/build_thesaurus.py /usr/share/wordnet    # Debian's package wordnet-base

In: WordNet's index and data files. Out: `en.txt.xz`, a line a stem (by FTS5's Porter stemmer): the stem, a tab, and
words that mean nearly the same in one of the two commonest senses, the commonest first; and WordNet's licence beside
it.
"""

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path

from penname.ask.index import stems_of

OUT = Path(__file__).resolve().parents[1] / "src" / "penname" / "data" / "thesaurus"
KINDS = ("noun", "verb", "adj", "adv")
SENSES = 2
MOST = 16
"""Synonyms of a stem."""


def main() -> None:
    """Read WordNet, write the thesaurus."""
    source = Path(sys.argv[1])
    pairs = list(synonyms(source))
    stems = stems_of(word for pair in pairs for word in pair)
    found: dict[str, dict[str, str]] = {}
    # What a word means is nearer than what another word means by it.
    for one, other in [*pairs, *((other, one) for one, other in pairs)]:
        first, second = stems.get(one), stems.get(other)
        if first and second and first != second:
            found.setdefault(first, {}).setdefault(second, other)
    lines = [f"{stem}\t{' '.join(list(others.values())[:MOST])}" for stem, others in sorted(found.items())]
    OUT.mkdir(exist_ok=True)
    (OUT / "en.txt.xz").write_bytes(lzma.compress(("\n".join(lines) + "\n").encode(), preset=9 | lzma.PRESET_EXTREME))
    head = (source / "data.noun").read_text(encoding="utf-8").splitlines()[:29]
    licence = "\n".join(line.strip().partition(" ")[2].rstrip() for line in head)
    (OUT / "LICENSE").write_text(licence.strip() + "\n", encoding="utf-8")
    print(f"{len(lines):,} stems, {(OUT / 'en.txt.xz').stat().st_size:,} bytes")


def synonyms(source: Path) -> Iterator[tuple[str, str]]:
    """Pairs of single words that share a synonym set, by the sense's rank for the first word."""
    for kind in KINDS:
        sets = dict(synonym_sets(source / f"data.{kind}"))
        for line in lines_of(source / f"index.{kind}"):
            fields = line.split()
            count = int(fields[2])
            for offset in fields[-count:][:SENSES]:
                yield from ((fields[0], word) for word in sets[offset] if fields[0].isalpha() and word != fields[0])


def synonym_sets(path: Path) -> Iterator[tuple[str, list[str]]]:
    """The single words of each synonym set, by the set's offset."""
    for line in lines_of(path):
        fields = line.split(" ")
        words = [fields[4 + 2 * place].partition("(")[0].lower() for place in range(int(fields[3], 16))]
        yield fields[0], [word for word in words if word.isalpha()]


def lines_of(path: Path) -> Iterator[str]:
    """The lines of a file behind its licence."""
    return (line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("  "))


if __name__ == "__main__":
    main()
