r"""The parts of a stranger's `tokenizer.json`, checked before the library that runs them sees the file.

In: the text of the file. Out: the same tokenizer as JSON, without truncation and padding; `ValueError` with the reason.

    tokenizer = Tokenizer.from_str(checked_parts(text))

Only parts that language models have are let through, and only with values that cannot make text grow, or a pattern
search run on: a `tokenizer.json` holds search patterns and replacements, and the library does whatever they say.
"""

import base64
import json
import math
import re
from collections.abc import Callable
from typing import Any

LARGEST = 64_000_000
"""Bytes of a `tokenizer.json`; Gemma's, with 262,144 tokens, has half of them."""
_MOST_TOKENS = 2**21
_LONGEST_TOKEN = 1_000
_LONGEST_PATTERN = 4_000
_LONGEST_TEXT = 16
"""Characters that a part may put in or look for."""
_MOST_PARTS = 16
_DEEPEST = 4
_MOST_GROWTH = 32
_MAYBE_NOTHING = re.compile(r"[?*|^$]|\{0?,|\{0\}|\\[bBAzZGK]")
"""Signs of an expression that may match between two characters; those that models replace by have none of them."""
_RUNS = 2
"""Repetitions without an end in one alternative of a pattern: those in use have one or two."""

_KINDS = {
    "normalizer": (
        "normalizers",
        "NFC NFD NFKC NFKD Lowercase Strip StripAccents Prepend Replace BertNormalizer Nmt Precompiled ByteLevel",
    ),
    "pre_tokenizer": (
        "pretokenizers",
        "ByteLevel Split Metaspace Whitespace WhitespaceSplit BertPreTokenizer Punctuation Digits UnicodeScripts",
    ),
    "post_processor": ("processors", "ByteLevel TemplateProcessing BertProcessing RobertaProcessing"),
    "decoder": ("decoders", "ByteLevel WordPiece Metaspace BPEDecoder Fuse Replace ByteFallback Strip"),
}
"""For each place its key for several parts, and the parts that may stand there."""
_TEXTS = ("content", "prepend", "replacement", "suffix", "prefix", "delimiter", "str_rep")


def checked_parts(text: str) -> str:
    """The tokenizer that `text` describes, as JSON for the library. Raises `ValueError` with what is wrong.

    What the library gets is written anew: a key that stands twice means the same to it as to the checks here.
    """
    try:
        described = json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    if not isinstance(described, dict) or not isinstance(described.get("model"), dict):
        raise ValueError("it describes no tokenizer")
    for place, (several, kinds) in _KINDS.items():
        parts = _flat(described.get(place), place, several, frozenset(kinds.split()))
        for part in parts:
            _check_part(part)
        if math.prod(map(_growth, parts)) > _MOST_GROWTH:
            raise ValueError(f"its {place} makes text more than {_MOST_GROWTH} times as long")
    _check_added(described.get("added_tokens") or [])
    model = _checked_model(described["model"])
    kept = {place: described.get(place) for place in ("added_tokens", *_KINDS)}
    fields = {"version": "1.0", "truncation": None, "padding": None, **kept, "model": model}
    return json.dumps({**fields, "added_tokens": kept["added_tokens"] or []}, ensure_ascii=False)


def _flat(part: Any, place: str, several: str, kinds: frozenset[str], depth: int = 0) -> list[dict[str, Any]]:
    """The parts of a place, sequences of them taken apart."""
    if part is None:
        return []
    if not isinstance(part, dict):
        raise ValueError(f"its {place} is not an object")
    kind = part.get("type")
    if kind == "Sequence" and depth < _DEEPEST and isinstance(part.get(several), list):
        if len(part[several]) > _MOST_PARTS:
            raise ValueError(f"its {place} has more than {_MOST_PARTS} parts")
        found = [each for inner in part[several] for each in _flat(inner, place, several, kinds, depth + 1)]
    elif isinstance(kind, str) and kind in kinds:
        found = [part]
    else:
        raise ValueError(f"its {place} has a part of the kind {str(kind)[:30]!r}, which is not run here")
    if len(found) > _MOST_PARTS:
        raise ValueError(f"its {place} has more than {_MOST_PARTS} parts")
    return found


def _check_part(part: dict[str, Any]) -> None:
    for name in _TEXTS:
        value = part.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
            raise ValueError(f"{name} of its {part['type']} is not a text of at most {_LONGEST_TEXT} characters")
    for name in ("start", "stop"):
        if not _is_whole(part.get(name, 0), _LONGEST_TEXT):
            raise ValueError(f"{name} of its {part['type']} is not a number from 0 to {_LONGEST_TEXT}")
    if part.get("start") and part.get("stop"):
        raise ValueError(f"its {part['type']} takes signs off both ends, which short tokens do not have")
    if part["type"] in ("Split", "Replace"):
        _check_searched(part.get("pattern"))
        searched = part["pattern"].get("Regex", "")
        if part["type"] == "Replace" and _MAYBE_NOTHING.search(searched.replace("[^", "[")):
            raise ValueError("its Replace may find nothing and put a text there")
    elif part["type"] == "Precompiled":
        _check_table(part.get("precompiled_charsmap"))
    elif part["type"] == "TemplateProcessing":
        _check_template(part)


