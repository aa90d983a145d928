"""The shelf at scale: the same steps on Hugging Face's datatrove, on one machine, Slurm or Ray.

In: a folder of books. Out: one shard a task, `index.tsv`, `dropped.tsv`. The stages: clean and filter; signatures;
match them; choose what to drop; write; join the tables. Each task streams, marks itself done, and is not run again.

    run_pipeline(Path("gutenberg"), Path("shelf"), BooksOptions(), Engine("local", tasks=64, workers=16))

Needs `pip install penname[books]`. Twins are found over the whole collection by MinHash (Broder 1997). Of a group of
twins one is kept, not always the first; the order of documents comes from the seed, which deals files out to tasks.
"""

import csv
import hashlib
import itertools
import json
import random
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from penname.books import steps
from penname.books.catalogue import COMPRESSIONS, BooksOptions
from penname.books.shelf import Dropped, choose_books, empty_shelf
from penname.core import events
from penname.core.errors import InputError, Interrupted
from penname.core.files import write_json, write_text

_HASHES = 112
ENGINES = ("local", "slurm", "ray")


@dataclass(frozen=True)
class Engine:
    """Where to run: `tasks` is also the number of shards, `workers` how many run at once.

    `settings` go to datatrove's executor as they are: `time` and `partition` for Slurm, `mem_per_cpu_gb` for Ray.
    """

    kind: str = "local"
    tasks: int = 1
    workers: int = 1
    settings: dict[str, Any] = field(default_factory=dict)

    def check(self) -> None:
        """Raise an `InputError` for an engine that cannot be built."""
        if self.kind not in ENGINES:
            raise InputError(f"{self.kind!r} is no engine; use one of {', '.join(ENGINES)}.")
        if self.tasks < 1 or self.workers < 1:
            raise InputError("An engine needs at least one task and one worker.")
        missing = [name for name in ("time", "partition") if name not in self.settings]
        if self.kind == "slurm" and missing:
            raise InputError(f"Slurm needs the settings {' and '.join(missing)}.")


@dataclass(frozen=True)
class Stage:
    """One stage: its name, its blocks and the number of its tasks."""

    name: str
    blocks: list[Any]
    tasks: int


def run_pipeline(source: Path, out: Path, options: BooksOptions, engine: Engine) -> None:
    """Run every stage that is not done yet (Slurm: hand them all to the queue).

    Raises `InputError` when datatrove is not installed, a setting cannot be used or nothing is kept, `Interrupted` on
    Ctrl-C; the same call goes on with the tasks that are not done.
    """
    executors = build_executors(source, out, options, engine)
    try:
        if engine.kind == "slurm":
            executors[-1].run()
            return
        with events.task("Books on datatrove", total=len(executors), unit="stages") as step:
            for executor in executors:
                executor.run()
                step(1)
    except RuntimeError as error:
        # datatrove fails where a stage has nothing to read; the tables then say why there is nothing.
        if "No files found" not in str(error):
            raise
        for block in executors[-1].pipeline:
            list(block.run())
    except KeyboardInterrupt:
        raise Interrupted("Stopped; tasks that are done stay done. Run the same command again to go on.") from None
    _check_kept(out, options)


def build_executors(source: Path, out: Path, options: BooksOptions, engine: Engine) -> list[Any]:
    """One executor a stage, each waiting for the one before; nothing runs yet, but the lists of files are written."""
    options.check()
    engine.check()
    kind = _executor_class(engine.kind)
    work = _prepare(source, out, options, engine.tasks)
    executors: list[Any] = []
    for stage in book_stages(source, out, work, options, engine.tasks):
        executors.append(
            kind(
                pipeline=stage.blocks,
                tasks=stage.tasks,
                workers=min(engine.workers, stage.tasks),
                logging_dir=str(work / "logs" / stage.name),
                depends=executors[-1] if executors else None,
                **({"job_name": f"books-{stage.name}"} if engine.kind == "slurm" else {}),
                **engine.settings,
            )
        )
    return executors


