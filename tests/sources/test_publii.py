"""Which rows are read, in what order, by which editor; exact counts on real sites."""

import json
import sqlite3
import tracemalloc
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from publii_site import DAY, add_posts, make_database, post

from penname.core.errors import InputError
from penname.sources.post import Counts
from penname.sources.publii import Row, count_rows, editor_of, is_block_json, iso_day, iter_rows
from penname.sources.publii_site import open_site

BLOCKS = '[{"id":1,"type":"publii-paragraph","content":"Hello","config":{}}]'
# Counted by hand from `SELECT status, count(*) ... GROUP BY status`: live, pages, drafts, trashed.
REAL = {
    "DAHCommons__dahc_publii": Counts(35, 0, 0, 0),
    "FLINT-Camp__flint_build": Counts(11, 0, 0, 1),
    "HuyPhuongVN__rainblog": Counts(0, 0, 0, 0),
    "NAG-SAW__public-website": Counts(0, 26, 0, 0),
    "azukaar__cosmos-cloud-blog": Counts(1, 0, 0, 3),
    "dniminenn__danetron3030s-afterlife": Counts(46, 0, 0, 0),
    "f0rthsp4ce__website": Counts(8, 0, 0, 0),
    "martinkaptein__martin-kaptein": Counts(26, 0, 1, 0),
    "oacu-antropologia__weboacu": Counts(116, 0, 7, 3),
    "sheepht__sheepht.github.io": Counts(7, 0, 1, 3),
    "svetlova1985__sinoxby.github.io": Counts(84, 0, 0, 2),
    "tartley__vote-yes-for-school-tech-source": Counts(6, 0, 0, 1),
    "viahorizonte__site": Counts(51, 0, 1, 4),
}


def rows(tmp_path: Path, *posts: dict[str, Any], **kinds: bool) -> list[Row]:
    database = tmp_path / "db.sqlite"
    database.unlink(missing_ok=True)
    with open_site(make_database(database, posts)) as site:
        return list(iter_rows(site, **kinds))


@pytest.mark.parametrize("name", sorted(REAL))
def test_real_sites_are_counted_exactly(shared_data: Path, name: str) -> None:
    with open_site(shared_data / "publii" / f"{name}.sqlite") as site:
        assert count_rows(site) == REAL[name]
        found = list(iter_rows(site))
        assert len(found) == REAL[name].live
        everything = list(iter_rows(site, pages=True, drafts=True, trashed=True))
        assert len(everything) == sum(vars(REAL[name]).values())
    # A second way to the same number, in SQL.
    with closing(sqlite3.connect(shared_data / "publii" / f"{name}.sqlite")) as connection:
        (expected,) = connection.execute(
            "SELECT count(*) FROM posts WHERE ',' || status || ',' LIKE '%,published,%' "
            "AND status NOT LIKE '%trashed%' AND status NOT LIKE '%draft%' AND status NOT LIKE '%is-page%'"
        ).fetchone()
    assert len(found) == expected


def test_every_real_site_is_in_the_table(shared_data: Path) -> None:
    assert {path.stem for path in (shared_data / "publii").glob("*.sqlite")} == set(REAL)


def test_traps_of_real_sites(shared_data: Path) -> None:
    with open_site(shared_data / "publii" / "azukaar__cosmos-cloud-blog.sqlite") as site:
        assert [row.id for row in iter_rows(site)] == [4]
    with open_site(shared_data / "publii" / "viahorizonte__site.sqlite") as site:
        assert Counter(row.editor for row in iter_rows(site)) == {"tinymce": 49, "blockeditor": 2}
    with open_site(shared_data / "publii" / "f0rthsp4ce__website.sqlite") as site:
        assert {row.editor for row in iter_rows(site)} == {"markdown"}
    with open_site(shared_data / "publii" / "DAHCommons__dahc_publii.sqlite") as site:
        assert {row.editor for row in iter_rows(site)} == {"tinymce"}


