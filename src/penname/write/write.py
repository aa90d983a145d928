"""Drafts in the blog's voice: what `penname write` does.

    written = write("On keeping a garden", WriteOptions(title=True, drafts=3), show=printer(sys.stdout))

In: a prompt, and a workspace with a trained model or any model folder. Out: the drafts, streamed to `show` while they
are written. With the posts of a workspace at hand a copy guard stops any run of words that a training post has.
"""

import re
import secrets
import sys
import time
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

from penname.core import events
from penname.core.device import Device, pick_device
from penname.core.errors import InputError
from penname.core.terminal import printable
from penname.core.workspace import Workspace, find_workspace
from penname.corpus.prepare import PreparedPost, load_text
from penname.corpus.tokenizer import encode_plain
from penname.model.base import load_base
from penname.model.folder import LoadedModel, SamplingSettings, load_model, settings_from
from penname.write.copying import CopyIndex
from penname.write.decoding import DecodingWeights, decoding_weights, pick_precision
from penname.write.examples import Examples
from penname.write.generate import Draft, Piece, gathered, generate, generate_batch
from penname.write.guard import CopyGuard, GuardedText
from penname.write.word_balance import without_blanks

_MOST_TOKENS = 400
"""Tokens of a draft at most, unless more are asked for: behind them a small model has lost its thread."""
_BEST_OF = 4
"""Drafts of which the best is shown where that is fast."""
_SENTENCE = re.compile(r"""[.!?…]+["'”’)\]]*(?=\s|$)|\n""")
Rank = Callable[[str, "Sequence[str]"], "Sequence[float | None]"]
"""`rank(prompt, drafts)`: the higher the better; None for a draft that left the blog."""
_BETWEEN = "\n* * *\n\n"
"""Stands between two drafts."""


@dataclass(frozen=True)
class WriteOptions:
    """How drafts are written."""

    workspace: Path | None = None
    """The blog's workspace; the only one in the current directory unless given."""
    model: Path | None = None
    """A model folder; the workspace's own unless given."""
    drafts: int = 1
    """How many drafts are written."""
    title: bool = False
    """The prompt is the title of a post: the text starts behind a blank line."""
    sampling: Mapping[str, float] = field(default_factory=dict)
    """Settings of sampling (`SamplingSettings`) over those that the model folder names; without `seed` one is drawn."""
    max_copy: int = 12
    """The longest run of words, in a row, that a draft may share with a training post; 0 switches the guard off."""
    example: bool = True
    """The workspace's own model reads the beginning of a training post first (`write/examples.py`)."""
    passages: tuple[str, ...] = ()
    """Passages that are read before the prompt instead; the copy guard holds for them too."""
    stop: tuple[str, ...] = ()
    """A draft stops before the first of these."""
    device: str = "auto"
    """Where the network runs."""
    precision: str = "auto"
    """Of the weights while writing: auto, fp32, bf16 or int8."""
    best_of: int | None = None
    """Drafts that are written for each that is shown; None: 4 on a graphics card, 1 on a processor."""

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        if self.drafts < 1:
            wrong.append(f"the number of drafts must be at least 1, not {self.drafts}")
        if self.best_of is not None and self.best_of < 1:
            wrong.append(f"--best-of must be at least 1, not {self.best_of}")
        if self.max_copy < 0:
            wrong.append(f"--max-copy must be 0 (off) or more, not {self.max_copy}")
        if wrong:
            raise InputError("This cannot be written: " + "; ".join(wrong) + ".")


@dataclass(frozen=True)
class Written:
    """Drafts and what they were written with. `prompt` is what stands before each of them, as the model read it."""

    prompt: str
    drafts: "tuple[Draft, ...]"
    settings: "SamplingSettings"
    guarded: bool
    seconds: float

    @property
    def tokens_per_second(self) -> float:
        """Over all drafts, reading the prompt included, loading not."""
        return sum(draft.tokens for draft in self.drafts) / self.seconds if self.seconds else 0.0

    def to_json(self) -> dict[str, Any]:
        """A plain object for `--json`."""
        return {
            "prompt": self.prompt,
            "drafts": [{**asdict(draft), "ended": draft.ended} for draft in self.drafts],
            "settings": self.settings.shown(),
            "copy_guard": self.guarded,
            "tokens_per_second": round(self.tokens_per_second, 1),
        }


@dataclass(frozen=True)
class Writer:
    """A model that is ready to write, with the posts it learned from; `write` and the server write with it."""

    options: WriteOptions
    loaded: "LoadedModel"
    device: Device
    posts: "Sequence[PreparedPost]"
    guard: "CopyGuard | None"
    weights: "DecodingWeights"
    why: str
    """Why the weights have their precision."""
    examples: "Examples | None"

    def settings(self, given: Mapping[str, float]) -> "SamplingSettings":
        """Settings of sampling: what is given, else what the model folder says."""
        return sampling_settings(self.loaded.generation, {"max_tokens": _MOST_TOKENS, **given})

    def example(self, prompt: str, seed: int) -> list[int]:
        """The ids that are read before `prompt`."""
        if self.options.passages:
            return [self.loaded.end, *encode_plain(self.loaded.tokenizer, "\n\n".join(self.options.passages))]
        return self.examples.before(prompt, seed) if self.examples else []


