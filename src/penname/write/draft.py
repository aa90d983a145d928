"""Token ids to text as they come, never half a character.

In: a tokenizer, one token id after another. Out: pieces of text that add up to the decoded whole.

    stream = TextStream(tokenizer)
    for token in tokens:
        print(stream.push(token), end="", flush=True)
    print(stream.flush())

One draft while it is written: its tokens, its text, its random numbers, what it may not say.

In: candidates for the next token, one step after another. Out: the text that each step shows.

    row = Row(tokenizer, settings, start=[0, 17, 4], draft=0, end=0)
    while not row.finish:
        shown = row.take(candidates(logits, settings)[0], lambda: everything(logits[0], 0.8))
"""

from collections.abc import Callable, Collection, Sequence

import numpy as np
from tokenizers import Tokenizer

from penname.corpus.tokenizer import encode_plain
from penname.model.folder import SamplingSettings
from penname.write.sampling import Candidates, NgramBan, Repeats, draw

_HALF = "\ufffd"
_LONGEST = 8
"""A character has at most four bytes: what is not one after this many tokens never will be."""


class TextStream:
    """Decodes token by token.

    Tokens are decoded behind an ordinary word, because some tokenizers drop the space before the first one. `known`
    remembers what each token is by itself; streams of one tokenizer may share it.
    """

    def __init__(self, tokenizer: "Tokenizer", known: dict[int, str] | None = None) -> None:
        self.tokenizer = tokenizer
        self._known = {} if known is None else known
        self._before = encode_plain(tokenizer, "a")
        self._skip = len(tokenizer.decode(self._before))
        self._pending: list[int] = []

    def peek(self, token: int) -> str:
        """What would be shown if `token` came next; a character cut in two ends in U+FFFD."""
        return self._decode([*self._pending, token]) if self._pending else self._alone(token)

    def push(self, token: int) -> str:
        """Take the next token and return what can be shown now."""
        if not self._pending:
            text = self._alone(token)
            if not text.endswith(_HALF):
                return text
        self._pending.append(token)
        text = self._decode(self._pending)
        if text.endswith(_HALF) and len(self._pending) < _LONGEST:
            return ""
        self._pending.clear()
        return text

    def flush(self) -> str:
        """What is left at the end: half a character as U+FFFD."""
        text = self._decode(self._pending) if self._pending else ""
        self._pending.clear()
        return text

    def _alone(self, token: int) -> str:
        text = self._known.get(token)
        if text is None:
            text = self._known[token] = self._decode([token])
        return text

    def _decode(self, ids: list[int]) -> str:
        return self.tokenizer.decode(self._before + ids, skip_special_tokens=True)[self._skip :]


Blocked = Callable[[str, str], bool]
"""`blocked(text_so_far, piece)`: whether this piece may not follow; the prompt is in neither."""


class Row:
    """A draft in progress; `finish` is empty while it goes on (see `generate.Piece`)."""

    def __init__(
        self,
        tokenizer: "Tokenizer",
        settings: SamplingSettings,
        start: Sequence[int],
        *,
        draft: int,
        end: int,
        blocked: Blocked | None = None,
        stop: Sequence[str] = (),
        needs_space: bool = False,
        breaks: Collection[int] = (),
        known: dict[int, str] | None = None,
        own: int | None = None,
    ) -> None:
        """`own`: how many tokens of `start`, the last ones, count as repeated when they come again; None: all."""
        self.settings, self.end, self.blocked = settings, end, blocked
        self.tokens = list(start)
        self.recent = np.full(settings.penalty_window, -1, np.int64)
        """The tokens written last, for the repetition penalty: as many as it looks at, in no order; -1 is none."""
        self.text = ""
        self.finish = ""
        self.written = self.refused = 0
        self.needs_space = needs_space
        """The prompt ends in a space that was left out: the first token must bring it along."""
        self._stop = [text for text in stop if text]
        self._held = ""
        self._random = settings.random(draft)
        self._stream = TextStream(tokenizer, known)
        counted = self.tokens[len(self.tokens) - own :] if own is not None else self.tokens
        self._ngrams = NgramBan(settings.no_repeat_ngram, counted)
        self._repeats = Repeats(settings.sequence_penalty, counted, breaks)
        last = counted[-settings.penalty_window :]
        self.recent[: len(last)] = last
        self._next = len(last) % settings.penalty_window

    def banned(self) -> Sequence[int]:
        """Tokens that may not come next, whatever their probability."""
        if not self.settings.no_repeat_ngram and self.written >= self.settings.min_tokens:
            return ()
        early = [self.end] if self.written < self.settings.min_tokens else []
        return [*(self._ngrams.banned() - {self.end}), *early]

    def costs(self) -> dict[int, float]:
        """Tokens that would go on with a repeated sequence, and what that takes off their logits."""
        return self._repeats.costs() if self.settings.sequence_penalty else {}

    def take(self, found: Candidates, widen: Callable[[], Candidates]) -> str:
        """Draw the next token and return the text that can be shown now.

        When all candidates are refused, `widen` gives all tokens and the most probable that is not refused is taken.
        """
        token = draw(found, self._random, self._refuse, greedy=self.settings.temperature == 0)
        if token is None:
            token = draw(widen(), self._random, self._refuse, greedy=True)
        if token is None or token == self.end:
            self.finish = "blocked" if token is None else "end"
            return self._show(self._stream.flush())
        self._remember(token)
        piece = self._stream.push(token)
        if self.written >= self.settings.max_tokens:
            self.finish = "length"
            piece += self._stream.flush()
        return self._show(piece)

    def _remember(self, token: int) -> None:
        self.tokens.append(token)
        self.recent[self._next] = token
        self._next = (self._next + 1) % self.recent.size
        self._ngrams.add(token)
        self._repeats.add(token)
        self.written += 1

    def _refuse(self, token: int) -> bool:
        if self.blocked is None or token == self.end:
            return False
        found = self.blocked(self.text, self._stream.peek(token))
        self.refused += found
        return found

    def _show(self, piece: str) -> str:
        if self.needs_space and piece:
            piece, self.needs_space = piece.removeprefix(" "), False
        self.text += piece
        if not self._stop:
            return piece
        waiting = self._held + piece
        places = [place for place in (waiting.find(text) for text in self._stop) if place >= 0]
        if places:
            self.finish = "stop"
            self.text = self.text[: len(self.text) - len(waiting) + min(places)]
            return waiting[: min(places)]
        self._held = "" if self.finish else self._beginning(waiting)
        return waiting[: len(waiting) - len(self._held)]

    def _beginning(self, text: str) -> str:
        """The longest end of `text` that may become a stop string."""
        longest = max(len(each) for each in self._stop) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(each.startswith(text[-size:]) for each in self._stop):
                return text[-size:]
        return ""
