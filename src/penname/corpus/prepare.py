"""From a site to a corpus: clean posts, their split, and a tokenizer for a model that is trained from scratch.

    workspace = workspace_for(Path("my-blog"))
    prepared = prepare(Path("my-blog"), workspace, PrepareOptions(tokenizer=True))

In: a path or an open source, and a workspace. Out: `text.json` and `tokenizer.json` in the workspace. `text.json` is an
object: its `format`, the digests of what was `masked`, and `posts`, an object each (id, url, title, date, tags, text,
split). It is all that training, judging and answering read: none of them sees the source. What is unchanged since the
last time is not done again. What was left out, masked, repeated or capped is said.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from penname import __version__
from penname.core import events
from penname.core.errors import InputError
from penname.core.files import iter_json_lines, replacing, write_json_lines
from penname.core.terminal import many
from penname.core.workspace import Step, Workspace, default_folder, file_hashes, open_workspace, run_step
from penname.corpus.masked import Masked
from penname.corpus.read import CleanPost, Head, Reading, ReadOptions, read_blog
from penname.corpus.split import SIDES, TRAIN, Split, split_posts
from penname.corpus.tokenizer import train_tokenizer
from penname.sources.find import opened
from penname.sources.post import LIVE, Source

PREPARE = Step("prepare", reads=(), writes=("text.json",))
TOKENIZER = Step("tokenizer", reads=("text.json",), writes=("tokenizer.json",))
_SHOWN = 5
FORMAT = 2
"""Of `text.json`. The first was a bare list of posts, with numbers as ids and without addresses; it is still read."""
_FIELDS = {"id": str, "title": str, "date": str, "tags": list, "text": str, "split": str, "url": str | None}
_WHAT = "a blog's clean text (written by `penname prepare SITE`)"
_SMALLEST, _LARGEST, _WORDS_PER_ENTRY = 512, 16_384, 64


@dataclass(frozen=True)
class PrepareOptions:
    """How a blog becomes a corpus."""

    read: ReadOptions = field(default_factory=ReadOptions)
    """What is read."""
    how: str = "hash"
    """How posts are held out: `hash` or `newest`."""
    validation: float = 0.05
    """Share of the words that decides when training stops."""
    test: float = 0.05
    """Share of the words that the final figures are measured on."""
    cap: float = 0.2
    """Largest share of a pass of training that one post may take."""
    tokenizer: bool = False
    """Train a tokenizer too, for a model from scratch."""
    vocabulary: int = 0
    """Entries of that tokenizer; 0 chooses by the size of the blog."""
    again: bool = False
    """Do every step, whether or not anything has changed."""


@dataclass(frozen=True)
class PreparedPost:
    """One post of `text.json`; `split` is train, validation or test."""

    id: str
    title: str
    date: str
    tags: tuple[str, ...]
    text: str
    split: str
    url: str | None = None

    @property
    def document(self) -> str:
        """The post as a model sees it: the title, a blank line, the text."""
        return f"{self.title}\n\n{self.text}" if self.title else self.text

    @property
    def words(self) -> int:
        """White-space separated words of the text."""
        return len(self.text.split())


@dataclass(frozen=True)
class Prepared:
    """A corpus that is ready: how many posts and words it holds, and the SHA-256 of `text.json`."""

    workspace: Workspace
    count: int
    words: int
    corpus: str

    @cached_property
    def posts(self) -> tuple[PreparedPost, ...]:
        """All posts, read from `text.json` when they are first asked for."""
        return load_text(self.workspace)

    def side(self, split: str) -> tuple[PreparedPost, ...]:
        """The posts of one side: `train`, `validation` or `test`."""
        return tuple(post for post in self.posts if post.split == split)


def workspace_for(site: Path | Source, folder: Path | None = None) -> Workspace:
    """The workspace of the blog at `site`: `folder`, or `<name>.penname` in the current directory; made if new.

    Raises `InputError` when `site` is nothing that can be read or the folder belongs to something else.
    """
    with opened(site, site.wanted if isinstance(site, Source) else LIVE) as source:
        return open_workspace(folder or default_folder(source.name), source.name)


def prepare(site: Path | Source, workspace: Workspace, options: PrepareOptions | None = None) -> Prepared:
    """Write `text.json`, and `tokenizer.json` if asked for, unless nothing has changed.

    Raises `InputError` when `site` is nothing that can be read, holds no text, or an option is out of range.
    """
    options = options or PrepareOptions()
    if not 0 < options.cap <= 1:
        raise InputError(f"--cap is a share above 0 and at most 1, not {options.cap:g}.")
    if options.tokenizer and options.vocabulary and not 260 <= options.vocabulary <= 65_536:
        raise InputError(f"--vocabulary must be between 260 and 65,536, not {options.vocabulary}.")
    chosen = {name: getattr(options, name) for name in ("how", "validation", "test", "cap")}
    settings = {**chosen, "read": asdict(options.read)}
    with opened(site, options.read.wanted) as source:
        inputs = {"site": source.digest, "penname": __version__, "format": FORMAT, **settings}
        _tell_format(workspace)
        run_step(workspace, PREPARE, inputs, lambda: _prepare(source, workspace, options), options.again)
    words = [post.words for post in iter_text(workspace)]
    corpus = file_hashes(workspace.folder, PREPARE.writes)["text.json"]
    workspace.write(corpus=corpus, settings=workspace.read().get("settings", {}) | {"prepare": settings})
    prepared = Prepared(workspace, len(words), sum(words), corpus)
    if options.tokenizer:
        _tokenizer_step(prepared, options)
    return prepared


def prepared_before(workspace: Workspace) -> PrepareOptions:
    """The options that `workspace` was prepared with; the usual ones where it was not, or by another version."""
    known = workspace.read().get("settings", {}).get("prepare", {})
    try:
        return PrepareOptions(**{**known, "read": ReadOptions(**known.get("read", {}))})
    except TypeError:
        return PrepareOptions()


def load_text(workspace: Workspace) -> tuple[PreparedPost, ...]:
    """Read `text.json`. Raises `InputError` when it is missing or is not what `prepare` wrote."""
    return tuple(iter_text(workspace))


def iter_text(workspace: Workspace) -> Iterator[PreparedPost]:
    """Read `text.json` one post at a time; raises what `load_text` raises, when it comes to it."""
    path, seen = workspace.text, set()
    workspace.check(PREPARE)
    items = iter_json_lines(path, "posts", _WHAT)
    _check_head(path, next(items))
    for number, item in enumerate(items):
        post = _checked(path, number, item)
        if post.id in seen:
            raise InputError(f"{path} holds two posts of one id: run `penname prepare SITE --again`.")
        seen.add(post.id)
        yield post


def load_masked(workspace: Workspace) -> Masked | None:
    """The digests of the private data that were met in the posts; None where an older penname wrote the file."""
    head = next(iter_json_lines(workspace.text, "posts", _WHAT))
    _check_head(workspace.text, head)
    return Masked.from_json(head["masked"]) if "masked" in head else None


def choose_vocabulary(words: int) -> tuple[int, str]:
    """The entries of a tokenizer for so many words of training text, and why.

    A rule of thumb: about 64 words of text for each entry, so that most entries are seen often enough to be
    learned (the concern of Gowda and May 2020, "Finding the optimal vocabulary size for neural machine
    translation").
    """
    size = _SMALLEST
    while size < _LARGEST and size * 1.5 * _WORDS_PER_ENTRY < words:
        size *= 2
    if size == _SMALLEST:
        return size, "the least that is useful beside the 256 bytes"
    if size == _LARGEST:
        return size, "the most that a small model has room for"
    return size, f"about one entry for every {_WORDS_PER_ENTRY} of {words:,} words"


def _prepare(source: Source, workspace: Workspace, options: PrepareOptions) -> None:
    reading = read_blog(source, options.read)
    if not reading.posts:
        raise InputError(f"{source.path} holds no text to learn from: its {reading.selected} posts are empty.")
    split = split_posts(
        reading.heads,
        [(item.id, item.of) for item in reading.duplicates],
        how=options.how,
        validation=options.validation,
        test=options.test,
    )
    _tell_reading(reading)
    _tell_repeats(reading, options)
    _tell_split(reading.heads, split, options)
    head = {"format": FORMAT, "masked": Masked.of(reading.private, source.digest).to_json()}
    write_json_lines(workspace.text, head, "posts", (_as_json(post, split.sides[post.id]) for post in reading.posts))


def _as_json(post: CleanPost, split: str) -> dict[str, Any]:
    names = ("url", "title", "date", "tags", "text")
    return {"id": _plain_id(post.id)} | {name: getattr(post, name) for name in names} | {"split": split}


def _plain_id(identity: str) -> str | int:
    """The id as the file holds it: a number where posts are counted, as in the first format, else the text."""
    counted = identity.isascii() and identity.isdecimal() and len(identity) < 16 and str(int(identity)) == identity
    return int(identity) if counted else identity


def _tell_format(workspace: Workspace) -> None:
    """Say that the text of an older penname is prepared again, where there is such."""
    if not workspace.text.is_file():
        return
    with contextlib.suppress(InputError):  # a broken file is told where it is read
        found = next(iter_json_lines(workspace.text, "posts", _WHAT)).get("format", 1)
        if found != FORMAT:
            events.note(f"text.json is of an older penname (format {found}, now {FORMAT}): the blog is prepared again.")


def _tell_reading(reading: Reading) -> None:
    """Say what was read, left out and masked."""
    events.headline(
        f"{len(reading.posts):,} of {many(reading.selected, 'post')} hold text: {many(reading.words, 'word')}."
    )
    if reading.left_out:
        titles = _some(f"{item.title or item.id} ({item.reason})" for item in reading.left_out)
        events.note(f"Left out {many(len(reading.left_out), 'post')}: {titles}.")
    if reading.masked:
        kinds = ", ".join(f"{kind} {count:,}" for kind, count in reading.masked.most_common())
        events.note(f"Masked private data ({kinds}); --keep-private leaves it as it is.")


def _tell_repeats(reading: Reading, options: PrepareOptions) -> None:
    """Say what stands in the blog more than once."""
    titles = {post.id: post.title or post.id for post in reading.heads}
    if reading.duplicates:
        pairs = _some(f"“{_short(titles[item.id])}” repeats “{_short(titles[item.of])}”" for item in reading.duplicates)
        number = many(len(reading.duplicates), "near-duplicate post")
        events.note(f"{number}, kept for training and never held out: {pairs}.")
    if reading.boilerplate:
        what = "kept" if options.read.keep_boilerplate else "removed; --keep-boilerplate keeps them"
        shown = _some(f"“{_short(item.paragraph)}” in {item.posts} posts" for item in reading.boilerplate)
        events.note(f"{many(len(reading.boilerplate), 'paragraph')} that many posts share, {what}: {shown}.")


def _tell_split(posts: Sequence[Head | CleanPost], split: Split, options: PrepareOptions) -> None:
    """Say what is held out, and whether a post is so large that it is capped."""
    events.note(f"Split by {options.how}: {split.sentence()}.")
    if not split.figures["validation"].posts and not split.given_up:
        events.warn("No post can be held out: nothing can be measured on text the model has not seen.")
    if thin := split.thin():
        events.warn(thin)
    training = [post for post in posts if split.sides[post.id] == TRAIN]
    total = sum(post.words for post in training)
    large = [post for post in training if post.words > options.cap * total]
    if large and len(training) * options.cap > 1:
        shares = _some(f"“{_short(post.title)}” holds {post.words / total:.0%} of the words" for post in large)
        events.note(
            f"{shares}: no post is given more than {options.cap:.0%} of a pass of training, a larger one gives "
            "another part of itself each time."
        )


def _tokenizer_step(prepared: Prepared, options: PrepareOptions) -> None:
    words = sum(post.words for post in _training(prepared.workspace))
    size, reason = choose_vocabulary(words)
    if options.vocabulary:
        size, reason = options.vocabulary, "as asked for"

    def work() -> None:

        with events.task("Training the tokenizer"):
            tokenizer = train_tokenizer((post.document for post in _training(prepared.workspace)), size)
        found = tokenizer.get_vocab_size()
        events.note(f"Tokenizer of {found:,} entries ({reason}).")
        with replacing(prepared.workspace.tokenizer) as temporary:
            temporary.write_text(tokenizer.to_str(), encoding="utf-8")

    run_step(prepared.workspace, TOKENIZER, {"size": size, "penname": __version__}, work, options.again)


def _training(workspace: Workspace) -> Iterator[PreparedPost]:
    return (post for post in iter_text(workspace) if post.split == TRAIN)


def _check_head(path: Path, head: object) -> None:
    """Raise `InputError` for a file of a newer penname, or with a head that is none of ours."""
    found = head.get("format", 1) if isinstance(head, dict) else None
    if type(found) is int and found > FORMAT:
        raise InputError(f"{path} was written by a newer penname: bring penname up to date, or prepare the blog again.")
    try:
        if type(found) is not int or (found == FORMAT and not Masked.from_json(head["masked"])):  # type: ignore[index]
            raise ValueError("its format is no number")
    except (ValueError, KeyError) as error:
        raise InputError(f"{path} is not readable as {_WHAT}: {error}.") from error


def _renewed(item: dict[str, Any]) -> dict[str, Any]:
    """An entry as posts have it: an id is a text, whether or not the file holds a number."""
    if type(item.get("id")) is int:
        return {**item, "id": str(item["id"])}
    return item


def _checked(path: Path, number: int, item: object) -> PreparedPost:
    """One object of `text.json` as a `PreparedPost`, or an `InputError` that names what is wrong with it."""
    advice = "run `penname prepare SITE --again`"
    if not isinstance(item, dict):
        raise InputError(f"{path}: entry {number + 1} is not an object: {advice}.")
    item = _renewed(item)
    for name, kind in _FIELDS.items():
        if not isinstance(item.get(name), kind):
            raise InputError(f"{path}: entry {number + 1} has no usable {name!r}: {advice}.")
    if item["split"] not in SIDES:
        raise InputError(f"{path}: entry {number + 1} has the split {item['split']!r}: it is {', '.join(SIDES)}.")
    values: dict[str, Any] = {name: item.get(name) for name in _FIELDS}
    return PreparedPost(**values | {"tags": tuple(map(str, item["tags"]))})


def _some(texts: Iterable[str]) -> str:
    listed = list(texts)
    more = f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return "; ".join(listed[:_SHOWN]) + more


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:59].rstrip() + "…"
