import errno
import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from penname.core.errors import PennameError
from penname.model.gpt import GPT, GPTConfig
from penname.train import checkpoint
from penname.train.checkpoint import list_checkpoints, load_checkpoint, newest_checkpoint, read_state, save_checkpoint
from penname.train.optim import build_optimizers

SHAPE = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)


def stepped(seed: int) -> tuple[GPT, list[torch.optim.Optimizer]]:
    torch.manual_seed(seed)
    model = GPT(SHAPE).initialise(seed)
    optimizers = build_optimizers(model, matrices="muon", matrix_lr=0.01, table_lr=0.001, weight_decay=0.1, fused=False)
    for _ in range(2):
        model(torch.randint(0, 64, (2, 8))).square().mean().backward()
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad()
    return model, optimizers


def test_everything_comes_back(tmp_path: Path) -> None:
    model, optimizers = stepped(0)
    extra = {"best/x": torch.arange(3.0)}
    save_checkpoint(tmp_path, model, optimizers, {"step": 7, "name": "a"}, extra=extra)
    other, others = stepped(1)
    state, found = load_checkpoint(tmp_path / "step-00000007", other, others)
    assert state == {"step": 7, "name": "a"}
    assert torch.equal(found["best/x"], extra["best/x"])
    for left, right in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right)
    names = dict(other.named_parameters())
    for mine, theirs in zip(optimizers, others, strict=True):
        assert len(mine.state) == len(theirs.state)
        for name, weight in model.named_parameters():
            left, right = mine.state.get(weight, {}), theirs.state.get(names[name], {})
            assert left.keys() == right.keys()
            for key in left:
                assert torch.equal(torch.as_tensor(left[key]), torch.as_tensor(right[key]))


def test_parts_have_the_size_that_was_asked_for(tmp_path: Path) -> None:
    model, optimizers = stepped(0)
    place = save_checkpoint(tmp_path, model, optimizers, {"step": 1}, part_size=6_000)
    sizes = [path.stat().st_size for path in place.glob("*.safetensors")]
    table = model.model.embed_tokens.weight
    assert table.numel() * table.element_size() > 6_000
    # Beside the weights a part holds a header of some 80 bytes a tensor.
    assert max(sizes) < 6_000 + 3_000
    other, others = stepped(1)
    load_checkpoint(place, other, others)
    for left, right in zip(model.parameters(), other.parameters(), strict=True):
        assert torch.equal(left, right)


def test_a_copy_that_was_cut_off_is_passed_over_and_damage_is_told(tmp_path: Path) -> None:
    model, optimizers = stepped(0)
    for step in (1, 2):
        save_checkpoint(tmp_path, model, optimizers, {"step": step}, part_size=20_000)
    part = tmp_path / "step-00000002" / "part-0001.safetensors"
    whole = part.read_bytes()
    for begun in (whole[:-1], b""):
        part.write_bytes(begun)
        assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000001"]
    part.unlink()
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000001"]
    part.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(PennameError, match=r"part-0001\.safetensors is damaged"):
        load_checkpoint(tmp_path / "step-00000002", model, optimizers)
    (tmp_path / "step-00000002" / "state.json").write_text('{"state": {"st')
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000001"]


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    model, optimizers = stepped(0)
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, model, optimizers, {"step": step})
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    newest = newest_checkpoint(tmp_path)
    assert newest is not None
    assert read_state(newest) == {"step": 3}


FULL = (
    OSError(errno.ENOSPC, "No space left on device"),
    # As safetensors said it on a file system of 2 MB.
    SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"),
)


@pytest.mark.parametrize("error", FULL, ids=["python", "safetensors"])
def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    model, optimizers = stepped(0)
    save_checkpoint(tmp_path, model, optimizers, {"step": 1})

    def full(*_: object) -> None:
        raise error

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(PennameError, match=r"is full: step-00000002 needs 1 MB, [\d,]+ MB are free.*step-00000001"):
        save_checkpoint(tmp_path, model, optimizers, {"step": 2})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]
    monkeypatch.undo()
    save_checkpoint(tmp_path, model, optimizers, {"step": 2})
    assert newest_checkpoint(tmp_path) == tmp_path / "step-00000002"


LIMITED = """
import json, resource, sys
from pathlib import Path
from penname.core.errors import PennameError
from penname.train.checkpoint import load_checkpoint, newest_checkpoint, save_checkpoint
from penname.model.gpt import GPT, GPTConfig
folder = Path(sys.argv[1])
model = GPT(GPTConfig(64, 32, 64, 2, 2, 1, 16, 32))
said = []
for step, limit in ((1, 20_000), (2, None), (3, 20_000), (4, None)):
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard if limit is None else limit, hard))
    try:
        save_checkpoint(folder, model, [], {"step": step})
    except PennameError as error:
        said.append(str(error))
    else:
        said.append(load_checkpoint(newest_checkpoint(folder), model, [])[0]["step"])
    if limit:
        said.append(sorted(path.name for path in folder.iterdir()))
print(json.dumps(said))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="skipped: Windows has no such limit")
def test_files_that_may_not_be_so_large_leave_the_one_before(tmp_path: Path) -> None:
    """A real write that fails, in another process, whose limit is not ours."""
    done = subprocess.run([sys.executable, "-c", LIMITED, str(tmp_path)], capture_output=True, text=True, check=True)
    first, nothing, second, third, one, fourth = json.loads(done.stdout)
    assert "step-00000001 was not written" in first and "begins again" in first and nothing == []
    assert "step-00000003 was not written" in third and "step-00000002 before it is whole" in third
    assert (second, one, fourth) == (2, ["step-00000002"], 4)


FOREVER = """
import sys
from pathlib import Path
from penname.train.checkpoint import save_checkpoint
from penname.model.gpt import GPT, GPTConfig
model = GPT(GPTConfig(64, 32, 64, 2, 2, 1, 16, 32))
for step in range(1, 100_000):
    save_checkpoint(Path(sys.argv[1]), model, [], {"step": step})
"""


@pytest.mark.slow
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    generator = random.Random(0)
    model = GPT(SHAPE)
    last = 0
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", FOREVER, str(tmp_path)])
        begun = last
        while last < begun + 3 and process.poll() is None:
            newest = newest_checkpoint(tmp_path)
            last = max(last, read_state(newest)["step"]) if newest and newest.exists() else last
            time.sleep(generator.random() * 0.05)
        process.kill()
        process.wait()
        newest = newest_checkpoint(tmp_path)
        assert newest is not None
        state, _ = load_checkpoint(newest, model, [])
        assert state["step"] >= 1
        last = 0
        shutil.rmtree(tmp_path)
        tmp_path.mkdir()
