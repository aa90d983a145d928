"""How much of a tuning run is neither training nor judging: under 2% is wanted.

    python benchmarks/tune_overhead.py my-blog.penname/text.json --trials 6 --trial-seconds 20 --device cpu

In: the `text.json` of a prepared workspace. Out: the share of all else but training and judging (proposing, the study,
the ledger, the page, the table, saving the model), and the seconds of setting up before the first trial.
"""

import shutil
import tempfile
from pathlib import Path

from common import machine, options, read, small_inputs

from penname.core.progress import Settings, show_events
from penname.core.workspace import file_hashes, open_workspace
from penname.tune.tune import TuneOptions, tune_workspace


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("text", type=Path, nargs="?", help="text.json of a prepared workspace")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--trial-seconds", type=float, default=20.0)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--base", type=Path)
    given = read(parser, trials=3, trial_seconds=0.2, device="cpu")
    if given.quick:
        small = small_inputs()
        given.text, given.base = small.text, small.folder / "base"
    with tempfile.TemporaryDirectory() as folder:
        workspace = open_workspace(Path(folder) / "overhead.penname", "overhead")
        shutil.copy(given.text, workspace.text)
        wanted = TuneOptions(
            base=given.base, trials=given.trials, trial_seconds=given.trial_seconds, device=given.device
        )
        with show_events(Settings(moving=False)):
            corpus = file_hashes(workspace.folder, ("text.json",))["text.json"]
            report = tune_workspace(workspace, corpus, wanted)
    print(f"\n{machine()}")
    other, trials = report.overhead * report.seconds, given.trials
    print(f"\n{trials} trials, {report.judged} judged, in {report.seconds:.1f} s; set-up {report.setting_up:.1f} s.")
    share = f"{100 * report.overhead:.2f}%"
    print(f"Outside training and judging: {other:.2f} s, {share} ({other / trials:.2f} s a trial).")


if __name__ == "__main__":
    main()
