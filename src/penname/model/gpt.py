"""The network: a plain Qwen3 decoder, with the parameter names that `transformers` uses.

In: token ids. Out: logits, or the loss. RMSNorm (Zhang and Sennrich 2019) before each block, rotary positions (Su et
al. 2021), normalised queries and keys (Henry et al. 2020), grouped-query attention (Ainslie et al. 2023), SwiGLU
(Shazeer 2020), tied embeddings, no biases. Without `qk_norm` it is a Llama, with `qkv_bias` a Qwen2. Dropout and the
bidirectional mode exist for training only: the saved weights load in `transformers.Qwen3ForCausalLM` and give the same
logits.

    model = GPT(GPTConfig(vocab_size=16_384))
    logits = model(ids)                 # ids: (batch, tokens) -> (batch, tokens, vocab_size)
"""

import contextlib
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from penname.model import kernels


@dataclass(frozen=True)
class RopeScaling:
    """Stretched rotary positions, as some Llamas have them; the field names are those of `config.json`."""

    rope_type: str
    """`linear` (Chen et al. 2023: all frequencies slower) or `llama3` (Llama 3.1: only the slow ones)."""
    factor: float
    low_freq_factor: float = 1.0
    high_freq_factor: float = 4.0
    original_max_position_embeddings: int = 8192


@dataclass(frozen=True)
class GPTConfig:
    """The shape of the network; the field names are those of `config.json`."""

    vocab_size: int
    hidden_size: int = 512
    intermediate_size: int = 1408
    num_hidden_layers: int = 8
    num_attention_heads: int = 8
    num_key_value_heads: int = 4
    head_dim: int = 64
    max_position_embeddings: int = 1024
    rope_theta: float = 10_000.0
    rms_norm_eps: float = 1e-6
    tie_word_embeddings: bool = True
    qk_norm: bool = True
    qkv_bias: bool = False
    document_start: tuple[int, int] | None = None
    """Where documents start after a token of their own: what ends them, and what is read in its place."""
    rope_scaling: RopeScaling | None = None

    def parameters(self) -> int:
        """Number of weights, tied ones counted once."""
        width, heads, groups = self.hidden_size, self.num_attention_heads, self.num_key_value_heads
        attention = width * self.head_dim * 2 * (heads + groups) + (2 * self.head_dim if self.qk_norm else 0)
        attention += self.head_dim * (heads + 2 * groups) if self.qkv_bias else 0
        layer = attention + 3 * width * self.intermediate_size + 2 * width
        tables = self.vocab_size * width * (1 if self.tie_word_embeddings else 2)
        return tables + self.num_hidden_layers * layer + width

    def flops_per_token(self, context: int) -> float:
        """Floating-point operations of one training token, forward and backward, matrix products only.

        6 for each weight that multiplies (the input table doesn't, the output table does) and 6 for each of
        `heads * head_dim * context` of causal attention (Chowdhery et al. 2022, appendix B, halved for causality).
        """
        table = self.vocab_size * self.hidden_size
        multiplying = self.parameters() - (0 if self.tie_word_embeddings else table)
        attention = self.num_hidden_layers * self.num_attention_heads * self.head_dim * context
        return 6.0 * (multiplying + attention)


