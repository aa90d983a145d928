r"""The tokenizer of a GGUF file, built anew from what the file says of it, and the way back: the ids are llama.cpp's.

In: the metadata of the file. Out: a `tokenizers.Tokenizer`, and whether a text starts after a token of its own.

    tokenizer = gguf_tokenizer(metadata, path)
    start = start_id(metadata)                  # the token that every text starts after, or None
    metadata = gguf_values(tokenizer, 49_152)   # what a file says of it, for a network of so many rows

Two kinds are read: byte-level BPE (`gpt2`), where `tokenizer.ggml.pre` names the way of splitting text into words, and
SentencePiece's BPE (`llama`), whose merges follow from the scores of its tokens.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from penname.core.errors import InputError
from penname.corpus.tokenizer import ENDINGS, checked_tokenizer

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2_SPLIT = _CONTRACTIONS + r"\p{N}" + _REST
LLAMA3_SPLIT = _CONTRACTIONS + r"\p{N}{1,3}" + _REST
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
"""What `tokenizer.ggml.token_type` says of a token."""
_SPACE = "▁"
_PREFIX: dict[str, Any] = {"type": "Prepend", "prepend": _SPACE}
_SPACES_AS_MARKS: dict[str, Any] = {"type": "Replace", "pattern": {"String": " "}, "content": _SPACE}
_DEFAULT_END = {"llama": 2, "gpt2": 11}
_DEFAULT_START = {"llama": 1, "gpt2": 11}
"""What llama.cpp takes where a file names no token."""


@dataclass(frozen=True)
class Splitting:
    """How text is split into words before its bytes are merged."""

    steps: tuple[dict[str, Any], ...]
    """The parts of `tokenizers` that do it, as JSON."""
    whole_words: bool = False
    """Whether a word that is a token is taken as it is, whatever the merges say (`ignore_merges`)."""
    starts: bool = False
    """Whether a text starts after a token of its own, unless the file says otherwise."""


def _bytes(splits: bool) -> dict[str, Any]:
    return {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": splits}


def _by_pattern(pattern: str, **settings: bool) -> Splitting:
    split = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    return Splitting((split, _bytes(False)), **settings)


_GPT2 = Splitting((_bytes(True),))
_DIGITS = Splitting(({"type": "Digits", "individual_digits": True}, _bytes(True)))
_QWEN2 = _by_pattern(QWEN2_SPLIT)
_LLAMA3 = _by_pattern(LLAMA3_SPLIT, whole_words=True, starts=True)
_LLAMA3_MERGED = _by_pattern(LLAMA3_SPLIT)
SPLITTINGS: dict[str, Splitting] = {
    **dict.fromkeys(("gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "exaone4", "mellum"), _GPT2),
    **dict.fromkeys(("smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b"), _DIGITS),
    **dict.fromkeys(("qwen2", "deepseek-r1-qwen", "stablelm2", "megrez", "hunyuan", "solar-open"), _QWEN2),
    **dict.fromkeys(("llama-bpe", "llama3", "llama-v3", "falcon3", "pixtral", "midm-2.0", "lfm2"), _LLAMA3),
    **dict.fromkeys(("smaug-bpe", "dbrx", "glm4", "chatglm-bpe"), _LLAMA3_MERGED),
}
"""The ways of splitting by llama.cpp's names (`tokenizer.ggml.pre`); the first of equal ones is what export writes."""


def gguf_tokenizer(metadata: Mapping[str, Any], path: Path) -> "Tokenizer":
    """The tokenizer that the metadata of the file at `path` describe.

    Raises `InputError`, by name, for a kind or a way of splitting that is not known, and for what cannot be right.
    """
    kind = _text(metadata, "model")
    tokens, types = _tokens(metadata, path)
    if kind == "gpt2":
        described = _byte_level(metadata, tokens, path)
    elif kind == "llama":
        described = _sentence_piece(metadata, tokens, types, path)
    else:
        raise InputError(
            f"{path} has a tokenizer of the kind {str(kind)[:40]!r}, which is not read here: byte-level BPE (gpt2) and "
            "SentencePiece's BPE (llama) are. Use another base."
        )
    start = start_id(metadata)
    if start is not None:
        described["post_processor"] = _started(start, tokens[start])
    # Every token stands in the vocabulary under its own number: added ones would be numbered anew where there are gaps.
    described["added_tokens"] = [
        _added(number, token, types[number]) for number, token in enumerate(tokens) if types[number] in _ADDED
    ]
    return checked_tokenizer(
        json.dumps({"version": "1.0", **described}, ensure_ascii=False), f"The tokenizer in {path}"
    )


_ADDED = (UNKNOWN, CONTROL, USER_DEFINED)


def _started(number: int, token: str) -> dict[str, Any]:
    """The part that puts the start of a text before it, for programs that ask for special tokens."""
    start = {"SpecialToken": {"id": token, "type_id": 0}}
    texts = [{"Sequence": {"id": name, "type_id": 0}} for name in ("A", "B")]
    return {
        "type": "TemplateProcessing",
        "single": [start, texts[0]],
        "pair": [start, *texts],
        "special_tokens": {token: {"id": token, "ids": [number], "tokens": [token]}},
    }


