"""How often the post that answers is among the first five, beside FTS5's Porter index alone; what is refused.

    python benchmarks/ask_ranking.py WORKSPACE... [--synonyms /usr/share/wordnet] [--words] [--others 100]

In: workspaces with clean text. Titles and first sentences are kept out of each index. Out: a row a blog and set: how
many questions, FTS5 porter, penname, the difference; then how many of the other blogs' questions are refused, and how
many true ones, at the blog's own threshold. `--words` leaves meaning out.
"""

import argparse
import json
import random
import sqlite3
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from ask_sets import SETS, Post, Question, held_out, posts_of, question_sets
from common import machine, options, read, small_inputs

from penname.ask import index as index_module
from penname.ask import search as search_module
from penname.ask.index import Index, open_index
from penname.ask.refusal import calibrate, surety
from penname.ask.search import search
from penname.core.workspace import Workspace, open_workspace

FIRST = 5


def main() -> None:
    arguments = read_arguments()
    if arguments.words:
        words_alone()
    print(machine())
    blogs = {folder.name: posts_of(folder) for folder in arguments.workspaces}
    sets = {name: list(question_sets(posts, arguments.synonyms)) for name, posts in blogs.items()}
    for name, posts in blogs.items():
        others = [each for other in blogs if other != name for each in sets[other]]
        drawn = random.Random(0).sample(others, min(arguments.others, len(others)))
        with tempfile.TemporaryDirectory() as folder:
            workspace = made(Path(folder), held_out(posts))
            started = time.process_time()
            with open_index(workspace) as index:
                seconds = time.process_time() - started
                print(f"\n{name}: {len(posts)} posts, {index.count} passages, {seconds:.1f} s of CPU to index")
                report(index, sets[name], drawn)


def read_arguments() -> argparse.Namespace:
    parser = options(__doc__)
    parser.add_argument("workspaces", type=Path, nargs="*")
    parser.add_argument("--synonyms", type=Path)
    parser.add_argument("--words", action="store_true")
    parser.add_argument("--others", type=int, default=200)
    given = read(parser, words=True)
    if given.quick:
        given.workspaces = [small_inputs().workspace]
    return given


def words_alone() -> None:
    """Rank as penname does without its extra."""
    for module in (index_module, search_module):
        setattr(module, "load_meaning", lambda: None)  # noqa: B010
    setattr(index_module, "is_installed", lambda: False)  # noqa: B010


def made(folder: Path, posts: list[Post]) -> Workspace:
    """A workspace with `posts` as its clean text."""
    workspace = open_workspace(folder / "held-out.penname", "held-out")
    usual: dict[str, object] = {"tags": [], "split": "train", "url": None}
    workspace.text.write_text(json.dumps([{**usual, **asdict(post)} for post in posts]), encoding="utf-8")
    return workspace


def report(index: Index, own: list[Question], others: list[Question]) -> None:
    """Print the rows of one blog."""
    plain = Plain(index)
    refusal = calibrate(index)
    answered: dict[str, list[bool]] = {}
    for kind in SETS:
        questions = [question for question in own if question.set == kind]
        if not questions:
            continue
        words = sum(question.post_id in plain.posts(question.question) for question in questions)
        hits = 0
        for question in questions:
            ranking = search(index, question.question)
            hits += question.post_id in posts_of_ranking(index, [found.number for found in ranking.found])
            answered.setdefault(kind, []).append(surety(index, ranking) >= refusal.threshold)
        count = len(questions)
        gain = 100 * (hits - words) / count
        print(f"  {kind:9} {count:4}  FTS5 porter {words / count:.3f}  penname {hits / count:.3f}  {gain:+.1f} points")
    refused: dict[str, list[bool]] = {}
    for question in others:
        ranking = search(index, question.question)
        refused.setdefault(question.set, []).append(surety(index, ranking) < refusal.threshold)
    total = [each for values in answered.values() for each in values]
    away = [each for values in refused.values() for each in values]
    print(f"  refused: {share(away)} of another blog's; {share([not each for each in total])} of its own")
    for kind in answered:
        print(
            f"    {kind:9} other's {share(refused.get(kind, []))}  own {share([not each for each in answered[kind]])}"
        )


def share(values: list[bool]) -> str:
    """A share in per cent."""
    return f"{sum(values) / len(values):.0%}" if values else "-"


def posts_of_ranking(index: Index, numbers: list[int]) -> list[str]:
    """The first five posts of a ranking of passages."""
    found: dict[str, None] = {}
    for number in numbers:
        found[index.passage(number).source.post_id] = None
        if len(found) == FIRST:
            break
    return list(found)


class Plain:
    """FTS5's Porter index of the same passages, asked for any of the words: what penname is compared with."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.connection = sqlite3.connect(":memory:")
        self.connection.execute("CREATE VIRTUAL TABLE t USING fts5 (x, tokenize='porter unicode61')")
        rows = index.connection.execute("SELECT number, text FROM passages")
        self.connection.executemany("INSERT INTO t (rowid, x) VALUES (?, ?)", rows)

    def posts(self, question: str) -> list[str]:
        """The first five posts."""
        words = "".join(sign if sign.isalnum() else " " for sign in question).split()
        query = " OR ".join(f'"{word}"' for word in words)
        rows = self.connection.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rank LIMIT 200", (query,))
        return posts_of_ranking(self.index, [number for (number,) in rows])


if __name__ == "__main__":
    main()
