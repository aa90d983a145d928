"""Telephone numbers in text: a shape that only telephones have, or a word such as "tel." before.

    flat = flatten("Tel. 4063-6462 or +49 30 1234567")
    for start, end in find_phones(flat, digit_runs(flat)): ...

In: a text and the runs of digits in it. Out: where its telephone numbers stand, extensions included. Which country
codes there are, and how long a number behind each can be, is `phonenumbers`' knowledge; national numbers are known by
their grouping (`030 1234567`, `06 12 34 56 78`, `(555) 123-4567`, `61-99639-7694`, `8-800-555-35-35`, `93 123 45 67`).
A number that could be something else (`612 345 678`, `4063-6462`, `12345678`) is found only behind a word. Rows of
times, draws, years, sums and versions are left alone. Every run is looked at once, in windows of at most fifteen
digits: the time grows with the length of the text.
"""

import re
from collections.abc import Iterator
from functools import cache, cached_property

import phonenumbers

from penname.corpus.phone_words import (
    REACH,
    Named,
    counts_something,
    follows_list,
    follows_masked,
    is_dialled,
    is_draw,
    is_other_number,
    is_page_range,
    is_postcode,
    is_round,
    is_row,
    is_sum,
    may_end_a_call,
    named_by,
    tells_of_draws,
)

_CLASSES = bytes(48 if byte in b"0123456789 ().-/+" else 97 for byte in range(256))
_SHORTEST_RUN = b"0" * 7
_GROUP = re.compile(r"\d+")
_RUN = re.compile(r"\d+(?:(?:\.(?! )|[ \-/()]){1,4}\d+)*")  # a full stop before a space ends a sentence
_FEWEST, _MOST = 7, 15  # digits
_SAME_SIGN = [*((sign, "-") for sign in "\u2010\u2011\u2012\u2013\u2212\uff0d"), ("\u00a0", " "), ("\uff0b", "+")]
_FOREIGN_BLOCKS = (b"\x06", b"\x09", b"\xff")  # the high bytes of Arabic, Devanagari and full-width digits
_FOREIGN_DIGITS = {zero + digit: str(digit) for zero in (0x660, 0x6F0, 0x966, 0x9E6, 0xFF10) for digit in range(10)}
_EXTENSION = re.compile(
    r"[ ,]{0,2}\(?(?:ext(?:ension|n)?|x|durchwahl|dw|poste|int|anexo|ramal|доб)\.?[ :]{0,2}\d{1,6}(?!\w)\)?",
    re.IGNORECASE,
)
_BRAZILIAN_AREA = re.compile(r"1[1-9]|2[12478]|3[1-578]|4[1-9]|5[1345]|6[1-9]|7[134579]|8[1-9]|9[1-9]")
_BRAZILIAN = {(2, 4, 4), (2, 5, 4), (2, 1, 4, 4), (5, 4)}
_SPANISH = {(2, 3, 2, 2), (3, 2, 2, 2)}
_RUSSIAN = {(1, 3, 3, 2, 2), (1, 3, 3, 4), (1, 3, 7)}
_AMERICAN = {(3, 3, 4), (1, 3, 3, 4)}


class _Number:
    """Groups of digits in `flat`, from `places`, that may be a telephone number, and the signs between them."""

    def __init__(self, flat: str, places: list[tuple[int, int]]) -> None:
        self.flat, self.places = flat, places
        self.start, self.end = places[0][0], places[-1][1]
        self.groups = [flat[start:end] for start, end in places]
        self.signs = [flat[places[i][1] : places[i + 1][0]] for i in range(len(places) - 1)]
        sign = flat[self.start - 1] if self.start else ""
        doubled = sign == "+" and self.start > 1 and flat[self.start - 2] == "("
        self.opening = "(+" if doubled else sign if sign in ("(", "+") else ""

    @cached_property
    def lengths(self) -> tuple[int, ...]:
        return tuple(map(len, self.groups))

    @cached_property
    def digits(self) -> int:
        return sum(self.lengths)

    @cached_property
    def before(self) -> str:
        """The text before the number and its opening."""
        start = self.start - len(self.opening)
        return self.flat[max(0, start - 4 * REACH) : start]

    @cached_property
    def after(self) -> str:
        return self.flat[self.end : self.end + 4 * REACH]


