"""torch's own recurrent kernels: cuDNN on a GPU, float64, derivatives of derivatives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "tanh": torch.rnn_tanh,
    "relu": torch.rnn_relu,
    "lstm": torch.lstm,
    "gru": torch.gru,
}


def run_torch(
    cell: str,
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    parameters: Sequence[Tensor],
    *,
    training: bool,
) -> tuple[Tensor, ...]:
    """Run one layer with torch; the arguments are those of `run_layer`.

    `training` lets cuDNN keep what its backward pass needs.
    """
    if state is None:
        zero = x.new_zeros(1, x.shape[0], parameters[1].shape[1])
        state = (zero, zero) if cell == "lstm" else (zero,)
    # With biases, one layer, no dropout, one direction, batch first.
    options = (True, 1, 0.0, training, False, True)
    output: tuple[Tensor, ...] = _FUNCTIONS[cell](
        x, state if cell == "lstm" else state[0], list(parameters), *options
    )
    return output
