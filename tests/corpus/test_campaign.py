"""A short round of `tests/campaigns/mutate_databases.py`: the whole one is run by hand."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "campaigns"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1])
def test_mutated_databases_are_read_or_refused(seed: int) -> None:
    import mutate_databases

    found = mutate_databases.campaign(4.0, seed)
    assert found.tried > 20 and found.read and found.refused
    assert not found.tracebacks, found.tracebacks[0]
    assert not found.hangs and not found.left