def test_modern_blog(shared_data: Path) -> None:
    with open_site(shared_data / "blogs" / "mtlynch.sqlite") as site:
        assert count_rows(site) == Counts(249, 0, 0, 6)
        found = list(iter_rows(site))
    assert Counter(row.editor for row in found) == {"tinymce": 94, "markdown": 79, "blockeditor": 76}
    assert (found[0].date, len({row.id for row in found})) == (min(row.date for row in found), 249)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("published", "live"),
        ("published,hidden", "live"),
        ("hidden,published", "live"),
        ("excluded_homepage,featured,hidden,published", "live"),
        (" published , featured ", "live"),
        ("published,", "live"),
        ("published,trashed", "trashed"),
        ("trashed,published,featured", "trashed"),
        ("draft,trashed", "trashed"),
        ("draft", "drafts"),
        ("hidden,excluded_homepage,draft", "drafts"),
        ("published,draft", "drafts"),
        ("", "drafts"),
        (None, "drafts"),
        ("hidden", "drafts"),
        ("unpublished", "drafts"),
        ("published,is-page", "pages"),
        ("is-page,published,hidden", "pages"),
        ("draft,is-page", "drafts"),
    ],
)
def test_status(tmp_path: Path, status: str | None, kind: str) -> None:
    row = post(1, status=status)
    assert len(rows(tmp_path, row)) == (kind == "live")
    if kind != "live":
        flags = {
            "pages": "is-page" in (status or ""),
            "drafts": "draft" in (status or "") or kind == "drafts",
        }
        assert len(rows(tmp_path, row, trashed=kind == "trashed", **flags)) == 1
    with open_site(tmp_path / "db.sqlite") as site:
        assert getattr(count_rows(site), kind) == 1


def test_each_kind_only_when_asked(tmp_path: Path) -> None:
    made = [
        post(1),
        post(2, status="published,is-page"),
        post(3, status="draft"),
        post(4, status="published,trashed"),
        post(5, status="draft,is-page"),
        post(6, status="draft,trashed"),
    ]

    def ids(**kinds: bool) -> list[int]:
        return [row.id for row in rows(tmp_path, *made, **kinds)]

    assert ids() == [1]
    assert ids(pages=True) == [1, 2]
    assert ids(drafts=True) == [1, 3]
    assert ids(trashed=True) == [1, 4]
    assert ids(pages=True, drafts=True) == [1, 2, 3, 5]
    assert ids(drafts=True, trashed=True) == [1, 3, 4, 6]


def test_order_is_by_date_and_then_id(tmp_path: Path) -> None:
    made = [
        post(1, created_at=5 * DAY),
        post(2, created_at=-300 * 365 * DAY),
        post(3, created_at=str(3 * DAY)),
        post(4, created_at=5 * DAY),
        post(5, created_at=None),
        post(6, created_at=40 * DAY),
    ]
    assert [row.id for row in rows(tmp_path, *made)] == [5, 2, 3, 1, 4, 6]


@pytest.mark.parametrize(
    ("created_at", "day"),
    [
        (0, "1970-01-01"),
        (DAY - 1, "1970-01-01"),
        (-1, "1969-12-31"),
        (-9_781_732_800_000, "1660-01-11"),
        (1_577_865_600_001, "2020-01-01"),
        ("1577865600001", "2020-01-01"),
        (1_577_865_600_001.5, "2020-01-01"),
        (b"1577865600001", "2020-01-01"),
        ("2020-01-31", "2020-01-31"),
        ("2020-01-31T10:00:00Z", "2020-01-31"),
        (None, ""),
        ("", ""),
        ("yesterday", ""),
        ("nan", ""),
        ("inf", ""),
        (10**30, ""),
        (-(10**17), ""),
        (253_402_300_799_999, "9999-12-31"),
        (253_402_300_800_000, ""),
        (float("inf"), ""),
    ],
)
def test_dates(created_at: object, day: str) -> None:
    assert iso_day(created_at) == day


@given(st.one_of(st.none(), st.integers(), st.floats(), st.text(), st.binary()))
def test_any_date_is_a_day_or_empty(created_at: object) -> None:
    day = iso_day(created_at)
    assert day == "" or datetime.fromisoformat(day)


