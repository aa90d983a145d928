"""Passages of a post: about 120 words that end where paragraphs end, each beginning with the last sentence before it.

    cut_passages(post.text)      # ["First paragraph...\nSecond...", ...]
    sentences(passage)           # ["He came by train.", "It rained."]
    searchable("C++ in 東京")     # what is indexed: "C++ in 東京 cplusplus 東 東京 京"

In: clean text, paragraphs on lines of their own. Out: passages, sentences, and text as the index and a question see it.
"""

import re
import unicodedata
from collections.abc import Iterator

PASSAGE_WORDS = 120
_LONGEST_OVERLAP = 40
"""Words; a longer last sentence is not repeated."""
_SPACELESS = "\u0e00-\u0e7f\u0e80-\u0eff\u1000-\u109f\u1780-\u17ff\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Scripts without spaces between words: Thai, Lao, Burmese, Khmer, kana, Han."""
_UNIT = re.compile(rf"[{_SPACELESS}]|[^\W{_SPACELESS}]+(?:['’.-][^\W{_SPACELESS}]+)*")
_RUN = re.compile(rf"[{_SPACELESS}]+")
_END = re.compile(r"""[.!?…]+["'”’»)\]]*\s+(?=["'“‘«¿¡(\[]?[^\W_a-zà-öø-ÿ])|[。！？]+[」』”’）]*\s*""")
_SHORTENED = re.compile(
    r"(?:\b(?:[A-Z]|Mr|Mrs|Ms|Dr|Prof|St|Sr|Jr|vs|etc|cf|e\.g|i\.e|No|Nr|ca|bzw|z\.B|d\.h|Sra|Dra|pp?|Fig|approx))\.\s+$"
)
_NAMED = re.compile(r"(?<![\w.])\.[A-Za-z]\w+|\b[A-Za-z]\w{0,9}(?:\+\+|#)(?!\w)")
_SPELLED = {"+": "plus", "#": "sharp", ".": "dot"}


def cut_passages(text: str, size: int = PASSAGE_WORDS) -> list[str]:
    """Cut a post into passages of about `size` words, paragraphs kept whole where they are not much longer."""
    passages: list[str] = []
    lines: list[str] = []
    held, fresh = 0, False
    for piece in _pieces(text, size):
        words = count_words(piece)
        if fresh and held + words > size * 1.25:
            passages.append("\n".join(lines))
            lines = _overlap(lines[-1])
            held = sum(map(count_words, lines))
        lines.append(piece)
        held, fresh = held + words, True
    if fresh:
        passages.append("\n".join(lines))
    return passages


def sentences(text: str) -> list[str]:
    """The sentences of a text; a line end ends one too."""
    return [sentence for line in text.split("\n") for sentence in _split(line)]


def count_words(text: str) -> int:
    """Words of a text; of scripts without spaces two characters count as one."""
    found = _UNIT.findall(text)
    single = sum(1 for unit in found if len(unit) == 1 and _RUN.match(unit))
    return len(found) - single // 2


def searchable(text: str) -> str:
    """The text as it is indexed and asked: names with signs spelt out, scripts without spaces as pairs of characters.

    FTS5 drops signs, so that `C++` would be `c`, and takes a line of Chinese as one word.
    """
    text = unicodedata.normalize("NFKC", text)
    names = [spelled(name) for name in _NAMED.findall(text)]
    return " ".join([_RUN.sub(_pairs, text), *names])


def spelled(name: str) -> str:
    """`C++` as `cplusplus`, `.NET` as `dotnet`, `F#` as `fsharp`."""
    return "".join(_SPELLED.get(sign, sign) for sign in name).lower()


def question_words(question: str) -> list[str]:
    """The words of a question as `searchable` writes them, in order; a name with signs is asked by its name alone."""
    text = unicodedata.normalize("NFKC", question)
    text = _NAMED.sub(lambda found: f" {spelled(found[0])} ", text)
    text = _RUN.sub(_asked_pairs, text)
    # FTS5's tokenizer takes these categories as parts of words; Python's `\\w` leaves marks out.
    kept = (sign if unicodedata.category(sign)[0] in "LNM" else " " for sign in text)
    return "".join(kept).split()


def _pieces(text: str, size: int) -> Iterator[str]:
    """Paragraphs; one that is far too long comes in runs of sentences, and a sentence too long in runs of words."""
    for line in filter(None, map(str.strip, text.split("\n"))):
        if count_words(line) <= size * 1.5:
            yield line
            continue
        run: list[str] = []
        held = 0
        for sentence in _bounded(line, size):
            words = count_words(sentence)
            if run and held + words > size:
                yield " ".join(run)
                run, held = [], 0
            run.append(sentence)
            held += words
        yield " ".join(run)


def _bounded(line: str, size: int) -> Iterator[str]:
    """Sentences of at most `size` words."""
    for sentence in _split(line):
        if count_words(sentence) <= size:
            yield sentence
            continue
        starts = [found.start() for found in _UNIT.finditer(sentence)][:: size or 1]
        for start, end in zip([0, *starts[1:]], [*starts[1:], len(sentence)], strict=True):
            yield sentence[start:end].strip()


def _overlap(piece: str) -> list[str]:
    """The last sentence of a paragraph, for the passage that follows."""
    last = _split(piece)[-1:]
    return last if last and count_words(last[0]) <= _LONGEST_OVERLAP else []


def _split(line: str) -> list[str]:
    found, start = [], 0
    for end in _END.finditer(line):
        if _SHORTENED.search(line[max(start, end.end() - 12) : end.end()]):
            continue
        found.append(line[start : end.end()].strip())
        start = end.end()
    found.append(line[start:].strip())
    return [sentence for sentence in found if sentence]


def _pairs(run: re.Match[str]) -> str:
    """Pairs of neighbours, and the characters alone, which a question of one character asks for."""
    text = run[0]
    return " " + " ".join([*text, *(text[place : place + 2] for place in range(len(text) - 1))]) + " "


def _asked_pairs(run: re.Match[str]) -> str:
    text = run[0]
    pairs = [text[place : place + 2] for place in range(len(text) - 1)]
    return " " + " ".join(pairs or [text]) + " "