def book_stages(source: Path, out: Path, work: Path, options: BooksOptions, tasks: int) -> list[Stage]:
    """datatrove's blocks around our cleaner; `work` holds what passes between the stages."""
    from datatrove.pipeline.dedup import MinhashDedupBuckets, MinhashDedupCluster, MinhashDedupFilter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    folder = source if source.is_dir() else source.parent
    place = {name: str(work / name) for name in ("clean", "signatures", "matches", "remove", "dropped", "index")}
    reader = steps.BooksReader(str(folder), str(work / "paths.txt"), str(work / "books.jsonl"), options.largest_mb)
    dropped = [steps.DroppedWriter(f"{place['dropped']}/{name}") for name in ("unread", "unwanted", "twins")]
    cleaning = [
        reader,
        steps.CleanBooks(options.min_words, dropped[0]),
        steps.ProseFilter(options.languages, dropped[1]),
        JsonlWriter(place["clean"]),
    ]
    shards = steps.ShardWriter(str(out), place["index"], options.name, COMPRESSIONS[options.compression])
    tables = Stage("tables", [steps.Tables(str(out), place["index"], place["dropped"])], 1)
    if not options.duplicates:
        return [
            Stage("clean", cleaning, tasks),
            Stage("write", [JsonlReader(place["clean"]), shards], tasks),
            tables,
        ]
    config = _minhash(options.duplicates)
    signature = steps.BookSignature(place["signatures"], config, language=steps.SpaceTokenizer())
    filtered = [JsonlReader(place["clean"]), MinhashDedupFilter(place["remove"], dropped[2]), shards]
    return [
        Stage("clean", cleaning, tasks),
        Stage("signatures", [JsonlReader(place["clean"]), signature], tasks),
        Stage(
            "matches",
            [MinhashDedupBuckets(place["signatures"], place["matches"], config=config)],
            config.num_buckets,
        ),
        Stage("remove", [MinhashDedupCluster(place["matches"], place["remove"], config=config)], 1),
        Stage("write", filtered, tasks),
        tables,
    ]


def _minhash(threshold: float) -> Any:
    """datatrove's settings with bands whose curve rises at the threshold: (1 / bands) ** (1 / rows)."""
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.utils.hashing import HashConfig
    from datatrove.utils.text import TextNormConfig

    rows = min(range(2, 17), key=lambda rows: abs((rows / _HASHES) ** (1 / rows) - threshold))
    return MinhashConfig(
        n_grams=5,
        num_buckets=_HASHES // rows,
        hashes_per_bucket=rows,
        hash_config=HashConfig(precision=64, hash_fc="sha1"),
        norm_config=TextNormConfig(norm_numbers=False, norm_weekdays=False, norm_monthnames=False,
                                   norm_unicode_diacritics=False),
    )  # fmt: skip


def _prepare(source: Path, out: Path, options: BooksOptions, tasks: int) -> Path:
    """Write the list of files, in the order that the seed gives, to a folder named after it and the settings."""
    folder = source if source.is_dir() else source.parent
    books = choose_books(source, options)
    random.Random(options.seed).shuffle(books)
    rows = []
    for book, entry in books:
        known = {"title": entry.title, "author": entry.author, "year": entry.dates} if entry else {}
        path = book.files[0][1].relative_to(folder).as_posix()
        rows.append({"path": path, "title": "", "author": "", "year": ""} | known)
    settings = {**asdict(options), "catalogue": str(options.catalogue or ""), "tasks": tasks}
    state = json.dumps([settings, [book.fingerprint() for book, _ in books], rows], sort_keys=True)
    work = out / ".pipeline" / hashlib.sha256(state.encode()).hexdigest()[:16]
    for name in ("index", "dropped"):
        (work / name).mkdir(parents=True, exist_ok=True)
    write_text(work / "paths.txt", "".join(row["path"] + "\n" for row in rows))
    write_text(work / "books.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    write_json(work / "settings.json", settings)
    return work


def _executor_class(kind: str) -> Any:
    """datatrove's executor; an `InputError` says what to install when it is not there."""
    try:
        if kind == "slurm":
            from datatrove.executor.slurm import SlurmPipelineExecutor as Executor
        elif kind == "ray":
            from datatrove.executor.ray import RayPipelineExecutor as Executor
        else:
            from datatrove.executor.local import LocalPipelineExecutor as Executor
    except ImportError as error:
        raise InputError(
            f"datatrove is needed for whole collections and is not here ({error}): pip install 'penname[books]'."
        ) from error
    return Executor


def _check_kept(out: Path, options: BooksOptions) -> None:
    """Say why nothing was kept, by the tables that the last stage has written."""
    with (out / "index.tsv").open(encoding="utf-8") as file:
        if len(list(itertools.islice(file, 2))) == 2:
            return
    with (out / "dropped.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    raise empty_shelf(out, [Dropped(row["reason"], row["language"], int(row["words"] or 0)) for row in rows], options)


def shards_of(out: Path, options: BooksOptions) -> Sequence[Path]:
    """The shards that a finished pipeline has written."""
    return sorted(out.glob(f"{options.name}-*.txt{COMPRESSIONS[options.compression]}"))
