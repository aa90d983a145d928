"""A small blog, a base and an adapted model, both trained in a second or two, in a workspace."""

import json
import random
import shutil
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import torch
import torch.nn.functional as F
from tiny_models import tiny_config, tiny_tokenizer

from penname.core.device import threads
from penname.core.workspace import Workspace, open_workspace
from penname.corpus.tokenizer import encode_plain
from penname.judge.judging import Report, judge_workspace
from penname.judge.subject import JudgeOptions
from penname.model.base import write_base
from penname.model.folder import save_model
from penname.model.gpt import GPT
from penname.model.quantise import Rounding

HOSTILE = '<script>alert("x")</script> & </style><img src="http://example.org/x.png" onerror=alert(1)>'
_SENTENCES = (
    "The owl went to sea in a beautiful boat.",
    "They took some honey, and plenty of money!",
    "A small guitar: what a lovely thing it is.",
    "It's a pea-green boat, isn't it?",
    "The pussy-cat looked up to the stars above.",
    "We sang all night — and nobody came.",
    "Wrapped up in a five-pound note, the honey stayed dry.",
)
_OTHERS = ("To the stars, my love!", "A note of 1871 is not money.", "Boats and pounds and plenty of love.")


def document(number: int, sentences: tuple[str, ...] = _SENTENCES, length: int = 24) -> str:
    """A text of `length` sentences in paragraphs of four."""
    chosen = random.Random(number).choices(sentences, k=length)
    return "\n\n".join(" ".join(chosen[at : at + 4]) for at in range(0, length, 4))


def small_posts(count: int = 16) -> list[dict[str, object]]:
    """The objects of `text.json`; three posts are for test, two for validation, one of the test posts is hostile."""
    posts: list[dict[str, object]] = []
    for number in range(count):
        split = "test" if number < 3 else "validation" if number < 5 else "train"
        title = HOSTILE if number in (0, 6) else f"Post {number} of the owl"
        text = f"{document(number)}\n\n{HOSTILE}" if number % 3 == 0 else document(number)
        posts.append({"id": number, "title": title, "date": "2020-01-01", "tags": [], "text": text, "split": split})
    return posts


@cache
def small_models() -> tuple[GPT, GPT]:
    """A base that knows other sentences, and the same adapted to the posts."""
    others = [document(100 + number, _OTHERS) for number in range(6)]
    posts = [f"{post['title']}\n\n{post['text']}" for post in small_posts() if post["split"] == "train"]
    base = _trained(GPT(tiny_config()).initialise(seed=1), others, 15)
    adapted = GPT(tiny_config())
    adapted.load_state_dict(base.state_dict())
    return base, _trained(adapted, posts, 50)


def make_workspace(folder: Path) -> tuple[Workspace, Path]:
    """The workspace, and the folder of the base."""
    base, adapted = small_models()
    others = [document(100 + number, _OTHERS) for number in range(12)]
    write_base(folder / "base", base, tiny_tokenizer(), Rounding(8, 32), replay_texts=others, card="# base")
    workspace = open_workspace(folder / "owl.penname", "owl")
    workspace.text.write_text(json.dumps(small_posts()), encoding="utf-8")
    save_model(workspace.model, adapted, tiny_tokenizer(), card="# owl", generation={"temperature": 0.8, "min_p": 0.05})
    return workspace, folder / "base"


@dataclass(frozen=True)
class Judged:
    """A workspace, the folder of its base, what the judge was asked, and its report."""

    workspace: Workspace
    base: Path
    options: JudgeOptions
    report: Report

    def copied(self, folder: Path) -> "Judged":
        """The same in another folder."""
        shutil.copytree(self.workspace.folder.parent, folder, dirs_exist_ok=True)
        options = replace(self.options, base=folder / "base")
        return Judged(Workspace(folder / self.workspace.folder.name), folder / "base", options, self.report)


def judge_small_blog(folder: Path) -> Judged:
    """Make the workspace and judge it."""
    workspace, base = make_workspace(folder)
    curve = [[0, 3.5], [20, 2.0], [50, 1.9]]
    losses = [[step, 4 - step / 20] for step in range(0, 50, 5)]
    record = {"losses": losses, "curve": curve, "settings": {"steps": 50}, "seconds": 12.5, "seed": 3}
    (workspace.folder / "training.json").write_text(json.dumps(record), encoding="utf-8")
    options = JudgeOptions(passages=12, words=60, device="cpu", base=base)
    return Judged(workspace, base, options, judge_workspace(workspace, options))


def _trained(model: GPT, texts: list[str], steps: int) -> GPT:
    ids = torch.tensor([[0, *encode_plain(tiny_tokenizer(), text)[:63]] for text in texts])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    with threads(1):
        for _ in range(steps):
            logits = model(ids[:, :-1])
            loss = F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
    return model.eval()
