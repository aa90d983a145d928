"""Open text files, compressed or not, as UTF-8 with or without a byte order mark.

with open_text(Path("gutenberg-0.txt.bz2")) as file: ...

Byte-level BPE tokenizers: trained on a corpus, or the one that a base model brings along.

In: texts. Out: a `tokenizers.Tokenizer` and arrays of token ids.

    tokenizer = train_tokenizer(texts, vocab_size=16_384)
    ids = encode_documents(tokenizer, texts)   # every document ends with <|endoftext|>

The splitting pattern is Qwen2's, so that an exported GGUF file can name a pre-tokenizer that llama.cpp knows.
"""

import bz2
import contextlib
import gzip
import lzma
import math
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from penname.core.errors import InputError, PennameError
from penname.corpus.tokenizer_parts import LARGEST, checked_parts


def open_text(path: Path) -> IO[str]:
    """Open `path` for reading as UTF-8 text; `.bz2`, `.gz` and `.xz` are decompressed on the way."""
    if path.suffix == ".bz2":
        return bz2.open(path, "rt", encoding="utf-8-sig")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig")
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8-sig")
    return path.open(encoding="utf-8-sig")


END_OF_TEXT = "<|endoftext|>"
"""Ends every document; on a line of its own it separates the documents of a text file."""

_SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_LONGEST = 256
"""Letters of the longest word that a tokenizer learns from: no word of any language has as many, and the time that
training takes grows faster than a word. So do runs of signs or of white space."""
_TOO_LONG = re.compile(
    rf"(?<![^\W\d_])[^\W\d_]{{{_LONGEST + 1},}}|(?<![^\w\s]|_)(?:[^\w\s]|_){{{_LONGEST + 1},}}"
    rf"|(?<!\s)\s{{{_LONGEST + 1},}}"
)
_LEARNED_AT_ONCE = 1 << 15
"""Characters that a tokenizer learns from at once: they take some hundred bytes each while it looks at them."""
_PIECE = 1 << 18
"""Characters encoded at once: a book in one piece would make the tokenizer's memory grow with it."""
_PROBE = (
    "The owl looked up at 10:45 p.m. — “isn't it 1,871 miles?” — naïve, ÆON, Straße, İstanbul, e\u0301\u0302.\r\n\r\n"
    "\tfor (i = 0; i < n; i++) { a[i] += f(x) / 2; }  // sum\nПривет, мир. Γειά σου. 你好，世界。こんにちは 안녕 สวัสดี "
    "नमस्ते שלום مرحبا 👩\u200d👩\u200d👧 🇩🇪 ﷺ ﬁ ① \u00a0\u200b\ufeff\u0000 https://example.org/a?b=c&d=%20#e </s>\n"
)
"""What a tokenizer is tried on: scripts, spaces, signs, code."""
_RUNS = (" ", "a", "0", ".", "\n", "é", "中", "ab ", "the owl and ", "- ", "\u0301")
_TRIED = (16, 32, 64, 128, 256, 512, 1024)
"""How often each of `_RUNS` stands in the texts."""
_MOST_GROWTH = 8
_MOST_SECONDS = 1.0


@dataclass(frozen=True)
class Encoded:
    """Documents as token ids (n,), their ends (documents,) and the bytes of their text."""

    ids: npt.NDArray[np.uint32]
    ends: npt.NDArray[np.int64]
    text_bytes: int


def train_tokenizer(texts: Iterable[str], vocab_size: int = 16_384, min_frequency: int = 2) -> "Tokenizer":
    """Train a byte-level BPE tokenizer (Sennrich et al. 2016, byte alphabet as in GPT-2) on `texts`.

    Any string can be encoded and decodes back to itself. Id 0 is `<|endoftext|>`. The vocabulary is smaller
    than `vocab_size` when the texts hold fewer frequent pairs. Words of more than 256 letters, and as long runs of
    signs, are passed over: that they can be encoded does not depend on the training.
    """

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        min_frequency=min_frequency,
        show_progress=False,
        special_tokens=[END_OF_TEXT],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    pieces = (piece for text in texts for piece in _pieces(_TOO_LONG.sub(" ", text), _LEARNED_AT_ONCE))
    tokenizer.train_from_iterator(pieces, trainer)
    return tokenizer


def load_tokenizer(folder: Path) -> "Tokenizer":
    """Load `tokenizer.json` from a model folder, checked part by part and then tried on text of our own.

    It neither cuts nor pads what it is given. A missing or broken file, and a tokenizer that makes text grow, takes too
    long or loses it, is an `InputError`.
    """
    path = folder / "tokenizer.json"
    if not path.is_file():
        raise InputError(f"{folder} holds no tokenizer.json: give a model folder that has one.")
    if path.stat().st_size > LARGEST:
        raise InputError(
            f"{path} has {path.stat().st_size / 1e6:,.0f} MB, more than a tokenizer can have: fetch the model again."
        )
    with _telling(f"{path} is not a tokenizer that can be read"):
        text = path.read_text(encoding="utf-8-sig")
    return checked_tokenizer(text, str(path))


