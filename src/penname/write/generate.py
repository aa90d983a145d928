"""Writing: prompts go in, text comes out, piece by piece or many passages at once.

    for piece in generate(model, tokenizer, "The weather", settings, device, end=0, count=3):
        print(piece.text, end="")

    drafts = generate_batch(model, tokenizer, prompts, settings, device, end=0)
    ids = continue_greedy(model, token_prefixes, 50, device, end=0)

A prompt is read behind an end-of-text token, as the start of a document is while training. Where a text grows longer
than the context, its last half is read anew and writing goes on. The same seed gives the same text, whichever other
drafts are written beside it, up to the rounding of the device.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from tokenizers import Tokenizer
from torch import Tensor

from penname.core import events
from penname.core.device import Device
from penname.model.folder import SamplingSettings
from penname.model.gpt import GPT
from penname.write.decoding import Decoding, DecodingWeights, decoding_weights, pick_precision
from penname.write.draft import Blocked, Row
from penname.write.word_balance import Rules

_CACHE_BYTES = 1 << 30
"""Memory for the keys and values of a batch on a CPU; a GPU gives a quarter of its own."""
_MOST_ROWS = 256


@dataclass(frozen=True)
class Piece:
    """What came next in a draft. The last piece of a draft says how it ended; its text may be empty.

    `finish` is empty while the draft goes on, then `end` (the model ended the text), `length` (cut at
    max_tokens), `stop` (a stop string came) or `blocked` (everything was refused). `tokens` counts those written
    so far, `refused` the candidates that `blocked` refused so far.
    """

    draft: int
    text: str
    finish: str
    tokens: int
    refused: int


@dataclass(frozen=True)
class Draft:
    """A whole text behind its prompt; `finish`, `tokens` and `refused` as in `Piece`."""

    text: str
    finish: str
    tokens: int
    refused: int

    @property
    def ended(self) -> bool:
        """Whether the model ended the text by itself."""
        return self.finish == "end"


def generate(
    model: GPT | DecodingWeights,
    tokenizer: "Tokenizer",
    prompt: str,
    settings: SamplingSettings,
    device: Device,
    *,
    end: int,
    count: int = 1,
    blocked: Blocked | None = None,
    stop: Sequence[str] = (),
    precision: str = "auto",
    example: Sequence[int] = (),
) -> Iterator[Piece]:
    """Write `count` drafts behind `prompt`, one after another, and yield each piece as soon as it is known.

    `example` holds ids that are read before it (`examples.py`). `blocked(text_so_far, piece)` refuses candidates; both
    hold written text only, not the prompt. Text stops before the first of the `stop` strings. Raises `InputError` for
    settings that cannot be.
    """
    rules = Rules(_prepared(model, device, precision, 1), tokenizer, settings, end)
    start = rules.start(prompt, example)
    decoding = Decoding(rules.weights, device, 1, rules.room(len(start.ids)))
    first: Tensor | None = None
    for draft in range(count):
        first = decoding.read([start.ids]) if first is None else first
        decoding.cut(len(start.ids))
        row = rules.row(start, draft, blocked, stop)
        logits = first
        while not row.finish:
            text = rules.advance(logits, [row])[0]
            yield Piece(draft, text, row.finish, row.written, row.refused)
            if not row.finish:
                logits, read_anew = forward(decoding, [row], rules.context)
                # A text that outgrew the context has pushed the prompt out: the next draft reads it again.
                first = None if read_anew else first


def gathered(pieces: Iterable[Piece]) -> tuple[Draft, ...]:
    """The drafts that the pieces of `generate` make up."""
    texts: dict[int, list[str]] = {}
    last: dict[int, Piece] = {}
    for piece in pieces:
        texts.setdefault(piece.draft, []).append(piece.text)
        last[piece.draft] = piece
    return tuple(
        Draft("".join(texts[draft]), piece.finish, piece.tokens, piece.refused) for draft, piece in last.items()
    )


def generate_batch(
    model: GPT | DecodingWeights,
    tokenizer: "Tokenizer",
    prompts: Sequence[str],
    settings: SamplingSettings,
    device: Device,
    *,
    end: int,
    blocked: Sequence[Blocked | None] | None = None,
    stop: Sequence[str] = (),
    precision: str = "auto",
    show: str = "",
    examples: Sequence[Sequence[int]] | None = None,
) -> list[Draft]:
    """Write one draft behind each prompt, many at once; `blocked` has a callable or None for each.

    `examples` has the ids that are read before each. The draft of row `n` is the one that `generate` writes as its
    draft `n`, up to rounding. `show` names the step for progress. Raises `InputError` for settings that cannot be.
    """
    rules = Rules(_prepared(model, device, precision, max(2, len(prompts))), tokenizer, settings, end)
    rows = []
    for number, prompt in enumerate(prompts):
        start = rules.start(prompt, examples[number] if examples is not None else ())
        rows.append(rules.row(start, number, blocked[number] if blocked is not None else None, stop))
    room = rules.room(max((len(row.tokens) for row in rows), default=1))
    size = _rows_at_once(rules.weights, device, room)
    with events.task(show, total=len(rows)) if show else contextlib.nullcontext(_ignore) as advance:
        for first in range(0, len(rows), size):
            _write_all(rules, rows[first : first + size], device, room, advance)
    return [Draft(row.text, row.finish, row.written, row.refused) for row in rows]


def continue_greedy(
    model: GPT | DecodingWeights,
    prefixes: Sequence[Sequence[int]],
    steps: int,
    device: Device,
    *,
    end: int,
    precision: str = "auto",
) -> list[list[int]]:
    """The `steps` most probable next ids behind each prefix, fewer where the model ends the text.

    Prefixes are read behind an end-of-text token: they start a document. Longer ones than the context lose their start.
    """
    weights = _prepared(model, device, precision, max(2, len(prefixes)))
    context = weights.config.max_position_embeddings
    kept = max(1, context - steps)
    starts = [[end, *prefix][-kept:] for prefix in prefixes]
    room = max((len(start) for start in starts), default=1) + steps
    size = _rows_at_once(weights, device, room)
    found: list[list[int]] = []
    for first in range(0, len(starts), size):
        found += _most_probable(weights, device, starts[first : first + size], steps, room)
    return [ids[: ids.index(end)] if end in ids else ids for ids in found]


def _prepared(model: GPT | DecodingWeights, device: Device, precision: str, rows: int) -> DecodingWeights:
    if isinstance(model, DecodingWeights):
        return model
    return decoding_weights(model, pick_precision(model, device, rows, precision)[0])


def _rows_at_once(weights: DecodingWeights, device: Device, room: int) -> int:
    config = weights.config
    each = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim * room * weights.dtype.itemsize
    budget = _CACHE_BYTES if device.kind == "cpu" else max(_CACHE_BYTES, device.memory // 4)
    return max(1, min(_MOST_ROWS, budget // each))


def forward(decoding: Decoding, rows: Sequence[Row], context: int) -> tuple[Tensor, bool]:
    """The next logits of every row, and whether some text had outgrown the context and was read anew."""
    full = [number for number, length in enumerate(decoding.lengths) if length >= context]
    if not full:
        return decoding.step([row.tokens[-1] for row in rows]), False
    texts = [row.tokens[-max(1, context // 2) :] for row in (rows[number] for number in full)]
    if len(full) == len(rows):
        return decoding.read(texts), True
    for number in full:
        decoding.lengths[number] = 0
    # The full rows go along in the step for nothing, and are read anew behind it.
    logits = decoding.step([row.tokens[-1] for row in rows]).clone()
    logits[full] = decoding.read(texts, full)
    return logits, True


def _write_all(rules: Rules, rows: Sequence[Row], device: Device, room: int, advance: Callable[[int], None]) -> None:
    """Write all rows to their ends; once half of them are done, only the others stay in the batch."""
    decoding = Decoding(rules.weights, device, len(rows), room)
    logits = decoding.read([row.tokens for row in rows])
    going = list(range(len(rows)))
    while going:
        rules.advance(logits[going] if len(going) < len(rows) else logits, [rows[number] for number in going])
        still = [number for number in going if not rows[number].finish]
        if len(still) < len(going):
            advance(len(going) - len(still))
        going = still
        if going and 2 * len(going) <= len(rows):
            decoding.keep(going)
            rows, going = [rows[number] for number in going], list(range(len(going)))
        if going:
            logits, _ = forward(decoding, rows, rules.context)


def _most_probable(
    weights: DecodingWeights, device: Device, starts: Sequence[list[int]], steps: int, room: int
) -> list[list[int]]:
    decoding = Decoding(weights, device, len(starts), room)
    ids = decoding.read(starts).argmax(dim=-1).tolist()
    found = [[token] for token in ids]
    for _ in range(steps - 1):
        ids = decoding.step(ids).argmax(dim=-1).tolist()
        for row, token in zip(found, ids, strict=True):
            row.append(token)
    return found


def _ignore(_count: int) -> None:
    pass
