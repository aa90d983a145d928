"""Losses: next-token cross-entropy in slices, mixed with a teacher's soft targets where there is one.

`sliced_loss` never holds the logits of a whole batch: a slice of hidden states is multiplied by the output table, and
its gradient is taken at once, so that 4,096 tokens of a 16,384-word vocabulary need 32 MB instead of 800.

With a teacher (Hinton, Vinyals and Dean 2015) the loss of a token is

    (1 - share) * cross-entropy + share * temperature^2 * cross-entropy against the teacher's probabilities

with both softmaxes of the second term at the temperature; its square keeps the gradient's size, which is that of
KL(teacher || student). A target that is not scored (`IGNORE`) has neither term.

What is minimised: next-token prediction, and the masked next-token objective mixed with it.

GPT-BERT (Charpentier and Samuel 2024) trains one network both ways: causally, and with attention to both sides while a
hidden token is predicted from the position before it. The masked way has one vector of its own, which stays here: the
saved model is a plain decoder.

In causal steps a teacher may say what it expects of each token (Hinton, Vinyals and Dean 2015; `loss` has the sum), of
all rows or of some: a base that says it of replayed text only keeps what is adapted from forgetting (learning without
forgetting, Li and Hoiem 2016). It sees the text as it is, also where the student's input is hidden, and it leaves no
trace either.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from penname.core.errors import InputError
from penname.model.gpt import GPT
from penname.train.settings import TrainSettings

IGNORE = -100
"""A target that is not scored."""


class Taught(NamedTuple):
    """What a teacher says of the same tokens; no gradient goes there."""

    hidden: Tensor
    """Its last hidden states, (n, its width)."""
    table: Tensor
    """Its output table, (vocab, its width): the student's vocabulary."""
    share: float
    """Weight of the soft targets, 0 to 1."""
    temperature: float
    """What both sides' logits are divided by in the soft term."""

    def of(self, some: slice) -> "Taught":
        """What it says of some of the tokens."""
        return self._replace(hidden=self.hidden[some])


def plain_loss(hidden: Tensor, table: Tensor, targets: Tensor, taught: Taught | None = None) -> Tensor:
    """Sum of next-token losses (nats). hidden: (n, width), table: (vocab, width), targets: (n,)."""
    logits = F.linear(hidden, table.to(hidden.dtype)).float()
    loss = F.cross_entropy(logits, targets, reduction="sum", ignore_index=IGNORE)
    if taught is None:
        return loss
    wanted = F.linear(taught.hidden, taught.table.to(taught.hidden.dtype)).float()
    ours, theirs = (each.div(taught.temperature).log_softmax(dim=-1) for each in (logits, wanted))
    soft = -(theirs.exp() * ours).sum(dim=-1) * (targets != IGNORE)
    return (1 - taught.share) * loss + taught.share * taught.temperature**2 * soft.sum()


def sliced_loss(
    hidden: Tensor, table: Tensor, targets: Tensor, rows: int | None = None, taught: Taught | None = None
) -> Tensor:
    """The same sum as `plain_loss`, `rows` tokens at a time, with the gradient computed on the way forward."""
    rows = rows or slice_rows(hidden.size(0), slow=hidden.device.type == "cpu", exact=hidden.dtype == torch.float32)
    loss: Tensor = _Sliced.apply(hidden, table, targets, rows, taught)  # type: ignore[no-untyped-call]
    return loss


_CACHED = 256
"""Tokens whose logits a CPU's caches hold."""