def _added(number: int, token: str, kind: int) -> dict[str, Any]:
    sides = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": number, "content": token, **sides, "special": kind != USER_DEFINED}


def _tokens(metadata: Mapping[str, Any], path: Path) -> tuple[list[str], list[int]]:
    """The tokens in the order of their numbers, and what kind each is."""
    listed = metadata.get("tokenizer.ggml.tokens")
    if not isinstance(listed, list) or not listed:
        raise InputError(f"{path} holds no tokenizer (tokenizer.ggml.tokens): fetch a whole model.")
    tokens = [token or f"[EMPTY_{number}]" for number, token in enumerate(listed)]
    if len(set(tokens)) < len(tokens):
        raise InputError(f"{path} is damaged (a token stands twice in its tokenizer): fetch the file again.")
    kinds = metadata.get("tokenizer.ggml.token_type")
    if kinds is None:
        return tokens, [NORMAL] * len(tokens)
    types = _numbers(kinds, "token_type", len(tokens), path).tolist()
    # What is spelt as an end of text ends one in llama.cpp, whatever its kind.
    return tokens, [CONTROL if token in ENDINGS else kind for token, kind in zip(tokens, types, strict=True)]


def _text(metadata: Mapping[str, Any], name: str) -> str | None:
    value = metadata.get(f"tokenizer.ggml.{name}")
    return value if isinstance(value, str) else None


def _flag(metadata: Mapping[str, Any], name: str, usual: bool) -> bool:
    value = metadata.get(f"tokenizer.ggml.{name}")
    return value if isinstance(value, bool) else usual


def _numbers(values: Any, name: str, count: int, path: Path) -> Any:
    if getattr(values, "shape", None) != (count,):
        raise InputError(
            f"{path} is damaged (tokenizer.ggml.{name} is not a list of {count:,} numbers): fetch the file again."
        )
    return values


def _byte_level(metadata: Mapping[str, Any], tokens: list[str], path: Path) -> dict[str, Any]:
    splitting = splitting_of(metadata, path)
    merges = metadata.get("tokenizer.ggml.merges")
    if not isinstance(merges, list):
        raise InputError(f"{path} holds no merges (tokenizer.ggml.merges): fetch the file again.")
    pairs = []
    for merge in merges:
        # A token may begin with the sign that divides the two.
        cut = merge.find(" ", 1)
        if cut > 0:
            pairs.append([merge[:cut], merge[cut + 1 :]])
    return {
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": list(splitting.steps)},
        "decoder": _bytes(True),
        "model": {
            "type": "BPE",
            "ignore_merges": splitting.whole_words,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": pairs,
        },
    }


def splitting_of(metadata: Mapping[str, Any], path: Path) -> Splitting:
    """The way of splitting that the file names; `InputError` for none and for one that is not known."""
    name = _text(metadata, "pre")
    if name is None or name not in SPLITTINGS:
        said = f"splits text as {name[:40]!r} does" if name is not None else "does not say how it splits text"
        raise InputError(
            f"{path} has a tokenizer that {said} (tokenizer.ggml.pre), so its ids cannot be told: a file with one of "
            f"{', '.join(SPLITTINGS)} can be used."
        )
    return SPLITTINGS[name]


def _sentence_piece(metadata: Mapping[str, Any], tokens: list[str], types: list[int], path: Path) -> dict[str, Any]:
    scores = _numbers(metadata.get("tokenizer.ggml.scores"), "scores", len(tokens), path)
    prefix = _flag(metadata, "add_space_prefix", True)
    back = {"type": "Replace", "pattern": {"String": _SPACE}, "content": " "}
    steps = [_PREFIX, _SPACES_AS_MARKS] if prefix else [_SPACES_AS_MARKS]
    decoders: list[dict[str, Any]] = [back, {"type": "ByteFallback"}, {"type": "Fuse"}]
    if prefix:
        decoders.append({"type": "Strip", "content": " ", "start": 1, "stop": 0})
    return {
        "normalizer": {"type": "Sequence", "normalizers": steps},
        "decoder": {"type": "Sequence", "decoders": decoders},
        "model": {
            "type": "BPE",
            "unk_token": next((token for token, kind in zip(tokens, types, strict=True) if kind == UNKNOWN), None),
            "fuse_unk": True,
            "byte_fallback": True,
            "vocab": {token: number for number, token in enumerate(tokens)},
            "merges": _merges(tokens, types, [float(score) for score in scores]),
        },
    }


def _merges(tokens: list[str], types: list[int], scores: list[float]) -> list[list[str]]:
    """Every pair of tokens that is a token, the best scores first: what SentencePiece does, as merges.

    No text of a user's may become a control token, so these have no merges.
    """
    known = {token: number for number, token in enumerate(tokens)}
    found: list[tuple[float, int, int, str, str]] = []
    for number, token in enumerate(tokens):
        if len(token) < 2 or types[number] in (UNKNOWN, CONTROL, BYTE):
            continue
        for cut in range(1, len(token)):
            left, right = token[:cut], token[cut:]
            if left in known and right in known:
                found.append((-scores[number], known[left], known[right], left, right))
    return [[left, right] for *_, left, right in sorted(found)]


