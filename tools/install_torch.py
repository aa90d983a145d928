"""Install PyTorch, on a Linux machine without an NVIDIA card in its CPU build (200 MB instead of 3 GB).

    .venv/bin/python tools/install_torch.py          # into the environment of the Python that runs it
    .venv/bin/python tools/install_torch.py --dry-run

Uses nothing but the standard library. What is installed already and in range stays as it is. On Linux
without an NVIDIA card PyTorch's own index of CPU builds is tried first, briefly; where it cannot be reached,
or on any other machine, pip's usual source is used.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version

WANTED = "torch>=2.11,<2.14"
LOWEST, BELOW = (2, 11), (2, 14)
CPU_INDEX = "https://download.pytorch.org/whl/cpu"


def main() -> int:
    """Install what is missing; returns pip's exit code."""
    dry = "--dry-run" in sys.argv[1:]
    found = installed_version()
    if in_range(found):
        print(f"PyTorch {found} is installed: nothing to do.", flush=True)
        return 0
    if wants_cpu_build():
        print("Linux without an NVIDIA card: looking for the CPU build of PyTorch.", flush=True)
        # --no-deps: its dependencies come from the usual source, in the second call.
        attempt = ["--no-deps", "--retries", "1", "--timeout", "8", "--index-url", CPU_INDEX, WANTED]
        if run_pip(attempt, dry) != 0:
            print("PyTorch's index of CPU builds cannot be used here: taking pip's usual source.", flush=True)
    return run_pip([WANTED], dry)


def installed_version() -> str:
    """The installed PyTorch's version, or an empty string."""
    try:
        return version("torch")
    except PackageNotFoundError:
        return ""


def in_range(found: str) -> bool:
    """Whether a version such as `2.13.0+cpu` is one that `WANTED` asks for."""
    match = re.match(r"(\d+)\.(\d+)", found)
    return match is not None and LOWEST <= (int(match[1]), int(match[2])) < BELOW


def wants_cpu_build() -> bool:
    """Whether this is Linux with neither an NVIDIA nor a ROCm card; elsewhere the usual build is right."""
    if platform.system() != "Linux":
        return False
    cards = ("/proc/driver/nvidia", "/dev/nvidia0", "/dev/kfd")
    return not any(map(os.path.exists, cards)) and shutil.which("nvidia-smi") is None


def run_pip(arguments: list[str], dry: bool = False) -> int:
    """Call `pip install` of this Python, or only print the command; returns its exit code."""
    command = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *arguments]
    print(" ".join(command), flush=True)
    return 0 if dry else subprocess.call(command)


if __name__ == "__main__":
    sys.exit(main())
