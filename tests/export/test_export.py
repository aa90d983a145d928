"""Exports: `transformers` loads the folder, llama.cpp runs the GGUF file, and nobody's files are overwritten."""

import json
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from tiny_models import VERSE, hugging_face_folder, random_model, tiny_tokenizer, trained_model

from penname.core import events
from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.export.export import export_gguf, export_hf
from penname.model.base import load_base, write_base
from penname.model.folder import LoadedModel, load_model, save_model
from penname.model.gpt import GPT, RopeScaling
from penname.model.quantise import Rounding

IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:100]]])


def loaded_model(model: GPT, tmp_path: Path, **changes: Any) -> LoadedModel:
    tokenizer = tiny_tokenizer()
    return LoadedModel(model, tokenizer, 0, model.config, tmp_path, **changes)


@torch.no_grad()
def assert_transformers_agrees(folder: Path, model: GPT) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as noise

    noise.disable_progress_bar()
    theirs = AutoModelForCausalLM.from_pretrained(folder).eval()
    torch.testing.assert_close(theirs(IDS).logits, model(IDS), rtol=1e-4, atol=1e-4)
    assert AutoTokenizer.from_pretrained(folder)(VERSE)["input_ids"] == encode_plain(tiny_tokenizer(), VERSE)


@pytest.mark.slow
def test_the_base_as_a_folder(tmp_path: Path) -> None:
    write_base(tmp_path / "base", random_model(), tiny_tokenizer(), Rounding(5, 32), [VERSE], "# The base\n")
    loaded = load_base(tmp_path / "base")
    assert export_hf(loaded, tmp_path / "out") == tmp_path / "out"
    assert_transformers_agrees(tmp_path / "out", loaded.model)
    assert (tmp_path / "out" / "README.md").read_text() == "# The base\n"
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation["do_sample"] is True
    assert generation["temperature"] == loaded.generation["temperature"]


@torch.no_grad()
def test_the_balance_of_words_goes_along_and_transformers_applies_it(tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    favoured = 17
    bias = {"sequence_bias": [[[favoured], 100.0]], "sequence_penalty": 0.8}
    loaded = loaded_model(random_model(), tmp_path, generation=bias)
    export_hf(loaded, tmp_path / "out")
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert {name: generation[name] for name in bias} == bias
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    written = theirs.generate(IDS[:, :8], max_new_tokens=3, do_sample=False)
    assert written[0, 8:].tolist() == [favoured] * 3


def test_another_model_as_a_folder(tmp_path: Path) -> None:
    hugging_face_folder(tmp_path / "llama", "llama", tie_word_embeddings=True)
    loaded = load_model(tmp_path / "llama")
    export_hf(loaded, tmp_path / "out")
    assert_transformers_agrees(tmp_path / "out", loaded.model)
    # The folder said 2, an ordinary letter of this tokenizer.
    assert json.loads((tmp_path / "out" / "generation_config.json").read_text())["eos_token_id"] == 0
    assert "# " in (tmp_path / "out" / "README.md").read_text()


def test_an_export_is_replaced_and_nothing_else_is(tmp_path: Path) -> None:
    loaded = loaded_model(random_model(), tmp_path)
    (tmp_path / "empty").mkdir()
    export_hf(loaded, tmp_path / "empty")
    export_hf(loaded, tmp_path / "empty")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="not empty and not an earlier export"):
        export_hf(loaded, tmp_path / "full")
    with pytest.raises(InputError, match="is a file"):
        export_hf(loaded, tmp_path / "full" / "thesis.txt")
    assert (tmp_path / "full" / "thesis.txt").read_text() == "years of work"
    hugging_face_folder(tmp_path / "llama", "llama")
    with pytest.raises(InputError, match="not an earlier export"):
        export_hf(loaded, tmp_path / "llama")


def test_what_an_export_lacks_is_said_and_it_is_read_again(tmp_path: Path) -> None:
    generation = {"temperature": 0.7, "num_beams": 4, "eos_token_id": 0}
    model = random_model(rope_scaling=RopeScaling("llama3", 8.0, 1.0, 4.0, 64))
    loaded = loaded_model(model, tmp_path, generation=generation)
    said: list[events.Event] = []
    with events.listening(said.append):
        export_hf(loaded, tmp_path / "out")
    notes = [event.text for event in said if event.kind == "note"]
    assert notes == [
        "Left out of generation_config.json, for they are not used here: 'num_beams'.",
        "The model has no card (README.md), so the export gets a line instead.",
    ]
    again = load_model(tmp_path / "out")
    assert again.config == model.config
    assert torch.equal(again.model(IDS), model(IDS))
    assert again.generation["temperature"] == 0.7


