"""Small GGUF files for the tests, each value and tensor of them to be changed, and llama.cpp to compare with."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from tiny_models import random_model, tiny_tokenizer

from penname.corpus.tokenizer_gguf import CONTROL, NORMAL
from penname.model.gguf import TABLES, TENSORS, interleaved
from penname.model.gpt import GPT
from penname.model.hf_config import kind_of

HARD_TEXTS = (
    "In 1999 and 2024 I paid $1,234.56 (or 0x1F4), 3rd of 10,000: ½ ² Ⅻ ٣٤٥ १२३.",
    "It's what I've said: we'll, they'd, I'M, YOU'RE, he'S, o'clock, 'tis, rock'n'roll, don’t, 's'd'll.",
    "One.\n\nTwo.\n\n\nThree.\n\n\n\n\tFour.\r\n\r\n  Five.  \n \n   Six   seven\u00a0eight\u2003nine\u3000ten.   ",
    "👩\u200d👩\u200d👧 🇩🇪 ☺️ 🫠 👍🏽, (╯°□°）╯︵ ┻━┻ — … “quoted” ‹so› «too» ・ ✓ → ≠ ∑ €",
    "你好，世界。これはテストです。안녕하세요 세계. Привет, мир! Γειά σου. สวัสดีชาวโลก नमस्ते दुनिया שלום مرحبا",
    "e\u0301 a\u0308 n\u0303o, Z\u0335\u0321a\u0338lgo\u0323, क्षि, ﬁ ﷺ Å ① İstanbul, Straße, ǅ",
    "<|endoftext|> <|im_start|>user<|im_end|> </s><s> [INST] <unk> <0x0A> <|eot_id|> <start_of_turn> <eos>",
    "for (int i = 0; i < n; i++) {\n\ta[i] += f(x) / 2;  // sum\n}\n```python\nprint('\\n' * 3)\n```\n-----====####",
    "https://example.org/a?b=c&d=%20#e me@example.org C:\\Users\\me __init__ camelCaseHTTPServer snake_case_2",
    " leading, trailing ", "\n", "   ", "a", "1", "\u0000\u200b\ufeff\u2028\u0085\u000b", "word" * 40, "1234567890",
)  # fmt: skip
"""A page of what tokenizers differ in: digits, contractions, newlines, emoji, scripts, marks, special tokens."""


def tokenizer_values(pre: str, bos: int | None = None) -> dict[str, Any]:
    """What a file says of the tests' tokenizer, as if `pre` were its way of splitting."""
    described = json.loads(tiny_tokenizer().to_str())
    vocab = described["model"]["vocab"]
    tokens = sorted(vocab, key=lambda token: vocab[token])
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array([CONTROL, *[NORMAL] * (len(tokens) - 1)], np.int32),
        "tokenizer.ggml.merges": [" ".join(merge) for merge in described["model"]["merges"]],
        "tokenizer.ggml.bos_token_id": bos or 0,
        "tokenizer.ggml.eos_token_id": 0,
    }


def network_values(model: GPT) -> dict[str, Any]:
    """What a file says of a network."""
    config, kind = model.config, kind_of(model.config)
    fields = {
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "block_count": config.num_hidden_layers,
        "feed_forward_length": config.intermediate_size,
        "attention.head_count": config.num_attention_heads,
        "attention.head_count_kv": config.num_key_value_heads,
        "attention.key_length": config.head_dim,
        "attention.value_length": config.head_dim,
        "rope.dimension_count": config.head_dim,
        "rope.freq_base": config.rope_theta,
        "attention.layer_norm_rms_epsilon": config.rms_norm_eps,
    }
    return {"general.architecture": kind, **{f"{kind}.{name}": value for name, value in fields.items()}}


