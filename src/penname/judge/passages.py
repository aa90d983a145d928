"""Passages in the blog's voice: each continues the opening of a held-out post, without the copy guard and with it.

In: a subject. Out: as many passages as asked for, in both ways, without their openings.

    written = write_passages(subject, parts, guard, device, options)
    written.guarded[0].text

The guard watches the unguarded passages too, and notes where it would have stepped in. Up to there a guarded passage is
the same; so only those passages are written again, from there on, with the guard. That is the same as writing all of
them a second time, and nearly free.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from penname.core import events
from penname.core.device import Device
from penname.core.errors import InputError
from penname.core.files import parse_json, read_text
from penname.corpus.prepare import PreparedPost
from penname.corpus.tokenizer import encode_plain
from penname.judge.subject import JudgeOptions, Parts, Subject, sampling_settings, texts_key
from penname.write.examples import Examples
from penname.write.generate import generate_batch
from penname.write.guard import CopyGuard, GuardedText

if TYPE_CHECKING:
    from penname.model.folder import LoadedModel, SamplingSettings

_PART = "passages"
_OPENING = (30, 40, 50)
"""Words of an opening: at least, where no sentence ends, at most."""
_ENDS = re.compile(r"""\S*?\S(?P<end>(?<=[.!?…:])["'”’)]*(?=\s)|(?=[ \t]*\n))?(?=\s|$)""")
"""A word; `end` is set where a sentence or a line is over behind it."""
_FEW = 20
"""With fewer openings than this, the spare posts give some too, then later paragraphs of all of them."""
_STRETCH, _REST = 240, 60
"""Words of a stretch of a post that an opening is taken from where there are few posts, and of what must follow one."""
_CONTROL = 40
"""Passages of the bare base that the model's own are compared with."""
_ROOM = 1.3
"""Tokens that a passage may have, in terms of those that held-out text of as many words has."""


@dataclass(frozen=True)
class Opening:
    """The beginning of a held-out post, which a passage goes on from; `rest` words of the post follow.

    `real` is how the post goes on.
    """

    post: str
    title: str
    text: str
    rest: int
    real: str = ""


@dataclass(frozen=True)
class Written:
    """One passage: the post whose opening prompted it, the opening, the text behind it, how it ended.

    `ended`: the model ended the post within the limit. `stopped`: the guard stepped in.
    """

    post: str
    opening: str
    text: str
    ended: bool
    stopped: bool


@dataclass(frozen=True)
class Passages:
    """The same passages without and with the guard; `openings` lists what they go on from."""

    openings: tuple[Opening, ...]
    free: tuple[Written, ...]
    guarded: tuple[Written, ...]
    settings: dict[str, Any]
    control: tuple[Written, ...] = ()
    """What the bare base wrote behind the same openings."""

    @property
    def stopped(self) -> int:
        """Passages in which the guard stepped in."""
        return sum(each.stopped for each in self.guarded)


def find_openings(posts: Sequence[PreparedPost]) -> list[Opening]:
    """The title and the first words of each post: up to the end of a sentence between 30 and 50, else 40.

    Posts that are over with their opening are left out.
    """
    found = (_opening(post, post.text, post.words) for post in posts)
    return [opening for opening in found if opening.rest > 0]


def choose_openings(heldout: Sequence[PreparedPost], spare: Sequence[PreparedPost]) -> list[Opening]:
    """The openings of the held-out posts; where they are few those of the spare posts too, then later stretches."""
    found = find_openings(heldout)
    if len(found) < _FEW:
        found += find_openings(spare)
    if len(found) < _FEW:
        found += [opening for post in (*heldout, *spare) for opening in _later_openings(post)]
    return found


def _later_openings(post: PreparedPost) -> list[Opening]:
    """Openings of the stretches of a post behind its first one, each of some paragraphs and at least 240 words."""
    stretches: list[str] = []
    held: list[str] = []
    for paragraph in post.text.split("\n\n"):
        held.append(paragraph)
        text = "\n\n".join(held)
        if len(text.split()) >= _STRETCH:
            stretches.append(text)
            held = []
    openings = (_opening(post, text, len(text.split())) for text in stretches[1:])
    return [opening for opening in openings if opening.rest >= _REST]


def _opening(post: PreparedPost, text: str, size: int) -> Opening:
    first = _first_words(text, _opening_size(text))
    title = f"{post.title}\n\n" if post.title else ""
    return Opening(post.id, post.title, f"{title}{first}", size - len(first.split()), text[len(first) :].lstrip())


def behind_opening(text: str) -> str:
    """What of a post's text stands behind its opening."""
    return text[len(_first_words(text, _opening_size(text))) :].lstrip()


def write_passages(subject: Subject, parts: Parts, guard: CopyGuard, device: Device, options: JudgeOptions) -> Passages:
    """Write the passages, evenly over the openings. Raises `InputError` where no held-out post has one."""
    openings = choose_openings(subject.heldout, subject.spare)
    if not openings:
        raise InputError(
            "No held-out post is long enough to be continued: the blog is too small to be judged by what is written."
        )
    loaded = subject.adapted.loaded
    limit = _token_limit(loaded, [post.text for post in subject.heldout], options.words)
    settings = sampling_settings(options, loaded.generation, limit)
    count = max(min(10, options.passages), round(options.passages * options.share))
    chosen = [openings[number % len(openings)] for number in range(count)]
    key = {
        "model": subject.adapted.key,
        "training": texts_key([post.document for post in subject.training]),
        "openings": texts_key([opening.text for opening in chosen]),
        "settings": asdict(settings),
        "words": options.words,
        "max_copy": options.max_copy,
        "examples": options.examples,
    }

    def work() -> Any:

        loaded.model.to(device.torch)
        posts = [(post.title, post.text) for post in subject.training] if options.examples else []
        shown = Examples(loaded.tokenizer, posts, loaded.end)
        before = [shown.before(opening.text, seed=number) for number, opening in enumerate(chosen)]
        free, guarded = _write_both(loaded, chosen, before, settings, guard, device, options.words)
        return {"free": [asdict(each) for each in free], "guarded": [asdict(each) for each in guarded]}

    value = parts.get(_PART, key, work)
    free, guarded = (tuple(Written(**each) for each in value[name]) for name in ("free", "guarded"))
    control = _write_control(subject, chosen, parts, device, options) if options.control else ()
    return Passages(tuple(openings), free, guarded, {**settings.shown(), "example": options.examples}, control)


def _write_control(
    subject: Subject, chosen: Sequence[Opening], parts: Parts, device: Device, options: JudgeOptions
) -> tuple[Written, ...]:
    """The same from the bare base: what the model's own passages must differ from to be the model's merit."""
    if subject.control is None:
        return ()
    base = subject.control
    some = chosen[: max(min(10, len(chosen)), round(_CONTROL * (0.5 if options.quick else 1)))]
    key = {
        "base": base.key,
        "training": texts_key([post.document for post in subject.training]),
        "openings": texts_key([opening.text for opening in some]),
        "words": options.words,
        "sampling": options.sampling,
        "seed": options.seed,
        "examples": options.examples,
    }

    def work() -> Any:

        loaded = base.loaded
        loaded.model.to(device.torch)
        limit = _token_limit(loaded, [post.text for post in subject.heldout], options.words)
        settings = sampling_settings(options, loaded.generation, limit)
        posts = [(post.title, post.text) for post in subject.training] if options.examples else []
        shown = Examples(loaded.tokenizer, posts, loaded.end)
        drafts = generate_batch(
            loaded.model,
            loaded.tokenizer,
            [opening.text for opening in some],
            settings,
            device,
            end=loaded.end,
            show="Writing passages with the bare base",
            examples=[shown.before(opening.text, seed=number) for number, opening in enumerate(some)],
        )
        return [
            asdict(_written(opening, draft.text, draft.ended, False, options.words))
            for opening, draft in zip(some, drafts, strict=True)
        ]

    return tuple(Written(**each) for each in parts.get("passages-base", key, work))


def _write_both(
    loaded: "LoadedModel",
    openings: Sequence[Opening],
    examples: Sequence[Sequence[int]],
    settings: "SamplingSettings",
    guard: CopyGuard,
    device: Device,
    words: int,
) -> tuple[list[Written], list[Written]]:
    """The passages without the guard, and with it."""

    watchers = [_Watcher(guard) for _ in openings]
    drafts = generate_batch(
        loaded.model,
        loaded.tokenizer,
        [opening.text for opening in openings],
        settings,
        device,
        end=loaded.end,
        blocked=watchers,
        show="Writing passages",
        examples=examples,
    )
    free = [
        _written(opening, draft.text, draft.ended, False, words)
        for opening, draft in zip(openings, drafts, strict=True)
    ]
    again = [
        number
        for number, watcher in enumerate(watchers)
        if watcher.place is not None and len(drafts[number].text[: watcher.place].split()) < words
    ]
    events.note(f"The copy guard (more than {guard.max_copy} words) steps in in {len(again)} of {len(free)} passages.")
    guarded = list(free)
    if again:
        kept = [drafts[number].text[: watchers[number].place] for number in again]
        redone = generate_batch(
            loaded.model,
            loaded.tokenizer,
            [openings[number].text + text for number, text in zip(again, kept, strict=True)],
            settings,
            device,
            end=loaded.end,
            blocked=[_behind(guard, text) for text in kept],
            show="Writing passages with the guard",
            examples=[examples[number] for number in again],
        )
        for number, text, draft in zip(again, kept, redone, strict=True):
            guarded[number] = _written(openings[number], text + draft.text, draft.ended, True, words)
    return free, guarded


class _Watcher:
    """Refuses nothing; `place` is where the guard would have refused something for the first time."""

    def __init__(self, guard: CopyGuard) -> None:
        self.watched = GuardedText(guard)
        self.place: int | None = None

    def __call__(self, text: str, piece: str) -> bool:
        if self.place is None and self.watched.blocked(text, piece):
            self.place = len(text)
        return False


def _behind(guard: CopyGuard, before: str) -> Callable[[str, str], bool]:
    """The guard for a text that goes on from `before`."""
    watched = GuardedText(guard)
    return lambda text, piece: watched.blocked(before + text, piece)


def _written(opening: Opening, text: str, ended: bool, stopped: bool, words: int) -> Written:
    cut = _first_words(text, words)
    return Written(opening.post, opening.text, cut.strip(), ended and cut == text.rstrip(), stopped)


def _token_limit(loaded: "LoadedModel", texts: Sequence[str], words: int) -> int:
    """Tokens that nearly every passage of so many words fits in, by what held-out text has."""
    some = " ".join(texts)[:200_000]
    rate = len(encode_plain(loaded.tokenizer, some)) / max(1, len(some.split()))
    return max(words, round(_ROOM * rate * words))


def _opening_size(text: str) -> int:
    """Words up to the first end of a sentence or of a line that lies well, else as many as usual."""
    least, usual, most = _OPENING
    for number, match in enumerate(_ENDS.finditer(text), 1):
        if number > most:
            break
        if number >= least and match["end"] is not None:
            return number
    return usual


def _first_words(text: str, count: int) -> str:
    """The first `count` white-space separated words of `text`, white space between them as it is."""
    end = 0
    for number, piece in enumerate(_pieces(text)):
        if number == count:
            return text[:end]
        end = piece
    return text.rstrip()


def _pieces(text: str) -> list[int]:
    """Where each white-space separated word of `text` ends."""
    return [match.end() for match in re.finditer(r"\S+", text)]


def kept_passages(folder: Path) -> tuple[Written, ...]:
    """The guarded passages that an earlier judgement kept in `folder`; none where there are none."""
    try:
        kept = parse_json(read_text(folder / f"{_PART}.json"))
        return tuple(Written(**each) for each in kept["value"]["guarded"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()
