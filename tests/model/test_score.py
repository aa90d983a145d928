import math

import numpy as np
import pytest
import torch

from penname.core.device import Device
from penname.core.errors import InputError
from penname.corpus.tokenizer import train_tokenizer
from penname.model.gpt import GPT, GPTConfig
from penname.model.score import score_texts, token_nats, total

SHAPE = GPTConfig(64, 32, 64, 2, 2, 1, 16, 32)
CPU = Device("cpu", None, "test", "", "fp32", "", fused=True, compiles=False, memory=0, threads=1)


def by_hand(model: GPT, ids: list[int], context: int) -> list[float]:
    """Each token from the last full window that the overlapping windows would show it."""
    sequence = [0, *ids]
    values = []
    stride = context // 2
    for place in range(1, len(sequence)):
        if place <= context:
            start = 0
        else:
            stop = context + math.ceil((place - context) / stride) * stride
            start = min(stop, len(ids)) - context
        with torch.no_grad():
            logits = model(torch.tensor([sequence[start:place]]))[0, -1]
        values.append(-torch.log_softmax(logits, -1)[sequence[place]].item())
    return values


@pytest.mark.parametrize("length", [1, 5, 16, 17, 30, 53])
def test_windows_give_what_one_token_at_a_time_gives(length: int) -> None:
    model = GPT(SHAPE).initialise(0).eval()
    generator = np.random.default_rng(length)
    sequences = [generator.integers(1, 64, length), generator.integers(1, 64, 3)]
    found = token_nats(model, sequences, CPU, end=0, context=16, batch_tokens=40)
    for sequence, values in zip(sequences, found, strict=True):
        np.testing.assert_allclose(values, by_hand(model, sequence.tolist(), 16), rtol=1e-3, atol=1e-4)


def test_bits_per_byte_count_bytes_not_characters() -> None:
    texts = ["Grüße, Welt — 12€", "plain", ""]
    tokenizer = train_tokenizer(texts, 280)
    model = GPT(GPTConfig(tokenizer.get_vocab_size(), 32, 64, 1, 2, 1, 16, 32)).initialise(0)
    scores = score_texts(model, tokenizer, texts, CPU)
    assert [score.bytes for score in scores] == [len(text.encode()) for text in texts]
    whole = total(scores)
    assert whole.bits_per_byte == pytest.approx(whole.nats / math.log(2) / whole.bytes)
    assert math.isnan(scores[2].bits_per_byte)


@pytest.mark.parametrize("kept", [[], [["<unk>", 1]]], ids=["no tokens", "one for all that is unknown"])
def test_tokens_that_do_not_hold_the_text_are_no_figure(kept: list[tuple[str, int]]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    words = Tokenizer(models.WordLevel({"<|endoftext|>": 0, **dict(kept)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    if not kept:
        words.normalizer = normalizers.Replace("x", "")
    with pytest.raises(InputError, match=r"makes [05] tokens of 25 letters.*use another base"):
        score_texts(GPT(SHAPE), words, ["xxxxx xxxxx xxxxx xxxxx xxxxx"], CPU)


def test_empty_text_has_no_figure() -> None:
    tokenizer = train_tokenizer(["some text"] * 3, 300)
    assert math.isnan(total(score_texts(GPT(SHAPE), tokenizer, [" \n", ""][1:], CPU)).bits_per_byte)
