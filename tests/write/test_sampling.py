import math
import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from penname.core.errors import InputError, PennameError
from penname.model.folder import SamplingSettings, settings_from
from penname.write.sampling import Candidates, NgramBan, Repeats, candidates, draw, everything, penalise

LOGITS = npst.arrays(np.float32, st.integers(1, 40), elements=st.floats(-30, 30, width=16))


def reference(logits: np.ndarray, chosen: SamplingSettings, words: frozenset[int] = frozenset()) -> dict[int, float]:
    """The filters as they are defined, one token after another, no bounds and no tricks; `words` begin a word."""
    weights = torch.softmax((torch.from_numpy(logits) - float(logits.max())) / chosen.temperature, dim=-1).tolist()
    order = sorted(range(len(weights)), key=lambda token: (-weights[token], token))
    kept = {}
    before = 0.0
    for rank, token in enumerate(order):
        lower = token in words and 0 < chosen.word_min_p < chosen.min_p
        min_p = chosen.word_min_p if lower else chosen.min_p
        fits = (
            (not chosen.top_k or rank < chosen.top_k)
            and (chosen.top_p == 1 or before < chosen.top_p)
            and weights[token] >= torch.tensor(weights[order[0]]).mul(min_p).item()
            and weights[token] >= np.finfo(np.float32).tiny
        )
        if fits:
            kept[token] = weights[token]
        before += weights[token]
    return kept


@settings(max_examples=300, deadline=None)
@given(
    logits=LOGITS,
    temperature=st.sampled_from([0.1, 0.8, 1.0, 2.5]),
    top_k=st.integers(0, 45),
    top_p=st.one_of(st.just(1.0), st.floats(0.01, 1.0)),
    min_p=st.one_of(st.just(0.0), st.floats(0.0, 1.0)),
    word_min_p=st.one_of(st.just(0.0), st.floats(0.0, 0.5)),
)
def test_filters_keep_what_the_slow_definition_keeps(logits, temperature, top_k, top_p, min_p, word_min_p):
    chosen = SamplingSettings(temperature, top_k, top_p, min_p, word_min_p)
    # Every third token begins a word.
    words = torch.arange(len(logits)) % 3 == 0
    found = candidates(torch.from_numpy(logits)[None], chosen, words)[0]
    wanted = reference(logits, chosen, frozenset(range(0, len(logits), 3)))
    # A probability on the very edge of a filter may fall to either side of it by rounding.
    edge = set(wanted) ^ set(found.ids.tolist())
    sums = np.cumsum(sorted(wanted.values(), reverse=True))
    near_p = top_p < 1 and np.min(np.abs(sums - top_p), initial=1.0) < 1e-6
    assert len(edge) <= (1 if near_p else 0)
    assert list(found.weights) == sorted(found.weights, reverse=True)
    for token, weight in zip(found.ids.tolist(), found.weights, strict=True):
        assert token in edge or math.isclose(weight, wanted[token], rel_tol=1e-4)


@settings(max_examples=100, deadline=None)
@given(logits=LOGITS, temperature=st.sampled_from([0.0, 0.7]), top_k=st.integers(0, 3), min_p=st.floats(0, 1))
def test_the_most_probable_token_always_passes(logits, temperature, top_k, min_p):
    chosen = SamplingSettings(temperature=temperature, top_k=top_k, min_p=min_p, top_p=0.01)
    found = candidates(torch.from_numpy(logits)[None], chosen)[0]
    assert found.ids[0] == int(np.argmax(logits))


def test_a_rare_word_may_come_where_a_rare_part_of_one_may_not():
    logits = torch.tensor([0.9, 0.03, 0.03, 0.04]).log()[None]
    chosen = SamplingSettings(min_p=0.05, word_min_p=0.02)
    words = torch.tensor([False, True, False, True])
    assert candidates(logits, chosen, words)[0].ids.tolist() == [0, 3, 1]
    # Nothing says which tokens begin a word, or the bound for them is no lower.
    assert candidates(logits, chosen)[0].ids.tolist() == [0]
    assert candidates(logits, SamplingSettings(min_p=0.05, word_min_p=0.2), words)[0].ids.tolist() == [0]
    assert candidates(logits, SamplingSettings(min_p=0.05), words)[0].ids.tolist() == [0]


def test_rows_are_filtered_each_for_itself():
    logits = torch.randn(7, 50, generator=torch.Generator().manual_seed(0)) * 4
    chosen = SamplingSettings(min_p=0.1, top_p=0.8, top_k=9)
    together = candidates(logits, chosen)
    for number, found in enumerate(together):
        alone = candidates(logits[number : number + 1], chosen)[0]
        assert found.ids.tolist() == alone.ids.tolist()


def test_banned_tokens_never_pass():
    logits = torch.zeros(1, 5)
    logits[0, [1, 3]] = -torch.inf
    for temperature in (0.0, 1.0):
        found = candidates(logits, SamplingSettings(temperature=temperature, min_p=0.0))[0]
        assert sorted(found.ids.tolist()) == [0, 2, 4]
        assert sorted(everything(logits[0], temperature).ids.tolist()) == [0, 2, 4]


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_damaged_weights_are_an_error(temperature):
    with pytest.raises(PennameError, match="damaged"):
        candidates(torch.full((1, 4), torch.nan), SamplingSettings(temperature=temperature))