@given(st.datetimes(timezones=st.just(UTC)))
def test_dates_agree_with_the_calendar(moment: datetime) -> None:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert iso_day((moment - epoch) // timedelta(milliseconds=1)) == moment.date().isoformat()


@pytest.mark.parametrize(
    ("core", "source", "editor"),
    [
        ('{"editor":"tinymce"}', "<p>x</p>", "tinymce"),
        ('{"editor":"markdown"}', "x", "markdown"),
        ('{"editor":"blockeditor"}', BLOCKS, "blockeditor"),
        ('{"editor":"blockeditor"}', "", "blockeditor"),
        ('{"editor":" Markdown "}', "x", "markdown"),
        ('{"editor":""}', "<p>x</p>", "tinymce"),
        ('{"editor":null}', "<p>x</p>", "tinymce"),
        ('{"editor":["markdown"]}', "<p>x</p>", "tinymce"),
        ('{"editor":"wysiwyg"}', "<p>x</p>", "tinymce"),
        ("{}", "<p>x</p>", "tinymce"),
        ("[]", "<p>x</p>", "tinymce"),
        ("", "<p>x</p>", "tinymce"),
        ("{broken", "<p>x</p>", "tinymce"),
        (None, "<p>x</p>", "tinymce"),
        (None, BLOCKS, "blockeditor"),
        (None, f"  \n{BLOCKS}", "blockeditor"),
        ("{}", BLOCKS, "blockeditor"),
        ("{broken", BLOCKS, "blockeditor"),
        ('{"editor":"tinymce"}', BLOCKS, "blockeditor"),
        ('{"editor":"markdown"}', BLOCKS, "markdown"),
        (None, '[{"id": "0b1c", "type": "publii-header", "content": "x"}]', "blockeditor"),
        (None, "[gallery] is how it began", "tinymce"),
        (None, "[]", "tinymce"),
        (None, "[1, 2]", "tinymce"),
        (None, '[{"id": 1}]', "tinymce"),
        (None, '[{"id": 1, "type": 5}]', "tinymce"),
        (None, '[{"id": 1, "type": "x"', "tinymce"),
        (None, "[" * 100_000, "tinymce"),
    ],
)
def test_editor(core: object, source: str, editor: str) -> None:
    assert editor_of(core, source) == editor


@given(st.text())
def test_sniffing_takes_any_text(source: str) -> None:
    assert not is_block_json(source)


def test_strange_values(tmp_path: Path) -> None:
    made = [
        post(1, title=None, slug=None, text=None, core=None),
        post(2, title=1984, text=b"<p>caf\xe9</p>", core=b'{"editor":"markdown"}'),
        post(3, title="  spaced ", text="<p>a\x00b</p>", tags=("b", None, "", " a ", "a")),
    ]
    first, second, third = rows(tmp_path, *made)
    assert (first.title, first.slug, first.source, first.editor) == ("", "", "", "tinymce")
    assert (second.title, second.source, second.editor) == ("1984", "<p>caf\ufffd</p>", "markdown")
    assert (third.title, third.source, third.tags) == ("spaced", "<p>a\x00b</p>", ("a", "b"))


def test_text_that_is_not_utf8(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("UPDATE posts SET text = CAST(x'3c703ee93c2f703e' AS TEXT)")
        connection.commit()
    with open_site(database) as site:
        assert [row.source for row in iter_rows(site)] == ["<p>\ufffd</p>"]


def test_utf16_database(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1, text="<p>żółw 🐢</p>")], encoding="'UTF-16le'")
    with open_site(database) as site:
        assert [row.source for row in iter_rows(site)] == ["<p>żółw 🐢</p>"]


def test_last_core_row_counts(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)])
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "INSERT INTO posts_additional_data (post_id, key, value) VALUES (1, '_core', ?)",
            (json.dumps({"editor": "markdown"}),),
        )
        connection.commit()
    with open_site(database) as site:
        assert [row.editor for row in iter_rows(site)] == ["markdown"]


def test_authors_are_never_read(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)])
    with open_site(database) as site:
        read: set[tuple[str, str]] = set()

        def note(action: int, table: str | None, column: str | None, *_: object) -> int:
            if action == sqlite3.SQLITE_READ:
                read.add((table or "", column or ""))
            return sqlite3.SQLITE_OK

        site.connection.set_authorizer(note)
        assert len(list(iter_rows(site, pages=True, drafts=True, trashed=True))) == 1
        count_rows(site)
    assert ("posts", "text") in read and "authors" not in {table for table, _ in read}


def test_rows_stream(tmp_path: Path) -> None:
    """Reading 2,000 posts of 20 kB takes no more memory than a few of them."""
    database = make_database(tmp_path / "db.sqlite")
    with closing(sqlite3.connect(database)) as connection:
        add_posts(connection, (post(number, text="word " * 4000) for number in range(1, 2001)))
        connection.commit()
    with open_site(database) as site:
        tracemalloc.start()
        count = sum(1 for _ in iter_rows(site))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert count == 2000
    assert peak < 2_000_000


def test_damage_found_on_the_way_is_an_input_error(tmp_path: Path) -> None:
    database = make_database(tmp_path / "db.sqlite", [post(1)])
    with open_site(database) as site:
        site.connection.close()
        with pytest.raises(InputError):
            list(iter_rows(site))
