"""What good is: made from the blog, kept once edited, refused when it cannot be meant."""

from pathlib import Path

import pytest
from judged_blog import Judged

from penname.core.errors import InputError
from penname.judge.target import AT_LEAST, AT_MOST, Limit, check_figures, is_edited, read_target, write_target

LIMITS = [Limit("rep_4", AT_MOST, 0.02, "real\nposts"), Limit("known_word_rate", AT_LEAST, 0.98)]


def test_limits_come_back(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    assert write_target(path, LIMITS)
    assert [(each.name, each.bound, each.value) for each in read_target(path)] == [
        ("rep_4", AT_MOST, 0.02),
        ("known_word_rate", AT_LEAST, 0.98),
    ]
    assert not is_edited(path)
    assert write_target(path, [Limit("rep_4", AT_MOST, 0.03)]), "an untouched file is made anew"
    assert read_target(path)[0].value == 0.03


@pytest.mark.parametrize("change", ["# mine\n{}", "{}extra", "{}\n[at_least]\n", ""])
def test_an_edited_file_is_kept(tmp_path: Path, change: str) -> None:
    path = tmp_path / "good.toml"
    write_target(path, LIMITS)
    path.write_text(change.format(path.read_text(encoding="utf-8")), encoding="utf-8")
    before = path.read_bytes()
    assert is_edited(path)
    assert not write_target(path, LIMITS)
    assert path.read_bytes() == before


def test_line_ends_of_an_editor_are_no_edit(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    write_target(path, LIMITS)
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert not is_edited(path)


def test_figures_are_met_or_short() -> None:
    figures = {"rep_4": 0.05, "known_word_rate": 0.99}
    short, met = check_figures(LIMITS, figures)
    assert short.met is False and short.short == pytest.approx(0.03) and "over by 3% (at most 2%)" in short.sentence
    assert met.met and met.short == 0 and "met" in met.sentence
    (unknown,) = check_figures([Limit("rep_2", AT_MOST, 1)], {"rep_2": None})
    assert unknown.met is None and "not measured" in unknown.sentence


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[at_most]\nrep_5 = 1\n", "did you mean rep_4"),
        ("[most]\nrep_4 = 1\n", r"use \[at_most\]"),
        ("[at_most]\nrep_4 = 'low'\n", "must be a number"),
        ("[at_most]\nrep_4 = true\n", "must be a number"),
        ("[at_most]\nrep_4 = nan\n", "must be a number"),
        ("rep_4 = 1\n", "not a table"),
        ("[at_most\n", "TOML"),
    ],
)
def test_what_cannot_be_meant_is_said(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "good.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=said):
        read_target(path)


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    path.write_text("[at_most]\nrep_5 = 1\nrep_3 = 'x'\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"rep_5.*rep_3"):
        read_target(path)
    with pytest.raises(InputError, match="penname judge"):
        read_target(tmp_path / "none.toml")


def test_the_blog_itself_sets_the_limits(judged: Judged) -> None:
    path = judged.workspace.folder / "good.toml"
    limits = {each.name: each for each in read_target(path)}
    assert not is_edited(path)
    assert limits["known_word_rate"].bound == AT_LEAST and 0.5 < limits["known_word_rate"].value < 1
    assert limits["longest_copied_run"].value == judged.options.max_copy
    # The sentences of this blog repeat themselves: its own repetition raises the limit.
    assert limits["rep_4"].value > 0.05
    assert "of this blog" in path.read_text(encoding="utf-8")


def test_a_byte_order_mark_is_no_edit(tmp_path: Path) -> None:
    path = tmp_path / "good.toml"
    write_target(path, [Limit("rep_4", AT_MOST, 0.1, "")])
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    assert not is_edited(path) and [limit.name for limit in read_target(path)] == ["rep_4"]