# -- GGUF -------------------------------------------------------------------------------------------------------------


def test_gguf_metadata_and_tensors(tmp_path: Path) -> None:
    loaded = loaded_model(random_model(vocab_size=323), tmp_path)
    path = export_gguf(loaded, tmp_path / "model.gguf", "q8_0")
    reader = gguf.GGUFReader(path)
    values = {name: field.contents() for name, field in reader.fields.items()}
    assert values["general.architecture"] == "qwen3"
    assert (values["tokenizer.ggml.model"], values["tokenizer.ggml.pre"]) == ("gpt2", "qwen2")
    assert values["qwen3.attention.key_length"] == 16
    assert len(values["tokenizer.ggml.tokens"]) == 323
    assert values["tokenizer.ggml.tokens"][320] == "[PAD320]"
    assert values["tokenizer.ggml.token_type"][0] == gguf.TokenType.CONTROL
    kinds = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert kinds["token_embd.weight"] == "Q8_0"
    assert kinds["blk.1.attn_q_norm.weight"] == "F32"
    assert "output.weight" not in kinds
    assert len(kinds) == len(dict(loaded.model.named_parameters()))


PROMPTS = ("The owl and", VERSE[:50], VERSE[:90])


def write_with_llama_cpp(path: Path, prompts: tuple[str, ...]) -> list[str]:
    """Greedy continuations of 24 tokens."""
    xllamacpp = pytest.importorskip("xllamacpp")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(path)
    settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = 256, 1, 0
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.warmup, settings.verbosity = False, -1
    server = xllamacpp.Server(settings)
    found = []
    for prompt in prompts:
        reply = server.handle_completions({"prompt": prompt, "n_predict": 24, "temperature": 0})
        reply = json.loads(reply) if isinstance(reply, str) else reply
        found.append(reply["choices"][0]["text"])
    return found


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["q8_0", "f16", "f32"])
@pytest.mark.parametrize("qk_norm", [True, False], ids=["qwen3", "llama"])
def test_llama_cpp_writes_what_transformers_writes(tmp_path: Path, dtype: Any, qk_norm: bool) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as noise

    noise.disable_progress_bar()
    model = trained_model(qk_norm)
    save_model(tmp_path / "hf", model, tiny_tokenizer(), card="", generation={})
    theirs, tokenizer = (
        AutoModelForCausalLM.from_pretrained(tmp_path / "hf").eval(),
        AutoTokenizer.from_pretrained(tmp_path / "hf"),
    )
    want = []
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        out = theirs.generate(ids, max_new_tokens=24, do_sample=False)[0, ids.size(1) :]
        want.append(tokenizer.decode(out, skip_special_tokens=True))
    assert VERSE.startswith(PROMPTS[0] + want[0])
    path = export_gguf(load_model(tmp_path / "hf"), tmp_path / "model.gguf", dtype)
    assert write_with_llama_cpp(path, PROMPTS) == want


@pytest.mark.slow
def test_where_the_gguf_file_goes(tmp_path: Path) -> None:
    loaded = loaded_model(trained_model(), tmp_path)
    assert export_gguf(loaded, tmp_path / "out", "f16") == tmp_path / "out" / "model-f16.gguf"
    assert export_gguf(loaded, tmp_path / "out", "f16").is_file()
    other = tmp_path / "other.gguf"
    other.write_text("mine")
    with pytest.raises(InputError, match="not a GGUF file"):
        export_gguf(loaded, other)
    note = tmp_path / "note.txt"
    note.write_text("mine")
    with pytest.raises(InputError, match=r"ends in .gguf"):
        export_gguf(loaded, note)
    assert other.read_text() == note.read_text() == "mine"
    with pytest.raises(InputError, match=r"'q3_k'.*q8_0, f16, f32"):
        export_gguf(loaded, tmp_path / "x.gguf", "q3_k")  # type: ignore[arg-type]


def test_what_gguf_cannot_hold(tmp_path: Path) -> None:
    scaled = loaded_model(random_model(rope_scaling=RopeScaling("linear", 2.0)), tmp_path)
    with pytest.raises(InputError, match="scaled rotary positions"):
        export_gguf(scaled, tmp_path / "x.gguf")
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<|endoftext|>": 0, "a": 1}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    model = random_model()
    with pytest.raises(InputError, match="tokenizer is not one of those"):
        export_gguf(LoadedModel(model, words, 0, model.config, tmp_path), tmp_path / "x.gguf")
    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.glob(".*"))
