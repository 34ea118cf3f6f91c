"""What the gates of a recurrent layer do: how open, how saturated, how long they keep."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]

KEEP_GATE = {"RNN": None, "LSTM": "f", "GRU": "z"}
"""The gate on the direct path from state to state."""

GATE_NAMES = {
    "i": "input gate",
    "f": "forget gate",
    "g": "candidate",
    "o": "output gate",
    "r": "reset gate",
    "z": "update gate",
    "n": "candidate",
    "h": "state",
}
"""What the gates of all cells, and what else becomes the state, are called."""

_LOW, _HIGH = 0.1, 0.9
"""Beyond these a sigmoid gate is called saturated, as by Karpathy et al. 2015."""


@dataclass(frozen=True, eq=False)
class GateStatistics:
    """Activity of one gate, unit by unit, over windows and steps.

    Parameters
    ----------
    mean : ndarray of shape (..., hidden)
        Mean activation.
    low : ndarray of shape (..., hidden)
        Share of the activations that are saturated low: below 0.1, for a tanh below -0.9.
    high : ndarray of shape (..., hidden)
        Share that is saturated high: above 0.9.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import gate_statistics
    >>> gate_statistics({"f": torch.tensor([[[0.95], [0.5]]])})["f"].high
    array([0.5])
    """

    mean: Array
    low: Array
    high: Array


def gate_statistics(gates: dict[str, Tensor]) -> dict[str, GateStatistics]:
    """Return mean and saturation of every gate, unit by unit.

    Use it on the gates of `lag_gradients` to see whether a gate can still learn: where it is
    saturated, its own gradient is nearly zero.

    Parameters
    ----------
    gates : dict of str to Tensor of shape (..., n, window, hidden)
        Activations of the gates, as in ``LagGradients.gates``.

    Returns
    -------
    dict of str to GateStatistics
        For each gate, arrays of shape (..., hidden). The candidate of an LSTM (g) or GRU (n) and
        the state of an RNN (h) are tanh: low means below -0.9 there.

    References
    ----------
    A. Karpathy, J. Johnson, L. Fei-Fei, Visualizing and understanding recurrent networks,
    arXiv:1506.02078, 2015.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import gate_statistics, lag_gradients
    >>> layer = torch.nn.LSTM(input_size=1, hidden_size=4, batch_first=True)
    >>> gradients = lag_gradients(layer, torch.randn(8, 24, 1), torch.ones(8, 4))
    >>> gate_statistics(gradients.gates)["f"].mean.shape
    (1, 4)
    """
    return {name: _statistics(name, values) for name, values in gates.items()}


def time_scale(keep: Tensor) -> Array:
    r"""Return how many steps each unit keeps its state, from its gate alone.

    Use it on the forget gate of an LSTM or the update gate of a GRU. It speaks of the direct path
    only: the recurrent matrix may pass a gradient on for longer, or destroy it earlier.

    Parameters
    ----------
    keep : Tensor of shape (..., n, window, hidden)
        Activations of the gate that keeps the past, in (0, 1).

    Returns
    -------
    ndarray of shape (..., hidden)
        Steps; at least 1, and inf for a gate that never closes.

    Notes
    -----
    .. math:: T_j = \frac{1}{1 - \bar f_j}, \qquad \bar f_j = \exp(\mathrm{mean} \ln f_{jt})

    The geometric mean, because the direct path multiplies the gates of all steps.

    References
    ----------
    C. Tallec, Y. Ollivier, Can recurrent neural networks warp time?, ICLR 2018.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import time_scale
    >>> time_scale(torch.full((1, 10, 1), 0.75)).round(6)
    array([4.])
    """
    mean_log = keep.double().log().mean(dim=(-3, -2)).cpu().numpy()
    with np.errstate(divide="ignore"):
        return np.asarray(1.0 / np.abs(np.expm1(mean_log)))


def _statistics(name: str, values: Tensor) -> GateStatistics:
    low = -_HIGH if name in ("g", "n", "h") else _LOW
    over = (-3, -2)  # windows and steps
    parts = (values, values < low, values > _HIGH)
    mean, below, above = (part.double().mean(dim=over).cpu().numpy() for part in parts)
    return GateStatistics(mean, below, above)
