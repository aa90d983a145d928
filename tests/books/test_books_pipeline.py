"""The datatrove pipeline on its local executor: the same documents as the plain shelf, resumed, pickled, refused."""

import bz2
import csv
import random
from pathlib import Path
from typing import Any

import pytest

from penname.books.catalogue import BooksOptions
from penname.books.shelf import build_shelf
from penname.cli import main
from penname.core.errors import InputError

datatrove = pytest.importorskip("datatrove", reason="skipped: datatrove is not installed")

from penname.books.pipeline import Engine, build_executors, run_pipeline, shards_of  # noqa: E402

FILES = Path(__file__).parent / "files"
OPTIONS = BooksOptions(min_words=50, seed=5)


def prose(seed: int) -> str:
    """English with so many names that no two seeds share a run of five words."""
    chance = random.Random(seed)
    lines = []
    for _ in range(60):
        a, b, c = ("".join(chance.choices("aeiou", k=1) + chance.choices("bdlmnrst", k=4)).title() for _ in range(3))
        lines.append(f"{a} was in the garden with {b} when the letter of {c} came, and they read it to {a}.")
    return "\n\n".join(lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    books = tmp_path / "books"
    books.mkdir()
    for name in ("old.txt", "middle.txt", "new.txt", "page.html"):
        (books / name).write_bytes((FILES / name).read_bytes())
    (books / "many.txt.bz2").write_bytes(bz2.compress("\n<|endoftext|>\n".join(map(prose, range(6))).encode()))
    (books / "twin.txt").write_text((FILES / "middle.txt").read_text(encoding="latin-1").replace("geraniums", "roses"))
    (books / "short.txt").write_text("Too short.")
    (books / "french.txt").write_text("Le vieux gardien du phare n'en sortait plus que pour aller au village. " * 40)
    (books / "broken.epub").write_bytes(b"PK nothing")
    return books


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def documents(paths: list[Path]) -> list[str]:
    texts = [bz2.decompress(path.read_bytes()).decode() for path in paths]
    return [document.removesuffix("\n") for text in texts for document in text.split("<|endoftext|>\n")]


@pytest.mark.slow
def test_the_pipeline_writes_what_the_plain_shelf_writes(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_pipeline(folder, out, OPTIONS, Engine(tasks=2))
    shards = list(shards_of(out, OPTIONS))
    assert [path.name for path in shards] == ["books-00000.txt.bz2", "books-00001.txt.bz2"]
    plain = build_shelf(folder, tmp_path / "plain", OPTIONS)
    mine, theirs = sorted(documents(shards)), sorted(documents(list(plain.shards)))
    assert len(mine) == len(theirs) == plain.documents
    different = set(mine) ^ set(theirs)
    assert len(different) in (0, 2) and all("ORCHARD" in text for text in different)
    index = rows(out / "index.tsv")
    assert sorted(int(row["bytes"]) for row in index) == sorted(len(text.encode()) for text in mine)
    assert {row["year"] for row in index if row["title"] == "The Clockmaker's Niece"} == {"1921"}
    assert {row["shard"] for row in index} == {"books-00000", "books-00001"}
    reasons = {row["source"]: row["reason"].split(":")[0] for row in rows(out / "dropped.tsv")}
    assert reasons.pop("middle.txt", "") + reasons.pop("twin.txt", "") == "near-duplicate"
    assert reasons == {"short.txt": "too short", "french.txt": "language", "broken.epub": "unreadable"}
    before = {path.name: path.stat().st_mtime_ns for path in shards}
    run_pipeline(folder, out, OPTIONS, Engine(tasks=2))
    assert {path.name: path.stat().st_mtime_ns for path in shards_of(out, OPTIONS)} == before
    (next((out / ".pipeline").iterdir()) / "logs" / "write" / "completions" / "00001").unlink()
    texts = documents(shards)
    run_pipeline(folder, out, OPTIONS, Engine(tasks=2))
    assert documents(shards) == texts


def test_without_a_search_for_twins_there_are_three_stages(folder: Path, tmp_path: Path) -> None:
    options = BooksOptions(min_words=50, duplicates=0, compression="none")
    executors = build_executors(folder, tmp_path / "out", options, Engine())
    assert len(executors) == 3
    run_pipeline(folder, tmp_path / "out", options, Engine())
    assert len(rows(tmp_path / "out" / "index.tsv")) == 11


@pytest.mark.filterwarnings("ignore")
def test_executors_for_slurm_and_ray_are_built_and_their_blocks_travel(folder: Path, tmp_path: Path) -> None:
    dill = pytest.importorskip("dill")
    slurm = Engine("slurm", tasks=64, workers=16, settings={"time": "04:00:00", "partition": "cpu"})
    executors: list[Any] = build_executors(folder, tmp_path / "slurm", OPTIONS, slurm)
    assert [type(executor).__name__ for executor in executors] == ["SlurmPipelineExecutor"] * 6
    assert [executor.tasks for executor in executors] == [64, 64, executors[2].tasks, 1, 64, 1]
    assert executors[3].depends is executors[2]
    ray = build_executors(folder, tmp_path / "ray", OPTIONS, Engine("ray", tasks=4, settings={"mem_per_cpu_gb": 3}))
    assert type(ray[0]).__name__ == "RayPipelineExecutor" and ray[0].mem_per_cpu_gb == 3
    for executor in executors:
        blocks = dill.loads(dill.dumps(executor.pipeline))
        assert [type(block) for block in blocks] == [type(block) for block in executor.pipeline]


def test_engines_that_cannot_be_built_are_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for engine, word in [
        (Engine("spark"), "no engine"),
        (Engine("slurm"), "time and partition"),
        (Engine(tasks=0), "at least one task"),
    ]:
        with pytest.raises(InputError, match=word):
            build_executors(folder, tmp_path / "out", OPTIONS, engine)
    monkeypatch.setitem(__import__("sys").modules, "datatrove.executor.local", None)
    with pytest.raises(InputError, match=r"penname\[books\]"):
        build_executors(folder, tmp_path / "out", OPTIONS, Engine())


def test_a_signature_in_pieces_is_the_same_signature() -> None:
    from datatrove.pipeline.dedup import MinhashDedupSignature

    from penname.books import pipeline, steps

    config = pipeline._minhash(0.5)
    pieces = steps.BookSignature("memory://s", config, language=steps.SpaceTokenizer())
    whole = MinhashDedupSignature("memory://w", config, language=steps.SpaceTokenizer())
    chance = random.Random(1)
    text = " ".join(str(chance.random()) for _ in range(6000))
    shingles = whole.get_shingles(text)
    assert len(shingles) > 4096
    assert pieces.get_signature(shingles) == whole.get_signature(shingles)


def test_the_command_line_runs_the_pipeline(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    engine = ["--engine", "datatrove", "--tasks", "2", "--workers", "1"]
    monkeypatch.setattr("sys.argv", ["penname", "books", str(folder), "--out", str(out), "--min-words", "50", *engine])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out == f"{out}: 2 shards.\n"
    assert len(rows(out / "index.tsv")) == len(documents(list(shards_of(out, OPTIONS))))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--mirror", "https://example.org", "--engine", "ray"], "--engine ray reads a folder"),
        (["FOLDER", "--engine", "slurm", "--engine-setting", "time"], "--engine-setting is NAME=VALUE, not time"),
        (["FOLDER", "--engine", "slurm", "--engine-setting", "time=1:00"], "Slurm needs the settings partition"),
        (["FOLDER", "--engine", "spark"], "'spark' is no engine"),
    ],
)
def test_an_engine_that_cannot_run_is_told(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = [str(folder) if word == "FOLDER" else word for word in words]
    monkeypatch.setattr("sys.argv", ["penname", "books", *given])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 2
    assert said in capsys.readouterr().err


def test_a_pipeline_that_keeps_nothing_says_why(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    for name in ("a.txt", "b.txt"):
        (tmp_path / "books" / name).write_text("Too short.")
    with pytest.raises(InputError, match=r"None of 2 documents were kept: 2 too short.*lower --min-words"):
        run_pipeline(tmp_path / "books", tmp_path / "out", OPTIONS, Engine(tasks=1))