def _check_searched(pattern: Any) -> None:
    match pattern:
        case {"String": str(text)} if 0 < len(text) <= _LONGEST_TEXT:
            return
        case {"Regex": str(text)}:
            check_pattern(text)
        case _:
            raise ValueError(f"a pattern in it is neither a text of 1 to {_LONGEST_TEXT} characters nor an expression")


def _growth(part: dict[str, Any]) -> float:
    """How many times as long a replacement makes text, at most."""
    if part["type"] != "Replace":
        return 1.0
    new, searched = len(str(part.get("content") or "").encode("utf-8", "replace")), part["pattern"]
    if "String" in searched:
        return max(1.0, new / len(searched["String"].encode("utf-8", "replace")))
    # An expression may match between any two characters.
    return 1.0 + new


def _check_table(table: Any) -> None:
    """A table of normalisations in SentencePiece's form: its size, a trie, the texts that are put in."""
    try:
        data = base64.b64decode(table if isinstance(table, str) else "", validate=True)
    except ValueError as error:
        raise ValueError("its table of normalisations is damaged") from error
    size = int.from_bytes(data[:4], "little")
    if len(data) > 4_000_000 or size % 4 or not 0 < size <= len(data) - 4:
        raise ValueError("its table of normalisations is damaged")
    if max(map(len, data[4 + size :].split(b"\0"))) > 64:
        raise ValueError("its table of normalisations puts in texts of more than 64 bytes")


def _check_template(part: dict[str, Any]) -> None:
    """Each text once, with a few tokens about it."""
    for name, wanted in (("single", ["A"]), ("pair", ["A", "B"])):
        pieces = part.get(name) or []
        texts = [piece["Sequence"].get("id") for piece in pieces if isinstance(piece.get("Sequence"), dict)]
        if len(pieces) > _MOST_PARTS or (texts != wanted and (pieces or name == "single")):
            raise ValueError("its post_processor repeats or drops the text")
    tokens = part.get("special_tokens") or {}
    if len(tokens) > _MOST_PARTS or any(len(each.get("ids") or []) > _MOST_PARTS for each in tokens.values()):
        raise ValueError("its post_processor adds too many tokens")


def _check_added(tokens: Any) -> None:
    if not isinstance(tokens, list) or len(tokens) > _MOST_TOKENS // 8:
        raise ValueError(f"its added_tokens are not a list of at most {_MOST_TOKENS // 8:,}")
    for token in tokens:
        content = token.get("content") if isinstance(token, dict) else None
        if not isinstance(content, str) or not 0 < len(content) <= _LONGEST_TOKEN:
            raise ValueError(f"an added token in it is not a text of 1 to {_LONGEST_TOKEN:,} characters")
        if not _is_whole(token.get("id"), _MOST_TOKENS):
            raise ValueError("an added token in it has no number")


def _checked_model(model: dict[str, Any]) -> dict[str, Any]:
    """The model with its kind named: files of 2019 do not name it."""
    kind = model.get("type", _kind_of(model))
    checks: dict[str, Callable[[dict[str, Any]], None]] = {
        "BPE": _check_bpe,
        "WordLevel": _check_words,
        "WordPiece": _check_word_piece,
        "Unigram": _check_unigram,
    }
    if not isinstance(kind, str) or kind not in checks:
        raise ValueError(f"its model is of the kind {str(kind)[:30]!r}, where BPE, Unigram or WordPiece is expected")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        value = model.get(name)
        if value is not None and not (isinstance(value, str) and len(value) <= _LONGEST_TEXT):
            raise ValueError(f"{name} is not a text of at most {_LONGEST_TEXT} characters")
    checks[kind](model)
    return {"type": kind, **{name: value for name, value in model.items() if name != "type"}}


def _kind_of(model: dict[str, Any]) -> str:
    if isinstance(model.get("vocab"), list):
        return "Unigram"
    if "merges" in model:
        return "BPE"
    return "WordPiece" if "max_input_chars_per_word" in model else "WordLevel"


def _check_words(model: dict[str, Any]) -> None:
    vocab = model.get("vocab")
    if not isinstance(vocab, dict) or not 0 < len(vocab) <= _MOST_TOKENS:
        raise ValueError(f"its vocabulary is not a list of 1 to {_MOST_TOKENS:,} tokens with their numbers")
    if not all(_is_whole(number, _MOST_TOKENS) for number in vocab.values()) or len(set(vocab.values())) < len(vocab):
        raise ValueError("the numbers of its tokens are not whole, from 0 on, and each its own")
    _check_lengths(max(map(len, vocab)))


