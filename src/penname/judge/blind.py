"""The blogger's own test: real and generated passages mixed, behind the same openings, without a hint.

In: a judged workspace. Out: items to be told apart, then the share of generated ones that was taken for real: it goes
into `blind.json`, the next report and `results.csv`.

    items = blind_items(workspace, count=20)
    found = count_answers(items, "rgrg...")         # r: real, g: generated, one letter an item
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from penname.core.errors import InputError
from penname.core.files import parse_json, read_text, write_json, write_text
from penname.core.workspace import Workspace
from penname.corpus.prepare import PreparedPost, load_text
from penname.judge.page import make_section, render_page
from penname.judge.passages import Written, choose_openings, kept_passages
from penname.judge.subject import texts_key
from penname.write.examples import beginning

FILE = "blind.json"
_WORDS, _LEAST_WORDS, _LEAST_ITEMS = 100, 40, 4
"""Words that are shown of a passage, words that one must have, and items of a test."""


@dataclass(frozen=True)
class Item:
    """A passage behind the opening of a post, and whether the blogger wrote it."""

    opening: str
    text: str
    real: bool


@dataclass(frozen=True)
class Blind:
    """What was taken for real: of the generated passages, and of the real ones."""

    generated: int
    taken: int
    real: int
    known: int

    @property
    def share(self) -> float:
        """The share of the generated passages that was taken for real."""
        return self.taken / self.generated if self.generated else 0.0

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        return (
            f"You took {self.taken} of {self.generated} generated passages for your own, and {self.known} of "
            f"{self.real} of your own: guessing gives the same share of both."
        )


def blind_items(workspace: Workspace, count: int = 20, seed: int = 0) -> list[Item]:
    """At most `count` items, half of them real, each behind another opening as far as there are enough.

    Raises `InputError` where nothing was judged yet, or too little is held back.
    """
    written = kept_passages(workspace.folder / "judge")
    if not written:
        raise InputError(f"{workspace.folder} holds no judged passages yet: run `penname judge` first.")
    real = _real_passages(load_text(workspace))
    choose = random.Random(f"{seed}:{texts_key([each.text for each in written])}")
    pairs: dict[str, tuple[str, str]] = {}
    for each in written:
        if each.opening in real and min(_length(each.text), _length(real[each.opening])) >= _LEAST_WORDS:
            pairs.setdefault(each.opening, (real[each.opening], each.text))
    openings = choose.sample(sorted(pairs), min(len(pairs), count))
    if len(openings) < _LEAST_ITEMS:
        raise InputError(
            f"Only {len(openings)} posts are held back that are long enough: a blind test needs {_LEAST_ITEMS}."
        )
    kinds = [number % 2 == 0 for number in range(len(openings))]
    choose.shuffle(kinds)
    return [_item(opening, *pairs[opening], kind) for opening, kind in zip(openings, kinds, strict=True)]


def count_answers(items: Sequence[Item], answers: str) -> Blind:
    """Compare answers, `r` or `g` for each item in their order. Raises `InputError` for other answers."""
    given = "".join(answers.lower().split())
    if len(given) != len(items) or set(given) - {"r", "g"}:
        raise InputError(f"Give one letter for each of the {len(items)} passages: r for real, g for generated.")
    taken = [answer == "r" for answer in given]
    return Blind(
        generated=sum(not item.real for item in items),
        taken=sum(said and not item.real for item, said in zip(items, taken, strict=True)),
        real=sum(item.real for item in items),
        known=sum(said and item.real for item, said in zip(items, taken, strict=True)),
    )


def save_blind(workspace: Workspace, found: Blind) -> None:
    """Keep what was found, with the passages that it holds for: another model is another test."""
    passages = texts_key([each.text for each in kept_passages(workspace.folder / "judge")])
    write_json(workspace.folder / FILE, {**vars(found), "passages": passages})


def read_blind(folder: Path, written: Sequence[Written]) -> Blind | None:
    """What was found for these passages; None where nothing was, or for others."""
    try:
        kept: Any = parse_json(read_text(folder / FILE))
        if kept.pop("passages") != texts_key([each.text for each in written]):
            return None
        return Blind(**kept)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def blind_figures(found: Blind | None) -> dict[str, Any]:
    """The figures of a test, as `report.json` and `results.csv` have them."""
    if found is None:
        return {}
    return {
        "blind_shown": found.generated,
        "blind_taken_for_real": round(found.share, 3),
        "blind_real_known": round(found.known / found.real, 3) if found.real else None,
    }


def write_blind_page(path: Path, items: Sequence[Item], name: str) -> None:
    """A page with the passages numbered and the answers folded away below them."""
    section = make_section("blind", "", items=items)
    write_text(path, render_page(f"{name}: which are real?", [section], name, "Some are real, some are generated."))


def _real_passages(posts: Sequence[PreparedPost]) -> dict[str, str]:
    held, spare = ([post for post in posts if post.split == side and post.words] for side in ("test", "validation"))
    return {opening.text: opening.real for opening in choose_openings(held or spare, spare if held else ())}


def _item(opening: str, real: str, generated: str, is_real: bool) -> Item:
    """Both are cut to the words that both have, so that their length tells nothing."""
    size = min(_WORDS, _length(real), _length(generated))
    return Item(opening, beginning(real if is_real else generated, size), is_real)


def _length(text: str) -> int:
    return len(text.split())
