"""Near-duplicates and boilerplate: seconds of processor time on one core, here and in another checkout.

    python benchmarks/repeats.py [--posts 2000 20000] [--words 2000] [--against CHECKOUT] [--rounds 3]

Makes texts whose words are as frequent as words are (Zipf), in paragraphs; one post in 50 is an edited copy of another
one, half of the posts end with one of two footers, a tenth shares a long quotation. Each figure is of a fresh process
(`find_boilerplate`, `remove_boilerplate` of every post, `find_duplicates`); with `--against` the two checkouts run in
turn on the same texts, and the row says whether they found the same.
"""

import argparse
import hashlib
import json
import os
import random
import statistics
import subprocess
import sys
import time
from itertools import accumulate
from pathlib import Path

from common import machine, options, read

FOOTERS = ("Thank you for reading my humble blog.", "Subscribe to my newsletter and get one letter a month, no more.")
SYLLABLES = ("ba", "den", "fi", "gol", "hu", "ker", "la", "mon", "ne", "por", "ri", "sta", "tu", "vel", "wi", "zo")


def vocabulary(rng: random.Random, size: int = 20_000) -> list[str]:
    return ["".join(rng.choices(SYLLABLES, k=rng.randint(1, 4))) for _ in range(size)]


def make_texts(posts: int, words: int) -> list[tuple[str, str]]:
    """Return `(id, text)` pairs, the same ones for the same arguments."""
    rng = random.Random(posts)
    known = vocabulary(rng)
    shares = list(accumulate(1 / (rank + 2) for rank in range(len(known))))
    quotation = " ".join(rng.choices(known, cum_weights=shares, k=60)) + "."
    texts: list[tuple[str, str]] = []
    for number in range(posts):
        chosen = rng.choices(known, cum_weights=shares, k=words)
        if number % 50 == 49:
            chosen = texts[-rng.randint(1, 40)][1].split(" ")
            chosen[rng.randrange(len(chosen))] = "edited"
            texts.append((str(number), " ".join(chosen)))
            continue
        parts = [" ".join(chosen[start : start + 60]).capitalize() + "." for start in range(0, words, 60)]
        if number % 10 == 0:
            parts.insert(len(parts) // 2, quotation)
        if number % 2:
            parts.append(FOOTERS[number % 4 // 2])
        texts.append((str(number), "\n\n".join(parts)))
    return texts


def measure(posts: int, words: int) -> dict[str, object]:
    """Look for repeats in this process."""
    from penname.corpus.repeats import find_boilerplate, find_duplicates, remove_boilerplate

    texts = make_texts(posts, words)
    began = time.process_time()
    boilerplate = find_boilerplate(texts)
    texts = [(number, remove_boilerplate(text, boilerplate)) for number, text in texts]
    between = time.process_time()
    duplicates = find_duplicates(texts)
    ended = time.process_time()
    found = repr([[(item.paragraph, item.posts) for item in boilerplate], duplicates])
    return {
        "boilerplate": between - began,
        "duplicates": ended - between,
        "found": f"{len(boilerplate)} paragraphs, {len(duplicates)} posts",
        "digest": hashlib.sha256(found.encode()).hexdigest(),
    }


def in_fresh_process(checkout: Path, posts: int, words: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", "--posts", str(posts), "--words", str(words)]
    one_core = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    found = subprocess.run(
        command,
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **one_core, "PYTHONPATH": str(checkout / "src")},
    )
    result: dict[str, float] = json.loads(found.stdout)
    return result


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--posts", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--words", type=int, default=2_000)
    parser.add_argument("--against", type=Path, help="another checkout of penname")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = read(parser, posts=[60], words=100, rounds=1)
    if given.child:
        print(json.dumps(measure(given.posts[0], given.words)))
        return
    print(machine())
    checkouts = {"here": Path(__file__).resolve().parents[1]}
    if given.against:
        checkouts["other"] = given.against
    print(f"{'posts':>7} {'checkout':>9} {'boilerplate':>12} {'duplicates':>11} {'together':>9}  found")
    for posts in given.posts:
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in checkouts}
        for _ in range(given.rounds):
            for name, checkout in checkouts.items():
                runs[name].append(in_fresh_process(checkout, posts, given.words))
        together = {}
        for name, rows in runs.items():
            first, second = (statistics.median(row[what] for row in rows) for what in ("boilerplate", "duplicates"))
            together[name] = first + second
            seconds = f"{first:>10.2f} s {second:>9.2f} s {together[name]:>7.2f} s"
            print(f"{posts:>7,} {name:>9} {seconds}  {rows[0]['found']}")
        if given.against:
            same = len({row["digest"] for rows in runs.values() for row in rows}) == 1
            ratio = together["other"] / together["here"]
            found = "the same" if same else "NOT THE SAME"
            print(f"{'':>7} here is {ratio:.2f} times as fast; {found} was found", flush=True)


if __name__ == "__main__":
    main()
