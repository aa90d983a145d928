"""The whole way on the sample blog: its tables, its clean text, a small model, and what that writes.

    run_demo(Path("penname-demo"), console)

In: a folder for the workspace. Out: the workspace, and tables and texts on the console.
"""

from pathlib import Path
from typing import TYPE_CHECKING

from penname.blog.read import read_blog
from penname.blog.sample import sample_site
from penname.blog.stats import blog_stats
from penname.blog.stats_table import print_stats
from penname.core import events
from penname.text.prepare import PrepareOptions, prepare, workspace_for

if TYPE_CHECKING:
    from rich.console import Console


def run_demo(folder: Path, console: "Console") -> None:
    """Show the tables of the sample blog and prepare it in `folder`."""
    site = sample_site()
    events.note("The sample blog: 943 entries of the diary of Samuel Pepys, laid out as a Publii site.")
    print_stats(blog_stats(read_blog(site)), console)
    workspace = workspace_for(site, folder)
    with workspace.lock("penname demo"), events.listening(events.LogFile(workspace.log)):
        prepare(site, workspace, PrepareOptions(tokenizer=True))
