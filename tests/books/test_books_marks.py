"""Books hold what blogs hold: combining marks without end are not sorted by the square of their number."""

from penname.books.marks import plain_characters


def test_endless_marks_are_cut_to_thirty_in_a_row() -> None:
    found = plain_characters("e" + "\u0323\u0301" * 5000 + "nd")
    assert found.endswith("nd") and len(found) <= 33
    assert plain_characters("e\u0301") == "é"
