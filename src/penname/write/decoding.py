"""The network prepared for writing: one token at a time, for one text or many at once.

In: a `GPT`. Out: its weights laid out for decoding, and the logits of each next token.

    decoding = Decoding(decoding_weights(model, "fp32"), device, rows=1, room=1024)
    logits = decoding.read([[0, 17, 4]])      # (1, vocab)
    logits = decoding.step([9])

A step at batch 1 reads every weight once and computes little: its time is that of memory and of calls. So queries,
keys and values are one matrix, gate and up another, the scales of norms are multiplied into them, the query heads of a
group are rows of one product, and weights may be stored in 8 bits, which are four times fewer bytes than float32.
"""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from penname.core.device import Device
from penname.core.errors import InputError
from penname.model.gpt import GPT, GPTConfig, KVCache, Layer, RMSNorm

PRECISIONS = ("fp32", "bf16", "int8")
_READ_TOKENS = 8192
"""Prompt tokens read at once."""


@dataclass(frozen=True)
class Matrix:
    """A weight (out, in), or its integers with one scale for each row."""

    weight: Tensor
    scales: Tensor | None = None

    def __call__(self, x: Tensor) -> Tensor:
        """x: (rows, in) -> (rows, out). With 8-bit weights the product takes and gives bfloat16."""
        if self.scales is None:
            return F.linear(x, self.weight)
        return torch._weight_int8pack_mm(x.to(torch.bfloat16), self.weight, self.scales)


@dataclass(frozen=True)
class LayerWeights:
    """One layer; `qk_norm` is (heads + groups, head_dim) in a Qwen3, `bias` (heads + 2 groups, head_dim) in a Qwen2.

    The scales of the norms before `qkv` and `gate_up` are multiplied into them.
    """

    qkv: Matrix
    qk_norm: Tensor | None
    bias: Tensor | None
    out: Matrix
    gate_up: Matrix
    down: Matrix


@dataclass(frozen=True)
class DecodingWeights:
    """A copy of the weights for decoding; `model` itself reads the prompts."""

    model: GPT
    precision: str
    dtype: torch.dtype
    table: Tensor
    layers: tuple[LayerWeights, ...]
    norm: Tensor
    head: Matrix

    @property
    def config(self) -> GPTConfig:
        """The shape of the network."""
        return self.model.config

    @property
    def place(self) -> torch.device:
        """Where the weights are."""
        return self.table.device


@torch.no_grad()
def decoding_weights(model: GPT, precision: str) -> DecodingWeights:
    """Lay out the weights in `fp32`, `bf16` or `int8` (one scale a row, rounded to the nearest).

    Raises `InputError` for another precision, and where this device or shape has no 8-bit product.
    """
    if precision not in PRECISIONS:
        raise InputError(f"There is no precision called {precision!r}: use auto, {', '.join(PRECISIONS)}.")
    if precision == "int8" and not has_int8(model):
        raise InputError("This device has no product with 8-bit weights for this model: use --precision fp32.")
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    int8 = precision == "int8"
    return DecodingWeights(
        model=model,
        precision=precision,
        dtype=dtype,
        table=model.model.embed_tokens.weight.detach().to(dtype),
        layers=tuple(_layer_weights(layer, dtype, int8) for layer in _layers(model)),
        norm=(model.model.norm.weight * model.config.hidden_size**0.5).detach().to(dtype),
        head=_matrix(model.lm_head.weight, dtype, int8),
    )


def pick_precision(model: GPT, device: Device, rows: int, wanted: str = "auto") -> tuple[str, str]:
    """The precision to decode in, and why; `rows` texts are written at once."""
    if wanted != "auto":
        return wanted, f"asked for with --precision {wanted}"
    if device.kind != "cpu":
        return ("bf16", device.precision_reason) if device.precision == "bf16" else ("fp32", device.precision_reason)
    if rows == 1 and has_int8(model):
        return "int8", "each token reads every weight, and 8-bit weights are read fastest"
    return ("bf16", device.precision_reason) if device.precision == "bf16" else ("fp32", device.precision_reason)


@torch.no_grad()
def has_int8(model: GPT) -> bool:
    """Whether products with 8-bit weights work here: tried on every shape of matrix that the network has."""
    layer = _layers(model)[0]
    weights = [layer.self_attn.q_proj, layer.self_attn.o_proj, layer.mlp.gate_proj, layer.mlp.down_proj]
    try:
        for weight in (each.weight[:64] for each in weights):
            x = torch.linspace(-1, 1, weight.size(1), device=weight.device)[None]
            got, want = _matrix(weight, torch.float32, True)(x), F.linear(x, weight.float())
            scale = weight.norm() * x.norm() / weight.size(0) ** 0.5
            if not (got - want).abs().max() <= 0.02 * scale:
                return False
    except RuntimeError:
        return False
    return True


