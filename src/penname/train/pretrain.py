"""A teacher for pre-training: a trained network whose expectations a smaller one learns beside the text.

In: a model folder with the tokenizer of the run. Out: a network that is only read (Hinton, Vinyals and Dean 2015).

    teacher = read_teacher(Path("larger/base"), tokenizer, device)
    run = Run(settings, mixture, device, teacher=teacher)

A base model from books: tokenizer, token shards, training on one GPU or many, a folder to write and adapt from.

In: files or folders of text (documents separated by lines that hold only `<|endoftext|>`), a recipe. Out: a folder with
`tokenizer.json`, `shards/`, `checkpoints/` and, at the end, `model/` and `result.json`.

    pretrain([Path("books")], PretrainOptions(out=Path("base"), recipe="base"))
    torchrun --nproc-per-node 2 -m penname pretrain books --out base
"""

import hashlib
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from penname.core import events
from penname.core.device import Device, pick_device
from penname.core.errors import InputError
from penname.core.files import read_text, write_json, write_text
from penname.corpus.tokenizer import load_tokenizer, read_documents, train_tokenizer
from penname.model.base import load_base
from penname.model.gpt import GPT, GPTConfig
from penname.model.hf_weights import named_weights
from penname.model.score import token_nats
from penname.train import parallel
from penname.train.batches import Mixture, Shard, Stream, open_shards, write_shards
from penname.train.grow import grown
from penname.train.loop import Fitted, Run, train
from penname.train.settings import Recipe, TrainSettings, load_recipe

_PARTS = ("model", "normalizer", "pre_tokenizer")
"""Of a tokenizer: what decides which ids a text becomes."""


def check_teacher(settings: TrainSettings, folder: Path | None) -> None:
    """Raise `InputError` unless a teacher is named and has a share, or neither."""
    if settings.teacher_share and folder is None:
        raise InputError(
            f"The recipe gives a teacher {settings.teacher_share:g} of the loss (teacher_share), and there is none: "
            "name its model folder with --teacher DIR."
        )
    if folder is not None and not settings.teacher_share:
        raise InputError(
            f"The recipe gives the teacher {folder} no share of the loss: set teacher_share in its [train], "
            "say to 0.5, or leave out --teacher."
        )


def read_teacher(folder: Path, tokenizer: "Tokenizer", device: Device | None = None) -> GPT:
    """Read the network in a model folder; its tokenizer must be `tokenizer`, else `InputError`.

    `device` moves the network there.
    """
    loaded = load_base(folder, device)
    theirs, ours = (_identity(each) for each in (loaded.tokenizer, tokenizer))
    if theirs != ours:
        raise InputError(
            f"{folder} cannot teach: it has another tokenizer than this run. Give the run the teacher's, with "
            f"--tokenizer {folder / 'tokenizer.json'} and a new --out."
        )
    if loaded.config.vocab_size != tokenizer.get_vocab_size():
        raise InputError(
            f"{folder} cannot teach: its network has {loaded.config.vocab_size} tokens, and the tokenizer "
            f"{tokenizer.get_vocab_size()}."
        )
    return loaded.model.requires_grad_(False)


def weights_mark(model: GPT) -> str:
    """A hash of a network's shape and weights, whatever file they came from."""
    mark = hashlib.sha256(json.dumps(asdict(model.config), sort_keys=True).encode())
    for name, weight in sorted(named_weights(model).items()):
        mark.update(name.encode())
        mark.update(weight.contiguous().numpy().data)
    return mark.hexdigest()[:16]


def _identity(tokenizer: "Tokenizer") -> object:
    """What two tokenizers share that give the same ids."""
    parts = json.loads(tokenizer.to_str())
    return tokenizer.get_vocab(with_added_tokens=True), [parts.get(name) for name in _PARTS]


_TEXT = (".txt", ".txt.bz2", ".txt.gz", ".txt.xz")
_HELD_OUT = 400
"""One document in this many is held out, to choose by; the figures that are published use other text."""


