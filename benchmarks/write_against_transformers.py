"""`penname write` against `transformers`' generate: the same weights, prompt and sampling at batch 1 on the CPU.

    python benchmarks/write_against_transformers.py --tokens 128 --rounds 5 --threads 1 2

Ours is `generate` as `penname write` calls it, text and sampling included; the peer is `generate` with its cache (the
dynamic one and the static one without compilation, whichever is faster), without decoding its text. All take turns in
every round, so that what else the machine does meets them alike; the median of the rounds counts. Tokens per second of
the clock, and of processor time, which other programs disturb less. With `--heldout FILE` also what each precision
costs: bits per byte and the divergence from float32.
"""

import gc
import math
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
import transformers
from common import machine, options, read, small_inputs
from tokenizers import Tokenizer

from penname.core.device import Device, pick_device
from penname.corpus.tokenizer import encode_plain, read_documents, train_tokenizer
from penname.model.base import base_is_shipped, load_base
from penname.model.folder import SamplingSettings
from penname.model.gpt import GPT, GPTConfig
from penname.write.decoding import Decoding, decoding_weights, has_int8
from penname.write.generate import generate

PROMPT = "When I started to write about this, I did not know"
Writer = Callable[[int], None]


def our_writer(model: GPT, tokenizer: Tokenizer, end: int, device: Device, precision: str) -> Writer:
    weights = decoding_weights(model, precision)

    def write(tokens: int) -> None:
        settings = SamplingSettings(max_tokens=tokens, min_tokens=tokens)
        written = 0
        for piece in generate(weights, tokenizer, PROMPT, settings, device, end=end):
            written = piece.tokens
        assert written == tokens

    return write


def their_writer(model: GPT, tokenizer: Tokenizer, end: int, dtype: torch.dtype, static: bool) -> Writer:
    config = model.config
    peer = transformers.Qwen3ForCausalLM(
        transformers.Qwen3Config(
            vocab_size=config.vocab_size,
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_hidden_layers,
            num_attention_heads=config.num_attention_heads,
            num_key_value_heads=config.num_key_value_heads,
            head_dim=config.head_dim,
            max_position_embeddings=config.max_position_embeddings,
            rope_theta=config.rope_theta,
            rms_norm_eps=config.rms_norm_eps,
            tie_word_embeddings=config.tie_word_embeddings,
        )
    )
    missing = peer.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys, missing.missing_keys
    peer = peer.to(dtype).eval()
    ids = torch.tensor([[end, *encode_plain(tokenizer, PROMPT)]])
    cache = {"cache_implementation": "static", "disable_compile": True} if static else {}

    def write(tokens: int) -> None:
        with torch.inference_mode():
            out = peer.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=tokens,
                min_new_tokens=tokens,
                do_sample=True,
                temperature=0.8,
                min_p=0.05,
                top_k=0,
                use_cache=True,
                eos_token_id=end,
                pad_token_id=end,
                **cache,
            )
        assert out.size(1) == ids.size(1) + tokens

    return write


def measure(writers: dict[str, Writer], tokens: int, rounds: int) -> dict[str, tuple[float, float]]:
    """Tokens per second of the clock and of processor time: the medians of the rounds."""
    rates: dict[str, list[tuple[float, float]]] = {name: [] for name in writers}
    for write in writers.values():
        write(8)
    for _ in range(rounds):
        for name, write in writers.items():
            clock, processor = time.perf_counter(), time.process_time()
            write(tokens)
            rates[name].append((tokens / (time.perf_counter() - clock), tokens / (time.process_time() - processor)))
    return {name: (statistics.median(a for a, _ in r), statistics.median(b for _, b in r)) for name, r in rates.items()}


def cost(model: GPT, tokenizer: Tokenizer, end: int, device: Device, path: Path, precisions: list[str]) -> None:
    """Bits per byte of held-out text, decoded token by token, and the divergence from the network itself."""
    encoded = (encode_plain(tokenizer, text)[:256] for text in read_documents(path))
    rows = [[end, *ids] for ids in encoded if len(ids) == 256][:8]
    ids = torch.tensor(rows)
    size = sum(len(tokenizer.decode(row[1:]).encode()) for row in rows)
    with torch.no_grad():
        exact = torch.log_softmax(model(ids[:, :-1]), dim=-1)
    print(f"\n| precision | bits per byte of {path.name}, {size:,} bytes | divergence, nats a token |")
    print("| --- | --- | --- |")
    for precision in precisions:
        decoding = Decoding(decoding_weights(model, precision), device, len(rows), ids.size(1))
        steps = [decoding.read([row[:1] for row in rows])]
        steps += [decoding.step([row[place] for row in rows]) for place in range(1, ids.size(1) - 1)]
        found = torch.log_softmax(torch.stack(steps, dim=1), dim=-1)
        nats = -found.gather(-1, ids[:, 1:, None]).sum().item()
        lost = (exact.exp() * (exact - found)).sum(dim=-1).mean().item()
        print(f"| {precision} | {nats / math.log(2) / size:.4f} | {lost:.1e} |")


def load(path: Path | None) -> tuple[GPT, Tokenizer, int, str]:
    if path is not None or base_is_shipped():
        loaded = load_base(path)
        return loaded.model.float(), loaded.tokenizer, loaded.end, str(path or "the shipped base")
    tokenizer = train_tokenizer([PROMPT * 3], 300)
    config = GPTConfig(16_384, num_hidden_layers=12)
    return GPT(config).initialise(0).eval(), tokenizer, 0, "random weights"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--model", type=Path, help="a model folder; the shipped base, or random weights without one")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, nargs="+", default=[])
    parser.add_argument("--heldout", type=Path, help="text to measure the cost of each precision on")
    arguments = read(parser, tokens=8, rounds=1, threads=[1])
    if arguments.quick:
        arguments.model = small_inputs().base
    device = pick_device("cpu")
    # PyTorch's own default, for the peer's sake: float32 products by way of bfloat16 are slower at batch 1.
    torch.set_float32_matmul_precision("highest")
    model, tokenizer, end, name = load(arguments.model)
    precisions = ["int8", "fp32", "bf16"] if has_int8(model) else ["fp32", "bf16"]
    writers = {f"penname, {each}": our_writer(model, tokenizer, end, device, each) for each in precisions}
    for label, dtype in (("fp32", torch.float32), ("bf16", torch.bfloat16)):
        for cache in ("dynamic", "static"):
            writer = their_writer(model, tokenizer, end, dtype, cache == "static")
            writers[f"transformers, {label}, {cache} cache"] = writer
    gc.collect()
    print(
        f"{machine(device)}; {name}, {model.config.parameters() / 1e6:.1f} M weights; "
        f"{arguments.tokens} tokens, median of {arguments.rounds}"
    )
    for threads in arguments.threads or [device.threads]:
        torch.set_num_threads(threads)
        rates = measure(writers, arguments.tokens, arguments.rounds)
        best, best_of_processor = (
            max(rate[kind] for each, rate in rates.items() if each.startswith("transformers")) for kind in (0, 1)
        )
        print(f"\n| {threads} threads | tokens/s | x best peer | tokens per CPU second | x best peer |")
        print("| --- | --- | --- | --- | --- |")
        for each, (clock, processor) in rates.items():
            print(
                f"| {each} | {clock:.1f} | {clock / best:.2f} | {processor:.1f} | {processor / best_of_processor:.2f} |"
            )
    if arguments.heldout:
        torch.set_num_threads(device.threads)
        cost(model, tokenizer, end, device, arguments.heldout, precisions)


if __name__ == "__main__":
    main()
