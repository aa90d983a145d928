"""What stands in the file of a lock: who holds it while it is held, nothing afterwards."""

import os
from pathlib import Path

from penname.core.files import locked


def test_the_holder_is_named_and_goes_again(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("an older holder that was killed, process 1\n", encoding="utf-8")
    with locked(path, "penname train"):
        assert path.read_text(encoding="utf-8") == f"penname train, process {os.getpid()}\n"
    assert path.read_text(encoding="utf-8") == ""