@dataclass(frozen=True)
class PretrainOptions:
    """What `penname pretrain` is asked."""

    out: Path
    recipe: str = "base"
    device: str = "auto"
    tokenizer: Path | None = None
    """A tokenizer.json to use instead of training one."""
    minutes: float | None = None
    passes: float | None = None
    checkpoints: Path | None = None
    """Where checkpoints go, such as a folder that is copied elsewhere all the time; None: `out/checkpoints`."""
    save_minutes: float = 5.0
    """Minutes between checkpoints."""
    part_megabytes: int = 512
    """Size of the largest file of a checkpoint, in MiB."""
    seed: int | None = None
    compiled: bool | None = None
    """Whether to compile; None: where it pays."""
    micro_rows: int | None = None
    """Windows that go through the network at once; None: what usually fits."""
    teacher: Path | None = None
    """The model folder of a network that teaches this one, for a recipe with a `teacher_share`."""
    start: Path | None = None
    """A base to begin from, as wide as the recipe's or narrower; None: from random weights."""

    def check(self) -> None:
        """Raise one `InputError` that lists all that is wrong."""
        wrong = []
        if self.save_minutes < 0:
            wrong.append("--save-minutes cannot be negative")
        if self.part_megabytes < 1:
            wrong.append("--part-mb must be at least 1")
        if self.micro_rows is not None and self.micro_rows < 1:
            wrong.append("--micro-rows must be at least 1")
        if self.minutes is not None and self.minutes <= 0:
            wrong.append("--minutes must be more than 0")
        if self.passes is not None and self.passes <= 0:
            wrong.append("--passes must be more than 0")
        if wrong:
            raise InputError("; ".join(wrong) + ".")


@dataclass(frozen=True)
class Pretrained:
    """A base model and how it came about."""

    model: GPT
    tokenizer: "Tokenizer"
    recipe: Recipe
    fitted: Fitted
    device: Device


def pretrain(books: Sequence[Path], options: PretrainOptions) -> Pretrained:
    """Train a base model; resumes where it was cut off. Raises `InputError` for unusable books or recipes."""
    options.check()
    recipe = load_recipe(options.recipe)
    check_teacher(recipe.settings(1), options.teacher)
    # Without a limit of time the recipe decides what is learned, and not how fast the machine is at this moment.
    with parallel.joined(pick_device(parallel.own_device(options.device), options.minutes is None)) as device:
        if parallel.is_first():
            _tokenizer(books, recipe, options)
        parallel.wait()
        if not (options.out / "tokenizer.json").is_file():
            raise InputError(
                f"Process {parallel.rank()} does not see {options.out / 'tokenizer.json'}, which the first process has "
                "written: --out has to be a folder that all machines share."
            )
        tokenizer = load_tokenizer(options.out)
        teacher = read_teacher(options.teacher, tokenizer, device) if options.teacher else None
        if parallel.is_first():
            write_shards(find_texts(books), tokenizer, options.out / "shards")
        parallel.wait()
        shards = open_shards(options.out / "shards")
        run, model = build_run(shards, tokenizer, recipe, device, options, teacher)
        if options.start is not None:
            model = grown(load_base(options.start), model.config, tokenizer, run.settings.seed)
            run.fingerprint += f"-{weights_mark(model)}"
        if parallel.is_first():
            _say_plan(run, model.config, device)
        fitted = train(model, run)
    return Pretrained(model, tokenizer, recipe, fitted, device)


def find_texts(books: Sequence[Path]) -> list[Path]:
    """The text files among `books`, folders searched; two files of one name, or none at all, are an `InputError`."""
    found: list[Path] = []
    for book in books:
        if book.is_dir():
            found.extend(sorted(path for path in book.rglob("*") if path.name.endswith(_TEXT)))
        elif book.is_file():
            found.append(book)
        else:
            raise InputError(f"{book} does not exist: give text files, or folders that hold some.")
    if not found:
        raise InputError(f"There is no text in {', '.join(map(str, books))}: files should end in {', '.join(_TEXT)}.")
    names = [path.name.split(".")[0] for path in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"Two files are called {twice[0]}: rename one, since shards are named after their files.")
    return found


