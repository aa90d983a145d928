"""What `penname prepare` takes: the highest resident memory of a fresh process, and seconds of processor time.

    python benchmarks/prepare_memory.py [--posts 2000 20000] [--words 2000] [--no-tokenizer] [--against CHECKOUT]

Writes a Publii database of synthetic posts (of 2,000 words, about 11 kB each; 20,000 of them are 229 MB) to a temporary
folder, and runs `penname prepare` on it. Temporary files lie in the same folder, so that a `/tmp` in memory is none.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from common import machine, options, read
from read_and_clean import EDITORS, write_site

HERE = Path(__file__).resolve().parents[1]
_RUN = """
import resource, sys
from penname.cli import main
try:
    main()
finally:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    heavy = [name for name in ("torch", "phonenumbers", "tokenizers") if name in sys.modules]
    sys.stderr.write(f"\\nTOOK {usage.ru_maxrss} {usage.ru_utime + usage.ru_stime:.1f} {','.join(heavy)}\\n")
"""


def prepare(checkout: Path, site: Path, folder: Path, more: list[str]) -> tuple[float, float, str]:
    """Return the MiB and the seconds that it took, and which large packages it imported."""
    arguments = ["prepare", str(site), "--workspace", str(folder / f"workspace-{checkout.name}"), "--again", *more]
    found = subprocess.run(
        [sys.executable, "-c", _RUN, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(checkout / "src"), "TMPDIR": str(folder)},
    )
    took = re.search(r"TOOK (\d+) ([\d.]+) (\S*)", found.stderr)
    assert took, found.stderr
    return int(took[1]) / (2**20 if sys.platform == "darwin" else 2**10), float(took[2]), took[3]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--posts", type=int, nargs="+", default=[2_000, 20_000])
    parser.add_argument("--words", type=int, default=2_000)
    parser.add_argument("--no-tokenizer", action="store_true")
    parser.add_argument("--against", type=Path, help="another checkout of penname")
    given = read(parser, posts=[30], words=100)
    print(machine())
    more = ["--no-tokenizer"] if given.no_tokenizer else []
    print(f"{'posts':>7} {'database':>10} {'peak':>10} {'processor':>10}  imported, checkout")
    for posts in given.posts:
        with tempfile.TemporaryDirectory(dir=os.environ.get("TMPDIR")) as folder:
            site = write_site(Path(folder) / "site", posts, given.words, list(EDITORS))
            size = (site / "input" / "db.sqlite").stat().st_size / 1e6
            for checkout in (HERE, *([given.against] if given.against else [])):
                peak, seconds, heavy = prepare(checkout, site, Path(folder), more)
                print(
                    f"{posts:>7,} {size:>7.1f} MB {peak:>6.0f} MiB {seconds:>8.1f} s  {heavy}, {checkout}", flush=True
                )


if __name__ == "__main__":
    main()
