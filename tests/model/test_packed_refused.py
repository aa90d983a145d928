"""Packed bases from strangers: no field is believed, nothing is allocated before it is compared with the bytes."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from tiny_models import VERSE, random_model, tiny_tokenizer

from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.model import base, quantise
from penname.model.base import general_texts, load_base, replay_texts, write_base
from penname.model.gpt import RopeScaling
from penname.model.quantise import Rounding

IDS = torch.tensor([[0, *encode_plain(tiny_tokenizer(), VERSE)[:60]]])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_base(tmp_path / "base", random_model(), tiny_tokenizer(), Rounding(5, 32), [VERSE], "# The base\n")
    return tmp_path / "base"


def rewrite(
    folder: Path,
    config: dict[str, Any] | None = None,
    shapes: Callable[[dict[str, Any]], None] = lambda _: None,
    weights: Callable[[dict[str, Any]], None] = lambda _: None,
    **header: str,
) -> None:
    """Write the weights again with changed fields, shapes, tensors or header."""
    path = folder / "weights.safetensors"
    with safe_open(path, framework="pt") as file:
        said = file.metadata()
    tensors, sizes, about = load_file(path), json.loads(said["shapes"]), json.loads(said["about"])
    shapes(sizes)
    weights(tensors)
    about["config"].update(config or {})
    save_file(tensors, path, metadata={**said, "shapes": json.dumps(sizes), "about": json.dumps(about), **header})


@pytest.mark.parametrize(
    "scaling", [RopeScaling("linear", 2.0), RopeScaling("llama3", 8.0, 1.0, 4.0, 64)], ids=lambda each: each.rope_type
)
def test_a_base_with_scaled_positions_is_read_again(tmp_path: Path, scaling: RopeScaling) -> None:
    model = random_model(rope_scaling=scaling)
    write_base(tmp_path / "base", model, tiny_tokenizer(), Rounding(8, 32), [], "")
    loaded = load_base(tmp_path / "base")
    assert loaded.config == model.config
    assert torch.equal(loaded.model.cos, model.cos)
    with torch.no_grad():
        torch.testing.assert_close(loaded.model(IDS), model(IDS), rtol=0.2, atol=0.5)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"vocab_size": 2**31 - 1}, "embed_tokens.weight has the shape"),
        ({"vocab_size": 2**40}, "vocab_size is"),
        ({"num_hidden_layers": 2_000_000_000}, "2 layers, its configuration says 2000000000"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0"),
        ({"hidden_size": -64}, "hidden_size is -64"),
        ({"hidden_size": 64.0}, "hidden_size is 64.0"),
        ({"intermediate_size": 1_000_000_000}, "has the shape"),
        ({"num_attention_heads": 3}, "3 attention heads cannot share 2"),
        ({"num_attention_heads": None}, "num_attention_heads is None|has the shape"),
        ({"head_dim": 15}, "15 cannot be rotated"),
        ({"max_position_embeddings": 10**400}, "max_position_embeddings is"),
        ({"max_position_embeddings": "x"}, "max_position_embeddings is 'x'"),
        ({"rope_theta": 1e-300}, "rope_theta is 1e-300 where a number from 1 to"),
        ({"rope_theta": float("nan")}, "rope_theta is nan"),
        ({"rms_norm_eps": float("inf")}, "rms_norm_eps is inf"),
        ({"rope_scaling": {"rope_type": "linear", "factor": 0}}, "factor is 0"),
        ({"rope_scaling": {"rope_type": "yarn", "factor": 2.0}}, "scaled by 'yarn'"),
        ({"rope_scaling": "linear"}, "rotary positions"),
        ({"tie_word_embeddings": 1}, "tie_word_embeddings is 1 where true or false"),
        ({"tie_word_embeddings": False}, "lm_head.weight is missing"),
        ({"qk_norm": "yes"}, "qk_norm is 'yes' where true or false"),
        ({"qk_norm": False}, "self_attn.[qk]_norm.weight., which"),
        ({"new": 1}, "its network has 'new', which is not known here"),
    ],
    ids=str,
)
def test_configurations_that_are_refused(folder: Path, config: dict[str, Any], message: str) -> None:
    rewrite(folder, config)
    with pytest.raises(InputError, match=f"(?s)weights.safetensors.*({message})"):
        load_base(folder)


TABLE = "model.embed_tokens.weight"


def shaped(*shape: Any) -> Callable[[dict[str, Any]], None]:
    return lambda sizes: sizes.update({TABLE: list(shape)})


def put(name: str, tensor: torch.Tensor) -> Callable[[dict[str, Any]], None]:
    return lambda tensors: tensors.update({name: tensor})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": shaped(10**12, 10**12)}, r"embed_tokens.weight.planes has the shape \(5, 2560\), which 1000"),
        ({"shapes": shaped(320, -64)}, "not two whole numbers above 0"),
        ({"shapes": shaped(320, 0)}, "not two whole numbers above 0"),
        ({"shapes": shaped(320)}, "not two whole numbers above 0"),
        ({"shapes": shaped("320", 64)}, "not two whole numbers above 0"),
        ({"shapes": shaped(True, 64)}, "not two whole numbers above 0"),
        ({"shapes": shaped(64, 320)}, r"scales has the shape \(320, 2\), which 64 x 320"),
        ({"shapes": lambda sizes: sizes.pop(TABLE)}, r"embed_tokens.weight.(planes|scales) has no place"),
        ({"shapes": lambda sizes: sizes.update({"more": [8, 8]})}, "more is missing"),
        ({"weights": put(f"{TABLE}.planes", torch.zeros(9, 2560, dtype=torch.uint8))}, r"planes has the shape \(9,"),
        ({"weights": put(f"{TABLE}.planes", torch.zeros(0, 2560, dtype=torch.uint8))}, r"planes has the shape \(0,"),
        ({"weights": put(f"{TABLE}.planes", torch.zeros(5, 2560, dtype=torch.int8))}, "planes has the shape"),
        ({"weights": put(f"{TABLE}.planes", torch.zeros(5, 2559, dtype=torch.uint8))}, "planes has the shape"),
        ({"weights": put(f"{TABLE}.scales", torch.zeros(320, 3).half())}, r"scales has the shape \(320, 3\)"),
        ({"weights": put(f"{TABLE}.scales", torch.zeros(320, 0).half())}, r"scales has the shape \(320, 0\)"),
        ({"weights": put(f"{TABLE}.scales", torch.zeros(320, 2))}, "scales has the shape"),
        ({"weights": put(f"{TABLE}.scales", torch.full((320, 2), torch.nan).half())}, "not numbers"),
        ({"weights": put(f"{TABLE}.scales", torch.full((320, 2), torch.inf).half())}, "not numbers"),
        ({"weights": put("model.norm.weight", torch.full((64,), torch.inf).half())}, "not numbers"),
        ({"weights": put("model.norm.weight", torch.ones(64))}, "model.norm.weight has no place"),
        ({"weights": put("model.norm.weight", torch.ones(65).half())}, r"norm.weight has the shape \(65,\)"),
        ({"weights": lambda tensors: tensors.pop("model.norm.weight")}, "model.norm.weight is missing"),
        ({"weights": put("other", torch.ones(3).half())}, "it holds 'other', which"),
        ({"format": "penname-planes-9"}, "not in penname's own format"),
        ({"shapes_json": "[]"}, "not one that penname writes"),
        ({"shapes_json": "[" * 100_000}, "nested too deeply"),
        ({"about": "3"}, "not one that penname writes"),
        ({"about": "{}"}, "describes no network"),
        ({"about": '{"config": [1]}'}, "describes no network"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_headers_and_tensors_that_are_refused(folder: Path, changes: dict[str, Any], message: str) -> None:
    header = {"shapes": changes.pop("shapes_json")} if "shapes_json" in changes else {}
    if header:
        path = folder / "weights.safetensors"
        with safe_open(path, framework="pt") as file:
            save_file(load_file(path), path, metadata={**file.metadata(), **header})
    else:
        rewrite(folder, **changes)
    with pytest.raises(InputError, match=f"(?s)weights.safetensors.*({message}).*make it again with penname pretrain"):
        load_base(folder)


def test_nothing_is_unpacked_before_all_shapes_agree(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(folder, {"hidden_size": 32})
    monkeypatch.setattr(quantise, "unpack_planes", lambda *_: pytest.fail("unpacked too early"))
    with pytest.raises(InputError, match="has the shape"):
        load_base(folder)


def test_a_tokenizer_of_more_tokens_than_the_network(folder: Path) -> None:
    value = json.loads(tiny_tokenizer().to_str())
    value["model"]["vocab"]["zzzz"] = 5_000
    (folder / "tokenizer.json").write_text(json.dumps(value))
    with pytest.raises(InputError, match="tokenizer of 5001 tokens and a network of 320"):
        load_base(folder)


def test_texts_that_unpack_to_more_than_a_base_has(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_base(
        folder, random_model(), tiny_tokenizer(), Rounding(5, 32), ["x" * 2_000], "", general_texts=["y" * 600] * 2
    )
    assert len(next(replay_texts(folder))) == 2_000
    assert len(general_texts(folder)) == 2
    monkeypatch.setattr(base, "_LARGEST_TEXT", 1_000)
    with pytest.raises(InputError, match=r"replay.txt.bz2 holds a document of more than 1,000 characters"):
        next(replay_texts(folder))
    with pytest.raises(InputError, match=r"general.txt.bz2 holds more than 1,000 characters"):
        general_texts(folder)


@pytest.fixture
def rows_folder(tmp_path: Path) -> Path:
    rounding = Rounding(row_step=0.3)
    write_base(tmp_path / "rows", random_model(), tiny_tokenizer(), rounding, [VERSE], "# The base\n")
    return tmp_path / "rows"


def stream(values: bytes, **settings: int) -> torch.Tensor:
    """A zlib stream that other programs would write: repeats are copied, so it may be far smaller than its content."""
    return torch.frombuffer(bytearray(zlib.compress(values, **settings)), dtype=torch.uint8)


def padded(values: bytes, size: int) -> torch.Tensor:
    """The stream with other bytes behind it."""
    codes = stream(values)
    return torch.cat([codes, torch.zeros(size - codes.numel(), dtype=torch.uint8)])


TABLE_BYTES = 320 * 64
CODES = f"{TABLE}.codes"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"shapes": shaped(10**12, 10**12)}, r"embed_tokens.weight.codes has the shape \(\d+,\), which 1000"),
        ({"shapes": shaped(320, -64)}, "not two whole numbers above 0"),
        ({"shapes": shaped(64, 320)}, r"steps has the shape \(320,\), which 64 x 320"),
        ({"shapes": shaped(320, 63)}, "embed_tokens.weight has the shape"),
        ({"shapes": shaped(320, 65)}, "embed_tokens.weight has the shape"),
        ({"shapes": lambda sizes: sizes.pop(TABLE)}, r"embed_tokens.weight.(codes|steps) has no place"),
        ({"shapes": lambda sizes: sizes.update({"more": [8, 8]})}, "more is missing"),
        ({"weights": put(CODES, stream(bytes(TABLE_BYTES)))}, r"codes has the shape \(\d+,\), which 320 x 64"),
        ({"weights": put(CODES, padded(bytes(TABLE_BYTES), 3000))}, "do not hold 20,480 weights"),
        ({"weights": put(CODES, padded(bytes(10**6), 3000))}, "do not hold 20,480 weights"),
        ({"weights": put(CODES, stream(bytes(TABLE_BYTES), level=0)[:-1])}, "do not hold 20,480 weights"),
        ({"weights": put(CODES, torch.zeros(3000, dtype=torch.uint8))}, "its codes are damaged"),
        ({"weights": put(CODES, torch.zeros(1, 3000, dtype=torch.uint8))}, "codes has the shape"),
        ({"weights": put(CODES, torch.zeros(3000, dtype=torch.int8))}, "codes has the shape"),
        ({"weights": put(f"{TABLE}.steps", torch.zeros(319).half())}, r"steps has the shape \(319,\)"),
        ({"weights": put(f"{TABLE}.steps", torch.zeros(320, 1).half())}, r"steps has the shape \(320, 1\)"),
        ({"weights": put(f"{TABLE}.steps", torch.zeros(320))}, "steps has the shape"),
        ({"weights": put(f"{TABLE}.steps", torch.full((320,), torch.nan).half())}, "not numbers"),
        ({"weights": put("model.norm.weight", torch.ones(65).half())}, r"norm.weight has the shape \(65,\)"),
        ({"format": "penname-planes-1"}, "embed_tokens.weight is missing"),
        ({"format": "penname-rows-2"}, "not in penname's own format"),
    ],
    ids=lambda value: value if isinstance(value, str) else "-",
)
def test_headers_and_codes_of_rows_that_are_refused(rows_folder: Path, changes: dict[str, Any], message: str) -> None:
    rewrite(rows_folder, **changes)
    with pytest.raises(InputError, match=f"(?s)weights.safetensors.*({message}).*make it again with penname pretrain"):
        load_base(rows_folder)


def test_codes_that_other_programs_packed_are_read_as_long_as_they_hold_the_weights(rows_folder: Path) -> None:
    rewrite(rows_folder, weights=put(CODES, stream(bytes(TABLE_BYTES), level=0)))
    assert not load_base(rows_folder).model.lm_head.weight.any()


def test_no_row_is_unpacked_before_all_shapes_agree(rows_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rewrite(rows_folder, {"hidden_size": 32})
    monkeypatch.setattr(quantise, "unpack_codes", lambda *_: pytest.fail("unpacked too early"))
    with pytest.raises(InputError, match="has the shape"):
        load_base(rows_folder)
