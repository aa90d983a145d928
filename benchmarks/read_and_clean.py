"""Reading and cleaning: posts a second, megabytes a second and peak memory, from 1,000 to 100,000 posts.

    python benchmarks/read_and_clean.py [--posts 1000 10000 100000] [--words 500] [--editor NAME]
    python benchmarks/read_and_clean.py --against CHECKOUT [--sites DATABASE ...] [--rounds 5] [--posts 1000]

Writes a real Publii database of synthetic posts (headings, paragraphs, links, a list, a picture, an inline code; by
default the three editors in turn) to a temporary folder, then reads it with `penname.corpus.read.iter_posts` in a fresh
process for each row of the table. "mask" is what `penname` does by default; "keep" leaves private data as it is.
Peak is the process's highest resident memory; "over import" is what of it came after the modules were loaded.
With `--against` this checkout and another one read the same sites in turn, the sample blog, synthetic ones of each
editor and those that are named; a figure is the median over the rounds, of processor time on one core, all masks on.
"""

import argparse
import importlib
import importlib.util
import json
import os
import random
import resource
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from common import machine, options, read

EDITORS = ("tinymce", "blockeditor", "markdown")
SCHEMA = """
CREATE TABLE posts (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, title TEXT, authors TEXT, slug TEXT, text TEXT,
    featured_image_id INTEGER, created_at DATETIME, modified_at DATETIME, status TEXT, template TEXT);
CREATE TABLE posts_additional_data (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, post_id INTEGER, key TEXT,
    value TEXT);
CREATE TABLE posts_images (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, post_id INTEGER, url TEXT, title TEXT);
CREATE TABLE posts_tags (tag_id INTEGER NOT NULL, post_id INTEGER NOT NULL, PRIMARY KEY (tag_id, post_id));
CREATE TABLE tags (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT, slug TEXT, description TEXT,
    additional_data TEXT);
CREATE TABLE authors (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, name TEXT, username TEXT, password TEXT,
    config TEXT);
CREATE INDEX additional ON posts_additional_data (post_id);
"""
COMMON = (
    "the of and a to in that it was his with as for had he not at by she which but from they her would there were "
    "been their one all we could him more when who said will no if out so up into time them than some what its "
    "about like then two other may my these made after first most over even such man now many before must through "
    "back years where much your way well down should because each just those people how too little state good "
    "very make world still own see men work long here get both between life being under never day same another "
    "know while last morning garden letter window kitchen evening bread rain city train coffee notebook summer "
    "river mountain"
)
HERE = Path(__file__).resolve().parents[1]
WORDS = COMMON.split()
DAY = 86_400_000


def paragraphs(rng: random.Random, words: int) -> Iterator[str]:
    """Yield plain paragraphs of 30 to 90 words, `words` in all; some words are typeset as editors typeset them."""
    while words > 0:
        count = rng.randint(30, 90) if words >= 120 else words
        chosen = rng.choices(WORDS, k=count)
        chosen[0] = chosen[0].capitalize()
        for place in range(9, count, 12):
            chosen[place] += ","
        for place in range(14, count - 1, 15):
            chosen[place] += "."
            chosen[place + 1] = chosen[place + 1].capitalize()
        yield " ".join(chosen) + "."
        words -= count


def marked_up(rng: random.Random, text: str, bold: str, link: str) -> str:
    """Set one word in bold and link another."""
    words = text.split(" ")
    first, second = rng.sample(range(len(words)), 2)
    words[first] = bold.replace("WORD", words[first])
    words[second] = link.replace("WORD", words[second])
    return " ".join(words)


def tinymce(rng: random.Random, words: int) -> str:
    parts = []
    for place, text in enumerate(paragraphs(rng, words - 30)):
        if place % 3 == 0:
            parts.append(f"<h2>Part {place}</h2>")
        text = marked_up(rng, text, "<strong>WORD</strong>", '<a href="#INTERNAL_LINK#/post/3">WORD</a>')
        parts.append(f'<p class="a">{text.replace(" and ", "&nbsp;and ")}</p>')
    items = "".join(f"<li>{' '.join(rng.choices(WORDS, k=10))}</li>" for _ in range(3))
    return "\n".join(
        [*parts, f"<ul>{items}</ul>", '<p><img src="#DOMAIN_NAME#a.jpg" alt=""></p>', '<hr id="read-more">']
    )


