"""The commands as a user meets them: exit codes, one sentence for an error, results apart from the rest."""

import json
import os
import signal
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gguf_files import small_gguf
from publii_site import make_site, post

from penname import __version__, cli
from penname.cli.app import with_values
from penname.core.workspace import Workspace
from penname.sources.find import sample_site

STATS_KEYS = {"posts", "words", "average_words", "links", "longest", "largest_post_share"}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    return make_site(tmp_path / "my-blog", [post(n, text=f"<p>{f'word{n} ' * 50}</p>") for n in range(1, 21)])


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in a folder of its own, so that no workspace is found or left."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def call(*arguments: object) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main([str(argument) for argument in arguments])
    code = stop.value.code
    return code if isinstance(code, int) else 0


def run(*arguments: object, **more: Any) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-c", "from penname.cli import main; main()", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **more)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == f"penname {__version__}\n"


def test_stats_json(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("stats", site, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) >= STATS_KEYS and found["posts"] == 20
    assert set(found["longest"][0]) == {"date", "title", "words"}


def test_stats_table(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("stats", site) == 0
    out = capsys.readouterr().out
    for part in (
        "Posts",
        "Words",
        "Average words a post",
        "Estimated links",
        "Longest posts",
        "Is it enough?",
    ):
        assert part in out


def test_prepare_makes_the_default_workspace(site: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("prepare", site) == 0
    workspace = Workspace(here / "my-blog.penname")
    assert len(json.loads(workspace.text.read_text(encoding="utf-8"))["posts"]) == 20
    assert workspace.tokenizer.exists() and workspace.log.exists()
    captured = capsys.readouterr()
    assert captured.out == f"{workspace.folder}: 20 posts, 1,000 words.\n"
    assert "Split by hash" in captured.err
    assert call("prepare", site, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_the_log_is_json_lines(site: Path, here: Path) -> None:
    call("prepare", site, "-w", here / "w")
    lines = (here / "w" / "log.jsonl").read_text(encoding="utf-8").splitlines()
    kinds = [json.loads(line)["kind"] for line in lines]
    assert kinds[0] == "command" and "note" in kinds and "progress" not in kinds


@pytest.mark.slow
def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("doctor", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"] and {"penname", "Python", "torch", "device", "disk", "base model"} <= set(found["findings"])
    assert call("doctor") == 0
    assert "device" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["stats", "nowhere"],
        ["stats", "."],
        ["prepare", "nowhere"],
        ["prepare", "my-blog", "--split", "odd"],
        ["prepare", "my-blog", "--cap", "3"],
        ["prepare", "my-blog", "--vocabulary", "9"],
        ["prepare", "my-blog", "--workspace", "my-blog"],
        ["prepare", "my-blog", "--workspace", "file.txt"],
        ["stats", "file.txt"],
    ],
    ids=" ".join,
)
def test_bad_input_is_one_sentence_and_exit_code_2(
    site: Path, here: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file.txt").write_text("not a database", encoding="utf-8")
    assert call(*arguments, "--quiet") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and captured.err.endswith(".\n")


@pytest.mark.parametrize("arguments", [["bogus"], ["stats"], ["stats", "a", "b"], ["stats", "a", "--bogus"]])
def test_wrong_use_is_exit_code_2_and_says_how(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*arguments) == 2
    captured = capsys.readouterr()
    assert "Usage: penname" in captured.err + captured.out and "Traceback" not in captured.err


def test_an_unexpected_error_is_one_sentence(
    site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def break_(*_: object) -> None:
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("penname.corpus.read.read_blog", break_)
    assert call("stats", site) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "ZeroDivisionError: division by zero" in error and "--debug" in error
    with pytest.raises(ZeroDivisionError):
        cli.main(["stats", str(site), "--debug"])


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (MemoryError(), 1)])
def test_stopping_and_running_out_of_memory(
    site: Path,
    error: BaseException,
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_: object) -> None:
        raise error

    monkeypatch.setattr("penname.corpus.read.read_blog", stop)
    assert call("stats", site) == code
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.skipif(os.name == "nt", reason="skipped: signals work another way on Windows")
def test_ctrl_c_ends_quietly(site: Path) -> None:
    code = (
        "import signal, time, penname.corpus.read as read, penname.cli as cli\n"
        "def wait(*_): print('ready', flush=True); time.sleep(60)\n"
        f"read.read_blog = wait\ncli.main(['stats', {str(site)!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == b"ready\n"
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b"Stopped.\n"
        assert process.wait() == 130


@pytest.mark.slow
def test_any_character_can_be_printed_on_any_terminal(tmp_path: Path) -> None:
    title = "Žluťoučký 🐎 使用"
    site = make_site(tmp_path / "odd", [post(1, title=title, tags=("使用",))])
    environment = os.environ | {"PYTHONIOENCODING": "latin-1", "PYTHONUTF8": "0"}
    table = run("stats", site, env=environment)
    assert table.returncode == 0 and b"Traceback" not in table.stderr and b"lu?ou?k" in table.stdout
    found = json.loads(run("stats", site, "--json", env=environment).stdout.decode("ascii"))
    assert found["longest"][0]["title"] == title


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="skipped: no such pipes on Windows")
def test_a_closed_pipe_is_no_error(site: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-c", "from penname.cli import main; main()", "stats", str(site)]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, check=False)
    os.close(write)
    assert b"Traceback" not in done.stderr and b"BrokenPipe" not in done.stderr


@pytest.fixture
def model(tmp_path: Path) -> Iterator[Path]:
    from tiny_models import random_model, tiny_tokenizer

    from penname.core.device import threads
    from penname.model.folder import save_model

    save_model(tmp_path / "model", random_model(), tiny_tokenizer(), card="# Tiny\n", generation={})
    with threads(1):  # at this size more only wait for each other
        yield tmp_path / "model"


def test_write(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["write", "The owl", "--model", model, "--max-tokens", "5", "--seed", "3", "--precision", "fp32"]
    assert call(*words, "-n", "2") == 0
    first = capsys.readouterr()
    assert first.out.count("The owl") == 2 and "--seed 3" in first.err
    assert call(*words, "--json", "--quiet") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["settings"]["seed"] == 3 and len(found["drafts"]) == 1
    assert call(*words, "--json", "--quiet") == 0
    assert json.loads(capsys.readouterr().out)["drafts"] == found["drafts"]
    assert call(*words, "--temperature", "-1") == 2
    assert call("write", "The owl") == 2


def test_penname_alone_shows_the_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    told = capsys.readouterr().out
    assert [told.index(f"penname {verb}") for verb in ("stats", "plan", "train", "write")]
    assert max(map(len, told.splitlines()[1:])) <= 100


def test_score(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.txt").write_text("One document.\n<|endoftext|>\nAnother one.\n", encoding="utf-8")
    (here / "b.txt").write_text("Žluťoučký kůň", encoding="utf-8")
    assert call("score", "a.txt", "b.txt", "--model", model, "--device", "cpu", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"bits_per_byte", "bytes", "tokens", "files"}
    assert [item["path"] for item in found["files"]] == ["a.txt", "b.txt"]
    assert found["bytes"] == 25 + len("Žluťoučký kůň".encode()) == sum(item["bytes"] for item in found["files"])
    assert call("score", "b.txt", "-m", model, "--device", "cpu") == 0
    assert "bits per byte" in capsys.readouterr().out


def test_export(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("export", "hf", "--out", "copy", "--model", model) == 0
    assert capsys.readouterr().out == "copy\n" and (here / "copy" / "model.safetensors").exists()
    assert call("score", "nothing.txt", "--model", "copy") == 2
    assert call("export", "zip", "--out", "x", "--model", model) == 2
    assert call("export", "hf", "--out", "copy/config.json", "--model", model) == 2


def test_base_stands_alone_or_before_a_base(tmp_path: Path) -> None:
    file, folder = str(tmp_path / "none.gguf"), tmp_path / "folder"
    folder.mkdir()
    assert with_values(["--base", "Once upon"]) == ["--base=shipped", "Once upon"]
    assert with_values(["Once", "--base"]) == ["Once", "--base=shipped"]
    assert with_values(["--base", file, "Once"]) == ["--base", file, "Once"]
    assert with_values([f"--base={file}", "--", "--base"]) == [f"--base={file}", "--", "--base"]
    assert with_values(["--base", str(folder)]) == ["--base=shipped", str(folder)]
    (folder / "config.json").write_text("{}")
    assert with_values(["--base", str(folder)]) == ["--base", str(folder)]


@pytest.mark.slow
def test_a_gguf_file_is_a_base_of_every_command(site: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    small_gguf(here / "owl.gguf", pre="smollm")
    (here / "post.txt").write_text("The owl and the pussy-cat went to sea.")
    assert call("score", "--base", "owl.gguf", "post.txt", "--device", "cpu") == 0
    assert "bits per byte" in capsys.readouterr().out
    assert call("write", "--base", "owl.gguf", "The owl", "--max-tokens", "3", "--device", "cpu") == 0
    assert capsys.readouterr().out.startswith("The owl")
    assert call("export", "gguf", "--out", "out.gguf", "--base", "owl.gguf", "--type", "f32") == 0
    assert call("export", "hf", "--out", "out", "--base", "owl.gguf") == 0
    words = ["train", site, "--base", "owl.gguf", "--steps", "2", "--device", "cpu", "--anyway", "--no-judge"]
    assert call("plan", *words[1:-1]) == 0
    assert call(*words) == 0
    capsys.readouterr()
    code = call("judge", "--quick", "--passages", "2", "--device", "cpu")
    assert code == 0, capsys.readouterr().err


def test_pretrain_refuses_what_it_cannot_use(here: Path) -> None:
    assert call("pretrain", "nowhere", "--device", "cpu") == 2
    (here / "text.txt").write_text("Text.", encoding="utf-8")
    assert call("pretrain", "text.txt", "--recipe", "bogus", "--device", "cpu") == 2


def test_books_wants_one_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("books") == 2
    assert call("books", "folder", "--mirror", "https://example.org") == 2
    assert capsys.readouterr().err.count("Name either a folder of books") == 2


def test_flags_stand_anywhere() -> None:
    assert cli._flags_first(["stats", "a", "--quiet"]) == ["--quiet", "stats", "a"]
    assert cli._flags_first(["write", "--", "--debug"]) == ["write", "--", "--debug"]


def test_shell_completion_is_offered() -> None:
    done = run(env=os.environ | {"_PENNAME_COMPLETE": "complete_bash", "COMP_WORDS": "penname st", "COMP_CWORD": "1"})
    assert done.stdout.decode().split() == ["stats"]


@pytest.mark.slow
def test_train_then_write_then_train_again(
    site: Path, model: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["train", site, "--base", model, "--steps", "2", "--device", "cpu", "--anyway"]
    assert call("plan", *words[1:], "--explain") == 0
    assert "2 steps" in capsys.readouterr().out
    words.append("--no-judge")
    assert call(*words) == 0
    workspace = Workspace(here / "my-blog.penname")
    assert (workspace.model / "model.safetensors").exists() and not workspace.checkpoints.exists()
    assert str(workspace.model) in capsys.readouterr().out
    assert call("write", "Word", "--max-tokens", "3", "--device", "cpu") == 0
    assert capsys.readouterr().out.startswith("Word")
    assert call(*words) == 0
    assert "train: nothing has changed" in capsys.readouterr().err


def test_train_refuses_a_blog_that_is_too_small(site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("train", site, "--minutes", "1", "--quiet") == 2
    assert "fewer than 2,000" in capsys.readouterr().err
    assert call("train", site, "--minutes", "-1") == 2


@pytest.mark.slow
def test_the_demo(model: Path, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from rich.console import Console

    from penname.cli.demo import run_demo
    from penname.train.options import TrainOptions

    chosen = TrainOptions(workspace=here / "demo", base=model, steps=2, device="cpu", anyway=True)
    run_demo(chosen, Console(width=100))
    out = capsys.readouterr().out
    assert "943" in out and "A draft in Pepys's voice" in out
    assert len(json.loads((here / "demo" / "text.json").read_text(encoding="utf-8"))["posts"]) == 943
    assert sample_site().exists()


@pytest.mark.parametrize("command", [["stats", ""], ["stats", "  "], ["score", "x.txt", "--model", ""]])
def test_an_empty_path_is_not_this_folder(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert call(*command) == 2
    assert capsys.readouterr().err.startswith("An empty path ('') was given")


@pytest.mark.parametrize("command", ["stats", "train", "score"])
def test_an_address_is_shown_as_it_was_given(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(command, "https://me.example//blog/") == 2
    assert capsys.readouterr().err.startswith("https://me.example//blog/ is an address, and nothing is fetched")


def test_nothing_in_a_site_or_a_backup_steers_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    nasty = "\x1b]0;x\x07\x1b[31mred\x9b2J\u202eturned"
    made = [post(n, title=nasty, text=f"<p>{nasty} {f'word{n} ' * 50}</p>", tags=(nasty,)) for n in range(1, 4)]
    site = make_site(tmp_path / "blog", made, name=nasty, displayName=nasty, language=nasty)
    backup = tmp_path / "b.tar"
    with tarfile.open(backup, "w") as tar:
        for name in (f"{nasty}1", f"{nasty}2"):
            tar.add(site / "input" / "db.sqlite", f"{name}/input/db.sqlite")
    for arguments in (["stats", site], ["stats", site, "--json"], ["prepare", site], ["stats", backup]):
        call(*arguments)
        for text in capsys.readouterr():
            assert not set(text) & set("\x1b\x07\x9b\u202e")


@pytest.mark.skipif(os.name == "nt", reason="skipped: Windows knows no such signals")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_other_signals_end_a_command_as_ctrl_c_does(name: str) -> None:
    script = (
        "import signal, time\nfrom penname.core.terminal import run_and_exit\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "def work():\n    print('in', flush=True)\n    time.sleep(60)\nrun_and_exit(work)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr and process.stdout.readline() == "in\n"
        process.send_signal(getattr(signal, name))
        assert process.wait(10) == 130 and process.stderr.read() == "Stopped.\n"
