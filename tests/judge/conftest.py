"""A judged workspace, made once for all tests."""

from pathlib import Path

import pytest
from judged_blog import Judged, judge_small_blog


@pytest.fixture(scope="session")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """A small blog, judged once. Do not change it: copy it first."""
    return judge_small_blog(tmp_path_factory.mktemp("judged"))


@pytest.fixture
def owl(judged: Judged, tmp_path: Path) -> Judged:
    """A copy of it, to be changed."""
    return judged.copied(tmp_path)
