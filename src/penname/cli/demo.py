"""The whole way on the sample blog: its tables, its clean text, a model, and what that writes.

    run_demo(TrainOptions(workspace=Path("penname-demo.penname"), minutes=3), console)

In: how to train, with a folder for the workspace. Out: the workspace, and tables and texts on the console.
"""

from typing import TYPE_CHECKING

from penname.core import events
from penname.corpus.read import read_blog
from penname.corpus.stats import blog_stats
from penname.corpus.stats_table import print_stats
from penname.sources.find import sample_site
from penname.train.options import TrainOptions
from penname.train.site import train_site

if TYPE_CHECKING:
    from rich.console import Console

_TITLE = "3 May 1667"
_WRITING = {"seed": 7, "max_tokens": 200}


def run_demo(options: TrainOptions, console: "Console") -> None:
    """Show the tables of the sample blog, learn its voice in a workspace, write a draft."""
    site = sample_site()
    events.note("The sample blog: 943 entries of the diary of Samuel Pepys, laid out as a Publii site.")
    print_stats(blog_stats(read_blog(site)), console)
    trained = train_site(site, options)
    from penname.write.write import WriteOptions, write

    wanted = WriteOptions(workspace=trained.workspace.folder, title=True, sampling=_WRITING, device=options.device)
    written = write(_TITLE, wanted)
    console.print(f"\nA draft in Pepys's voice, headed {_TITLE}:\n", style="bold", markup=False)
    console.print(written.drafts[0].text.strip(), markup=False)
    console.print(
        f"\nAll of it is in {trained.workspace.folder}; deleting that folder deletes everything.",
        markup=False,
    )
    console.print(f'Now: penname write --workspace {trained.workspace.folder} --title "4 May 1667"', markup=False)
