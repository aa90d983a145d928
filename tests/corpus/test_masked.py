"""Digests of private data: found again in a text, whatever its spacing; not to be read from the file."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penname.corpus.masked import Masked

ITEMS = ["ann@example.org", "+44 20 7946 0958", "sk-abcDEF12345678", "x1"]
MASKED = Masked.of(ITEMS, "salt")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Write to Ann@Example.org.", "Ann@Example.org"),
        ("Call +44 (0)20 7946 0958", ""),
        ("Call +4420 7946-0958 now", "4420 7946-0958"),
        ("+44 20 79460 958", "44 20 79460 958"),
        ("SK-ABCdef12345678!", "SK-ABCdef12345678"),
        ("442079460958", "442079460958"),
        ("1442079460958", ""),
        ("joann@example.org", ""),
        ("ann@example.org.uk", "ann@example.org"),
        ("x1", ""),
        ("44 20 7946 and then 0958", ""),
    ],
)
def test_items_are_found_again(text: str, found: str) -> None:
    places = [text[start:end] for start, end in MASKED.found_in(text)]
    assert places == ([found] if found else [])


def test_the_file_holds_no_item() -> None:
    written = repr(MASKED.to_json())
    assert len(MASKED.digests) == 3 and "ann" not in written and "7946" not in written
    assert Masked.from_json(MASKED.to_json()) == MASKED
    assert set(Masked.of(ITEMS, "other").digests).isdisjoint(MASKED.digests)


@pytest.mark.parametrize("value", [None, [], {}, {"salt": 1, "digests": []}, {"salt": "", "digests": [1]}])
def test_what_is_not_as_written_is_told(value: object) -> None:
    with pytest.raises(ValueError, match="masked items"):
        Masked.from_json(value)


def test_a_long_key_is_known_by_its_beginning() -> None:
    key = " ".join(f"line{number}ofakey" for number in range(400))
    assert Masked.of([key], "s").found_in(f"My key: {key[:400]}")
    assert not Masked.of([key], "s").found_in(f"My key: {key[20:400]}")


@given(st.from_regex(r"(\w{1,9}\W{0,5}){1,8}", fullmatch=True), st.text(max_size=40), st.text(max_size=40))
def test_any_text_can_be_an_item_and_be_looked_at(item: str, before: str, after: str) -> None:
    masked = Masked.of([item], "s")
    found = masked.found_in(f"{before} | {item} | {after}")
    assert bool(found) >= bool(masked.digests)
