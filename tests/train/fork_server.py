"""Runs `penname` again and again in forked children, and kills each at a moment of its own.

    echo '[-1, ["train", "my-blog", "--steps", "12"]]' | python tests/train/fork_server.py

A parent that has imported everything forks a child for each run, so that fifty runs cost one import of torch. It reads
a list a line from standard input: the seconds after which the child is killed (SIGKILL), none where the number is
negative, and its arguments. It answers each with the exit code of the child (-9: killed) and the seconds that it ran.

The parent never computes with torch: a child of a process that has would wait for threads that it does not have. A
checkpoint is written at every step, the device is not measured, and evaluations see one thread: a run takes a second.
"""

import importlib
import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from penname.cli import main
from penname.core.device import Device
from penname.judge import judging, subject
from penname.train import adapt, measure
from penname.train import blog as train
from penname.train.measure import Speeds
from penname.tune import tune

sys.path.append(str(Path(__file__).parents[1]))
everywhere = importlib.import_module("patching").everywhere

# All that a run imports late, so that no child pays for it.
for name in (
    "datasketch",
    "gguf",
    "optuna",
    "py3langid",
    "selectolax.lexbor",
    "torch._dynamo",
    "penname.corpus.read",
    "penname.cli.blog",
    "penname.cli.model",
    "penname.cli.workshop",
    "penname.core.terminal",
    "penname.judge.recital",
    "penname.write.generate",
    "penname.model.score",
):
    importlib.import_module(name)

ONE_THREAD = Device(
    kind="cpu",
    index=None,
    name="one thread",
    reason="a test",
    precision="fp32",
    precision_reason="",
    fused=True,
    compiles=False,
    memory=0,
    threads=1,
)


def serve() -> None:
    prepare()
    print("ready", flush=True)
    for line in sys.stdin:
        seconds, arguments = json.loads(line)
        started = time.monotonic()
        child = os.fork()
        if child == 0:
            run(arguments)
        code = wait(child, started, seconds)
        print(code, time.monotonic() - started, flush=True)


def prepare() -> None:
    """What a run would measure is given, and it saves after every step."""
    for module in (train, judging, tune):
        setattr(module, "pick_device", lambda *_: ONE_THREAD)  # noqa: B010
    run_class: Any = vars(adapt)["Run"]
    options: Any = subject.JudgeOptions
    everywhere(setattr, adapt, "Run", lambda *a, **named: replace(run_class(*a, **named), save_seconds=0.0))
    few = {"passages": 20, "words": 40}
    everywhere(setattr, subject, "JudgeOptions", lambda *a, **named: replace(options(*a, **named), **few))
    speeds = lambda _, __, context, *___, **____: Speeds.flat(10_000.0, context, 1)  # noqa: E731
    everywhere(setattr, measure, "measure_speeds", speeds)
    everywhere(setattr, measure, "measure_speed", lambda *_: 10_000.0)


def run(arguments: list[str]) -> None:
    import torch

    torch.set_num_threads(1)
    silent = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1):
        os.dup2(silent, stream)
    try:
        main(arguments)
    except SystemExit as stop:
        os._exit(stop.code if isinstance(stop.code, int) else 1)
    except BaseException:
        os._exit(99)


def wait(child: int, started: float, seconds: float) -> int:
    """Kill the child when its time has come, unless it ends before."""
    while True:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        if 0 <= seconds <= time.monotonic() - started:
            os.kill(child, signal.SIGKILL)
            seconds = -1.0
        time.sleep(0.001)


if __name__ == "__main__":
    serve()