def _check_bpe(model: dict[str, Any]) -> None:
    _check_words(model)
    if model.get("dropout"):
        raise ValueError("it splits words by chance (dropout)")
    merges = model.get("merges")
    if not isinstance(merges, list) or len(merges) > 2 * _MOST_TOKENS:
        raise ValueError(f"its merges are not a list of at most {2 * _MOST_TOKENS:,}")


def _check_word_piece(model: dict[str, Any]) -> None:
    _check_words(model)
    if not _is_whole(model.get("max_input_chars_per_word"), 1_000):
        raise ValueError("max_input_chars_per_word is not a number up to 1,000")


def _check_unigram(model: dict[str, Any]) -> None:
    vocab = model.get("vocab")
    if not isinstance(vocab, list) or not 0 < len(vocab) <= _MOST_TOKENS:
        raise ValueError(f"its vocabulary is not a list of 1 to {_MOST_TOKENS:,} tokens with their weights")
    for entry in vocab:
        match entry:
            case [str(), int() | float() as weight] if abs(weight) < 1e9:
                pass
            case _:
                raise ValueError("an entry of its vocabulary is not a token with its weight")
    if model.get("unk_id") is not None and not _is_whole(model["unk_id"], len(vocab) - 1):
        raise ValueError("unk_id is no token of its vocabulary")
    _check_lengths(max(len(token) for token, _ in vocab))


def _check_lengths(longest: int) -> None:
    if longest > _LONGEST_TOKEN:
        raise ValueError(f"a token in it has {longest:,} characters, more than {_LONGEST_TOKEN:,}")


def _is_whole(value: Any, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


# -- patterns ---------------------------------------------------------------------------------------------------------

_SIGN = re.compile(
    r"""
    (?P<escape>\\(?:[pPx]\{[^{}]{1,40}\}|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^kgXRKG1-9]))
  | (?P<class>\[\^?\]?(?:\\.|[^\[\]\\]|\[\^?\]?(?:\\.|[^\[\]\\])*\])*\])
  | (?P<flags>\(\?[ims-]+\))
  | (?P<open>\((?:\?(?:[ims-]*:|[=!>]|<[=!])|(?!\?)))
  | (?P<close>\))
  | (?P<or>\|)
  | (?P<often>[*+]|\{\d{0,4},?\d{0,4}\})[?+]?
  | (?P<once>\?)[?+]?
  | (?P<plain>[^\\\[\](){}*+?|])
    """,
    re.VERBOSE | re.DOTALL,
)


class _Group:
    """Of a group that is being read: repetitions of any number in this alternative and most in one before."""

    def __init__(self) -> None:
        self.runs = self.most = 0
        self.varies = False


def check_pattern(pattern: str) -> None:
    r"""Raise `ValueError` for an expression whose search may take more than a few passes over the text.

    Refused: back references, repetitions in repetitions, repeated choices, more than two repetitions without an end in
    a row. The patterns of GPT-2, GPT-4, Llama 3, Qwen, DeepSeek and Mistral have none of these.
    """
    if len(pattern) > _LONGEST_PATTERN:
        raise ValueError(f"a pattern in it has {len(pattern):,} characters, more than {_LONGEST_PATTERN:,}")
    groups, last, place = [_Group()], None, 0
    while place < len(pattern):
        found = _SIGN.match(pattern, place)
        if found is None:
            raise ValueError(f"a pattern in it cannot be followed at {pattern[place : place + 10]!r}")
        place, kind, group = found.end(), found.lastgroup, groups[-1]
        if kind == "open":
            groups.append(_Group())
            if len(groups) > 2 * _DEEPEST:
                raise ValueError("a pattern in it is nested too deeply")
        elif kind == "close":
            last = _closed(groups)
            continue
        elif kind == "or":
            group.most, group.runs, group.varies = max(group.most, group.runs), 0, True
        elif kind == "once":
            group.varies = True
        elif kind == "often":
            _repeat(group, last, found["often"])
        if group.runs > _RUNS:
            raise ValueError(f"a pattern in it repeats more than {_RUNS} things in a row without an end")
        last = None
    if len(groups) != 1:
        raise ValueError("a pattern in it has a bracket too many or too few")


def _closed(groups: list[_Group]) -> _Group:
    if len(groups) == 1:
        raise ValueError("a pattern in it has a bracket too many or too few")
    inner = groups.pop()
    outer = groups[-1]
    outer.runs += max(inner.most, inner.runs)
    outer.varies = outer.varies or inner.varies
    if outer.runs > _RUNS:
        raise ValueError(f"a pattern in it repeats more than {_RUNS} things in a row without an end")
    return inner


def _repeat(group: _Group, inner: _Group | None, times: str) -> None:
    if inner is not None and inner.varies:
        raise ValueError("a pattern in it repeats what is itself of many forms")
    least, comma, most = times[1:].partition("}")[0].partition(",")
    if times[0] == "{" and not comma and int(least or 0) <= 64:
        return
    group.varies = True
    if times[0] != "{" or int(most or 99) > 16:
        group.runs += 1
