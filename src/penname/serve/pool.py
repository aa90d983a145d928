"""Requests that are written together: they share forward passes, and join and leave between two tokens.

    pool = Pool(writer)
    pool.start()
    job = pool.submit(prompt, settings, count=2, stop=(), tell=pieces.put)
    job.leave()          # its place is free at the next token

In: prompts, each with settings of its own. Out: the `Piece`s of `penname write`, told to each request from the pool's
thread; an error instead where the pool fails. What waits is bounded, and so is the time that a request may take.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from penname.core.errors import InputError, PennameError
from penname.corpus.tokenizer import encode_plain
from penname.model.folder import SamplingSettings
from penname.write.decoding import Decoding
from penname.write.draft import Row
from penname.write.generate import Piece, forward
from penname.write.guard import GuardedText
from penname.write.word_balance import Rules
from penname.write.write import Writer, tidy_prompt

ROWS = 8
"""Texts that are written together at most."""
QUEUE = 16
"""Requests that may wait."""
SECONDS = 300.0
"""A request is given up after this long, waiting included."""
_LONGEST = 4096
"""Tokens of a text that are seen at once at most, whatever the model could see: it bounds memory."""
_KNOWN_RULES = 8
Told = Piece | PennameError


class QueueFullError(PennameError):
    """So many requests wait that another cannot."""


class TooLongError(InputError):
    """The prompt has more tokens than the model reads."""


@dataclass(eq=False)
class Job:
    """One request: its texts, and who hears of them."""

    rules: Rules
    rows: list[Row]
    tell: Callable[[Told], None]
    prompt_tokens: int
    until: float
    left: threading.Event = field(default_factory=threading.Event)

    def leave(self) -> None:
        """Write no more of it."""
        self.left.set()


@dataclass(frozen=True)
class _Seat:
    job: Job
    number: int

    @property
    def row(self) -> Row:
        return self.job.rows[self.number]


class Pool:
    """One thread that writes for all requests."""

    def __init__(self, writer: Writer, rows: int = ROWS, queue: int = QUEUE, seconds: float = SECONDS) -> None:
        self.writer, self.rows, self.queue, self.seconds = writer, rows, queue, seconds
        self.context = min(writer.weights.config.max_position_embeddings, _LONGEST)
        self.passes = self.tokens = 0
        """Forward passes so far, and tokens written by them."""
        self._seats: list[_Seat] = []
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._decoding: Decoding | None = None
        self._logits: Tensor | None = None
        self._rules: dict[SamplingSettings, Rules] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="penname-pool", daemon=True)

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Stop between two tokens, and wait for that."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    @property
    def running(self) -> int:
        """Texts that are being written."""
        return len(self._seats)

    @property
    def waiting(self) -> int:
        """Requests that wait."""
        return len(self._waiting)

    def submit(
        self,
        prompt: str,
        settings: SamplingSettings,
        count: int,
        stop: Sequence[str],
        tell: Callable[[Told], None],
    ) -> Job:
        """Let a request wait for its turn. Raises `QueueFullError`, and `InputError` for what cannot be written."""
        if count > self.rows:
            raise InputError(f"n is at most {self.rows}, not {count}.")
        with self._changed:
            self._check_room()
        job = self._job(prompt, settings, count, stop, tell)
        with self._changed:
            self._check_room()
            self._waiting.append(job)
            self._changed.notify()
        return job

    def _check_room(self) -> None:
        if sum(not job.left.is_set() for job in tuple(self._waiting)) >= self.queue:
            raise QueueFullError(f"{self.queue} requests wait already: try again in a second.")

    def _job(
        self,
        prompt: str,
        settings: SamplingSettings,
        count: int,
        stop: Sequence[str],
        tell: Callable[[Told], None],
    ) -> Job:
        writer, prompt = self.writer, tidy_prompt(prompt, False)
        read = len(encode_plain(writer.loaded.tokenizer, prompt)) + 1
        if read >= self.context:
            raise TooLongError(f"The prompt has {read:,} tokens, and the model reads {self.context:,}: shorten it.")
        rules = self._rules_for(settings)
        start = rules.start(prompt, writer.example(prompt, settings.seed))
        if len(start.ids) >= self.context:
            start = start._replace(ids=start.ids[-start.own :])
        rows = [
            rules.row(start, number, GuardedText(writer.guard).blocked if writer.guard else None, stop, settings)
            for number in range(count)
        ]
        return Job(rules, rows, tell, start.own, time.monotonic() + self.seconds)

    def _rules_for(self, settings: SamplingSettings) -> Rules:
        """Requests that differ in seed and length alone are drawn for together."""
        settings.check()
        key = replace(settings, seed=0, max_tokens=1, min_tokens=0)
        with self._lock:
            if key not in self._rules:
                while len(self._rules) >= _KNOWN_RULES:
                    del self._rules[next(iter(self._rules))]
                self._rules[key] = Rules(self.writer.weights, self.writer.loaded.tokenizer, key, self.writer.loaded.end)
            return self._rules[key]

    def _run(self) -> None:
        while self._wait():
            try:
                self._turn()
            except Exception as error:
                # Whatever it was, those who wait for words must hear of it, and the next request may go well.
                self._fail(PennameError(f"The text cannot be written ({type(error).__name__}: {error})."))

    def _wait(self) -> bool:
        with self._changed:
            while not (self._closed or self._seats or self._waiting):
                self._changed.wait()
            return not self._closed

    def _fail(self, error: PennameError) -> None:
        for job in {seat.job for seat in self._seats}:
            job.tell(error)
        self._seats, self._decoding, self._logits = [], None, None

    def _turn(self) -> None:
        """A token of every text."""
        self._give_up()
        self._keep([number for number, seat in enumerate(self._seats) if not seat.job.left.is_set()])
        self._join()
        if not self._seats:
            return
        self._draw()
        self._keep([number for number, seat in enumerate(self._seats) if not seat.row.finish])
        if self._decoding is not None:
            self._logits, _ = forward(self._decoding, [seat.row for seat in self._seats], self.context)
            self.passes += 1

    def _give_up(self) -> None:
        """Requests whose time is up hear of it."""
        now = time.monotonic()
        with self._changed:
            waiting = tuple(self._waiting)
        for job in {*(seat.job for seat in self._seats), *waiting}:
            if now > job.until and not job.left.is_set():
                job.tell(PennameError(f"The request took more than {self.seconds:g} seconds: ask for fewer tokens."))
                job.leave()

    def _keep(self, kept: Sequence[int]) -> None:
        if len(kept) == len(self._seats):
            return
        self._seats = [self._seats[number] for number in kept]
        if not kept or self._decoding is None or self._logits is None:
            self._decoding = self._logits = None
            return
        self._decoding.keep(kept)
        self._logits = self._logits[list(kept)]

    def _join(self) -> None:
        new: list[_Seat] = []
        with self._changed:
            self._waiting = deque(job for job in self._waiting if not job.left.is_set())
            while self._waiting and len(self._seats) + len(new) + len(self._waiting[0].rows) <= self.rows:
                job = self._waiting.popleft()
                new += [_Seat(job, number) for number in range(len(job.rows))]
        if not new:
            return
        before = len(self._seats)
        self._seats = self._seats + new
        if self._decoding is None:
            self._decoding = Decoding(self.writer.weights, self.writer.device, len(new), self.context)
        else:
            self._decoding.grow(len(new))
        read = self._decoding.read([seat.row.tokens for seat in new], range(before, before + len(new)))
        self._logits = read if self._logits is None else torch.cat((self._logits, read))
        self.passes += 1

    def _draw(self) -> None:
        groups: dict[int, list[int]] = {}
        for number, seat in enumerate(self._seats):
            groups.setdefault(id(seat.job.rules), []).append(number)
        for numbers in groups.values():
            seats = [self._seats[number] for number in numbers]
            assert self._logits is not None
            texts = seats[0].job.rules.advance(self._logits[numbers], [seat.row for seat in seats])
            self.tokens += len(texts)
            for seat, text in zip(seats, texts, strict=True):
                row = seat.row
                seat.job.tell(Piece(seat.number, text, row.finish, row.written, row.refused))
