"""Posts with anything changed in them: each is read, as HTML, Markdown and blocks, and masked, without a fault.

    python tests/campaigns/mutate_documents.py --seconds 300 --seed 1

Takes small posts and nasty shapes (`tests/shapes.py`), cuts, doubles, splices and sprinkles them, and reads each mutant
as `penname` reads a post. Counts tracebacks, texts that are not clean Unicode, mutants over ten seconds (hangs) and the
most memory that the reading process took. A mutant is made anew from its seed and number: `--only NUMBER` shows one.
"""

import argparse
import multiprocessing
import multiprocessing.connection
import random
import resource
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from shapes import SHAPES

from penname.corpus.read import ReadOptions, clean_post
from penname.sources.post import Post
from penname.sources.publii import EDITORS

SLOWEST = 10.0
"""Seconds that one mutant may take."""
LARGEST = 20_000
"""Characters of a mutant."""
POSTS = (
    '<h2>Part</h2><p class="a">Some <b>bold</b>&nbsp;words, <a href="#f">1</a> x<sup>2</sup>.<ul><li>a<li>b</ul>',
    '<table><tr><th>a</th><td>b</td></tr></table><figure><img src="a.jpg"><figcaption>Here.</figcaption></figure>',
    "<pre><code>for (i = 0; i < n;) { a[i]++; }</code></pre><blockquote>He: &mdash; &#8220;yes&#8221;.</blockquote>",
    '# Title\n\nSome *words*, `code`, [link](#INTERNAL_LINK#/a "t") -- ~~x~~\n\n- a\n- b\n\n> c[^1]\n\n[^1]: Note.',
    "|a|b|\n|-|-|\n|1|2|\n\n```python\nprint('x')\n```\n\n![a](b.jpg =640x480)\n\n---READMORE---\n\n    indented",
    (
        '[{"id":1,"type":"publii-paragraph","content":"A <b>block</b>.","config":{}},{"id":2,"type":"publii-list",'
        '"content":"<li>one</li>","config":{"listType":"ul"}},{"id":3,"type":"publii-image","content":{"image":"a.jpg"}}]'
    ),
    'Write to ann@example.org, +49 30 1234567, DE89 3704 0044 0532 0130 00, password: hunter2x9. [g ids="1,2"] [/b]',
    "「最近」我開始使用新的工具 e\u0301\u0302 👩\u200d👩\u200d👧 \u202eabc\u202c \ufeff\u00ad İstanbul Straße ﬁ ①",
)
PIECES = (
    *(
        "<",
        ">",
        "</",
        "<p>",
        "</p>",
        "<b>",
        "</i>",
        "<div style='display:none'>",
        "<table>",
        "<td>",
        "</table>",
        "<pre>",
        "<!--",
    ),
    *(
        "-->",
        "<script>",
        "</script>",
        "<svg>",
        "<math>",
        "<template>",
        "<select>",
        "<sup>",
        "<li value=9>",
        "&amp;",
        "&#0;",
        "&#x110000;",
    ),
    *(
        "[",
        "]",
        "](",
        "![",
        "[^1]",
        "{{",
        "}}",
        "{%",
        "*",
        "**",
        "_",
        "`",
        "```\n",
        "~~~\n",
        "> ",
        "- ",
        "1. ",
        "|",
        "\n\n",
        "\t",
        "\\",
    ),
    *(
        '"',
        "'",
        '{"id":',
        '"content":',
        "]}",
        "\\ud800",
        "\0",
        "\x1b[2J",
        "\ud800",
        "\u200d",
        "\u0301",
        "\U000e0061",
        "\u2028",
        "\x85",
    ),
    *(
        "@",
        "+",
        "0049 ",
        "555-123-4567",
        "-----BEGIN RSA PRIVATE KEY-----",
        "://",
        "#DOMAIN_NAME#",
        "[caption",
        "[/caption]",
        "=\n",
        "--",
    ),
)