def test_draws_follow_the_probabilities():
    found = Candidates(np.array([7, 3, 9]), np.array([0.6, 0.3, 0.1]))
    source = random.Random(1)
    counts = {7: 0, 3: 0, 9: 0}
    for _ in range(20_000):
        counts[draw(found, source, lambda _: False)] += 1
    assert [round(counts[token] / 20_000, 2) for token in (7, 3, 9)] == pytest.approx([0.6, 0.3, 0.1], abs=0.02)


def test_refused_tokens_leave_the_rest_in_proportion():
    found = Candidates(np.array([7, 3, 9]), np.array([0.6, 0.3, 0.1]))
    source = random.Random(1)
    counts = {3: 0, 9: 0}
    for _ in range(20_000):
        counts[draw(found, source, lambda token: token == 7)] += 1
    assert counts[3] / 20_000 == pytest.approx(0.75, abs=0.02)
    assert draw(found, source, lambda _: True) is None
    assert draw(found, source, lambda token: token == 7, greedy=True) == 3


def test_the_penalty_is_that_of_ctrl_and_counts_a_token_once():
    logits = torch.tensor([[2.0, -2.0, 3.0, 1.0]])
    penalise(logits, torch.tensor([[0, 0, 1, -1, 3]]), 2.0, spare=3)
    assert logits.tolist() == [[1.0, -4.0, 3.0, 1.0]]


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=30), st.integers(0, 4))
def test_banned_ngrams_are_those_written_before(tokens, n):
    ban = NgramBan(n, tokens)
    grams = {tuple(tokens[i : i + n]) for i in range(len(tokens) - n + 1)} if n else set()
    last = tuple(tokens[len(tokens) - n + 1 :]) if n > 1 else ()
    wanted = {token for token in range(4) if n and len(tokens) >= n - 1 and (*last, token) in grams}
    assert ban.banned() == wanted


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40))
def test_what_goes_on_with_a_repeated_sequence_costs_by_its_length(tokens):
    """Against the definition: the longest end of the text that stands before an earlier occurrence of the token."""
    breaks = {3}
    wanted: dict[int, float] = {}
    for following in range(4):
        longest = 0
        for place in range(1, len(tokens)):
            if tokens[place] != following:
                continue
            length = 0
            while length < place and tokens[place - 1 - length] == tokens[-1 - length] != 3:
                length += 1
            longest = max(longest, length)
        if longest >= 2:
            wanted[following] = 0.8 * 1.75 ** (min(longest, 31) - 2)
    assert Repeats(0.8, tokens, breaks).costs() == pytest.approx(wanted)
    assert Repeats(0.0, tokens, breaks).costs() == {}


def test_every_setting_has_a_sentence():
    from dataclasses import fields

    assert all(each.metadata["text"].endswith(".") for each in fields(SamplingSettings))


def test_all_that_is_wrong_is_said_at_once():
    wrong = SamplingSettings(temperature=math.nan, top_p=0.0, min_p=2.0, word_min_p=-1.0, top_k=-1, max_tokens=0)
    with pytest.raises(InputError) as caught:
        wrong.check()
    for name in ("temperature", "top_p", "min_p", "word_min_p", "top_k", "max_tokens"):
        assert name in str(caught.value)


def test_settings_come_from_the_folder_unless_given():
    folder = {"do_sample": True, "temperature": 0.5, "top_k": 50, "top_p": "odd", "min_p": True}
    found = settings_from(folder, {"top_k": 3, "seed": 9})
    assert (found.temperature, found.top_k, found.top_p, found.seed) == (0.5, 3, 1.0, 9)
    assert settings_from({**folder, "do_sample": False}, {}).temperature == SamplingSettings().temperature
    # Who asks for another min-p means it for every token.
    both = {"min_p": 0.05, "word_min_p": 0.02}
    assert settings_from(both, {}).words_apart and not settings_from(both, {"min_p": 0.3}).words_apart
    assert settings_from(both, {"min_p": 0.3, "word_min_p": 0.1}).words_apart
    assert settings_from({"temperature": -4}, {"top_k": 3}) == SamplingSettings(top_k=3)
    with pytest.raises(InputError, match="min_p"):
        settings_from(folder, {"min_p": 3})
    with pytest.raises(InputError, match="warmth"):
        settings_from(folder, {"warmth": 3})


def test_few_candidates_are_drawn_from_as_many_are(monkeypatch):
    weights = np.sort(np.random.default_rng(1).random(150) ** 9)[::-1]
    found = Candidates(np.arange(150), weights)

    def drawn():
        source = random.Random(3)
        return [draw(found, source, lambda _: False) for _ in range(2_000)]

    by_numbers = drawn()
    monkeypatch.setattr("penname.write.sampling._FEW", 0)
    assert by_numbers == drawn()
    assert len(set(by_numbers)) > 20
