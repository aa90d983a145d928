import dataclasses

import pytest
import torch
from taught import END, POSTS, network, taught, tokenizer

from penname.core import events
from penname.core.device import pick_device, threads
from penname.core.errors import InputError
from penname.corpus.tokenizer import encode_plain
from penname.model.folder import SamplingSettings
from penname.write.copying import CopyIndex
from penname.write.decoding import decoding_weights
from penname.write.generate import continue_greedy, gathered, generate, generate_batch
from penname.write.guard import CopyGuard
from penname.write.word_balance import words_of

DEVICE = pick_device("cpu")
pytestmark = pytest.mark.usefixtures("one_thread")
EXACT = {"end": END, "precision": "fp32"}
GREEDY = SamplingSettings(temperature=0, max_tokens=60)
OPENINGS = [" ".join(post.split(" ")[:6]) for post in POSTS]


@pytest.fixture(scope="module")
def one_thread():
    """Networks as small as these only wait for a second thread."""
    with threads(1):
        yield


def texts(model, prompt, settings, **more):
    return [draft.text for draft in gathered(generate(model, tokenizer(), prompt, settings, DEVICE, **EXACT, **more))]


def slow_greedy(model, prompt, count, context):
    """One whole forward pass for each token, over at most what `generate` sees; the end is never written."""
    seen = everything = [END, *encode_plain(tokenizer(), prompt)]
    for _ in range(count):
        with torch.no_grad():
            logits = model(torch.tensor([seen]))[0, -1]
        logits[END] = -torch.inf
        token = int(logits.argmax())
        everything = [*everything, token]
        seen = everything[-(context // 2) :] if len(seen) >= context else [*seen, token]
    return tokenizer().decode(everything[-count:])


@pytest.mark.slow
@pytest.mark.parametrize("post", POSTS)
def test_a_post_is_finished_and_ends_by_itself(post):
    prompt = " ".join(post.split(" ")[:4])
    rest = post.removeprefix(prompt)
    pieces = list(generate(taught(), tokenizer(), prompt, GREEDY, DEVICE, **EXACT))
    assert "".join(piece.text for piece in pieces) == rest
    assert [piece.finish for piece in pieces[:-1]] == [""] * (len(pieces) - 1)
    assert pieces[-1].finish == "end"
    assert gathered(pieces)[0].ended


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
def test_every_precision_writes_what_was_learned(precision):
    drafts = gathered(generate(taught(), tokenizer(), OPENINGS[0], GREEDY, DEVICE, end=END, precision=precision))
    assert OPENINGS[0] + drafts[0].text == POSTS[0]


def test_a_space_behind_the_prompt_is_not_written_twice():
    prompt = "The garden\n\nWe dug the old "
    assert prompt + texts(taught(), prompt, GREEDY)[0] == POSTS[0]


@pytest.mark.parametrize("blank", ["\t", " \t", "\u00a0", "\u3000"])
def test_blanks_behind_the_prompt_are_not_read(blank):
    settings = SamplingSettings(temperature=0.7, seed=4, max_tokens=20)
    assert texts(taught(), f"The garden{blank}", settings) == texts(taught(), "The garden", settings)
    assert texts(taught(), f"The garden\n\n{blank}", settings) == texts(taught(), "The garden\n\n", settings)
    assert texts(taught(), blank, settings) == texts(taught(), "", settings)


def test_a_space_alone_or_at_the_beginning_of_a_line_is_not_read_either():
    settings = SamplingSettings(temperature=0.7, seed=4, max_tokens=20)
    assert texts(taught(), " ", settings) == texts(taught(), "", settings)
    assert texts(taught(), "The garden\n\n ", settings) == texts(taught(), "The garden\n\n", settings)


def test_without_a_prompt_a_post_begins():
    found = texts(taught(), "", SamplingSettings(temperature=0.7, seed=4))[0]
    assert found in POSTS


def test_it_is_cut_at_its_length():
    drafts = gathered(generate(taught(), tokenizer(), OPENINGS[0], SamplingSettings(max_tokens=3), DEVICE, **EXACT))
    assert (drafts[0].finish, drafts[0].tokens, drafts[0].ended) == ("length", 3, False)


def test_it_may_not_end_too_early():
    settings = SamplingSettings(temperature=0, min_tokens=40, max_tokens=40)
    drafts = gathered(generate(taught(), tokenizer(), POSTS[0], settings, DEVICE, **EXACT))
    assert (drafts[0].finish, drafts[0].tokens) == ("length", 40)


@pytest.mark.parametrize("stop", [["ferry"], [", and the f"], ["nothing of the kind", "captain", "ferry"], [""]])
def test_it_stops_before_a_stop_string(stop):
    draft = gathered(generate(taught(), tokenizer(), OPENINGS[3], GREEDY, DEVICE, **EXACT, stop=stop))[0]
    rest = POSTS[3].removeprefix(OPENINGS[3])
    wanted = min((rest.split(each)[0] for each in stop if each), key=len, default=rest)
    assert draft.text == wanted
    assert draft.finish == ("stop" if any(stop) else "end")


def test_the_same_seed_gives_the_same_drafts_however_many():
    settings = SamplingSettings(temperature=1.5, min_p=0.0, max_tokens=25, seed=11)
    three = texts(network(), "The", settings, count=3)
    assert len(set(three)) == 3
    assert texts(network(), "The", settings, count=1) == three[:1]
    assert texts(network(), "The", settings, count=2) == three[:2]
    assert texts(network(), "The", SamplingSettings(**{**vars(settings), "seed": 12})) != three[:1]


def test_a_batch_writes_what_single_drafts_would():
    settings = SamplingSettings(temperature=1.0, max_tokens=25, seed=11)
    singles = texts(network(), "The winter", settings, count=4)
    batch = generate_batch(network(), tokenizer(), ["The winter"] * 4, settings, DEVICE, **EXACT)
    assert [draft.text for draft in batch] == singles


@pytest.mark.parametrize("rows", [1, 3, 256])
def test_a_batch_of_uneven_prompts_is_each_for_itself(rows, monkeypatch):
    monkeypatch.setattr("penname.write.generate._MOST_ROWS", rows)
    prompts = [" ".join(post.split(" ")[: 3 + 2 * number]) for number, post in enumerate(POSTS)]
    drafts = generate_batch(taught(), tokenizer(), prompts, GREEDY, DEVICE, **EXACT)
    singles = [texts(taught(), prompt, GREEDY)[0] for prompt in prompts]
    assert [draft.text for draft in drafts] == singles
    assert all(draft.ended for draft in drafts)
    assert generate_batch(taught(), tokenizer(), [], GREEDY, DEVICE, **EXACT) == []


def test_texts_longer_than_the_context_go_on():
    model = network(max_position_embeddings=24)
    long = SamplingSettings(temperature=0, max_tokens=70, min_tokens=70, repetition_penalty=1.0)
    prompts = ["The winter", "My", "Snow fell on the harbour"]
    wanted = [slow_greedy(model, prompt, 70, 24) for prompt in prompts]
    assert [texts(model, prompt, long)[0] for prompt in prompts] == wanted
    batch = generate_batch(model, tokenizer(), prompts, long, DEVICE, **EXACT)
    assert [draft.text for draft in batch] == wanted
    # The second draft starts from the prompt again, although the first pushed it out.
    assert texts(model, prompts[0], long, count=2) == [wanted[0]] * 2


def test_a_prompt_longer_than_the_context_is_cut_and_that_is_said():
    said: list[str] = []
    with events.listening(lambda event: said.append(event.text)):
        found = texts(network(max_position_embeddings=16), POSTS[0], SamplingSettings(max_tokens=5))
    assert len(found) == 1
    assert any("more than the model reads" in text for text in said)


def test_special_tokens_and_unknown_ids_are_never_written():
    from tokenizers import AddedToken, Tokenizer

    other = Tokenizer.from_str(tokenizer().to_str())
    other.add_special_tokens([AddedToken("<|user|>", special=True)])
    size = other.get_vocab_size()
    model = _wider(size + 5)
    settings = SamplingSettings(temperature=5.0, min_p=0.0, min_tokens=300, max_tokens=300)
    drafts = gathered(generate(model, other, "a", settings, DEVICE, **EXACT))
    assert drafts[0].tokens == 300
    assert "<|" not in drafts[0].text


def _wider(size):
    from taught import SHAPE

    from penname.model.gpt import GPT, GPTConfig

    return GPT(GPTConfig(size, **SHAPE)).initialise(0).eval()


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_no_sequence_is_repeated_where_that_is_forbidden(temperature):
    settings = SamplingSettings(temperature=temperature, no_repeat_ngram=3, max_tokens=90, min_tokens=90)
    model = _wider(tokenizer().get_vocab_size())
    seen: list[str] = []

    def watch(text: str, piece: str) -> bool:
        seen.append(piece)
        return False

    list(generate(model, tokenizer(), "a", settings, DEVICE, **EXACT, blocked=watch))
    triples = list(zip(seen, seen[1:], seen[2:], strict=False))
    readable = [each for each in triples if not any("\ufffd" in piece for piece in each)]
    assert len(seen) == 90
    assert len(readable) > 10
    assert len(set(readable)) == len(readable)


def test_the_sequence_penalty_breaks_a_loop_and_leaves_single_tokens_alone():
    model = _wider(tokenizer().get_vocab_size())
    plain = SamplingSettings(temperature=0, max_tokens=40, min_tokens=40, repetition_penalty=1.0)
    loop = texts(model, "a", plain)[0]
    broken = texts(model, "a", dataclasses.replace(plain, sequence_penalty=5.0))[0]
    kinds = [len({text[place : place + 4] for place in range(len(text) - 3)}) for text in (broken, loop)]
    assert kinds[0] > kinds[1]
    start = next(place for place in range(len(loop)) if loop[place] != broken[place])
    assert start >= 2, "nothing is dearer before something is repeated"


def test_the_penalty_keeps_a_loop_from_going_on():
    model = _wider(tokenizer().get_vocab_size())
    loop = texts(model, "a", SamplingSettings(temperature=0, max_tokens=40, min_tokens=40))[0]
    free = texts(model, "a", SamplingSettings(temperature=0, max_tokens=40, min_tokens=40, repetition_penalty=1.5))[0]
    assert len(set(free)) > len(set(loop))


@pytest.mark.slow
@pytest.mark.parametrize("settings", [GREEDY, SamplingSettings(temperature=0.8, max_tokens=60, seed=2)])
@pytest.mark.parametrize("longest", [1, 3, 5])
def test_the_guard_holds(settings, longest):
    index = CopyIndex(POSTS)
    guard = CopyGuard(index, longest)
    settings = SamplingSettings(**{**vars(settings), "max_tokens": 30})
    free = generate_batch(taught(), tokenizer(), OPENINGS, settings, DEVICE, **EXACT)
    held = generate_batch(
        taught(), tokenizer(), OPENINGS, settings, DEVICE, **EXACT, blocked=[guard.blocked] * len(OPENINGS)
    )
    single = gathered(generate(taught(), tokenizer(), OPENINGS[1], settings, DEVICE, **EXACT, blocked=guard.blocked))[0]
    assert max(index.longest_run(draft.text).words for draft in free) > 5
    for draft in (*held, single):
        assert index.longest_run(draft.text).words <= longest
    assert sum(draft.refused for draft in held) > 0
    assert sum(draft.refused for draft in free) == 0


def test_rows_without_a_guard_are_left_alone():
    guard = CopyGuard(CopyIndex(POSTS), 2)
    blocked = [guard.blocked if number % 2 else None for number in range(len(OPENINGS))]
    drafts = generate_batch(taught(), tokenizer(), OPENINGS, GREEDY, DEVICE, **EXACT, blocked=blocked)
    for number, draft in enumerate(drafts):
        assert (OPENINGS[number] + draft.text == POSTS[number]) is (number % 2 == 0)


def test_when_everything_is_refused_the_text_ends():
    settings = SamplingSettings(min_tokens=5)
    drafts = gathered(
        generate(network(), tokenizer(), "a", settings, DEVICE, **EXACT, blocked=lambda text, piece: True)
    )
    assert (drafts[0].text, drafts[0].finish) == ("", "blocked")
    # Where the text may end, ending is what is left.
    settings = SamplingSettings(min_tokens=0)
    drafts = gathered(
        generate(network(), tokenizer(), "a", settings, DEVICE, **EXACT, blocked=lambda text, piece: True)
    )
    assert (drafts[0].text, drafts[0].finish) == ("", "end")


def test_what_is_refused_is_what_would_have_been_written():
    asked: list[tuple[str, str]] = []

    def refuse(text: str, piece: str) -> bool:
        asked.append((text, piece))
        return "harbour".startswith(piece.strip()) and piece.strip() != ""

    found = texts(taught(), "Winter\n\nSnow fell on the", GREEDY, blocked=refuse)[0]
    assert "harbour" not in found
    assert found.startswith(asked[-1][0])


def test_greedy_continuations_are_the_posts_themselves():
    posts = [encode_plain(tokenizer(), post) for post in POSTS]
    found = continue_greedy(taught(), [post[:10] for post in posts], 12, DEVICE, end=END, precision="fp32")
    assert found == [post[10:22] for post in posts]
    short = continue_greedy(taught(), [post[:-3] for post in posts], 12, DEVICE, end=END, precision="fp32")
    assert short == [post[-3:] for post in posts]
    assert continue_greedy(taught(), [], 12, DEVICE, end=END) == []


def test_prepared_weights_do_as_well_as_a_network():
    weights = decoding_weights(taught(), "fp32")
    assert texts(weights, OPENINGS[2], GREEDY) == texts(taught(), OPENINGS[2], GREEDY)


def test_settings_are_checked_before_anything_is_done():
    with pytest.raises(InputError, match="min_p"):
        next(generate(taught(), tokenizer(), "a", SamplingSettings(min_p=7), DEVICE, end=END))


def test_nothing_of_a_text_is_kept_between_steps():
    """The caller may train between two pieces: writing must not leave inference mode switched on."""
    for piece in generate(network(), tokenizer(), "a", SamplingSettings(max_tokens=3), DEVICE, **EXACT):
        assert piece.tokens
        assert not torch.is_inference_mode_enabled()
        assert torch.is_grad_enabled()


def test_rare_words_come_and_rare_parts_of_words_do_not():
    asked = SamplingSettings(min_p=0.9, word_min_p=0.01)
    begins = words_of(tokenizer(), tokenizer().get_vocab_size(), asked)
    names = [tokenizer().decode([number]) for number in range(len(begins))]
    assert all(name[:1] == " " and name[1:2].isalpha() for name, yes in zip(names, begins, strict=True) if yes)
    assert 10 < int(begins.sum()) < len(begins) - 10
    assert words_of(tokenizer(), len(begins), SamplingSettings(min_p=0.9)) is None
    model = network()

    def drawn(settings):
        found = set()
        for draft in gathered(generate(model, tokenizer(), "On bread", settings, DEVICE, count=40, **EXACT)):
            found |= set(encode_plain(tokenizer(), draft.text)[:1])
        return found

    few = drawn(SamplingSettings(min_p=0.9, repetition_penalty=1.0, max_tokens=1))
    more = drawn(SamplingSettings(min_p=0.9, word_min_p=0.01, repetition_penalty=1.0, max_tokens=1))
    assert len(more) > len(few)
    assert all(begins[token] for token in more - few)
