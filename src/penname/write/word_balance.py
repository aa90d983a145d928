"""What holds for every draft of a call: how a prompt is read, which tokens may come, how they are drawn.

In: a prompt, or the logits of some drafts. Out: the ids to read, or the text that each draft shows next.

    rules = Rules(weights, tokenizer, settings, end=0)
    start = rules.start("The weather")
    shown = rules.advance(logits, rows)

Word frequencies put right: what truncation, a penalty and the model's own leaning take from a token is given back.

    bias = fit_token_bias(model, [[17, 4, ...], ...], settings, device, end=0)
    settings = replace(settings, token_bias=bias)

In: a network, token ids of the author's texts, the sampling that will be used. Out: (token, what its logit gains).

The network reads the texts; at each place the sampling's own filters are applied to what it expects, and the sum over
all places is how often each token would be drawn. Where that differs from how often the token stands there, its logit
is moved until they agree, the less the rarer the token is. Without it min-p makes common words commoner, and a
repetition penalty takes `the` and the comma away. The idea is that of contextual calibration (Zhao et al. 2021,
"Calibrate before use"), for all tokens of a text instead of the labels of a task. `generation_config.json` holds the
numbers as `sequence_bias`, which `transformers` applies as well.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from tokenizers import Tokenizer
from torch import Tensor

from penname.core import events
from penname.core.device import Device
from penname.corpus.tokenizer import Encoded, encode_plain, other_ends
from penname.model.folder import SamplingSettings, settings_from
from penname.model.gpt import GPT
from penname.write.decoding import DecodingWeights
from penname.write.draft import Blocked, Row
from penname.write.sampling import Candidates, candidates, everything, penalise

_SPACES = ("Ġ", "▁", " ")
"""How vocabularies write a space at the beginning of a token."""


class Start(NamedTuple):
    """What is read before the first token is drawn."""

    ids: list[int]
    own: int
    """How many of them, the last ones, are the prompt's: the rest is an example, which may be repeated."""
    needs_space: bool
    """Whether a space at the end of the prompt was left out."""


def without_blanks(prompt: str) -> str:
    """`prompt` without spaces, tabs and the like at its end; line breaks stay, since they are meant.

    Tokens carry the space before a word, and posts have none at the end of a line: behind a blank a model has seen
    hardly anything but figures.
    """
    kept = prompt.rstrip()
    return kept + "\n" * prompt[len(kept) :].count("\n")


