"""The arguments and options of the commands, one name each; a command lists what it takes.

    def score(files: Files, model: ModelFolder = None) -> None: ...

A default of None, 0 or an empty list stands for what the option's help calls the default.
"""

import re
from pathlib import Path
from typing import Annotated

from typer import Argument, Option

from penname.core.errors import InputError

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")


def as_path(given: str | Path) -> Path:
    """A path that was given; a default is one already.

    Raises `InputError` for none at all, and for an address, which nothing here opens.
    """
    text = str(given)
    if not text.strip():
        raise InputError("An empty path ('') was given: give the path of a file or folder, or . for this folder.")
    if _ADDRESS.match(text) and not Path(text).exists():
        raise InputError(f"{text} is an address, and nothing is fetched: give the path of a file or folder here.")
    return Path(text)


def as_base(given: str | Path) -> Path:
    """A base that was given: a GGUF file, a model folder, or the name of one that `penname bases` lists."""
    path = as_path(given)
    if path.exists() or str(given) == SHIPPED or path.suffix.lower() == ".gguf":
        return path
    from penname.model.bases import base_named

    return base_named(str(given))


Site = Annotated[
    Path,
    Argument(
        metavar="SITE",
        help="A Publii site or backup, a WordPress or Ghost export, or a folder of Markdown.",
        parser=as_path,
    ),
]
Texts = Annotated[
    list[Path], Argument(metavar="TEXTFILE...", help="UTF-8 text, also .gz, .bz2 and .xz.", parser=as_path)
]
Books = Annotated[list[Path], Argument(metavar="BOOKS...", help="Text files, or folders of them.", parser=as_path)]
BookFolder = Annotated[
    Path | None,
    Argument(metavar="[FOLDER]", help="Books on this machine: text, HTML, EPUB, or a mirror.", parser=as_path),
]
Prompt = Annotated[
    str | None,
    Argument(metavar="[PROMPT]", help="What the text starts with; - reads it from standard input."),
]
Form = Annotated[
    str,
    Argument(
        metavar="hf|gguf|ollama|lmstudio",
        help="A Hugging Face folder, a file for llama.cpp, or a folder for Ollama or LM Studio.",
    ),
]

# -- every command -----------------------------------------------------------------------------------------------------

Quiet = Annotated[bool, Option("--quiet", "-q", help="Print results and warnings only.")]
Explain = Annotated[bool, Option("--explain", help="Show every choice with its reason, and every figure.")]
Debug = Annotated[bool, Option("--debug", help="Show the traceback of an error.")]
AsJson = Annotated[bool, Option("--json", help="Print JSON, for programs.")]

BenchFile = Annotated[
    Path | None, Option("--out", metavar="FILE", help="Also write what was measured as JSON.", parser=as_path)
]

# -- where -------------------------------------------------------------------------------------------------------------

WorkspaceFolder = Annotated[
    Path | None,
    Option("--workspace", "-w", metavar="DIR", help="The blog's workspace. [default: SITE.penname]", parser=as_path),
]
ModelFolder = Annotated[
    Path | None,
    Option(
        "--model", "-m", metavar="DIR", help="A model folder, or GGUF file. [default: the workspace's]", parser=as_path
    ),
]
Judged = Annotated[bool, Option("--judge/--no-judge", help="Measure the model and write a report at the end.")]
SHIPPED = "shipped"
"""What `--base` means where no base stands behind it."""
PlainBase = Annotated[
    Path | None,
    Option("--base", metavar="[BASE]", help="Use a base as it is: a name of penname bases, or a path.", parser=as_base),
]
Device = Annotated[str, Option(metavar="auto|cpu|cuda|mps|xpu|vulkan", help="The device to use.")]
Seed = Annotated[int | None, Option(help="Seed of everything random.")]

# -- what is read ------------------------------------------------------------------------------------------------------