class RMSNorm(nn.Module):
    """Root-mean-square normalisation with a learned scale."""

    def __init__(self, width: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.eps = eps

    def forward(self, x: Tensor) -> Tensor:
        """Normalise the last dimension in the precision of `x`."""
        return kernels.rms_norm(x, self.weight, self.eps)


class KVCache:
    """Keys and values of the tokens seen so far, allocated once: (layers, batch, groups, room, head_dim)."""

    def __init__(self, config: GPTConfig, batch: int, room: int, like: Tensor) -> None:
        shape = (config.num_hidden_layers, batch, config.num_key_value_heads, room, config.head_dim)
        self.keys = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.values = torch.empty(shape, dtype=like.dtype, device=like.device)
        self.length = 0

    def extend(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Store the new keys and values of `layer` and return all of them; `length` grows after the last layer."""
        end = self.length + key.size(2)
        self.keys[layer, :, :, self.length : end] = key
        self.values[layer, :, :, self.length : end] = value
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]


class Attention(nn.Module):
    """Grouped-query self-attention with rotary positions and normalised queries and keys."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        width, dim = config.hidden_size, config.head_dim
        self.heads, self.groups, self.dim = config.num_attention_heads, config.num_key_value_heads, dim
        self.q_proj = nn.Linear(width, self.heads * dim, bias=config.qkv_bias)
        self.k_proj = nn.Linear(width, self.groups * dim, bias=config.qkv_bias)
        self.v_proj = nn.Linear(width, self.groups * dim, bias=config.qkv_bias)
        self.o_proj = nn.Linear(self.heads * dim, width, bias=False)
        self.q_norm = RMSNorm(dim, config.rms_norm_eps) if config.qk_norm else nn.Identity()
        self.k_norm = RMSNorm(dim, config.rms_norm_eps) if config.qk_norm else nn.Identity()

    def forward(
        self, x: Tensor, rotary: tuple[Tensor, Tensor], causal: bool, cache: KVCache | None, layer: int
    ) -> Tensor:
        """x: (batch, tokens, width) -> the same shape."""
        batch, tokens, _ = x.shape
        query = self.q_norm(self.q_proj(x).view(batch, tokens, self.heads, self.dim)).transpose(1, 2)
        key = self.k_norm(self.k_proj(x).view(batch, tokens, self.groups, self.dim)).transpose(1, 2)
        value = self.v_proj(x).view(batch, tokens, self.groups, self.dim).transpose(1, 2)
        query, key = kernels.rotate(query, *rotary), kernels.rotate(key, *rotary)
        mask = None
        if cache is not None:
            key, value = cache.extend(layer, key, value)
            if tokens > 1 and cache.length:
                mask = _continued_mask(tokens, key.size(2), x.device)
        causal = causal and tokens > 1 and mask is None
        if mask is None:
            y = kernels.attend(query, key, value, causal)
        else:
            grouped = self.heads != self.groups
            y = F.scaled_dot_product_attention(query, key, value, attn_mask=mask, enable_gqa=grouped)
        out: Tensor = self.o_proj(y.transpose(1, 2).reshape(batch, tokens, self.heads * self.dim))
        return out


class MLP(nn.Module):
    """SwiGLU: down(silu(gate(x)) * up(x))."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x: (batch, tokens, width) -> the same shape."""
        out: Tensor = self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))
        return out


class Layer(nn.Module):
    """Attention and MLP, each normalised before, dropped out after, and added to the stream."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.self_attn = Attention(config)
        self.mlp = MLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(
        self,
        x: Tensor,
        rotary: tuple[Tensor, Tensor],
        causal: bool = True,
        cache: KVCache | None = None,
        layer: int = 0,
        dropout: float = 0.0,
    ) -> Tensor:
        """x: (batch, tokens, width) -> the same shape."""
        x = x + kernels.dropout(self.self_attn(self.input_layernorm(x), rotary, causal, cache, layer), dropout)
        return x + kernels.dropout(self.mlp(self.post_attention_layernorm(x)), dropout)


class Decoder(nn.Module):
    """Embedding, layers and the last norm: everything but the output table."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)


