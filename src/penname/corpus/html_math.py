"""Raised, lowered and mathematical text on one line, so that 10<sup>6</sup> is not 106 and 3/4 is not 34.

    raised("6", before="a share of 10", after="")       ->  "⁶"
    raised("2,3", before="as they say.", after="")      ->  ""        (marks of two notes)
    raised("st", before="1", after="")                  ->  None      (leave it as it stands: 1st)
    math_text(node)                                     ->  "3/4"     (a parsed <math>)

In: the text of a `<sup>` or `<sub>` with the text around it, or a node of Lexbor's tree. Out: text.
"""

import re
from collections.abc import Callable, Iterator

from selectolax.lexbor import LexborNode

from penname.corpus.html_elements import names

_RAISED = str.maketrans("0123456789+-−–=()ni", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁻⁻⁼⁽⁾ⁿⁱ")
_LOWERED = str.maketrans("0123456789+-−–=()", "₀₁₂₃₄₅₆₇₈₉₊₋₋₋₌₍₎")
_CAN_RAISE = re.compile(r"[+\-−–=()0-9]*(?:[0-9+\-−–]|n)[+\-−–=()0-9n]*|i")
_CAN_LOWER = re.compile(r"[+\-−–=()0-9]*[0-9][+\-−–=()0-9]*")
_LONGEST = 24  # characters; a longer superscript is an aside in small letters

_FIGURES = re.compile(r"\d{1,3}(?:\s*[,;–-]\s*\d{1,3})*")
_NOTE = re.compile(r"[\[(]\s*(?:\d{1,3}|[a-z*†‡])(?:\s*[,;–-]\s*\d{1,3})*\s*[\])]|[*†‡§¶#]{1,3}")
_EXPONENT = re.compile(r"[+\-−–]?(?:\d+(?:[.,]\d+)?)?[a-zA-Zα-ωπ]?(?:[+\-−–*/·][\dα-ωa-z]+)*")
_LETTER_EXPONENTS = frozenset("nxyzkijpqw")
# What stands before a power: the end of a number, a bracket, a variable; a unit; a function.
_UNITS = names(
    "m km cm mm dm nm µm μm um ft yd mi s sec ms h hr min kg g l n pa j w v a k hz mol px mc sq ha meter "
    "meters metre metres metro metros mètre mètres metri kilometer kilometers kilometre kilometres kilómetros "
    "quilômetros foot feet inch inches mile miles yard yards quadratmeter sin cos tan log ln exp sinh cosh "
    "tanh det"
)
_VARIABLE = re.compile(
    r".*(?:[=+*/^×·±<>−∫∑√|\d⁰-⁹₀-₉]|[\u0370-\u03ff]).*|\W*[^\W\d_]|[^\W\d_aeiouyAEIOUY]{2}", re.DOTALL
)


def raised(text: str, before: str, after: str) -> str | None:
    """Return what stands for a superscript on a line: `⁶`, `^2.5`; "" for the mark of a note; None for the text itself.

    `before` and `after` are the texts around it on its line. Figures after a word or a stop mark notes, after
    a number, a variable, a unit or a closed formula they are powers.
    """
    if not text or len(text) > _LONGEST:
        return None
    word = _last_word(before)
    if text in ("o", "0", "O") and word[-1:].isdigit() and re.match(r"\s?[CF]\b", after):
        return "°"
    if _NOTE.fullmatch(text):
        return ""
    if _FIGURES.fullmatch(text) and word and not _takes_power(word, before):
        return ""
    if re.fullmatch(r"\d{1,2}[/⁄]\d{1,2}", text) and word[-1:].isdigit():
        return f" {text.replace('⁄', '/')}"
    if _CAN_RAISE.fullmatch(text) and (text not in ("n", "i") or _takes_power(word, before)):
        return text.translate(_RAISED)
    if any(map(str.isdigit, text)) or (text[-1:] in _LETTER_EXPONENTS and len(text) < 3):
        return power(text) if _EXPONENT.fullmatch(text) and _takes_power(word, before) else None
    return None


def lowered(text: str, before: str, after: str) -> str | None:
    """Return what stands for a subscript: `₂` where a number goes on, `_max` after a variable, or None."""
    if not text or len(text) > _LONGEST or any(map(str.isspace, text)):
        return None
    last = before[-1:]
    if _CAN_LOWER.fullmatch(text):
        return text.translate(_LOWERED) if last.isdigit() or after[:1].isdigit() or not text.isdigit() else None
    word = _last_word(before)
    if text[0].isalnum() and last.isalpha() and re.fullmatch(r"(?:.*[^\w'’])?[^\W_]", word, re.DOTALL):
        return f"_{text}" if text.isalnum() else f"_({text})"
    return None


def power(text: str) -> str:
    """Return `text` as an exponent: raised figures where Unicode has them, else behind a caret."""
    text = text.strip()
    if _CAN_RAISE.fullmatch(text):
        return text.translate(_RAISED)
    return f"^{text}" if re.fullmatch(r"[+\-−]?[\d.,]+|\w|[′*†°]", text) else f"^({text})"


def _index(text: str) -> str:
    text = text.strip()
    if _CAN_LOWER.fullmatch(text):
        return text.translate(_LOWERED)
    return f"_{text}" if text.isalnum() else f"_({text})"


def _last_word(before: str) -> str:
    return before.rsplit(None, 1)[-1][-30:] if before and not before[-1].isspace() else ""


def _takes_power(word: str, before: str) -> bool:
    """Whether a figure raised after `word` is a power and not the number of a note."""
    last = word[-1:]
    if last in ".,;:!?…\"'”’»“":
        return False
    if last in ")]":
        inside = before[max(before.rfind("("), before.rfind("[")) + 1 : -1]
        return _VARIABLE.fullmatch(inside.replace(" ", "")) is not None or len(inside) < 3
    bare = word.lstrip("([\"'“‘«~≈")
    if bare.lower() in _UNITS or bare.lower().rpartition("/")[2] in _UNITS:
        return True
    if bare.lower() == "in":
        return re.search(r"\d\s+in\Z", before, re.IGNORECASE) is not None
    return not last.isalnum() or _VARIABLE.fullmatch(bare) is not None


def next_text(node: "LexborNode") -> str:
    """Return the beginning of the text right after an element."""
    follower = node.next
    return (follower.text_content or "")[:12] if follower is not None and follower.tag == "-text" else ""


def is_before_sub(node: "LexborNode") -> bool:
    """Whether a subscript follows the text after a superscript: a fraction, <sup>3</sup>/<sub>4</sub>."""
    follower = node.next
    second = follower.next if follower is not None else None
    return second is not None and second.tag == "sub"


def math_text(top: "LexborNode") -> str:
    """Return a `<math>` element on one line: `3/4`, `10⁶`, `√(a+b)`; TeX where it is all that can be read."""
    tex = ""
    stack: list[tuple[LexborNode, list[str]]] = [(top, [])]
    node = top.child
    while stack:
        if node is None:
            done, parts = stack.pop()
            text = _joined(done, parts)
            if not stack:
                return text or tex or (top.attributes.get("alttext") or "").strip()
            stack[-1][1].append(text)
            node = done.next
            continue
        tag = node.tag or ""
        if tag == "-text":
            if text := (node.text_content or "").strip(" \t\n\r\f"):
                stack[-1][1].append(text)
        elif tag == "mspace":
            stack[-1][1].append(" ")
        elif tag == "annotation":
            if "tex" in (node.attributes.get("encoding") or "").lower():
                tex = tex or (node.text() or "").strip()
        elif tag not in ("annotation-xml", "mphantom", "-comment"):
            stack.append((node, []))
            node = node.child
            continue
        node = node.next
    return ""


def _joined(node: "LexborNode", parts: list[str]) -> str:
    """Return the text of one element of MathML, from the texts of its children."""
    tag = node.tag or ""
    make = _MAKERS.get(tag)
    if make is not None:
        return make([*parts, "", "", ""]) if any(parts) else ""
    if tag == "mroot" and len(parts) == 2:
        sign = {"3": "∛", "4": "∜"}.get(parts[1]) or f"{power(parts[1]).lstrip('^')}√"
        return sign + _grouped(parts[0])
    if tag == "mfenced":
        attributes = node.attributes
        return (attributes.get("open") or "(") + ", ".join(parts) + (attributes.get("close") or ")")
    if tag == "mtable":
        return "; ".join(parts)
    if tag == "mtr":
        return ", ".join(parts)
    if tag == "mmultiscripts":
        return _with_scripts(parts, [child.tag or "" for child in node.iter()])
    return "".join(_apart(parts))


def _apart(parts: list[str]) -> Iterator[str]:
    """Yield the parts with a space between a whole number and a fraction, and around a word (`sin`, `if`)."""
    last = ""
    for part in parts:
        if last[-1:].isalnum() and part[:1].isalnum():
            fraction = last[-1:].isdigit() and part[:1].isdigit() and "/" in part
            if fraction or (len(last) > 1 and last.isalpha()) or (len(part) > 1 and part.isalpha()):
                yield " "
        yield part
        last = part or last


def _with_scripts(parts: list[str], tags: list[str]) -> str:
    """Return a base with scripts; those after `mprescripts` stand before it (¹⁴C)."""
    middle = tags.index("mprescripts") if "mprescripts" in tags else len(tags)
    base, after, ahead = parts[0] if parts else "", parts[1:middle], parts[middle + 1 :]
    text = "".join(power(script) for script in ahead[1::2] if script) + base
    for place, script in enumerate(after):
        if script:
            text += power(script) if place % 2 else _index(script)
    return text


def _grouped(text: str) -> str:
    """Return `text` in brackets unless it is one number, one word or bracketed already."""
    text = text.strip()
    closed = text[:1] == "(" and text[-1:] == ")" and "(" not in text[1:] and ")" not in text[:-1]
    return text if closed or re.fullmatch(r"[\d.,]*|[^\W\d_]*[⁰-⁹ⁿ²³¹₀-₉]*", text) else f"({text})"


def _over(parts: list[str]) -> str:
    """Return a base with something over it: an accent joins it, anything else is its upper limit."""
    base, over = parts[0], parts[1]
    accents = {"¯": "\u0304", "‾": "\u0304", "_": "\u0304", "^": "\u0302", "ˆ": "\u0302", "~": "\u0303", "˜": "\u0303",
               "→": "\u20d7", "˙": "\u0307", "¨": "\u0308"}  # fmt: skip
    if over in accents:
        return base + accents[over] if len(base) == 1 else base
    return base if over in ("⏞", "︷") else base + power(over)


_MAKERS: dict[str, Callable[[list[str]], str]] = {
    "mfrac": lambda parts: f"{_grouped(parts[0])}/{_grouped(parts[1])}",
    "msup": lambda parts: _grouped(parts[0]) + power(parts[1]),
    "msub": lambda parts: parts[0] + _index(parts[1]),
    "msubsup": lambda parts: parts[0] + _index(parts[1]) + power(parts[2]),
    "munder": lambda parts: parts[0] + _index(parts[1]),
    "munderover": lambda parts: parts[0] + _index(parts[1]) + power(parts[2]),
    "mover": _over,
    "msqrt": lambda parts: "√" + _grouped("".join(parts)),
}
