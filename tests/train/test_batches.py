from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from penname.corpus.tokenizer import document_ends
from penname.train.batches import Mixture, Stream


def stream(lengths: list[int], context: int, seed: int = 1, cap: float = 1.0) -> Stream:
    ids = np.arange(sum(lengths))
    return Stream(ids, np.cumsum(np.array(lengths, np.int64)), context, seed, cap)


def test_ends_of_documents() -> None:
    ids = np.array([5, 6, 0, 7, 0, 8])
    assert document_ends(ids, 0).tolist() == [3, 5, 6]
    assert document_ends(np.array([5, 0]), 0).tolist() == [2]


@given(st.lists(st.integers(1, 60), min_size=1, max_size=12), st.integers(1, 20), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_pass_shows_every_token_at_most_once(lengths: list[int], context: int, number: int) -> None:
    source = stream(lengths, context)
    per_pass = source.windows_per_pass
    windows = source.windows(number * per_pass, per_pass)
    seen = Counter(windows[:, :-1].reshape(-1).tolist())
    if source.tokens_per_pass >= context:
        assert max(seen.values()) == 1
        assert len(seen) == per_pass * context
        assert len(seen) > source.tokens_per_pass - context


def test_windows_are_runs_of_the_documents() -> None:
    source = stream([40, 30, 50], 16)
    for window in source.windows(0, 20):
        breaks = np.flatnonzero(np.diff(window) != 1)
        for place in breaks:
            assert window[place] in (39, 69, 119)
            assert window[place + 1] in (0, 40, 70)


def test_passes_differ_and_repeat_with_the_seed() -> None:
    first, second = stream([40, 30, 50], 16), stream([40, 30, 50], 16)
    assert (first.windows(0, 14) == second.windows(0, 14)).all()
    assert not (first.windows(0, 7) == first.windows(7, 7)).all()
    assert not (first.windows(0, 7) == stream([40, 30, 50], 16, seed=2).windows(0, 7)).all()


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30), st.floats(0.05, 1.0))
@settings(max_examples=80, deadline=None)
def test_no_document_takes_more_than_its_cap(lengths: list[int], cap: float) -> None:
    limits = stream(lengths, 8, cap=cap).limits
    assert (limits <= np.array(lengths)).all()
    if len(lengths) * cap > 1.5 and limits.sum() > 200:
        assert limits.max() / limits.sum() <= cap + 0.05


def test_a_capped_document_gives_another_part_each_pass() -> None:
    source = stream([4000] + [100] * 20, 50, cap=0.2)
    assert source.capped.tolist() == [0]
    parts = [set(source.windows(n * source.windows_per_pass, source.windows_per_pass).reshape(-1)) for n in range(6)]
    of_large = [{token for token in part if token < 4000} for part in parts]
    assert len(set.union(*of_large)) > 2 * max(map(len, of_large))


@given(st.floats(0.05, 0.95), st.integers(1, 16))
@settings(max_examples=40, deadline=None)
def test_a_mixture_keeps_its_shares_and_any_cut_of_a_step_is_the_same(share: float, rows: int) -> None:
    left, right = stream([500], 8), stream([900], 8, seed=2)
    mixture = Mixture([(left, share), (right, 1 - share)], rows)
    count = sum(mixture.source(row)[0] is left for row in range(400))
    assert abs(count - 400 * share) <= 1
    whole = mixture.batch(3)
    cut = rows // 2
    parts = [mixture.batch(3, 0, cut), mixture.batch(3, cut)]
    assert (np.concatenate(parts) == whole).all()


def test_each_stream_of_a_mixture_runs_through_its_windows_in_order() -> None:
    parts = [stream([500], 8, seed=n) for n in range(3)]
    mixture = Mixture([(parts[0], 0.2), (parts[1], 0.3), (parts[2], 0.5)], 4)
    seen: dict[int, list[int]] = {0: [], 1: [], 2: []}
    for row in range(100):
        source, number = mixture.source(row)
        seen[parts.index(source)].append(number)
    for numbers in seen.values():
        assert numbers == list(range(len(numbers)))
