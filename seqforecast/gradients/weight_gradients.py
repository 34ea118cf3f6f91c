"""How much each lag contributes to the gradient of the recurrent weights."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqforecast.gradients.lag_gradients import LagGradients


def weight_gradient_by_lag(gradients: LagGradients) -> NDArray[np.float64]:
    r"""Return the size of what each lag adds to the gradient of the recurrent weights.

    Use it to see from how far back a layer learns: the gradient of ``weight_hh`` is a sum over
    steps, in which long lags may be too small to count.

    Parameters
    ----------
    gradients : LagGradients
        What `lag_gradients` found.

    Returns
    -------
    ndarray of shape (n_layers, step + 1)
        Frobenius norm of each step's part, by lag: ``[..., k]`` is k steps before the loss. The
        last is 0, because there is no state before the first step. The parts themselves, not
        their norms, add up to ``weight_hh.grad``.

    Notes
    -----
    With :math:`\delta_b` the gradient by the gates' arguments in window b, t = step - k,
    :math:`\Delta` and H the matrices with a row a window, and :math:`\odot` elementwise,

    .. math::

        w(k) = \Bigl\lVert \sum_b \delta_b(t) \, h_b(t-1)^\top \Bigr\rVert_F, \qquad
        w(k)^2 = \sum (\Delta \Delta^\top) \odot (H H^\top)

    so that no step's matrix is formed. The cost of a step grows with the square of the number of
    windows n: made for a probe of some tens of windows. Far beyond the hidden size, one product
    ``da[l, :, t].mT @ h_before[l, :, t]`` a step is cheaper. Where windows cancel each other, what
    is below 1e-8 of their single parts is rounding.

    Examples
    --------
    >>> import torch
    >>> from seqforecast.gradients import lag_gradients, weight_gradient_by_lag
    >>> layer = torch.nn.GRU(input_size=1, hidden_size=4, batch_first=True)
    >>> gradients = lag_gradients(layer, torch.randn(8, 24, 1), torch.ones(8, 4))
    >>> weight_gradient_by_lag(gradients).shape
    (1, 24)
    """
    n_lags = gradients.log10_curve.shape[1]
    squares = torch.ones((), dtype=torch.float64)
    sizes = torch.ones((), dtype=torch.float64)
    for factor in (gradients.da, gradients.h_before):
        rows, size = _to_unit_size(factor[:, :, :n_lags].transpose(1, 2).double())
        squares = squares * (rows @ rows.mT)
        sizes = sizes * size
    # Rounding may leave a sum of squares that is zero just below it.
    norms = squares.sum(dim=(2, 3)).clamp(min=0.0).sqrt() * sizes
    return np.ascontiguousarray(norms.flip(1).cpu().numpy())


def _to_unit_size(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Divide each step's rows by their largest number, so that no square underflows."""
    largest = rows.abs().amax(dim=(2, 3))
    size = torch.where(largest > 0, largest, 1.0)
    return rows / size[:, :, None, None], size
