"""The copy guard: stops generation before a verbatim run grows longer than allowed.

In: an index over the posts, the text generated so far and the next piece. Out: yes or no.

    guard = CopyGuard(CopyIndex(training_texts), max_copy=12)
    guard.blocked("as I said in my last", " post")

Only generated words count: words of the user's own prompt are the user's business, so hand over the text
behind the prompt. A last word that may still grow counts as soon as it is the beginning of the word that
follows in a post; so no piece has to be taken back, and no word comes out glued to its neighbour.

    watched = GuardedText(guard)            # the same answers along one text that grows, at a tenth of the time
    watched.blocked("as I said in my last", " post")
"""

import re
from dataclasses import dataclass
from functools import lru_cache

from penname.core.errors import InputError
from penname.corpus.words import part_spans, parts
from penname.write.copying import CopyIndex

_PIECE = re.compile(r"\S+")
_LONE = re.compile(r"(?<!\S)[^\w\s]+(?!\S)")
_SETTLED = re.compile(r".*\s", re.DOTALL)
_UNFINISHED = "\ufffd\u00ad\u200b\u200c\u200d\u2060"
"""What may stand at the end of a word that goes on: half a character, or an invisible one."""


@dataclass(frozen=True)
class _Item:
    """A word, or a white-space separated piece without one; `piece` numbers the pieces."""

    start: int
    end: int
    piece: int
    word: bool


@dataclass(frozen=True)
class CopyGuard:
    """Says which pieces would copy more than `max_copy` words in a row.

    A run is as long as the larger of two counts: its words (`penname.judge.words.parts`: contractions count
    as two) and its white-space separated pieces (`a — b` has three), if a third of these are words.
    An `InputError` says when `max_copy` is below 1.
    """

    index: CopyIndex
    max_copy: int = 12

    def __post_init__(self) -> None:
        if self.max_copy < 1:
            raise InputError(f"--max-copy must be at least 1, not {self.max_copy}: switch the guard off instead.")

    def blocked(self, text_so_far: str, piece: str) -> bool:
        """Whether `piece` after `text_so_far` makes a run too long, or begins the word that would.

        Takes time in the length of the run and of the piece, not of the text. White space and the empty piece
        are never blocked. `piece` may be a token that ends inside a character, decoded with a replacement
        character; the check then follows with the next piece.
        """
        piece = piece.rstrip(_UNFINISHED)
        before = self._tail(text_so_far.rstrip("\ufffd"))
        if not self._near(before, piece):
            return False
        tail = before + piece
        items = _items(tail)
        return any(self._too_long(tail, items[: last + 1]) for last, item in enumerate(items) if item.end > len(before))

    def run_length(self, text: str) -> int:
        """How many of the last words of `text` stand in a row in a post; at most `max_copy + 1`."""
        found = parts(self._tail(text))
        for size in range(min(len(found), self.max_copy + 1), 0, -1):
            if self.index.contains(found[-size:]):
                return size
        return 0

    def _tail(self, text: str) -> str:
        """The end of `text` with at least `max_copy + 1` whole words in it, or all of it."""
        size = 12 * (self.max_copy + 2)
        while size < len(text):
            tail = text[-size:]
            spans = part_spans(tail)
            if len(spans) > self.max_copy + 1:
                # The first word may have been cut.
                return tail[spans[0][1] :]
            size *= 2
        return text

    def _near(self, before: str, piece: str) -> bool:
        """Whether `blocked` has to look closely: a cheap test that most pieces of new text fail."""
        least = self.least if _LONE.search(before + piece) else self.max_copy + 1
        # The last word before `piece` may grow, and `piece` may bring others: the rest of the run is there.
        context = least - 1 - len(parts(piece))
        return context < 1 or self.index.contains(parts(before)[:-1][-context:])

    @property
    def least(self) -> int:
        """The fewest words of a run whose white-space separated pieces are too many."""
        return max(1, (self.max_copy + 2) // 3)

    def _too_long(self, tail: str, items: list[_Item]) -> bool:
        """Whether the run that ends with the last item is too long; a word at the end may still grow."""
        run: list[str] = []
        for item in reversed(items):
            if item.word:
                run.insert(0, parts(tail[item.start : item.end])[0])
            pieces = items[-1].piece - item.piece + 1
            if len(run) > self.max_copy or (len(run) >= self.least and pieces > self.max_copy):
                if items[-1].word and items[-1].end == len(tail):
                    return self.index.contains(run[:-1], prefix=run[-1])
                return self.index.contains(run)
        return False


class GuardedText:
    """`CopyGuard.blocked` along one text that grows: the same answers, most of them from what is known already.

    Pieces between white space are settled once white space follows: their words grow no more. What is kept is how many
    of the last settled words can stand in a row in a post at most. That grows by one a word, so a look-up pays for
    several words; and the guard itself is asked only where the settled words of a run that is too long do stand there.
    A text that does not go on from the one before is read anew.
    """

    def __init__(self, guard: CopyGuard) -> None:
        self.guard = guard
        self._forget()

    def blocked(self, text_so_far: str, piece: str) -> bool:
        """As `CopyGuard.blocked`."""
        if not text_so_far.startswith(self._settled):
            self._forget()
        self._settle(text_so_far)
        unsettled = text_so_far[len(self._settled) :].rstrip("\ufffd") + piece.rstrip(_UNFINISHED)
        counts = [len(_words(each)) for each in unsettled.split()]
        return self._near(sum(counts), len(counts)) and self.guard.blocked(text_so_far, piece)

    def _forget(self) -> None:
        self._settled = ""
        self._known: list[str] = []
        self._counts: list[int] = []
        self._reach, self._exact = 0, True

    def _settle(self, text: str) -> None:
        found = _SETTLED.match(text, len(self._settled))
        if found is None:
            return
        for piece in found.group().split():
            words = _words(piece)
            self._known += words
            self._counts.append(len(words))
            if words:
                self._reach, self._exact = self._reach + len(words), False
        self._settled = text[: found.end()]

    def _near(self, words: int, pieces: int) -> bool:
        """Whether posts hold the settled words of a run that ends in so many unsettled words and pieces."""
        limit = self.guard.max_copy
        settled = self._counts[max(0, len(self._counts) - max(0, limit - pieces)) :]
        return self._reaches(min(limit + 1 - words, max(self.guard.least - words, sum(settled))))

    def _reaches(self, count: int) -> bool:
        """Whether the last `count` settled words stand in a row in a post."""
        if count > self._reach:
            return False
        if not self._exact:
            low, high = 0, min(self._reach, self.guard.max_copy + 1)
            while low < high:
                middle = (low + high + 1) // 2
                if self.guard.index.contains(self._known[-middle:]):
                    low = middle
                else:
                    high = middle - 1
            self._reach, self._exact = low, True
        return count <= self._reach


@lru_cache(maxsize=1 << 16)
def _words(piece: str) -> tuple[str, ...]:
    """The parts of a piece without white space; texts consist of few different ones."""
    return tuple(parts(piece))


def _items(text: str) -> list[_Item]:
    items: list[_Item] = []
    for number, match in enumerate(_PIECE.finditer(text)):
        start = match.start()
        found = [_Item(start + a, start + b, number, True) for a, b in part_spans(match.group())]
        items += found or [_Item(start, match.end(), number, False)]
    return items
