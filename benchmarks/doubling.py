"""Does any path grow faster than its input? Time for each doubling, for every path and every nasty shape.

    python benchmarks/doubling.py [--paths html private] [--shapes brackets] [--megabytes 5]

A ratio of 2 is linear; at most 2.3 is asked. Sizes are doubled from 50,000 characters until a reading takes 0.2 s of
processor time; the ratio is the geometric mean over the last two doublings, of the better of two readings. With
`--megabytes` one text of that size is read as well, with its seconds and the memory that came on top. Each case runs in
a process of its own that is ended after 60 s. Rows over the limits are marked; the exit status is 1 if there are any.
"""

import gc
import json
import multiprocessing
import multiprocessing.connection
import resource
import sys
import time
from collections.abc import Callable

from common import machine, options, read
from shapes import SHAPES

from penname.books.clean import clean_html, clean_text
from penname.corpus.clean import clean_body
from penname.corpus.leftovers import strip_leftovers, strip_shortcodes
from penname.corpus.pieces import normalise
from penname.corpus.private import mask_private
from penname.corpus.repeats import find_boilerplate, find_duplicates, remove_boilerplate
from penname.corpus.split import split_posts
from penname.corpus.tokenizer import encode_plain, train_tokenizer

SMALLEST, ENOUGH, PATIENCE = 50_000, 0.2, 60
MOST_GROWTH, MOST_SECONDS, MOST_MIB = 2.3, 5.0, 400.0


def as_blocks(text: str) -> object:
    block = {"id": 1, "type": "publii-paragraph", "content": text, "config": {}}
    return clean_body(json.dumps([block]), "blockeditor")


def as_posts(text: str) -> object:
    """Twenty posts of one text, cut where it happens to be cut."""
    size = len(text) // 20 + 1
    texts = [(str(number), text[number * size : (number + 1) * size]) for number in range(20)]
    found = find_boilerplate(texts)
    return [remove_boilerplate(text, found) for _, text in texts], find_duplicates(texts)


class Sized:
    """A post for the split, which looks at words and nothing else."""

    def __init__(self, number: int) -> None:
        self.id, self.date, self.words = str(number), f"20{number % 30:02}-01-01", number * 7919 % 3000


def as_many_posts(text: str) -> object:
    return split_posts([Sized(number) for number in range(len(text) // 50)])


def encode(text: str) -> object:
    return encode_plain(_TOKENIZER, text)


_TOKENIZER = train_tokenizer(["the of and a to in that it was his with as for had he not " * 20], 400)

PATHS: dict[str, Callable[[str], object]] = {
    "html": lambda text: clean_body(text, "tinymce"),
    "markdown": lambda text: clean_body(text, "markdown"),
    "blocks": as_blocks,
    "leftovers": lambda text: strip_leftovers(text),
    "shortcodes": lambda text: strip_shortcodes([text]),
    "unicode": normalise,
    "private": mask_private,
    "repeats": as_posts,
    "training": lambda text: train_tokenizer([text], 600),
    "encoding": encode,
    "split": as_many_posts,
    "book, text": clean_text,
    "book, html": clean_html,
}


def seconds(work: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    work(text)
    return time.process_time() - began


def growth(path: str, shape: str) -> tuple[float, int, float]:
    """Return the ratio for each doubling, the largest size and its seconds."""
    size, took = SMALLEST, []
    while True:
        text = SHAPES[shape](size)
        took.append(min(seconds(PATHS[path], text) for _ in range(2)))
        if len(took) > 2 and (took[-1] > ENOUGH or size >= 64 * SMALLEST):
            return (took[-1] / max(took[-3], 0.001)) ** 0.5, size, took[-1]
        size *= 2


def one_large(path: str, shape: str, size: int) -> tuple[float, float]:
    """Return the seconds for one text, and the MiB on top of what the process had."""
    text = SHAPES[shape](size)
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    took = seconds(PATHS[path], text)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return took, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / unit


def in_a_process(work: Callable[..., object], *arguments: object) -> object:
    """Return what `work` returns, or None when it takes too long or ends otherwise."""
    context = multiprocessing.get_context("fork")
    here, there = context.Pipe(duplex=False)

    def child(end: "multiprocessing.connection.Connection") -> None:
        end.send(work(*arguments))

    process = context.Process(target=child, args=(there,))
    process.start()
    there.close()
    try:
        return here.recv() if here.poll(PATIENCE) else None
    except EOFError:
        return None
    finally:
        process.kill()
        process.join()


def row(path: str, shape: str, megabytes: float) -> tuple[str, bool]:
    """Return a line of the table, and whether it is within the limits."""
    found = in_a_process(growth, path, shape)
    for _ in range(2):  # a busy machine makes some readings slower than others
        if isinstance(found, tuple) and found[0] > MOST_GROWTH:
            again = in_a_process(growth, path, shape)
            found = min(found, again) if isinstance(again, tuple) else again
    if not isinstance(found, tuple):
        return f"{path:<12} {shape:<20} did not end in {PATIENCE} s, or ended without an answer", False
    ratio, size, took = found
    good = ratio <= MOST_GROWTH or took < 0.02
    line = f"{path:<12} {shape:<20} {ratio:>6.2f} {size:>10,} {took:>8.3f} s"
    if megabytes:
        large = in_a_process(one_large, path, shape, int(megabytes * 1e6))
        if not isinstance(large, tuple):
            return f"{line}   did not end at {megabytes:g} MB", False
        good = good and large[0] <= MOST_SECONDS and large[1] <= MOST_MIB
        line += f" {large[0]:>8.2f} s {large[1]:>6.0f} MiB"
    return line + ("" if good else "   OVER"), good


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--paths", nargs="+", choices=PATHS, default=list(PATHS))
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--megabytes", type=float, default=0.0)
    given = read(parser, paths=["unicode", "split"], shapes=["prose"])
    print(machine())
    clean_body("<p>a</p>", "tinymce"), clean_body("*a*", "markdown"), as_posts("é b c d e f " * 99), mask_private("+1")
    print(f"{'path':<12} {'shape':<20} {'ratio':>6} {'characters':>10} {'seconds':>10}")
    over = 0
    for path in given.paths:
        for shape in given.shapes if path != "split" else ["prose"]:
            line, good = row(path, shape, given.megabytes)
            over += not good
            print(line, flush=True)
    print(f"{over} over the limits")
    sys.exit(1 if over and not given.quick else 0)


if __name__ == "__main__":
    main()
