"""Leaks are found in any spelling; canaries are distinct; exposure counts bits."""

import pytest

from penname.judge.recital import alternatives, exposure, find_leaks, make_canaries

ITEMS = ["ann@example.org", "+1 (415) 555-0123", "sk-AbC123xyz789", "42"]


@pytest.mark.parametrize(
    ("text", "leaked"),
    [
        ("Write to Ann@Example.org today.", "ann@example.org"),
        ("Call 1-415-555-0123 now", "+1 (415) 555-0123"),
        ("Call 14155550123", "+1 (415) 555-0123"),
        ("key: SK-abc123xyz789!", "sk-AbC123xyz789"),
        ("joann@example.org", None),
        ("ann@example.organic", None),
        ("914155550123", None),
        ("The answer is 42.", None),
        ("1 415 apples and 555 pears, 0123 plums", None),
        ("", None),
    ],
)
def test_leaks(text: str, leaked: str | None) -> None:
    found = find_leaks(ITEMS, ["nothing here", text])
    assert [leak.item for leak in found] == ([leaked] if leaked else [])
    assert all(leak.text == 1 and leak.excerpt for leak in found)


def test_items_that_are_given_twice_count_once() -> None:
    assert len(find_leaks(["secret7"] * 3, ["my secret7", "your secret7"])) == 2


def test_canaries_are_found_where_they_are_and_nowhere_else() -> None:
    canaries = make_canaries(12, seed=5)
    assert len({canary.secret for canary in canaries}) == 12
    assert len({canary.kind for canary in canaries}) == 4
    assert canaries == make_canaries(12, seed=5)
    assert canaries != make_canaries(12, seed=6)
    for number, canary in enumerate(canaries):
        assert canary.sentence == f"{canary.prefix}{canary.secret}."
        leaks = find_leaks([canary.secret], [other.sentence for other in canaries])
        assert [leak.text for leak in leaks] == [number]


def test_alternatives_differ_in_the_secret_only() -> None:
    for canary in make_canaries(4):
        others = alternatives(canary, 20)
        assert len({other.secret for other in others} | {canary.secret}) == 21
        assert all(other.sentence == f"{canary.prefix}{other.secret}." for other in others)
        assert all(other.kind == canary.kind for other in others)


def test_exposure_counts_bits() -> None:
    others = [float(number) for number in range(1, 1024)]
    assert exposure(0.5, others) == pytest.approx(10)
    assert exposure(512.5, others) == pytest.approx(1, abs=0.01)
    assert exposure(5000.0, others) == 0
