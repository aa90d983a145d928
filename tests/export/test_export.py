"""Exports: `transformers` loads the folder, llama.cpp runs the GGUF file, and nobody's files are overwritten."""

import json
from itertools import product
from pathlib import Path
from typing import Any

import gguf
import pytest
import torch
from gguf_files import HARD_TEXTS, LlamaCpp, small_gguf, tokenizer_values
from tiny_models import VERSE, hugging_face_folder, random_model, tiny_tokenizer, trained_model

from penname.core import events
from penname.core.device import pick_device
from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.corpus.tokenizer_gguf import CONTROL
from penname.export.export import export_gguf, export_hf
from penname.model.base import load_base, write_base
from penname.model.folder import LoadedModel, load_model, save_model
from penname.model.gpt import GPT, RopeScaling
from penname.model.quantise import Rounding
from penname.write.generate import continue_greedy

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
    with pytest.raises(InputError, match="--force"):
        export_hf(loaded, tmp_path / "empty")
    export_hf(loaded, tmp_path / "empty", force=True)
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


SHAPES: dict[str, dict[str, Any]] = {
    "qwen3": {},
    "llama": {"qk_norm": False},
    "qwen2": {"qk_norm": False, "qkv_bias": True, "tie_word_embeddings": False},
    "linear": {"qk_norm": False, "rope_scaling": RopeScaling("linear", 2.0)},
    "llama3": {"qk_norm": False, "rope_scaling": RopeScaling("llama3", 8.0, 1.0, 4.0, 8192)},
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "dtype"), [*product(SHAPES, ["f32"]), *product(["qwen3", "llama"], ["q8_0", "f16"])], ids=str
)
def test_llama_cpp_writes_what_transformers_writes(tmp_path: Path, dtype: Any, shape: str) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging as noise

    noise.disable_progress_bar()
    model = trained_model(**SHAPES[shape])
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
    there = LlamaCpp(path)
    assert [there.write(prompt) for prompt in PROMPTS] == want


@pytest.mark.parametrize("dtype", ["q5_0", "q4_0"])
def test_few_bits_leave_the_embedding_eight(tmp_path: Path, dtype: Any) -> None:
    path = export_gguf(loaded_model(trained_model(), tmp_path), tmp_path / "model.gguf", dtype)
    kinds = {tensor.name: tensor.tensor_type.name for tensor in gguf.GGUFReader(path).tensors}
    assert (kinds["token_embd.weight"], kinds["blk.0.attn_q.weight"]) == ("Q8_0", dtype.upper())
    assert VERSE.startswith(VERSE[:60] + LlamaCpp(path).write(VERSE[:60], 6))


def test_a_chat_goes_on_with_the_text(tmp_path: Path) -> None:
    """Without a template llama.cpp takes one for models that answer, and spells its marks out as letters."""
    there = LlamaCpp(export_gguf(loaded_model(trained_model(), tmp_path), tmp_path / "model.gguf", "f32"))
    assert there.answer(VERSE[:50]) == there.write(VERSE[:50])


def test_llama_cpp_draws_as_the_model_is_drawn_from(tmp_path: Path) -> None:
    generation = {"temperature": 0.7, "min_p": 0.1, "repetition_penalty": 1.2, "word_min_p": 0.02}
    loaded = loaded_model(random_model(), tmp_path, generation=generation)
    values = said(export_gguf(loaded, tmp_path / "model.gguf", "f32"))
    drawn = {name: value for name, value in values.items() if name.startswith("general.sampling.")}
    assert {name.rpartition(".")[2]: round(value, 6) for name, value in drawn.items()} == {
        "temp": 0.7,
        "top_k": 0,
        "top_p": 1.0,
        "min_p": 0.1,
        "penalty_repeat": 1.2,
    }


# -- what a base says of itself ---------------------------------------------------------------------------------------

SAYS = {
    "general.name": "Owl 1M Instruct",
    "general.organization": "Owls",
    "general.license": "apache-2.0",
    "general.license.link": "https://example.org/licence",
    "general.repo_url": "https://huggingface.co/Owls/Owl-1M",
    "tokenizer.chat_template": "{% for message in messages %}<{{ message['content'] }}>{% endfor %}",
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
}


def said(path: Path) -> dict[str, Any]:
    return {name: field.contents() for name, field in gguf.GGUFReader(path).fields.items()}


def with_turns(pre: str) -> dict[str, Any]:
    """A tokenizer whose tokens 1 and 2 frame the turns of a chat, as SmolLM2's do."""
    values = tokenizer_values(pre)
    values["tokenizer.ggml.tokens"][1:3] = ["<|im_start|>", "<|im_end|>"]
    values["tokenizer.ggml.token_type"][1:3] = CONTROL
    kept = set(values["tokenizer.ggml.tokens"])
    values["tokenizer.ggml.merges"] = [
        merge for merge in values["tokenizer.ggml.merges"] if {*merge.split(" "), merge.replace(" ", "", 1)} <= kept
    ]
    return {**values, **SAYS}


