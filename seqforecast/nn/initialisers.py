"""Initial values of recurrent layers: how long a memory a network starts with."""

from __future__ import annotations

from typing import Literal, cast

import torch
from torch import Generator, Tensor, nn

from seqforecast.nn.gates import gate_rows, recurrent_parameters


def uniform_(layer: nn.Module, bound: float, *, generator: Generator | None = None) -> None:
    """Fill every parameter of a layer from U(-bound, bound), in place.

    PyTorch's own initialisation of recurrent and linear layers, with an explicit generator: use
    it where a result must not depend on torch's global random state.

    Parameters
    ----------
    layer : torch.nn.Module
        The layer whose parameters are filled.
    bound : float
        Half width of the uniform distribution; PyTorch takes 1 / sqrt(hidden_size).
    generator : torch.Generator, default=None
        Source of the random numbers; None is torch's global one.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import uniform_
    >>> layer = torch.nn.Linear(4, 1)
    >>> uniform_(layer, bound=0.5, generator=torch.Generator().manual_seed(0))
    >>> bool(layer.weight.abs().max() <= 0.5)
    True
    """
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)


def orthogonal_(layer: nn.Module, *, generator: Generator | None = None) -> None:
    """Make the recurrent matrix of every gate orthogonal, in place.

    An orthogonal matrix neither shrinks nor stretches the gradient that passes through it, so a
    plain RNN starts with a memory of several steps instead of one or two. Each gate gets its own
    matrix: one orthogonal block over all gates would scale each of them down.

    Parameters
    ----------
    layer : torch.nn.RNNBase or a layer of `seqforecast.nn`
        The recurrent layer; only its ``weight_hh_l*`` change.
    generator : torch.Generator, default=None
        Source of the random numbers; None is torch's global one.

    References
    ----------
    A. M. Saxe, J. L. McClelland, S. Ganguli, Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks, arXiv:1312.6120, 2013.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import orthogonal_
    >>> layer = torch.nn.RNN(input_size=1, hidden_size=3)
    >>> orthogonal_(layer, generator=torch.Generator().manual_seed(0))
    >>> torch.allclose(layer.weight_hh_l0 @ layer.weight_hh_l0.T, torch.eye(3), atol=1e-6)
    True
    """
    for weight in recurrent_parameters(layer, "weight_hh"):
        for rows in gate_rows(layer).values():
            nn.init.orthogonal_(weight[rows].detach(), generator=generator)


def forget_gate_bias_(
    layer: nn.Module,
    bias: float | Literal["chrono"],
    *,
    window: int | None = None,
    generator: Generator | None = None,
) -> None:
    r"""Set the bias of the gate that keeps the past, in place.

    A gate with bias b keeps the share sigmoid(b) of the state at each step, a memory of about
    1 + exp(b) steps. The gate is the forget gate f of an LSTM and the gate z of a GRU (torch's z
    keeps). torch has two biases of which only the sum matters: ``bias_ih`` gets the value,
    ``bias_hh`` zero.

    Parameters
    ----------
    layer : torch.nn.LSTM, torch.nn.GRU or a layer of `seqforecast.nn`
        The recurrent layer. Only the gate's rows of ``bias_ih_l*`` and ``bias_hh_l*`` change;
        with ``"chrono"`` also the input gate's rows of an LSTM.
    bias : float or "chrono"
        The sum of the two biases; 1.0 is a memory of about four steps. ``"chrono"`` draws each
        unit's memory from the lengths that the window offers.
    window : int, default=None
        Number of steps of the windows; needed by ``"chrono"``.
    generator : torch.Generator, default=None
        Source of the random numbers of ``"chrono"``; None is torch's global one.

    Raises
    ------
    TypeError
        If `layer` is neither an LSTM nor a GRU: an RNN has no gate to set.
    ValueError
        If `bias` is ``"chrono"`` and `window` is missing, or the layer was built without biases.

    Notes
    -----
    Chrono initialisation draws

    .. math:: b \sim \log U[1, \max(window, 3) - 1]

    for each unit; the input gate of an LSTM gets -b, so that what enters balances what is kept.

    References
    ----------
    F. A. Gers, J. Schmidhuber, F. Cummins, Learning to forget, Neural Computation 12, 2000.
    C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import forget_gate_bias_
    >>> layer = torch.nn.LSTM(input_size=1, hidden_size=2)
    >>> forget_gate_bias_(layer, 1.0)
    >>> (layer.bias_ih_l0 + layer.bias_hh_l0)[2:4].tolist()
    [1.0, 1.0]
    """
    rows = gate_rows(layer)
    keep = rows.get("f", rows.get("z"))
    if keep is None:
        raise TypeError(
            f"got a {type(layer).__name__}, which has no gate that keeps the past; an LSTM or a "
            "GRU is needed. Initialise an RNN with orthogonal_ instead."
        )
    if next(recurrent_parameters(layer, "bias_ih"), None) is None:
        raise ValueError(
            f"got a {type(layer).__name__} without biases; a layer with biases is needed. Build it "
            "with bias=True."
        )
    biases = zip(
        recurrent_parameters(layer, "bias_ih"),
        recurrent_parameters(layer, "bias_hh"),
        strict=True,
    )
    with torch.no_grad():
        for bias_ih, bias_hh in biases:
            value = _drawn_bias(bias, cast(int, layer.hidden_size), window, generator)
            bias_ih[keep] = value
            bias_hh[keep] = 0.0
            if bias == "chrono" and "i" in rows:
                bias_ih[rows["i"]] = -value
                bias_hh[rows["i"]] = 0.0


def _drawn_bias(
    bias: float | Literal["chrono"], size: int, window: int | None, generator: Generator | None
) -> Tensor:
    if bias != "chrono":
        return torch.full((size,), float(bias))
    if window is None:
        raise ValueError(
            "forget_bias='chrono' got no window; the number of steps of a window is needed, "
            "because it sets the longest memory. Pass window=."
        )
    longest = max(window, 3) - 1
    draws = torch.rand(size, generator=generator)
    return torch.log(1.0 + draws * (longest - 1.0))