class Decoding:
    """Some texts being written: what the network has seen of each, and room for `room` tokens."""

    def __init__(self, weights: DecodingWeights, device: Device, rows: int, room: int) -> None:
        self.weights, self.device = weights, device
        self.place = weights.place
        self.cache = KVCache(weights.config, rows, room, weights.table[:0])
        # What no token has been written to is masked, but a NaN that happens to lie there would come through.
        self.cache.keys.zero_()
        self.cache.values.zero_()
        self.lengths = [0] * rows
        # Tabulated here, outside inference mode: training may go on with the same tables.
        weights.model.rotary(0, room, weights.table)

    @torch.inference_mode()
    def read(self, texts: Sequence[Sequence[int]], rows: Sequence[int] | None = None) -> Tensor:
        """Read each text (ids, at least one) from the start into its row: logits (texts, vocab), float32."""
        rows = range(len(texts)) if rows is None else rows
        found, start = [], 0
        while start < len(texts):
            count = max(1, _READ_TOKENS // max(len(text) for text in texts[start:]))
            found.append(self._read(texts[start : start + count], rows[start : start + count]))
            start += count
        return torch.cat(found)

    @torch.inference_mode()
    def step(self, tokens: Sequence[int]) -> Tensor:
        """Take the next token of every row: logits (rows, vocab), float32. Rows may have different lengths."""
        ids = torch.tensor(tokens, device=self.place)
        longest = max(self.lengths)
        even = min(self.lengths) == longest
        places = longest if even else torch.tensor(self.lengths, device=self.place)
        with _plain_float32(), _steady_attention(self.place):
            out = _step(self.weights, self.cache, ids, places, longest + 1)
        self.lengths = [length + 1 for length in self.lengths]
        return out

    @torch.inference_mode()
    def keep(self, rows: Sequence[int]) -> None:
        """Go on with these rows alone, in this order."""
        chosen = torch.tensor(rows, device=self.place)
        self.cache.keys = self.cache.keys.index_select(1, chosen)
        self.cache.values = self.cache.values.index_select(1, chosen)
        self.lengths = [self.lengths[row] for row in rows]

    @torch.inference_mode()
    def grow(self, rows: int) -> None:
        """Add empty rows behind the others: texts that join while those are being written."""
        shape = list(self.cache.keys.shape)
        shape[1] = rows
        self.cache.keys = torch.cat((self.cache.keys, self.cache.keys.new_zeros(shape)), dim=1)
        self.cache.values = torch.cat((self.cache.values, self.cache.values.new_zeros(shape)), dim=1)
        self.lengths += [0] * rows

    def cut(self, length: int) -> None:
        """Forget all but the first `length` tokens of every row."""
        self.lengths = [min(length, each) for each in self.lengths]

    def _read(self, texts: Sequence[Sequence[int]], rows: Sequence[int]) -> Tensor:
        """Texts are padded at their ends: what stands there is never looked at, and written over by later steps."""
        model, longest = self.weights.model, max(len(text) for text in texts)
        ids = torch.tensor([[*text, *[0] * (longest - len(text))] for text in texts], device=self.place)
        cache = KVCache(model.config, len(texts), longest, self.cache.keys[:0])
        training = model.training
        model.eval()
        precision = "bf16" if self.weights.dtype == torch.bfloat16 else "fp32"
        with _plain_float32(), _steady_attention(self.place), self.device.autocast(precision):
            hidden = model.hidden(ids, cache)
            ends = torch.tensor([len(text) - 1 for text in texts], device=self.place)
            logits = model.lm_head(hidden[torch.arange(len(texts), device=self.place), ends])
        model.train(training)
        chosen = torch.tensor(rows, device=self.place)
        self.cache.keys[:, chosen, :, :longest] = cache.keys
        self.cache.values[:, chosen, :, :longest] = cache.values
        for row, text in zip(rows, texts, strict=True):
            self.lengths[row] = len(text)
        out: Tensor = logits.float()
        return out


@contextlib.contextmanager
def _plain_float32() -> Iterator[None]:
    """Multiply float32 as float32: the detour over bfloat16 that training may take is slower for few rows."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def _steady_attention(place: torch.device) -> contextlib.AbstractContextManager[None]:
    """Leave out cuDNN's attention, which PyTorch prefers on new GPUs: it plans anew for every length of text.

    A text grows by a token a step, so every plan would be used once.
    """
    if place.type == "cpu":
        return contextlib.nullcontext()

    found: contextlib.AbstractContextManager[None] = sdpa_kernel(
        [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]
    )
    return found


def _step(weights: DecodingWeights, cache: KVCache, ids: Tensor, places: int | Tensor, total: int) -> Tensor:
    """ids: (rows,), the last of `total` tokens or, where lengths differ, each at its `places` (rows,)."""
    config, count = weights.config, ids.size(0)
    groups, dim = config.num_key_value_heads, config.head_dim
    heads, half = config.num_attention_heads, config.head_dim // 2
    floor, head_floor = (_floor(width, config, ids.device) for width in (config.hidden_size, dim))
    cos, sin = (table[places].to(weights.dtype).view(-1, 1, dim) for table in (weights.model.cos, weights.model.sin))
    # Rotating a pair takes the other half with its sign turned: the sign is put into the sines.
    sin = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
    mask = None
    if isinstance(places, Tensor):
        mask = (torch.arange(total, device=ids.device) <= places[:, None])[:, None, None]
    store, seen = _views(cache, places, total)
    x = F.embedding(weights.model.as_read(ids), weights.table)
    for number, layer in enumerate(weights.layers):
        mixed = layer.qkv(_normed(x, floor)).to(weights.dtype).view(count, -1, dim)
        if layer.bias is not None:
            mixed = mixed + layer.bias
        both = mixed[:, : heads + groups]
        if layer.qk_norm is not None:
            both = _normed(both, head_floor) * layer.qk_norm
        both = torch.addcmul(both * cos, both.roll(half, -1), sin)
        store(number, both[:, heads:], mixed[:, heads + groups :])
        query = both[:, :heads].view(count, groups, heads // groups, dim)
        y = F.scaled_dot_product_attention(query, *seen[number], attn_mask=mask)
        x = x + layer.out(y.reshape(count, heads * dim))
        gate, up = layer.gate_up(_normed(x, floor)).chunk(2, dim=-1)
        x = x + layer.down(F.silu(gate) * up)
    return weights.head(_normed(x, floor) * weights.norm).float()


def _normed(x: Tensor, floor: Tensor) -> Tensor:
    """RMSNorm of the last dimension, over the square root of its size, which the weights behind it are multiplied by.

    Three calls, where `rms_norm` makes six on a CPU. `floor` is the square root of size * eps.
    """
    length = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
    return (x / torch.hypot(length, floor)).to(x.dtype)


def _floor(width: int, config: GPTConfig, device: torch.device) -> Tensor:
    return torch.tensor((width * config.rms_norm_eps) ** 0.5, device=device)


def _views(
    cache: KVCache, places: int | Tensor, total: int
) -> tuple[Callable[[int, Tensor, Tensor], None], list[tuple[Tensor, Tensor]]]:
    """How a layer's new keys and values (rows, groups, dim) are stored, and what each layer then sees.

    One slice for all layers: at batch 1 every call counts.
    """
    keys, values = cache.keys[:, :, :, :total].unbind(0), cache.values[:, :, :, :total].unbind(0)
    seen = list(zip(keys, values, strict=True))
    if isinstance(places, Tensor):
        rows = torch.arange(places.size(0), device=places.device)

        def scatter(layer: int, key: Tensor, value: Tensor) -> None:
            keys[layer][rows, :, places] = key
            values[layer][rows, :, places] = value

        return scatter, seen
    new_keys, new_values = cache.keys[:, :, :, places].unbind(0), cache.values[:, :, :, places].unbind(0)

    def copy(layer: int, key: Tensor, value: Tensor) -> None:
        new_keys[layer].copy_(key)
        new_values[layer].copy_(value)

    return copy, seen


def _layers(model: GPT) -> list[Layer]:
    return [layer for layer in model.model.layers if isinstance(layer, Layer)]


def _layer_weights(layer: Layer, dtype: torch.dtype, int8: bool) -> LayerWeights:
    attention, mlp = layer.self_attn, layer.mlp
    scales = None
    if isinstance(attention.q_norm, RMSNorm) and isinstance(attention.k_norm, RMSNorm):
        query = attention.q_norm.weight.expand(attention.heads, -1)
        key = attention.k_norm.weight.expand(attention.groups, -1)
        scales = torch.cat((query, key)).mul(attention.dim**0.5).detach().to(dtype)
    root = layer.input_layernorm.weight.numel() ** 0.5
    before_attention = layer.input_layernorm.weight * root
    before_mlp = layer.post_attention_layernorm.weight * root
    mixed = torch.cat([attention.q_proj.weight, attention.k_proj.weight, attention.v_proj.weight])
    bias = None
    if attention.q_proj.bias is not None:
        bias = torch.cat([attention.q_proj.bias, attention.k_proj.bias, attention.v_proj.bias])
        bias = bias.detach().to(dtype).view(-1, attention.dim)
    gate_up = torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight])
    return LayerWeights(
        qkv=_matrix(mixed * before_attention, dtype, int8),
        qk_norm=scales,
        bias=bias,
        out=_matrix(attention.o_proj.weight, dtype, int8),
        gate_up=_matrix(gate_up * before_mlp, dtype, int8),
        down=_matrix(mlp.down_proj.weight, dtype, int8),
    )


def _matrix(weight: Tensor, dtype: torch.dtype, int8: bool) -> Matrix:
    """A float32 weight is shared with the model where it is the same, not copied."""
    weight = weight.detach()
    if not int8:
        return Matrix(weight.to(dtype).contiguous())
    scales = (weight.float().abs().amax(dim=1) / 127).to(torch.bfloat16)
    safe = torch.where(scales == 0, 1.0, scales.float())[:, None]
    integers = (weight.float() / safe).round_().clamp_(-128, 127).to(torch.int8)
    return Matrix(integers.contiguous(), scales)