@pytest.mark.parametrize("pre", ["smollm", "deepseek-r1-qwen", "llama3"])
def test_what_a_base_says_goes_along(tmp_path: Path, pre: str) -> None:
    small_gguf(tmp_path / "owl.gguf", values=with_turns(pre), qkv_bias=True)
    base = load_base(tmp_path / "owl.gguf")
    # As training leaves it in the workspace.
    card = "# The voice of a blog\n\nAdapted from it.\n"
    save_model(
        tmp_path / "model", base.model, base.tokenizer, card=card, generation={}, end=base.end, origin=base.origin
    )
    trained = load_model(tmp_path / "model")
    assert (trained.origin, trained.end, trained.config) == (base.origin, 0, base.config)
    values = said(export_gguf(trained, tmp_path / "out.gguf", "f32"))
    assert values["general.architecture"] == "qwen2"
    assert values["general.name"] == "The voice of a blog"
    assert values["general.base_model.0.name"] == SAYS["general.name"]
    assert values["general.base_model.0.organization"] == "Owls"
    assert values["tokenizer.ggml.pre"] == pre
    assert values["tokenizer.ggml.add_bos_token"] == (pre == "llama3")
    for name in ("general.license", "general.license.link", *list(SAYS)[5:]):
        assert values[name] == SAYS[name], name
    again = load_base(tmp_path / "out.gguf")
    assert again.config == base.config
    there = LlamaCpp(tmp_path / "out.gguf")
    for text in HARD_TEXTS:
        assert there.ids(text) == encode_plain(trained.tokenizer, text)


def test_the_folder_names_base_and_licence(tmp_path: Path) -> None:
    small_gguf(tmp_path / "owl.gguf", values=with_turns("smollm"))
    for _ in range(2):
        # The second time over the first.
        export_hf(load_base(tmp_path / "owl.gguf"), tmp_path / "out", force=True)
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    head = card.split("---\n")[1]
    assert 'license: "apache-2.0"\n' in head
    assert 'base_model: "Owls/Owl-1M"\n' in head
    assert "Owl 1M Instruct by Owls; its licence is apache-2.0 (https://example.org/licence)" in card
    assert card.count("## The base") == 1
    settings = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert (settings["bos_token"], settings["eos_token"]) == ("<|im_start|>", "<|im_end|>")
    assert settings["chat_template"] == SAYS["tokenizer.chat_template"]
    config = json.loads((tmp_path / "out" / "config.json").read_text(encoding="utf-8"))
    assert (config["bos_token_id"], config["eos_token_id"]) == (1, [0, 2])
    again = load_model(tmp_path / "out")
    export_hf(again, tmp_path / "again")
    assert (tmp_path / "again" / "README.md").read_text(encoding="utf-8") == card
    assert load_model(tmp_path / "again").origin == again.origin


def test_transformers_chats_with_the_folder(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    small_gguf(tmp_path / "owl.gguf", values=with_turns("smollm"))
    export_hf(load_base(tmp_path / "owl.gguf"), tmp_path / "out")
    theirs = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert theirs.apply_chat_template([{"role": "user", "content": "owl"}], tokenize=False) == "<owl>"
    for text in HARD_TEXTS[:6]:
        assert theirs(text)["input_ids"] == encode_plain(load_model(tmp_path / "out").tokenizer, text)


def test_a_text_starts_after_the_token_that_the_base_starts_with(tmp_path: Path) -> None:
    """A document ends with one token and the next one starts after another, here, in transformers and in llama.cpp."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = small_gguf(tmp_path / "owl.gguf", values={**with_turns("llama3"), "tokenizer.ggml.eos_token_id": 0})
    base = load_base(tmp_path / "owl.gguf")
    assert (base.end, base.config.document_start) == (0, (0, 1))
    after_start, after_end = (torch.tensor([[first, 40, 50, 60]]) for first in (1, 0))
    assert torch.equal(base.model(after_end), model(after_start))
    assert not torch.allclose(model(after_end), model(after_start))
    export_hf(base, tmp_path / "out")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    ids = AutoTokenizer.from_pretrained(tmp_path / "out")("The owl", return_tensors="pt")["input_ids"]
    assert ids[0].tolist() == [1, *encode_plain(base.tokenizer, "The owl")]
    again = load_model(tmp_path / "out")
    assert again.config == base.config
    ours = continue_greedy(again.model, [ids[0, 1:].tolist()], 8, pick_device("cpu"), end=again.end)[0]
    assert theirs.generate(ids, max_new_tokens=8, do_sample=False)[0, ids.size(1) :].tolist()[: len(ours)] == ours
    there = LlamaCpp(export_gguf(again, tmp_path / "out.gguf", "f32"))
    assert there.ids("The owl", special=True) == ids[0].tolist()
    assert again.tokenizer.decode(ours).startswith(there.write("The owl", 6).rstrip("\ufffd"))


@pytest.mark.slow
def test_where_the_gguf_file_goes(tmp_path: Path) -> None:
    loaded = loaded_model(trained_model(), tmp_path)
    assert export_gguf(loaded, tmp_path / "out", "f16") == tmp_path / "out" / "model-f16.gguf"
    with pytest.raises(InputError, match="--force"):
        export_gguf(loaded, tmp_path / "out", "f16")
    assert export_gguf(loaded, tmp_path / "out", "f16", force=True).is_file()
    other = tmp_path / "other.gguf"
    other.write_text("mine")
    with pytest.raises(InputError, match="not a GGUF file"):
        export_gguf(loaded, other)
    note = tmp_path / "note.txt"
    note.write_text("mine")
    with pytest.raises(InputError, match=r"ends in .gguf"):
        export_gguf(loaded, note)
    assert other.read_text() == note.read_text() == "mine"
    with pytest.raises(InputError, match=r"'q3_k'.*q8_0, q5_0, q4_0, f16, f32"):
        export_gguf(loaded, tmp_path / "x.gguf", "q3_k")  # type: ignore[arg-type]


def test_what_gguf_cannot_hold(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<|endoftext|>": 0, "a": 1}, unk_token="a"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    model = random_model()
    with pytest.raises(InputError, match="tokenizer is not one of those"):
        export_gguf(LoadedModel(model, words, 0, model.config, tmp_path), tmp_path / "x.gguf")
    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.glob(".*"))
