"""Rows of numbers that no telephone has: times, dates, years, draws, sums, versions, addresses.

    is_row(["0815", "0930", "1045"], [" ", " "])        # True: times
    is_draw(["03", "12", "24", "31", "40"])             # True: they rise, none is above 70

In: the groups of digits and the signs between them. Out: yes or no.
"""

from collections.abc import Sequence

_LARGEST_DRAWN = 70
_FIRST_YEAR, _LAST_YEAR = 1000, 2100


def is_row(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether the groups are times, a date, years, binary numbers, an IP address, a version or a sum."""
    if set("".join(groups)) <= {"0", "1"}:
        return True
    if len(groups) < 2 or _are_pairs(groups, signs):
        return False
    if _are_times(groups, signs) or _are_years(groups, signs) or _is_date(groups, signs) or _is_version(groups, signs):
        return True
    return len(groups) > 2 and is_sum(groups)


def is_draw(groups: Sequence[str]) -> bool:
    """Whether numbers rise and none is above what lotteries draw from: `03 12 24 31 40`."""
    numbers = [int(group) for group in groups]
    return len(set(numbers)) == 1 or (numbers == sorted(set(numbers)) and numbers[-1] <= _LARGEST_DRAWN)


def is_sum(groups: Sequence[str], least: int = 1) -> bool:
    """Whether the groups are thousands, `least` of them noughts at the end: `10 000 000`."""
    if len(groups) <= least or len(groups[0]) > 3 or any(len(group) != 3 for group in groups[1:]):
        return False
    return all(group == "000" for group in groups[-least:])


def is_round(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether every group ends in a nought, with only spaces between them: `2400 2500`, `3840 2160`."""
    return len(groups) > 1 and set(signs) == {" "} and all(group[-1] == "0" for group in groups)


def is_page_range(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Whether the last two groups are the first and the last of some pages: `1234-1250`."""
    if len(groups) < 2 or signs[-1] != "-" or len(groups[-1]) != len(groups[-2]):
        return False
    same = 1 if len(groups[-1]) < 4 else 2
    return groups[-2][:same] == groups[-1][:same] and groups[-2] < groups[-1]


def _are_pairs(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Five pairs behind a nought, as the French write: no date has so many."""
    return (
        len(groups) == 5 and groups[0][0] == "0" and len(set(signs)) == 1 and all(len(group) == 2 for group in groups)
    )


def _are_times(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`0815 0930`, `0630-0715`, `06.30 07.15`."""
    if len(groups[0]) == 4:
        return all(len(group) == 4 and _is_time(group[:2], group[2:]) for group in groups)
    if len(groups) % 2 or len(groups) < 4 or set(signs[::2]) != {"."} or "." in signs[1::2]:
        return False
    return all(_is_time(hour, minute) for hour, minute in zip(groups[::2], groups[1::2], strict=True))


def _is_time(hour: str, minute: str) -> bool:
    return len(hour) <= 2 == len(minute) and int(hour) < 25 and int(minute) < 60


def _are_years(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """Only years, or two with a dash or a slash between them at the beginning."""
    if not _is_year(groups[0]) or not _is_year(groups[1]):
        return False
    return signs[0].strip() in ("-", "/") or all(map(_is_year, groups))


def _is_year(group: str) -> bool:
    return len(group) == 4 and _FIRST_YEAR <= int(group) < _LAST_YEAR


def _is_date(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`01.02.2019`, `2019-01-02 10`: the first three groups, with one sign between them."""
    if len(groups) < 3 or signs[0] != signs[1] or signs[0] not in (".", "/", "-"):
        return False
    first, second, third = map(len, groups[:3])
    if first == 4:
        return groups[0][:2] in ("19", "20") and second <= 2 and third <= 2
    return first <= 2 and second <= 2 and third in (2, 4)


def _is_version(groups: Sequence[str], signs: Sequence[str]) -> bool:
    """`10.0.0.138`, `2.23.20.76`: groups behind points, four of them below 256, or the first two short."""
    if len(groups) < 3 or set(signs) != {"."}:
        return False
    quad = len(groups) == 4 and all(len(group) < 4 and int(group) < 256 for group in groups)
    return quad or (len(groups[0]) == 1 and len(groups[1]) < 3)
