"""Most tests rank by words alone, as penname does without its extra `meaning`."""

import pytest

from penname.ask import index, search


@pytest.fixture(autouse=True)
def words_alone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "meaning" not in request.node.nodeid:
        monkeypatch.setattr(index, "is_installed", lambda: False)
        monkeypatch.setattr(index, "load_meaning", lambda: None)
        monkeypatch.setattr(search, "load_meaning", lambda: None)