def markdown(rng: random.Random, words: int) -> str:
    parts = []
    for place, text in enumerate(paragraphs(rng, words - 30)):
        if place % 3 == 0:
            parts.append(f"## Part {place}")
        parts.append(marked_up(rng, text, "**WORD**", "[WORD](#INTERNAL_LINK#/post/3)"))
    parts.append("\n".join(f"- {' '.join(rng.choices(WORDS, k=10))}" for _ in range(3)))
    return "\n\n".join([*parts, "![a](#DOMAIN_NAME#a.jpg =640x480)", "---READMORE---"])


def blockeditor(rng: random.Random, words: int) -> str:
    blocks: list[dict[str, object]] = []
    for place, text in enumerate(paragraphs(rng, words - 30)):
        if place % 3 == 0:
            blocks.append({"type": "publii-header", "content": f"Part {place}", "config": {"headingLevel": 2}})
        text = marked_up(rng, text, "<b>WORD</b>", '<a href="#INTERNAL_LINK#/post/3">WORD</a>')
        blocks.append({"type": "publii-paragraph", "content": text, "config": {"textAlign": "left"}})
    items = "".join(f"<li>{' '.join(rng.choices(WORDS, k=10))}</li>" for _ in range(3))
    blocks.append({"type": "publii-list", "content": items, "config": {"listType": "ul"}})
    blocks.append({"type": "publii-image", "content": {"image": "#DOMAIN_NAME#a.jpg", "alt": "", "caption": ""}})
    return json.dumps([{"id": place, **block} for place, block in enumerate(blocks)])


WRITERS = {"tinymce": tinymce, "blockeditor": blockeditor, "markdown": markdown}


def write_site(folder: Path, posts: int, words: int, editors: list[str]) -> Path:
    """Write `folder/input/db.sqlite` with `posts` live posts, and return the folder."""
    rng = random.Random(posts)
    path = folder / "input" / "db.sqlite"
    path.parent.mkdir(parents=True)
    connection = sqlite3.connect(path)
    connection.executescript(SCHEMA)
    for number in range(1, posts + 1):
        editor = editors[number % len(editors)]
        row = (
            number,
            f"Post {number}",
            f"post-{number}",
            WRITERS[editor](rng, words),
            number * DAY // 20,
            "published",
        )
        connection.execute(
            "INSERT INTO posts (id, title, slug, text, created_at, status) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        connection.execute(
            "INSERT INTO posts_additional_data (post_id, key, value) VALUES (?, '_core', ?)",
            (number, json.dumps({"editor": editor})),
        )
    connection.commit()
    connection.close()
    return folder


