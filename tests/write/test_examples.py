"""Which post is read before a prompt, how much of it, and that a draft may say what it says."""

import pytest
from taught import END, network, tokenizer

from penname.core.device import pick_device
from penname.corpus.tokenizer import encode_plain
from penname.model.folder import SamplingSettings
from penname.write.decoding import decoding_weights
from penname.write.examples import Examples, beginning
from penname.write.generate import gathered, generate, generate_batch
from penname.write.word_balance import Rules

LONG = "Nine cats came by. " * 20
POSTS = [("Month 3", LONG), ("Month 4", LONG), ("On bread", LONG), ("On bread and butter", "Too short.")]


def examples() -> Examples:
    return Examples(tokenizer(), POSTS, END)


def shown(ids: list[int]) -> str:
    assert ids[0] == END and END not in ids[1:]
    return tokenizer().decode(ids[1:])


def test_the_nearest_title_by_its_rarest_words() -> None:
    assert shown(examples().before("On bread and butter\n\nIt began")).startswith("On bread\n\nNine cats")
    # A post of the same title is what is to be written, and not an example of it, unless there is no other.
    assert shown(examples().before("Month 4")).startswith("Month 3\n\n")
    assert shown(Examples(tokenizer(), POSTS[:1], END).before("Month 3")).startswith("Month 3\n\n")
    assert shown(examples().before("on month 3, of all months")).startswith("Month 3\n\n")


def test_among_equals_the_seed_decides() -> None:
    drawn = {shown(examples().before("Month 9", seed=seed)).partition("\n")[0] for seed in range(20)}
    assert drawn == {"Month 3", "Month 4"}
    assert {shown(examples().before("", seed=seed)).partition("\n")[0] for seed in range(30)} == {
        "Month 3", "Month 4", "On bread"
    }  # fmt: skip
    assert examples().before("Month 9", seed=5) == examples().before("Month 9", seed=5)
    assert Examples(tokenizer(), [], END).before("Month 9") == []
    assert shown(Examples(tokenizer(), POSTS[3:], END).before("")) == "On bread and butter\n\nToo short."


@pytest.mark.parametrize(
    ("text", "words", "want"),
    [
        ("One two. Three four. Five six", 5, "One two. Three four."),
        ("One two. Three four five six", 4, "One two. Three four"),
        ("One two\nthree", 9, "One two\nthree"),
        ("One\ntwo three\nfour five", 4, "One\ntwo three"),
        ("Er sagte: „Ja.” Dann ging er weg", 5, "Er sagte: „Ja.”"),
        ("", 4, ""),
    ],
)
def test_a_beginning_ends_with_a_sentence_or_a_line(text: str, words: int, want: str) -> None:
    assert beginning(text, words) == want


def test_it_is_read_before_the_prompt_where_there_is_room() -> None:
    rules = Rules(decoding_weights(network(), "fp32"), tokenizer(), SamplingSettings(), END)
    prompt = [END, *encode_plain(tokenizer(), "On cake")]
    few = examples().before("On bread")[:20]
    assert rules.start("On cake", few) == ([*few, *prompt], len(prompt), False)
    much = [END] * rules.context
    assert rules.start("On cake", much) == (prompt, len(prompt), False)


def test_what_it_says_may_be_said_again_and_one_and_many_drafts_agree() -> None:
    device, model = pick_device("cpu"), network()
    strict = SamplingSettings(temperature=0, max_tokens=30, repetition_penalty=1.0, no_repeat_ngram=1)
    plain = gathered(generate(model, tokenizer(), "On", strict, device, end=END, precision="fp32"))[0].text
    ids = [END, *encode_plain(tokenizer(), plain)]
    # Every token of the example is banned if it counts as written.
    again = gathered(generate(model, tokenizer(), "On", strict, device, end=END, precision="fp32", example=ids))[0]
    assert set(encode_plain(tokenizer(), again.text)) & set(ids)
    many = generate_batch(
        model, tokenizer(), ["On", "On"], strict, device, end=END, precision="fp32", examples=[ids, ()]
    )
    assert [draft.text for draft in many] == [again.text, plain]