def open_writer(options: WriteOptions) -> Writer:
    """Load what writes: the model, its device, the copy guard over the posts that it learned from."""
    workspace = _workspace(options)
    # The same seed is to give the same text, however busy the machine is.
    device = pick_device(options.device, True)
    loaded = _load(options, workspace)
    posts = training_posts(workspace)
    guard = copy_guard(posts, options.max_copy, options.passages)
    loaded.model.to(device.torch)
    precision, why = pick_precision(loaded.model, device, 1, options.precision)
    examples = None
    # A model that is given may have learned from other posts.
    if options.example and options.model is None:
        examples = Examples(loaded.tokenizer, [(post.title, post.text) for post in posts], loaded.end)
    return Writer(options, loaded, device, posts, guard, decoding_weights(loaded.model, precision), why, examples)


def write(
    prompt: str,
    options: WriteOptions | None = None,
    show: "Callable[[str, Piece], None] | None" = None,
    rank: "Callable[[LoadedModel, Device, Sequence[PreparedPost]], Rank | None] | None" = None,
) -> Written:
    """Write drafts; `show(prompt, piece)` is called with each piece as soon as it is known, sentence by sentence.

    `rank` makes what ranks drafts where the best of several is wanted; without it each draft is shown.

    Raises `InputError` when there is no workspace or model, or an option cannot be.
    """

    options = options or WriteOptions()
    options.check()
    seed = sampling_settings({}, options.sampling).seed
    ready = open_writer(options)
    loaded, device, posts, guard, weights = ready.loaded, ready.device, ready.posts, ready.guard, ready.weights
    settings = ready.settings({**options.sampling, "seed": seed})
    events.note(f"Writing on {device.name} in {weights.precision} ({ready.why}), seed {seed}.")
    prompt = tidy_prompt(prompt, options.title)
    example = ready.example(prompt, seed)
    started = time.monotonic()
    several = options.best_of or (1 if device.slow else _BEST_OF)
    order = rank(loaded, device, posts) if rank is not None and several > 1 and posts else None
    if order is None:
        pieces = []
        for piece in whole_sentences(
            generate(
                weights,
                loaded.tokenizer,
                prompt,
                settings,
                device,
                end=loaded.end,
                count=options.drafts,
                blocked=GuardedText(guard).blocked if guard else None,
                stop=options.stop,
                example=example,
            )
        ):
            pieces.append(piece)
            if show:
                show(prompt, piece)
        drafts = gathered(pieces)
    else:
        count = several * options.drafts
        tried = generate_batch(
            weights,
            loaded.tokenizer,
            [prompt] * count,
            settings,
            device,
            end=loaded.end,
            blocked=[GuardedText(guard).blocked if guard else None for _ in range(count)],
            stop=options.stop,
            examples=[example] * count,
            show="Writing drafts",
        )
        drafts = best_drafts(prompt, [_cut_whole(draft) for draft in tried], several, order)
        for number, draft in enumerate(drafts if show else ()):
            show(prompt, Piece(number, draft.text, draft.finish, draft.tokens, draft.refused))  # type: ignore[misc]
    written = Written(prompt, drafts, settings, guard is not None, time.monotonic() - started)
    _say(written, options.max_copy)
    return written


def whole_sentences(pieces: "Iterable[Piece]") -> "Iterator[Piece]":
    """The pieces, sentence by sentence; of a draft that was cut off what stands behind its last sentence is left out.

    A draft of less than a sentence is left as it is.
    """
    held, shown = "", False
    for piece in pieces:
        text = held + piece.text
        if piece.finish:
            whole = _whole(text, shown) if piece.finish == "length" else text
            yield replace(piece, text=whole)
            held, shown = "", False
            continue
        ends = [match.end() for match in _SENTENCE.finditer(text) if match.end() < len(text) or text.endswith("\n")]
        ready = ends[-1] if ends else 0
        held, shown = text[ready:], shown or ready > 0
        yield replace(piece, text=text[:ready])


def best_drafts(prompt: str, tried: "Sequence[Draft]", several: int, rank: Rank) -> "tuple[Draft, ...]":
    """Of each `several` drafts the one that `rank` puts first; those that left the blog only where all did, which is
    said."""
    values = rank(prompt, [draft.text for draft in tried])
    found = []
    for first in range(0, len(tried), several):
        group = range(first, min(first + several, len(tried)))
        stayed = [number for number in group if values[number] is not None]
        if not stayed:
            events.warn(f"All {len(group)} drafts left the blog: this one is as good as none. Try another title.")
        found.append(tried[max(stayed or group[:1], key=lambda number: values[number] or 0.0)])
    left = sum(value is None for value in values)
    events.note(f"{len(tried):,} drafts were written, {left} of them left the blog; the best are shown.")
    return tuple(found)


