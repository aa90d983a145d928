"""Commands that look things up in a blog: ask it, find related posts."""

from pathlib import Path
from typing import TYPE_CHECKING

from penname.cli import arguments as given
from penname.cli.app import app, showing
from penname.core.errors import InputError
from penname.core.terminal import say

if TYPE_CHECKING:
    from penname.core.workspace import Workspace


@app.command()
def ask(
    question: given.Question,
    site: given.AskedSite = None,
    workspace: given.WorkspaceFolder = None,
    count: given.Quotations = 3,
    anyway: given.NearestAnyway = False,
    as_json: given.AsJson = False,
) -> None:
    """Answer a question from the blog, with citations."""
    from penname.ask.answer import AskOptions
    from penname.ask.answer import ask as ask_blog
    from penname.ask.show import answer_lines
    from penname.core.terminal import print_json

    with showing():
        answer = ask_blog(_place(site, workspace), question, AskOptions(count, anyway))
    if as_json:
        print_json(answer.to_json())
    else:
        say("\n".join(answer_lines(answer)))


@app.command()
def related(
    site: given.AskedSite = None,
    workspace: given.WorkspaceFolder = None,
    count: given.RelatedPosts = 3,
    as_json: given.AsJson = False,
) -> None:
    """List the nearest other posts of each post: links to add."""
    from penname.ask.index import with_index
    from penname.ask.related import related as find_related
    from penname.ask.show import related_lines
    from penname.core.terminal import print_json

    if count < 1:
        raise InputError(f"--count must be at least 1, not {count}.")
    with showing():
        found = with_index(_place(site, workspace), lambda index: find_related(index, count))
    if as_json:
        print_json([each.to_json() for each in found])
    else:
        say("\n".join(related_lines(found)))


def _place(site: Path | None, folder: Path | None) -> "Workspace":
    """The workspace that is asked; with a site its text is brought up to date first, as it was prepared before."""
    from penname.core.workspace import find_workspace
    from penname.corpus.prepare import prepare, prepared_before, workspace_for

    if site is None:
        return find_workspace(folder)
    place = workspace_for(site, folder)
    with place.at_work("penname ask"):
        prepare(site, place, prepared_before(place))
    return place
