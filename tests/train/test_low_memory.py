"""A limit on the memory of a process: training goes on in smaller parts, to the same losses."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="skipped: needs Linux")

RUN = """
import json, resource, sys
import numpy as np
import torch
from penname.core import events
from penname.core.device import Device
from penname.core.machine import _lines
from penname.model.gpt import GPT, GPTConfig
from penname.train.loop import Run, train
from penname.train.settings import TrainSettings
from penname.train.batches import Mixture, Stream

torch.set_num_threads(1)
limit = int(sys.argv[1])
cpu = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
shape = GPTConfig(64, 64, 256, 2, 2, 1, 32, 256)
ids = np.random.default_rng(0).integers(0, 64, 20_000)
stream = Stream(ids, np.array([ids.size]), 256, 1)
settings = TrainSettings(steps=3, rows=32, context=256, dropout=0.0, seed=3)
model = GPT(shape).initialise(0)
said = []
used = next(int(line.split()[1]) * 1024 for line in _lines("/proc/self/status") if line.startswith("VmData"))
if limit:
    resource.setrlimit(resource.RLIMIT_DATA, (used + limit, used + limit))
with events.listening(lambda event: said.append(event.text) if event.kind == "warning" else None):
    fitted = train(model, Run(settings, Mixture([(stream, 1.0)], 32), cpu, micro_rows=32))
print(json.dumps({"losses": [loss for _, loss in fitted.losses], "said": said}))
"""


def run_under(limit: int) -> dict[str, Any]:
    """The losses of a run that may take so many bytes more than it has, and its warnings."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"}
    done = subprocess.run(
        [sys.executable, "-c", RUN, str(limit)], capture_output=True, text=True, encoding="utf-8", env=environment
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.slow
def test_a_limit_on_the_process_halves_the_micro_batch_and_keeps_the_losses() -> None:
    free, limited = run_under(0), run_under(130 * 2**20)
    assert free["said"] == []
    assert "Out of memory: going on with 16 windows at once, the same batch and losses." in limited["said"]
    assert limited["losses"] == pytest.approx(free["losses"], rel=1e-4)


@pytest.mark.skipif(not os.environ.get("PENNAME_SLOW"), reason="skipped: two minutes; set PENNAME_SLOW=1")
def test_the_shipped_base_is_adapted_in_one_and_a_half_gigabytes(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom penname.cli import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit as stop:\n    assert not stop.code, stop.code\n"
        "print(open('/proc/self/status').read())"
    )
    from penname.sources.find import sample_site

    words = f"train {sample_site()} --steps 3 --no-judge --device cpu --memory 1.5 --workspace {tmp_path / 'low'}"
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()], capture_output=True, text=True, encoding="utf-8", cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert peak is not None and int(peak[1]) * 1024 <= 1.5e9
    assert (tmp_path / "low" / "model" / "model.safetensors").is_file()
