"""Which rows of a recurrent layer's parameters belong to which gate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from torch import Tensor, nn

GATE_ORDER = {"RNN": ("h",), "LSTM": ("i", "f", "g", "o"), "GRU": ("r", "z", "n")}
"""Order of the row blocks in `weight_ih`, `weight_hh` and the biases, as in torch."""


def cell_name(layer: nn.Module) -> str:
    """Return the key of `GATE_ORDER` for a recurrent layer; raise a TypeError for any other."""
    cell = next((cls.__name__ for cls in type(layer).__mro__ if cls.__name__ in GATE_ORDER), None)
    if cell is None or not hasattr(layer, "hidden_size"):
        raise TypeError(
            f"got a {type(layer).__name__}; a recurrent layer (RNN, LSTM or GRU) is needed. "
            "Pass the layer itself, for example `model.recurrent`."
        )
    return cell


def gate_rows(layer: nn.Module) -> dict[str, slice]:
    """Return the rows of each gate in the parameters of a recurrent layer.

    Use it to read or change one gate without counting rows by hand.

    Parameters
    ----------
    layer : torch.nn.RNNBase or a layer of `seqforecast.nn`
        The recurrent layer, of any depth.

    Returns
    -------
    dict of str to slice
        ``{"h"}`` for an RNN; ``{"i", "f", "g", "o"}`` for an LSTM (input, forget, candidate,
        output); ``{"r", "z", "n"}`` for a GRU (reset, keep, candidate).

    Raises
    ------
    TypeError
        If `layer` is not an RNN, LSTM or GRU.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import gate_rows
    >>> gate_rows(torch.nn.GRU(input_size=1, hidden_size=4))["z"]
    slice(4, 8, None)
    """
    cell = cell_name(layer)
    size = cast(int, layer.hidden_size)
    return {gate: slice(k * size, (k + 1) * size) for k, gate in enumerate(GATE_ORDER[cell])}


def recurrent_parameters(layer: nn.Module, prefix: str) -> Iterator[Tensor]:
    """Yield the parameters whose name starts with `prefix`, layer by layer.

    Use it to reach, say, ``weight_hh_l0`` and ``weight_hh_l1`` (and, in a bidirectional
    ``torch.nn`` layer, their ``_reverse`` twins) in one loop.

    Parameters
    ----------
    layer : torch.nn.RNNBase or a layer of `seqforecast.nn`
        The recurrent layer.
    prefix : {"weight_ih", "weight_hh", "bias_ih", "bias_hh"}
        Which parameters.

    Yields
    ------
    torch.nn.Parameter
        One parameter a layer, of shape (n_gates * hidden_size, ...).

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import recurrent_parameters
    >>> layer = torch.nn.LSTM(input_size=1, hidden_size=4, num_layers=2)
    >>> [tuple(weight.shape) for weight in recurrent_parameters(layer, "weight_hh")]
    [(16, 4), (16, 4)]
    """
    for name, parameter in layer.named_parameters(recurse=False):
        if name.startswith(prefix):
            yield parameter
