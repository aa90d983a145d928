"""Questions for a blog, made by a script, and the posts that answer them.

    python benchmarks/ask_sets.py WORKSPACE [--synonyms /usr/share/wordnet] > questions.jsonl

In: a workspace with clean text. Out: a JSON object a line: `set`, `question`, `post_id`. The sets: `title`; `first`,
the first sentence of a post; `replaced`, a sentence whose rare words (in at most a twentieth of the passages) are all
replaced by synonyms; `rule`, questions made from facts (who, when, how much). `held_out` gives the same blog without
titles and first sentences. Synonyms: a folder of WordNet's files (Debian's package wordnet-base), or a file with a
word and its synonyms a line, commas between (Moby).
"""

import json
import random
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from common import machine, options, read, small_inputs

from penname.ask.index import read_posts, stems_of
from penname.ask.passages import count_words, cut_passages, question_words, sentences
from penname.core.workspace import Workspace

SETS = ("title", "first", "replaced", "rule")
RARE = 0.05
_MONTH = "(?:January|February|March|April|May|June|July|August|September|October|November|December)"
_WHEN = re.compile(
    rf"\s*\b(?:in|on|since|by|until)\s+(?:{_MONTH}\s+)?(?:\d{{1,2}}(?:st|nd|rd|th)?,?\s+)?(?:1[5-9]|20)\d\d\b"
)
_WHO = re.compile(
    r"^((?:(?:Mr|Mrs|Dr|Sir|My Lord)\.?\s)?[A-Z][a-z]{2,}(?:\s[A-Z][a-z]+)?)\s+"
    r"((?:was|is|had|has|[a-z]+ed|told|said|came|went|made|gave|took|did|wrote|left|sent|brought)\b.*)$"
)
_AMOUNT = re.compile(
    r"[$€£]\s?\d[\d,.]*[kKM]?|\b\d[\d,.]*\s+(?:dollars|euros|pounds|percent|hours|minutes|days|weeks|months|years|people"
    r"|users|customers|words|miles|kilometers)\b"
)
_NOT_NAMES = re.compile(
    r"(?:The|This|That|These|Those|There|When|What|Then|Here|They|She|Both|One|All|Each|Some|Many|Most|Nobody"
    r"|Everyone|Everything|Nothing|Another|Which|Who|How|After|Before|And|But|His|Her|Its|Our|Their|Your|You|Anyone|Someone)\b"
)


@dataclass(frozen=True)
class Post:
    """A post of `text.json`."""

    id: str
    title: str
    date: str
    text: str


@dataclass(frozen=True)
class Question:
    """A question and the post that answers it."""

    set: str
    question: str
    post_id: str


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("workspace", type=Path, nargs="?")
    parser.add_argument("--synonyms", type=Path)
    arguments = read(parser)
    if arguments.quick:
        arguments.workspace = small_inputs().workspace
    print(machine(), file=sys.stderr)
    for question in question_sets(posts_of(arguments.workspace), arguments.synonyms):
        print(json.dumps(asdict(question), ensure_ascii=False))


def posts_of(folder: Path) -> list[Post]:
    """The posts of a workspace that say something."""
    found = [Post(item["id"], item["title"], item["date"], item["text"]) for item in read_posts(Workspace(folder))]
    return [post for post in found if count_words(post.text) >= 30]


def held_out(posts: list[Post]) -> list[Post]:
    """The posts without their titles and first sentences."""
    return [replace(post, title="", text=post.text.replace(first_sentence(post), "", 1)) for post in posts]


def first_sentence(post: Post) -> str:
    """The first sentence of six words; empty where the post has none."""
    return next((sentence for sentence in sentences(post.text) if count_words(sentence) >= 6), "")


