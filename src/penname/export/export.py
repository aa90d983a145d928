"""A model as files that other programs run: a Hugging Face folder, or one GGUF file.

In: a loaded model, where to put it. Out: the path that was written.

    export_hf(load_base(None), Path("my-model"))
    export_gguf(load_model(workspace / "model"), Path("my-model.gguf"), "q8_0")

What is there already is replaced only with `force`, and only when it is an export itself.
"""

from pathlib import Path
from typing import Literal, get_args

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import replacing
from penname.export.place import check_file, check_place, is_gguf
from penname.model.folder import LoadedModel, is_ours, save_model
from penname.model.gguf import write_gguf
from penname.model.hf_config import shown

GGUFType = Literal["q8_0", "q5_0", "q4_0", "f16", "f32"]
_KEPT = (
    "do_sample",
    "temperature",
    "top_k",
    "top_p",
    "min_p",
    "word_min_p",
    "repetition_penalty",
    "sequence_penalty",
    "sequence_bias",
    "max_new_tokens",
)
"""Settings of `generation_config.json` that go along; the ids of special tokens are written anew."""
_WRITTEN_ANEW = ("bos_token_id", "eos_token_id", "pad_token_id", "transformers_version", "_from_model_config")


def export_hf(loaded: LoadedModel, out: Path, force: bool = False) -> Path:
    """Write a folder that `transformers` loads, with float32 weights, and return it.

    Raises `InputError` when `out` holds something else than an earlier export, or one and not `force`.
    """
    check_place(out, force, is_ours)
    _say_missing(loaded)
    save_model(
        out,
        loaded.model,
        loaded.tokenizer,
        card=loaded.card or "# A language model\n\nConverted by penname; the model it comes from had no card.\n",
        generation={key: value for key, value in loaded.generation.items() if key in _KEPT},
        end=loaded.end,
        origin=loaded.origin,
    )
    return out


def _say_missing(loaded: LoadedModel) -> None:
    """What the export will not have of what a reader might look for."""
    left = sorted(key for key in loaded.generation if key not in (*_KEPT, *_WRITTEN_ANEW))
    if left:
        events.note(
            f"Left out of generation_config.json, for they are not used here: {', '.join(map(shown, left[:8]))}."
        )
    if not loaded.card:
        events.note("The model has no card (README.md), so the export gets a line instead.")


def export_gguf(loaded: LoadedModel, out: Path, dtype: GGUFType = "q8_0", force: bool = False) -> Path:
    """Write a GGUF file for llama.cpp and return its path; for a path without `.gguf`, a file in that folder.

    Raises `InputError` for a model or tokenizer that llama.cpp has no name for, and when another file is in the way;
    `PennameError` when the package `gguf` is not installed.
    """

    check_type(dtype)
    path = out if out.suffix == ".gguf" and not out.is_dir() else out / f"model-{dtype}.gguf"
    if out.is_file() and path != out:
        raise InputError(f"{out} is a file: give a path that ends in .gguf, or a folder.")
    check_file(path, force, is_gguf, "a GGUF file")
    with replacing(path) as temporary:
        write_gguf(temporary, loaded, dtype)
    return path


def check_type(dtype: str) -> None:
    """Raise `InputError` for a type of weights that is not written."""
    if dtype not in get_args(GGUFType):
        raise InputError(f"There is no GGUF type called {dtype!r} here: use {', '.join(get_args(GGUFType))}.")
