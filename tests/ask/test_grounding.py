"""What is read before the prompt, and that the copy guard holds for it."""

from pathlib import Path

import pytest
from asked import make_workspace

from penname.ask.grounding import passages_for
from penname.core.errors import InputError
from penname.write.write import copy_guard


def test_the_best_passage_is_read_last(tmp_path: Path) -> None:
    passages = passages_for(make_workspace(tmp_path), "The dough and the shed of larch planks")
    assert "larch" in passages[-1] and "dough" in passages[-2]


def test_nothing_is_read_where_the_blog_says_nothing(tmp_path: Path) -> None:
    assert passages_for(make_workspace(tmp_path), "xylophones") == ()


def test_a_prompt_is_needed(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prompt"):
        passages_for(make_workspace(tmp_path), " ")


def test_the_copy_guard_holds_for_passages_alone() -> None:
    assert copy_guard([], 12, ("one two three",)) is not None
    assert copy_guard([], 0, ("one two three",)) is None
