import io
import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "model"))
from taught import POSTS, network, taught, tokenizer

from penname.core import events
from penname.core.device import threads
from penname.core.errors import InputError
from penname.core.workspace import Workspace, open_workspace
from penname.model.folder import save_model
from penname.write.copying import CopyIndex
from penname.write.write import WriteOptions, copy_guard, printer, read_prompt, tidy_prompt, training_posts, write

GREEDY = {"temperature": 0.0, "seed": 3}
EXACT = {"device": "cpu", "precision": "fp32"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    with threads(1):
        yield


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("blogs") / "blog.penname"
    place = open_workspace(folder, "blog")
    posts = []
    for number, post in enumerate(POSTS):
        title, text = post.split("\n\n")
        split = "test" if number == 5 else "train"
        posts.append({"id": number, "title": title, "date": "", "tags": [], "text": text, "split": split})
    place.text.write_text(json.dumps(posts), encoding="utf-8")
    save_model(place.model, taught(), tokenizer(), card="# A blog", generation={"temperature": 0.8, "min_p": 0.05})
    return place


def options(workspace: Workspace, **more) -> WriteOptions:
    chosen = {"workspace": workspace.folder, "sampling": GREEDY, "max_copy": 0, "example": False, **EXACT, **more}
    return WriteOptions(**chosen)


def said_while(work):
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        result = work()
    return result, " ".join(said)


def test_a_title_is_followed_by_its_post(workspace):
    written, said = said_while(lambda: write("  The   garden ", options(workspace, title=True)))
    assert written.prompt == "The garden\n\n"
    assert written.prompt + written.drafts[0].text == POSTS[0]
    assert written.drafts[0].ended
    assert "ended by itself" in said
    assert "--seed 3" in said


def test_drafts_are_shown_while_they_are_written(workspace):
    out = io.StringIO()
    sampling = {"temperature": 1.2, "max_tokens": 12, "seed": 5}
    written = write("Letters", options(workspace, drafts=3, sampling=sampling), printer(out))
    shown = out.getvalue()
    assert shown.endswith("\n"), "what is said behind a draft begins on a line of its own"
    assert shown.removesuffix("\n").split("\n\n* * *\n\n") == ["Letters" + draft.text for draft in written.drafts]
    assert len(written.drafts) == 3


def test_the_guard_keeps_drafts_from_copying_training_posts(workspace):
    index = CopyIndex(POSTS[:5])
    free = write("Winter\n\nSnow", options(workspace))
    held, said = said_while(lambda: write("Winter\n\nSnow", options(workspace, max_copy=4)))
    assert index.longest_run(free.drafts[0].text).words > 12
    assert index.longest_run(held.drafts[0].text).words <= 4
    assert held.guarded
    assert not free.guarded
    assert held.drafts[0].refused > 0
    assert f"refused {held.drafts[0].refused:,} candidates" in said
    # Held-out posts are not guarded: what is like them was not copied from them.
    letters = write("Letters\n\nDear", options(workspace, max_copy=4))
    assert "Letters\n\nDear" + letters.drafts[0].text == POSTS[5]


def test_without_posts_the_guard_is_off_and_that_is_said(workspace, tmp_path):
    alone = tmp_path / "model"
    save_model(alone, taught(), tokenizer(), card="", generation={})
    chosen = WriteOptions(model=alone, sampling={**GREEDY, "max_tokens": 2}, **EXACT)
    written, said = said_while(lambda: write("On bread", chosen))
    assert not written.guarded
    assert "copy guard is off" in said


def test_a_model_inside_its_workspace_is_guarded(workspace):
    chosen = WriteOptions(model=workspace.model, sampling={**GREEDY, "max_tokens": 2}, **EXACT)
    assert write("On bread", chosen).guarded


def test_without_a_seed_each_run_is_another_and_can_be_had_again(workspace):
    sampling = {"temperature": 1.5, "min_p": 0.0, "max_tokens": 20}
    one, two = (write("Once", options(workspace, sampling=sampling)) for _ in range(2))
    assert one.settings.seed != two.settings.seed
    again = write("Once", options(workspace, sampling={**sampling, "seed": one.settings.seed}))
    assert again.drafts == one.drafts


def test_the_folder_says_how_to_sample_unless_told_otherwise(workspace):
    written = write("Once", options(workspace, sampling={"max_tokens": 1, "min_p": 0.2}))
    assert (written.settings.temperature, written.settings.min_p) == (0.8, 0.2)


def test_programs_get_json(workspace):
    written = write("The garden", options(workspace))
    value = json.loads(json.dumps(written.to_json()))
    assert value["drafts"][0]["ended"] is True
    assert value["prompt"] + value["drafts"][0]["text"] == POSTS[0]
    assert {"settings", "copy_guard", "tokens_per_second"} <= set(value)


def test_a_workspace_without_a_model_says_what_to_do(tmp_path):
    place = open_workspace(tmp_path / "new.penname", "new")
    with pytest.raises(InputError, match="penname train"):
        write("a", WriteOptions(workspace=place.folder, device="cpu"))


def test_bad_options_are_told_before_anything_is_loaded(tmp_path):
    with pytest.raises(InputError, match=r"number of drafts.*--max-copy"):
        write("a", WriteOptions(workspace=tmp_path, drafts=0, max_copy=-1))
    place = open_workspace(tmp_path / "new.penname", "new")
    with pytest.raises(InputError, match="min_p"):
        write("a", WriteOptions(workspace=place.folder, sampling={"min_p": 7}))


def test_damaged_weights_are_told(tmp_path):
    import torch

    from penname.core.errors import PennameError

    broken = network()
    with torch.no_grad():
        broken.model.norm.weight.fill_(torch.nan)
    save_model(tmp_path / "model", broken, tokenizer(), card="", generation={})
    with pytest.raises(PennameError, match="damaged"):
        write("a", WriteOptions(model=tmp_path / "model", max_copy=0, **EXACT))


def test_the_prompt_comes_from_the_argument_or_from_a_pipe():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    assert read_prompt("given", io.StringIO("piped")) == "given"
    assert read_prompt("-", io.StringIO("piped\n")) == "piped"
    assert read_prompt(None, io.StringIO("piped\r\n")) == "piped"
    assert read_prompt(None, Terminal("typed")) == ""
    broken = io.TextIOWrapper(io.BytesIO(b"\xff\xfe"), encoding="utf-8")
    with pytest.raises(InputError, match="UTF-8"):
        read_prompt("-", broken)


def test_prompts_are_laid_out_as_posts_are():
    assert tidy_prompt("Cafe\u0301\r\nbar", False) == "Café\nbar"
    assert tidy_prompt("  A\n title ", True) == "A title\n\n"
    assert tidy_prompt("odd \udc80", False) == "odd ?"
    for blank in (" ", "   ", "\t", " \t ", "\u00a0", "\u3000"):
        assert tidy_prompt(f"A garden{blank}", False) == "A garden"
        assert tidy_prompt(f"A garden{blank}\n\n{blank}", False) == "A garden\n\n"
        assert tidy_prompt(blank, False) == ""
    assert tidy_prompt("  A garden,\n", False) == "  A garden,\n"
    with pytest.raises(InputError, match="title"):
        tidy_prompt(" \n", True)


def test_strange_characters_never_end_a_run():
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    from penname.write.generate import Piece

    printer(out)("Café ", Piece(0, "🐈\ud800\x1b[2J\n", "end", 1, 0))
    out.seek(0)
    assert out.read() == "Caf? ??\n\n", "its own line end, and the one behind a draft"


def test_the_guard_is_off_when_asked(workspace):
    assert copy_guard(training_posts(workspace), 0) is None
    assert copy_guard(training_posts(workspace), 12) is not None


def test_a_post_is_read_first_unless_told_otherwise(workspace):
    def text(**more):
        chosen = options(workspace, title=True, sampling={**GREEDY, "max_tokens": 20}, **more)
        return write("On cats", chosen).drafts[0].text

    from penname.write.examples import Examples

    asked = []
    with pytest.MonkeyPatch.context() as patch:
        before = Examples.before
        patch.setattr(Examples, "before", lambda self, prompt, seed: asked.append(prompt) or before(self, prompt, seed))
        shown = text(example=True)
        assert asked == ["On cats\n\n"]
        assert text(example=False) != shown
        # A model that is given may have learned from other posts.
        assert text(example=True, model=workspace.model) == text(example=False)
    assert asked == ["On cats\n\n"]
