"""What holds for every draft of a call: how a prompt is read, which tokens may come, how they are drawn.

In: a prompt, or the logits of some drafts. Out: the ids to read, or the text that each draft shows next.

    rules = Rules(weights, tokenizer, settings, end=0)
    start = rules.start("The weather")
    shown = rules.advance(logits, rows)
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from penname.core import events
from penname.model.decoding import DecodingWeights
from penname.model.draft import Row
from penname.model.generation_config import SamplingSettings
from penname.model.sampling import Candidates, candidates, everything, penalise
from penname.text.tokenizer import encode_plain

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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
