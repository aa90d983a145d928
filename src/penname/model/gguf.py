"""The GGUF file that llama.cpp runs: metadata, tokenizer and weights, through the package `gguf`.

In: a path, a loaded model, a number format. Out: the file.

    write_gguf(Path("model.gguf"), loaded, "q8_0")

Vectors stay float32; matrices become `q8_0` (blocks of 32 integers of 8 bits with one scale), `f16` or `f32`.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from gguf import GGML_QUANT_VERSION, GGMLQuantizationType, GGUFWriter, LlamaFileType, TokenType, quants

from penname.core.errors import InputError
from penname.model.folder import LoadedModel
from penname.model.gpt import GPTConfig
from penname.model.hf_config import kind_of
from penname.model.hf_weights import named_weights

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
_REST = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
_SPLITS = {_CONTRACTIONS + r"\p{N}" + _REST: "qwen2", _CONTRACTIONS + r"\p{N}{1,3}" + _REST: "llama-bpe"}
"""Splitting patterns, and what llama.cpp calls them."""
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
TABLES = {
    "model.embed_tokens.weight": "token_embd.weight",
    "model.norm.weight": "output_norm.weight",
    "lm_head.weight": "output.weight",
}


def write_gguf(path: Path, loaded: LoadedModel, dtype: str) -> None:
    """Write `loaded` to `path`. Raises `InputError` for what llama.cpp would run otherwise than here."""
    config = loaded.config
    if config.rope_scaling is not None:
        raise InputError(
            "Models with scaled rotary positions are not written as GGUF: export hf, and convert that folder "
            "with llama.cpp's own converter."
        )
    tokenizer = describe_tokenizer(loaded.tokenizer)
    writer = GGUFWriter(path, kind_of(config))
    try:
        _add_shape(writer, config, dtype)
        _add_tokenizer(writer, tokenizer, config.vocab_size, loaded.end)
        for name, weight in named_weights(loaded.model).items():
            _add_weight(writer, name, weight.float().numpy(), config, dtype)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
    finally:
        writer.close()


def describe_tokenizer(tokenizer: "Tokenizer") -> dict[str, Any]:
    """Its `tokenizer.json` as an object, with llama.cpp's name for its way of splitting under `pre`.

    Raises `InputError` for tokenizers other than byte-level BPE with a known splitting pattern.
    """
    described: dict[str, Any] = json.loads(tokenizer.to_str())
    normalizer = (described.get("normalizer") or {"type": "NFC"})["type"]
    pre = _split_name(described.get("pre_tokenizer") or {})
    if described["model"]["type"] != "BPE" or normalizer != "NFC" or pre is None:
        raise InputError(
            "This tokenizer is not one of those that are written as GGUF (byte-level BPE that splits as Qwen2, "
            "Llama 3 or GPT-2 does): export hf, and convert that folder with llama.cpp's own converter."
        )
    return {**described, "pre": pre}


def _split_name(pre_tokenizer: dict[str, Any]) -> str | None:
    parts = pre_tokenizer.get("pretokenizers", [pre_tokenizer])
    last = parts[-1]
    if last.get("type") != "ByteLevel" or last.get("add_prefix_space"):
        return None
    if len(parts) == 1:
        return "gpt-2" if last.get("use_regex", True) else None
    pattern = parts[0].get("pattern", {}).get("Regex")
    if len(parts) == 2 and parts[0].get("behavior") == "Isolated" and not last.get("use_regex", True):
        return _SPLITS.get(pattern)
    return None


def _add_shape(writer: GGUFWriter, config: GPTConfig, dtype: str) -> None:
    types = {"f32": "ALL_F32", "f16": "MOSTLY_F16", "q8_0": "MOSTLY_Q8_0"}
    writer.add_name("penname")
    writer.add_file_type(LlamaFileType[types[dtype]])
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


def _add_tokenizer(writer: GGUFWriter, described: dict[str, Any], room: int, end: int) -> None:
    # The network may have more rows than the tokenizer has tokens.
    tokens = [f"[PAD{number}]" for number in range(room)]
    types = [int(TokenType.UNUSED)] * room
    for token, number in described["model"]["vocab"].items():
        tokens[number], types[number] = token, int(TokenType.NORMAL)
    for added in described.get("added_tokens", []):
        tokens[added["id"]] = added["content"]
        types[added["id"]] = int(TokenType.CONTROL if added["special"] else TokenType.USER_DEFINED)
    merges = described["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(described["pre"])
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(end)
    writer.add_eos_token_id(end)
    writer.add_pad_token_id(end)
    # As in the Hugging Face folder: a prompt is what the user wrote and nothing before it.
    writer.add_add_bos_token(False)


def _add_weight(writer: GGUFWriter, name: str, weight: npt.NDArray[np.float32], config: GPTConfig, dtype: str) -> None:
    if interleaved(config, name):
        weight = _interleave(weight, config.head_dim)
    kind = "f32" if weight.ndim == 1 else dtype
    if kind == "q8_0" and weight.shape[1] % 32:
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
