"""Several processes: the same losses, a process that dies, a machine that goes away, two machines."""

import os
import random
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from penname.core.device import Device
from penname.core.errors import Interrupted
from penname.train import pretrain as module
from penname.train.checkpoint import newest_checkpoint, read_state
from penname.train.pretrain import PretrainOptions, pretrain

pytestmark = pytest.mark.slow

RECIPE = """
name = "tiny"
[shape]
hidden_size = 32
intermediate_size = 64
num_hidden_layers = 1
num_attention_heads = 2
num_key_value_heads = 1
head_dim = 16
[tokenizer]
vocab_size = 300
[train]
passes = 0.4
rows = 4
context = 32
masked = 0.25
[package]
group = 32
"""
ON_CPU = """
from penname.core.device import Device
from penname.train import pretrain
CPU = Device("cpu", None, "a CPU", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
pretrain.pick_device = lambda *_: CPU
"""
CLI = "import sys\nfrom penname.cli import main\nsys.argv = ['penname', *sys.argv[1:]]\nmain()\n"
AT_STEP_12 = """
import os, signal, time
from penname.train import loop, parallel
step = loop.Trainer.step
def watched(self, feeder):
    time.sleep(0.02)
    if self.state.step == 12:
        {what}
    return step(self, feeder)
loop.Trainer.step = watched
"""
CPU = Device("cpu", None, "a CPU", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
DIES = "if parallel.rank() == 1: os.kill(os.getpid(), signal.SIGKILL)"
IS_TOLD_TO_STOP = "if parallel.rank() == 0: os.kill(os.getppid(), signal.SIGTERM)"


def write_books(folder: Path) -> list[str]:
    """A shelf of sixty short texts in `folder`/books."""
    (folder / "books").mkdir()
    generator = random.Random(0)
    words = [generator.choice("bcdfg") + generator.choice(["ow", "ar", "ee"]) for _ in range(12)]
    texts = [" ".join(generator.choice(words) for _ in range(150)) + "." for _ in range(60)]
    (folder / "books" / "books-0.txt").write_text("\n<|endoftext|>\n".join(texts), encoding="utf-8")
    return texts


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("several")
    write_books(folder)
    (folder / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def whole(here: Path) -> list[float]:
    """The losses of one process that is never interrupted."""
    alone(here, "whole")
    return losses(here / "whole")


def alone(here: Path, out: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "pick_device", lambda *_: CPU)
        pretrain([here / "books"], PretrainOptions(here / out, str(here / "tiny.toml"), "cpu"))


def losses(out: Path) -> list[float]:
    newest = newest_checkpoint(out / "checkpoints")
    assert newest is not None
    return [loss for _, loss in read_state(newest)["losses"]]


def start(here: Path, out: str, torchrun: Sequence[str], before: str = "", *options: str) -> "subprocess.Popen[str]":
    script = here / f"{out}-{abs(hash(tuple(torchrun)))}.py"
    script.write_text(ON_CPU + before + CLI, encoding="utf-8")
    words = ["pretrain", "books", "--out", out, "--recipe", "tiny.toml", "--device", "cpu", *options]
    return subprocess.Popen(
        [sys.executable, "-m", "torch.distributed.run", *torchrun, script.name, *words],
        cwd=here,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def two(here: Path, out: str, before: str = "", *options: str, restarts: int = 0) -> tuple[int, str]:
    """Two processes of one machine; the exit code and what was said."""
    torchrun = ["--standalone", "--nproc-per-node", "2", "--max-restarts", str(restarts)]
    process = start(here, out, torchrun, before, *options)
    _, said = process.communicate(timeout=120)
    return process.returncode, said


def test_two_machines_learn_what_one_process_does(here: Path, whole: list[float]) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    rendezvous = ["--nnodes", "2", "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{port}", "--rdzv-id", "a"]
    agents = [start(here, "nodes", [*rendezvous, "--local-addr", "localhost"]) for _ in range(2)]
    for agent in agents:
        _, said = agent.communicate(timeout=120)
        assert agent.returncode == 0, said[-2000:]
    np.testing.assert_allclose(losses(here / "nodes"), whole, rtol=2e-3)


def test_a_process_that_dies_ends_the_run_and_fewer_go_on(here: Path, whole: list[float]) -> None:
    code, said = two(here, "killed", AT_STEP_12.format(what=DIES), "--save-minutes", "0")
    assert code != 0
    assert "Process 0 of 2 stopped, because process 1 died" in said
    assert "The same command goes on from the last checkpoint" in said
    assert "Signal 9 (SIGKILL)" in said
    newest = newest_checkpoint(here / "killed" / "checkpoints")
    assert newest is not None and read_state(newest)["step"] in (11, 12)
    alone(here, "killed")
    np.testing.assert_allclose(losses(here / "killed"), whole, rtol=2e-3)


def test_torchrun_may_start_them_again(here: Path, whole: list[float]) -> None:
    once = DIES.replace("if", "if os.environ['TORCHELASTIC_RESTART_COUNT'] == '0' and")
    code, said = two(here, "again", AT_STEP_12.format(what=once), "--save-minutes", "0", restarts=1)
    assert code == 0, said[-2000:]
    assert "Going on from step 1" in said
    np.testing.assert_allclose(losses(here / "again"), whole, rtol=2e-3)


def test_a_machine_that_goes_away_is_saved_in_time(here: Path, whole: list[float]) -> None:
    before = AT_STEP_12.format(what=IS_TOLD_TO_STOP)
    code, said = two(here, "told", before, "--save-minutes", "60", "--checkpoints", "elsewhere")
    assert code != 0
    stopped = re.search(r"Stopped after step (\d+) of (\d+), saved", said)
    assert stopped is not None, said[-2000:]
    newest = newest_checkpoint(here / "elsewhere")
    assert newest is not None and read_state(newest)["step"] == int(stopped[1]) < int(stopped[2])
    (here / "elsewhere").rename(here / "told" / "checkpoints")
    alone(here, "told")
    np.testing.assert_allclose(losses(here / "told"), whole, rtol=2e-3)


def test_more_processes_go_on(here: Path, whole: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    build = module.build_run

    def cut(*arguments: object) -> object:
        made, model = build(*arguments)  # type: ignore[arg-type]
        made.stop_after = 9
        return made, model

    monkeypatch.setattr(module, "build_run", cut)
    with pytest.raises(Interrupted):
        alone(here, "grown")
    code, said = two(here, "grown")
    assert code == 0, said[-2000:]
    assert "Going on from step 9" in said
    np.testing.assert_allclose(losses(here / "grown"), whole, rtol=2e-3)
