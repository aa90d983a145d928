"""Token ids to text as they come, never half a character.

In: a tokenizer, one token id after another. Out: pieces of text that add up to the decoded whole.

    stream = TextStream(tokenizer)
    for token in tokens:
        print(stream.push(token), end="", flush=True)
    print(stream.flush())
"""

from typing import TYPE_CHECKING

from penname.text.tokenizer import encode_plain

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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