class GPT(nn.Module):
    """The language model. `dropout` and `checkpointing` are training's to set; they leave no trace in the weights."""

    def __init__(self, config: GPTConfig) -> None:
        super().__init__()
        self.config = config
        self.cos: Tensor
        self.sin: Tensor
        self.model = Decoder(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        if config.tie_word_embeddings:
            self.lm_head.weight = self.model.embed_tokens.weight
        self.dropout = 0.0
        self.checkpointing = False
        self.layers_compiled = False
        cos, sin = rotary_tables(config, config.max_position_embeddings)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

    def compile_layers(self, wanted: bool) -> None:
        """Compile the code of a layer, once for all layers, or go back to the plain code."""
        for layer in self.model.layers:
            if wanted:
                layer.compile()
            else:
                layer._compiled_call_impl = None
        self.layers_compiled = wanted

    def uncompiled(self) -> contextlib.AbstractContextManager[object]:
        """Run the plain code while the block runs: text of every other length would be compiled anew."""
        stance: contextlib.AbstractContextManager[object] = (
            torch.compiler.set_stance("force_eager") if self.layers_compiled else contextlib.nullcontext()
        )
        return stance

    @torch.no_grad()
    def initialise(self, seed: int) -> "GPT":
        """Draw the weights: normal with deviation 0.02, projections into the stream divided by sqrt(2 * layers)."""
        generator = torch.Generator().manual_seed(seed)
        into_stream = 0.02 / math.sqrt(2 * self.config.num_hidden_layers)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                deviation = into_stream if name.endswith(("o_proj.weight", "down_proj.weight")) else 0.02
                weight.copy_(torch.randn(weight.shape, generator=generator) * deviation)
            elif name.endswith(".bias"):
                weight.zero_()
        return self

    def as_read(self, ids: Tensor) -> Tensor:
        """`ids` with the start of the next document where one has ended: it is predicted, and the start is read."""
        if self.config.document_start is None:
            return ids
        end, start = self.config.document_start
        return torch.where(ids == end, start, ids)

    def embed(self, ids: Tensor) -> Tensor:
        """ids: (batch, tokens) -> (batch, tokens, width)."""
        out: Tensor = self.model.embed_tokens(self.as_read(ids))
        return out

    def hidden(
        self, ids: Tensor, cache: KVCache | None = None, causal: bool = True, inputs: Tensor | None = None
    ) -> Tensor:
        """The last hidden states. ids: (batch, tokens) -> (batch, tokens, width).

        `inputs` replaces the embedded ids (the masked objective puts its own vector in the masked places).
        """
        start = cache.length if cache is not None else 0
        x = self.embed(ids) if inputs is None else inputs
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        dropout = self.dropout if self.training else 0.0
        x = kernels.dropout(x, dropout)
        rotary = self.rotary(start, ids.size(1), x)
        for index, layer in enumerate(self.model.layers):
            if self.checkpointing and self.training:
                x = checkpoint(layer, x, rotary, causal, None, index, dropout, use_reentrant=False)
            else:
                x = layer(x, rotary, causal, cache, index, dropout)
        if cache is not None:
            cache.length += ids.size(1)
        out: Tensor = self.model.norm(x)
        return out

    def forward(self, ids: Tensor, cache: KVCache | None = None) -> Tensor:
        """ids: (batch, tokens) -> logits (batch, tokens, vocab_size)."""
        out: Tensor = self.lm_head(self.hidden(ids, cache))
        return out

    def rotary(self, start: int, tokens: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Cosines and sines for the positions `start` to `start + tokens`, each (tokens, head_dim)."""
        end = start + tokens
        if end > self.cos.size(0):
            cos, sin = rotary_tables(self.config, end)
            self.cos, self.sin = cos.to(self.cos.device), sin.to(self.cos.device)
        return self.cos[start:end].to(like.dtype), self.sin[start:end].to(like.dtype)


def rotary_tables(config: GPTConfig, room: int) -> tuple[Tensor, Tensor]:
    """Cosine and sine tables (room, head_dim), computed in float32 as `transformers` does."""
    frequencies = _frequencies(config)
    if config.rope_scaling is not None:
        frequencies = frequencies * rotary_factors(config, config.rope_scaling)
    angles = torch.outer(torch.arange(room, dtype=torch.float32), frequencies)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos(), angles.sin()


def _frequencies(config: GPTConfig) -> Tensor:
    steps = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    found: Tensor = config.rope_theta**-steps
    return found


def rotary_factors(config: GPTConfig, scaling: RopeScaling) -> Tensor:
    """What each rotary frequency is multiplied by: 1 / factor for the slow ones, 1 for the fast ones."""
    frequencies = _frequencies(config)
    if scaling.rope_type == "linear":
        return torch.full_like(frequencies, 1 / scaling.factor)
    turns = scaling.original_max_position_embeddings * frequencies / (2 * math.pi)
    low, high = scaling.low_freq_factor, scaling.high_freq_factor
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    return kept + (1 - kept) / scaling.factor


def _continued_mask(tokens: int, total: int, device: torch.device) -> Tensor:
    rows = torch.arange(total - tokens, total, device=device)[:, None]
    return rows >= torch.arange(total, device=device)[None, :]
