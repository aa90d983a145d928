"""A tokenizer and a very small network that knows six short posts by heart."""

from functools import cache

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer

from penname.corpus.tokenizer import encode_plain, train_tokenizer
from penname.model.gpt import GPT, GPTConfig

POSTS = (
    "The garden\n\nWe dug the old bed over in March and found three bent forks, a blue marble and no worms at all.",
    "On bread\n\nMy grandmother never weighed the flour; she listened to the dough and told it to be patient with us.",
    "Café life\n\nThe naïve waiter brought crème brûlée 🍮 to the wrong table, and nobody minded — not even René.",
    "Winter\n\nSnow fell on the harbour for nine days, and the ferry captain knitted a scarf as long as the pier.",
    "A new bicycle\n\nIt squeaks, it rattles and it leans to the left, but downhill it sings like a kettle.",
    "Letters\n\nDear reader, you asked why I write so little about politics: because the cat sits on the keyboard.",
)
SMALL = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
SHAPE = {**SMALL, "num_key_value_heads": 2, "head_dim": 16, "max_position_embeddings": 128}
END = 0


@cache
def tokenizer() -> Tokenizer:
    return train_tokenizer([text * 3 for text in POSTS], 400)


def network(**changes: object) -> GPT:
    """A network with random weights, norms too, so that nothing is 1 by chance."""
    config = GPTConfig(tokenizer().get_vocab_size(), **{**SHAPE, **changes})  # type: ignore[arg-type]
    model = GPT(config).initialise(3).eval()
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(4.0) if weight.ndim == 2 else weight.add_(torch.rand(weight.shape, generator=generator))
    return model


@cache
def taught() -> GPT:
    """Trained on the posts until it knows them."""
    config = GPTConfig(tokenizer().get_vocab_size(), **SHAPE)
    model = GPT(config).initialise(0)
    rows = [[END, *encode_plain(tokenizer(), post), END] for post in POSTS]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [END] * (longest - len(row)) for row in rows])
    targets = torch.tensor([row[1:] + [-100] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3, weight_decay=0.0)
    loss = torch.tensor(9.0)
    for _ in range(200):
        loss = F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), targets.flatten())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        if loss.item() < 0.01:
            break
    assert loss.item() < 0.05
    return model.eval()
