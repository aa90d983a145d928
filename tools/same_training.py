"""Whether two checkouts train to the same losses and weights, bit for bit: from scratch, and adapting the base.

    .venv/bin/python tools/same_training.py ../before . [--steps 8] [--site SITE]

Each checkout trains on the sample blog on the CPU through its own command line, with as many steps and the same seed.
Prints the losses and a hash of every tensor's bytes; ends with 1 when anything differs.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WAYS = {"from scratch": ["--from-scratch"], "adapting": []}


def trained(checkout: Path, site: Path, steps: int, more: list[str]) -> tuple[list[float], str]:
    """The losses of a run, and a hash of its weights."""
    environment = {**os.environ, "PYTHONPATH": str((checkout / "src").resolve()), "OMP_NUM_THREADS": "2"}
    with tempfile.TemporaryDirectory() as folder:
        workspace = Path(folder) / "ws"
        command = [
            sys.executable,
            "-m",
            "penname",
            "train",
            str(site),
            "--workspace",
            str(workspace),
            "--device",
            "cpu",
        ]
        command += ["--steps", str(steps), "--no-judge", *more]
        subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL, cwd=folder)
        lines = (workspace / "log.jsonl").read_text(encoding="utf-8").splitlines()
        events = [json.loads(line) for line in lines]
        losses = [event["data"]["loss"] for event in events if "loss" in event.get("data", {})]
        return losses, weights_hash(workspace / "model" / "model.safetensors")


def weights_hash(path: Path) -> str:
    """SHA-256 over the names and bytes of all tensors, whatever their order in the file."""
    from safetensors.numpy import load_file

    found = hashlib.sha256()
    for name, values in sorted(load_file(path).items()):
        found.update(name.encode())
        found.update(values.tobytes())
    return found.hexdigest()


def main() -> None:
    """Compare, and print what was compared."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--site", type=Path, help="default: the sample blog of the second checkout")
    given = parser.parse_args()
    site = (given.site or given.after / "src/penname/data/sample").resolve()
    same = True
    for name, more in WAYS.items():
        before, after = (trained(checkout, site, given.steps, more) for checkout in (given.before, given.after))
        same = same and before == after
        print(f"{name}, {given.steps} steps: {'the same' if before == after else 'DIFFERENT'}")
        for losses, weights in (before, after):
            print(f"  losses {' '.join(f'{loss:.6f}' for loss in losses)}  weights {weights[:16]}")
    sys.exit(not same)


if __name__ == "__main__":
    main()
