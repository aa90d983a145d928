"""Telephone numbers in text: a shape that only telephones have, or a word such as "tel." before.

    for start, end in find_phones(text, digit_runs(text)): ...

Shapes: `+49 30 1234567`, `0049 30 1234567`, `(61) 9.8164-5550`, `555-123-4567`, `030 1234567`, `06 12 34 56
78`, `61-99639-7694`, `8-800-555-35-35`, `93 123 45 67`. Not found without a word before: `612 345 678`,
`4063-6462`.
"""

import re
from collections.abc import Iterator

# Digits and the signs that telephone numbers are written with; the shapes are looked for only in such runs.
_RUN = re.compile(r"\d[\d ().\-/\u2013]{5,60}")
_SHAPES = re.compile(
    r"""(?<![\w.,:@\#=&%+/-])(?:
      (?P<plus>\+\d{1,4}(?:[ ./-]{1,2}\(?\d{1,10}\)?){1,6}
        | \+\d{1,3}[ ]?\(\d{1,5}\)[ .-]?\d{2,9}(?:[ .-]\d{1,5}){0,4} | \+\d{8,15})
    | (?P<zeros>00[1-9]\d{1,2}(?:[ ./-]\(?\d{1,8}\)?){1,6} | 00[1-9]\d{8,12})
    | (?P<area>\(0?\d{2,4}\)[ .-]{0,2}\d{1,7}(?:[ .-]\d{2,5}){0,4})
    | (?P<trunk>0[1-9]\d{0,4}(?:[ ./-]\d{2,8}){1,5} | 0[1-9]\d{8,10})
    | (?P<american>(?:1[ .-])?[2-9]\d{2}[.-]\d{3}[.-]\d{4})
    | (?P<brazilian>\d{2}[ -](?:9[ .]?)?\d{4}-\d{4} | 9\d{4}-\d{4})
    | (?P<russian>8[ -]\d{3}[ -]\d{3}[ -]\d{2}[ -]\d{2})
    | (?P<spanish>[6-9]\d[ ]\d{3}[ ]\d{2}[ ]\d{2} | [6-9]\d{2}[ ]\d{2}[ ]\d{2}[ ]\d{2})
    )(?![\w]|[-./,:]\d)""",
    re.VERBOSE,
)
_WORD_BEFORE = re.compile(
    r"(?:\b(?:tel|telephone|phone|mobile|mob|cell|fax|call|dial|sms|whatsapp|telegram|signal|telefon|telefono|telefone"
    r"|teléfono|telèfon|téléphone|tél|handy|mobil|fone|celular|móvil|movil|zap|zapzap|ligue|llama|appelez|rufnummer|nummer)"
    r"|тел|телефон|звоните|电话|電話|手机|手機)[^\d\n]{0,20}$",
    re.IGNORECASE,
)
_AFTER_WORD = re.compile(r"\+?\(?\d{1,5}\)?(?:[ .\-/]{0,2}\(?\d{1,12}\)?){0,6}")
_DATE = re.compile(r"\(?(?:\d{1,2}[./-]\d{1,2}[./-](?:\d{4}|\d{2})|(?:19|20)\d\d[./-]\d{1,2}[./-]\d{1,2})(?!\d)")
_FRENCH = re.compile(r"0[1-9]([ .-])\d\d\1\d\d\1\d\d\1\d\d")  # five pairs, which a date has not
_YEARS = re.compile(r"(?:^|\D)(?:1[0-9]|20)\d\d[ ]?[-–/][ ]?(?:1[0-9]|20)\d\d(?!\d)")
_ISBN = re.compile(r"(?:ISBN|ISSN|DOI|ORCID|EAN|PMID|arXiv)\W{0,3}(?:ID|10|13)?\W{0,3}$", re.IGNORECASE)
_FEWEST_DIGITS = 6
_FEWEST = {"plus": 8, "zeros": 10, "area": 8, "trunk": 9}


def digit_runs(text: str) -> list[tuple[int, int]]:
    """Return `(start, end)` of each run of six digits or more, with the signs that stand between them."""
    runs = []
    for match in _RUN.finditer(text):
        if sum(sign.isdigit() for sign in match[0]) >= _FEWEST_DIGITS:
            start = match.start()
            runs.append((start - 1 if text[start - 1 : start] in ("+", "(") else start, match.end()))
    return runs


def find_phones(text: str, runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each telephone number in the `digit_runs` of `text`."""
    for start, end in runs:
        before = text[max(0, start - 40) : start]
        if _ISBN.search(before) or before.endswith(("$", "€", "£", "¥")):
            continue
        named = _AFTER_WORD.match(text, start, end) if _WORD_BEFORE.search(before) else None
        if named and _is_named(named[0]):
            yield start, start + len(named[0].rstrip(" .-/("))
            continue
        # one character on both sides lets the shapes see what they touch
        first = max(0, start - 1)
        for match in _SHAPES.finditer(text[first : end + 2]):
            if _is_phone(match):
                stray = match[0].endswith(")") and "(" not in match[0]
                yield first + match.start(), first + match.end() - stray


def _is_named(number: str) -> bool:
    """Whether a number after "tel." is one: 7 to 15 digits, no date, no pair of years."""
    digits = sum(sign.isdigit() for sign in number)
    return 7 <= digits <= 15 and not _DATE.match(number) and not _YEARS.search(number)


def _is_phone(match: re.Match[str]) -> bool:
    """Whether a number of the right shape has the right length and is no date, pair of years or round sum."""
    shape, number = match.lastgroup or "", match[0]
    if _FRENCH.fullmatch(number):
        return True
    digits = "".join(sign for sign in number if sign.isdigit())
    if not _FEWEST.get(shape, 7) <= len(digits) <= 15 or _DATE.match(number) or _YEARS.search(number):
        return False
    if shape == "trunk" and len(digits) > 12:
        return False
    if shape in ("plus", "trunk") and digits.endswith("000"):
        return False
    if shape == "plus" and number.count(".") == 1 and " " not in number:  # +3.14159265
        return False
    return not (shape == "area" and re.match(r"\((?:19|20)\d\d\)", number))