Pages = Annotated[bool, Option("--pages", help="Read pages too.")]
Drafts = Annotated[bool, Option("--drafts", help="Read drafts too.")]
Trashed = Annotated[bool, Option("--trashed", help="Read what lies in the trash too.")]
Code = Annotated[bool, Option("--code", help="Keep code blocks.")]
KeepPrivate = Annotated[
    bool, Option("--keep-private", help="Do not mask e-mail addresses, telephone numbers, keys and tokens.")
]
KeepBoilerplate = Annotated[
    bool, Option("--keep-boilerplate", help="Keep paragraphs that stand word for word in many posts.")
]
SplitHow = Annotated[
    str, Option("--split", metavar="hash|newest", help="Hold out posts by a stable hash, or the newest.")
]
Cap = Annotated[float, Option("--cap", help="Largest share of a pass of training that one post may take.")]
WithTokenizer = Annotated[
    bool, Option("--tokenizer/--no-tokenizer", help="Also train a tokenizer, for a model from scratch.")
]
Vocabulary = Annotated[int, Option(help="Entries of the tokenizer. [default: by the blog's size]")]
Again = Annotated[bool, Option("--again", help="Do it although nothing has changed.")]

# -- training ----------------------------------------------------------------------------------------------------------

BaseModel = Annotated[
    Path | None,
    Option("--base", metavar="BASE", help="Adapt another base: a name of penname bases, or a path.", parser=as_base),
]
BlogWords = Annotated[int, Option("--words", min=1, help="Words of the blog that minutes are told for.")]
FromScratch = Annotated[bool, Option("--from-scratch", help="Train a small network on the blog alone.")]
TrainMinutes = Annotated[
    float | None,
    Option("--minutes", help="Time that training may take. [default: what it needs, on a CPU at most 30]"),
]
Memory = Annotated[
    float | None,
    Option("--memory", metavar="GB", help="Memory that training may take in all. [default: what is free]"),
]
DemoMinutes = Annotated[float, Option("--minutes", help="Time that training may take.")]
Steps = Annotated[int | None, Option(help="Optimizer steps, instead of a time.")]
BlogPasses = Annotated[
    float | None, Option("--passes", help="Passes over the training posts. [default: 2 to 3, by their size]")
]
Share = Annotated[float | None, Option(help="Share of each batch that is blog; the rest replays the base's text.")]
Rate = Annotated[float | None, Option("--learning-rate", help="Peak learning rate.")]
Dropout = Annotated[float | None, Option(help="Share of activations dropped.")]
Goldfish = Annotated[int, Option(help="Leave one token in so many out, against learning by heart; 0: none.")]
Interpolation = Annotated[float | None, Option(help="How far to go from the base (0) to the blog (1); else measured.")]
TrainSeed = Annotated[int, Option("--seed", help="Seed of everything random.")]
Anyway = Annotated[bool, Option("--anyway", help="Train although the blog is too small or not in the base's language.")]

# -- tuning ------------------------------------------------------------------------------------------------------------

TuneMinutes = Annotated[
    float | None, Option("--minutes", help="Time in all, earlier sittings included. [default: 30 on a CPU, else 10]")
]
Trials = Annotated[int | None, Option(help="Trials in all, over all sittings and processes.")]
TrialSeconds = Annotated[
    float | None, Option(help="Seconds of training of a trial, fixed when a study begins. [default: by the time]")
]
ProposedBy = Annotated[str, Option("--proposer", metavar="tpe|nudge|random", help="Who proposes settings.")]
TunedSettings = Annotated[list[str] | None, Option("--setting", help="Tune this setting only; may be repeated.")]
UntilGood = Annotated[bool, Option("--until-good", help="Stop as soon as the best settings meet every target.")]
ProposalSeed = Annotated[int, Option("--seed", help="Seed of the proposals; those of the trials are fixed.")]
TuneAnew = Annotated[bool, Option("--again", help="Begin a new study although there is one.")]

# -- books and base models ---------------------------------------------------------------------------------------------

