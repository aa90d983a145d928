"""`config.json`: whatever it holds, the answer is a shape or a sentence."""

from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from tiny_models import tiny_config

from penname.core.errors import InputError
from penname.model.gpt import RopeScaling
from penname.model.hf_config import config_fields, read_config

PATH = Path("folder/config.json")
FIELDS = [
    *config_fields(tiny_config(), end=0, dtype="float32"),
    "layer_types",
    "max_window_layers",
    "mlp_bias",
    "quantization_config",
    "partial_rotary_factor",
]
ROPE = ["rope_type", "type", "factor", "low_freq_factor", "high_freq_factor", "rope_theta", "partial_rotary_factor"]
NUMBERS = st.integers() | st.floats() | st.sampled_from([0, 1, 2, 4, 64, 0.5, 1e9, -1])
TEXTS = st.text(max_size=8) | st.sampled_from(
    ["llama", "qwen3", "silu", "linear", "llama3", "yarn", "sliding_attention"]
)
PLAIN = st.none() | st.booleans() | NUMBERS | TEXTS
VALUES = PLAIN | st.lists(PLAIN, max_size=3) | st.dictionaries(st.sampled_from(ROPE) | TEXTS, PLAIN, max_size=5)


def test_what_is_written_is_read() -> None:
    for changes in (
        {},
        {"qk_norm": False, "tie_word_embeddings": False},
        {"rope_theta": 1e6, "rope_scaling": RopeScaling("llama3", 8.0, 1.0, 4.0, 64)},
        {"rope_scaling": RopeScaling("linear", 2.0)},
    ):
        config = tiny_config(**changes)
        assert read_config(config_fields(config, end=0, dtype="float32"), PATH) == config


@settings(max_examples=400, deadline=None)
@given(changes=st.dictionaries(st.sampled_from(FIELDS), VALUES, max_size=6), qk_norm=st.booleans())
def test_any_field_may_hold_anything(changes: dict[str, Any], qk_norm: bool) -> None:
    raw = {**config_fields(tiny_config(qk_norm=qk_norm), end=0, dtype="float32"), **changes}
    try:
        config = read_config(raw, PATH)
    except InputError as error:
        assert str(PATH) in str(error)
    else:
        assert config.num_attention_heads % config.num_key_value_heads == 0
        assert config.head_dim % 2 == 0
