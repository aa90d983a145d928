"""What a model reads of the blog before it writes on a subject.

    passages_for(workspace, "On keeping a garden")    # the best passages, at most three, one a post

In: a workspace with clean text, and a prompt. Out: passages, the best last, where a model attends to them most.
"""

from penname.ask.index import Index, Passage, with_index
from penname.ask.passages import question_words
from penname.ask.search import search
from penname.core import events
from penname.core.errors import InputError
from penname.core.workspace import Workspace

_MOST = 3


def passages_for(workspace: Workspace, prompt: str) -> tuple[str, ...]:
    """The best passages for `prompt`. Raises `InputError` for a prompt without a word."""
    if not question_words(prompt):
        raise InputError("With --grounded a prompt is needed: give the subject to write on.")

    def best(index: Index) -> tuple[str, ...]:
        found: dict[int, Passage] = {}
        for each in search(index, prompt).found:
            passage = index.passage(each.number)
            found.setdefault(passage.post, passage)
            if len(found) == _MOST:
                break
        titles = "; ".join(passage.source.title or "Untitled" for passage in found.values())
        events.note(f"Read before the prompt: {titles}." if found else "The blog says nothing on the prompt.")
        return tuple(passage.text for passage in found.values())[::-1]

    return with_index(workspace, best)
