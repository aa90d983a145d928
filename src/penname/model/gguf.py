"""The GGUF file that llama.cpp runs: metadata, tokenizer and weights, through the package `gguf`.

In: a path, a loaded model, a number format. Out: the file.

    write_gguf(Path("model.gguf"), loaded, "q8_0")

Vectors stay float32; matrices become `q8_0`, `q5_0` or `q4_0` (blocks of 32 integers of 8, 5 or 4 bits with one scale),
`f16` or `f32`. Embeddings have at least 8 bits: they cost most where they are coarse.
"""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from gguf import (
    GGML_QUANT_VERSION,
    GGMLQuantizationType,
    GGUFValueType,
    GGUFWriter,
    LlamaFileType,
    RopeScalingType,
    quants,
)

from penname.corpus.tokenizer_gguf import SPLITTINGS, gguf_values
from penname.model.folder import LoadedModel
from penname.model.gpt import GPTConfig, rotary_factors
from penname.model.hf_config import kind_of
from penname.model.hf_weights import named_weights
from penname.model.origin import title_of

FILE_TYPES = {
    "q8_0": LlamaFileType.MOSTLY_Q8_0,
    "q5_0": LlamaFileType.MOSTLY_Q5_0,
    "q4_0": LlamaFileType.MOSTLY_Q4_0,
    "f16": LlamaFileType.MOSTLY_F16,
    "f32": LlamaFileType.ALL_F32,
}
"""The number formats that are written."""
TENSORS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
"""llama.cpp's names for the weights of a layer."""
TABLES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}
ROPE_FACTORS = "rope_freqs.weight"
_CONTINUED = (
    "{% for message in messages %}{{ message['content'] }}{% if not loop.last %}{{ '\\n\\n' }}{% endif %}{% endfor %}"
)
"""A chat template that passes messages on as text to be continued: without one llama.cpp takes one that is made for
models that answer."""
_SAMPLING = {"temperature": "temp", "top_k": "top_k", "top_p": "top_p", "min_p": "min_p"}
"""Settings that llama.cpp's server takes from the file; it has none like the others."""


def write_gguf(path: Path, loaded: LoadedModel, dtype: str) -> None:
    """Write `loaded` to `path`. Raises `InputError` for what llama.cpp would run otherwise than here."""
    config = loaded.config
    values = gguf_values(loaded.tokenizer, config.vocab_size)
    writer = GGUFWriter(path, kind_of(config))
    try:
        _add_origin(writer, loaded)
        _add_shape(writer, config, dtype)
        _add_tokenizer(writer, values, loaded)
        _add_sampling(writer, loaded.generation)
        for name, weight in named_weights(loaded.model).items():
            _add_weight(writer, name, weight.float().numpy(), config, dtype)
        if config.rope_scaling is not None and config.rope_scaling.rope_type == "llama3":
            factors = 1 / rotary_factors(config, config.rope_scaling).numpy()
            writer.add_tensor(ROPE_FACTORS, factors.astype(np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def _add_origin(writer: GGUFWriter, loaded: LoadedModel) -> None:
    """The model's name, and what is known of its base."""
    origin, title = loaded.origin, title_of(loaded.card)
    writer.add_name(title or origin.name or "penname")
    if not origin:
        return
    if origin.licence:
        writer.add_license(origin.licence)
    if origin.licence_link:
        writer.add_license_link(origin.licence_link)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, origin.name)
    if origin.author:
        writer.add_base_model_organization(0, origin.author)
    if origin.url:
        writer.add_base_model_repo_url(0, origin.url)


def _add_shape(writer: GGUFWriter, config: GPTConfig, dtype: str) -> None:
    writer.add_file_type(FILE_TYPES[dtype])
    writer.add_quantization_version(GGML_QUANT_VERSION)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_rope_dimension_count(config.head_dim)
    writer.add_rope_freq_base(config.rope_theta)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    if config.rope_scaling is not None and config.rope_scaling.rope_type == "linear":
        writer.add_rope_scaling_type(RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(config.rope_scaling.factor)


def _add_tokenizer(writer: GGUFWriter, values: dict[str, Any], loaded: LoadedModel) -> None:
    """The tokenizer, which tokens start and end a text, and how messages become one."""
    origin, started = loaded.origin, loaded.config.document_start
    if origin.pre and _same_split(origin.pre, values):
        values = {**values, "tokenizer.ggml.pre": origin.pre}
    for key, value in values.items():
        if isinstance(value, bool | str):
            writer.add_key_value(key, value, GGUFValueType.BOOL if isinstance(value, bool) else GGUFValueType.STRING)
        else:
            writer.add_array(key, value)
    start = started[1] if started else loaded.end if origin.start is None else origin.start
    writer.add_bos_token_id(start)
    writer.add_eos_token_id(loaded.end if origin.stop is None else origin.stop)
    writer.add_pad_token_id(loaded.end)
    # As in the Hugging Face folder: a prompt is what the user wrote, with nothing before it that the base has not.
    writer.add_add_bos_token(started is not None)
    writer.add_chat_template(origin.chat_template or _CONTINUED)


def _same_split(pre: str, values: dict[str, Any]) -> bool:
    return SPLITTINGS.get(pre) == SPLITTINGS.get(values.get("tokenizer.ggml.pre", ""))


def _add_sampling(writer: GGUFWriter, generation: dict[str, Any]) -> None:
    """The settings that suit the model, which llama.cpp's server takes where it is not told others."""
    if any(generation.get(name) is not None for name in _SAMPLING):
        # Where the file names none the server takes 40 tokens and 95% of the probability; here all of both count.
        generation = {"top_k": 0, "top_p": 1.0, **generation}
    for ours, theirs in _SAMPLING.items():
        value = generation.get(ours)
        if value is not None:
            kind = GGUFValueType.INT32 if ours == "top_k" else GGUFValueType.FLOAT32
            writer.add_key_value(f"general.sampling.{theirs}", value, kind)
    if penalty := generation.get("repetition_penalty"):
        writer.add_key_value("general.sampling.penalty_repeat", float(penalty), GGUFValueType.FLOAT32)


def _add_weight(writer: GGUFWriter, name: str, weight: npt.NDArray[np.float32], config: GPTConfig, dtype: str) -> None:
    if interleaved(config, name):
        weight = _interleave(weight, config.head_dim)
    kind = "f32" if weight.ndim == 1 else dtype
    if kind in ("q5_0", "q4_0") and name in TABLES:
        kind = "q8_0"
    if kind.startswith("q") and weight.shape[1] % 32:
        kind = "f16"
    raw = GGMLQuantizationType[kind.upper()]
    writer.add_tensor(_gguf_name(name), np.ascontiguousarray(quants.quantize(weight, raw)), raw_dtype=raw)


def _gguf_name(name: str) -> str:
    if name in TABLES:
        return TABLES[name]
    name, _, last = name.rpartition(".")
    _, _, layer, part = name.split(".", 3)
    return f"blk.{layer}.{TENSORS[part]}.{last}"


def interleaved(config: GPTConfig, name: str) -> bool:
    """Whether llama.cpp has the rows of this weight in another order than we have."""
    return kind_of(config) == "llama" and name.endswith(("q_proj.weight", "k_proj.weight"))


def _interleave(weight: npt.NDArray[np.float32], dim: int) -> npt.NDArray[np.float32]:
    """Rows in llama.cpp's order for its `llama`: it rotates neighbours (2i, 2i + 1), not (i, i + dim / 2)."""
    halves = weight.reshape(-1, 2, dim // 2, weight.shape[1])
    return halves.swapaxes(1, 2).reshape(weight.shape)
