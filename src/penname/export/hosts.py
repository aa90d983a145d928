"""A model in the layout of a program that runs it: Ollama's Modelfile beside the GGUF, LM Studio's folders.

    export_ollama(loaded, Path("my-blog"), "q8_0")      # my-blog/Modelfile, my-blog/model-q8_0.gguf
    export_lmstudio(loaded, Path("models"))             # models/penname/my-blog/my-blog-Q8_0.gguf

In: a loaded model, where to put it, the type of its weights. Out: the path that was written; what the program has no
name for is said in a note, and in the Modelfile.
"""

import re
import unicodedata
from pathlib import Path
from typing import get_args

from penname.core import events
from penname.core.errors import InputError
from penname.core.files import replacing_folder
from penname.export.export import GGUFType, check_type
from penname.export.place import check_place, is_gguf
from penname.model.folder import LoadedModel, SamplingSettings, settings_from
from penname.model.gguf import write_gguf
from penname.model.origin import title_of

PUBLISHER = "penname"
"""Whose folder a model lies in where LM Studio's layout asks for one."""
_FIRST_LINE = "# Written by penname."
_MOST_CONTEXT = 4096
"""Tokens that Ollama keeps at most: memory is taken for all of them, and a draft needs fewer."""
_NAMES = {
    "temperature": "temperature",
    "top_k": "top_k",
    "top_p": "top_p",
    "min_p": "min_p",
    "repetition_penalty": "repeat_penalty",
    "penalty_window": "repeat_last_n",
    "max_tokens": "num_predict",
}
"""Ollama's names for our settings. No seed: with one every draft would be the same."""
_NAMELESS = {"word_min_p": 0.0, "sequence_penalty": 0.0, "no_repeat_ngram": 0, "min_tokens": 1}
"""Settings that neither program has, and the value that changes nothing."""


def export_ollama(loaded: LoadedModel, out: Path, dtype: GGUFType = "q8_0", force: bool = False) -> Path:
    """Write a folder for `ollama create NAME -f Modelfile`: the GGUF file and the Modelfile.

    Raises `InputError` when `out` holds something else than an earlier export, or one and not `force`.
    """
    check_type(dtype)
    check_place(out, force, _is_ollama)
    settings = settings_from(loaded.generation, {})
    with replacing_folder(out) as new:
        file = f"model-{dtype}.gguf"
        write_gguf(new / file, loaded, dtype)
        (new / "Modelfile").write_text(modelfile(loaded, settings, file), encoding="utf-8", newline="\n")
    _say_nameless("Ollama", settings)
    events.note(f"Next: ollama create {slug_of(loaded)} -f {out / 'Modelfile'}")
    return out


def export_lmstudio(
    loaded: LoadedModel, out: Path, dtype: GGUFType = "q8_0", force: bool = False, name: str = ""
) -> Path:
    """Write `out/publisher/model/file.gguf`, the layout of LM Studio's folder of models, and return the file.

    What else is in `out` stays as it is. Raises `InputError` as `export_ollama`.
    """
    check_type(dtype)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file: give the path of a folder.")
    name = _slug(name) or slug_of(loaded)
    folder = out / PUBLISHER / name
    check_place(folder, force, _is_lmstudio)
    with replacing_folder(folder) as new:
        write_gguf(new / f"{name}-{dtype.upper()}.gguf", loaded, dtype)
    _say_nameless("LM Studio", settings_from(loaded.generation, {}))
    events.note(f"Next: put {out / PUBLISHER} into LM Studio's folder of models (lms ls shows it there).")
    return folder / f"{name}-{dtype.upper()}.gguf"


def modelfile(loaded: LoadedModel, settings: SamplingSettings, file: str) -> str:
    """The Modelfile of a GGUF file beside it."""
    lines = [_FIRST_LINE, f"FROM ./{file}"]
    if not loaded.origin.chat_template:
        # The prompt is text to be continued; without this line Ollama frames it as a question.
        lines.append('TEMPLATE """{{ .Prompt }}"""')
    lines += [f"PARAMETER {theirs} {getattr(settings, ours):g}" for ours, theirs in _NAMES.items()]
    lines.append(f"PARAMETER num_ctx {min(loaded.config.max_position_embeddings, _MOST_CONTEXT)}")
    lines += [f"PARAMETER stop {_quoted(text)}" for text in _stops(loaded)]
    if loaded.origin:
        lines.append(f"LICENSE {_quoted(loaded.origin.described())}")
    lines += [f"# No name here: {text}" for text in nameless(settings)]
    return "\n".join(lines) + "\n"


def nameless(settings: SamplingSettings) -> list[str]:
    """What `penname write` does and neither program has a name for."""
    found = [
        f"{name} {getattr(settings, name):g}"
        for name, nothing in _NAMELESS.items()
        if getattr(settings, name) != nothing
    ]
    if settings.token_bias:
        found.append(f"word_balance ({len(settings.token_bias):,} tokens)")
    return [*found, "the copy guard"]


def slug_of(loaded: LoadedModel) -> str:
    """A short name of a model for folders and commands: its title's, its base's, or its folder's."""
    names = (title_of(loaded.card), loaded.origin.name, loaded.source.name)
    return next((found for name in names if (found := _slug(name))), "model")


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    return re.sub(r"[^a-z0-9]+", "-", plain)[:60].strip("-")


def _stops(loaded: LoadedModel) -> list[str]:
    """The tokens that end a text, as they are spelt."""
    ids = dict.fromkeys(each for each in (loaded.end, loaded.origin.stop) if each is not None)
    return [text for each in ids if (text := loaded.tokenizer.id_to_token(each))]


def _quoted(text: str) -> str:
    """A value of a Modelfile: three marks hold lines and single marks; there is no way to write three."""
    return f'"""{text.replace(chr(34) * 3, chr(39) * 3)}"""' if '"' in text or "\n" in text else f'"{text}"'


def _say_nameless(program: str, settings: SamplingSettings) -> None:
    events.note(
        f"{program} has no name for: {', '.join(nameless(settings))}. Texts differ a little from penname's own."
    )


def _is_ollama(folder: Path) -> bool:
    names = {path.name for path in folder.iterdir()}
    ours = {f"model-{dtype}.gguf" for dtype in get_args(GGUFType)} | {"Modelfile"}
    return names <= ours and (folder / "Modelfile").is_file() and _begins_as_ours(folder / "Modelfile")


def _begins_as_ours(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_FIRST_LINE)) == _FIRST_LINE.encode("ascii")


def _is_lmstudio(folder: Path) -> bool:
    ours = {f"{folder.name}-{dtype.upper()}.gguf" for dtype in get_args(GGUFType)}
    return all(path.name in ours and is_gguf(path) for path in folder.iterdir())