def peak_mib() -> float:
    """Return the highest resident memory of this process so far, in MiB (Linux counts KiB, macOS bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)


def measure(folder: Path, keep_private: bool, least: float) -> dict[str, float]:
    """Read the whole site in this process, once or for as many seconds of processor time as are given."""
    # A checkout from before the folders of today reads in `penname.blog`.
    read = importlib.import_module(
        "penname.corpus.read" if importlib.util.find_spec("penname.corpus") else "penname.blog.read"
    )
    ReadOptions, iter_posts = read.ReadOptions, read.iter_posts  # noqa: N806

    for _ in islice(iter_posts(HERE / "src" / "penname" / "data" / "sample"), 10):
        pass  # loads what is loaded on first use: every editor is among the first ten
    imported = peak_mib()
    began, cpu = time.perf_counter(), time.process_time()
    rounds = 0
    while not rounds or time.process_time() - cpu < least:
        posts = words = 0
        for post in iter_posts(folder, ReadOptions(keep_private=keep_private)):
            posts += 1
            words += post.words
        rounds += 1
    seconds, cpu = (time.perf_counter() - began) / rounds, (time.process_time() - cpu) / rounds
    return {
        "posts": posts,
        "words": words,
        "seconds": seconds,
        "cpu": cpu,
        "peak": peak_mib(),
        "imported": imported,
    }


def in_fresh_process(folder: Path, mode: str, checkout: Path = HERE, least: float = 0.0) -> dict[str, float]:
    command = [sys.executable, __file__, "--child", str(folder), "--mode", mode, "--least", str(least)]
    environment = {**os.environ, "PYTHONPATH": str(checkout / "src")}
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
    result: dict[str, float] = json.loads(found.stdout)
    return result


def compare(other: Path, sites: dict[str, Path], rounds: int) -> None:
    """Print posts a second here and in another checkout, and their ratio, for each site."""
    print(f"{'site':<44} {'posts':>6} {'here':>9} {'other':>9} {'ratio':>6}   (posts a second of processor time)")
    total = {HERE: 0.0, other: 0.0}
    for name, site in sites.items():
        runs: dict[Path, list[float]] = {HERE: [], other: []}
        posts = 0
        for _ in range(rounds):
            for checkout, seconds in runs.items():
                row = in_fresh_process(site, "mask", checkout, least=1.0)
                seconds.append(row["cpu"])
                posts = int(row["posts"])
        here, there = (statistics.median(runs[checkout]) for checkout in (HERE, other))
        total[HERE], total[other] = total[HERE] + here, total[other] + there
        print(
            f"{name[:44]:<44} {posts:>6,} {posts / here:>9,.0f} {posts / there:>9,.0f} {there / here:>6.2f}", flush=True
        )
    print(f"{'all together':<44} {'':>26} {total[other] / total[HERE]:>6.2f}")


def compare_all(given: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        sites = {path.name: path for path in given.sites}
        sites["the sample blog"] = HERE / "src" / "penname" / "data" / "sample"
        for editor in [given.editor] if given.editor else EDITORS:
            sites[f"synthetic, {editor}"] = write_site(Path(folder) / editor, 1000, given.words, [editor])
        compare(given.against, sites, given.rounds)


def additions() -> float:
    """Return how many numbers a second this core adds in Python, to compare runs on different or busy machines."""
    best = min(timeit.repeat(lambda: sum(range(100_000)), number=10, repeat=5))
    return 10 * 100_000 / best


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--posts", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--words", type=int, default=500)
    parser.add_argument("--editor", choices=EDITORS, help="one editor only; default: the three in turn")
    parser.add_argument("--against", type=Path, help="another checkout of penname")
    parser.add_argument("--sites", type=Path, nargs="*", default=[], help="databases or sites to compare on as well")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--least", type=float, default=0.0, help=argparse.SUPPRESS)
    parser.add_argument("--mode", choices=["keep", "mask"], default="mask", help=argparse.SUPPRESS)
    given = read(parser, posts=[30], words=100, rounds=1)
    if given.child:
        print(json.dumps(measure(given.child, given.mode == "keep", given.least)))
        return
    if given.against:
        compare_all(given)
        return
    print(machine())
    print(f"this core: {additions() / 1e6:.0f} million additions a second in a plain Python loop (sum over a range)")
    heads = ("posts", "database", "private", "seconds", "posts/s", "MB/s", "peak", "over import")
    print("{:>8} {:>9} {:>8} {:>8} {:>8} {:>6} {:>8} {:>12}".format(*heads))
    for posts in given.posts:
        with tempfile.TemporaryDirectory() as folder:
            site = write_site(
                Path(folder) / "site",
                posts,
                given.words,
                [given.editor] if given.editor else [*EDITORS],
            )
            size = (site / "input" / "db.sqlite").stat().st_size / 1e6
            for mode in ("keep", "mask"):
                row = in_fresh_process(site, mode)
                print(
                    f"{int(row['posts']):>8,} {size:>6.1f} MB {mode:>8} {row['seconds']:>8.2f} "
                    f"{row['posts'] / row['cpu']:>8,.0f} {size / row['cpu']:>6.1f} {row['peak']:>4.0f} MiB "
                    f"{row['peak'] - row['imported']:>8.1f} MiB",
                    flush=True,
                )
    print("posts/s and MB/s are a second of processor time on one core; seconds are by the clock.")


if __name__ == "__main__":
    main()