@dataclass
class Tally:
    """What came of the mutants."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[int]] = field(default_factory=dict)
    slowest: float = 0.0
    peak: float = 0.0

    def add(self, number: int, outcome: str, seconds: float, peak: float) -> None:
        """Count one mutant; anything but `read`, `empty` and `left out` is a fault."""
        self.outcomes[outcome if outcome in ("read", "empty", "left out") else "fault"] += 1
        if outcome not in ("read", "empty", "left out"):
            self.faults.setdefault(outcome, []).append(number)
        self.slowest, self.peak = max(self.slowest, seconds), max(self.peak, peak)

    @property
    def mutants(self) -> int:
        """How many were tried."""
        return sum(self.outcomes.values())


def mutant(seed: int, number: int) -> tuple[str, str]:
    """Return the text of a mutant and the editor that it is read as."""
    rng = random.Random(f"{seed} {number}")
    text = _some_text(rng)
    for _ in range(rng.choice((1, 1, 2, 3, 5, 9, 30))):
        text = _changed(rng, text)[:LARGEST]
    return text, rng.choice(EDITORS)


def _some_text(rng: random.Random) -> str:
    if rng.random() < 0.6:
        return rng.choice(POSTS)
    return SHAPES[rng.choice(list(SHAPES))](rng.choice((30, 300, 3000)))


def _changed(rng: random.Random, text: str) -> str:
    """Return `text` after one change."""
    start, end = sorted((rng.randint(0, len(text)), rng.randint(0, len(text))))
    kind = rng.randrange(8)
    if kind == 0:
        return text[:start] + text[end:]
    if kind == 1:
        return text[:end] + text[start:end] * rng.choice((1, 2, 10)) + text[end:]
    if kind == 2:
        return text[:start] + _some_text(rng) + text[start:]
    if kind == 3:
        return text[end:] + text[:start]
    if kind == 4:
        return text[:start] + rng.choice(PIECES) * rng.choice((1, 2, 7, 50)) + text[start:]
    if kind == 5:
        return text[:start] + "".join(chr(rng.randrange(0x3000)) for _ in range(rng.randint(1, 5))) + text[start:]
    if kind == 6:
        return text.replace(rng.choice(text), rng.choice(PIECES)) if text else text
    return text[:start] + text[start:end][::-1] + text[end:]


def outcome_of(text: str, editor: str, options: ReadOptions) -> str:
    """Read a mutant; return `read`, `empty`, `left out` or what went wrong."""
    post = Post("1", None, text[:80], "2020-01-02", "en", ("a",), text, editor)
    try:
        cleaned = clean_post(post, options)
        if cleaned.reason:
            return "left out"
        for found in (cleaned.post.text, cleaned.post.title):
            found.encode("utf-8")
            if "\0" in found:
                return "a NUL in the text"
        if "\n" in cleaned.post.title:
            return "a title of two lines"
        return "read" if cleaned.post.text else "empty"
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} at {Path(place.filename).name}:{place.lineno}"


def campaign(seed: int, seconds: float, first: int = 0, most: int = sys.maxsize) -> Tally:
    """Try mutants until the time is over or `most` were tried, in a process that is begun again when it hangs."""
    tally, ends, number = Tally(), time.monotonic() + seconds, first
    while number < first + most and time.monotonic() < ends:
        here, there = multiprocessing.get_context("spawn").Pipe(duplex=False)
        process = multiprocessing.get_context("spawn").Process(
            target=_read_on, args=(there, seed, number, first + most, seconds)
        )
        process.start()
        there.close()
        patience = 60.0  # the modules are loaded first
        try:
            while here.poll(patience):
                number, *found = here.recv()
                tally.add(number, *found)
                number, patience = number + 1, SLOWEST + 5
                if number >= first + most or time.monotonic() >= ends:
                    break
            else:
                tally.add(number, "a hang", SLOWEST, 0.0)
                number += 1
        except EOFError:
            tally.add(number, "the process ended", 0.0, 0.0)
            number += 1
        finally:
            process.kill()
            process.join()
    return tally


def _read_on(end: "multiprocessing.connection.Connection", seed: int, first: int, last: int, seconds: float) -> None:
    """Read mutants from number `first` on and send what came of each."""
    unit, until = 2**20 if sys.platform == "darwin" else 2**10, time.monotonic() + seconds
    for number in range(first, last):
        text, editor = mutant(seed, number)
        options = ReadOptions(code=number % 5 == 0, keep_private=number % 7 == 0)
        began = time.process_time()
        outcome = outcome_of(text, editor, options)
        took = time.process_time() - began
        end.send((number, outcome, took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit))
        if time.monotonic() > until:
            return


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first mutant")
    parser.add_argument("--only", type=int, help="print one mutant and what comes of it")
    options = parser.parse_args()
    if options.only is not None:
        text, editor = mutant(options.seed, options.only)
        print(editor, repr(text))
        print(outcome_of(text, editor, ReadOptions(code=options.only % 5 == 0, keep_private=options.only % 7 == 0)))
        return
    tally = campaign(options.seed, options.seconds, options.first)
    print(f"seed {options.seed}, from {options.first:,}: {tally.mutants:,} mutants: {dict(tally.outcomes)}")
    print(f"slowest {tally.slowest:.2f} s of processor time, peak {tally.peak:.0f} MiB resident")
    for fault, numbers in sorted(tally.faults.items()):
        print(f"{len(numbers)} times {fault}: --only {' '.join(map(str, numbers[:5]))}")
    sys.exit(1 if tally.faults else 0)


if __name__ == "__main__":
    main()
