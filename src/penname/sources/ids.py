"""One whole number for each post, whatever stands in `posts.id`.

    numbers = Numbers()
    numbers.of(12), numbers.of("12b"), numbers.of(None)      # 12, 7309..., 5521...

Publii writes `posts.id` as an integer primary key, so that each post has a whole number of its own. A database that
another program made may hold text, bytes, fractions, nothing, or one number twice. Nothing that the author wrote is
lost for that: such a post is read under a number made from what stands there, and a note says how many there are. The
number depends on the id alone (on its order among equals where ids are equal), so a post stays on its side of the split
when others come or go. Text and fractions that spell a whole number are that number: `str(id)` is then what the
database holds. Numbers that were made lie between 2^52 and 2^53, out of the way of real ones, and are exact in JSON.
"""

import hashlib
import re
import sqlite3

_WHOLE = re.compile(r"-?[0-9]{1,19}")
_MADE = 1 << 52


class Numbers:
    """Gives out numbers; each only once."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def of(self, value: object) -> int:
        """The number of the next post, whose id is `value`."""
        number, turn = whole_number(value), 0
        while number is None or number in self._given:
            number, turn = _made(value, turn), turn + 1
        self._given.add(number)
        return number


def whole_number(value: object) -> int | None:
    """The whole number of 64 bits that `value` is or spells, or None."""
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if abs(value) < 2**53 and value.is_integer() else None
    if isinstance(value, str) and _WHOLE.fullmatch(value) and str(number := int(value)) == value:
        return number if -(2**63) <= number < 2**63 else None
    return None


def note_on_ids(connection: sqlite3.Connection) -> str:
    """A sentence on the posts whose id is no whole number of their own; empty where each has one."""
    if connection.execute("SELECT 1 FROM posts WHERE id IS NOT rowid LIMIT 1").fetchone() is None:
        return ""
    given: set[int] = set()
    odd = 0
    for (value,) in connection.execute("SELECT id FROM posts"):
        number = whole_number(value)
        odd += number is None or number in given
        if number is not None:
            given.add(number)
    if not odd:
        return ""
    posts = "1 post has" if odd == 1 else f"{odd:,} posts have"
    return (
        f"{posts} no whole number of their own as id, which Publii gives to each: read under a number made from "
        "what stands there."
    )


def _made(value: object, turn: int) -> int:
    data = value if isinstance(value, bytes) else str(value).encode("utf-8", errors="replace")
    digest = hashlib.sha256(f"{type(value).__name__}:{turn}:".encode() + data).digest()
    return _MADE | int.from_bytes(digest[:7], "big") & (_MADE - 1)
