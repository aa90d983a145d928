"""Bank accounts and card numbers in text, known by their check digits.

    for kind, start, end in find_accounts(flat, runs): ...        # "iban" or "card"

In: a text as `private_phones.flatten` returns it, and its `digit_runs`. Out: where its IBANs and card numbers stand.
Lengths and structures of IBANs, and the check digits of both, are `stdnum`'s; which lengths and first digits cards
have stands here. Each run is looked at once, in windows of bounded length.
"""

import re
from collections.abc import Iterator
from functools import cache

from stdnum import iban, luhn, numdb

_IBAN_START = re.compile(r"(?<![A-Za-z0-9])(?:[A-Z]{2}|[a-z]{2})\d{2}(?=[ A-Za-z0-9-])")
_IBAN_REACH = 60  # an IBAN of 34 signs in groups of four, with a space or a hyphen between them
_CARD = re.compile(
    r"(?<![\w.,/+-])(?<!\d{4} )(?:\d{14,16}"
    r"|\d{4}(?P<sign>[ -])\d{4}(?P=sign)\d{4}(?P=sign)\d{4}(?:(?P=sign)\d{3}(?!\d))?"
    r"|\d{4}(?P<other>[ -])\d{6}(?P=other)\d{4,5})"
    r"(?!\w|[-.,/]\d| \d{4})"
)
# Issuers' first digits and lengths (ISO/IEC 7812); 13 and 19 digits without a space are too often something else.
_ISSUERS = re.compile(
    r"(?:4\d{15}(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}|3[47]\d{13}"
    r"|3(?:0[0-59]|[689]\d)\d{11}|35(?:2[89]|[3-8]\d)\d{12}|6(?:011|4[4-9]\d|5\d\d)\d{12}|62\d{14}(?:\d{3})?)"
)


def find_accounts(flat: str, runs: list[tuple[int, int]]) -> Iterator[tuple[str, int, int]]:
    """Yield `("iban" or "card", start, end)` of each account or card number whose check digits are right."""
    done = 0
    for start, stop in runs:  # every account number has a run
        for match in _IBAN_START.finditer(flat, max(done, start - _IBAN_REACH), stop):
            if match.start() >= done and (end := _end_of_iban(flat, match.start())):
                yield "iban", match.start(), end
                done = end
        done = max(done, stop - 4)
        for match in _CARD.finditer(flat, start, stop):  # `stop` hides what follows the run
            if not flat[match.end() : match.end() + 1].isalnum() and _is_card("".join(filter(str.isdigit, match[0]))):
                yield "card", match.start(), match.end()


def _end_of_iban(flat: str, start: int) -> int:
    """Return where the account number that starts at `start` ends, 0 when its length or its check digits are wrong."""
    wanted = _iban_length(flat[start : start + 2].upper())
    signs: list[str] = []
    end = start
    while len(signs) < wanted and end < len(flat):
        if flat[end].isascii() and flat[end].isalnum():
            signs.append(flat[end])
        elif flat[end] not in " -":
            return 0
        end += 1
    if not wanted or len(signs) < wanted or flat[end : end + 1].isalnum():
        return 0
    return end if _is_iban("".join(signs)) else 0


@cache
def _iban_length(country: str) -> int:
    """How many signs an account number of a country has; 0 where there is no such country."""

    found = numdb.get("iban").info(country)[0][1].get("bban", "")
    return 4 + sum(map(int, re.findall(r"(\d+)!", found))) if found else 0


def _is_iban(signs: str) -> bool:

    valid: bool = iban.is_valid(signs, check_country=False)
    return valid


def _is_card(digits: str) -> bool:
    """Whether digits have an issuer's beginning, that issuer's length and the right check digit."""

    return _ISSUERS.fullmatch(digits) is not None and luhn.is_valid(digits)
