"""Output layers: from the state of the network to forecasts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional as F

from seqforecast.nn.initialisers import uniform_


def _linear(in_features: int, out_features: int, generator: Generator | None) -> nn.Linear:
    # The constructor of nn.Linear draws from torch's global generator; skip_init leaves it alone.
    layer: nn.Linear = nn.utils.skip_init(nn.Linear, in_features, out_features)
    uniform_(layer, 1.0 / math.sqrt(in_features), generator=generator)
    return layer


class LinearHead(nn.Module):
    """One linear map from the hidden state to every output.

    Parameters
    ----------
    hidden_size : int
        Number of units of the layer below.
    n_outputs : int
        Number of values forecast at once.
    generator : torch.Generator, default=None
        Source of the first values; None is torch's global one.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import LinearHead
    >>> LinearHead(hidden_size=8, n_outputs=3)(torch.zeros(2, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self, hidden_size: int, n_outputs: int, *, generator: Generator | None = None
    ) -> None:
        super().__init__()
        self.linear = _linear(hidden_size, n_outputs, generator)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map states (..., hidden_size) to forecasts (..., n_outputs)."""
        forecast: Tensor = self.linear(hidden)
        return forecast


class QuantileHead(nn.Module):
    r"""Quantiles that cannot cross.

    The level nearest to the median is a linear map of the state; every other level lies a
    positive step above or below its neighbour.

    Parameters
    ----------
    hidden_size : int
        Number of units of the layer below.
    n_outputs : int
        Number of values forecast at once.
    levels : sequence of float
        The quantile levels, increasing, in (0, 1).
    generator : torch.Generator, default=None
        Source of the first values; None is torch's global one.

    Notes
    -----
    With the levels :math:`q_1 < \dots < q_m < \dots < q_K`, m the one nearest to 0.5, and linear
    maps :math:`a_k` of the state,

    .. math::

        y_m = a_m, \qquad y_{k+1} = y_k + \mathrm{softplus}(a_{k+1}) \; (k \ge m), \qquad
        y_{k-1} = y_k - \mathrm{softplus}(a_{k-1}) \; (k \le m).

    Examples
    --------
    >>> import torch
    >>> from seqforecast.nn import QuantileHead
    >>> quantiles = QuantileHead(8, n_outputs=1, levels=[0.1, 0.5, 0.9])(torch.randn(2, 8))
    >>> quantiles.shape, bool((quantiles.diff(dim=-1) > 0).all())
    (torch.Size([2, 1, 3]), True)
    """

    def __init__(
        self,
        hidden_size: int,
        n_outputs: int,
        levels: Sequence[float],
        *,
        generator: Generator | None = None,
    ) -> None:
        super().__init__()
        self.n_levels = len(levels)
        self.median = min(range(self.n_levels), key=lambda k: abs(levels[k] - 0.5))
        self.linear = _linear(hidden_size, n_outputs * self.n_levels, generator)

    def forward(self, hidden: Tensor) -> Tensor:
        """Map states (..., hidden_size) to quantiles (..., n_outputs, n_levels), increasing."""
        raw = self.linear(hidden).unflatten(-1, (-1, self.n_levels))
        below, middle, above = raw.split([self.median, 1, self.n_levels - self.median - 1], dim=-1)
        down = F.softplus(below).flip(-1).cumsum(-1).flip(-1)
        up = F.softplus(above).cumsum(-1)
        return torch.cat([middle - down, middle, middle + up], dim=-1)
