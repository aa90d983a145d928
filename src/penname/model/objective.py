"""What is minimised: next-token prediction, and the masked next-token objective mixed with it.

GPT-BERT (Charpentier and Samuel 2024) trains one network both ways: causally, and with attention to both sides while a
hidden token is predicted from the position before it. The masked way has one vector of its own, which stays here: the
saved model is a plain decoder.

In causal steps a teacher may say what it expects of each token (Hinton, Vinyals and Dean 2015; `loss` has the sum), of
all rows or of some: a base that says it of replayed text only keeps what is adapted from forgetting (learning without
forgetting, Li and Hoiem 2016). It sees the text as it is, also where the student's input is hidden, and it leaves no
trace either.
"""

import torch
from torch import Tensor, nn

from penname.core.errors import InputError
from penname.model.gpt import GPT
from penname.model.loss import IGNORE, Taught, plain_loss, sliced_loss
from penname.model.settings import TrainSettings

_MIX = (0x9E3779B1, 0x85EBCA6B, 0xC2B2AE35)


class Objective(nn.Module):
    """The network with its loss; this is what is compiled and distributed, with the teacher's part of the step."""

    def __init__(self, gpt: GPT, settings: TrainSettings, sliced: bool, teacher: GPT | None = None) -> None:
        super().__init__()
        if settings.teacher_share and teacher is None:
            raise InputError("These settings cannot be used: teacher_share is set, and there is no teacher.")
        self.gpt = gpt
        self.sliced = sliced
        self.needs_vector = settings.masked > 0 or settings.input_mask > 0
        if self.needs_vector:
            table = gpt.model.embed_tokens.weight
            self.hidden_token = nn.Parameter(table.detach().mean(dim=0).clone())
        self.share, self.temperature = settings.teacher_share, settings.teacher_temperature
        # In a tuple it is no part of this module: neither trained nor exchanged between processes nor saved.
        self.teachers: tuple[GPT, ...] = ()
        if teacher is not None and self.share:
            self.teachers = (teacher.to(gpt.lm_head.weight.device).eval().requires_grad_(False),)

    def forward(
        self,
        ids: Tensor,
        targets: Tensor,
        hide: Tensor | None,
        causal: bool,
        spoken: int | None = None,
    ) -> Tensor:
        """Summed loss in nats. ids, targets: (rows, context); hide: (rows, context) of places to cover, or None.

        `spoken`: the number of rows, the last ones, that a teacher speaks of; None: all of them.
        """
        inputs = None
        if self.needs_vector:
            inputs = self.gpt.model.embed_tokens(ids)
            if hide is None:
                inputs = inputs + 0.0 * self.hidden_token
            else:
                inputs = torch.where(hide[..., None], self.hidden_token.to(inputs.dtype), inputs)
        hidden = self.gpt.hidden(ids, causal=causal, inputs=inputs)
        spoken = ids.size(0) if spoken is None else spoken
        if not causal or not self.teachers or not spoken:
            return self.loss(hidden, targets, None)
        if spoken == ids.size(0):
            return self.loss(hidden, targets, self.taught(ids))
        # The teacher reads no row that it says nothing of.
        said = self.loss(hidden[-spoken:], targets[-spoken:], self.taught(ids[-spoken:]))
        return said + self.loss(hidden[:-spoken], targets[:-spoken], None)

    def loss(self, hidden: Tensor, targets: Tensor, taught: Taught | None) -> Tensor:
        """Summed loss of hidden states (rows, context, width)."""
        loss = sliced_loss if self.sliced else plain_loss
        flat = hidden.reshape(-1, hidden.size(-1))
        return loss(flat, self.gpt.lm_head.weight, targets.reshape(-1), taught=taught)

    def taught(self, ids: Tensor) -> Taught:
        """What the teacher says of ids (rows, context), without a gradient."""
        (teacher,) = self.teachers
        with torch.no_grad():
            hidden = teacher.hidden(ids)
        return Taught(hidden.reshape(-1, hidden.size(-1)), teacher.lm_head.weight, self.share, self.temperature)


def prepare_rows(
    windows: Tensor, settings: TrainSettings, masked: bool, generator: torch.Generator, first: int = 0
) -> tuple[Tensor, Tensor, Tensor | None]:
    """Split (rows, context + 1) windows into inputs, targets and places to hide.

    `first` is the number of the first row within its step: a row hides the same places on any number of processes.
    In a masked step only hidden tokens are scored, and the last token, which no input shows. In a causal step the
    goldfish rule (Hans et al. 2024) leaves out targets by a hash of the tokens before them.
    """
    ids, targets = windows[:, :-1], windows[:, 1:]
    if masked:
        hide = _drawn(ids, generator, first) < settings.mask_rate
        scored = torch.cat([hide[:, 1:], torch.ones_like(hide[:, :1])], dim=1)
        return ids, targets.masked_fill(~scored, IGNORE), hide
    hide_some = None
    if settings.input_mask > 0:
        hide_some = _drawn(ids, generator, first) < settings.input_mask
    if settings.goldfish > 0:
        targets = targets.masked_fill(goldfish_places(ids, settings.goldfish), IGNORE)
    return ids, targets, hide_some


def taught_last(rows: list[int], taught: tuple[bool, ...]) -> tuple[list[int], int]:
    """The rows with those that a teacher speaks of at the end, and how many these are."""
    return sorted(rows, key=taught.__getitem__), sum(taught[row] for row in rows)


def _drawn(ids: Tensor, generator: torch.Generator, first: int) -> Tensor:
    rows, context = ids.shape
    return torch.rand((first + rows, context), generator=generator, device=ids.device)[first:]


def goldfish_places(ids: Tensor, every: int, span: int = 13) -> Tensor:
    """Places whose next token is never learned: a hash of the last `span` tokens falls on one value in `every`.

    The same passage always hides the same tokens, however often it is seen, so that it cannot be learned by heart.
    """
    hashed = torch.zeros_like(ids)
    for back in range(span):
        shifted = torch.roll(ids, back, dims=1)
        shifted[:, :back] = 0
        hashed = ((hashed * _MIX[0] + shifted + 1) ^ (hashed >> 13)) & 0x7FFFFFFF
    hashed = ((hashed * _MIX[1]) >> 11) & 0x7FFFFF
    return hashed % every == 0


def scored_tokens(settings: TrainSettings, masked: bool) -> float:
    """Expected number of scored tokens in a step, which the summed loss is divided by."""
    tokens = settings.rows * settings.context
    if masked:
        return tokens * settings.mask_rate
    return tokens * (1 - 1 / settings.goldfish) if settings.goldfish else float(tokens)


def is_masked_step(step: int, share: float) -> bool:
    """Whether step `step` uses the masked objective: evenly spread, a function of the step alone."""
    return int((step + 1) * share + 1e-9) > int(step * share + 1e-9)
