"""The measure of sense: what each of its three figures sees, and what it does not."""

import random

import numpy as np
import pytest
from tiny_models import tiny_tokenizer, trained_model

from penname.core.device import pick_device
from penname.judge.thread import Thread, count_returns, find_common, measure_sense, read_threads, sentences
from penname.model.folder import LoadedModel

STORY = "The kettle whistled by the window. Nobody in the house heard it. A kettle alone boils dry at last."


def threads(order: float, expected: int, returned: int, count: int = 40, spread: float = 0.5) -> list[Thread]:
    draw = np.random.default_rng(1)
    return [Thread(float(order + spread * draw.normal()), expected, 100, returned, 50) for _ in range(count)]


def test_sentences_of_few_words_go_with_the_next() -> None:
    assert sentences("Yes. We sang all night, “truly.” Nobody came to us.\n- One\n- Two of the four") == [
        "Yes. We sang all night, “truly.”",
        "Nobody came to us.",
        "- One - Two of the four",
    ]


def test_real_text_is_the_measure() -> None:
    own = threads(2, 50, 20)
    found = measure_sense(own, own)
    assert found and found.value == pytest.approx(100) and found.low > 60 and found.high <= 100


@pytest.mark.parametrize(
    ("mine", "factor"),
    [(threads(0.1, 50, 20), "order"), (threads(2, 15, 20), "wording"), (threads(2, 50, 4), "returns")],
)
def test_text_that_fails_in_one_figure_makes_no_sense(mine: list[Thread], factor: str) -> None:
    found = measure_sense(mine, threads(2, 50, 20))
    assert found and found.high < 60 and getattr(found, factor) < 0.5


def test_what_a_network_finds_probable_gains_nothing() -> None:
    found = measure_sense(threads(9, 99, 49), threads(2, 50, 20))
    assert found and found.value == found.high == 100


def test_a_reader_that_cannot_tell_the_order_of_real_posts_says_nothing() -> None:
    assert measure_sense(threads(2, 50, 20), threads(0.0, 50, 20)) is None
    assert measure_sense(threads(2, 50, 20, 1), threads(2, 50, 20)) is None


def test_words_return_inflected_but_not_in_phrases_or_as_common_ones() -> None:
    filler = " ".join(f"word{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(60))
    common = find_common([filler], 100)
    assert count_returns(f"kettles sang {filler[:300]} kettle", common | {"sang"}) == (1, 1)
    assert count_returns(f"lantern {filler[:300]} kettle", common) == (0, 1)
    phrase = "green boats sail northward"
    assert count_returns(f"{phrase} {filler[:300]} {phrase}", common) == (0, 0)
    assert count_returns("too short", common) == (0, 0)


def test_a_network_reads_the_order_of_what_it_knows() -> None:
    tokenizer = tiny_tokenizer()
    model = trained_model()
    loaded = LoadedModel(model, tokenizer, 0, model.config, __file__, "", {})  # type: ignore[arg-type]
    found = read_threads([STORY, "One line only."], loaded, pick_device("cpu"), frozenset())
    assert len(found) == 1, "a passage of one sentence has no order"
    assert found[0].tokens > 20 and found[0] == read_threads([STORY], loaded, pick_device("cpu"), frozenset())[0]
    shuffled = " ".join(random.Random(3).sample(sentences(STORY), 3))
    assert read_threads([shuffled], loaded, pick_device("cpu"), frozenset())[0].tokens == found[0].tokens
