import sys
import threading
import time
from pathlib import Path

import pytest

from penname.core.errors import PennameError
from penname.core.files import locked

one_at_a_time = pytest.mark.skipif(sys.platform == "win32", reason="skipped: Windows has no shared locks")


def test_a_second_run_is_kept_out_and_told_who_is_in(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with (
        locked(path, "penname train"),
        pytest.raises(PennameError, match=r"penname train, process \d+"),
        locked(path, "penname tune"),
    ):
        pass
    with locked(path, "penname tune"):
        pass


@one_at_a_time
def test_those_that_share_may_be_in_together_and_keep_others_out(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    with (
        locked(path, "penname tune", shared=True),
        locked(path, "penname tune", shared=True),
        pytest.raises(PennameError, match="Another run"),
        locked(path, "penname train"),
    ):
        pass
    with (
        locked(path, "penname train"),
        pytest.raises(PennameError, match="penname train"),
        locked(path, "penname tune", shared=True),
    ):
        pass


def test_it_waits_for_as_long_as_it_is_told(tmp_path: Path) -> None:
    path, held, order = tmp_path / ".lock", threading.Event(), []

    def hold() -> None:
        with locked(path, "first"):
            held.set()
            time.sleep(0.2)
            order.append("first")

    thread = threading.Thread(target=hold)
    thread.start()
    held.wait()
    with locked(path, "second", wait=30.0):
        order.append("second")
    thread.join()
    assert order == ["first", "second"]