def flatten(text: str) -> str:
    """Return a text of the same length with plain hyphens, spaces and digits in place of their relatives."""
    if text.isascii():
        return text
    flat = text
    for sign, plain in _SAME_SIGN:
        flat = flat.replace(sign, plain)
    high = flat.encode("utf-16-le", "surrogatepass")[1::2]
    return flat.translate(_FOREIGN_DIGITS) if any(block in high for block in _FOREIGN_BLOCKS) else flat


def digit_runs(flat: str) -> list[tuple[int, int]]:
    """Return `(start, end)` of each run of seven digits or more, with the signs that stand between them."""
    shape = flat.encode("latin-1", "replace").translate(_CLASSES)
    runs = []
    done = 0
    while (at := shape.find(_SHORTEST_RUN, done)) >= 0:
        first = max(done, shape.rfind(b"a", done, at) + 1)
        done = shape.find(b"a", at)
        done = done if done >= 0 else len(shape)
        for match in _RUN.finditer(flat, first, done):
            start, end = match.span()
            if end - start >= _FEWEST and sum(map(len, _GROUP.findall(match[0]))) >= _FEWEST:
                runs.append((start, end))
    return runs


def find_phones(flat: str, runs: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield `(start, end)` of each telephone number in the `digit_runs` of `flat`."""
    last = -1
    for start, end in runs:
        if _goes_on_from_a_word(flat, start):
            continue
        for places in _parts(flat, start, end):
            for number in _phones_in(flat, places, last):
                last = number.end
                if extension := _EXTENSION.match(flat, last):
                    last = extension.end()
                yield _with_brackets(flat, number.start - len(number.opening), last)


def _goes_on_from_a_word(flat: str, start: int) -> bool:
    """Whether a run is the end of a word, an address, a decimal or a date, as its left neighbours show."""
    before = flat[max(0, start - 2) : start]
    sign = before[-1:]
    if sign.isalnum() or sign in tuple("_@#&%\\/="):
        return not is_dialled(flat[max(0, start - REACH) : start])
    if sign == "+":
        return before[:-1].isalnum() and not before[:-1].isdigit()
    return sign in tuple(".,:-") and before[:-1].isdigit()


def _with_brackets(flat: str, start: int, end: int) -> tuple[int, int]:
    """Take a bracket into a number, or leave it out, so that none is left alone."""
    inside = flat[start:end]
    opened, closed = inside.count("("), inside.count(")")
    if opened > closed:
        return start + inside.startswith("("), end
    return start, end - (closed > opened and inside.endswith(")"))


def _parts(flat: str, start: int, end: int) -> Iterator[list[tuple[int, int]]]:
    """Yield the groups of a run, cut where a slash or a dash between spaces parts two numbers that are long enough."""
    places = [match.span() for match in _GROUP.finditer(flat, start, end)]
    left = sum(two - one for one, two in places)
    first = digits = 0
    for place, (one, two) in enumerate(places):
        sign = flat[places[place - 1][1] : one] if place else ""
        if digits >= _FEWEST and left >= _FEWEST and ("/" in sign or sign == " - "):
            yield places[first:place]
            first, digits = place, 0
        digits += two - one
        left -= two - one
    yield places[first:]


def _phones_in(flat: str, places: list[tuple[int, int]], last: int) -> Iterator[_Number]:
    """Yield the telephone numbers in one part of a run; as a rule it is one, as a whole, or none."""
    start = places[0][0]
    named = _named(flat, start, last) if flat[start - 1 : start] != "+" else Named.NOT
    first = 0
    while first < len(places):
        for count in _at_the_start(places, named) if not first else _further_on(flat, places, first):
            number = _Number(flat, places[first : first + count])
            if _is_phone(number, Named.NOT if first else named, whole=count == len(places)):
                yield number
                first += count
                break
        else:
            first += 1


def _named(flat: str, start: int, last: int) -> Named:
    """What the words before a run say; `last` is where the last telephone number ended."""
    gap = flat[last:start] if start - REACH < last <= start else ""
    before = flat[max(0, start - REACH) : start]
    if (gap and follows_list(gap)) or ("[phone]" in before and follows_masked(before)):
        return Named.STRONGLY
    return named_by(before)


def _at_the_start(places: list[tuple[int, int]], named: Named) -> list[int]:
    """How many groups may be one telephone number that begins a part: all, or the most first, up to fifteen digits."""
    sizes: list[int] = []
    digits = 0
    for count, (start, end) in enumerate(places[: _MOST + 1], 1):
        digits += end - start
        if digits > _MOST:
            return sizes[:1] if named else sizes[::-1]
        if digits >= _FEWEST:
            sizes.append(count)
    return sizes[::-1]


def _further_on(flat: str, places: list[tuple[int, int]], first: int) -> list[int]:
    """How many groups may be one telephone number in the middle of a part, among numbers of another kind.

    Only what cannot be taken for the next number of a row: `(030) 1234567`, `030 1234567`, `202-555-0143`.
    """
    start, end = places[first]
    before, after = flat[start - 1], flat[end : end + 1]
    ahead = places[first : first + 5]
    if before == "(":
        area = after == ")" and 2 <= end - start <= 5
        return [count for count in (4, 3, 2) if count <= len(ahead)] if area else []
    if before not in " /":
        return []
    if after and after in "-./":
        joined = 1
        while joined < len(ahead) and " " not in flat[ahead[joined - 1][1] : ahead[joined][0]]:
            joined += 1
        return [joined] if sum(two - one for one, two in ahead[:joined]) >= _FEWEST else []
    long_enough = len(ahead) > 1 and ahead[1][1] - ahead[1][0] >= 5
    return [2] if flat[start] == "0" and 2 < end - start < 6 and long_enough else []


def _is_phone(number: _Number, named: Named, whole: bool) -> bool:
    """Whether a number is a telephone's; `whole` when it is all of a part and not only its beginning or its middle."""
    if "+" in number.opening:
        return _is_international(number.groups, number.signs) and _ends_well(number)
    if is_row(number.groups, number.signs):
        return False
    if not (named and _may_be_named(number, named)) and not (
        (whole or _is_firm(number)) and _has_national_shape(number)
    ):
        return False
    if is_other_number(number.before):
        return False
    return _ends_well(number) and not counts_something(number.after)


def _ends_well(number: _Number) -> bool:
    """Whether no word and no decimals go on from a number."""
    after = number.after[:2]
    if after[:1].isalnum() or after[:1] in tuple("_@="):
        return _EXTENSION.match(number.after) is not None
    return not (after[1:].isdigit() and after[0] in "-.,:")


def _is_firm(number: _Number) -> bool:
    """Whether a number holds together so well that others may stand beside it."""
    if number.opening == "(" or (number.signs and not any(" " in sign for sign in number.signs)):
        return True
    return number.groups[0][0] == "0" and number.groups[0][:2] != "00" and number.lengths[1:2] >= (5,)


def _may_be_named(number: _Number, named: Named) -> bool:
    """Whether a number behind a word such as "tel." is one, and not a sum or a count."""
    if not _FEWEST <= number.digits <= _MOST or is_sum(number.groups) or is_round(number.groups, number.signs):
        return False
    if len(number.groups) == 1 and number.groups[0].endswith("0000"):
        return False
    return named == Named.STRONGLY or "-" in number.signs or may_end_a_call(number.after)


def _is_international(groups: list[str], signs: list[str]) -> bool:
    """Whether a number with `+` has a country code, a length that is possible there, and is no sum or decimal."""
    if is_sum(groups, least=2) or signs == ["."]:
        return False
    return _is_possible("".join(groups), bracketed_nought=len(groups) > 1 and groups[1] == "0")


def _is_possible(digits: str, bracketed_nought: bool = False) -> bool:
    for size in (1, 2, 3):
        if lengths := _national_lengths(int(digits[:size])):
            national = digits[size:]
            if bracketed_nought or (len(national) not in lengths and national[:1] == "0"):
                national = national.removeprefix("0")
            return len(national) in lengths
    return False


@cache
def _national_lengths(code: int) -> frozenset[int]:
    """How many digits numbers behind a country code can have; none where there is no such code."""
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(code, ())
    if not regions:
        return frozenset()
    if regions[0] == "001":
        data = phonenumbers.PhoneMetadata.metadata_for_nongeo_region(code)
    else:
        data = phonenumbers.PhoneMetadata.metadata_for_region(regions[0])
    return frozenset(data.general_desc.possible_length if data and data.general_desc else ())


def _has_national_shape(number: _Number) -> bool:
    groups, signs, lengths, first = number.groups, number.signs, number.lengths, number.groups[0]
    if number.opening == "(" and signs and ")" in signs[0]:
        return _has_area(number)
    if first == "011" or first[:2] == "00":
        rest = [group for group in [first[3 if first == "011" else 2 :], *groups[1:]] if group]
        return (
            len(groups) > 1
            and rest[0][0] != "0"
            and _is_possible("".join(rest), "(0)" in "".join(signs[:1]) or "0" in rest[1:2])
        )
    if first[0] == "0":
        return _has_trunk(number)
    if lengths in _AMERICAN:
        return _is_american(number)
    if lengths in _BRAZILIAN and signs[-1] == "-":
        return _is_brazilian(number)
    if lengths in _RUSSIAN:
        return first == "8"
    return lengths in _SPANISH and first[0] in "6789" and set(signs) == {" "}


def _has_area(number: _Number) -> bool:
    """`(030) 1234567`, `(555) 123-4567`, `(0)30 1234567`."""
    area = number.groups[0]
    if len(area) > 5 or (len(area) == 1 and area != "0") or (len(area) == 4 and area[:2] in ("19", "20")):
        return False
    return 8 <= number.digits <= 13 and not is_page_range(number.groups, number.signs) and not _all_round(number)


def _all_round(number: _Number) -> bool:
    return all(group.endswith("00") for group in number.groups)


def _has_trunk(number: _Number) -> bool:
    """`030 1234567`, `06 12 34 56 78`, `0171/1234567`: a nought and nine to twelve digits that are no row."""
    groups, lengths = number.groups, number.lengths
    if not 9 <= number.digits <= 12 or groups[0][1:2] in ("", "0"):
        return False
    if len(lengths) == 1:
        return number.digits in (10, 11)
    if set(lengths) == {2}:
        drawn = is_draw(groups) or tells_of_draws(number.before)
        return len(lengths) == 5 and len(set(number.signs)) == 1 and not drawn
    if 1 in lengths[:-1] or (lengths[-1] == 1 and groups[-1] != "0"):
        return False
    return not (len(groups) > 2 and len(set(lengths)) == 1 and all(group[0] == "0" for group in groups))


def _is_american(number: _Number) -> bool:
    """`555-123-4567`, `1 (800) 555-0199`; with nothing but spaces only where the area exists."""
    groups, signs = number.groups[-3:], number.signs[-2:]
    if (number.lengths[0] == 1 and number.groups[0] != "1") or groups[0][0] in "01":
        return False
    if any(sign in ("-", ".") for sign in signs) or ")" in signs[0]:
        return True
    return not is_round(groups, signs) and groups[1][0] not in "01" and _is_american_area(groups[0])


@cache
def _is_american_area(area: str) -> bool:
    return phonenumbers.is_valid_number(phonenumbers.parse(f"+1{area}2345678"))


def _is_brazilian(number: _Number) -> bool:
    """`61-99639-7694`, `61 8510-1721`, `99942-9317`."""
    groups = number.groups
    if len(groups) == 2:
        return groups[0][0] == "9" and not is_postcode(number.before, number.after)
    if len(groups) == 4 and groups[1] != "9":
        return False
    return _BRAZILIAN_AREA.fullmatch(groups[0]) is not None and not is_page_range(groups, number.signs)