def tensors_of(model: GPT) -> dict[str, np.ndarray]:
    """The weights under llama.cpp's names and in its order of rows."""
    found = {}
    for name, weight in model.named_parameters():
        array = weight.detach().numpy()
        if interleaved(model.config, name):
            halves = array.reshape(-1, 2, model.config.head_dim // 2, array.shape[1])
            array = halves.swapaxes(1, 2).reshape(array.shape)
        if name in TABLES:
            found[TABLES[name]] = array
        else:
            layer, part = name.removeprefix("model.layers.").split(".", 1)
            stem, _, last = part.rpartition(".")
            found[f"blk.{layer}.{TENSORS[stem]}.{last}"] = array
    return found


def small_gguf(
    path: Path,
    *,
    kind: str = "F32",
    values: Mapping[str, Any] | None = None,
    tensors: Mapping[str, np.ndarray | None] | None = None,
    pre: str = "qwen2",
    **changes: Any,
) -> GPT:
    """Write a tiny network; `values` and `tensors` are changed or, where None, left out. Returns the network."""
    model = random_model(**{"qk_norm": False, **changes})
    said = {**network_values(model), **tokenizer_values(pre), **(values or {})}
    write_values(path, {key: value for key, value in said.items() if value is not None}, tensors or {}, model, kind)
    return model


def write_values(
    path: Path, values: Mapping[str, Any], changed: Mapping[str, np.ndarray | None], model: GPT, kind: str = "F32"
) -> None:
    """Write a file of `values` and the model's tensors, matrices in the number format `kind`."""
    writer = gguf.GGUFWriter(path, str(values.get("general.architecture", "llama")))
    for key, value in values.items():
        if key != "general.architecture":
            if isinstance(value, list | np.ndarray):
                writer.add_array(key, list(value) if isinstance(value, list) else value.tolist())
            else:
                writer.add_key_value(key, value, _type_of(value))
    for name, weight in {**tensors_of(model), **changed}.items():
        if weight is None:
            continue
        raw = gguf.GGMLQuantizationType[kind if weight.ndim == 2 else "F32"]
        writer.add_tensor(name, gguf.quants.quantize(np.ascontiguousarray(weight), raw), raw_dtype=raw)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _type_of(value: Any) -> gguf.GGUFValueType:
    if isinstance(value, bool):
        return gguf.GGUFValueType.BOOL
    if isinstance(value, int):
        return gguf.GGUFValueType.UINT32
    return gguf.GGUFValueType.FLOAT32 if isinstance(value, float) else gguf.GGUFValueType.STRING


class LlamaCpp:
    """llama.cpp with a file loaded: its token ids and what it writes. On one thread, with exact numbers."""

    def __init__(self, path: Path, room: int = 256) -> None:
        xllamacpp = pytest.importorskip("xllamacpp")
        settings = xllamacpp.CommonParams()
        settings.model.path = str(path)
        settings.n_ctx, settings.n_parallel, settings.n_gpu_layers = room, 1, 0
        settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
        settings.warmup, settings.verbosity = False, -1
        self.server = xllamacpp.Server(settings)

    def ids(self, text: str, special: bool = False) -> list[int]:
        """Its ids of `text`; with `special`, the tokens that it adds itself come along."""
        asked = {"content": text, "add_special": special, "parse_special": False}
        body = json.dumps(asked).encode()
        request = urllib.request.Request(f"{self.server.listening_address}/tokenize", body)
        with urllib.request.urlopen(request) as reply:
            found: list[int] = json.loads(reply.read())["tokens"]
        return found

    def answer(self, message: str, tokens: int = 24) -> str:
        """Its greedy answer to a message of a chat."""
        asked = {"messages": [{"role": "user", "content": message}], "max_tokens": tokens, "temperature": 0}
        reply = self.server.handle_chat_completions(asked)
        reply = json.loads(reply) if isinstance(reply, str) else reply
        return str(reply["choices"][0]["message"]["content"])

    def write(self, prompt: str, tokens: int = 24) -> str:
        """Its greedy continuation of `prompt`."""
        reply = self.server.handle_completions({"prompt": prompt, "n_predict": tokens, "temperature": 0})
        reply = json.loads(reply) if isinstance(reply, str) else reply
        return str(reply["choices"][0]["text"])