ShelfFolder = Annotated[Path, Option("--out", "-o", metavar="DIR", help="Where the shards go.", parser=as_path)]
MirrorUrl = Annotated[str | None, Option(metavar="URL", help="Fetch from this mirror of Project Gutenberg instead.")]
Languages = Annotated[list[str] | None, Option("--language", help="Language to keep. [default: en]")]
Subjects = Annotated[list[str] | None, Option("--subject", help="Keep books with this in their subjects.")]
Authors = Annotated[list[str] | None, Option("--author", help="Keep books by authors with this in their name.")]
FromYear = Annotated[int | None, Option(help="Keep authors who were alive from this year on.")]
ToYear = Annotated[int | None, Option(help="Keep authors who were alive up to this year.")]
Limit = Annotated[int | None, Option(help="The most books to take.")]
Catalogue = Annotated[Path | None, Option(metavar="FILE", help="Gutenberg's pg_catalog.csv.", parser=as_path)]
MinWords = Annotated[int, Option(help="Shorter documents are dropped.")]
Duplicates = Annotated[float, Option(help="Drop what shares this part of another text; 0: none.")]
ShardMegabytes = Annotated[int, Option("--shard-mb", help="Size of a shard, in MB.")]
Compression = Annotated[str, Option(metavar="bz2|xz|gz|none", help="How shards are packed.")]
Order = Annotated[int, Option("--seed", help="Order of the documents.")]
BookEngine = Annotated[
    str,
    Option(
        "--engine",
        metavar="own|datatrove|slurm|ray",
        help="What runs the steps; the others are datatrove on this machine, Slurm or Ray, for whole collections.",
    ),
]
Tasks = Annotated[int, Option(help="Parts of the work, and shards, with another engine than our own.")]
Workers = Annotated[int, Option(help="How many parts are worked on at once.")]
EngineSettings = Annotated[
    list[str] | None,
    Option("--engine-setting", metavar="NAME=VALUE", help="A setting of the engine's, such as time=04:00:00."),
]
BaseFolder = Annotated[Path, Option("--out", "-o", metavar="DIR", help="Where everything goes.", parser=as_path)]
RecipeName = Annotated[str, Option("--recipe", help="A recipe of penname's, or a TOML file.")]
TokenizerFile = Annotated[
    Path | None,
    Option("--tokenizer", metavar="FILE", help="A tokenizer.json. [default: trained on the books]", parser=as_path),
]
TeacherFolder = Annotated[
    Path | None,
    Option(
        "--teacher", metavar="DIR", help="A model folder that teaches, for a recipe with teacher_share.", parser=as_path
    ),
]
StartFolder = Annotated[
    Path | None,
    Option("--start", metavar="DIR", help="A base to begin from, no wider than the recipe's shape.", parser=as_path),
]
Minutes = Annotated[float | None, Option(help="Be done after so many minutes.")]
Passes = Annotated[float | None, Option(help="Times the text is read. [default: the recipe's]")]
Checkpoints = Annotated[
    Path | None, Option(metavar="DIR", help="Where checkpoints go. [default: OUT/checkpoints]", parser=as_path)
]
SaveMinutes = Annotated[float, Option(help="Minutes between checkpoints.")]
PartMegabytes = Annotated[int, Option("--part-mb", help="Size of the largest file of a checkpoint, in MiB.")]
MicroRows = Annotated[
    int | None, Option(help="Windows that go through the network at once. [default: 64, or 4 on a CPU]")
]

# -- judging -----------------------------------------------------------------------------------------------------------