def checked_tokenizer(text: str, named: str) -> "Tokenizer":
    """The tokenizer that `text` describes as JSON, checked part by part and tried out; `named` is for messages."""

    with _telling(f"{named} is not a tokenizer that can be read"):
        tokenizer = Tokenizer.from_str(checked_parts(text))
    with _telling(f"{named} is not a tokenizer that can be used"):
        _try_out(tokenizer)
    return tokenizer


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
    """Turn what the library raises into an `InputError`; its panics are no `Exception`."""
    try:
        yield
    except (PennameError, MemoryError):
        raise
    except BaseException as error:
        if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
            raise
        reason = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
        raise InputError(f"{what} ({reason}): fetch the model again, or use another base.") from error


def _try_out(tokenizer: "Tokenizer") -> None:
    """Encode and decode texts of twice the length each time; stops at the first that takes or gives too much.

    Raises `ValueError`. A search that grows with the square of the text or faster shows before it holds anything up.
    """
    for count in _TRIED:
        text = _PROBE + "\n".join(sign * count for sign in _RUNS)
        size, started = len(text.encode("utf-8")), time.process_time()
        ids = _plain_batch(tokenizer, [text])[0]
        back = tokenizer.decode(ids)
        seconds = time.process_time() - started
        if not ids:
            raise ValueError("it gives no tokens for text")
        if len(ids) > _MOST_GROWTH * size or len(back.encode("utf-8", "replace")) > _MOST_GROWTH * size:
            raise ValueError(f"it makes {len(ids):,} tokens and {len(back):,} characters of {size:,} bytes")
        if seconds > _MOST_SECONDS:
            raise ValueError(f"it takes {seconds:.1f} seconds for {size:,} bytes")