def build_run(
    shards: Sequence[Shard],
    tokenizer: "Tokenizer",
    recipe: Recipe,
    device: Device,
    options: PretrainOptions,
    teacher: GPT | None = None,
) -> tuple[Run, GPT]:
    """The run that a recipe asks for, and the untrained network."""
    changes: dict[str, Any] = {} if options.seed is None else {"seed": options.seed}
    context = int(recipe.train.get("context", 1024))
    streams, held = _streams(shards, recipe, context, changes.get("seed", recipe.train.get("seed", 0)))
    tokens = sum(stream.tokens_per_pass for stream, _ in streams)
    passes = options.passes or recipe.passes
    recipe = Recipe(**{**vars(recipe), "passes": passes, "train": {**recipe.train, **changes}})
    settings = recipe.settings(tokens)
    if parallel.world() > settings.rows:
        raise InputError(
            f"{parallel.world()} processes cannot share the {settings.rows} windows of a step: start fewer, or "
            "set more `rows` in the recipe."
        )
    model = GPT(recipe.config(tokenizer.get_vocab_size())).initialise(settings.seed)
    _say_passes(streams, settings.steps * settings.rows * settings.context)
    sizes = sum(len(tokenizer.decode(ids.tolist(), skip_special_tokens=False).encode()) for ids in held)
    compiled = device.compiles and device.kind != "cpu" if options.compiled is None else options.compiled
    run = Run(
        settings,
        Mixture(streams, settings.rows),
        device,
        folder=options.checkpoints or options.out / "checkpoints",
        validate=(lambda network: _validate(network, held, sizes, device)) if sizes else None,
        micro_rows=options.micro_rows or _micro_rows(model.config, context, device),
        save_seconds=options.save_minutes * 60,
        seconds=options.minutes * 60 if options.minutes else None,
        compiled=compiled,
        keep_best=False,
        # What is minimised with a teacher is no number of bits.
        bytes_per_token=0.0 if teacher else sum(s.text_bytes for s in shards) / sum(s.ids.size for s in shards),
        fingerprint=_fingerprint(recipe, shards, teacher),
        rounding=recipe.rounding(),
        part_size=options.part_megabytes * 2**20,
        teacher=teacher,
    )
    return run, model


def _micro_rows(config: GPTConfig, context: int, device: Device) -> int:
    """Windows at once, a power of two that fills half the device's memory; more than 128 are no faster.

    A token of the shipped shape (12 layers of 512) was measured to keep 230 KB of activations in bfloat16.
    """
    if device.kind == "cpu":
        return 4
    each = 230e3 * context * config.num_hidden_layers * config.hidden_size / (12 * 512)
    room = int(0.5 * (device.memory or 16 * 2**30) / each)
    return 1 << max(0, min(7, room.bit_length() - 1))


def _tokenizer(books: Sequence[Path], recipe: Recipe, options: PretrainOptions) -> None:
    """Put a tokenizer into the folder, unless there is one."""
    path = options.out / "tokenizer.json"
    if options.tokenizer is not None:
        write_text(path, read_text(options.tokenizer))
    if not path.is_file():
        with events.task("Training the tokenizer"):
            tokenizer = train_tokenizer(_sampled(books, recipe), recipe.vocab_size)
        write_text(path, tokenizer.to_str())


def _sampled(books: Sequence[Path], recipe: Recipe, piece: int = 20_000) -> Iterator[str]:
    """Pieces of text for the tokenizer: every shelf half of what it would be, half an equal share."""
    texts = find_texts(books)
    shelves = [recipe.shelf_of(path.name) for path in texts]
    count = max(1, len({shelf for shelf in shelves if shelf is not None}))
    generator = np.random.default_rng(0)
    for path, shelf in zip(texts, shelves, strict=True):
        if shelf is None:
            continue
        size = _text_bytes(path) or 1
        wanted = recipe.sample_bytes / count / shelves.count(shelf)
        for text in read_documents(path):
            for start in range(0, len(text), piece):
                if generator.random() < wanted / size:
                    yield text[start : start + piece]


def _text_bytes(path: Path) -> int:
    return sum(len(text.encode("utf-8", errors="replace")) for text in read_documents(path))