def slice_rows(tokens: int, slow: bool, exact: bool = True) -> int:
    """Tokens of a slice of so many, on a CPU (`slow`) or another device, in float32 (`exact`) or fewer bits.

    A CPU's caches hold the logits of 256 tokens; in fewer bits the table's gradient, which is summed in float32, costs
    as much as its product there, so that slices are eight times as long. An accelerator wants larger products and fewer
    calls: an eighth of the tokens, which is little beside what the layers keep of all of them.
    """
    if slow:
        return _CACHED if exact else 8 * _CACHED
    return max(1024, tokens // 8)


class _Sliced(torch.autograd.Function):
    """Linear layer and loss in one (the idea of Liger Kernel, Hsu et al. 2024)."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, table: Tensor, targets: Tensor, rows: int, taught: Taught | None) -> Tensor:
        weight = table.to(hidden.dtype)
        total = hidden.new_zeros((), dtype=torch.float32)
        training = hidden.requires_grad or table.requires_grad
        to_hidden = torch.empty_like(hidden) if training else None
        to_table: Tensor | None = None
        for start in range(0, hidden.size(0), rows):
            part, target = hidden[start : start + rows], targets[start : start + rows]
            said = None if taught is None else taught.of(slice(start, start + rows))
            loss, small = _slopes(part, weight, target, said, training)
            total += loss
            if to_hidden is not None:
                torch.mm(small, weight, out=to_hidden[start : start + rows])
            if table.requires_grad:
                to_table = _added(to_table, small.T, part)
        ctx.save_for_backward(to_hidden, to_table)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        to_hidden, to_table = ctx.saved_tensors
        scale = gradients[0]
        return (
            None if to_hidden is None else to_hidden * scale.to(to_hidden.dtype),
            None if to_table is None else to_table.mul_(scale),
            None,
            None,
            None,
        )


def _slopes(
    part: Tensor, weight: Tensor, target: Tensor, taught: Taught | None, training: bool
) -> tuple[Tensor, Tensor]:
    """The summed loss of a slice, and its gradient by the logits (n, vocab) in the precision of `part`.

    part: (n, width), weight: (vocab, width), target: (n,). On a CPU the logits of as many tokens as its caches hold are
    looked at together.
    """
    total = part.new_zeros((), dtype=torch.float32)
    exact = part.dtype == torch.float32
    piece = _CACHED if part.device.type == "cpu" and not exact else part.size(0)
    together = part.new_empty((part.size(0), weight.size(0))) if training and piece < part.size(0) else None
    small = part
    for start in range(0, part.size(0), piece):
        some = slice(start, start + piece)
        logits = (part[some] @ weight.T).float()
        loss, gradient = _loss_and_gradient(logits, target[some], None if taught is None else taught.of(some), training)
        total += loss
        if together is not None:
            together[some] = gradient
        elif training:
            small = gradient.to(part.dtype)
    return total, small if together is None else together


def _loss_and_gradient(logits: Tensor, target: Tensor, taught: Taught | None, training: bool) -> tuple[Tensor, Tensor]:
    """The summed loss of a few tokens, and, in the place of the logits (n, vocab), its gradient by them."""
    kept = target != IGNORE
    share = 0.0 if taught is None else taught.share
    soft = None if taught is None else _soft(logits, taught, training)
    place = target.clamp(min=0)[:, None]
    chosen, peak = logits.gather(1, place), logits.amax(dim=-1, keepdim=True)
    # In place from here on: a copy of the logits costs as much time as their product.
    probabilities = logits.sub_(peak).exp_()
    mass = probabilities.sum(dim=-1, keepdim=True)
    level = (mass.log() + peak).squeeze(1)
    losses = level - chosen.squeeze(1)
    if soft is not None:
        losses = (1 - share) * losses + share * (soft.loss if soft.whole else level + soft.loss)
    total = (losses * kept).sum()
    if not training:
        return total, logits
    gradient = probabilities.div_(mass)
    if soft is not None and soft.whole:
        gradient.mul_(1 - share)
    gradient.scatter_add_(1, place, torch.full_like(mass, share - 1.0))
    if soft is not None:
        gradient.add_(soft.gradient, alpha=share)
    return total, gradient.mul_(kept[:, None])


def _added(total: Tensor | None, left: Tensor, right: Tensor) -> Tensor:
    """`total + left @ right`, summed in float32; nothing yet: the product alone."""
    if left.dtype == torch.float32:
        return left @ right if total is None else total.addmm_(left, right)
    product = left @ right
    return product.float() if total is None else total.add_(product)


class _Soft(NamedTuple):
    """What soft targets add to a slice's loss (n,) and to its gradient by the logits (n, vocab)."""

    loss: Tensor
    gradient: Tensor
    whole: bool
    """Whether they hold the student's own part too: at temperature 1 it is that of the text, and computed there."""


def _soft(logits: Tensor, taught: Taught, training: bool) -> _Soft:
    """temperature^2 * cross-entropy of a slice's tokens against what the teacher expects."""
    said, temperature = taught.hidden, taught.temperature
    wanted = said @ taught.table.to(said.dtype).T
    if temperature == 1:
        probabilities = wanted.softmax(dim=-1, dtype=torch.float32)
        loss = (probabilities * logits).sum(dim=-1).neg_()
        return _Soft(loss, probabilities.neg_(), whole=False)
    probabilities = wanted.float().div_(temperature).softmax(dim=-1)
    ours = (logits / temperature).log_softmax(dim=-1)
    loss = (probabilities * ours).sum(dim=-1).mul_(-(temperature**2))
    return _Soft(loss, ours.exp_().sub_(probabilities).mul_(temperature) if training else ours[:0], whole=True)


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
            inputs = self.gpt.embed(ids)
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