Quick = Annotated[bool, Option("--quick", help="A fifth of the passages: for a CPU and little time.")]
Passages = Annotated[int, Option(help="Passages that are written and compared.")]
JudgedSite = Annotated[
    Path | None,
    Option("--site", metavar="SITE", help="Not needed any more.", parser=as_path, hidden=True),
]
BlindCount = Annotated[int, Option("--count", min=4, help="Passages to tell apart, half of them real.")]
BlindPage = Annotated[
    Path | None, Option("--page", metavar="FILE", help="Write a page with the passages instead.", parser=as_path)
]
BlindAnswers = Annotated[
    str | None, Option("--answers", metavar="LETTERS", help="The answers to a page: r or g for each, in a row.")
]
JudgeSeed = Annotated[int, Option("--seed", help="Seed of all that is drawn.")]

# -- asking ------------------------------------------------------------------------------------------------------------

Question = Annotated[str, Argument(metavar="QUESTION", help="What the blog is asked, in quotation marks.")]
AskedSite = Annotated[
    Path | None,
    Argument(metavar="[SITE]", help="The site. [default: the workspace in the current folder]", parser=as_path),
]
Quotations = Annotated[int, Option("-n", "--count", help="The most quotations.")]
Grounded = Annotated[bool, Option("--grounded", help="Let the model read what the blog says on the prompt first.")]
RelatedPosts = Annotated[int, Option("-n", "--count", help="The most related posts of each post.")]
NearestAnyway = Annotated[bool, Option("--anyway", help="Show the nearest passages although the blog does not say.")]

# -- writing and exporting ---------------------------------------------------------------------------------------------

Count = Annotated[int, Option("-n", "--count", help="How many drafts to write.")]
Title = Annotated[bool, Option("--title", help="The prompt is the title of a post.")]
Temperature = Annotated[float | None, Option(help="Above 1 bolder, below 1 safer. [default: the model's, or 0.8]")]
TopK = Annotated[int | None, Option(help="Draw from this many most probable tokens.")]
TopP = Annotated[float | None, Option(help="Draw from the fewest tokens that hold this share.")]
MinP = Annotated[float | None, Option(help="Draw from tokens at least this probable beside the first.")]
WordMinP = Annotated[
    float | None, Option("--word-min-p", help="The same for tokens that begin a word (0: as --min-p).")
]
RepetitionPenalty = Annotated[float | None, Option(help="Make the last tokens less probable: 1 off, 1.1 mildly.")]
SequencePenalty = Annotated[
    float | None,
    Option("--sequence-penalty", help="Make what goes on with a repeated sequence less probable (0: off, 0.8: usual)."),
]
WordBalance = Annotated[
    float | None,
    Option("--word-balance", help="How far words come as often as the author has them (0: not at all, 1: fully)."),
]
NoRepeat = Annotated[int | None, Option("--no-repeat-ngram", help="Write no sequence of so many tokens twice.")]
MaxTokens = Annotated[int | None, Option(help="End a draft with the last sentence in so many tokens. [default: 400]")]
BestOf = Annotated[
    int | None,
    Option("--best-of", metavar="N", help="Write N and show the best. [default: 4 on a graphics card, else 1]"),
]
MinTokens = Annotated[int | None, Option(help="Do not end a draft before so many tokens.")]
MaxCopy = Annotated[int, Option(help="Most words in a row that a draft may share with a post; 0: no limit.")]
Example = Annotated[
    bool, Option("--example/--no-example", help="Let the model read a post with a similar title before it writes.")
]
Stop = Annotated[list[str] | None, Option(help="End a draft before this text.")]
Precision = Annotated[str, Option(metavar="auto|fp32|bf16|int8", help="Of the weights while writing.")]
ExportPath = Annotated[Path, Option("--out", "-o", metavar="PATH", help="The folder or file to write.", parser=as_path)]
GGUFKind = Annotated[str, Option("--type", metavar="q8_0|q5_0|q4_0|f16|f32", help="Weights of a GGUF file.")]
Force = Annotated[bool, Option("--force", help="Replace an earlier export.")]
DraftsFile = Annotated[
    Path | None,
    Option("--wxr", metavar="FILE.xml", help="Write the drafts for Publii's WordPress importer too.", parser=as_path),
]
