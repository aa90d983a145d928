"""Model folders: what we write loads in `transformers`, what it writes loads here, and all else is refused clearly."""

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny_models import (
    VERSE,
    change_config,
    hugging_face_folder,
    random_model,
    tiny_tokenizer,
    trained_model,
)

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.model.folder import FILES, is_model_folder, is_ours, load_model, save_model
from penname.model.gpt import GPT, RopeScaling
from penname.model.hf_config import ARCHITECTURES, kind_of
from penname.model.hf_weights import weight_shapes

IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:100]]])


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama that `transformers` wrote; tests that damage it copy it."""
    folder = tmp_path_factory.mktemp("llama")
    hugging_face_folder(folder, "llama")
    return folder


@pytest.fixture
def copy(llama: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(llama, tmp_path / "copy"))


def save(folder: Path, model: GPT, **changes: Any) -> None:
    settings: dict[str, Any] = {"card": "# A card\n", "generation": {"temperature": 0.8, "top_k": None}}
    save_model(folder, model, tiny_tokenizer(), **{**settings, **changes})


def load_in_transformers(folder: Path, **settings: Any) -> Any:
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as noise

    logging.getLogger("transformers").setLevel(logging.ERROR)
    noise.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(folder, **settings).eval()


@torch.no_grad()
def assert_same_logits(ours: GPT, theirs: Any, **tolerance: float) -> None:
    want = theirs(IDS).logits.float()
    assert want.std() > 0.5, "logits that hardly differ prove nothing"
    torch.testing.assert_close(ours(IDS), want, **{"rtol": 1e-4, "atol": 1e-4, **tolerance})


@pytest.mark.parametrize("changes", [{}, {"qk_norm": False, "tie_word_embeddings": False, "head_dim": 32}], ids=str)
def test_the_shapes_are_those_of_the_network(changes: dict[str, Any]) -> None:
    model = random_model(**changes)
    assert weight_shapes(model.config) == {name: tuple(w.shape) for name, w in model.state_dict().items()}


# -- what we write ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"tie_word_embeddings": False},
        {"qk_norm": False},
        {"qk_norm": False, "tie_word_embeddings": False, "num_key_value_heads": 4},
        {"head_dim": 32, "rope_theta": 50_000.0, "rms_norm_eps": 1e-5},
        {"qk_norm": False, "qkv_bias": True},
        {"qk_norm": False, "rope_scaling": RopeScaling("linear", 2.0)},
        {"rope_scaling": RopeScaling("llama3", 8.0, 1.0, 4.0, 64)},
    ],
    ids=str,
)
def test_transformers_reads_what_we_write(tmp_path: Path, changes: dict[str, Any]) -> None:
    model = random_model(**changes)
    save(tmp_path / "model", model)
    theirs = load_in_transformers(tmp_path / "model")
    assert type(theirs).__name__ == ARCHITECTURES[kind_of(model.config)]
    assert_same_logits(model, theirs)
    loaded = load_model(tmp_path / "model")
    assert loaded.config == model.config
    assert torch.equal(loaded.model(IDS), model(IDS))


def test_its_tokenizer_gives_the_same_ids(tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    save(tmp_path / "model", random_model())
    theirs = AutoTokenizer.from_pretrained(tmp_path / "model")
    for text in (VERSE, "  Don't\t1234 — naïve 👩‍👩‍👧\r\n\r\n\x00", " a .b , c", ""):
        ids = encode_plain(tiny_tokenizer(), text)
        assert theirs(text)["input_ids"] == ids
        assert theirs.decode(ids) == text
    assert theirs.eos_token == "<|endoftext|>"
    assert theirs.eos_token_id == 0
    assert len(theirs) == tiny_tokenizer().get_vocab_size()


@pytest.mark.slow
def test_it_writes_the_same_text_in_transformers(tmp_path: Path) -> None:
    save(tmp_path / "model", trained_model())
    theirs = load_in_transformers(tmp_path / "model")
    out = theirs.generate(IDS[:, :10], max_new_tokens=40, do_sample=False)
    assert torch.equal(out[0], IDS[0, :50])


def test_the_files_are_what_the_contract_says(tmp_path: Path) -> None:
    save(tmp_path / "model", random_model())
    assert {path.name for path in (tmp_path / "model").iterdir()} == set(FILES)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["architectures"] == ["Qwen3ForCausalLM"]
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"] == 10_000.0
    assert config["dtype"] == config["torch_dtype"] == "float32"
    weights = load_file(tmp_path / "model" / "model.safetensors")
    assert "lm_head.weight" not in weights
    assert {weight.dtype for weight in weights.values()} == {torch.float32}
    generation = json.loads((tmp_path / "model" / "generation_config.json").read_text())
    assert generation == {
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        "do_sample": True,
        "temperature": 0.8,
    }
    loaded = load_model(tmp_path / "model")
    assert (loaded.card, loaded.end, loaded.source) == ("# A card\n", 0, tmp_path / "model")
    assert loaded.generation["temperature"] == 0.8


def test_a_flipped_bit_in_the_weights_is_told(tmp_path: Path) -> None:
    """Any of the last bytes: the file can be read all the same, and would be used without a word."""
    save(tmp_path / "model", random_model())
    weights = tmp_path / "model" / "model.safetensors"
    whole = weights.read_bytes()
    for place in (-1, -1000, -len(whole) // 2):
        flipped = bytearray(whole)
        flipped[place] ^= 4
        weights.write_bytes(flipped)
        with pytest.raises(InputError, match=r"a bit has flipped, or it was edited. Train or export .* delete"):
            load_model(tmp_path / "model")
    (tmp_path / "model" / "SHA256SUMS").unlink()
    load_model(tmp_path / "model")


def test_weights_that_another_program_wrote_in_their_place_are_read(tmp_path: Path) -> None:
    save(tmp_path / "model", random_model())
    weights = tmp_path / "model" / "model.safetensors"
    save_file({name: weight + 1 for name, weight in load_file(weights).items()}, weights, {"format": "pt"})
    load_model(tmp_path / "model")


def test_files_with_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    save(tmp_path / "model", random_model())
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json", "README.md"):
        path = tmp_path / "model" / name
        path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig")
    loaded = load_model(tmp_path / "model")
    assert loaded.generation["temperature"] == 0.8 and loaded.card == "# A card\n"


def test_half_the_size_in_bfloat16(tmp_path: Path) -> None:
    model = random_model()
    save(tmp_path / "full", model)
    save(tmp_path / "half", model, dtype=torch.bfloat16)
    full, half = ((tmp_path / name / "model.safetensors").stat().st_size for name in ("full", "half"))
    assert 0.49 < half / full < 0.53
    loaded = load_model(tmp_path / "half")
    weight = loaded.model.model.embed_tokens.weight
    assert weight.dtype == torch.float32
    assert torch.equal(weight, model.model.embed_tokens.weight.bfloat16().float())
    assert load_in_transformers(tmp_path / "half").dtype == torch.bfloat16


def test_saving_again_replaces_the_folder(tmp_path: Path) -> None:
    save(tmp_path / "model", random_model(), card="one")
    save(tmp_path / "model", random_model(num_hidden_layers=1), card="two")
    loaded = load_model(tmp_path / "model")
    assert (loaded.card, loaded.config.num_hidden_layers) == ("two", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_swap_that_was_killed_is_finished_by_the_reader(tmp_path: Path) -> None:
    save(tmp_path / "model", random_model(), card="old")
    (tmp_path / "model").rename(tmp_path / ".model.old")
    assert is_model_folder(tmp_path / "model")
    assert load_model(tmp_path / "model").card == "old"


def test_what_is_ours(tmp_path: Path, llama: Path) -> None:
    save(tmp_path / "model", random_model())
    assert is_ours(tmp_path / "model")
    assert not is_ours(llama)
    assert not is_ours(tmp_path)
    assert not is_ours(tmp_path / "absent")
    (tmp_path / "model" / "notes.txt").write_text("mine")
    assert not is_ours(tmp_path / "model")


# -- what transformers writes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("kind", ["llama", "qwen2", "qwen3"])
def test_we_read_what_transformers_writes(tmp_path: Path, kind: str, tied: bool) -> None:
    theirs = hugging_face_folder(tmp_path, kind, tie_word_embeddings=tied)
    loaded = load_model(tmp_path)
    assert (loaded.config.tie_word_embeddings, loaded.config.qk_norm) == (tied, kind == "qwen3")
    assert loaded.config.qkv_bias == (kind == "qwen2")
    assert (loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight) == tied
    assert_same_logits(loaded.model, theirs)
    assert encode_plain(loaded.tokenizer, VERSE) == encode_plain(tiny_tokenizer(), VERSE)


@pytest.mark.parametrize(
    "changes",
    [
        {"head_dim": None},
        {"num_key_value_heads": None},
        {"num_key_value_heads": 1, "rms_norm_eps": 1e-5},
        {"rope_parameters": {"rope_type": "default", "rope_theta": 500_000.0}},
        {"rope_parameters": {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}},
        {
            "rope_parameters": {
                "rope_type": "llama3",
                "rope_theta": 10_000.0,
                "factor": 8.0,
                "low_freq_factor": 1.0,
                "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64,
            }
        },
    ],
    ids=str,
)
def test_llamas_of_many_shapes(tmp_path: Path, changes: dict[str, Any]) -> None:
    theirs = hugging_face_folder(tmp_path, "llama", **changes)
    assert_same_logits(load_model(tmp_path).model, theirs)


def test_fields_under_their_old_names(copy: Path) -> None:
    """`rope_theta` and `rope_scaling` beside each other, no `head_dim`, no `num_key_value_heads` of its own."""
    scaling = {"type": "linear", "factor": 2.0}
    change_config(copy, rope_parameters=None, rope_theta=20_000.0, rope_scaling=scaling, head_dim=None)
    config = load_model(copy).config
    assert (config.rope_theta, config.rope_scaling, config.head_dim) == (
        20_000.0,
        RopeScaling("linear", 2.0),
        16,
    )
    assert_same_logits(load_model(copy).model, load_in_transformers(copy))


def test_shards(tmp_path: Path) -> None:
    theirs = hugging_face_folder(tmp_path, "qwen3", max_shard_size="60KB")
    assert len(list(tmp_path.glob("model-*.safetensors"))) > 2
    assert_same_logits(load_model(tmp_path).model, theirs)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(tmp_path: Path, dtype: torch.dtype) -> None:
    hugging_face_folder(tmp_path, "llama", dtype=dtype)
    loaded = load_model(tmp_path)
    assert {weight.dtype for weight in loaded.model.parameters()} == {torch.float32}
    assert_same_logits(loaded.model, load_in_transformers(tmp_path, dtype=torch.float32))


def test_an_output_table_that_differs_is_kept(tmp_path: Path) -> None:
    """As `transformers` 5 does: config.json says tied, the file holds two tables that differ."""
    hugging_face_folder(tmp_path, "llama", tie_word_embeddings=False)
    change_config(tmp_path, tie_word_embeddings=True)
    loaded = load_model(tmp_path)
    assert not loaded.config.tie_word_embeddings
    weights = load_file(tmp_path / "model.safetensors")
    assert torch.equal(loaded.model.lm_head.weight, weights["lm_head.weight"])


def test_a_context_longer_than_the_table_of_positions(tmp_path: Path) -> None:
    theirs = hugging_face_folder(tmp_path, "llama", max_position_embeddings=1_000_000)
    loaded = load_model(tmp_path)
    assert loaded.model.cos.size(0) < 10_000
    loaded.model.cos, loaded.model.sin = loaded.model.cos[:50], loaded.model.sin[:50]
    assert_same_logits(loaded.model, theirs)


# -- the token that ends a document -----------------------------------------------------------------------------------


def add_special(folder: Path, *names: str) -> list[int]:
    tokenizer = load_model(folder).tokenizer
    tokenizer.add_special_tokens(list(names))
    tokenizer.save(str(folder / "tokenizer.json"))
    return [tokenizer.token_to_id(name) for name in names]


def test_the_end_comes_from_the_config(copy: Path) -> None:
    _, second = add_special(copy, "<|a|>", "<|b|>")
    change_config(copy, eos_token_id=second)
    assert load_model(copy).end == second


def test_the_end_comes_from_a_list(copy: Path) -> None:
    first, second = add_special(copy, "<|a|>", "<|b|>")
    change_config(copy, eos_token_id=[second, first])
    assert load_model(copy).end == second


def test_the_end_comes_from_the_generation_config(copy: Path) -> None:
    (first,) = add_special(copy, "<|a|>")
    change_config(copy, eos_token_id=None)
    (copy / "generation_config.json").write_text(json.dumps({"eos_token_id": first}))
    assert load_model(copy).end == first


@pytest.mark.parametrize("token", ["<|a|>", {"content": "<|a|>", "special": True}], ids=["text", "object"])
def test_the_end_comes_from_the_tokenizer_config(copy: Path, token: Any) -> None:
    (first,) = add_special(copy, "<|a|>")
    (copy / "generation_config.json").unlink()
    change_config(copy, eos_token_id=None)
    (copy / "tokenizer_config.json").write_text(json.dumps({"eos_token": token}))
    assert load_model(copy).end == first


def test_a_letter_does_not_end_a_document(copy: Path) -> None:
    """Llama's class says 2 by default, which is an ordinary letter of this tokenizer."""
    assert json.loads((copy / "config.json").read_text())["eos_token_id"] == 2
    assert load_model(copy).end == 0


def test_a_tokenizer_without_an_end(copy: Path) -> None:
    fields = json.loads((copy / "tokenizer.json").read_text())
    fields["added_tokens"] = []
    fields["model"]["vocab"] = {("x" if k == "<|endoftext|>" else k): v for k, v in fields["model"]["vocab"].items()}
    fields["model"]["vocab"]["xx"] = fields["model"]["vocab"].pop("x")
    fields["model"]["merges"] = []
    (copy / "tokenizer.json").write_text(json.dumps(fields))
    with pytest.raises(InputError, match="no token that ends a document"):
        load_model(copy)


def test_a_tokenizer_that_cuts_does_not_cut_here(copy: Path) -> None:
    tokenizer = load_model(copy).tokenizer
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=32)
    tokenizer.save(str(copy / "tokenizer.json"))
    assert encode_plain(load_model(copy).tokenizer, VERSE) == encode_plain(tiny_tokenizer(), VERSE)
