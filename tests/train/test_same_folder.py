"""The same seed, steps and device give the same model folder, byte for byte, whatever else the machine does."""

import hashlib
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from patching import everywhere
from publii_site import make_site, post
from tiny_models import random_model, tiny_tokenizer

from penname.core import probe
from penname.model.base import write_base
from penname.model.folder import FILES
from penname.model.gpt import GPTConfig
from penname.model.quantise import Rounding
from penname.train import adapt, plan
from penname.train.measure import Speeds
from penname.train.options import TrainOptions
from penname.train.site import train_site

pytestmark = pytest.mark.slow

SPIN = "import time\nstart = time.monotonic()\nwhile time.monotonic() - start < 120: pass"
WORDS = "the owl sea boat honey money star guitar note pig ring hill moon quince spoon sand wind tree".split()  # noqa: SIM905


@pytest.fixture
def busy() -> Iterator[None]:
    """Another program that wants a core all the time."""
    with subprocess.Popen([sys.executable, "-c", SPIN]) as process:
        try:
            yield
        finally:
            process.kill()


def site_and_base(folder: Path) -> tuple[Path, Path]:
    draw = random.Random(0)
    rows = [
        post(number, title=f"On the {draw.choice(WORDS)}", text=f"<p>I saw {' '.join(draw.choices(WORDS, k=120))}.</p>")
        for number in range(1, 25)
    ]
    texts = [f"Once upon a time, in year {number}, an owl went to sea." for number in range(30)]
    write_base(folder / "base", random_model(), tiny_tokenizer(), Rounding(8, 32), texts, "card")
    return make_site(folder / "owl", rows), folder / "base"


def contents(folder: Path) -> dict[str, str]:
    """The digest of each file below `folder`."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("scratch", [False, True], ids=["adapted", "from scratch"])
def test_three_runs_beside_a_busy_program_leave_the_same_bytes(
    scratch: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, busy: None
) -> None:
    """Each time the machine seems another: what is measured of it says so, a hundredfold."""
    monkeypatch.chdir(tmp_path)
    site, base = site_and_base(tmp_path)
    everywhere(monkeypatch.setattr, adapt, "small_shape", lambda words, size: GPTConfig(size, 64, 128, 2, 1, 1, 64, 64))
    measured = iter([("fp32", 1, False, ""), ("bf16", 2, False, ""), ("fp32", 2, True, "")])
    monkeypatch.setattr(probe, "fastest_on_cpu", lambda: next(measured))
    # The number of threads is the machine's, which a test must not change for the others.
    monkeypatch.setattr(probe, "steady_on_cpu", lambda: ("fp32", 1, False, ""))
    speeds = iter([30.0, 3_000.0, 300_000.0])
    flat = lambda _, __, context, rows, **___: Speeds.flat(next(speeds), context, rows)  # noqa: E731
    everywhere(monkeypatch.setattr, plan, "measure_speeds", flat)
    found = []
    for name in ("first", "second", "third"):
        options = TrainOptions(
            workspace=tmp_path / name / "owl.penname",
            base=None if scratch else base,
            from_scratch=scratch,
            steps=6,
            seed=3,
            device="cpu",
            anyway=True,
        )
        found.append(contents(train_site(site, options).workspace.model))
    assert set(found[0]) == set(FILES)
    assert found[0] == found[1] == found[2]