class Rules:
    """What holds for every draft of a call: the settings, and tokens that are never written."""

    def __init__(self, weights: DecodingWeights, tokenizer: "Tokenizer", settings: SamplingSettings, end: int) -> None:
        settings.check()
        self.weights, self.tokenizer, self.settings, self.end = weights, tokenizer, settings, end
        self.context = weights.config.max_position_embeddings
        never = _never_written(tokenizer, weights.config.vocab_size, end)
        self._ends = torch.tensor([end, *other_ends(tokenizer, end)], dtype=torch.long, device=weights.place)
        self._never = torch.tensor(never, dtype=torch.long, device=weights.place)
        self._spaceless: Tensor | None = None
        self._bias = _bias(settings, weights)
        self._words = words_of(tokenizer, weights.config.vocab_size, settings)
        self.known: dict[int, str] = {}
        """What each token is by itself, once some draft has asked."""

    @cached_property
    def breaks(self) -> frozenset[int]:
        """Tokens that end a line: behind them nothing counts as repeated."""
        if not self.settings.sequence_penalty:
            return frozenset()
        size = min(self.weights.config.vocab_size, self.tokenizer.get_vocab_size(with_added_tokens=True))
        return frozenset(number for number in range(size) if "\n" in self.tokenizer.decode([number]))

    def start(self, prompt: str, example: Sequence[int] = ()) -> Start:
        """What to read for `prompt`, behind an `example` (see `examples.py`) where the context has room for it.

        Blanks at its end are left out (see `without_blanks`); a word then follows those that stood behind a word.
        """
        read = without_blanks(prompt)
        needs_space = prompt.endswith(" ") and read != "" and not read.endswith("\n")
        ids = [self.end, *encode_plain(self.tokenizer, read)]
        if len(ids) >= self.context:
            kept = max(1, self.context // 2)
            events.note(f"The prompt has {len(ids):,} tokens, more than the model reads: only its last {kept} count.")
            ids = ids[-kept:]
        if len(example) + len(ids) > self.context * 3 // 4:
            example = ()
        return Start([*example, *ids], len(ids), needs_space)

    def row(
        self,
        start: Start,
        draft: int,
        blocked: Blocked | None = None,
        stop: Sequence[str] = (),
        settings: SamplingSettings | None = None,
    ) -> Row:
        """A draft that begins behind `start`; its number chooses what is drawn, as a seed does.

        `settings` where they differ from those of the call in seed and length.
        """
        return Row(
            self.tokenizer,
            settings or self.settings,
            start.ids,
            draft=draft,
            end=self.end,
            blocked=blocked,
            stop=stop,
            needs_space=start.needs_space,
            breaks=self.breaks,
            known=self.known,
            own=start.own,
        )

    def room(self, longest: int) -> int:
        """Tokens of a text that are seen at once."""
        return min(self.context, longest + self.settings.max_tokens)

    def advance(self, logits: Tensor, rows: Sequence[Row]) -> list[str]:
        """Take the next token of every row; logits: (rows, vocab). Returns the text that each shows."""
        logits = self._restrained(logits.clone(), rows)
        found = candidates(logits, self.settings, self._words)

        def widen(number: int) -> Callable[[], Candidates]:
            return lambda: everything(logits[number], self.settings.temperature)

        return [row.take(found[number], widen(number)) for number, row in enumerate(rows)]

    def _restrained(self, logits: Tensor, rows: Sequence[Row]) -> Tensor:
        settings, place = self.settings, logits.device
        if self._bias is not None:
            logits += self._bias
        if settings.repetition_penalty != 1.0:
            recent = np.concatenate([row.recent for row in rows]).reshape(len(rows), -1)
            penalise(logits, torch.from_numpy(recent).to(place), settings.repetition_penalty, self.end)
        costs = []
        if settings.sequence_penalty:
            costs = [(number, token, cost) for number, row in enumerate(rows) for token, cost in row.costs().items()]
        if costs:
            found, tokens, values = (torch.tensor(column, device=place) for column in zip(*costs, strict=True))
            logits[found, tokens] -= values
        if self._ends.numel() > 1:
            # A model that was taught to chat ends an answer with a token of its own: it ends this text too.
            logits[:, self.end] = logits[:, self._ends].logsumexp(dim=-1)
        if self._never.numel():
            logits[:, self._never] = -torch.inf
        banned = [(number, token) for number, row in enumerate(rows) for token in row.banned()]
        if banned:
            where = torch.tensor(banned, device=place)
            logits[where[:, 0], where[:, 1]] = -torch.inf
        for number, row in enumerate(rows):
            if row.needs_space and not row.written:
                logits[number, self._without_space(place)] = -torch.inf
        return logits

    def _without_space(self, place: torch.device) -> Tensor:
        """Tokens that do not begin with a space; none where the tokenizer has no others."""
        if self._spaceless is None:
            names = [self.tokenizer.id_to_token(number) or "" for number in range(self.weights.config.vocab_size)]
            found = [number for number, name in enumerate(names) if not name.startswith(_SPACES)]
            self._spaceless = torch.tensor(found if len(found) < len(names) else [], dtype=torch.long, device=place)
        return self._spaceless


def words_of(tokenizer: "Tokenizer", size: int, settings: SamplingSettings) -> Tensor | None:
    """Which tokens begin a word, (size,): a space and a letter; None where no setting asks."""
    if not settings.words_apart:
        return None
    names = (tokenizer.id_to_token(number) or "" for number in range(size))
    begins = [name.startswith(_SPACES) and name[1:2].isalpha() for name in names]
    return torch.tensor(begins)


def _bias(settings: SamplingSettings, weights: DecodingWeights) -> Tensor | None:
    """What is added to every row's logits, (vocab,); None where nothing is."""
    known = [(token, value) for token, value in settings.token_bias if token < weights.config.vocab_size]
    if not known or not settings.word_balance:
        return None
    tokens, values = zip(*known, strict=True)
    bias = torch.zeros(weights.config.vocab_size)
    bias[list(tokens)] = torch.tensor(values) * settings.word_balance
    return bias.to(weights.place)


def _never_written(tokenizer: "Tokenizer", size: int, end: int) -> list[int]:
    """Special tokens but the end, and ids of the network that the tokenizer does not have."""
    special = [number for number, token in tokenizer.get_added_tokens_decoder().items() if token.special]
    unknown: list[int] = []
    if tokenizer.get_vocab_size(with_added_tokens=True) < size:
        unknown = [number for number in range(size) if tokenizer.id_to_token(number) is None]
    return [number for number in {*special, *unknown} if number != end and number < size]


WINDOW = 256
"""Tokens of each text that are read: many beginnings have more of an author's words than a few whole texts."""
_SKIPPED = 8
"""Places at the beginning of a text that say more of titles than of prose."""
_CANDIDATES = 128
"""Most probable tokens that are looked at in each place; under min-p no others are drawn."""
_PRIOR = 4.0
"""One over the square of how far a token is thought to be off: a token that is rare in the texts is hardly moved."""
_MOST = 0.5
"""The largest step of a round."""
_ROUNDS = 6
_LEAST = 0.02
"""A smaller number is left out."""

Ids = npt.NDArray[np.int64]


def balanced(
    generation: Mapping[str, Any],
    model: GPT,
    tokenizer: "Tokenizer",
    blog: "Encoded",
    device: Device,
    *,
    end: int,
    most_tokens: int,
) -> dict[str, Any]:
    """`generation` with the `sequence_bias` that makes `model`, written with it, use words as often as `blog` does."""
    with events.task("Balancing words"):
        settings = settings_from({**generation, "sequence_bias": None}, {})
        words = words_of(tokenizer, model.config.vocab_size, settings)
        texts = _beginnings(blog)
        bias = fit_token_bias(model, texts, settings, device, end=end, most_tokens=most_tokens, words=words)
    return {**generation, "sequence_bias": [[[token], value] for token, value in bias] or None}


def fit_token_bias(
    model: GPT,
    texts: Iterable[Sequence[int]],
    settings: SamplingSettings,
    device: Device,
    *,
    end: int,
    most_tokens: int = 60_000,
    words: Tensor | None = None,
) -> tuple[tuple[int, float], ...]:
    """What to add to logits so that tokens are drawn as often as `texts` (lists of ids, no end marks) have them.

    Reads the first `WINDOW` tokens of each text until `most_tokens` are read. Temperature, min-p, that of `words` (see
    `candidates`) and the repetition penalty of `settings` count. Nothing is fitted at temperature 0, or where there is
    no text.
    """
    chosen: list[Sequence[int]] = []
    left = most_tokens
    for text in texts:
        if left <= 0:
            break
        if len(text) > 2 * _SKIPPED:
            chosen.append(text[: min(WINDOW, model.config.max_position_embeddings - 1)])
            left -= len(chosen[-1])
    if not chosen or settings.temperature == 0:
        return ()
    places = _read(model, chosen, settings, device, end)
    return _fitted(*places, settings, end, words)


def _beginnings(blog: "Encoded") -> Iterator[list[int]]:
    """The first tokens of each post, in an order that is the same each time."""
    starts = np.concatenate([[0], blog.ends[:-1]])
    for number in np.random.default_rng(0).permutation(blog.ends.size).tolist():
        yield blog.ids[starts[number] : min(starts[number] + WINDOW, blog.ends[number] - 1)].tolist()


def _read(
    model: GPT, texts: Sequence[Sequence[int]], settings: SamplingSettings, device: Device, end: int
) -> tuple[Tensor, Tensor, Tensor, Ids, int]:
    """Of each place: the candidates' logits, their ids, which of them stand in the penalty's window, what came next."""
    logits, ids, recent, following = [], [], [], []
    training = model.training
    model.eval()
    for first in range(0, len(texts), _rows(device)):
        group = texts[first : first + _rows(device)]
        for text, (values, found) in zip(group, _most_probable(model, group, device, end), strict=True):
            logits.append(values)
            ids.append(found)
            recent.append(torch.from_numpy(_in_window([end, *text], found.numpy(), settings.penalty_window, model)))
            following.append(np.asarray(text[_SKIPPED:], np.int64))
    model.train(training)
    return (
        torch.cat(logits), torch.cat(ids), torch.cat(recent), np.concatenate(following), model.config.vocab_size
    )  # fmt: skip


def _rows(device: Device) -> int:
    return 4 if device.slow else 32


@torch.no_grad()
def _most_probable(model: GPT, texts: Sequence[Sequence[int]], device: Device, end: int) -> list[tuple[Tensor, Tensor]]:
    """Logits and ids of the candidates at each place of each text behind the skipped ones: (places, candidates)."""
    longest = max(len(text) for text in texts)
    padded = [[end, *text[:-1], *[end] * (longest - len(text))] for text in texts]
    with device.autocast():
        hidden = model.hidden(torch.tensor(padded, device=device.torch))
    found = []
    for row, text in enumerate(texts):
        with device.autocast():
            logits = model.lm_head(hidden[row, _SKIPPED : len(text)]).float()
        values, ids = logits.topk(min(_CANDIDATES, logits.size(-1)), dim=-1, sorted=False)
        found.append((values.cpu(), ids.cpu()))
    return found


def _in_window(read: Sequence[int], candidates: Ids, window: int, model: GPT) -> npt.NDArray[np.bool_]:
    """Which candidates of each place are among the last `window` tokens before it."""
    last = np.full(model.config.vocab_size, -(10**9), np.int64)
    found = np.empty(candidates.shape, np.bool_)
    for place, token in enumerate(read[: _SKIPPED + len(candidates)]):
        last[token] = place
        if place >= _SKIPPED:
            found[place - _SKIPPED] = place - last[candidates[place - _SKIPPED]] < window
    return found


def _fitted(
    logits: Tensor,
    ids: Tensor,
    recent: Tensor,
    following: Ids,
    vocabulary: int,
    settings: SamplingSettings,
    end: int,
    words: Tensor | None,
) -> tuple[tuple[int, float], ...]:
    """Move the bias until the expected counts are those of the texts; the end of a text stays as probable as it is."""
    counts = torch.from_numpy(np.bincount(following, minlength=vocabulary)).float()
    bias = torch.zeros(vocabulary)
    for _ in range(_ROUNDS):
        expected = torch.zeros(vocabulary)
        for part in range(0, len(logits), 4096):
            rows = slice(part, part + 4096)
            begins = None if words is None else words[ids[rows]]
            drawn = _drawn(logits[rows] + bias[ids[rows]], recent[rows], settings, begins)
            expected.index_add_(0, ids[rows].flatten(), drawn.flatten())
        # Newton's step for the likelihood of the counts under a normal prior around no bias.
        bias += ((counts - expected - _PRIOR * bias) / (expected + _PRIOR)).clamp_(-_MOST, _MOST)
        bias[end] = 0.0
    moved = (bias.abs() >= _LEAST).nonzero().flatten().tolist()
    return tuple((token, round(float(bias[token]), 3)) for token in moved)


def _drawn(logits: Tensor, recent: Tensor, settings: SamplingSettings, begins: Tensor | None) -> Tensor:
    """The probability with which each candidate is drawn; all, and those that begin a word: (places, candidates)."""
    if settings.repetition_penalty != 1.0:
        penalty = settings.repetition_penalty
        logits = torch.where(recent, torch.where(logits > 0, logits / penalty, logits * penalty), logits)
    weights = torch.softmax(logits / settings.temperature, dim=-1)
    least = torch.full((), settings.min_p)
    if begins is not None:
        least = torch.where(begins, settings.word_min_p, settings.min_p)
    weights = torch.where(weights >= weights.amax(dim=-1, keepdim=True) * least, weights, 0.0)
    return weights / weights.sum(dim=-1, keepdim=True)