def _cut_whole(draft: "Draft") -> "Draft":
    return replace(draft, text=_whole(draft.text, False)) if draft.finish == "length" else draft


def _whole(text: str, shown: bool) -> str:
    """The whole sentences of a text; all of it where it has none and nothing was `shown` before."""
    ends = [match.end() for match in _SENTENCE.finditer(text)]
    return text[: ends[-1]].rstrip("\n") if ends else "" if shown else text


def read_prompt(given: str | None, stream: TextIO | None = None) -> str:
    """The prompt that was given, or standard input (`stream`) for `-` and where nothing was given but a pipe.

    Without any the model starts a post of its own.
    """
    stream = stream or sys.stdin
    if given is not None and given != "-":
        return given
    if given is None and stream.isatty():
        return ""
    try:
        return stream.read().rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise InputError(f"Standard input is not UTF-8 text ({error.reason}): give the prompt as text.") from error


def tidy_prompt(prompt: str, title: bool) -> str:
    """The prompt as posts are laid out for training: NFC, line breaks as `\\n`, no blanks at its end, a title with a
    blank line behind it.

    Raises `InputError` for a title without a word in it.
    """

    prompt = prompt.encode("utf-8", errors="replace").decode("utf-8")
    prompt = unicodedata.normalize("NFC", prompt.replace("\r\n", "\n").replace("\r", "\n"))
    if not title:
        return without_blanks(prompt)
    name = " ".join(prompt.split())
    if not name:
        raise InputError("With --title a title is needed: give one as the prompt.")
    return f"{name}\n\n"


def sampling_settings(generation: Mapping[str, Any], given: Mapping[str, float]) -> "SamplingSettings":
    """Settings of sampling: what is `given`, else what the model folder's `generation_config.json` says.

    Without a seed one is drawn. Raises one `InputError` that lists all that is wrong.
    """

    return settings_from(generation, {"seed": secrets.randbelow(1_000_000), **given})


def training_posts(workspace: Workspace | None) -> "list[PreparedPost]":
    """The training posts of `workspace`; none where a model stands alone."""

    if workspace is None or not workspace.text.is_file():
        return []
    return [post for post in load_text(workspace) if post.split == "train"]


def copy_guard(posts: "Sequence[PreparedPost]", max_copy: int, passages: Sequence[str] = ()) -> "CopyGuard | None":
    """A guard over training posts and passages; None when it is off or there are none, which is said."""

    if max_copy == 0:
        return None
    if not posts and not passages:
        events.warn("The copy guard is off: the model stands alone, without the posts that it learned from.")
        return None
    return CopyGuard(CopyIndex([*(post.document for post in posts), *passages]), max_copy)


def printer(out: TextIO) -> "Callable[[str, Piece], None]":
    """A `show` that prints each draft behind its prompt, as it comes; a mark stands between two drafts."""
    before = -1

    def show(prompt: str, piece: "Piece") -> None:
        nonlocal before
        if piece.draft != before:
            _print(out, (_BETWEEN if before >= 0 else "") + prompt)
            before = piece.draft
        _print(out, piece.text + ("\n" if piece.finish else ""))

    return show


def _print(out: TextIO, text: str) -> None:
    encoding = out.encoding or "utf-8"
    # What a model writes must not steer the terminal.
    out.write(printable(text).encode(encoding, errors="replace").decode(encoding))
    out.flush()


def _workspace(options: WriteOptions) -> Workspace | None:
    """The workspace to write with; a model folder may stand alone, or inside the workspace that it belongs to."""
    if options.model is None or options.workspace is not None:
        return find_workspace(options.workspace)
    inside = Workspace(options.model.resolve().parent)
    return inside if inside.about.is_file() else None


def _load(options: WriteOptions, workspace: Workspace | None) -> "LoadedModel":

    if options.model is not None:
        return load_base(options.model)
    if workspace is None or not (workspace.model / "config.json").is_file():
        place = workspace.folder if workspace else Path.cwd()
        raise InputError(f"{place} holds no trained model yet: run `penname train SITE` first, or give --model DIR.")
    return load_model(workspace.model)


def _say(written: Written, max_copy: int) -> None:
    """What the reader of the drafts should know of them."""
    ends = {
        "end": "ended by itself",
        "length": "ended with the last sentence that --max-tokens has room for",
        "stop": "stopped at a stop string",
    }
    for number, draft in enumerate(written.drafts, 1):
        ending = ends.get(draft.finish, "given up: the copy guard refused every word")
        text = f"Draft {number}: {draft.tokens:,} tokens, {ending}"
        if written.guarded:
            text += f"; the copy guard (--max-copy {max_copy}) refused {draft.refused:,} candidates"
        events.note(f"{text}.")
    seed, rate = written.settings.seed, written.tokens_per_second
    events.note(f"{rate:.0f} tokens/s. The same again: --seed {seed}.")