def question_sets(posts: list[Post], synonyms: Path | None, most: int = 300, seed: int = 0) -> Iterator[Question]:
    """The questions of all sets, at most `most` of each."""
    chosen = random.Random(seed).sample(posts, min(most, len(posts)))
    rests = {post.id: post for post in held_out(posts)}
    for post in chosen:
        if len(post.title.split()) >= 2:
            yield Question("title", post.title, post.id)
        if first := first_sentence(post):
            yield Question("first", first, post.id)
    if synonyms:
        yield from _replaced([rests[post.id] for post in chosen], list(rests.values()), read_synonyms(synonyms), seed)
    for post in chosen:
        yield from _by_rule(rests[post.id], seed)


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """Synonyms of single words: the two commonest senses of WordNet, or a list's own."""
    if path.is_dir():
        return _wordnet(path)
    found: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").lower().splitlines():
        word, *others = line.split(",")
        if word.isalpha():
            found[word] = [other for other in others if other.isalpha()]
    # A list of loose associations: what names each other is nearest.
    mutual = {word: [each for each in others if word in found.get(each, ())] for word, others in found.items()}
    return {word: others for word, others in mutual.items() if others}


def _wordnet(folder: Path) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for kind in ("noun", "verb", "adj", "adv"):
        lines = (folder / f"data.{kind}").read_text(encoding="utf-8").splitlines()
        rows = [line.split(" ") for line in lines if not line.startswith("  ")]
        sets = {row[0]: [row[4 + 2 * n].partition("(")[0].lower() for n in range(int(row[3], 16))] for row in rows}
        for line in (folder / f"index.{kind}").read_text(encoding="utf-8").splitlines():
            if not line.startswith("  "):
                fields = line.split()
                others = [word for offset in fields[-int(fields[2]) :][:2] for word in sets[offset]]
                kept = [word for word in others if word.isalpha() and word != fields[0]]
                if fields[0].isalpha() and kept:
                    found.setdefault(fields[0], []).extend(kept)
    return found


def _replaced(posts: list[Post], blog: list[Post], synonyms: dict[str, list[str]], seed: int) -> Iterator[Question]:
    draw = random.Random(seed)
    passages = [set(question_words(text.lower())) for post in blog for text in cut_passages(post.text)]
    stems = stems_of({word for words in passages for word in words} | synonyms.keys())
    spread = Counter(stem for words in passages for stem in {stems[word] for word in words if word in stems})
    common = RARE * len(passages) + 1
    for post in posts:
        candidates = [sentence for sentence in sentences(post.text) if 6 <= count_words(sentence) <= 30]
        for sentence in draw.sample(candidates, min(60, len(candidates))):
            pieces, done = re.split(r"(\w+)", sentence), 0
            for place, word in enumerate(pieces):
                stem = stems.get(word.lower())
                if place % 2 == 0 or stem is None or spread[stem] > common:
                    continue
                others = (
                    [o for o in _entry(word.lower(), synonyms) if stems.get(o, o) != stem] if word.isalpha() else []
                )
                if not others:
                    break
                pieces[place] = others[0] if len(others) < 8 else draw.choice(others)
                done += 1
            else:
                if done >= 2:
                    yield Question("replaced", "".join(pieces), post.id)
                    break


def _entry(word: str, synonyms: dict[str, list[str]]) -> list[str]:
    """What the list says of a word or of its plain form."""
    for end, put in (("", ""), ("s", ""), ("es", ""), ("ies", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e")):
        plain = word[: len(word) - len(end)] + put
        if word.endswith(end) and len(plain) >= 3 and plain in synonyms:
            return synonyms[plain]
    return []


def _by_rule(post: Post, seed: int) -> Iterator[Question]:
    """One question of each kind: who did it, when it was, how much it was."""
    made: dict[str, list[str]] = {"who": [], "when": [], "how much": []}
    for sentence in sentences(post.text):
        if not 6 <= count_words(sentence) <= 25 or not sentence.endswith("."):
            continue
        plain = sentence.removesuffix(".")
        if (found := _WHO.match(plain)) and not _NOT_NAMES.match(plain):
            made["who"].append(f"Who {found[2]}?")
        if (found := _WHEN.search(plain)) and count_words(rest := plain.replace(found[0], "", 1)) >= 4:
            made["when"].append(f"When was it that {rest[0].lower() if rest[:2] != 'I ' else 'I'}{rest[1:]}?")
        if found := _AMOUNT.search(plain):
            made["how much"].append(f"How much: {plain.replace(found[0], '...', 1)}?")
    draw = random.Random(f"{seed}:{post.id}")
    for questions in made.values():
        if questions:
            yield Question("rule", draw.choice(questions), post.id)


if __name__ == "__main__":
    main()
