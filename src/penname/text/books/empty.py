"""Why a shelf keeps nothing, in one sentence with the remedy.

In: the dropped documents. Out: an `InputError` for the user.

    raise empty_shelf(Path("books"), [Dropped("too short: 12 words", "", 12)], BooksOptions())
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from penname.core.errors import InputError
from penname.text.books.options import BooksOptions

_REMEDIES = {
    "language": "name the language with --language",
    "too short": "lower --min-words",
    "too large": "split files of more than {largest_mb} MiB",
    "not prose": "give files of prose or verse",
    "unreadable": "replace what is damaged",
    "near-duplicate": "try --duplicates 0",
}
_MIRROR = "try another mirror"


class Dropped(NamedTuple):
    """One document: its reason as the tables give it, its language as two letters, its words."""

    reason: str
    language: str
    words: int


def empty_shelf(out: Path, dropped: Sequence[Dropped], options: BooksOptions) -> InputError:
    """The sentence for a shelf on which nothing was left, each reason with its count, the commonest first."""
    groups = dict(Counter(document.reason.partition(":")[0] for document in dropped).most_common())
    reasons = ", ".join(
        f"{count:,} {_in_words(reason, [one for one in dropped if one.reason.partition(':')[0] == reason], options)}"
        for reason, count in groups.items()
    )
    remedies = "; ".join(
        dict.fromkeys(_REMEDIES.get(reason, _MIRROR).format(largest_mb=options.largest_mb) for reason in groups)
    )
    if not dropped:
        return InputError(f"No document was kept for {out}: the files hold none; give files with text in them.")
    noun = "document was" if len(dropped) == 1 else "documents were"
    return InputError(
        f"None of {len(dropped):,} {noun} kept: {reasons}. {out / 'dropped.tsv'} names each; "
        f"{remedies[0].lower()}{remedies[1:]}."
    )


def _in_words(reason: str, documents: Sequence[Dropped], options: BooksOptions) -> str:
    if reason == "language":
        found = ", ".join(
            f"{code or 'unknown'} {n:,}" for code, n in Counter(d.language for d in documents).most_common(5)
        )
        return f"in another language than {', '.join(options.languages)} ({found})"
    if reason == "too short":
        longest = max(document.words for document in documents)
        return f"too short (under {max(options.min_words, 1):,} words; the longest has {longest:,})"
    if reason in ("not prose", "unreadable"):
        return f"{reason} (the first:{documents[0].reason.partition(':')[2].rstrip('.')})"
    return reason
