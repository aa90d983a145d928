"""Tiny models for the tests: a tokenizer, networks, and folders as `transformers` writes them."""

import json
import logging
from functools import cache
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from penname.core.device import threads
from penname.corpus.tokenizer import encode_plain, train_tokenizer
from penname.model.gpt import GPT, GPTConfig

VERSE = (
    "The owl and the pussy-cat went to sea in a beautiful pea-green boat: they took some honey, and plenty of money, "
    "wrapped up in a five-pound note.\n\nThe owl looked up to the stars above, and sang to a small guitar, “O lovely "
    "pussy! O pussy, my love, what a beautiful pussy you are!” It's 1871, isn't it? Café naïve.\n"
)


@cache
def tiny_tokenizer(size: int = 320) -> Tokenizer:
    """A byte-level BPE tokenizer of at most `size` tokens."""
    return train_tokenizer([VERSE] * 3, size)


def tiny_config(**changes: Any) -> GPTConfig:
    """A network of two layers of 64."""
    fields = {
        "vocab_size": tiny_tokenizer().get_vocab_size(),
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 128,
    }
    return GPTConfig(**{**fields, **changes})


def random_model(**changes: Any) -> GPT:
    """A network whose weights are large enough for its logits to differ well."""
    model = GPT(tiny_config(**changes)).initialise(seed=5).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(8) if weight.ndim == 2 else weight.add_(torch.linspace(-0.3, 0.3, weight.numel()))
    return model


@cache
def trained_model(qk_norm: bool = True, **changes: Any) -> GPT:
    """A network that knows the start of `VERSE` by heart, so that rounding does not change what it writes.

    With or without an end token before it.
    """
    model = GPT(tiny_config(qk_norm=qk_norm, **changes)).initialise(seed=1)
    verse = encode_plain(tiny_tokenizer(), VERSE)
    ids = torch.tensor([[0, *verse[:120]], verse[:121]])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    # More threads only wait for each other at this size.
    with threads(1):
        for _ in range(150):
            loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    assert float(loss.detach()) < 0.1
    return model.eval()


def hugging_face_folder(folder: Path, kind: str = "llama", seed: int = 0, **changes: Any) -> Any:
    """Let `transformers` write a tiny random Llama or Qwen with our tokenizer; returns its network."""
    import transformers

    logging.getLogger("transformers").setLevel(logging.ERROR)
    transformers.utils.logging.disable_progress_bar()
    fields = {
        "vocab_size": tiny_tokenizer().get_vocab_size() + 5,
        "hidden_size": 64,
        "intermediate_size": 96,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "max_position_embeddings": 256,
        "initializer_range": 0.3,
    }
    shard = changes.pop("max_shard_size", "1GB")
    dtype = changes.pop("dtype", torch.float32)
    torch.manual_seed(seed)
    config_class, model_class = {
        "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
        "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
        "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
    }[kind]
    model = model_class(config_class(**{**fields, **changes})).to(dtype).eval()
    model.save_pretrained(folder, max_shard_size=shard)
    tiny_tokenizer().save(str(folder / "tokenizer.json"))
    return model


def change_config(folder: Path, **changes: Any) -> None:
    """Change fields of `config.json`; None removes one."""
    path = folder / "config.json"
    fields = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    path.write_text(json.dumps({k: v for k, v in fields.items() if v is not None}), encoding="utf-8")
