"""How a model's text is drawn against what gives it away: a row for each setting of sampling.

    python benchmarks/sampling.py WORKSPACE [--passages 200] [--device auto] [--only 5 8] [--json rows.json]
    python benchmarks/sampling.py WORKSPACE --settings ROWS.jsonl --balanced

WORKSPACE is one that `penname train` left. For each setting, passages go on from the openings of held-out posts; the
row says how well a classifier tells them from real ones (AUC, 0.85 is wanted), where Burrows's Delta lies among the
blog's own (percentile, 90 is wanted), how much is repeated (rep-4, beside real posts), how many words are known, the
longest run copied without a guard, and bits per byte under the base: low where they say little, high where they ramble.
`--balanced` fits the balance of words anew for each setting, as training would for a model that recommends it.
"""

import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from common import machine, options, read, small_inputs

from penname.core.device import Device, pick_device
from penname.core.workspace import find_workspace
from penname.corpus.tokenizer import encode
from penname.corpus.words import Passage
from penname.judge.fluency import measure_fluency
from penname.judge.judgement import _base_bits, _first_of, _vocabulary
from penname.judge.judging import make_subject
from penname.judge.passages import behind_opening, write_passages
from penname.judge.subject import Candidate, JudgeOptions, Parts, Subject
from penname.judge.voice import measure_voice
from penname.write.copying import CopyIndex
from penname.write.guard import CopyGuard
from penname.write.word_balance import balanced

SETTINGS: tuple[dict[str, float], ...] = (
    {"temperature": 0.9, "min_p": 0.05, "repetition_penalty": 1.1},
    {"temperature": 0.9, "min_p": 0.05, "repetition_penalty": 1.0},
    {"temperature": 0.9, "min_p": 0.05, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 0.9, "min_p": 0.02, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.1},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.02, "repetition_penalty": 1.1},
    {"temperature": 1.0, "min_p": 0.02, "repetition_penalty": 1.05, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.02, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.01, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.0, "top_p": 0.98, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.0, "top_p": 0.95, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.0, "repetition_penalty": 1.0},
    {"temperature": 1.1, "min_p": 0.02, "repetition_penalty": 1.0, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.03, "repetition_penalty": 1.1},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.1, "word_balance": 0.0},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.1, "word_balance": 0.5},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.1, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.05, "repetition_penalty": 1.05, "sequence_penalty": 0.8},
    {"temperature": 1.0, "min_p": 0.03, "repetition_penalty": 1.05, "sequence_penalty": 0.8},
)
COLUMNS = (
    "T",
    "min-p",
    "words",
    "top-p",
    "repet.",
    "seq.",
    "bal.",
    "ex.",
    "AUC",
    "low",
    "high",
    "Delta",
    "cosine",
    "rep-4",
    "known",
    "run",
    "bpb",
)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("workspace", type=Path, nargs="?")
    parser.add_argument("--passages", type=int, default=200)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--settings", type=Path, help="rows of settings, JSON, instead of those of this file")
    parser.add_argument("--balanced", action="store_true", help="balance words anew for each setting")
    parser.add_argument("--only", type=int, nargs="+", help="numbers of the settings, from 0, in this order")
    parser.add_argument("--json", type=Path, help="the rows, and the first four passages of each")
    arguments = read(parser, passages=8, only=[4], device="cpu")
    small = small_inputs() if arguments.quick else None
    asked = JudgeOptions(
        passages=arguments.passages,
        words=60 if small else JudgeOptions.words,
        device=arguments.device,
        seed=arguments.seed,
        base=small.folder / "base" if small else None,
    )
    subject = make_subject(find_workspace(small.workspace if small else arguments.workspace), asked)
    print(machine())
    found = []
    print(" ".join(f"{name:>6}" for name in (*COLUMNS, "s")), flush=True)
    settings = list(SETTINGS)
    if arguments.settings:
        settings = [json.loads(line) for line in arguments.settings.read_text(encoding="utf-8").splitlines() if line]
    wanted = [settings[number] for number in arguments.only or range(len(settings))]
    for row in rows(subject, asked, wanted, arguments.balanced):
        found.append(row)
        print(" ".join(f"{_shown(row[name]):>6}" for name in (*COLUMNS, "s")), flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


def with_balance(subject: Subject, settings: dict[str, float], device: Device) -> Subject:
    """The same model with words balanced for `settings`."""
    loaded = subject.adapted.loaded
    blog = encode(loaded.tokenizer, [post.document for post in subject.training], loaded.end)
    model = loaded.model.to(device.torch)
    generation = {**loaded.generation, **settings}
    generation = balanced(generation, model, loaded.tokenizer, blog, device, end=loaded.end, most_tokens=60_000)
    changed = replace(loaded, generation=generation)
    return replace(subject, adapted=Candidate(json.dumps(settings), lambda: changed))


def rows(
    subject: Subject, asked: JudgeOptions, wanted: Sequence[dict[str, float]], anew: bool
) -> Iterator[dict[str, Any]]:
    device = pick_device(asked.device)
    index = CopyIndex([post.document for post in subject.training])
    vocabulary = _vocabulary(subject, Parts(None))
    heldout, training = ([Passage(post.text, post.id) for post in side] for side in (subject.heldout, subject.training))
    background = list(_first_of(subject.background(), subject.training_words))
    for number, settings in enumerate(wanted):
        started = time.monotonic()
        examples = bool(settings.get("example", True))
        chosen = replace(asked, examples=examples, sampling={k: v for k, v in settings.items() if k != "example"})
        written = with_balance(subject, settings, device) if anew else subject
        passages = write_passages(written, Parts(None), CopyGuard(index, 12), device, chosen)
        seconds = time.monotonic() - started
        texts = [each.text for each in passages.guarded]
        made = [Passage(each.text, each.post) for each in passages.guarded]
        voice = measure_voice(made, heldout, training, background, asked.seed, behind_opening)
        fluency, real = measure_fluency(texts, [post.text for post in subject.heldout], vocabulary)
        base = _base_bits(subject, passages, Parts(None), device)
        if not number:
            print(
                f"real posts: rep-4 {real.rep[4]:.4f}, known {real.known_word_rate:.4f}; halves AUC {voice.halves_auc}"
            )
        yield {
            **dict(zip(COLUMNS, (settings.get(name, usual) for name, usual in _USUAL), strict=False)),
            "AUC": voice.auc.value if voice.auc else None,
            "low": voice.auc.low if voice.auc else None,
            "high": voice.auc.high if voice.auc else None,
            "Delta": voice.delta.burrows.percentile if voice.delta else None,
            "cosine": voice.delta.cosine.percentile if voice.delta and voice.delta.cosine else None,
            "rep-4": fluency.rep[4],
            "known": fluency.known_word_rate,
            "run": max(index.longest_run(each.text).words for each in passages.free),
            "bpb": base.value if base else None,
            "s": seconds,
            "passages": [f"[{each.opening[-200:]}] {each.text}" for each in passages.guarded[:4]],
        }


_USUAL = (
    ("temperature", 1.0),
    ("min_p", 0.05),
    ("word_min_p", 0.0),
    ("top_p", 1.0),
    ("repetition_penalty", 1.1),
    ("sequence_penalty", 0.8),
    ("word_balance", 1.0),
    ("example", True),
)


def _shown(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


if __name__ == "__main__":
    main()
