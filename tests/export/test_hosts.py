"""Folders for Ollama and LM Studio: what they hold, what is said, and what is never overwritten."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import gguf
import pytest
from tiny_models import random_model, tiny_tokenizer

from penname.core import events
from penname.core.errors import InputError
from penname.export.hosts import export_lmstudio, export_ollama
from penname.model.folder import LoadedModel
from penname.model.origin import Origin

DRAWN = {"temperature": 0.7, "min_p": 0.1, "repetition_penalty": 1.2, "sequence_penalty": 0.8, "word_min_p": 0.02}


def loaded_model(tmp_path: Path, **changes: Any) -> LoadedModel:
    model = random_model()
    card = "# The voice of Żółw & Owl\n"
    return LoadedModel(model, tiny_tokenizer(), 0, model.config, tmp_path, card=card, generation=DRAWN, **changes)


def heard(work: Any) -> list[str]:
    said: list[events.Event] = []
    with events.listening(said.append):
        work()
    return [event.text for event in said if event.kind == "note"]


def test_a_modelfile_continues_text_and_names_what_ollama_has(tmp_path: Path) -> None:
    loaded = loaded_model(tmp_path)
    notes = heard(lambda: export_ollama(loaded, tmp_path / "out", "q4_0"))
    lines = (tmp_path / "out" / "Modelfile").read_text().splitlines()
    assert lines[1:3] == ["FROM ./model-q4_0.gguf", 'TEMPLATE """{{ .Prompt }}"""']
    for line in ("temperature 0.7", "min_p 0.1", "repeat_penalty 1.2", "top_k 0", "top_p 1", "repeat_last_n 128"):
        assert f"PARAMETER {line}" in lines
    assert 'PARAMETER stop "<|endoftext|>"' in lines
    assert f"PARAMETER num_ctx {loaded.config.max_position_embeddings}" in lines
    assert not any("seed" in line for line in lines)
    for nameless in ("sequence_penalty 0.8", "word_min_p 0.02", "copy guard"):
        assert nameless in notes[0] and any(nameless in line for line in lines if line.startswith("#"))
    assert "ollama create the-voice-of-zow-owl" in notes[1]
    assert gguf.GGUFReader(tmp_path / "out" / "model-q4_0.gguf").tensors


def test_a_base_that_chats_keeps_its_template_licence_and_stop(tmp_path: Path) -> None:
    origin = Origin(name='Owl "1M"', licence="apache-2.0", stop=5, chat_template="{{ messages }}")
    loaded = loaded_model(tmp_path, origin=origin)
    export_ollama(loaded, tmp_path / "out")
    text = (tmp_path / "out" / "Modelfile").read_text()
    assert "TEMPLATE" not in text
    assert 'LICENSE """Owl "1M"; its licence is apache-2.0"""' in text
    assert text.count("PARAMETER stop ") == 2


def test_an_earlier_export_is_replaced_whole_and_only_with_force(tmp_path: Path) -> None:
    loaded = loaded_model(tmp_path)
    export_ollama(loaded, tmp_path / "out", "q8_0")
    with pytest.raises(InputError, match="--force"):
        export_ollama(loaded, tmp_path / "out", "q4_0")
    export_ollama(loaded, tmp_path / "out", "q4_0", force=True)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"Modelfile", "model-q4_0.gguf"}
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not an earlier export"):
        export_ollama(loaded, tmp_path / "out", "q4_0", force=True)
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_somebody_elses_modelfile_stays(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "Modelfile").write_text("FROM llama3\n")
    with pytest.raises(InputError, match="not an earlier export"):
        export_ollama(loaded_model(tmp_path), tmp_path / "out", force=True)


def test_lm_studio_finds_publisher_model_and_file(tmp_path: Path) -> None:
    (tmp_path / "models" / "other").mkdir(parents=True)
    loaded = loaded_model(tmp_path)
    path = export_lmstudio(loaded, tmp_path / "models", "q5_0")
    folder = tmp_path / "models" / "penname" / "the-voice-of-zow-owl"
    assert path == folder / "the-voice-of-zow-owl-Q5_0.gguf" and gguf.GGUFReader(path).tensors
    with pytest.raises(InputError, match="--force"):
        export_lmstudio(loaded, tmp_path / "models", "q8_0")
    export_lmstudio(loaded, tmp_path / "models", "q8_0", force=True)
    assert [each.name for each in folder.iterdir()] == ["the-voice-of-zow-owl-Q8_0.gguf"]
    assert (tmp_path / "models" / "other").is_dir()


def test_what_cannot_be_written_is_refused_before_anything_is(tmp_path: Path) -> None:
    loaded = loaded_model(tmp_path)
    (tmp_path / "note").write_text("mine")
    for write in (export_ollama, export_lmstudio):
        with pytest.raises(InputError, match="is a file"):
            write(loaded, tmp_path / "note")
        with pytest.raises(InputError, match="q3_k"):
            write(loaded, tmp_path / "out", "q3_k")  # type: ignore[arg-type]
    unnamed = replace(loaded, card="", source=tmp_path / "!")
    assert export_lmstudio(unnamed, tmp_path / "models").parent.name == "model"
    assert not (tmp_path / "out").exists()
