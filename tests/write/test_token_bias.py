"""Words come as often as the author has them, whatever min-p and a repetition penalty do."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from taught import tokenizer

from penname.core.device import pick_device
from penname.corpus.tokenizer import Encoded
from penname.model.folder import SamplingSettings, settings_from
from penname.model.gpt import GPT, GPTConfig
from penname.write.sampling import candidates, penalise
from penname.write.word_balance import _SKIPPED, Rules, balanced, fit_token_bias

CONFIG = GPTConfig(
    vocab_size=40,
    hidden_size=32,
    intermediate_size=64,
    num_hidden_layers=1,
    num_attention_heads=2,
    num_key_value_heads=1,
    head_dim=16,
    max_position_embeddings=64,
)
TRUNCATED = SamplingSettings(temperature=1.0, min_p=0.02, repetition_penalty=1.3, penalty_window=8)


@pytest.fixture(scope="module")
def model() -> GPT:
    """It expects nearly every token everywhere."""
    return GPT(CONFIG).initialise(0).eval()


@pytest.fixture(scope="module")
def texts() -> list[list[int]]:
    """Half of the tokens are drawn evenly, half of them are token 7, which the network does not expect."""
    generator = np.random.default_rng(0)
    return [np.where(generator.random(48) < 0.5, 7, generator.integers(1, 40, 48)).tolist() for _ in range(60)]


def expected_counts(
    model: GPT, texts: list[list[int]], settings: SamplingSettings, words: torch.Tensor | None = None
) -> np.ndarray:
    """How often each token would be drawn at the places of the texts: the filters as the sampler applies them."""
    counts = np.zeros(CONFIG.vocab_size)
    for text in texts:
        with torch.no_grad():
            logits = model.lm_head(model.hidden(torch.tensor([[0, *text[:-1]]])))[0].float()
        for token, value in settings.token_bias:
            logits[:, token] += value
        for place in range(_SKIPPED, len(text)):
            row = logits[place : place + 1].clone()
            recent = [0, *text][max(0, place + 1 - settings.penalty_window) : place + 1]
            if settings.repetition_penalty != 1.0:
                penalise(row, torch.tensor([recent]), settings.repetition_penalty, spare=0)
            found = candidates(row, settings, words)[0]
            counts[found.ids] += found.weights / found.weights.sum()
    return counts


def stands(texts: list[list[int]]) -> np.ndarray:
    return np.bincount([token for text in texts for token in text[_SKIPPED:]], minlength=CONFIG.vocab_size)


@pytest.mark.slow
def test_what_is_drawn_comes_near_to_what_stands_in_the_texts(model, texts):
    plain = expected_counts(model, texts, TRUNCATED)
    bias = fit_token_bias(model, texts, TRUNCATED, pick_device("cpu"), end=0)
    put_right = expected_counts(model, texts, replace(TRUNCATED, token_bias=bias))
    wanted = stands(texts)
    assert np.abs(put_right - wanted).sum() < 0.5 * np.abs(plain - wanted).sum()
    assert dict(bias)[7] > 0.5
    assert 0 not in dict(bias), "the end of a text keeps its probability"


def test_rare_tokens_are_hardly_moved(model, texts):
    few = dict(fit_token_bias(model, texts[:1], TRUNCATED, pick_device("cpu"), end=0))
    many = dict(fit_token_bias(model, texts, TRUNCATED, pick_device("cpu"), end=0))
    assert sum(map(abs, few.values())) < 0.5 * sum(map(abs, many.values()))


def test_nothing_is_fitted_without_text_or_without_sampling(model, texts):
    device = pick_device("cpu")
    assert fit_token_bias(model, [], TRUNCATED, device, end=0) == ()
    assert fit_token_bias(model, [[1, 2, 3]], TRUNCATED, device, end=0) == ()
    assert fit_token_bias(model, texts, replace(TRUNCATED, temperature=0.0), device, end=0) == ()


def test_no_more_tokens_are_read_than_asked(model, texts):
    device = pick_device("cpu")
    some = fit_token_bias(model, iter(texts), TRUNCATED, device, end=0, most_tokens=96)
    assert some == fit_token_bias(model, texts[:2], TRUNCATED, device, end=0)


@pytest.mark.slow
def test_a_bound_of_their_own_for_words_counts(model, texts):
    apart = replace(TRUNCATED, min_p=0.9, word_min_p=0.02)
    words = torch.arange(CONFIG.vocab_size) >= 20
    plain = expected_counts(model, texts, apart, words)
    assert plain[1:20].sum() < 0.1 * plain[20:].sum()
    bias = fit_token_bias(model, texts, apart, pick_device("cpu"), end=0, words=words)
    put_right = expected_counts(model, texts, replace(apart, token_bias=bias), words)
    wanted = stands(texts)
    assert np.abs(put_right - wanted).sum() < 0.5 * np.abs(plain - wanted).sum()


def test_a_model_folder_says_it_and_the_sampler_reads_it(model, texts):
    ids = np.array([token for text in texts for token in (*text, 0)], np.uint32)
    blog = Encoded(ids, np.flatnonzero(ids == 0) + 1, ids.size)
    generation = balanced(
        {"temperature": 1.0, "min_p": 0.02, "repetition_penalty": 1.3}, model, tokenizer(), blog, pick_device("cpu"),
        end=0, most_tokens=10_000,
    )  # fmt: skip
    settings = settings_from(generation, {})
    assert dict(settings.token_bias)[7] > 0.5
    assert [[[token], value] for token, value in settings.token_bias] == generation["sequence_bias"]
    assert settings_from({**generation, "do_sample": False}, {}).token_bias == ()
    assert settings.shown()["token_bias"] == len(settings.token_bias)


def test_what_cannot_be_a_bias_is_left_out():
    odd = [[[3], 0.5], [[3, 4], 1.0], [[-1], 1.0], [[5], "1"], [[6], float("nan")], "7", [[7], 1e9]]
    assert settings_from({"sequence_bias": odd}, {}).token_bias == ((3, 0.5),)
    assert settings_from({"sequence_bias": {"(3,)": 1.0}}, {}).token_bias == ()


def test_word_balance_scales_the_bias(model):
    from penname.write.decoding import decoding_weights

    weights = decoding_weights(model, "fp32")

    class Ids:
        def get_added_tokens_decoder(self):
            return {}

        def get_vocab_size(self, with_added_tokens=True):
            return CONFIG.vocab_size

    def added(**given) -> torch.Tensor | None:
        chosen = SamplingSettings(token_bias=((3, 0.5), (900, 1.0)), **given)
        return Rules(weights, Ids(), chosen, 0)._bias

    assert added()[3] == 0.5
    assert added().count_nonzero() == 1, "a token that the network does not have is left out"
    assert added(word_balance=0.5)[3] == 0.25
    assert added(word_balance=0.0) is None


def test_transformers_reads_the_same_numbers():
    transformers = pytest.importorskip("transformers")
    from transformers.generation.logits_process import SequenceBiasLogitsProcessor

    settings = settings_from({"sequence_bias": [[[3], 0.5], [[7], -0.25]]}, {})
    config = transformers.GenerationConfig(sequence_bias=[[[3], 0.5], [[7], -0.25]])
    theirs = SequenceBiasLogitsProcessor(config.sequence_bias)(torch.tensor([[1, 2]]), torch.zeros(1, 40))
    ours = torch.zeros(1, 40)
    for token, value in settings.token_bias:
        ours[:, token] += value
    assert torch.equal(theirs, ours)