def _streams(
    shards: Sequence[Shard], recipe: Recipe, context: int, seed: int
) -> tuple[list[tuple[Stream, float]], list[npt.NDArray[np.int64]]]:
    """One stream for each shelf, and the documents that are held out."""
    parts: dict[int, list[Shard]] = {}
    for shard in shards:
        shelf = recipe.shelf_of(shard.name)
        if shelf is not None:
            parts.setdefault(shelf, []).append(shard)
    if not parts:
        patterns = ", ".join(shelf.pattern for shelf in recipe.shelves)
        raise InputError(f"No file fits the shelves of the recipe {recipe.name} ({patterns}).")
    streams, held = [], []
    for shelf, group in sorted(parts.items()):
        ids, ends, out = _without_held_out(group)
        streams.append((Stream(ids, ends, context, seed * 100 + shelf), recipe.shelves[shelf].share))
        held.extend(out)
    return streams, held


def _without_held_out(
    shards: Sequence[Shard], most: int = 20_000
) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64], list[npt.NDArray[np.int64]]]:
    """Training documents joined, and held-out ones (their first `most` tokens), chosen by a hash of their beginning."""
    kept, lengths, held = [], [], []
    for shard in shards:
        start = 0
        for end in shard.ends.tolist():
            ids = shard.ids[start:end]
            start = end
            if is_held_out(ids):
                held.append(ids[: min(most, ids.size - 1)].astype(np.int64))
            else:
                kept.append(ids)
                lengths.append(ids.size)
    return np.concatenate(kept), np.cumsum(np.array(lengths, np.int64)), held


def is_held_out(ids: npt.NDArray[Any]) -> bool:
    """Whether a document is held out, by a hash of its first 64 tokens: the same ones in every run."""
    mark = hashlib.sha256(ids[:64].astype("<u4").tobytes()).digest()
    return int.from_bytes(mark[:4], "big") % _HELD_OUT == 0


def _validate(model: GPT, held: Sequence[npt.NDArray[np.int64]], sizes: int, device: Device) -> float:
    nats = token_nats(model, held, device, batch_tokens=65_536 if device.kind != "cpu" else 16_384)
    return sum(float(values.sum(dtype=np.float64)) for values in nats) / math.log(2) / sizes


def _fingerprint(recipe: Recipe, shards: Sequence[Shard], teacher: GPT | None) -> str:
    about = {"recipe": asdict(recipe), "shards": [(shard.name, int(shard.ids.size)) for shard in shards]}
    if teacher is not None:
        about["teacher"] = weights_mark(teacher)
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()[:16]


def _say_plan(run: Run, config: GPTConfig, device: Device) -> None:
    tokens = run.settings.steps * run.settings.rows * run.settings.context
    events.note(
        f"{config.parameters() / 1e6:.1f} M parameters on {parallel.world()} x {device.name} in {device.precision} "
        f"({device.precision_reason}): {run.settings.steps:,} steps, {tokens / 1e6:,.0f} M tokens."
    )
    if run.teacher is not None:
        share, temperature = run.settings.teacher_share, run.settings.teacher_temperature
        size = run.teacher.config.parameters() / 1e6
        events.note(f"A teacher of {size:.1f} M parameters has {share:g} of the loss, at temperature {temperature:g}.")


def _say_passes(streams: Sequence[tuple[Stream, float]], tokens: int) -> None:
    whole = sum(share for _, share in streams)
    for stream, share in streams:
        passes = tokens * share / whole / stream.tokens_per_pass
        events.note(f"A shelf of {stream.tokens_per_pass / 1e6:.1f} M tokens: {passes:.1f} passes.")


def save_result(result: Pretrained, folder: Path) -> None:
    """Write what the run was and gave to `result.json`."""
    fitted = result.fitted
    values = {
        "recipe": asdict(result.recipe),
        "parameters": result.model.config.parameters(),
        "steps": fitted.steps,
        "tokens": fitted.tokens,
        "seconds": round(fitted.seconds, 1),
        "held_out_bits_per_byte": fitted.curve[-1][1] if fitted.curve else None,
    }
    write_json(folder / "result.json", values)
