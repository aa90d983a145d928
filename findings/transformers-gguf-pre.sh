#!/bin/sh
# transformers 5.24.0 rebuilds the tokenizer of a GGUF file without a look at tokenizer.ggml.pre, the name of the way in
# which text is split before its bytes are merged: a file that says "smollm" (digits one by one, as SmolLM2 was trained)
# gives a tokenizer that merges digits, the same as one that says "gpt-2". One would guess that a loader that reads the
# file's tokens and merges also reads how to use them, or refuses. It matters to whoever computes with a model loaded so:
# no word is said, and numbers reach the network as tokens that it never saw in training.
# Seen: tokens of 1234: {'smollm': ['1234'], 'gpt-2': ['1234']} (as smollm splits: ['1', '2', '3', '4'])
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet "transformers==5.24.0" "tokenizers==0.23.3" "gguf==0.19.0" "numpy==2.4.6" "torch==2.13.0"
cd "$folder"
"$folder/venv/bin/python" - <<'PYTHON'
import sys

import gguf
from tokenizers import pre_tokenizers
from transformers import AutoTokenizer

letters = sorted(pre_tokenizers.ByteLevel.alphabet())
tokens = ["<|endoftext|>", *letters, "12", "34", "1234"]
for pre in ("smollm", "gpt-2"):
    writer = gguf.GGUFWriter(f"{pre}.gguf", "llama")
    for name, value in {"context_length": 64, "embedding_length": 8, "block_count": 1, "feed_forward_length": 8}.items():
        writer.add_uint32(f"llama.{name}", value)
    writer.add_head_count(1)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(pre)
    writer.add_token_list(tokens)
    writer.add_token_types([3, *[1] * (len(tokens) - 1)])
    writer.add_token_merges(["1 2", "3 4", "12 34"])
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
found = {pre: AutoTokenizer.from_pretrained(".", gguf_file=f"{pre}.gguf").tokenize("1234") for pre in ("smollm", "gpt-2")}
print(f"tokens of 1234: {found} (as smollm splits: ['1', '2', '3', '4'])")
sys.exit(0 if found["smollm"] == ["1234"] == found["gpt-2"] else 1)
PYTHON
