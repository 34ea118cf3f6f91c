"""Recurrent layers on the CPU: our own kernels where they apply, torch's elsewhere.

The C++ source is in ``src``: one source, compiled for several instruction sets, of which the best
that the processor has is chosen when the package is imported.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqforecast.nn.kernels.function import can_run, run_native
from seqforecast.nn.kernels.torch_layers import run_torch

__all__ = ["run_layer"]


def run_layer(
    cell: str,
    x: Tensor,
    state: tuple[Tensor, ...] | None,
    parameters: list[Tensor],
    *,
    training: bool,
) -> tuple[Tensor, ...]:
    """Run one recurrent layer over windows; return its output, then its final state.

    Parameters
    ----------
    cell : {"tanh", "relu", "lstm", "gru"}
        What is computed at each step.
    x : Tensor of shape (n, window, n_inputs)
        The windows, oldest step first.
    state : tuple of Tensors of shape (1, n, hidden_size) or None
        State before the first step: h, and c of an LSTM. None is zero.
    parameters : list of Tensor
        ``weight_ih, weight_hh, bias_ih, bias_hh`` in torch's gate order.
    training : bool
        Whether a backward pass will follow, which cuDNN must know beforehand.

    Returns
    -------
    tuple of Tensor
        Output (n, window, hidden_size), final h (1, n, hidden_size), and final c of an LSTM.

    Raises
    ------
    ValueError
        If the shapes do not fit together; torch's kernels would read beyond them.
    """
    _check(x, state, parameters)
    if can_run(x, state, parameters):
        return run_native(cell, x, state, parameters)
    return run_torch(cell, x, state, parameters, training=training)


def _check(x: Tensor, state: tuple[Tensor, ...] | None, parameters: list[Tensor]) -> None:
    weight_ih, weight_hh = parameters[:2]
    if x.ndim != 3 or x.shape[2] != weight_ih.shape[1]:
        raise ValueError(
            f"x has shape {tuple(x.shape)}; (n_windows, window, {weight_ih.shape[1]}) is needed. "
            "Give the layer the input_size of the windows, or reshape them."
        )
    for name, tensor in (("x", x), *(("the state", part) for part in state or ())):
        if tensor.dtype != weight_hh.dtype and not torch.is_autocast_enabled(x.device.type):
            raise ValueError(
                f"{name} is {tensor.dtype}, but the layer is {weight_hh.dtype}; one type is "
                "needed. Convert one of them, for example by x.float() or layer.double()."
            )
    needed = (1, x.shape[0], weight_hh.shape[1])
    for part in state or ():
        if part.shape != needed:
            raise ValueError(
                f"the state of a layer has shape {tuple(part.shape)}; {needed} is needed: layers, "
                "windows, units. None starts from zero."
            )
