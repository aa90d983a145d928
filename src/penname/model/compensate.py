"""Rounding with error compensation: what a weight loses by rounding, the weights to its right make up for.

In: a network, windows of text that it was trained on, the step of a row. Out: integers and steps of its hidden
matrices, for `write_packed(..., rounded=...)`; the network stays as it is.

    rounded = compensated(model, windows, row_step=0.3)

The method is GPTQ's (Frantar, Ashkboos, Hoefler and Alistarh 2022): the outputs of a matrix for its real inputs are to
stay, not its weights. At 3.85 bits a weight it takes a fifth off what rounding to the nearest loses (lab/0086).
"""

import torch
from torch import Tensor, nn

from penname.model.gpt import GPT
from penname.model.quantise import RoundedRows, nearest, row_steps

_BLOCK = 128
"""Columns that are rounded before the rest of the matrix is told."""
_DAMPING = 0.01
"""Share of the mean square that is added to each input's: inputs that hardly vary would be trusted too far."""


@torch.no_grad()
def compensated(model: GPT, windows: Tensor, row_step: float, micro_rows: int = 8) -> dict[str, RoundedRows]:
    """Round the matrices of all layers for the inputs that `windows` (n, tokens) of token ids give them."""
    squares = input_squares(model, windows, micro_rows)
    found: dict[str, RoundedRows] = {}
    for name, module in _hidden(model):
        if name in squares:
            factor = error_factor(squares[name])
        found[f"{name}.weight"] = round_compensated(module.weight, factor, row_step)
    return found


def input_squares(model: GPT, windows: Tensor, micro_rows: int = 8) -> dict[str, Tensor]:
    """Sums of x xT over the inputs x of each matrix; of matrices that share their inputs only the first is named."""
    sums: dict[str, Tensor] = {}

    def watch(name: str) -> object:
        def look(_module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0].detach().flatten(0, -2).double()
            sums[name] = sums.get(name, torch.zeros((), device=rows.device)) + rows.T @ rows

        return look

    watched = [(name, module) for name, module in _hidden(model) if not name.endswith(_SHARING)]
    hooks = [module.register_forward_pre_hook(watch(name)) for name, module in watched]  # type: ignore[arg-type]
    training = model.training
    model.eval()
    try:
        place = next(model.parameters()).device
        for part in torch.split(windows, micro_rows):
            model.hidden(part.to(place))
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return sums


_SHARING = ("k_proj", "v_proj", "up_proj")
"""Matrices that see what the one before them sees."""


def error_factor(squares: Tensor) -> Tensor:
    """The upper triangular U with UT U = inverse of `squares`: row i says how an error in column i is made up for."""
    size = squares.size(0)
    damped = (
        squares + torch.eye(size, dtype=squares.dtype, device=squares.device) * squares.diagonal().mean() * _DAMPING
    )
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(damped))
    factor: Tensor = torch.linalg.cholesky(inverse, upper=True).float()
    return factor


def round_compensated(weight: Tensor, factor: Tensor, row_step: float) -> RoundedRows:
    """Integers and steps of one matrix (rows, columns), column by column."""
    left, steps = weight.detach().float().clone(), row_steps(weight.detach().float(), row_step)
    integers = torch.empty_like(left)
    for start in range(0, left.size(1), _BLOCK):
        block = slice(start, min(start + _BLOCK, left.size(1)))
        errors = torch.empty_like(left[:, block])
        for column in range(block.start, block.stop):
            value = left[:, column : column + 1]
            integers[:, column : column + 1] = nearest(value, steps)
            error = (value - integers[:, column : column + 1] * steps) / factor[column, column]
            left[:, column : block.stop] -= error * factor[column, column : block.stop]
            errors[:, column - start : column - start + 1] = error
        left[:, block.stop :] -= errors @ factor[block, block.stop :]
    return integers.to(torch.int8), steps.half().view(-1)


def _hidden(model: GPT) -> list[tuple[str, nn.Linear]]:
    """The matrices of the layers, in the order of their work."""
    modules = model.named_modules()
    return [(name, module) for name, module in modules if isinstance(module, nn.Linear) and name != "lm_head"]