def start_id(metadata: Mapping[str, Any]) -> int | None:
    """The token that every text starts after; None where texts start after none."""
    kind, name = _text(metadata, "model"), _text(metadata, "pre") or ""
    usual = kind == "llama" or (name in SPLITTINGS and SPLITTINGS[name].starts)
    if not _flag(metadata, "add_bos_token", usual):
        return None
    return special_id(metadata, "bos")


def special_id(metadata: Mapping[str, Any], name: str) -> int:
    """The number of the token `bos` or `eos`: what the file says, else what llama.cpp takes."""
    usual = (_DEFAULT_START if name == "bos" else _DEFAULT_END)[str(metadata.get("tokenizer.ggml.model"))]
    number = metadata.get(f"tokenizer.ggml.{name}_token_id", usual)
    count = len(metadata["tokenizer.ggml.tokens"])
    found = number if isinstance(number, int) and 0 <= number < count else usual
    # A vocabulary may be too small for what is usual.
    return min(found, count - 1)


# -- what a file says of a tokenizer ----------------------------------------------------------------------------------


def gguf_values(tokenizer: "Tokenizer", room: int) -> dict[str, Any]:
    """The values `tokenizer.ggml.*` of a file with this tokenizer and a network of `room` rows.

    Raises `InputError` for a tokenizer that llama.cpp would run otherwise than here.
    """
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    model = described["model"]
    if model["type"] != "BPE":
        raise _not_written()
    kind = {"model": "llama", **_spaces(described)} if model.get("byte_fallback") else _byte_level_values(described)
    # The network may have more rows than the tokenizer has tokens.
    tokens, types = [f"[PAD{number}]" for number in range(room)], [UNUSED] * room
    for token, number in model["vocab"].items():
        tokens[number], types[number] = token, NORMAL
    for added in described.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        types[added["id"]] = CONTROL if added["special"] else USER_DEFINED
    if kind["model"] == "llama":
        types = [
            BYTE if _is_byte(token) else UNKNOWN if token == model["unk_token"] else kind_of_token
            for token, kind_of_token in zip(tokens, types, strict=True)
        ]
        kind["scores"] = _scores(tokens, model["merges"])
    return {f"tokenizer.ggml.{name}": value for name, value in {**kind, "tokens": tokens, "token_type": types}.items()}


def _byte_level_values(described: dict[str, Any]) -> dict[str, Any]:
    normalizer, model = described.get("normalizer"), described["model"]
    pre = _split_name(described.get("pre_tokenizer") or {}, bool(model.get("ignore_merges")))
    if pre is None or (normalizer or {"type": "NFC"})["type"] != "NFC":
        raise _not_written()
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return {"model": "gpt2", "pre": pre, "merges": merges}


def _split_name(pre_tokenizer: dict[str, Any], whole_words: bool) -> str | None:
    """llama.cpp's name for a way of splitting."""
    steps = [_meaning(part) for part in pre_tokenizer.get("pretokenizers", [pre_tokenizer])]
    for name, splitting in SPLITTINGS.items():
        if steps == [_meaning(step) for step in splitting.steps] and whole_words == splitting.whole_words:
            return name
    return None


def _meaning(part: dict[str, Any]) -> dict[str, Any]:
    """A part without what does not change the ids."""
    return (
        {"use_regex": True, **{name: value for name, value in part.items() if name != "trim_offsets"}}
        if (part.get("type") == "ByteLevel")
        else part
    )


def _spaces(described: dict[str, Any]) -> dict[str, Any]:
    """Whether a text begins with a space, of a tokenizer that writes spaces as SentencePiece does."""
    normalizer, pre = described.get("normalizer") or {}, described.get("pre_tokenizer") or {}
    if pre.get("type") == "Metaspace" and not normalizer and pre.get("replacement") == _SPACE and not pre.get("split"):
        return {"add_space_prefix": pre.get("prepend_scheme", "always") != "never"}
    steps = normalizer.get("normalizers", [normalizer])
    known = [_PREFIX, _SPACES_AS_MARKS]
    if pre or steps not in (known, known[1:]):
        raise _not_written()
    return {"add_space_prefix": steps == known}


def _is_byte(token: str) -> bool:
    return len(token) == 6 and token.startswith("<0x") and token.endswith(">")


def _scores(tokens: list[str], merges: list[Any]) -> list[float]:
    """Scores that put llama.cpp's choices in the order of the merges."""
    ranks: dict[str, int] = {}
    for rank, merge in enumerate(merges):
        ranks.setdefault("".join(merge.split(" ") if isinstance(merge, str) else merge), rank)
    return [-float(ranks.get(token, len(merges))) for token in tokens]


def _not_written() -> InputError:
    return InputError(
        "This tokenizer is not one of those that are written as GGUF (byte-level BPE that splits as Qwen2, Llama 3, "
        "GPT-2 or SmolLM do, and SentencePiece's BPE): export hf, and convert that with llama.cpp's own converter."
    )