_DOCUMENTS = (END_OF_TEXT, "<|end_of_text|>", "<eos>", "</s>")
_TURNS = ("<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "<|im_start|>")


ENDINGS = (
    *(
        END_OF_TEXT,
        "<|end_of_text|>",
        "</s>",
        "<eos>",
        "<|im_end|>",
        "<|eot_id|>",
        "<|eom_id|>",
        "<|end|>",
        "<|return|>",
    ),
    *(
        "<end_of_turn>",
        "<EOT>",
        "_<EOT>",
        "[EOT]",
        "[EOS]",
        "<end_of_utterance>",
        "<｜end▁of▁sentence｜>",
        "<|file_sep|>",
    ),
    *("<|fim_pad|>", "<|repo_name|>", "<reponame>", "<REPO>", "<fim-repo>", "<|fim_repo|>", "<turn|>"),
)
"""The spellings of tokens at which llama.cpp ends a text, whatever a file says of them."""


def other_ends(tokenizer: "Tokenizer", end: int) -> list[int]:
    """The special tokens beside `end` that end a text too."""
    special = tokenizer.get_added_tokens_decoder()
    return [number for number, token in special.items() if number != end and token.special and token.content in ENDINGS]


def documents_end(tokenizer: "Tokenizer") -> int | None:
    """The token that ended documents in a model that was taught to chat; None where there is no such token.

    Its files name the token that ends an answer.
    """
    if all(tokenizer.token_to_id(name) is None for name in _TURNS):
        return None
    special = {token.content for token in tokenizer.get_added_tokens_decoder().values() if token.special}
    return next((tokenizer.token_to_id(name) for name in _DOCUMENTS if name in special), None)


def end_id(tokenizer: "Tokenizer", names: Sequence[str] = ()) -> int:
    """The id that ends a document: `names` first (a model's own end token), then the usual ones.

    Raises `InputError` when the tokenizer has none.
    """
    for name in (*names, END_OF_TEXT, "</s>", "<|end_of_text|>", "<eos>", "<|im_end|>", "[SEP]"):
        found = tokenizer.token_to_id(name)
        if found is not None:
            return int(found)
    raise InputError(
        "The tokenizer has no token that ends a document (such as <|endoftext|> or </s>): use another base."
    )


def encode_plain(tokenizer: "Tokenizer", text: str) -> list[int]:
    """Encode `text` as ordinary text: a literal `<|endoftext|>` in it does not become the special token."""
    ids: list[int] = []
    for piece in _pieces(text):
        ids.extend(_plain_batch(tokenizer, [piece])[0])
    return ids


def encode_all(tokenizer: "Tokenizer", texts: Iterable[str]) -> list[list[int]]:
    """Like `encode_plain` of each text, many at once on all cores."""
    listed = [list(_pieces(text)) for text in texts]
    encoded = iter(_plain_batch(tokenizer, [piece for pieces in listed for piece in pieces]))
    return [[number for _ in pieces for number in next(encoded)] for pieces in listed]


def encode_documents(
    tokenizer: "Tokenizer", texts: Iterable[str], end: int | None = None, batch: int = 256
) -> npt.NDArray[np.uint32]:
    """Encode documents into one array of ids, each document followed by the end-of-text id."""
    return np.concatenate([np.zeros(0, np.uint32), *iter_encoded(tokenizer, texts, end, batch)])


def iter_encoded(
    tokenizer: "Tokenizer", texts: Iterable[str], end: int | None = None, batch: int = 256
) -> Iterator[npt.NDArray[np.uint32]]:
    """Yield one array of ids for each document, ended by the end-of-text id; memory stays at `batch` documents."""
    last = end_id(tokenizer) if end is None else end
    texts = iter(texts)
    while group := list(islice(texts, batch)):
        pieces = [(index, piece) for index, text in enumerate(group) for piece in _pieces(text)]
        encoded = _plain_batch(tokenizer, [piece for _, piece in pieces])
        documents: list[list[int]] = [[] for _ in group]
        for (index, _), ids in zip(pieces, encoded, strict=True):
            documents[index].extend(ids)
        for document in documents:
            yield np.array([*document, last], np.uint32)


def document_ends(ids: npt.NDArray[Any], end: int) -> npt.NDArray[np.int64]:
    """Where each document stops (exclusive), given the id that ends documents; a ragged tail is a document too."""
    ends = np.flatnonzero(ids == end).astype(np.int64) + 1
    if ids.size and (not ends.size or ends[-1] != ids.size):
        ends = np.append(ends, np.int64(ids.size))
    return ends


def encode(tokenizer: "Tokenizer", texts: Sequence[str], end: int) -> Encoded:
    """Encode documents, each ended by `end`."""
    ids = encode_documents(tokenizer, texts, end)
    return Encoded(ids, document_ends(ids, end), sum(len(text.encode("utf-8")) for text in texts))


def encode_replay(tokenizer: "Tokenizer", texts: Sequence[str], end: int) -> Encoded:
    """Encode the base's own text, each document between two `end`, so that behind a single one a post begins.

    Conditional training (Keskar et al. 2019) with the mark on what is not the blog: a short prompt then does not fall
    into the base's kinds of text, and the model folder needs no mark that other programs would have to know.
    """
    plain = encode(tokenizer, texts, end)
    starts = np.concatenate([[0], plain.ends[:-1]]).astype(np.int64)
    ids = np.insert(plain.ids, starts[: plain.ends.size], end).astype(np.uint32)
    return Encoded(ids, plain.ends + np.arange(1, plain.ends.size + 1), plain.text_bytes)


def _pieces(text: str, size: int | None = None) -> Iterator[str]:
    """Cut very long texts before a line break, where the splitting pattern always starts a new word."""
    start, size = 0, size or _PIECE
    while len(text) - start > size:
        cut = text.rfind("\n\n", start + 1, start + size)
        if cut <= start:
            cut = text.rfind(" ", start + 1, start + size)
        if cut <= start:
            cut = start + size
        yield text[start:cut]
        start = cut
    if start < len(text) or not text:
        yield text[start:]


def _plain_batch(tokenizer: "Tokenizer", texts: list[str]) -> list[list[int]]:
    previous = tokenizer.encode_special_tokens
    tokenizer.encode_special_tokens = True
    try:
        with _telling("The tokenizer fails on a text"):
            return [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    finally:
        tokenizer.encode_special_tokens = previous


def read_documents(path: Path, largest: int | None = None) -> Iterator[str]:
    """Yield the documents of a UTF-8 text file (also .bz2, .gz, .xz), separated by lines that hold only the end mark.

    Blank edges are stripped and empty documents skipped. Bytes that are not UTF-8 are an `InputError`,
    and so is a document of more than `largest` characters: a compressed file may hold a thousand times what it weighs.
    """

    lines: list[str] = []
    room = math.inf if largest is None else largest
    try:
        with open_text(path) as file:
            for line in iter(lambda: file.readline(_PIECE), ""):
                room -= len(line)
                if room < 0:
                    raise InputError(
                        f"{path} holds a document of more than {largest:,} characters: fetch the file again."
                    )
                if line.rstrip("\r\n") == END_OF_TEXT:
                    if text := "".join(lines).strip():
                        yield text
                    lines, room = [], math.inf if largest is None else largest
                else:
                    lines.append(line)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path} is not UTF-8 text ({error.reason} at byte {error.start}): convert it first."
        ) from error
    except (EOFError, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error
    if text := "".join(lines).strip():
        yield text
